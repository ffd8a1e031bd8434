"""Which queries are better asked in their own form: what the plan's form has lost of them."""

from __future__ import annotations

import pytest
import sqlglot

from gateway.plan.lost_form import is_lost, may_be_lost

LOST = (
    "SELECT t.a FROM t WHERE t.a < (SELECT avg(u.b) FROM u WHERE u.k = t.k)",
    "SELECT t.a, (SELECT max(u.b) FROM u WHERE u.k = t.k) AS m FROM t",
    "WITH c AS (SELECT k, sum(b) AS s FROM u GROUP BY k)"
    " SELECT c.k FROM c WHERE c.s = (SELECT max(c.s) FROM c)",
    "WITH c AS (SELECT DISTINCT k FROM u) SELECT x.k FROM c AS x JOIN c AS y ON x.k = y.k",
)
KEPT = (
    "SELECT t.a FROM t WHERE t.k IN (SELECT u.k FROM u GROUP BY u.k)",
    "SELECT t.a FROM t WHERE EXISTS(SELECT 1 FROM u WHERE u.k = t.k)",
    "SELECT d.k FROM (SELECT u.k, sum(u.b) AS s FROM u GROUP BY u.k) AS d",
    "WITH c AS (SELECT k, sum(b) AS s FROM u GROUP BY k) SELECT c.k FROM c",
    "WITH c AS (SELECT k, b FROM u) SELECT x.k FROM c AS x JOIN c AS y ON x.k = y.k",
)
ALONE = "SELECT t.a FROM t WHERE t.a < (SELECT avg(u.b) FROM u)"


@pytest.mark.parametrize("sql", LOST)
def test_lost(sql: str) -> None:
    tree = sqlglot.parse_one(sql, dialect="postgres")
    assert may_be_lost(tree) and is_lost(tree)


@pytest.mark.parametrize("sql", KEPT)
def test_kept(sql: str) -> None:
    assert not may_be_lost(sqlglot.parse_one(sql, dialect="postgres"))


def test_a_sub_query_that_stands_alone_is_computed_once_in_either_form() -> None:
    tree = sqlglot.parse_one(ALONE, dialect="postgres")
    assert may_be_lost(tree) and not is_lost(tree)
