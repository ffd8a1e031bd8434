"""Groups of several uses in one statement: the rows are the same, computed once."""

from __future__ import annotations

import random

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from gateway.plan.shared_groups import with_shared_groups

DATA = (
    "CREATE TABLE t AS SELECT range % 7 AS k, (range * 37) % 11 AS j, (range * 53) % 101 AS v,"
    " CASE WHEN range % 5 = 0 THEN NULL ELSE range % 13 END AS n FROM range(200)"
)
AGGREGATES = ("SUM({}.v)", "COUNT(*)", "MAX({}.n)", "COUNT(DISTINCT {}.n)", "MIN({}.v)")
ROWS = (
    "t AS {0}",
    "t AS {0} WHERE ({0}.v > 20)",
    "t AS {0} WHERE ({0}.v > 20) AND ({0}.n IS NULL)",
    "t AS {0} INNER JOIN t AS {1} ON ({0}.k = {1}.j) WHERE ({1}.n < 4)",
    "(SELECT {2}.k AS k, {2}.j AS j, {2}.v AS v, {2}.n AS n FROM t AS {2}) AS {0}",
    "t AS {0} WHERE {0}.k IN (SELECT {2}.j AS c0 FROM t AS {2} WHERE {2}.n = 3)",
)
KEYS = (("{}.k",), ("{}.j", "{}.k"), ("({}.k + 1)",))


class Drawn:
    """A statement over groups that are drawn from few, so that some are the same."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._rows = self._chance.sample(ROWS, 2)
        self._keys = self._chance.sample(KEYS, 2)
        self._aliases = 0

    def statement(self) -> str:
        first, second = self.groups(self.having()), self.groups(self.having())
        if self._chance.random() < 0.5:
            return (
                f"SELECT a.c0 AS c0, b.c1 AS c1, a.c1 AS c2 FROM {first} AS a"
                f" LEFT JOIN {second} AS b ON (a.c0 <= b.c0)"
            )
        return (
            f"SELECT a.c0 AS c0, a.c1 AS c1 FROM {first} AS a"
            f" WHERE a.c0 IN (SELECT b.c0 AS c0 FROM {second} AS b)"
        )

    def having(self) -> str:
        draw = self._chance.random()
        if draw < 0.3:
            return ""
        if draw < 0.6:
            return " HAVING (SUM({0}.v) > 300)"
        groups = self.groups("")
        return f" HAVING (COUNT(*) >= (SELECT MAX(m.c0) - 5 AS c0 FROM {groups} AS m))"

    def groups(self, having: str) -> str:
        aliases = [f"t{self._next()}" for _ in range(3)]
        rows, keys = self._chance.choice(self._rows), self._chance.choice(self._keys)
        aggregate = self._chance.choice(AGGREGATES)
        written = ", ".join(keys).replace("{}", aliases[0])
        return (
            f"(SELECT {keys[0].format(aliases[0])} AS c0, {aggregate.format(aliases[0])} AS c1"
            f" FROM {rows.format(*aliases)} GROUP BY {written}{having.format(aliases[0])})"
        )

    def _next(self) -> int:
        self._aliases += 1
        return self._aliases


def rows(sql: str) -> list[tuple[object, ...]]:
    connection = duckdb.connect()
    connection.execute(DATA)
    table = connection.sql(sql).to_arrow_table()
    return sorted(zip(*(c.to_pylist() for c in table.columns), strict=True), key=repr)


def parsed(sql: str) -> exp.Query:
    tree = sqlglot.parse_one(sql, dialect="duckdb")
    assert isinstance(tree, exp.Query)
    return tree


@pytest.mark.parametrize("seed", range(60))
def test_drawn_statements_give_the_same_rows(seed: int) -> None:
    sql = Drawn(seed).statement()
    shared = with_shared_groups(parsed(sql)).sql(dialect="duckdb")
    assert rows(shared) == rows(sql)


def test_many_of_the_drawn_statements_share_groups() -> None:
    drawn = [parsed(Drawn(seed).statement()) for seed in range(60)]
    assert sum(with_shared_groups(tree) is not tree for tree in drawn) > 20


def test_shared_groups_have_the_aggregates_of_both() -> None:
    tree = parsed(
        "SELECT a.c0 AS c0, b.c0 AS c1 FROM"
        " (SELECT t1.k AS c0, SUM(t1.v) AS c1 FROM t AS t1 GROUP BY t1.k) AS a"
        " INNER JOIN (SELECT MAX(t2.n) AS c0, t2.k AS c1 FROM t AS t2 GROUP BY t2.k"
        " HAVING SUM(t2.v) > 3) AS b ON (a.c0 = b.c1)"
    )
    assert with_shared_groups(tree).sql(dialect="duckdb") == (
        "WITH shared_1 AS MATERIALIZED"
        " (SELECT t1.k AS c0, SUM(t1.v) AS c1, MAX(t1.n) AS c2 FROM t AS t1 GROUP BY t1.k)"
        " SELECT a.c0 AS c0, b.c0 AS c1 FROM"
        " (SELECT t1.c0 AS c0, t1.c1 AS c1 FROM shared_1 AS t1) AS a"
        " INNER JOIN (SELECT t2.c2 AS c0, t2.c0 AS c1 FROM shared_1 AS t2"
        " WHERE t2.c1 > 3) AS b ON (a.c0 = b.c1)"
    )


@pytest.mark.parametrize(
    "first, second",
    [
        # other rows, other keys, what may differ each time, what looks at the rows around it
        ("FROM t AS t1 WHERE t1.v > 1 GROUP BY t1.k", "FROM t AS t2 WHERE t2.v > 2 GROUP BY t2.k"),
        ("FROM t AS t1 GROUP BY t1.k", "FROM t AS t2 GROUP BY t2.j, t2.k"),
        (
            "FROM t AS t1 WHERE RANDOM() < 0.5 GROUP BY t1.k",
            "FROM t AS t2 WHERE RANDOM() < 0.5 GROUP BY t2.k",
        ),
        (
            "FROM t AS t1 WHERE t1.v = o.v GROUP BY t1.k",
            "FROM t AS t2 WHERE t2.v = o.v GROUP BY t2.k",
        ),
        ("FROM t AS t1 GROUP BY ROLLUP (t1.k)", "FROM t AS t2 GROUP BY ROLLUP (t2.k)"),
    ],
)
def test_other_groups_are_left_alone(first: str, second: str) -> None:
    tree = parsed(
        f"SELECT o.k AS c0 FROM t AS o WHERE o.k IN (SELECT t1.k AS c0 {first})"
        f" AND o.j IN (SELECT t2.k AS c0 {second})"
    )
    assert with_shared_groups(tree) is tree
