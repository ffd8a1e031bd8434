"""Random queries over random placements: the gateway gives what the references give.

`MESHGATE_RANDOM_QUERIES` sets how many, `MESHGATE_RANDOM_SEED` where the seeds begin, for longer
campaigns than a test run allows.
"""

from __future__ import annotations

import os
import random

import pyarrow as pa
import pytest

from gateway.verification.comparison import difference
from tests.queries.meshes import Mesh
from tests.queries.placements import SINGLE, random_placement
from tests.queries.random_sql import random_query
from tests.queries.reference import DuckDb, PlainDataFusion

COUNT = int(os.environ.get("MESHGATE_RANDOM_QUERIES", "400"))
FIRST = int(os.environ.get("MESHGATE_RANDOM_SEED", "0"))
SPREADS = 2


@pytest.mark.parametrize("seed", range(FIRST, FIRST + COUNT))
def test_random_query_gives_the_rows_of_the_reference(
    seed: int, mesh: Mesh, duckdb: DuckDb, datafusion: PlainDataFusion
) -> None:
    query = random_query(seed)
    expected = duckdb.answer(query.for_duckdb)
    chance = random.Random(seed)
    for placement in (chance.choice(SINGLE), *(random_placement(chance) for _ in range(SPREADS))):
        sql = placement.apply(query.for_datafusion)
        answer = mesh.answer(sql)
        assert isinstance(answer, pa.Table), f"{answer}\n{sql}"
        wrong = difference(answer, expected, ordered=query.ordered)
        if wrong is not None:
            plain = datafusion.answer(query.for_datafusion)
            agrees = difference(plain, expected, ordered=query.ordered) is None
            blame = "the pushdown" if agrees else "DataFusion itself"
            pytest.fail(f"{blame} differs from DuckDB: {wrong}\n{sql}")
