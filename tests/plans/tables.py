"""Tables for plan tests: real connectors that are never connected, and schemas written down."""

from __future__ import annotations

import pyarrow as pa

from connectors import memory, open_connector
from connectors.interface import PHYSICAL_TYPE, Binding, Connector, RunsSql
from gateway.model import Address, Dataset
from gateway.plan.security import Security
from gateway.plan.source import Source, Table, TableName

CONNECTORS: dict[str, Connector] = {
    "postgres": open_connector(Binding("postgres", "postgresql://u@127.0.0.1:1/shop", "")),
    "mariadb": open_connector(Binding("mariadb", "mariadb://u:x@127.0.0.1:1/shop", "")),
    "sqlite": open_connector(Binding("sqlite", "/nowhere/shop.sqlite", "")),
    "duckdb": open_connector(Binding("duckdb", "/nowhere/shop.duckdb", "")),
    "memory": open_connector(Binding("memory", "memory://plans", "")),
}


def field(name: str, data_type: pa.DataType, physical: str, *, required: bool = False) -> pa.Field:
    return pa.field(name, data_type, not required, {PHYSICAL_TYPE: physical.encode()})


COLUMNS = {
    "customers": [
        field("id", pa.int64(), "bigint", required=True),
        field("name", pa.string(), "text"),
        field("country", pa.string(), "character(2)"),
        field("since", pa.date32(), "date"),
        field("balance", pa.decimal128(15, 2), "numeric(15,2)"),
    ],
    "orders": [
        field("id", pa.int64(), "bigint", required=True),
        field("customer", pa.int64(), "bigint"),
        field("placed", pa.timestamp("us"), "timestamp without time zone"),
        field("amount", pa.decimal128(15, 2), "numeric(15,2)"),
        field("weight", pa.float64(), "double precision"),
        field("note", pa.string(), "text"),
    ],
}


def tables() -> dict[TableName, Table]:
    """Every table in every source: ``postgres_orders``, ``sqlite_customers`` ..."""
    rows = {name: pa.schema(columns).empty_table() for name, columns in COLUMNS.items()}
    memory.register("plans", rows)
    opened: dict[TableName, Table] = {}
    for source, connector in CONNECTORS.items():
        for name, columns in COLUMNS.items():
            dataset = Dataset(
                Address("shop", source, name, "1.0.0"),
                pa.schema(columns),
                Binding(source, "", name),
            )
            sql = (
                Source(connector.source_key, connector) if isinstance(connector, RunsSql) else None
            )
            opened[(f"{source}_{name}",)] = Table(dataset, connector, sql, Security(dataset.schema))
    return opened
