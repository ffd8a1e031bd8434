"""Estimates of relations: textbook rules over what sources say, and nothing of governed tables."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlglot import exp

from connectors.files import FilesConnector
from connectors.interface import Binding
from connectors.statistics import ColumnStatistics, TableStatistics
from gateway.config import Config
from gateway.engines import datafusion as engine
from gateway.languages.sql import parse
from gateway.plan.estimates import Estimator
from gateway.plan.fragment import FragmentReads
from gateway.plan.relation_estimate import DEFAULT_ROWS, Estimate
from gateway.plan.relations import function_names
from gateway.plan.security import Security
from gateway.plan.sessions import Form, register_tables
from gateway.plan.source import Table
from tests.gateways import dataset
from tests.plans.tables import tables

CUSTOMERS = TableStatistics(
    1000.0,
    {
        "id": ColumnStatistics(1000, 0.0, 1, 1000),
        "country": ColumnStatistics(20, 0.1, width=2),
        "since": ColumnStatistics(365, 0.0, dt.date(2020, 1, 1), dt.date(2021, 1, 1)),
    },
    unique=(("id",),),
)
ORDERS = TableStatistics(
    50_000.0,
    {
        "id": ColumnStatistics(50_000, 0.0, 1, 50_000),
        "customer": ColumnStatistics(800, 0.0, 1, 1000),
    },
    unique=(("id",),),
)
KNOWN = {"orders": ORDERS, "customers": CUSTOMERS}


def estimate(sql: str, **changes: Table) -> Estimate:
    """The estimate for the whole of a query over customers in PostgreSQL, orders in MariaDB."""
    statement = parse(
        sql.replace("customers", "postgres_customers").replace("orders", "mariadb_orders")
    )
    opened = {
        name: replace(table, statistics=KNOWN[name[0].split("_")[1]])
        for name, table in tables().items()
    }
    opened |= {(name,): table for name, table in changes.items()}
    used = {r.name: opened[r.name] for r in statement.references}
    context = engine.session(Config())
    register_tables(context, used, {}, FragmentReads(), Form.OPAQUE)
    plan = engine.to_substrait(context.sql(statement.text).optimized_logical_plan(), context)
    return Estimator(used, function_names(plan)).of(plan.relations[0].root.input)


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT * FROM customers", 1000),
        ("SELECT * FROM customers WHERE id = 7", 1),
        ("SELECT * FROM customers WHERE country = 'DE'", 1000 * 0.9 / 20),
        ("SELECT * FROM customers WHERE country <> 'DE'", 1000 * (1 - 0.9 / 20)),
        ("SELECT * FROM customers WHERE country IS NULL", 100),
        ("SELECT * FROM customers WHERE country IS NOT NULL", 900),
        ("SELECT * FROM orders WHERE id > 40000", 10_000),
        ("SELECT * FROM orders WHERE id > 10000 AND id <= 20000", 10_000),
        ("SELECT * FROM orders WHERE 10000 < id AND 20000 >= id", 10_000),
        ("SELECT * FROM customers WHERE since < DATE '2020-07-02'", 500),
        ("SELECT * FROM customers LIMIT 5", 5),
        ("SELECT country, count(*) FROM customers GROUP BY country", 20),
        ("SELECT count(*) FROM customers", 1),
        ("SELECT DISTINCT customer FROM orders", 800),
        ("SELECT c.id FROM customers c JOIN orders o ON c.id = o.customer", 50_000),
        ("SELECT c.id FROM customers c LEFT JOIN orders o ON c.id = o.id", 1000),
        ("SELECT c.id FROM customers c WHERE c.id IN (SELECT customer FROM orders)", 800),
        ("SELECT c.id FROM customers c WHERE NOT EXISTS"
         " (SELECT 1 FROM orders o WHERE o.customer = c.id)", 200),
        ("SELECT id FROM customers UNION ALL SELECT id FROM orders", 51_000),
        ("SELECT c.id FROM customers c CROSS JOIN orders o", 50_000_000),
        ("SELECT o.id FROM customers c JOIN orders o ON c.id = o.customer WHERE c.id = 3", 62.5),
    ],
)  # fmt: skip
def test_rows(sql: str, rows: float) -> None:
    assert estimate(sql).rows == pytest.approx(rows, rel=0.01, abs=0.6)


@pytest.mark.parametrize(
    ("sql", "unique"),
    [
        ("SELECT name, id FROM customers", {1}),
        ("SELECT name, id FROM customers WHERE id > 3 ORDER BY name", {1}),
        ("SELECT country, count(*) FROM customers GROUP BY country", {0}),
        ("SELECT o.id, c.name FROM customers c JOIN orders o ON c.id = o.customer", {0}),
        ("SELECT o.id, c.name FROM orders o LEFT JOIN customers c ON c.id = o.customer", {0}),
    ],
)
def test_what_identifies_a_row(sql: str, unique: set[int]) -> None:
    assert frozenset(unique) in estimate(sql).unique


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT customer, note FROM orders",
        "SELECT c.id FROM customers c JOIN orders o ON c.id = o.customer",
        "SELECT id FROM customers UNION ALL SELECT id FROM orders",
        # rows without a partner have NULL in the key of the other side
        "SELECT c.id, o.customer FROM orders o LEFT JOIN customers c ON o.id = c.id",
        "SELECT o.id FROM customers c FULL JOIN orders o ON c.id = o.id",
        # two ids may be the same once they are cast
        "SELECT o.id FROM orders o JOIN customers c ON o.customer = CAST(c.id AS SMALLINT)",
    ],
)
def test_what_does_not_identify_a_row(sql: str) -> None:
    assert frozenset({0}) not in estimate(sql).unique


def test_a_table_of_which_nothing_is_known() -> None:
    bare = tables()[("postgres_customers",)]
    assert estimate("SELECT * FROM customers", postgres_customers=bare).rows == DEFAULT_ROWS


def test_what_a_read_skips_by_is_counted_once(tmp_path: Path) -> None:
    """The engine filters again what it has files skip by: both have the same condition."""
    days = pa.table({"day": pa.array(range(1000), pa.int64())})
    pq.write_table(days, tmp_path / "days.parquet")
    files = FilesConnector(str(tmp_path), {})
    schema = files.schema("days.parquet")
    opened = dataset("files", "days", Binding("files", str(tmp_path), "days.parquet"), schema)
    statistics = TableStatistics(1000.0, {"day": ColumnStatistics(1000, 0.0, 1, 1000)})
    table = Table(opened, files, None, Security(schema), statistics=statistics)
    context = engine.session(Config())
    register_tables(context, {("days",): table}, {}, FragmentReads(), Form.OPAQUE)
    sql = "SELECT day FROM days WHERE day > 900"
    logical = context.sql(sql).optimized_logical_plan()
    assert "partial_filters" in logical.display_indent()
    plan = engine.to_substrait(logical, context)
    found = Estimator({("days",): table}, function_names(plan)).of(plan.relations[0].root.input)
    assert found.rows == pytest.approx(100, abs=2)


@pytest.mark.parametrize("rows", [400_000.0, 1_000_000.0, 2_900_000.0])
def test_of_a_governed_table_only_the_magnitude_counts(rows: float) -> None:
    """Values and exact numbers are those of hidden rows as well."""
    found = []
    for statistics in (replace(CUSTOMERS, rows=rows), TableStatistics(1_000_000.0)):
        table = tables()[("postgres_customers",)]
        security = Security(table.dataset.schema, row_filter=exp.true())
        secured = replace(table, security=security, statistics=statistics)
        sql = "SELECT country, since FROM customers WHERE id = 5 AND since < DATE '2020-02-01'"
        found.append(estimate(sql, postgres_customers=secured))
    assert found[0] == found[1]


def test_an_unknown_column_refers_to_the_key_it_is_compared_with() -> None:
    """Nothing is known of how many customers the orders have: no more than there are."""
    unknown = replace(ORDERS, columns={"id": ORDERS.columns["id"]})
    orders = replace(tables()[("mariadb_orders",)], statistics=unknown)
    sql = "SELECT o.note FROM orders o JOIN customers c ON c.id = o.customer"
    assert estimate(sql, mariadb_orders=orders).rows == 50_000
    few = f"{sql} WHERE c.country = 'DE'"
    assert estimate(few, mariadb_orders=orders).rows == pytest.approx(50_000 * 0.9 / 20)


def test_an_unknown_column_is_not_bound_by_one_that_is_no_key() -> None:
    unknown = replace(ORDERS, columns={"id": ORDERS.columns["id"]})
    orders = replace(tables()[("mariadb_orders",)], statistics=unknown)
    customers = replace(tables()[("postgres_customers",)], statistics=replace(CUSTOMERS, unique=()))
    sql = "SELECT o.note FROM orders o JOIN customers c ON c.id = o.customer"
    changed = estimate(sql, mariadb_orders=orders, postgres_customers=customers)
    assert changed.rows == 50_000 * 1000 / 5000
