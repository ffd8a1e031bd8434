"""Time travel: former states of Iceberg and Delta tables, as their own libraries read them."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.types import LongType, StringType

from connectors import open_connector
from connectors.interface import (
    Binding,
    Moment,
    ProvidesDataset,
    SourceError,
    SourceErrorCode,
    TravelsInTime,
)
from gateway.errors import GatewayError
from gateway.model import Address, Dataset, Principal, QueryOptions, Request, View
from gateway.pipeline import Gateway
from tests.gateways import ANA, EVERYTHING, ask, gateway, in_memory, in_source

SCHEMA = pa.schema([("id", pa.int64()), ("region", pa.string()), ("pay", pa.int32())])
PIECES = [
    pa.table({"id": [1, 2], "region": ["EU", "US"], "pay": [10, 20]}, SCHEMA),
    pa.table({"id": [3, 4], "region": ["EU", None], "pay": [30, None]}, SCHEMA),
]
LATER = pa.table(
    {"id": [5], "region": ["EU"], "pay": pa.array([2**40], pa.int64()), "note": ["new"]},
)
"""What is written once a column was added and another became wider."""


@dataclass(frozen=True)
class Table:
    """A table with three states and a fourth of another schema; `own` is the library's reading."""

    dataset: Dataset
    versions: Sequence[int]
    moments: Sequence[dt.datetime]
    """One instant within each state."""
    own: Mapping[int, list[dict[str, Any]]]

    def expected(self, state: int) -> list[dict[str, Any]]:
        """The rows of a state as the contract of today has them."""
        return [{"note": None, **row} for row in self.own[state]]


