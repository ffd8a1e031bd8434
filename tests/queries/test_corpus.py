"""Every query of the corpus, over its tables in every placement, gives DuckDB's rows."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest

from gateway.errors import Kind
from gateway.verification.comparison import difference, rows
from tests.queries import corpus
from tests.queries.meshes import Mesh
from tests.queries.placements import MIXED, SINGLE, Placement
from tests.queries.reference import DuckDb, PlainDataFusion

QUERIES = corpus.queries()
COUNTED = re.compile(r"\b(INTERSECT|EXCEPT)\s+ALL\b")
"""DataFusion by itself answers these wrongly: it does not count duplicates."""
PLAIN = [q for q in QUERIES if not q.may_refuse and not COUNTED.search(q.sql)]


@pytest.mark.parametrize("query", QUERIES, ids=str)
@pytest.mark.parametrize("placement", [*SINGLE, *MIXED], ids=str)
def test_query_gives_the_rows_of_the_reference(
    query: corpus.Query, placement: Placement, mesh: Mesh, duckdb: DuckDb
) -> None:
    expected = duckdb.answer(query.reference_sql)
    sql = placement.apply(query.sql)
    answer = mesh.answer(sql)
    if not isinstance(answer, pa.Table):
        assert query.may_refuse and answer.kind is Kind.USER, f"{answer}\n{sql}"
        return
    wrong = difference(answer, expected, ordered=query.ordered)
    assert wrong is None, f"{wrong}\n{sql}"


@pytest.mark.parametrize("query", PLAIN, ids=str)
def test_plain_datafusion_gives_the_rows_of_the_reference(
    query: corpus.Query, datafusion: PlainDataFusion, duckdb: DuckDb
) -> None:
    answer = datafusion.answer(query.sql)
    expected = duckdb.answer(query.reference_sql)
    assert difference(answer, expected, ordered=query.ordered) is None


@pytest.mark.parametrize("query", [q for q in QUERIES if q.rows is not None], ids=str)
def test_reference_gives_the_rows_written_in_the_corpus(
    query: corpus.Query, duckdb: DuckDb
) -> None:
    found = [
        "|".join("NULL" if value is None else str(value) for value in row)
        for row in rows(duckdb.answer(query.reference_sql))
    ]
    assert found == query.rows
