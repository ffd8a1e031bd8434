"""Joins that a slow source would walk through: fetched apart, and reduced by keys."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlglot import exp

from connectors.statistics import ColumnStatistics, TableStatistics
from gateway.config import Config
from gateway.languages.sql import parse
from gateway.plan.explain import explain
from gateway.plan.plan import Plan
from gateway.plan.planner import Query, plan_query
from gateway.plan.reduction import expected_steps
from gateway.plan.security import Security
from tests.plans.tables import tables

CUSTOMERS = TableStatistics(
    10_000.0,
    {"id": ColumnStatistics(10_000.0, 0.0, 1, 10_000)},
    unique=(("id",),),
    indexes=(("id",),),
)
ORDERS = TableStatistics(
    800_000.0,
    {"id": ColumnStatistics(800_000.0, 0.0, 1, 800_000)},
    unique=(("id",),),
    indexes=(("id",),),
)
INDEXED = replace(ORDERS, indexes=(("id",), ("customer", "id")))
COUNTRIES = TableStatistics(25.0, {"id": ColumnStatistics(25.0)}, unique=(("id",),))

JOINED = "SELECT c.name, o.amount FROM {0}_customers c JOIN {0}_orders o ON c.id = o.customer"
REDUCED = (
    "SELECT c.name, o.amount FROM postgres_customers n"
    " JOIN {0}_customers c ON n.since = c.since JOIN {0}_orders o ON c.id = o.customer"
    " WHERE n.name = 'x'"
)


def planned(sql: str, orders: TableStatistics = ORDERS, **security: Security) -> Plan:
    statement = parse(sql)
    opened = {}
    for reference in statement.references:
        table = tables()[reference.name]
        name = reference.name[0].split("_")[1]
        known = {"customers": CUSTOMERS, "orders": orders}[name]
        secured = security.get(name, table.security)
        opened[reference.name] = replace(table, statistics=known, security=secured)
    return plan_query(Query(statement.text, statement.tree), opened, Config())


def joined(plan: Plan) -> bool:
    return any("JOIN" in fragment.text for fragment in plan.fragments)


def shown(plan: Plan) -> list[str]:
    rows = explain(plan, Config()).to_pylist()
    return [row["text"] for row in rows if row["item"] == "placement"]


def test_a_join_without_an_index_on_its_larger_side_is_taken_apart() -> None:
    plan = planned(JOINED.format("mariadb"))
    assert not joined(plan)
    (choice,) = shown(plan)
    assert choice.startswith("pulled: the source joins slowly, and has no index on the larger side")
    assert choice.endswith("(800000 rows looked up in 10000)")


def test_with_an_index_it_stays_together() -> None:
    filtered = JOINED.format("mariadb") + " WHERE c.name = 'x'"
    assert joined(planned(filtered, INDEXED))
    assert not joined(planned(filtered, ORDERS))


def test_an_index_that_the_column_does_not_lead_is_none() -> None:
    behind = replace(ORDERS, indexes=(("id",), ("id", "customer")))
    assert not joined(planned(JOINED.format("mariadb"), behind))


def test_other_sources_join_well_without_one() -> None:
    for source in ("sqlite", "duckdb"):
        assert planned(JOINED.format(source)).whole


def test_few_rows_are_looked_up_in_a_moment() -> None:
    few = TableStatistics(40_000.0, ORDERS.columns, ORDERS.unique, ORDERS.indexes)
    assert joined(planned(JOINED.format("mariadb"), few))


@pytest.mark.parametrize(("condition", "apart"), [(" WHERE c.name = 'x'", True), ("", False)])
def test_what_is_grouped_above_is_taken_apart_where_few_rows_stay(
    condition: str, apart: bool
) -> None:
    sql = (
        "SELECT c.country, count(*) AS n FROM mariadb_customers c"
        f" JOIN mariadb_orders o ON c.id = o.customer{condition} GROUP BY c.country"
    )
    assert joined(planned(sql)) is not apart


def test_each_part_takes_the_keys_of_the_one_before() -> None:
    plan = planned(REDUCED.format("mariadb"))
    assert not joined(plan)
    texts = {fragment.number: fragment.text for fragment in plan.fragments}
    (orders,) = (number for number, text in texts.items() if "`orders`" in text)
    (customers,) = (number for number, text in texts.items() if "`customers`" in text)
    steps = {
        (place.fragment, step.taker.fragment)
        for step in expected_steps(plan.reductions, Config())
        for place in step.givers
    }
    assert (customers, orders) in steps


def test_of_governed_tables_nothing_is_decided_so() -> None:
    raw = tables()[("mariadb_customers",)].security.raw
    hidden = Security(raw, row_filter=exp.true())
    plan = planned(JOINED.format("mariadb"), orders=ORDERS)
    assert not joined(plan)
    plan = planned(JOINED.format("mariadb"), customers=hidden)
    assert joined(plan)
    assert shown(plan) == []