def by_id(found: pa.Table | Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    rows = found.to_pylist() if isinstance(found, pa.Table) else found
    return sorted((dict(sorted(row.items())) for row in rows), key=lambda row: row["id"])


def passed() -> dt.datetime:
    """An instant that is after all that was written and before all that will be."""
    time.sleep(0.05)
    instant = dt.datetime.now(dt.UTC)
    time.sleep(0.05)
    return instant


def iceberg(folder: Path) -> Table:
    uri = f"sqlite:///{folder}/catalog.db"
    catalog = SqlCatalog("default", uri=uri, warehouse=f"file://{folder}")
    catalog.create_namespace("shop")
    table = catalog.create_table("shop.staff", schema=SCHEMA)
    moments = []
    for piece in PIECES:
        table.append(piece)
        moments.append(passed())
    table.delete("id = 1")
    moments.append(passed())
    with table.update_schema() as update:
        update.update_column("pay", LongType())
        update.add_column("note", StringType())
    table.append(LATER)
    moments.append(passed())
    versions = [
        table.snapshot_as_of_timestamp(int(m.timestamp() * 1000)).snapshot_id for m in moments
    ]
    own = {v: by_id(table.scan(snapshot_id=v).to_arrow()) for v in versions}
    catalog.engine.dispose()
    binding = Binding("iceberg", uri, "shop.staff", {"warehouse": f"file://{folder}"})
    return made(binding, versions, moments, own)


def delta(folder: Path) -> Table:
    moments = []
    for piece in PIECES:
        write_deltalake(folder / "staff", piece, mode="append")
        moments.append(passed())
    DeltaTable(folder / "staff").delete("id = 1")
    moments.append(passed())
    whole = pa.concat_tables([PIECES[0].slice(1), PIECES[1], LATER], promote_options="permissive")
    write_deltalake(folder / "staff", whole, mode="overwrite", schema_mode="overwrite")
    moments.append(passed())
    versions = [0, 1, 2, 3]
    own = {
        v: by_id(pa.table(DeltaTable(folder / "staff", version=v).to_pyarrow_table()))
        for v in versions
    }
    return made(Binding("delta", str(folder), "staff"), versions, moments, own)


def made(
    binding: Binding, versions: Sequence[int], moments: Sequence[dt.datetime], own: Any
) -> Table:
    connector = open_connector(binding)
    schema = connector.schema(binding.object)
    connector.close()
    address = Address("shop", "staff", "staff", "1.0.0")
    return Table(Dataset(address, schema, binding), versions, moments, own)


@pytest.fixture(params=["iceberg", "delta"], scope="module")
def table(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Table:
    folder = tmp_path_factory.mktemp(request.param)
    return iceberg(folder) if request.param == "iceberg" else delta(folder)


def view(name: str, sql: str, *columns: tuple[str, pa.DataType], **more: Any) -> Dataset:
    address = Address("views", "shop", name, "1.0.0")
    return Dataset(address, pa.schema(columns), Binding("view", "", name), view=View(sql, **more))


@pytest.fixture(scope="module")
def mesh(table: Table) -> Iterator[Gateway]:
    first, second = table.versions[:2]
    views = [
        view("firsts", f"SELECT id, pay FROM staff FOR VERSION AS OF {first}",
             ("id", pa.int64()), ("pay", pa.int64())),
        view("seconds", f"SELECT id, pay FROM staff FOR VERSION AS OF {second}",
             ("id", pa.int64()), ("pay", pa.int64())),
        view("lost", "SELECT id FROM staff FOR VERSION AS OF 99", ("id", pa.int64())),
        view("lent", "SELECT id FROM staff FOR VERSION AS OF 99", ("id", pa.int64()),
             owner="views/owner", unmasks=True),
    ]  # fmt: skip
    others = in_memory({"people": pa.table({"id": [1, 2, 3], "name": ["a", "b", "c"]})}, "travel")
    older = replace(table.dataset, address=replace(table.dataset.address, version="0.9.0"))
    policies = (
        *EVERYTHING,
        ("p", "user:bob", "views", "*", "read", "*", "*", "*", "allow"),
        ("p", "views/owner", "shop", "*", "read|publish", "*", "*", "*", "allow"),
    )
    opened = gateway([table.dataset, older, *views, *others], policies)
    yield opened
    opened.close()


def refused(opened: Gateway, text: str, who: Principal = ANA, **more: Any) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        opened.execute(opened.prepare(Request(who, text, **more)))
    return caught.value


@pytest.mark.parametrize("state", range(4))
def test_each_state_is_what_the_library_reads_of_it(
    mesh: Gateway, table: Table, state: int
) -> None:
    version, moment = table.versions[state], table.moments[state]
    expected = table.expected(version)
    local = moment.astimezone(dt.timezone(dt.timedelta(hours=5, minutes=30)))
    naive = moment.replace(tzinfo=None)
    for clause in (
        f"FOR VERSION AS OF {version}",
        f"FOR TIMESTAMP AS OF '{naive.isoformat(' ')}'",
        f"FOR TIMESTAMP AS OF TIMESTAMP '{naive.isoformat(' ')}'",
        f"FOR TIMESTAMP AS OF TIMESTAMP WITH TIME ZONE '{local.isoformat(' ')}'",
        f"FOR TIMESTAMP AS OF '{moment.isoformat()}'::timestamptz",
        f"FOR SYSTEM_TIME AS OF '{moment.isoformat()}'",
    ):
        assert by_id(ask(mesh, f"SELECT * FROM staff {clause}")) == expected, clause
    for name in (f'"staff@@{version}"', f'"staff@0.9@{version}"'):
        assert by_id(ask(mesh, f"SELECT * FROM {name}")) == expected
    old = f'SELECT * FROM "staff@0.9.0" FOR VERSION AS OF {version} AS s'
    assert by_id(ask(mesh, old)) == expected


def test_the_present_is_the_last_state(mesh: Gateway, table: Table) -> None:
    assert by_id(ask(mesh, "SELECT * FROM staff")) == table.own[table.versions[3]]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count(*) AS id FROM staff {}",
        "SELECT id, pay FROM staff {} WHERE pay > 15 AND note IS NULL",
        "SELECT id FROM staff {} WHERE note = 'new' OR pay < 25",
        "SELECT region AS id, sum(pay) AS total FROM staff {} GROUP BY region",
        "SELECT max(id) AS id, count(note) AS notes, count(pay) AS pays FROM staff {}",
    ],
)
def test_pushed_or_not_a_state_has_the_same_answers(
    mesh: Gateway, table: Table, query: str
) -> None:
    for version in table.versions:
        rows = pa.Table.from_pylist(
            table.expected(version),
            schema=pa.schema([(f.name, f.type) for f in table.dataset.schema]),
        )
        truth = gateway(in_memory({"staff": rows}, f"truth{version}"))
        said = query.format(f"FOR VERSION AS OF {version}")
        options = QueryOptions(verify=True)
        result = mesh.execute(mesh.prepare(Request(ANA, said, options=options)))
        found = pa.Table.from_batches(list(result.batches), schema=result.schema)
        expected = ask(truth, query.format(""))
        key = [("id", "ascending")]
        assert found.sort_by(key).to_pylist() == expected.sort_by(key).to_pylist(), version
        truth.close()


