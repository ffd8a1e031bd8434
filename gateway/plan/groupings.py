"""Writes GROUPING SETS, ROLLUP and CUBE, which DataFusion all hands over as a list of groupings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
from sqlglot import exp
from substrait.proto import AggregateRel

from connectors.capabilities import NotPushable, Relation
from connectors.operands import Operand
from gateway.plan.block import Aliases, Block, nest
from gateway.plan.expressions import ExpressionWriter


def grouping_sets(
    aggregate: AggregateRel, block: Block, writer: ExpressionWriter, aliases: Aliases
) -> Block:
    """The block of an aggregation over several groupings. Raises NotPushable.

    Its columns are DataFusion's: the different keys in the order in which they first come, the
    grouping id (a bit for each key, the first key's the highest, set where it is not grouped by),
    the measures. They are nested at once, since a key is NULL only above the grouping.
    """
    dialect = block.source.dialect
    dialect.require(Relation.GROUPING_SETS)
    if block.minimum_rows is not None:
        raise NotPushable("several groupings of rows bound to their region")
    places, firsts = _places(aggregate), different_keys(aggregate)
    sets = [tuple(places[i] for i in g.expression_references) for g in aggregate.groupings]
    if len({frozenset(s) for s in sets}) != len(sets):
        raise NotPushable("a grouping that is asked for twice")
    keys = [writer.write(aggregate.grouping_expressions[i], block.columns) for i in firsts]
    for key in keys:
        if key.is_literal:
            raise NotPushable("grouping by a constant")
        dialect.require_kind("GROUP BY", dialect.capabilities.groups, key.type)
    if not _different_columns(keys):
        width = len(block.columns)
        block = nest(replace(block, columns=(*block.columns, *keys)), aliases)
        keys = list(block.columns[width:])
        block = replace(block, columns=block.columns[:width])
    measures = [writer.measure(m, block.columns) for m in aggregate.measures]
    names = [key.sql.copy() for key in keys]
    identity = Operand(exp.Anonymous(this="GROUPING", expressions=names), _id_type(len(keys)))
    groups = exp.GroupingSets(
        expressions=[exp.Tuple(expressions=[keys[i].sql.copy() for i in s]) for s in sets]
    )
    grouped = replace(block, columns=(*keys, identity, *measures), groups=(groups,), product=False)
    return nest(grouped, aliases)


def different_keys(aggregate: AggregateRel) -> list[int]:
    """The first grouping expression of each key: a key comes once for each grouping it is in."""
    places = _places(aggregate)
    return [i for i, place in enumerate(places) if place not in places[:i]]


def _places(aggregate: AggregateRel) -> list[int]:
    """Which key each grouping expression is, keys counted as they first come."""
    known: dict[bytes, int] = {}
    for expression in aggregate.grouping_expressions:
        known.setdefault(expression.SerializeToString(deterministic=True), len(known))
    return [known[e.SerializeToString(deterministic=True)] for e in aggregate.grouping_expressions]


def _different_columns(keys: Sequence[Operand]) -> bool:
    columns = {key.sql.sql() for key in keys if isinstance(key.sql, exp.Column)}
    return len(columns) == len(keys)


def _id_type(keys: int) -> pa.DataType:
    """The type DataFusion gives the grouping id of so many keys."""
    for bits, data_type in ((8, pa.uint8()), (16, pa.uint16()), (32, pa.uint32())):
        if keys <= bits:
            return data_type
    raise NotPushable("groupings of so many keys")
