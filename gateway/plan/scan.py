"""Reading one table of a SQL source for the engine: the lowest rung of the ladder.

The engine offers the columns it wants and a filter as a pyarrow expression. The filter is sent if
the source's allow-list has all of it; the engine's side filters again in any case.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
from substrait.proto import ExtendedExpression, Rel

from connectors.capabilities import NotPushable, Relation
from connectors.interface import RunsSql
from connectors.operands import Operand
from gateway.plan.block import Aliases, Block, filtered
from gateway.plan.expressions import ExpressionWriter
from gateway.plan.fragment import Fragment, FragmentReads
from gateway.plan.lazy import Opener, Planned
from gateway.plan.relations import referenced
from gateway.plan.secured_read import hidden, read_block
from gateway.plan.sending import fragment_of
from gateway.plan.source import Source, Table

_CANONICAL = {
    "less": "lt",
    "less_equal": "lte",
    "greater": "gt",
    "greater_equal": "gte",
    "and_kleene": "and",
    "or_kleene": "or",
    "invert": "not",
}


def scan_opener(table: Table, reads: FragmentReads) -> Opener:
    """Reads the table through `reads`, each reading as a fragment of its own."""

    def open_scan(
        columns: Sequence[str] | None, condition: pc.Expression | None
    ) -> Iterator[pa.RecordBatch]:
        return reads.read(scan_fragment(table, columns, condition, reads.next_number()))

    return open_scan


def scan_recorder(table: Table, reads: FragmentReads) -> Planned:
    """Notes in `reads.planned` what each reading of the table will ask its source."""

    def record(columns: Sequence[str] | None, condition: pc.Expression | None) -> None:
        number = len(reads.planned) + 1
        reads.planned.append(scan_fragment(table, columns, condition, number))

    return record


def scan_fragment(
    table: Table, columns: Sequence[str] | None, condition: pc.Expression | None, number: int
) -> Fragment:
    """The fragment that reads columns of a table, and those its filter needs here again."""
    raw = table.secured_by_engine
    schema = table.security.raw if raw else table.dataset.schema
    connector = table.connector
    assert isinstance(connector, RunsSql)
    source = Source(connector.source_key, connector)
    block = read_block(table, source, schema.names, Aliases(), raw=raw)
    needed = set(range(len(schema)) if columns is None else map(schema.names.index, columns))
    if condition is not None:
        below, used = _filtered(block, condition, schema)
        needed |= used
        if table.pushes:  # the engine's side filters in any case
            block = below
        if raw and not table.security.discloses:  # the row filter is a part of the condition
            block = replace(block, where=tuple(map(hidden, block.where)))
    positions = sorted(needed)
    read = [block.columns[i] for i in positions]
    if raw and not table.security.discloses:  # a column the caller may not know of
        seen = set(table.dataset.schema.names)
        read = [
            c if schema.names[i] in seen else replace(c, sql=hidden(c.sql))
            for i, c in zip(positions, read, strict=True)
        ]
    block = replace(block, columns=tuple(read))
    returned = pa.schema([schema.field(i) for i in positions])
    if not positions:
        returned = pa.schema([pa.field("c0", pa.int64())])
    return fragment_of(number, block, returned)


def _filtered(block: Block, condition: pc.Expression, schema: pa.Schema) -> tuple[Block, set[int]]:
    """The block with the filter if the source takes it, and the columns the filter reads."""
    everything = set(range(len(schema)))
    try:
        message = ExtendedExpression.FromString(bytes(condition.to_substrait(schema)))
        expression = message.referred_expr[0].expression
        used = set(referenced(expression))
    except Exception:  # an attempt: the engine's side applies every filter
        return block, everything
    names = {
        e.extension_function.function_anchor: _name(e.extension_function.name)
        for e in message.extensions
    }
    writer = ExpressionWriter(block.source.dialect, names, _no_subquery)
    try:
        block.source.dialect.require(Relation.FILTER)
        return filtered(block, [writer.condition(expression, block.columns)]), used
    except Exception:
        return block, used


def _name(name: str) -> str:
    bare = name.split(":")[0]
    return _CANONICAL.get(bare, bare)


def _no_subquery(rel: Rel) -> Operand:
    raise NotPushable("a sub-query in a filter")
