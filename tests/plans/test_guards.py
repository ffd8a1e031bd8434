"""What DataFusion 55 answers wrongly, asked through the gateway: each failed without its guard."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from gateway.errors import Unsupported
from gateway.pipeline import Gateway
from tests.gateways import ask, gateway, in_memory

A = pa.table(
    {
        "id": pa.array([1, 2, 3, 4], pa.int64()),
        "v": pa.array([10, 20, 30, None], pa.int64()),
        "s": ["a", "b", "c", "d"],
    }
)
B = pa.table(
    {
        "id": pa.array([1, 2, 5], pa.int64()),
        "v": pa.array([100, None, 7], pa.int64()),
        "r": ["a", "b", "c"],
    }
)
SORTED = pa.table({"id": pa.array([9, 3, 8], pa.int64())})
NULLS = pa.table({"n": pa.array([2, None], pa.int64())})
COPIES = pa.table({"n": pa.array([1, 1, 2], pa.int64())})
ONE = pa.table({"n": pa.array([1], pa.int64())})


@pytest.fixture(scope="module")
def shop() -> Iterator[Gateway]:
    tables = {"a": A, "b": B, "sorted": SORTED, "nulls": NULLS, "copies": COPIES, "one": ONE}
    opened = gateway(in_memory(tables, "guards"))
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT id FROM sorted WHERE id / 2 = 4 ORDER BY id", [(8,), (9,)]),
        ("SELECT id FROM sorted WHERE id / 2 IN (4) ORDER BY id DESC", [(9,), (8,)]),
        ("SELECT id FROM sorted WHERE id / 2 = 4 ORDER BY id LIMIT 1", [(8,)]),
        ("SELECT id FROM a WHERE id NOT IN (SELECT n FROM nulls)", []),
        ("SELECT id FROM a WHERE id < 2 OR id NOT IN (SELECT n FROM nulls)", [(1,)]),
        ("SELECT id FROM a WHERE NOT (id > 3 OR id IN (SELECT n FROM nulls))", []),
        ("SELECT id IN (SELECT n FROM nulls) AS x FROM a WHERE id < 3", [(None,), (True,)]),
        ("SELECT EXISTS (SELECT 1 FROM b WHERE b.id = a.id) AS x FROM a WHERE id > 1",
         [(True,), (False,), (False,)]),
        ("SELECT n FROM copies EXCEPT ALL SELECT n FROM one", [(1,), (2,)]),
        ("SELECT n FROM copies INTERSECT ALL SELECT n FROM copies", [(1,), (1,), (2,)]),
        ("SELECT id FROM a FULL JOIN b USING (id) WHERE id > 3", [(4,), (5,)]),
        ("SELECT a.id, b.id FROM a RIGHT JOIN b ON a.id = b.id"
         " WHERE coalesce(a.v, 0) < 15 AND b.r || '-' IN ('a-', 'b-', 'c-')", [(1, 1), (None, 5)]),
        ("SELECT a.id, b.id FROM a RIGHT JOIN b ON a.id = b.id"
         " WHERE a.v IS NULL AND b.r || '-' IN ('a-', 'b-', 'c-')", [(None, 5)]),
        ("SELECT id FROM a WHERE v IS NOT DISTINCT FROM 10 OR id = 4", [(1,), (4,)]),
    ],
)  # fmt: skip
def test_the_answer_is_right(shop: Gateway, sql: str, expected: list[tuple[object, ...]]) -> None:
    rows = [
        tuple(row.values()) for row in ask(shop, sql).rename_columns(_names(sql, shop)).to_pylist()
    ]
    if "ORDER BY" in sql:
        assert rows == expected
    else:
        assert sorted(rows, key=str) == sorted(expected, key=str)


def _names(sql: str, shop: Gateway) -> list[str]:
    return [f"c{i}" for i in range(len(ask(shop, sql).schema))]


def test_a_star_over_using_has_the_shared_column_first_and_once(shop: Gateway) -> None:
    assert ask(shop, "SELECT * FROM a JOIN b USING (id)").schema.names == ["id", "v", "s", "v", "r"]


def test_natural_join_is_using_all_shared_columns(shop: Gateway) -> None:
    assert ask(shop, "SELECT * FROM a NATURAL JOIN b").schema.names == ["id", "v", "s", "r"]


OWN = pa.table(
    {
        "id": pa.array([1, 2, 3, 4, 5, 6, 7], pa.int64()),
        "tid": pa.array([1, 1, 2, None, 99, 3, 6], pa.int64()),
        "name": ["x", "y", "x", "a", "b", None, "x"],
    }
)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT id FROM o WHERE name = 'x'"
         " AND id NOT IN (SELECT tid FROM o WHERE tid IS NOT NULL)", [7]),
        ("SELECT id FROM o WHERE (tid IN (SELECT tid FROM o)) IS NULL", [4]),
        ("SELECT id FROM o WHERE name = 'y' OR tid NOT IN (SELECT id FROM o WHERE id < 4)",
         [2, 5, 7]),
        ("SELECT id FROM o WHERE (id IN (SELECT tid FROM o)) IS NULL", [4, 5, 7]),
        ("SELECT id FROM o WHERE name NOT IN ('x', 'y', 'z', 'w')", [4, 5]),
    ],
)  # fmt: skip
def test_a_subquery_over_the_same_dataset_keeps_its_own_columns(
    sql: str, expected: list[int]
) -> None:
    shop = gateway(in_memory({"o": OWN}, "guards-o"))
    assert sorted(ask(shop, sql).column(0).to_pylist()) == expected
    shop.close()


def test_what_would_not_survive_rewriting_is_refused() -> None:
    shop = gateway(in_memory({"o": OWN}, "guards-o"))
    assert ask(shop, "SELECT 5 ^ 3 AS x FROM o WHERE id = 1").column(0).to_pylist() == [6]
    with pytest.raises(Unsupported):
        ask(shop, "SELECT 5 ^ 3 AS x FROM o WHERE id IS NOT DISTINCT FROM 1")
    shop.close()


def test_a_null_safe_test_inside_another_is_read_as_it_is_written() -> None:
    shop = gateway(in_memory({"o": OWN}, "guards-o"))
    sql = (
        "SELECT id FROM o WHERE CASE WHEN tid IS NOT DISTINCT FROM 1 OR id = 4 THEN 1 ELSE 0 END"
        " IS NOT DISTINCT FROM 1 OR id = 7"
    )
    assert sorted(ask(shop, sql).column(0).to_pylist()) == [1, 2, 4, 7]
    shop.close()
