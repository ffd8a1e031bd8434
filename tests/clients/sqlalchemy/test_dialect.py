"""Programs with SQLAlchemy, of both versions, against the demo and a table of every type."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from connectors import memory
from gateway.cli import main
from gateway.identity.users import add_user
from tests.clients.sqlalchemy.environments import python_with_dialect
from tests.clients.superset.served import Mesh, serving
from tests.flight.conftest import POLICIES
from tests.flight.serving import ALICE, Served

SECONDS = 120
VERSIONS = {"sqlalchemy14": "SQLAlchemy 1.4.54", "sqlalchemy2": "SQLAlchemy 2.1.9"}

ANALYST, VISITOR, PARTNER = "ana", "omar", "eva"

KINDS = pa.table(
    {
        "i8": pa.array([1, None], pa.int8()),
        "i64": pa.array([2**62, 2**63 - 1]),
        "u64": pa.array([2**63, None], pa.uint64()),
        "f32": pa.array([1.5, None], pa.float32()),
        "f64": pa.array([-0.1, None]),
        "truth": pa.array([True, None]),
        "day": pa.array([dt.date(1, 2, 3), None]),
        "ts": pa.array([dt.datetime(2024, 1, 2, 3, 4, 5, 6), None], pa.timestamp("us")),
        "tz": pa.array([dt.datetime(2024, 1, 2, 3, 4, 5, 6), None], pa.timestamp("us", "UTC")),
        "clock": pa.array([dt.time(1, 2, 3, 4), None], pa.time64("us")),
        "bytes": pa.array([b"\0x", None]),
        "list": pa.array([[1, 2], None]),
        "struct": pa.array([{"a": 1, "b": "x"}, None]),
        "map": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())),
        "select": pa.array(["it's", None]),
        "Mixed Case": pa.array(["x", None]),
        "amount": pa.array([decimal.Decimal("1.25"), None], pa.decimal128(10, 2)),
    }
)

SPANS = pa.table(
    {"span": pa.array([dt.timedelta(days=1, microseconds=2), None], pa.duration("us"))}
)
"""By itself: a table with a duration in it can be read, but not be filtered."""


MILLION = pa.table({"id": range(1_000_000)})


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    with serving(tmp_path_factory.mktemp("sqlalchemy") / "demo") as mesh:
        yield mesh


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A table with a column of every type."""
    folder = tmp_path_factory.mktemp("kinds")
    uri = memory.register("sqlalchemy-kinds", {"kinds": KINDS, "spans": SPANS, "million": MILLION})
    names = ["--domain", "sales", "--product", "kinds", "--connector", "memory", "--uri", uri]
    assert main(["publish", "--mesh", str(folder), *names]) == 0
    (folder / "policies").mkdir()
    (folder / "policies" / "access.csv").write_text(POLICIES)
    add_user(folder, ALICE[0], ["all/reader"], ALICE[1])
    served = Served(folder)
    yield served
    served.close()
    memory.forget("sqlalchemy-kinds")


def measures(*features: str, shows: str = "yes") -> pytest.MarkDecorator:
    """Run a test with both versions, and let the table of clients know what it shows."""
    return pytest.mark.parametrize(
        "version",
        [
            pytest.param(
                name, marks=[pytest.mark.feature(client, shown, shows=shows) for shown in features]
            )
            for name, client in VERSIONS.items()
        ],
    )


def probe(environment: str, name: str, url: str) -> Any:
    script = str(Path(__file__).with_name("probe.py"))
    process = subprocess.run(
        [str(python_with_dialect(environment)), "-W", "ignore", script, name, url],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert process.returncode == 0, process.stderr[-4000:]
    return json.loads(process.stdout.splitlines()[-1])


def url_of(demo: Mesh, user: str, rest: str = "/") -> str:
    return f"meshgate://{user}:{demo.passwords[user]}@{demo.address.removeprefix('grpc://')}{rest}"


def kinds_url(served: Served, rest: str = "/") -> str:
    return f"meshgate://{':'.join(ALICE)}@{served.uri.removeprefix('grpc://')}{rest}"


@measures("prepared parameters")
@pytest.mark.parametrize("parameters", ["server", "literal"])
def test_values_come_back_as_they_went(version: str, served: Served, parameters: str) -> None:
    assert probe(version, "same", kinds_url(served, f"/?parameters={parameters}")) == []


@measures("all types")
@pytest.mark.parametrize("parameters", ["server", "literal"])
def test_every_type(version: str, served: Served, parameters: str) -> None:
    types, values, found, nulls = probe(
        version, "kinds", kinds_url(served, f"/?parameters={parameters}")
    )
    assert nulls == [repr(2**63 - 1)]
    assert set(found.values()) == {1}
    assert types["u64"] == "NUMERIC(20, 0)" and types["amount"] == "NUMERIC(10, 2)"
    assert types["tz"] == "TIMESTAMPTZ" and types["list"] == "BIGINT[]"
    assert values["struct"] == "{'a': 1, 'b': 'x'}" and values["map"] == "{'k': 1}"
    assert values["span"] == repr(dt.timedelta(days=1, microseconds=2))
    assert values["u64"] == repr(decimal.Decimal(2**63)) or values["u64"] == repr(2**63)
    assert values["clock"] == repr(dt.time(1, 2, 3, 4))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/saels", "there is no catalog saels.*did you mean sales"),
        ("/sales/kindz", "there is no schema kindz in sales.*did you mean kinds"),
    ],
)
def test_a_misspelt_url_is_refused(version: str, served: Served, path: str, said: str) -> None:
    assert re.search(said, probe(version, "misspelt", kinds_url(served, path)), re.DOTALL)
    assert probe(version, "misspelt", kinds_url(served, "/sales/kinds")) is None


