"""TPC-H for plan tests: connectors that are never connected, statistics of scale factor 1."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from bench import tpch
from connectors import memory, open_connector
from connectors.interface import PHYSICAL_TYPE, Binding, RunsSql
from connectors.statistics import UNKNOWN, ColumnStatistics, TableStatistics
from gateway.model import Address, Dataset
from gateway.plan.security import Security
from gateway.plan.source import Source, Table, TableName
from tests.plans.tables import CONNECTORS

_INTEGERS = {
    "o_shippriority",
    "p_size",
    "ps_availqty",
    "l_linenumber",
    "s_nationkey",
    "c_nationkey",
}
_COLUMNS = {
    "region": "r_regionkey r_name r_comment",
    "nation": "n_nationkey n_name n_regionkey n_comment",
    "supplier": "s_suppkey s_name s_address s_nationkey s_phone s_acctbal s_comment",
    "customer": "c_custkey c_name c_address c_nationkey c_phone c_acctbal c_mktsegment c_comment",
    "part": "p_partkey p_name p_mfgr p_brand p_type p_size p_container p_retailprice p_comment",
    "partsupp": "ps_partkey ps_suppkey ps_availqty ps_supplycost ps_comment",
    "orders": "o_orderkey o_custkey o_orderstatus o_totalprice o_orderdate o_orderpriority o_clerk"
    " o_shippriority o_comment",
    "lineitem": "l_orderkey l_partkey l_suppkey l_linenumber l_quantity l_extendedprice l_discount"
    " l_tax l_returnflag l_linestatus l_shipdate l_commitdate l_receiptdate l_shipinstruct"
    " l_shipmode l_comment",
}
_DECIMALS = ("bal", "price", "cost", "quantity", "discount", "tax")
_ROWS = {
    "region": 5.0,
    "nation": 25.0,
    "supplier": 10_000.0,
    "customer": 150_000.0,
    "part": 200_000.0,
    "partsupp": 800_000.0,
    "orders": 1_500_000.0,
    "lineitem": 6_001_215.0,
}
_DISTINCT = {
    "regionkey": 5.0,
    "nationkey": 25.0,
    "suppkey": 10_000.0,
    "custkey": 100_000.0,
    "partkey": 200_000.0,
    "orderkey": 1_500_000.0,
    "date": 2500.0,
    "mktsegment": 5.0,
    "brand": 25.0,
    "size": 50.0,
    "type": 150.0,
    "returnflag": 3.0,
    "orderstatus": 3.0,
    "container": 40.0,
    "shipmode": 7.0,
    "r_name": 5.0,
    "n_name": 25.0,
}

_STORE = "tpch-plans"


def schema_of(name: str) -> pa.Schema:
    """The columns of a table, with the types of the specification."""
    return pa.schema([_field(column) for column in _COLUMNS[name].split()])


def _field(name: str) -> pa.Field:
    data_type, physical = pa.string(), "text"
    if name.endswith("key"):
        data_type, physical = pa.int64(), "bigint"
    elif name.endswith("date"):
        data_type, physical = pa.date32(), "date"
    elif name.endswith(_DECIMALS):
        data_type, physical = pa.decimal128(15, 2), "numeric(15,2)"
    elif name in _INTEGERS:
        data_type, physical = pa.int32(), "integer"
    return pa.field(name, data_type, False, {PHYSICAL_TYPE: physical.encode()})


def statistics_of(name: str) -> TableStatistics:
    """What a source would say of a table at scale factor 1."""
    rows = _ROWS[name]
    columns = {}
    for column in _COLUMNS[name].split():
        known = next((n for ending, n in _DISTINCT.items() if column.endswith(ending)), rows)
        width = 25.0 if _field(column).type == pa.string() else 8.0
        columns[column] = ColumnStatistics(min(known, rows), 0.0, width=width)
    return TableStatistics(rows, columns, (tpch.KEYS[name],))


def tables(placed: Mapping[str, str], *, known: bool = True) -> dict[TableName, Table]:
    """The eight tables in the sources given; without statistics unless `known`."""
    memory.register(_STORE, {name: schema_of(name).empty_table() for name in tpch.TABLES})
    local = open_connector(Binding("memory", f"memory://{_STORE}", ""))
    opened: dict[TableName, Table] = {}
    for name, place in placed.items():
        connector = CONNECTORS.get(place, local)
        dataset = Dataset(
            Address("tpch", place, name, "1.0.0"), schema_of(name), Binding(place, "", name)
        )
        source = Source(connector.source_key, connector) if isinstance(connector, RunsSql) else None
        opened[(name,)] = Table(
            dataset,
            connector,
            source,
            Security(dataset.schema),
            statistics=statistics_of(name) if known else UNKNOWN,
        )
    return opened