def test_two_moments_of_a_table_meet_in_one_query(mesh: Gateway, table: Table) -> None:
    first, second, third, _ = table.versions
    gone = (
        f"SELECT id FROM staff FOR VERSION AS OF {second} AS before WHERE id NOT IN"
        f" (SELECT id FROM staff FOR VERSION AS OF {third})"
    )
    assert ask(mesh, gone).to_pylist() == [{"id": 1}]
    new = (
        "SELECT now.id, name FROM staff now LEFT JOIN"
        f" staff FOR VERSION AS OF {first} AS past USING (id) LEFT JOIN people USING (id)"
        " WHERE past.id IS NULL"
    )
    assert by_id(ask(mesh, new)) == [
        {"id": 3, "name": "c"}, {"id": 4, "name": None}, {"id": 5, "name": None}
    ]  # fmt: skip


def test_views_may_stand_on_the_past_and_share_no_plan(mesh: Gateway) -> None:
    for _ in range(2):
        assert ask(mesh, "SELECT count(*) AS n FROM firsts").to_pylist() == [{"n": 2}]
        assert ask(mesh, "SELECT count(*) AS n FROM seconds").to_pylist() == [{"n": 4}]
    assert refused(mesh, "SELECT * FROM firsts FOR VERSION AS OF 1").code == "UNSUPPORTED"
    assert refused(mesh, "SELECT * FROM lost").code == "UNKNOWN_SNAPSHOT"
    told = refused(mesh, "SELECT * FROM lent", Principal("user:bob"))
    assert told.code == "SCHEMA_DRIFT" and "staff" not in str(told) and "99" not in str(told)


def test_prepared_statements_keep_to_their_state(mesh: Gateway, table: Table) -> None:
    for version in (*table.versions, *table.versions):
        text = f"SELECT count(*) AS n FROM staff FOR VERSION AS OF {version} WHERE id > $1"
        prepared = mesh.prepare(Request(ANA, text))
        for least in (0, 2):
            bound = mesh.execute(mesh.bind(prepared, [pa.scalar(least, pa.int64())]))
            found = pa.Table.from_batches(list(bound.batches), schema=bound.schema)
            expected = sum(row["id"] > least for row in table.own[version])
            assert found.to_pylist() == [{"n": expected}]


@pytest.mark.parametrize(
    ("dialect", "clause"),
    [
        ("trino", "FOR VERSION AS OF {version}"),
        ("trino", "FOR TIMESTAMP AS OF TIMESTAMP '{naive}'"),
        ("spark", "VERSION AS OF {version}"),
        ("spark", "TIMESTAMP AS OF '{naive}'"),
        ("bigquery", "FOR SYSTEM_TIME AS OF TIMESTAMP '{moment}'"),
        ("tsql", "FOR SYSTEM_TIME AS OF '{naive}'"),
        ("mysql", "FOR SYSTEM_TIME AS OF TIMESTAMP '{naive}'"),
        ("snowflake", "AT (TIMESTAMP => '{naive}'::timestamp)"),
        ("duckdb", "FOR VERSION AS OF {version}"),
    ],
)
def test_dialects_ask_in_their_own_words(
    mesh: Gateway, table: Table, dialect: str, clause: str
) -> None:
    for version, moment in zip(table.versions, table.moments, strict=True):
        naive = moment.replace(tzinfo=None).isoformat(" ")
        said = clause.format(version=version, naive=naive, moment=moment.isoformat(" "))
        text = f"SELECT id, pay FROM shop.staff.staff {said}"
        result = mesh.execute(mesh.prepare(Request(ANA, text, dialect=dialect)))
        found = pa.Table.from_batches(list(result.batches), schema=result.schema)
        expected = [{"id": row["id"], "pay": row["pay"]} for row in table.own[version]]
        assert by_id(found) == expected


def test_what_is_not_there_is_said(mesh: Gateway, table: Table) -> None:
    assert refused(mesh, "SELECT * FROM staff FOR VERSION AS OF 99").code == "UNKNOWN_SNAPSHOT"
    early = "SELECT * FROM staff FOR TIMESTAMP AS OF DATE '2001-01-01'"
    assert refused(mesh, early).code == "UNKNOWN_SNAPSHOT"
    late = "SELECT * FROM staff FOR TIMESTAMP AS OF '9999-01-01'"
    assert "not come yet" in str(refused(mesh, late))
    other = refused(mesh, "SELECT * FROM people FOR VERSION AS OF 1")
    assert other.code == "UNSUPPORTED" and "mesh://shop/memory/people" in str(other)
    # a text stays a version of the contract
    assert "no version 0" not in str(refused(mesh, "SELECT * FROM staff FOR VERSION AS OF '7'"))
    old = ask(mesh, "SELECT count(*) AS n FROM staff FOR VERSION AS OF '0.9'")
    assert old.to_pylist() == [{"n": 4}]
    for text in (
        "SELECT * FROM staff FOR VERSION AS OF $1",
        "SELECT * FROM staff FOR TIMESTAMP AS OF now()",
        "SELECT * FROM staff FOR TIMESTAMP AS OF 17",
    ):
        assert refused(mesh, text).code == "UNSUPPORTED"
    for text in (
        "SELECT * FROM staff FOR TIMESTAMP AS OF 'yesterday'",
        "SELECT * FROM \"staff@0.9\" FOR VERSION AS OF '1.0'",
        'SELECT * FROM "staff@@1.0"',
    ):
        error = refused(mesh, text)
        assert error.code == "PARSE_ERROR" and error.position is not None
    hidden = refused(mesh, "SELECT * FROM staff FOR VERSION AS OF 99", Principal("user:eve"))
    assert hidden.code == "UNKNOWN_DATASET"


