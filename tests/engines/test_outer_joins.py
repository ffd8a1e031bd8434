"""Outer joins of the engine, with conditions beside their equal columns, below filters."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import duckdb
import pyarrow as pa
import pytest

from gateway.pipeline import Gateway
from tests.gateways import ask, gateway, in_memory


def numbers(first: int, count: int, m: int, without: int, z: int) -> pa.Table:
    ids = range(first, first + count)
    keys = [i % m if i % without else None for i in range(count)]
    columns = {"id": ids, "m": keys, "z": [i % z for i in range(count)]}
    return pa.table({name: pa.array(values, pa.int64()) for name, values in columns.items()})


TABLES = {"a": numbers(0, 60, 20, 7, 3), "b": numbers(100, 100, 25, 9, 4)}
GROUPS = "(SELECT m AS id, count(*) AS z, m FROM {0} GROUP BY m HAVING count(*) < 6)"
INPUTS = {"tables": "{0}", "filtered": "(SELECT * FROM {0} WHERE abs(id) <> 150)", "groups": GROUPS}
CONDITIONS = ["", "AND b.id > 130", "AND a.id > 20", "AND a.id + 100 < b.id", "AND a.z = 1"]
FILTERS = [
    *("", "WHERE a.id IS NULL OR a.id > 5", "WHERE b.id IS NULL OR b.z = 2"),
    *("WHERE a.z IS NULL OR b.z = 1", "WHERE coalesce(b.z, 1) = 1"),
]
SHOWN = ["a.m AS c0, b.m AS c1", "b.id AS c0", "a.z AS c0"]
COUNTED = "count(*) FILTER (WHERE a.z = 1) OVER () AS c0, b.id AS c1"
"""Of this there is no Substrait: such a query can not be federated."""


@pytest.fixture(scope="module")
def opened() -> Iterator[Gateway]:
    one, other = (in_memory(TABLES, f"store{i}", f"p{i}") for i in (1, 2))
    with_both = gateway([*one, *other])
    yield with_both
    with_both.close()


def rows(table: pa.Table) -> list[str]:
    return sorted(str(tuple(row.values())) for row in table.to_pylist())


@pytest.mark.parametrize("inputs", INPUTS)
@pytest.mark.parametrize("side", ["LEFT", "RIGHT", "FULL"])
def test_rows_are_those_of_another_engine(opened: Gateway, side: str, inputs: str) -> None:
    """In all, columns of both sides have the same names: the engine moves filters by name."""
    reference = duckdb.connect()
    for name, table in TABLES.items():
        reference.register(name, table)
    for condition, where, shown in itertools.product(CONDITIONS, FILTERS, [*SHOWN, COUNTED]):
        sql = f"SELECT {shown} FROM {{a}} a {side} JOIN {{b}} b ON a.m = b.m {condition} {where}"
        write = INPUTS[inputs].format
        expected = reference.sql(sql.format(a=write("a"), b=write("b"))).to_arrow_table()
        asked = sql.format(a=write("shop.p1.a"), b=write("shop.p2.b"))
        assert rows(ask(opened, asked)) == rows(expected), asked
