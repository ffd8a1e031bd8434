"""Which fragments' keys may reduce which: by the meaning of the joins between them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlglot import exp

from connectors.statistics import TableStatistics
from gateway.config import Config
from gateway.languages.sql import parse
from gateway.model import Residency
from gateway.plan.explain import explain
from gateway.plan.plan import Plan
from gateway.plan.planner import Query, plan_query
from gateway.plan.source import Table, TableName, Tables
from tests.plans.tables import tables


def planned(sql: str, known: Tables | None = None) -> Plan:
    statement = parse(sql)
    opened = known or tables()
    used = {r.name: opened[r.name] for r in statement.references}
    return plan_query(Query(statement.text, statement.tree), used, Config())


def paths(sql: str, known: Tables | None = None) -> set[tuple[str, str]]:
    """The paths as (giver, taker), each a source and the column its fragment's text has there."""
    plan = planned(sql, known)

    def shown(number: int, column: int) -> str:
        block = plan.reductions.fragments[number].block
        tree = block.columns[column].sql
        name = next(found.name for found in tree.find_all(exp.Column))
        return f"{block.source.key.connector}.{name}"

    return {
        (
            shown(path.giver.fragment, path.giver.column),
            shown(path.taker.fragment, path.taker.column),
        )
        for path in plan.reductions.paths
    }


INNER = "FROM postgres_customers c JOIN duckdb_orders o ON o.customer = c.id"
"""A customer of one source with the orders of another."""


def test_an_inner_join_leads_both_ways() -> None:
    assert paths(f"SELECT c.name, o.amount {INNER}") == {
        ("postgres.id", "duckdb.customer"),
        ("duckdb.customer", "postgres.id"),
    }


def test_an_outer_join_reduces_the_side_that_may_be_missing() -> None:
    sql = (
        "SELECT c.name, o.amount FROM postgres_customers c"
        " {} JOIN duckdb_orders o ON o.customer = c.id"
    )
    assert paths(sql.format("LEFT")) == {("postgres.id", "duckdb.customer")}
    assert paths(sql.format("RIGHT")) == {("duckdb.customer", "postgres.id")}
    assert paths(sql.format("FULL")) == set()


def test_a_semi_join_leads_both_ways_and_an_anti_join_to_what_is_tested() -> None:
    sql = (
        "SELECT name FROM postgres_customers c WHERE {}"
        " (SELECT 1 FROM duckdb_orders o WHERE o.customer = c.id)"
    )
    assert paths(sql.format("EXISTS")) == {
        ("postgres.id", "duckdb.customer"),
        ("duckdb.customer", "postgres.id"),
    }
    assert paths(sql.format("NOT EXISTS")) == {("postgres.id", "duckdb.customer")}


def test_not_in_is_left_alone() -> None:
    plan = planned(
        "SELECT name FROM postgres_customers WHERE id NOT IN (SELECT customer FROM duckdb_orders)"
    )
    assert plan.reductions.paths == ()


def test_null_safe_equality_gives_no_keys() -> None:
    assert not paths(
        "SELECT c.name FROM postgres_customers c"
        " JOIN duckdb_orders o ON o.customer IS NOT DISTINCT FROM c.id"
    )


def test_keys_go_down_into_an_aggregate_over_its_keys() -> None:
    grouped = (
        "SELECT c.name, s.total FROM postgres_customers c JOIN"
        " (SELECT customer, max(note) AS total, max(id) AS last"
        " FROM duckdb_orders GROUP BY customer) s ON {} = c.id"
    )
    assert ("postgres.id", "duckdb.customer") in paths(grouped.format("s.customer"))
    assert ("postgres.id", "duckdb.id") not in paths(grouped.format("s.last"))


def test_a_limit_keeps_keys_out() -> None:
    limited = (
        "SELECT c.name FROM memory_customers m JOIN"
        " (SELECT c.id, c.name FROM postgres_customers c JOIN duckdb_orders o ON o.id = c.id"
        " ORDER BY c.name LIMIT 3) c ON m.id = c.id"
    )
    assert paths(limited) == {("postgres.id", "duckdb.id"), ("duckdb.id", "postgres.id")}


def test_equal_columns_hand_keys_on() -> None:
    sql = (
        "SELECT c.name FROM postgres_customers c JOIN duckdb_orders o ON o.customer = c.id"
        " JOIN mariadb_orders m ON m.customer = o.customer"
    )
    assert ("mariadb.customer", "postgres.id") in paths(sql)
    assert ("postgres.id", "mariadb.customer") in paths(sql)


