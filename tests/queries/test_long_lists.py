"""IN lists of many constants: sources get them as they take keys, and give the engine's rows."""

from __future__ import annotations

import pyarrow as pa
import pytest

from gateway.model import QueryOptions
from gateway.verification.comparison import difference
from tests.queries.meshes import Mesh
from tests.queries.placements import SINGLE, Placement
from tests.queries.reference import DuckDb

PUSHED = QueryOptions(placement="push")

NUMBERS = ", ".join(str(n) for n in range(-50, 3000, 3))
WORDS = ", ".join(
    f"'{w}'" for w in ("open", "Paid", "it''s", "", "Öse", "x,y", "\x1fa", *range(50))
)
DAYS = ", ".join(f"DATE '{1950 + n}-0{1 + n % 9}-11'" for n in range(60))
EXACT = ", ".join(f"{n}.50" for n in range(900, 6000, 25))
CONDITIONS = (
    ("people", f"id IN ({NUMBERS})"),
    ("people", f"id NOT IN ({NUMBERS})"),
    ("people", f"NOT (boss IN ({NUMBERS}) AND salary > 10)"),
    ("people", f"coalesce(boss, 7) IN ({NUMBERS}, 1, 2, 4)"),
    ("people", f"boss NOT IN ({NUMBERS}, NULL)"),
    ("people", f"boss IN ({NUMBERS}, NULL)"),
    ("people", f"born IN ({DAYS})"),
    ("people", f"salary IN ({EXACT})"),
    ("people", f"CASE WHEN boss IN ({NUMBERS}) THEN 1 ELSE 2 END = 2"),
    ("orders", f"status IN ({WORDS})"),
    ("orders", f"status NOT IN ({WORDS}) OR status IS NULL"),
    ("words", f"word IN ({WORDS})"),
    ("numbers", f"big IN ({NUMBERS}, 9223372036854775807)"),
    ("nulls", f"n IN ({NUMBERS})"),
)


@pytest.mark.parametrize(("table", "condition"), CONDITIONS)
@pytest.mark.parametrize("placement", SINGLE, ids=str)
def test_rows_are_those_of_the_reference(
    placement: Placement, table: str, condition: str, mesh: Mesh, duckdb: DuckDb
) -> None:
    sql = f"SELECT id FROM {{{table}}} WHERE {condition}"
    answer = mesh.answer(placement.apply(sql), PUSHED)
    assert isinstance(answer, pa.Table), answer
    expected = duckdb.answer(sql.replace("{", "").replace("}", ""))
    assert difference(answer, expected, ordered=False) is None


def test_many_thousands_are_one_text(mesh: Mesh) -> None:
    """As a tree of ORs this would take a source minutes to read."""
    numbers = ", ".join(str(n) for n in range(0, 60_000, 10))
    for placement in SINGLE:
        sql = placement.apply(f"SELECT count(*) AS n FROM {{people}} WHERE id IN ({numbers})")
        explained = mesh.answer(f"EXPLAIN {sql}", PUSHED)
        assert isinstance(explained, pa.Table), explained
        assert not any(row["text"].count(" OR ") for row in explained.to_pylist())
        answer = mesh.answer(sql, PUSHED)
        assert isinstance(answer, pa.Table), answer
