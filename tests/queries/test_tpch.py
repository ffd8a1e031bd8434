"""TPC-H over Flight SQL: 22 queries, three layouts of the tables, DuckDB's answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack

import adbc_driver_flightsql.dbapi as flight_sql
import adbc_driver_manager
import pyarrow as pa
import pytest

from bench import tpch
from bench.layouts import ALL_IN_POSTGRES, ALTERNATING, THREE_SOURCES, laid_out
from bench.mesh import USER
from bench.server import gateway, serving
from gateway.verification.comparison import difference
from tests.queries.reference import DuckDb
from tests.services import MariaDb, Postgres

SCALE = 0.1
LAYOUTS = {
    "postgres": ALL_IN_POSTGRES,
    "three-sources": THREE_SOURCES,
    "alternating": ALTERNATING,
}
QUERIES = tpch.queries()
LOGIN = {
    adbc_driver_manager.DatabaseOptions.USERNAME.value: USER[0],
    adbc_driver_manager.DatabaseOptions.PASSWORD.value: USER[1],
}


@pytest.fixture(scope="module")
def answers() -> Iterator[Mapping[str, pa.Table]]:
    """What DuckDB says on the same Parquet files."""
    reference = DuckDb().add_parquet(tpch.generate(SCALE))
    yield {name: reference.answer(sql) for name, sql in QUERIES.items()}
    reference.close()


@pytest.fixture(scope="module", params=LAYOUTS)
def connection(
    request: pytest.FixtureRequest, postgres: Postgres, mariadb: MariaDb
) -> Iterator[flight_sql.Connection]:
    """A Flight SQL client of a gateway process that serves one layout."""
    with ExitStack() as stack:
        layout = stack.enter_context(laid_out(LAYOUTS[request.param], SCALE))
        server = stack.enter_context(serving(gateway(layout.mesh)))
        yield stack.enter_context(flight_sql.connect(server.uri, db_kwargs=LOGIN, autocommit=True))


def ask(connection: flight_sql.Connection, sql: str) -> pa.Table:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetch_arrow_table()


@pytest.mark.parametrize("name", QUERIES)
def test_query_gives_the_rows_of_duckdb(
    name: str, connection: flight_sql.Connection, answers: Mapping[str, pa.Table]
) -> None:
    answer = ask(connection, QUERIES[name])
    assert answer.num_rows, "a query that finds nothing tests nothing"
    assert difference(answer, answers[name], ordered=True) is None


@pytest.mark.parametrize("name", QUERIES)
@pytest.mark.parametrize("connection", ["postgres"], indirect=True)
def test_query_over_one_source_is_one_fragment_without_a_remainder(
    name: str, connection: flight_sql.Connection
) -> None:
    steps = ask(connection, f"EXPLAIN {QUERIES[name]}").to_pylist()
    assert [step["item"] for step in steps] == ["fragment 1", "remainder"]
    assert steps[1]["text"].startswith("none")
