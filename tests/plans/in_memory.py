"""Running plans before and after they were regrouped, both by the engine, over tables in memory."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
from datafusion import SessionContext
from substrait.proto import Plan

from connectors.interface import Binding, RunsSql
from connectors.statistics import UNKNOWN, TableStatistics
from gateway.config import Config
from gateway.engines import datafusion as engine
from gateway.model import Address, Dataset
from gateway.plan import guards
from gateway.plan.null_aware import mark_null_aware
from gateway.plan.regrouping import regroup
from gateway.plan.security import Security
from gateway.plan.source import Source, Table, TableName
from tests.plans.tables import CONNECTORS
from tests.queries import tables as data

PLACES = ("postgres", "sqlite", "memory")


def opened(statistics: TableStatistics = UNKNOWN) -> dict[TableName, Table]:
    """The tables of the query tests, each in every place; no place is ever asked."""
    found: dict[TableName, Table] = {}
    for place in PLACES:
        connector = CONNECTORS[place]
        source = Source(connector.source_key, connector) if isinstance(connector, RunsSql) else None
        for table in data.tables():
            dataset = Dataset(
                Address("test", place, table.name, "1.0.0"),
                table.rows.schema,
                Binding(place, "", table.name),
            )
            name = (f"{place}_{table.name}",)
            found[name] = Table(
                dataset, connector, source, Security(dataset.schema), statistics=statistics
            )
    return found


def session(*, remainder: bool = False) -> SessionContext:
    context = engine.session(Config(), remainder=remainder)
    for table in data.tables():
        batches = table.rows.to_batches() or [
            pa.RecordBatch.from_pylist([], schema=table.rows.schema)
        ]
        for place in PLACES:
            context.register_record_batches(f"{place}_{table.name}", [batches])
    return context


def rows(batches: list[pa.RecordBatch]) -> Counter[tuple[str, ...]]:
    found: Counter[tuple[str, ...]] = Counter()
    for batch in batches:  # a row as a dictionary would lose what has the name of another column
        found.update(zip(*(map(repr, c.to_pylist()) for c in batch.columns), strict=True))
    return found


def regrouped(sql: str, statistics: TableStatistics = UNKNOWN) -> Plan | None:
    """The plan of a query after regrouping, None when nothing could be regrouped.

    It is run as it is and regrouped; AssertionError if rows or types differ. `statistics` are said
    to be those of every table.
    """
    tables = opened(statistics)
    context = session()
    logical = context.sql(sql).optimized_logical_plan()
    text = logical.display_indent()
    plan = engine.to_substrait(logical, context)
    assert mark_null_aware(text, plan) is not None
    used = {name: table for name, table in tables.items() if name[0] in sql}
    if not regroup(plan, used, subqueries="ubquery" in text):
        return None
    guards.name_outputs(plan)
    expected = context.sql(sql)
    again = engine.from_substrait(plan.SerializeToString(), session(remainder=True))
    assert again.schema().types == expected.schema().types, sql
    # the engine has no word for NULLs in NOT IN here: such queries are kept from having them
    assert rows(again.collect()) == rows(expected.collect()), sql
    return plan
