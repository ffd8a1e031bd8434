"""Columns that are called the same: answered like others, under the names they would have."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from gateway.errors import GatewayError, Position
from gateway.model import QueryOptions, Request
from gateway.pipeline import Gateway
from gateway.postgres_wire.column_names import named
from tests.gateways import ANA, ask, gateway, in_memory

ROWS = {"a": [1, 2], "n": ["X", "y"]}
A, N = ROWS["a"], ROWS["n"]


@pytest.fixture
def mesh() -> Iterator[Gateway]:
    gate = gateway(in_memory({"t": pa.table(ROWS)}, "repeated"))
    yield gate
    gate.close()


@pytest.mark.parametrize(
    ("sql", "names", "columns"),
    [
        ("SELECT 1, 1", None, [[1], [1]]),
        ("SELECT a, a FROM t ORDER BY a", ["a", "a"], [A, A]),
        ("SELECT *, a FROM t ORDER BY a", ["a", "n", "a"], [A, N, A]),
        ('SELECT a, t.a, T.A, "a" FROM t ORDER BY 1', ["a"] * 4, [A] * 4),
        ("SELECT t.*, a FROM t ORDER BY t.a", ["a", "n", "a"], [A, N, A]),
        ("SELECT a AS x, n AS x FROM t", ["x", "x"], [A, N]),
        ('SELECT a x, n "X", n x FROM t', ["x", "X", "x"], [A, N, N]),
        ("SELECT n AS a, a FROM t", ["a", "a"], [N, A]),
        ("SELECT lower(n), LOWER( n ) FROM t ORDER BY 1", None, [["x", "y"]] * 2),
        (
            "SELECT n, n, count(*), count(*) FROM t GROUP BY n ORDER BY n",
            None,
            [N, N, [1, 1], [1, 1]],
        ),
        ("SELECT DISTINCT a, a FROM t ORDER BY a", ["a", "a"], [A, A]),
        ("SELECT DISTINCT ON (a) a, a FROM t ORDER BY a", ["a", "a"], [A, A]),
        ("SELECT a, a FROM t UNION ALL SELECT 3, 3 ORDER BY 1", ["a", "a"], [[1, 2, 3]] * 2),
        ("WITH c AS (SELECT a FROM t) SELECT a, a FROM c ORDER BY a", ["a", "a"], [A, A]),
        ("SELECT a IS DISTINCT FROM 1, a, a FROM t ORDER BY a", None, [[False, True], A, A]),
        ("SELECT count(CASE WHEN a = 1 THEN 1 END), sum(a), sum(a) FROM t", None, [[1], [3], [3]]),
        (
            "SELECT 1, 2, 'a', 'A', a + 1, a + 2 FROM t WHERE a = 1",
            None,
            [[1], [2], ["a"], ["A"], [2], [3]],
        ),
        ("SELECT a, CAST(a AS DOUBLE), a::text FROM t ORDER BY 1", ["a"] * 3, [A, A, ["1", "2"]]),
        (
            "SELECT a + 1, CAST(a + 1 AS INT), (a + 1)::text FROM t",
            None,
            [[2, 3], [2, 3], ["2", "3"]],
        ),
        ("SELECT sum(a), sum(a)::int FROM t", None, [[3], [3]]),
        ("SELECT *, a * 2 AS a FROM t ORDER BY 1", ["a", "n", "a"], [A, N, [2, 4]]),
        (
            "SELECT *, upper(n) AS n, a AS b FROM t ORDER BY b",
            ["a", "n", "n", "b"],
            [A, N, ["X", "Y"], A],
        ),
        ("SELECT a, n AS a FROM t ORDER BY 1", ["a", "a"], [A, N]),
        ("SELECT a AS x, n AS x FROM t ORDER BY t.a", ["x", "x"], [A, N]),
        ("SELECT n, upper(n) n FROM t GROUP BY 1, 2 ORDER BY 1", ["n", "n"], [N, ["X", "Y"]]),
        ("SELECT *, 1, 1, a FROM t ORDER BY a", None, [A, N, [1, 1], [1, 1], A]),
        ("SELECT sum(CAST(a AS INT)) AS p, sum(a) AS q FROM t", ["p", "q"], [[3], [3]]),
        (
            "SELECT sum(a::int), sum(a), avg(a::bigint), avg(a) FROM t",
            None,
            [[3], [3], [1.5], [1.5]],
        ),
        ("SELECT t.a, u.a FROM t JOIN t AS u ON t.a = u.a ORDER BY t.a", ["a", "a"], [A, A]),
        ("SELECT a, /* , */ a -- , a\n FROM t ORDER BY a", ["a", "a"], [A, A]),
    ],
)
def test_the_answer_has_both(
    mesh: Gateway, sql: str, names: list[str] | None, columns: list[list[object]]
) -> None:
    for _ in range(2):  # planned, and from the cache
        answer = ask(mesh, sql)
        assert [column.to_pylist() for column in answer.columns] == columns
        assert names is None or answer.schema.names == names
    assert not any("__" in name for name in answer.schema.names)
    assert answer.schema.names == mesh.prepare(Request(ANA, sql)).schema.names


def test_in_another_dialect_as_well(mesh: Gateway) -> None:
    request = Request(
        ANA, "SELECT *, `a`, upper(`n`), upper(`n`) FROM t ORDER BY a", dialect="mysql"
    )
    answer = mesh.execute(mesh.prepare(request))
    (batch,) = answer.batches
    assert [column.to_pylist() for column in batch.columns] == [A, N, A, ["X", "Y"], ["X", "Y"]]
    assert len(set(batch.schema.names)) == 5, "translated columns have names of their own"


def test_with_values_bound_and_verified(mesh: Gateway) -> None:
    options = QueryOptions(verify=True)
    request = Request(ANA, "SELECT a, a FROM t WHERE a = ?", options=options)
    prepared = mesh.prepare(request)
    for value in (1, 2, 2):
        result = mesh.execute(mesh.bind(prepared, [pa.scalar(value)]))
        (batch,) = result.batches
        assert batch.schema.names == prepared.schema.names == ["a", "a"]
        assert [column.to_pylist() for column in batch.columns] == [[value]] * 2


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a AS x, n AS x FROM t ORDER BY x",
        "SELECT a AS x, n AS x FROM t GROUP BY x, a, n",
        "SELECT * FROM (SELECT a, a FROM t) AS s",
        "SELECT *, upper(n) AS n FROM t ORDER BY n",
        "SELECT *, * FROM t",
        "SELECT DISTINCT ON (x) a AS x, n AS x FROM t",
        "SELECT a AS x, 1 AS x FROM t UNION ALL SELECT 1, 2 ORDER BY x",
        "SELECT a, a FROM t UNION ALL SELECT 1, 2 ORDER BY a LIMIT 1",
    ],
)
def test_what_may_be_meant_by_either_is_refused(mesh: Gateway, sql: str) -> None:
    with pytest.raises(GatewayError) as raised:
        ask(mesh, sql)
    assert raised.value.code == "INVALID_QUERY" and "__" not in raised.value.message
    assert "called the same" in raised.value.message and raised.value.hint


def test_a_column_that_is_called_like_a_name_of_our_own_is_meant() -> None:
    rows = pa.table({"a": [1, 2], "__again_0": [9, 8]})
    gate = gateway(in_memory({"t": rows}, "own-names"))
    with pytest.raises(GatewayError) as raised:  # not sorted by another column
        ask(gate, "SELECT a, a FROM t ORDER BY __again_0 LIMIT 1")
    assert raised.value.code == "INVALID_QUERY"
    assert ask(gate, "SELECT a FROM t ORDER BY __again_0")["a"].to_pylist() == [2, 1]
    gate.close()


def test_names_are_only_lent_to_what_is_written_alike(mesh: Gateway) -> None:
    names = ask(mesh, "SELECT 1, 2, 'a', 'A', 1 FROM t").schema.names
    assert names[0] == names[4] and len(set(names)) == 4


def test_positions_are_those_of_the_text(mesh: Gateway) -> None:
    with pytest.raises(GatewayError) as raised:
        ask(mesh, "SELECT a, a,\n  wrong FROM t")
    assert raised.value.position == Position(2, 3)


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("SELECT 1, 1", ["?column?"] * 2),
        ("SELECT lower(n), lower(n), a, a::text FROM t", ["lower", "lower", "a", "a"]),
        ("SELECT a AS x, upper(n) AS x FROM t", ["x", "x"]),
        ("SELECT *, a FROM t", ["a", "n", "a"]),
    ],
)
def test_the_postgresql_front_has_its_names(mesh: Gateway, sql: str, names: list[str]) -> None:
    assert named(mesh.prepare(Request(ANA, sql)).schema, sql).names == names
