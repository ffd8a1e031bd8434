"""Casts of scalar subqueries: inside where that means the same, around where it may not."""

from __future__ import annotations

import pyarrow as pa
import pytest
import sqlglot
from sqlglot import exp

from connectors.operands import Operand
from connectors.postgres_dialect import POSTGRES
from gateway.plan.scalar_casts import cast_inside

EXACT = pa.decimal128(38, 15)
AS_TEXT = "AS TEXT) AS DECIMAL(38, 15))"


def written(sql: str) -> str:
    tree = sqlglot.parse_one(sql, dialect="postgres")
    before = tree.sql(dialect="postgres")
    result = cast_inside(POSTGRES.cast, Operand(tree, pa.float64()), EXACT)
    assert tree.sql(dialect="postgres") == before
    return result.sql(dialect="postgres")


@pytest.mark.parametrize(
    ("inside", "rest"),
    [("SUM(a)", "FROM t"), ("SUM(a) * 0.5", "FROM t JOIN u ON t.a = u.a WHERE t.a > 1")],
)
def test_one_aggregate_is_cast_once(inside: str, rest: str) -> None:
    cast = f"CAST(CAST({inside} {AS_TEXT}"
    assert written(f"(SELECT {inside} AS c0 {rest})") == f"(SELECT {cast} AS c0 {rest})"
    assert written(f"(SELECT {inside} {rest})") == f"(SELECT {cast} {rest})"


@pytest.mark.parametrize(
    "sql",
    [
        "x",
        "(SELECT a FROM t)",
        "(SELECT DISTINCT SUM(a) FROM t)",
        "(SELECT SUM(a) FROM t GROUP BY b)",
        "(SELECT SUM(a) FROM t HAVING SUM(a) > 1)",
        "(SELECT SUM(a) AS c0 FROM t ORDER BY c0)",
        "(SELECT SUM(a) FROM t LIMIT 1)",
        "(SELECT SUM(a) FROM t OFFSET 1)",
        "(SELECT SUM(a) OVER () FROM t)",
        "(SELECT 1 + (SELECT SUM(a) FROM u) FROM t)",
        "(WITH u AS (SELECT a FROM t) SELECT SUM(a) FROM u)",
        "(SELECT SUM(a) FROM t UNION SELECT SUM(a) FROM u)",
    ],
)
def test_whatever_else_is_cast_around(sql: str) -> None:
    text = sqlglot.parse_one(sql, dialect="postgres").sql(dialect="postgres")
    assert written(sql) == f"CAST(CAST({text} {AS_TEXT}"


def test_a_subquery_in_a_larger_expression_is_cast_around() -> None:
    tree = exp.Paren(this=sqlglot.parse_one("(SELECT SUM(a) FROM t) + 1", dialect="postgres"))
    result = cast_inside(POSTGRES.cast, Operand(tree, pa.float64()), EXACT)
    assert isinstance(result, exp.Cast)
