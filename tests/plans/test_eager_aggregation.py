"""Aggregations begun below a join give the rows and types of the plans they come from."""

from __future__ import annotations

import random

import pytest
from substrait.proto import Plan

from connectors.statistics import ColumnStatistics, TableStatistics
from gateway.plan import relations
from tests.plans.in_memory import regrouped
from tests.queries import tables as data

COLUMNS = {column.name for table in data.tables() for column in table.columns}
MANY_ROWS = TableStatistics(1_000_000.0, {c: ColumnStatistics(50.0, 0.0) for c in COLUMNS})
NO_GROUPS = TableStatistics(1_000_000.0, {c: ColumnStatistics(900_000.0, 0.0) for c in COLUMNS})

JOIN = "FROM postgres_orders o JOIN memory_people p ON o.person = p.id"
EAGER = {
    "sums and counts": f"""SELECT p.city, sum(o.amount), count(*), count(o.amount), min(o.amount)
        {JOIN} GROUP BY p.city""",
    "sum of whole numbers": f"SELECT p.city, sum(o.qty) {JOIN} GROUP BY p.city",
    "sum of long whole numbers": """SELECT p.city, sum(m.b), max(m.b), count(m.b)
        FROM postgres_numbers m JOIN memory_people p ON m.a = p.boss GROUP BY p.city""",
    "key of either side": f"SELECT o.status, p.city, max(o.qty) {JOIN} GROUP BY o.status, p.city",
    "the other side repeats": """SELECT count(*), sum(o.amount), min(o.status)
        FROM postgres_orders o JOIN memory_orders q ON o.person = q.person""",
    "nothing found": f"SELECT count(*), sum(o.qty), max(o.qty) {JOIN} AND p.id < 0",
    "nothing found in groups": f"SELECT p.id, count(*) {JOIN} AND p.id < 0 GROUP BY p.id",
    "condition over both": f"""SELECT p.name, count(o.qty), sum(o.amount) {JOIN}
        AND (o.qty > p.boss OR o.status = p.city OR p.id < 9) GROUP BY p.name""",
    "a part of two tables": """SELECT p.city, sum(i.price), count(*)
        FROM postgres_items i JOIN postgres_orders o ON i.qty = o.qty
        JOIN memory_people p ON o.person = p.id GROUP BY p.city""",
    "three sources": """SELECT p.city, max(o.qty), count(*) FROM postgres_orders o
        JOIN memory_people p ON o.person = p.id JOIN sqlite_numbers m ON m.id = o.person
        GROUP BY p.city""",
    "semi join beside": f"""SELECT p.city, sum(o.amount), count(*) {JOIN}
        WHERE EXISTS (SELECT 1 FROM memory_nulls n WHERE n.n = o.qty) GROUP BY p.city""",
    "having and order": f"""SELECT p.city AS city, count(*) AS n {JOIN} GROUP BY p.city
        HAVING count(*) > 3 ORDER BY n DESC, city LIMIT 5""",
    "keys with NULLs": """SELECT n.t, m.d, count(n.n), sum(n.d), count(*) FROM postgres_nulls n
        JOIN memory_numbers m ON n.id = m.id GROUP BY n.t, m.d""",
    "from SQLite": """SELECT p.city, count(*), max(o.qty) FROM sqlite_orders o
        JOIN memory_people p ON o.person = p.id GROUP BY p.city""",
}
NOT_EAGER = {
    "floats": "SELECT m.id, sum(n.x) FROM postgres_nulls n JOIN memory_numbers m ON m.id = n.id"
    " GROUP BY m.id",
    "distinct": f"SELECT p.city, count(DISTINCT o.qty) {JOIN} GROUP BY p.city",
    "average": f"SELECT p.city, avg(o.qty) {JOIN} GROUP BY p.city",
    "what may fail": f"SELECT p.city, sum(o.amount * o.qty) {JOIN} GROUP BY p.city",
    "of both sides": f"SELECT p.city, sum(o.qty), sum(p.boss) {JOIN} GROUP BY p.city",
    "outer join": "SELECT p.city, sum(o.qty) FROM memory_people p LEFT JOIN postgres_orders o"
    " ON o.person = p.id GROUP BY p.city",
    "filtered": f"SELECT p.city, sum(o.qty) FILTER (WHERE o.qty > 3) {JOIN} GROUP BY p.city",
    "grouping sets": f"SELECT p.city, o.status, count(*) {JOIN} GROUP BY ROLLUP (p.city, o.status)",
    "decimals in SQLite": "SELECT p.city, sum(o.amount) FROM sqlite_orders o"
    " JOIN memory_people p ON o.person = p.id GROUP BY p.city",
    "floats as keys": "SELECT n.x, count(*) FROM postgres_nulls n"
    " JOIN memory_numbers m ON m.id = n.id GROUP BY n.x",
}


