"""Keys from fragment to fragment, whatever they save: the rows stay those of the reference."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping

import pyarrow as pa
import pytest

from bench import tpch
from bench.layouts import ALTERNATING, THREE_SOURCES, laid_out
from gateway.config import Config
from gateway.model import Request
from gateway.pipeline import Gateway
from gateway.verification.comparison import difference
from tests.queries import corpus
from tests.queries.meshes import PRINCIPAL, Mesh
from tests.queries.placements import MIXED, Placement, random_placement, sampled
from tests.queries.random_sql import random_query
from tests.queries.reference import DuckDb
from tests.services import MariaDb, Postgres

QUERIES = [query for query in corpus.queries() if not query.may_refuse]
RANDOM = 150
SCALE = 0.01
REDUCING = Config(reduction_least_rows=0, reduction_rows_per_key=0.0)
LAYOUTS = {"three-sources": THREE_SOURCES, "alternating": ALTERNATING}


@pytest.mark.parametrize(("query", "placement"), sampled(QUERIES, MIXED), ids=str)
def test_query_gives_the_rows_of_the_reference(
    query: corpus.Query, placement: Placement, reducing_mesh: Mesh, duckdb: DuckDb
) -> None:
    sql = placement.apply(query.sql)
    answer = reducing_mesh.answer(sql)
    assert isinstance(answer, pa.Table), f"{answer}\n{sql}"
    wrong = difference(answer, duckdb.answer(query.reference_sql), ordered=query.ordered)
    assert wrong is None, f"{wrong}\n{sql}"


@pytest.mark.parametrize("seed", range(10_000, 10_000 + RANDOM))
def test_random_query_gives_the_rows_of_the_reference(
    seed: int, reducing_mesh: Mesh, duckdb: DuckDb
) -> None:
    query = random_query(seed)
    sql = random_placement(random.Random(seed)).apply(query.for_datafusion)
    answer = reducing_mesh.answer(sql)
    assert isinstance(answer, pa.Table), f"{answer}\n{sql}"
    wrong = difference(answer, duckdb.answer(query.for_duckdb), ordered=query.ordered)
    assert wrong is None, f"{wrong}\n{sql}"


@pytest.fixture(scope="module")
def answers() -> Iterator[Mapping[str, pa.Table]]:
    """What DuckDB says on the Parquet files."""
    reference = DuckDb().add_parquet(tpch.generate(SCALE))
    yield {name: reference.answer(sql) for name, sql in tpch.queries().items()}
    reference.close()


@pytest.fixture(scope="module", params=LAYOUTS)
def spread(
    request: pytest.FixtureRequest, postgres: Postgres, mariadb: MariaDb
) -> Iterator[Gateway]:
    with laid_out(LAYOUTS[request.param], SCALE) as layout:
        gateway = Gateway.open(layout.mesh, REDUCING, audited=False)
        yield gateway
        gateway.close()


@pytest.mark.parametrize("name", tpch.queries())
def test_tpch_gives_the_rows_of_duckdb(
    name: str, spread: Gateway, answers: Mapping[str, pa.Table]
) -> None:
    result = spread.execute(spread.prepare(Request(PRINCIPAL, tpch.queries()[name])))
    answer = pa.Table.from_batches(list(result.batches), result.schema)
    assert difference(answer, answers[name], ordered=True) is None


def test_keys_are_sent(spread: Gateway) -> None:
    sent = 0
    for sql in tpch.queries().values():
        result = spread.execute(spread.prepare(Request(PRINCIPAL, sql)))
        for _ in result.batches:
            pass
        sent += sum(fragment.keys > 0 for fragment in result.report.fragments)
    assert sent >= 10
