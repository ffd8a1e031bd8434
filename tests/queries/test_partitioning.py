"""Ternary logic partitioning: a query's rows are those where a condition is TRUE, FALSE and NULL.

No reference is asked, so that faults which two engines share are found as well. How many queries:
`MESHGATE_RANDOM_QUERIES`; where the seeds begin: `MESHGATE_RANDOM_SEED`.
"""

from __future__ import annotations

import os
import random

import pyarrow as pa
import pytest

from gateway.verification.comparison import difference
from tests.queries.meshes import Mesh
from tests.queries.placements import Placement, random_placement
from tests.queries.random_sql import random_partition

COUNT = int(os.environ.get("MESHGATE_RANDOM_QUERIES", "150"))
FIRST = int(os.environ.get("MESHGATE_RANDOM_SEED", "0"))


def answer(mesh: Mesh, placement: Placement, sql: str) -> pa.Table:
    rows = mesh.answer(placement.apply(sql.replace("{div}", "/")))
    assert isinstance(rows, pa.Table), f"{rows}\n{sql}"
    return rows


@pytest.mark.parametrize("seed", range(FIRST, FIRST + COUNT))
def test_the_parts_of_a_query_are_the_whole(seed: int, mesh: Mesh) -> None:
    query = random_partition(seed)
    placement = random_placement(random.Random(seed))
    whole = answer(mesh, placement, query.whole)
    parts = [answer(mesh, placement, part) for part in query.parts]
    columns = pa.schema([field.with_nullable(True) for field in whole.schema])
    together = pa.concat_tables([part.cast(columns) for part in parts])
    wrong = difference(together, whole, ordered=False)
    assert wrong is None, f"{wrong}\n{placement}\n{query.parts[0]}"
