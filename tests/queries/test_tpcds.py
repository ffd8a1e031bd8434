"""TPC-DS: 99 queries over two sources, in two layouts, with DuckDB's answers.

Data and queries come from DuckDB's extension when the test runs. DataFusion 55 runs all 99.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pytest
import sqlglot

from bench import tpcds
from bench.mesh import build
from bench.peers.environment import PeerMissing
from bench.sources import Table
from bench.stores import stored
from gateway.pipeline import Gateway
from gateway.verification.comparison import difference
from tests.queries.meshes import Mesh
from tests.queries.reference import DuckDb, PlainDataFusion
from tests.services import MariaDb, Postgres

SCALE = 0.03
NAMES = tuple(f"q{number:02}" for number in range(1, 100))
FACTS = ("sales", "returns", "inventory")
CHANNELS = ("store", "catalog", "customer", "date", "item", "house", "call", "ship")

DECIMALS = {"q47", "q57", "q58", "q61", "q66"}
"""DuckDB averages and divides decimals as doubles, and sorts by them: here DataFusion is right."""

FULLY_ORDERED = {"q85"}
"""Sorted by all of its columns already, which DataFusion does not take twice, once as positions."""

END = re.compile(r"(\s+LIMIT\s+\d+)?\s*$", re.IGNORECASE)


def dimensions_in_mariadb(table: str) -> str:
    """Every join of a fact and a dimension is one of two sources."""
    return "postgres" if table.endswith(FACTS) else "mariadb"


def web_in_parquet(table: str) -> str:
    """Two channels with their dimensions are PostgreSQL's; the third is joined with these."""
    return "postgres" if table.startswith(CHANNELS) else "parquet"


@dataclass(frozen=True, slots=True)
class Expected:
    """A query, ordered by all of its columns, and the right rows."""

    sql: str
    rows: pa.Table


@pytest.fixture(scope="module")
def tables() -> Mapping[str, Table]:
    try:
        return tpcds.tables(SCALE)
    except PeerMissing as missing:
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(f"{missing} (on CI this is a failure)", pytrace=False)
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def expected(tables: Mapping[str, Table]) -> Iterator[Mapping[str, Expected]]:
    duckdb, datafusion = DuckDb().add(tables.values()), PlainDataFusion(tables.values())
    answers = {}
    for name, text in tpcds.queries(SCALE).items():
        sql = text.rstrip("; \n")
        if name not in FULLY_ORDERED:
            sql = ordered_by_everything(sql, duckdb.answer(f"DESCRIBE {sql}").num_rows)
        reference = datafusion if name in DECIMALS else duckdb
        answers[name] = Expected(sql, reference.answer(sql))
    yield answers
    duckdb.close()


@pytest.fixture(scope="module", params=[dimensions_in_mariadb, web_in_parquet])
def mesh(
    request: pytest.FixtureRequest,
    tables: Mapping[str, Table],
    postgres: Postgres,
    mariadb: MariaDb,
) -> Iterator[Mesh]:
    placed: dict[str, list[Table]] = {}
    for name, table in tables.items():
        placed.setdefault(request.param(name), []).append(table)
    with stored(placed) as (folder, products):
        gateway = Gateway.open(build(folder / "mesh", "tpcds", products.values()))
        yield Mesh(gateway)
        gateway.close()


def ordered_by_everything(sql: str, columns: int) -> str:
    """The query with its columns as last sort keys: what a LIMIT keeps is then no chance."""
    if sqlglot.parse_one(sql, dialect="duckdb").args.get("order") is None:
        return END.sub(r"\1", sql, count=1)  # these have one row
    keys = ", ".join(map(str, range(1, columns + 1)))
    return END.sub(rf", {keys}\1", sql, count=1)


@pytest.mark.parametrize("name", NAMES)
def test_query_gives_the_right_rows(
    name: str, mesh: Mesh, expected: Mapping[str, Expected]
) -> None:
    query = expected[name]
    answer = mesh.answer(query.sql)
    assert isinstance(answer, pa.Table), answer
    assert difference(answer, query.rows, ordered="ORDER BY" in query.sql) is None


def test_most_queries_find_something(expected: Mapping[str, Expected]) -> None:
    assert sum(bool(query.rows.num_rows) for query in expected.values()) >= 75
