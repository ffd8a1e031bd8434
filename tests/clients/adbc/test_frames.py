"""pandas, polars and DuckDB over a connection of ADBC: what they make of it themselves."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clients.sqlalchemy.environments import python_with_dialect
from tests.flight.serving import Served

SECONDS = 120
SCRIPT = Path(__file__).with_name("frames.py")

OLD, NEW, POLARS, DUCKDB = "pandas 2.1.4", "pandas 3.1.1", "polars 2.1.0", "DuckDB 2.0.1"
CLIENTS = {
    OLD: ("sqlalchemy14", "old pandas"),
    NEW: ("dataframes", "pandas"),
    POLARS: ("dataframes", "polars"),
    DUCKDB: ("dataframes", "duckdb"),
}
"""The environment of each, and what frames.py calls it."""

ONLY_READS = "refused: the gateway only reads"
NO_PARAMETERS = "refused by pandas: give them to the cursor"
FROM_ARROW = "by the cursor's Arrow"

Seen = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="module")
def seen(served: Served) -> Seen:
    """What a client has seen: it runs once."""
    kept: dict[str, dict[str, Any]] = {}

    def of(client: str) -> dict[str, Any]:
        if client not in kept:
            environment, name = CLIENTS[client]
            python = python_with_dialect(environment)
            process = subprocess.run(
                [str(python), "-W", "ignore", str(SCRIPT), name, served.uri],
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
            assert process.returncode == 0, process.stderr[-4000:]
            kept[client] = json.loads(process.stdout.splitlines()[-1])
        return kept[client]

    return of


def measures(feature: str, **shows: str) -> pytest.MarkDecorator:
    """Run a test with all of them; `shows` what is not "yes", by what frames.py calls a client."""
    return pytest.mark.parametrize(
        "client",
        [
            pytest.param(
                client,
                marks=pytest.mark.feature(
                    client, feature, shows=shows.get(name.replace(" ", "_"), "yes")
                ),
            )
            for client, (_, name) in CLIENTS.items()
        ],
    )


@measures("all types", old_pandas=FROM_ARROW, pandas='yes, with dtype_backend="pyarrow"')
def test_every_type_is_as_adbc_has_it(seen: Seen, client: str) -> None:
    assert seen(client)["not the same"] == []


@measures("one million rows", old_pandas=FROM_ARROW)
def test_a_million_rows(seen: Seen, client: str) -> None:
    assert seen(client)["million"] == [1_000_000, sum(range(1_000_000))]


@measures("error with position")
def test_an_error_says_where(seen: Seen, client: str) -> None:
    _, text = seen(client)["error"]
    assert "there is no column nam here (line 2, column 3)" in text
    assert "did you mean airlines.name?" in text


@measures("prepared parameters", pandas=NO_PARAMETERS)
def test_parameters(seen: Seen, client: str) -> None:
    found = seen(client)["parameters"]
    refused = "'params' is not implemented for ADBC drivers"
    assert found == (refused if client == NEW else ["American"])


@measures("arrays of parameters", pandas=NO_PARAMETERS)
def test_many_sets_of_parameters(seen: Seen, client: str) -> None:
    found = seen(client)["many"]
    refused = "'params' is not implemented for ADBC drivers"
    assert found == (refused if client == NEW else ["United", "American"])


@measures("purpose")
def test_a_purpose(seen: Seen, client: str) -> None:
    assert seen(client)["reporting"] == 3
    assert "PURPOSE_NOT_GRANTED" in seen(client)["fun"]


@pytest.mark.parametrize(
    "client",
    [
        pytest.param(name, marks=pytest.mark.feature(name, "writing", shows=ONLY_READS))
        for name in (NEW, POLARS)
    ],
)
def test_writing_is_refused(seen: Seen, client: str) -> None:
    _, text = seen(client)["write"]
    assert "UNSUPPORTED" in text and "the gateway only reads" in text


@pytest.mark.feature(OLD, "writing", shows="refused by pandas: it takes ADBC for SQLite")
def test_an_old_pandas_looks_for_the_tables_of_sqlite(seen: Seen) -> None:
    _, text = seen(OLD)["write"]
    assert "UNKNOWN_DATASET" in text and "sqlite_master" in text