def test_floats_and_expressions_neither_give_nor_take() -> None:
    assert not paths(
        "SELECT p.id FROM postgres_orders p JOIN duckdb_orders d ON p.weight = d.weight"
    )
    assert not paths(
        "SELECT p.id FROM postgres_orders p JOIN duckdb_orders d ON p.id + 1 = d.id - 1"
    )


def test_texts_dates_and_decimals_give_and_take() -> None:
    for left, right in (("name", "name"), ("since", "since"), ("balance", "balance")):
        found = paths(
            f"SELECT p.id FROM postgres_customers p JOIN duckdb_customers d ON p.{left} = d.{right}"
        )
        assert found == {
            (f"postgres.{left}", f"duckdb.{right}"),
            (f"duckdb.{right}", f"postgres.{left}"),
        }


def test_rows_bound_to_a_region_give_no_keys_and_may_take_them() -> None:
    known = dict(tables())
    table = known[("postgres_customers",)]
    bound = replace(table.dataset, residency=Residency(("eu",)))
    known[("postgres_customers",)] = replace(table, dataset=bound)
    assert paths(f"SELECT c.name, o.amount {INNER}", known) == {("duckdb.customer", "postgres.id")}


@pytest.mark.parametrize("rows", [10, None])
def test_rows_bound_to_groups_stop_all_keys(rows: int | None) -> None:
    known = dict(tables())
    table = known[("mariadb_orders",)]
    known[("mariadb_orders",)] = replace(table, security=replace(table.security, minimum_rows=rows))
    sql = (
        f"SELECT c.name, o.amount {INNER}"
        " CROSS JOIN (SELECT count(*) AS n FROM mariadb_orders) m WHERE m.n > o.id"
    )
    assert bool(paths(sql, known)) is (rows is None)


def test_twins_are_the_fragments_that_ask_for_the_same() -> None:
    sql = (
        "SELECT a.name FROM postgres_customers a JOIN duckdb_orders o ON o.customer = a.id"
        " JOIN (SELECT * FROM postgres_customers WHERE name = '{}') b ON o.id = b.id"
    )
    same = (
        "SELECT a.name FROM (SELECT * FROM postgres_customers WHERE name = 't1') a"
        " JOIN duckdb_orders o ON o.customer = a.id"
        " JOIN (SELECT * FROM postgres_customers WHERE name = '{}') b"
        " ON o.id = b.id AND b.name <> o.note AND a.name <> o.note"
    )
    assert not planned(sql.format("t1")).reductions.twins
    assert len(planned(same.format("t1")).reductions.twins) == 1
    assert not planned(same.format("t2")).reductions.twins


def governed(source: str, *, discloses: bool = False) -> dict[TableName, Table]:
    """The tables, of known size, with a row filter over the source's customers."""
    known = {n: replace(t, statistics=TableStatistics(10.0**6)) for n, t in tables().items()}
    table = known[(f"{source}_customers",)]
    rule = exp.EQ(this=exp.column("name", quoted=True), expression=exp.Literal.string("Ann"))
    security = replace(table.security, row_filter=rule, discloses=discloses)
    known[(f"{source}_customers",)] = replace(table, security=security)
    return known


def test_keys_do_not_go_where_statistics_of_hidden_rows_skip_rows() -> None:
    sql = "SELECT c.name, o.amount FROM {}_customers c JOIN mariadb_orders o ON o.customer = c.id"
    into_duckdb = paths(sql.format("duckdb"), governed("duckdb"))
    assert into_duckdb == {("duckdb.id", "mariadb.customer")}
    into_postgres = paths(sql.format("postgres"), governed("postgres"))
    assert ("mariadb.customer", "postgres.id") in into_postgres


@pytest.mark.parametrize("discloses", [True, False])
def test_explain_has_no_numbers_of_hidden_rows(discloses: bool) -> None:
    plan = planned(
        "SELECT c.name, o.amount FROM postgres_customers c"
        " JOIN mariadb_orders o ON o.customer = c.id WHERE o.note = 'a'",
        governed("postgres", discloses=discloses),
    )
    rows = explain(plan, Config()).to_pylist()
    texts = [row["text"] for row in rows if row["item"] == "reduction"]
    assert texts
    assert all(("if few keys come" in text) is not discloses for text in texts)


def test_a_computed_column_takes_no_keys() -> None:
    """Its source might compute the condition for rows that another one removes."""
    sql = (
        "SELECT c.name FROM duckdb_customers c JOIN"
        " (SELECT 10 / id AS tenth FROM postgres_orders WHERE id <> 0) o ON o.tenth = c.id"
    )
    assert paths(sql) == {("postgres.id", "duckdb.id")}
