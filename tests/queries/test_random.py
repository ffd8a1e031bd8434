"""Random queries over random placements: the gateway gives what the references give.

`MESHGATE_RANDOM_QUERIES` sets how many, `MESHGATE_RANDOM_SEED` where the seeds begin, for longer
campaigns than a test run allows.
"""

from __future__ import annotations

import os
import random

import pyarrow as pa
import pytest

from tests.queries.compare import difference
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
    expected = duckdb.answer(query.replace("{div}", "//"))
    asked = query.replace("{div}", "/")
    chance = random.Random(seed)
    for placement in (chance.choice(SINGLE), *(random_placement(chance) for _ in range(SPREADS))):
        sql = placement.apply(asked)
        answer = mesh.answer(sql)
        assert isinstance(answer, pa.Table), f"{answer}\n{sql}"
        wrong = difference(answer, expected, ordered=False)
        if wrong is not None:
            plain = difference(datafusion.answer(asked), expected, ordered=False)
            blame = "DataFusion itself" if plain else "the pushdown"
            pytest.fail(f"{blame} differs from DuckDB: {wrong}\n{sql}")