@measures("catalogue", "user and password")
def test_the_catalogue_is_the_users_own(version: str, demo: Mesh) -> None:
    schemas, registry, key, foreign, indexes = probe(version, "catalogue", url_of(demo, ANALYST))
    assert "aviation.operations" in schemas and "planes" in registry
    assert key == ["carrier"] and indexes == []
    assert ["aviation.carriers", "airlines", ["carrier"]] in foreign.values()
    _, registry, _, foreign, _ = probe(version, "catalogue", url_of(demo, VISITOR))
    assert "planes" not in (registry or [])
    assert not any(target[1] == "planes" for target in foreign.values())


@measures()
def test_masks_and_row_filters(version: str, demo: Mesh) -> None:
    all_rows, origins, whole = probe(version, "governed", url_of(demo, ANALYST))
    jfk, one, part = probe(version, "governed", url_of(demo, PARTNER))
    assert origins == 3 and one == 1 and 0 < jfk < all_rows
    assert len(part.rstrip("*")) <= 2 < len(whole)


@measures("purpose", "session options")
def test_a_purpose_at_every_level(version: str, demo: Mesh) -> None:
    plain, statement, after, connection, engine = probe(version, "purpose", url_of(demo, PARTNER))
    assert plain == after == 2
    assert min(statement, connection, engine) > 2


@measures("error with position")
def test_errors_say_what_the_gateway_says(version: str, demo: Mesh) -> None:
    *said, after = probe(version, "failures", url_of(demo, ANALYST))
    assert said == [
        "ProgrammingError: [UNKNOWN_COLUMN] there is no column nothing here (line 1, column 8)",
        "DataError: [ARITHMETIC_ERROR] division by zero",
        "NotSupportedError: [UNSUPPORTED] DELETE is refused: a request may only read"
        " (line 1, column 1) Hint: send a SELECT",
        "ProgrammingError: [UNKNOWN_DATASET] there is no dataset aviation.nowhere.flights"
        " that you may read (line 1, column 32) Hint: did you mean aviation.operations.flights?",
    ]
    assert after == 1


@measures("one million rows")
def test_a_million_rows_in_parts(version: str, served: Served) -> None:
    assert probe(version, "million", kinds_url(served)) == [1_000_000, sum(range(1_000_000))]


@measures("arrays of parameters", shows="the rows of the last set")
def test_of_many_sets_of_parameters_the_last_is_answered(version: str, served: Served) -> None:
    last_is_two, last_is_one, *_ = probe(version, "many", kinds_url(served))
    assert (last_is_two, last_is_one) == ([[0]], [[1]])


@measures("writing", shows="refused: the gateway only reads")
def test_many_rows_that_write_are_refused(version: str, served: Served) -> None:
    *_, kind, text = probe(version, "many", kinds_url(served))
    assert kind == "NotSupportedError" and "a request may only read" in text


@measures("transactions", shows="commit and rollback change nothing")
def test_there_are_no_transactions(version: str, served: Served) -> None:
    *counts, level, refused = probe(version, "transactions", kinds_url(served))
    assert counts == [2, 2, 2]
    assert level == "AUTOCOMMIT"
    assert "there are no transactions" in refused or "isolation levels" in refused


@measures("timeout")
def test_a_timeout_ends_a_query(version: str, demo: Mesh) -> None:
    kind, text, soon = probe(version, "timeout", url_of(demo, ANALYST))
    assert kind == "OperationalError" and "[TIMEOUT]" in text and soon


@measures("cancel")
def test_cancel_ends_a_query(version: str, demo: Mesh) -> None:
    kind, soon = probe(version, "cancel", url_of(demo, ANALYST))
    assert kind == "OperationalError" and soon


@measures("TLS")
def test_tls(version: str, demo: Mesh) -> None:
    url = f"meshgate://{ANALYST}:{demo.passwords[ANALYST]}@localhost:{demo.tls_port}"
    rows, *_ = probe(version, "governed", f"{url}/?tls_ca={demo.authority}")
    assert rows > 0


@measures("token")
def test_a_token(version: str, served: Served) -> None:
    client = fl.FlightClient(served.uri)
    _, header = client.authenticate_basic_token(*ALICE)
    client.close()
    token = quote(header.decode().removeprefix("Bearer "), safe="")
    url = f"meshgate://{served.uri.removeprefix('grpc://')}/?token={token}"
    assert probe(version, "same", url) == []
