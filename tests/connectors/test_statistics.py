"""What each source says of a table it holds, against what the table holds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from bench.mesh import Product
from bench.sources import Column, Table
from bench.stores import STORES, stored
from connectors import memory, open_connector
from connectors.interface import Binding
from connectors.statistics import ProvidesStatistics, TableStatistics, value_of
from tests.services import MariaDb, Postgres

ROWS = 5000
ORDERS = Table(
    "orders",
    (
        Column("id", "BIGINT", nullable=False),
        Column("customer", "INTEGER"),
        Column("placed", "DATE"),
        Column("note", "VARCHAR(40)"),
    ),
    ("id",),
    pa.table(
        {
            "id": pa.array(range(1, ROWS + 1), pa.int64()),
            "customer": pa.array([i % 50 or None for i in range(ROWS)], pa.int32()),
            "placed": [dt.date(2024, 1, 1) + dt.timedelta(days=i % 100) for i in range(ROWS)],
            "note": [f"note {i % 7}" for i in range(ROWS)],
        }
    ),
    (("customer",),),
)


@contextmanager
def asked(product: Product) -> Iterator[ProvidesStatistics]:
    connector = open_connector(Binding(product.connector, product.direct or product.uri, ""))
    assert isinstance(connector, ProvidesStatistics)
    try:
        yield connector
    finally:
        connector.close()


@pytest.fixture(scope="module")
def found(postgres: Postgres, mariadb: MariaDb) -> dict[str, TableStatistics]:
    """The statistics of the same table in every store."""
    uri = memory.register("statistics", {"orders": ORDERS.rows})
    told = {}
    with stored(dict.fromkeys(STORES, (ORDERS,))) as (_, products):
        for name, product in {**products, "memory": Product("memory", "memory", uri)}.items():
            with asked(product) as connector:
                told[name] = connector.statistics(
                    "orders.parquet" if name == "parquet" else "orders"
                )
    memory.forget("statistics")
    return told


@pytest.mark.parametrize("source", [*STORES, "memory"])
def test_rows(source: str, found: dict[str, TableStatistics]) -> None:
    assert found[source].rows == pytest.approx(ROWS, rel=0.1)


@pytest.mark.parametrize("source", ["postgres", "mariadb", "sqlite", "duckdb"])
def test_only_enforced_keys_identify_a_row(source: str, found: dict[str, TableStatistics]) -> None:
    assert found[source].unique == (("id",),)


@pytest.mark.parametrize("source", ["postgres", "mariadb", "sqlite", "duckdb"])
def test_indexes(source: str, found: dict[str, TableStatistics]) -> None:
    assert ("id",) in found[source].indexes


def test_distinct_values(found: dict[str, TableStatistics]) -> None:
    assert ("customer",) in found["postgres"].indexes
    assert found["postgres"].column("customer").distinct == pytest.approx(49, abs=2)
    for source in ("postgres", "mariadb", "sqlite"):
        assert found[source].column("id").distinct == pytest.approx(ROWS, rel=0.1)


@pytest.mark.parametrize("source", ["postgres", "mariadb", "parquet"])
def test_bounds(source: str, found: dict[str, TableStatistics]) -> None:
    column = found[source].column("id")
    assert (column.least, column.greatest) == (1, ROWS)


@pytest.mark.parametrize("source", ["postgres", "parquet"])
def test_dates_and_nulls(source: str, found: dict[str, TableStatistics]) -> None:
    column = found[source].column("placed")
    assert (column.least, column.greatest) == (dt.date(2024, 1, 1), dt.date(2024, 4, 9))
    share = pc.sum(pc.is_null(ORDERS.rows["customer"])).as_py() / ROWS
    assert found[source].column("customer").null_share == pytest.approx(share, abs=0.01)


def test_texts_have_no_bounds(found: dict[str, TableStatistics]) -> None:
    """Their order is the source's own."""
    assert {s.column("note").least for s in found.values()} == {None}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("-3.50", pytest.approx(-3.5)),
        ("2024-02-29", dt.date(2024, 2, 29)),
        ("2024-02-29 10:00:00", dt.datetime(2024, 2, 29, 10)),
        ("NaN", None),
        ("infinity", None),
        ("Berlin", "Berlin"),
        (None, None),
    ],
)
def test_values_in_catalogues(text: str | None, value: object) -> None:
    found = value_of(text)
    assert (float(found) if isinstance(value, type(pytest.approx(0))) else found) == value  # type: ignore[arg-type]
