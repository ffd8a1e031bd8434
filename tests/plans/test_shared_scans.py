"""A table that is read twice is asked for the same columns, so that its rows come once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlglot import exp

from gateway.config import Config
from gateway.languages.sql import parse
from gateway.plan.plan import Plan
from gateway.plan.planner import Query, plan_query
from gateway.plan.source import Table, TableName
from tests.plans.tables import tables


def planned(sql: str, known: dict[TableName, Table] | None = None) -> Plan:
    statement = parse(sql)
    opened = known or tables()
    used = {r.name: opened[r.name] for r in statement.references}
    return plan_query(Query(statement.text, statement.tree), used, Config())


def texts(plan: Plan, source: str) -> list[str]:
    return [f.text for f in plan.fragments if f.source.connector == source]


def test_narrower_rows_are_widened() -> None:
    sql = (
        "SELECT a.name, b.name AS other FROM postgres_customers a"
        " JOIN mariadb_orders o ON o.customer = a.id"
        " JOIN postgres_customers b ON b.id = o.id AND b.country <> o.note"
    )
    plan = planned(sql)
    first, second = texts(plan, "postgres")
    assert first == second
    assert len(plan.reductions.twins) == 1


def test_columns_of_another_table_of_the_join_are_others() -> None:
    joined = "postgres_customers a JOIN postgres_customers b ON a.id = b.id AND a.since < b.since"
    sql = (
        f"SELECT x.an, x.bi, y.bn FROM (SELECT a.name an, b.id bi FROM {joined}) x"
        " JOIN mariadb_orders o ON o.customer = x.bi"
        f" LEFT JOIN (SELECT b.name bn FROM {joined}) y ON y.bn = o.note"
    )
    plan = planned(sql)
    first, second = texts(plan, "postgres")
    assert first != second
    assert not plan.reductions.twins


def test_rows_of_another_condition_are_not() -> None:
    sql = (
        "SELECT a.name, b.name AS other FROM postgres_customers a"
        " JOIN mariadb_orders o ON o.customer = a.id"
        " JOIN (SELECT * FROM postgres_customers WHERE id > 3) b"
        " ON b.id = o.id AND b.country <> o.note"
    )
    plan = planned(sql)
    first, second = texts(plan, "postgres")
    assert first != second
    assert not plan.reductions.twins


@pytest.mark.parametrize("wide", ["name, country", "since, country, name, balance"])
def test_much_wider_rows_are_not_shared(wide: str) -> None:
    conditions = " AND ".join(f"b.{c.strip()} IS NOT NULL" for c in wide.split(","))
    sql = (
        "SELECT o.note FROM postgres_customers a JOIN mariadb_orders o ON o.customer = a.id"
        f" JOIN postgres_customers b ON b.id = o.id AND ({conditions} OR o.note = 'x')"
    )
    first, second = texts(planned(sql), "postgres")
    assert first != second


def test_masked_columns_are_no_unmasked_ones() -> None:
    known = tables()
    name = ("postgres_customers",)
    table = known[name]
    rule = exp.EQ(this=exp.column("name", quoted=True), expression=exp.Literal.string("Ann"))
    known[name] = replace(table, security=replace(table.security, row_filter=rule))
    sql = (
        "SELECT a.name, b.name AS other FROM postgres_customers a"
        " JOIN mariadb_orders o ON o.customer = a.id"
        " JOIN postgres_customers b ON b.id = o.id AND b.country <> o.note"
    )
    for text in texts(planned(sql, known), "postgres"):
        assert "'Ann'" in text
