"""Aggregates taken apart: what a source computes of its rows, and what is computed of that.

Only what is exact in any order, and can not fail for rows that a join would have dropped: counts,
least and greatest values, sums of whole numbers, and of decimals that have room to spare.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
from substrait.proto import AggregateFunction, AggregateRel, Expression

from connectors.capabilities import Kind, kind_of
from gateway.plan.columns import column_type, field, field_position
from gateway.plan.join_graph import JoinGraph

_COMPARED = {
    *(Kind.INTEGER, Kind.DECIMAL, Kind.TEXT, Kind.DATE, Kind.BOOLEAN),
    Kind.TIMESTAMP,
}
_DISTINCT = AggregateFunction.AGGREGATION_INVOCATION_DISTINCT


@dataclass(frozen=True, slots=True)
class PartialAggregate:
    """One aggregate: `first` is what the source computes, `then` what is computed of that.

    `argument` is over a graph's columns, None for a count of rows; `widened` tells that it is made
    a decimal first. `partial` is the type of the source's results, `whole` that of the aggregate.
    """

    first: str
    then: str
    argument: Expression | None
    partial: pa.DataType
    whole: pa.DataType
    widened: bool = False


def partial_aggregate(
    message: AggregateRel.Measure, graph: JoinGraph, functions: Mapping[int, str]
) -> PartialAggregate | None:
    """An aggregate over a graph's outputs taken apart, None for one that can not be."""
    call = message.measure
    name = functions.get(call.function_reference, "")
    if message.HasField("filter") or call.sorts or len(call.arguments) != 1:
        return None
    if call.invocation == _DISTINCT:
        return None
    value = call.arguments[0].value
    if name == "count" and value.WhichOneof("rex_type") == "literal":
        if value.literal.WhichOneof("literal_type") == "null":
            return None
        return PartialAggregate("count", "sum", None, pa.int64(), pa.int64())
    cast = value.cast if value.WhichOneof("rex_type") == "cast" else None
    position = field_position(value if cast is None else cast.input)
    column = None if position is None else graph.outputs[position]
    if not isinstance(column, int):
        return None
    leaf = graph.leaf_of(column)
    data_type = column_type(leaf.rel, column - leaf.first, functions)
    if data_type is None:
        return None
    argument = field(column)
    if cast is not None:
        return _sum_of_widened(data_type, cast, argument) if name == "sum" else None
    if name in {"min", "max"} and kind_of(data_type) in _COMPARED:
        return PartialAggregate(name, name, argument, data_type, data_type)
    if name == "count":
        return PartialAggregate("count", "sum", argument, pa.int64(), pa.int64())
    return _sum(data_type, argument) if name == "sum" else None


def _sum(data_type: pa.DataType, argument: Expression) -> PartialAggregate | None:
    if data_type == pa.int64():
        # rows that the join would drop must not make a partial sum too large
        partial = pa.decimal128(29, 0)
        return PartialAggregate("sum", "sum", argument, partial, pa.int64(), widened=True)
    if pa.types.is_decimal128(data_type) and data_type.precision <= 18:
        partial = pa.decimal128(data_type.precision + 10, data_type.scale)
        return PartialAggregate("sum", "sum", argument, partial, partial)
    return None


def _sum_of_widened(
    data_type: pa.DataType, cast: Expression.Cast, argument: Expression
) -> PartialAggregate | None:
    """A sum of small whole numbers, which the engine makes long ones before it adds them."""
    if kind_of(data_type) is not Kind.INTEGER or cast.type.WhichOneof("kind") != "i64":
        return None
    if data_type == pa.int64():
        return None
    widened = Expression()
    widened.cast.CopyFrom(cast)
    widened.cast.input.CopyFrom(argument)
    return PartialAggregate("sum", "sum", widened, pa.int64(), pa.int64())
