"""Which tables go to their source together once joins are regrouped, and what is left alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import pytest
from sqlglot import exp, parse_one
from substrait.proto import Plan

from bench import tpch
from bench.layouts import ALL_IN_POSTGRES, THREE_SOURCES
from connectors.statistics import ColumnStatistics
from gateway.config import Config
from gateway.engines import datafusion as engine
from gateway.languages.sql import parse
from gateway.plan.explain import explain
from gateway.plan.fragment import FragmentReads
from gateway.plan.planner import Query, plan_query
from gateway.plan.regrouping import regroup
from gateway.plan.sessions import Form, frame_of, register_tables
from gateway.plan.source import Table, TableName
from tests.plans.tpch import tables

QUERIES = tpch.queries()
POSTGRES_AND_FILES = {
    **dict.fromkeys(("customer", "orders", "supplier", "nation", "region"), "postgres"),
    **dict.fromkeys(("part", "partsupp", "lineitem"), "files"),
}

Pieces = Counter[tuple[str, ...]]


def pieces(name: str, opened: Mapping[TableName, Table]) -> Pieces:
    """The tables that each fragment of a query reads."""
    statement = parse(QUERIES[name])
    used = {r.name: opened[r.name] for r in statement.references}
    plan = plan_query(Query(statement.text, statement.tree), used, Config())
    found: Pieces = Counter()
    for fragment in plan.fragments:
        dialect = str(fragment.source).split(":")[0].replace("mariadb", "mysql")
        tree = parse_one(fragment.text, dialect=dialect)
        found[tuple(sorted(table.name for table in tree.find_all(exp.Table)))] += 1
    return found


REGION_OF_CUSTOMERS = ("customer", "nation", "orders", "region")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "q02",
            [("nation", "region")] * 2
            + [("part", "partsupp", "supplier"), ("partsupp",), ("supplier",)],
        ),
        ("q05", [REGION_OF_CUSTOMERS, ("supplier",)]),
        ("q07", [("customer", "nation", "orders"), ("nation",), ("supplier",)]),
        ("q08", [REGION_OF_CUSTOMERS, ("nation",), ("part",), ("supplier",)]),
        ("q09", [("part", "partsupp", "supplier"), ("orders",), ("nation",)]),
        ("q10", [("customer", "nation", "orders")]),
    ],
)
def test_tables_of_one_source_go_there_together(name: str, expected: list[tuple[str, ...]]) -> None:
    assert pieces(name, tables(THREE_SOURCES)) == Counter(expected)


def test_tables_meet_in_two_pieces_where_a_query_names_one_twice() -> None:
    expected = [("customer", "nation", "orders"), ("nation", "supplier")]
    assert pieces("q07", tables(POSTGRES_AND_FILES)) == Counter(expected)


def test_joins_of_many_with_many_stay_apart() -> None:
    """In q05 nothing but the nation ties customer and supplier together in PostgreSQL."""
    found = pieces("q05", tables(POSTGRES_AND_FILES))
    assert len(found) == 2
    assert not any({"customer", "supplier"} <= set(piece) for piece in found)


def test_without_statistics_only_joins_of_the_query_are_made() -> None:
    found = pieces("q08", tables(THREE_SOURCES, known=False))
    assert found == Counter([REGION_OF_CUSTOMERS, ("nation",), ("part",), ("supplier",)])
    found = pieces("q05", tables(THREE_SOURCES, known=False))
    assert ("customer", "nation") not in found
    assert ("customer", "orders") in found


@pytest.mark.parametrize("name", ["q05", "q09", "q21"])
def test_small_sides_are_built(name: str) -> None:
    """The engine builds a table of the left side of a join: never of the largest table."""
    statement = parse(QUERIES[name])
    opened = tables(THREE_SOURCES)
    used = {r.name: opened[r.name] for r in statement.references}
    plan = plan_query(Query(statement.text, statement.tree), used, Config())
    (text,) = (r["text"] for r in explain(plan, Config()).to_pylist() if r["item"] == "remainder")
    lines = [line.strip() for line in text.splitlines()]
    first_sides = [lines[n + 1] for n, line in enumerate(lines) if line.startswith("Inner Join:")]
    assert first_sides
    assert not any(side.startswith("TableScan: lineitem") for side in first_sides), text


def substrait(sql: str, opened: Mapping[TableName, Table]) -> tuple[Plan, dict[TableName, Table]]:
    statement = parse(sql)
    used = {r.name: opened[r.name] for r in statement.references if r.name in opened}
    context = engine.session(Config())
    register_tables(context, used, {}, FragmentReads(), Form.SECURED)
    logical = frame_of(context, statement.text).optimized_logical_plan()
    return engine.to_substrait(logical, context), used


@pytest.mark.parametrize("name", QUERIES)
def test_queries_of_one_source_are_left_as_they_are(name: str) -> None:
    plan, used = substrait(QUERIES[name], tables(ALL_IN_POSTGRES))
    before = plan.SerializeToString()
    assert not regroup(plan, used, subqueries=True)
    assert plan.SerializeToString() == before


def test_rows_bound_to_their_region_are_never_regrouped() -> None:
    opened = tables(THREE_SOURCES)
    customer = opened[("customer",)]
    bound = replace(customer.security, minimum_rows=5)
    opened[("customer",)] = replace(customer, security=bound)
    plan, used = substrait(QUERIES["q05"], opened)
    before = plan.SerializeToString()
    assert not regroup(plan, used, subqueries=False)
    assert plan.SerializeToString() == before


def test_what_a_policy_hides_decides_no_order() -> None:
    """Of a governed table no more than the size of its size is known."""
    found = []
    for rows in (1_100_000.0, 2_500_000.0):
        opened = tables(THREE_SOURCES)
        for name in ("orders", "nation"):
            table = opened[(name,)]
            column = table.dataset.schema.names[0]
            security = replace(
                table.security, row_filter=parse_one(f'"{column}" > 3', dialect="postgres")
            )
            statistics = table.statistics
            if name == "orders":
                known = {c: ColumnStatistics(rows % 7) for c in table.dataset.schema.names}
                statistics = replace(statistics, rows=rows, columns=known)
            opened[(name,)] = replace(table, security=security, statistics=statistics)
        statement = parse(QUERIES["q05"])
        used = {r.name: opened[r.name] for r in statement.references}
        plan = plan_query(Query(statement.text, statement.tree), used, Config())
        found.append(explain(plan, Config()).column("text").to_pylist())
    assert found[0] == found[1]


def test_conditions_that_may_fail_stay_where_they_are() -> None:
    """A join with a division in its condition is one leaf: its order among others may change."""
    sql = """SELECT c_name FROM customer JOIN lineitem ON l_orderkey = c_custkey
        AND 10 / l_linenumber > c_nationkey JOIN orders ON o_custkey = c_custkey
        JOIN supplier ON s_suppkey = l_suppkey JOIN nation ON n_nationkey = o_shippriority"""
    opened = tables(THREE_SOURCES)
    statement = parse(sql)
    used = {r.name: opened[r.name] for r in statement.references}
    plan = plan_query(Query(statement.text, statement.tree), used, Config())
    (text,) = (r["text"] for r in explain(plan, Config()).to_pylist() if r["item"] == "remainder")
    lines = [line.strip() for line in text.splitlines()]
    at = next(n for n, line in enumerate(lines) if " / " in line and "Join:" in line)
    tables_below = [line for line in lines[at + 1 :] if line.startswith("TableScan")][:2]
    assert any("lineitem" in line for line in tables_below)
