"""A row filter keeps the same rows in a source's SQL as in the engine, behind every barrier."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from connectors.capabilities import NotPushable
from connectors.interface import Binding
from gateway.model import Address, Dataset
from gateway.plan.block import Aliases
from gateway.plan.secured_read import read_block
from gateway.plan.security import Barrier, Security
from gateway.plan.source import Source as PlannedSource
from gateway.plan.source import Table
from policies.filters import bind, parse_row_filter
from tests.conformance.reference import TABLE, Reference, by_id, run, schema_of
from tests.conformance.specs import Source

FILTERS = (
    "TRUE",
    "FALSE",
    "s = 'a'",
    "s <> 'A'",
    "NOT (s = 'ä')",
    "s IN ('a', 'ß', '')",
    "s NOT IN ('a', 'SS')",
    "s LIKE 'a%'",
    "s NOT LIKE '%b'",
    "s IS NULL OR s = t",
    "i BETWEEN -7 AND 7",
    "k >= 3000000000",
    "i = j OR k <> l",
    "u >= DATE '2000-01-01'",
    "u <> DATE '1970-01-01' AND v IS NOT NULL",
    "x < TIMESTAMP '2000-02-29 10:30:00.000001'",
    "d > 1.05",
    "d = 2",
    "f > 1.5",
    "b",
    "NOT b",
    "b IS NOT TRUE",
    "b IS FALSE OR c",
    "s = :user",
    "s <> :region",
    "NOT (s = :region)",
    "s IN ('b', :region)",
    "s NOT IN ('b', :region)",
    "(s = 'a' OR i > 0) AND NOT (i > 5 AND b)",
)
ATTRIBUTES = {"user": "a", "principal": "user:a"}  # no region: it compares as NULL

GATEWAYS_OWN = {
    "sqlite": {
        *("s LIKE 'a%'", "s NOT LIKE '%b'", "d > 1.05", "d = 2", "f > 1.5"),
        "x < TIMESTAMP '2000-02-29 10:30:00.000001'",
    },
    "mariadb": {"f > 1.5"},
}
"""What a source can not filter exactly: its rows are filtered by the gateway."""


@pytest.mark.parametrize("barrier", Barrier)
@pytest.mark.parametrize("text", FILTERS)
def test_a_row_filter_keeps_the_engines_rows(
    source: Source, reference: Reference, text: str, barrier: Barrier
) -> None:
    schema = schema_of(source)
    names = [n for n in ("id", "s", "i", "f") if n in schema.names]
    types = {f.name: f.type for f in schema}
    try:
        tree = bind(parse_row_filter(text, types), ATTRIBUTES)
    except Exception:
        pytest.fail(f"{text} is no row filter over {source.name}")
    security = Security(schema, row_filter=tree, barrier=barrier, guarded=frozenset(names) - {"id"})
    dataset = Dataset(Address("d", "p", TABLE, "1.0.0"), schema, Binding(source.name, "", TABLE))
    planned = PlannedSource(source.connector.source_key, source.connector)
    table = Table(dataset, source.connector, planned, security)
    try:
        block = read_block(table, planned, names, Aliases("t0"))
    except NotPushable as refusal:
        assert text in GATEWAYS_OWN.get(source.name, ()), refusal.reason
        return
    assert text not in GATEWAYS_OWN.get(source.name, ())
    query = block.select()
    if barrier is not Barrier.FENCE:
        query = by_id(source, query)
    found = run(source, query, [types[n] for n in names])
    expected = reference.answer(
        f"SELECT {', '.join(names)} FROM {TABLE} WHERE {tree.sql('postgres')} ORDER BY id"
    )
    rows = [tuple(_comparable(v) for v in row.values()) for row in expected.to_pylist()]
    assert sorted(found, key=lambda row: row[0]) == rows


def _comparable(value: object) -> object:
    return "NaN" if isinstance(value, float) and value != value else value


def test_the_columns_of_the_filter_need_not_be_read(source: Source) -> None:
    """A filter over a column the reader may not see is in the source's text, and nowhere else."""
    schema = schema_of(source)
    tree = parse_row_filter("s = 'a'", {f.name: f.type for f in schema})
    seen = pa.schema([f for f in schema if f.name != "s"])
    dataset = Dataset(Address("d", "p", TABLE, "1.0.0"), seen, Binding(source.name, "", TABLE))
    planned = PlannedSource(source.connector.source_key, source.connector)
    table = Table(dataset, source.connector, planned, Security(schema, row_filter=tree))
    block = read_block(table, planned, ["id"], Aliases("t0"))
    count = replace(block, columns=())
    kept = run(source, count.select(), [pa.int64()])
    assert len(kept) == source.rows.column("s").to_pylist().count("a")