def aggregates_below_joins(plan: Plan | None) -> bool:
    """True when some side of a join is an aggregation."""
    if plan is None:
        return False
    for rel in relations.walk(plan.relations[0].root.input):
        if relations.kind(rel) in {"join", "cross"}:
            for side in relations.inputs(rel):
                if relations.kind(side) == "aggregate":
                    return True
    return False


@pytest.mark.parametrize("name", EAGER)
def test_begun_below_the_join_with_the_same_rows(name: str) -> None:
    assert aggregates_below_joins(regrouped(EAGER[name], MANY_ROWS))


@pytest.mark.parametrize("name", EAGER)
def test_left_above_the_join_where_groups_are_many(name: str) -> None:
    assert not aggregates_below_joins(regrouped(EAGER[name], NO_GROUPS))


@pytest.mark.parametrize("name", EAGER)
def test_left_above_the_join_where_nothing_is_known(name: str) -> None:
    assert not aggregates_below_joins(regrouped(EAGER[name]))


@pytest.mark.parametrize("name", NOT_EAGER)
def test_left_above_the_join(name: str) -> None:
    assert not aggregates_below_joins(regrouped(NOT_EAGER[name], MANY_ROWS))


def test_random_aggregations_keep_their_rows() -> None:
    begun = 0
    for seed in range(120):
        plan = regrouped(_random_aggregation(random.Random(seed)), MANY_ROWS)
        begun += aggregates_below_joins(plan)
    assert begun > 50


_MEASURES = {
    "orders": ("sum({0}.qty)", "min({0}.status)", "max({0}.placed)", "sum({0}.amount)"),
    "people": ("max({0}.born)", "count({0}.city)", "sum({0}.boss)", "min({0}.salary)"),
    "numbers": ("sum({0}.b)", "count({0}.d)", "max({0}.a)", "sum({0}.d)"),
    "nulls": ("sum({0}.n)", "count({0}.t)", "min({0}.day)", "max({0}.t)", "count({0}.x)"),
}
_KEYS = {
    "orders": ("person", "qty"),
    "people": ("id", "boss"),
    "numbers": ("id", "a"),
    "nulls": ("id", "n"),
}
_GROUPS = {"orders": "status", "people": "city", "numbers": "a", "nulls": "t"}


def _random_aggregation(chance: random.Random) -> str:
    names = [chance.choice(list(_KEYS)) for _ in range(chance.choice((2, 2, 3)))]
    places = [
        "postgres",
        chance.choice(("memory", "sqlite")),
        chance.choice(("postgres", "memory")),
    ]
    tables = [f"{places[n]}_{name} t{n}" for n, name in enumerate(names)]
    conditions = [
        f"t{n}.{chance.choice(_KEYS[names[n]])} = t{m}.{chance.choice(_KEYS[names[m]])}"
        for n in range(1, len(names))
        for m in [chance.randrange(n)]
    ]
    if chance.random() < 0.3:
        conditions.append(f"(t0.{_KEYS[names[0]][0]} < t1.{_KEYS[names[1]][1]} OR t0.id > 5)")
        conditions[-1] = conditions[-1].replace("t0.id", f"t0.{_KEYS[names[0]][0]}")
    if chance.random() < 0.15:
        conditions.append(f"t1.{_KEYS[names[1]][0]} < -5")
    measures = [one.format("t0") for one in chance.sample(_MEASURES[names[0]], 2)]
    measures.append("count(*)")
    keys = [f"t{n}.{_GROUPS[names[n]]}" for n in range(len(names)) if chance.random() < 0.5]
    grouped = f" GROUP BY {', '.join(keys)}" if keys else ""
    listed = ", ".join([*keys, *measures])
    return f"SELECT {listed} FROM {', '.join(tables)} WHERE {' AND '.join(conditions)}{grouped}"