def test_the_past_is_read_under_the_rights_of_today(table: Table) -> None:
    governed = replace(
        table.dataset,
        row_filters={"eu": "region = 'EU'", "noted": "note IS NULL"},
        column_tags={"pay": ("pii",)},
    )
    rules = (
        ("p", "eu", "*", "*", "read", "*", "*", "*", "allow"),
        ("p", "noted", "*", "*", "read", "*", "*", "*", "allow"),
        ("p2", "eu", "shop", "*", "*", "permissive", "eu", "allow"),
        ("p2", "noted", "shop", "*", "*", "permissive", "noted", "allow"),
        ("p3", "eu", "shop", "*", "pii", "*", "null", "allow"),
    )
    opened = gateway([governed], rules)
    eu, noted = Principal("user:ana", ("eu",)), Principal("user:bob", ("noted",))
    for version in table.versions:
        text = f"SELECT id, pay FROM staff FOR VERSION AS OF {version}"
        expected = [{"id": r["id"], "pay": None} for r in table.own[version] if r["region"] == "EU"]
        assert by_id(ask(opened, text, eu)) == expected
    first = f"SELECT id FROM staff FOR VERSION AS OF {table.versions[0]}"
    error = refused(opened, first, noted)
    assert error.code == "SCHEMA_DRIFT" and "note" not in str(error).replace("not", "")
    last = f"SELECT id FROM staff FOR VERSION AS OF {table.versions[3]}"
    assert len(ask(opened, last, noted)) == len(
        [row for row in table.own[table.versions[3]] if row["note"] is None]
    )
    opened.close()


def test_a_column_that_is_required_today_was_there_then(table: Table) -> None:
    fields = [f.with_nullable(False) if f.name == "note" else f for f in table.dataset.schema]
    opened = gateway([replace(table.dataset, schema=pa.schema(fields))])
    text = f"SELECT id FROM staff FOR VERSION AS OF {table.versions[0]}"
    error = refused(opened, text)
    assert error.code == "SCHEMA_DRIFT" and "note" in str(error)
    opened.close()


def test_a_pinned_binding_is_no_way_to_the_rest(table: Table) -> None:
    options = {**table.dataset.binding.options}
    options["snapshot" if table.dataset.binding.connector == "iceberg" else "version"] = str(
        table.versions[1]
    )
    binding = replace(table.dataset.binding, options=options)
    connector = open_connector(binding)
    pinned = replace(table.dataset, binding=binding, schema=connector.schema(binding.object))
    opened = gateway([pinned])
    assert len(ask(opened, "SELECT * FROM staff")) == 4
    error = refused(opened, f"SELECT * FROM staff FOR VERSION AS OF {table.versions[0]}")
    assert error.code == "UNSUPPORTED"
    opened.close()


def test_the_connector_says_which_state_it_reads(table: Table) -> None:
    connector = open_connector(table.dataset.binding)
    assert isinstance(connector, TravelsInTime)
    name = table.dataset.binding.object
    for version, moment in zip(table.versions, table.moments, strict=True):
        snapshot = connector.at(name, Moment(instant=moment))
        assert snapshot.id == str(version)
        assert snapshot.connector.source_key != connector.source_key
        assert isinstance(snapshot.connector, ProvidesDataset)
        rows = snapshot.connector.dataset(name).to_table()
        assert by_id(rows) == table.own[version]
    with pytest.raises(SourceError) as caught:
        connector.at(name, Moment(version=12345))
    assert caught.value.code is SourceErrorCode.SNAPSHOT_NOT_FOUND
    connector.close()


def test_a_source_without_states_has_no_such_method(tmp_path: Path) -> None:
    import sqlite3

    with sqlite3.connect(tmp_path / "s.sqlite") as connection:
        connection.execute("CREATE TABLE t (id bigint)")
    connection.close()
    opened = gateway([*in_source("sqlite", str(tmp_path / "s.sqlite"), ["t"])])
    assert refused(opened, "SELECT * FROM t FOR VERSION AS OF 1").code == "UNSUPPORTED"
    opened.close()
