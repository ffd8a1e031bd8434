"""Which queries may have several answers, and what an answer is sorted by."""

from __future__ import annotations

import pytest
from sqlglot import parse_one

from gateway.verification.determinism import order_decides, sort_positions


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a FROM t LIMIT 1",
        "SELECT a FROM (SELECT a FROM t LIMIT 1) AS s",
        "SELECT a FROM t ORDER BY a OFFSET 2",
        "SELECT random()",
        "SELECT now()",
        "SELECT current_date",
        "SELECT uuid()",
        "SELECT row_number() OVER (ORDER BY a) FROM t",
        "SELECT first_value(a) OVER (ORDER BY b) FROM t",
        "SELECT array_agg(a) FROM t",
        "SELECT string_agg(a, ',') FROM t",
        "SELECT DISTINCT ON (a) a, b FROM t",
    ],
)
def test_a_query_with_several_answers_is_known(sql: str) -> None:
    assert order_decides(parse_one(sql, dialect="postgres")) is not None


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a, sum(b) FROM t GROUP BY a ORDER BY 2",
        "SELECT DISTINCT a FROM t",
        "SELECT rank() OVER (ORDER BY a) FROM t",
        "SELECT a FROM t EXCEPT SELECT b FROM u",
    ],
)
def test_a_query_with_one_answer_is_known(sql: str) -> None:
    assert order_decides(parse_one(sql, dialect="postgres")) is None


@pytest.mark.parametrize(
    ("sql", "positions"),
    [
        ("SELECT a, b FROM t ORDER BY b DESC, 1", [1, 0]),
        ("SELECT a AS x, b FROM t ORDER BY x", [0]),
        ("SELECT a, b FROM t ORDER BY a, b + 1, 2", [0]),
        ("SELECT a, b FROM t ORDER BY t.a", None),
        ("SELECT * FROM t ORDER BY a", None),
        ("SELECT a, a FROM t ORDER BY a", None),
        ("SELECT a FROM t UNION SELECT b FROM u ORDER BY a", [0]),
        ("SELECT a FROM t", None),
    ],
)
def test_what_an_answer_is_sorted_by(sql: str, positions: list[int] | None) -> None:
    assert sort_positions(parse_one(sql, dialect="postgres")) == positions
