"""A query over the canonical table, planned as the gateway plans it and answered by the source."""

from __future__ import annotations

import pyarrow as pa

from connectors.interface import Binding
from gateway.config import Config
from gateway.languages.sql import parse
from gateway.model import Address, Dataset
from gateway.plan.plan import Plan
from gateway.plan.planner import Query, plan_query
from gateway.plan.security import Security
from gateway.plan.source import Source as PlannedSource
from gateway.plan.source import Table
from tests.conformance.reference import TABLE, Reference, rows_of, run_text, schema_of
from tests.conformance.specs import Source


def planned(source: Source, sql: str) -> Plan:
    """The plan of a query over `canonical`, which the source holds."""
    schema = schema_of(source)
    binding = Binding(source.name, "", TABLE)
    dataset = Dataset(Address("shop", source.name, TABLE, "1.0.0"), schema, binding)
    connector = source.connector
    placed = PlannedSource(connector.source_key, connector)
    table = Table(dataset, connector, placed, Security(dataset.schema))
    statement = parse(sql)
    return plan_query(Query(statement.text, statement.tree), {(TABLE,): table}, Config())


def is_pushed(plan: Plan) -> bool:
    """True when the source answers the whole query by itself."""
    return len(plan.fragments) == 1 and plan.remainder is None and plan.unfederated is None


def answered(source: Source, plan: Plan) -> list[tuple[object, ...]]:
    """The source's rows for a plan that it answers by itself."""
    (fragment,) = plan.fragments
    schema = pa.schema([pa.field(f"c{i}", f.type) for i, f in enumerate(fragment.schema)])
    return run_text(source, fragment.text, schema)


def compare(source: Source, reference: Reference, sql: str, *, ordered: bool = True) -> bool:
    """True when the source may be asked, and then gives what the engine gives."""
    plan = planned(source, sql)
    if not is_pushed(plan):
        return False
    expected, actual = rows_of(reference.answer(sql)), answered(source, plan)
    if not ordered:
        expected, actual = (sorted(rows, key=repr) for rows in (expected, actual))
    assert actual == expected, f"{sql}\n{plan.fragments[0].text}"
    return True
