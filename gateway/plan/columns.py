"""The columns of Substrait relations: how many, of which types; expressions moved over others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

import pyarrow as pa
from google.protobuf.message import Message
from substrait.proto import Expression, Rel, Type

from connectors.capabilities import NotPushable
from gateway.plan import relations
from gateway.plan.expressions import aggregate_type
from gateway.plan.types import arrow_type

Column: TypeAlias = int | Expression
"""A column of a relation by its number in some numbering, or what it is computed from there."""


def width(rel: Rel) -> int:
    """The number of columns that leave a relation. Raises ValueError for one not known here."""
    mapping = relations.emitted(rel)
    return len(mapping) if mapping is not None else _own_width(rel)


def _own_width(rel: Rel) -> int:
    node = relations.body(rel)
    match relations.kind(rel):
        case "read":
            if node.HasField("projection"):
                return len(node.projection.select.struct_items)
            return len(node.base_schema.names)
        case "filter" | "sort" | "fetch":
            return width(node.input)
        case "project":
            return width(node.input) + len(node.expressions)
        case "cross":
            return width(node.left) + width(node.right)
        case "join":
            return sum(width(side) for side in _kept_sides(rel)) + _marks(rel)
        case "aggregate":
            sets = len(node.groupings)
            keys = len(node.grouping_expressions) if sets > 1 else len(_keys(rel))
            return keys + len(node.measures) + (sets > 1)
        case "set":
            return width(node.inputs[0])
        case other:
            raise ValueError(other)


def _kept_sides(rel: Rel) -> tuple[Rel, ...]:
    kind = relations.join_type(rel)
    if kind.startswith("LEFT_"):
        return (rel.join.left,)
    if kind.startswith("RIGHT_"):
        return (rel.join.right,)
    return (rel.join.left, rel.join.right)


def _marks(rel: Rel) -> int:
    return relations.join_type(rel).endswith("MARK")


def _keys(rel: Rel) -> list[int]:
    """The grouping expressions of an aggregation of one grouping set, by position."""
    return [i for g in rel.aggregate.groupings for i in g.expression_references]


Functions: TypeAlias = Mapping[int, str]
"""The names of a plan's functions by their references."""


def column_type(rel: Rel, position: int, functions: Functions) -> pa.DataType | None:
    """The type of one column of a relation, None where it can not be told."""
    mapping = relations.emitted(rel)
    if mapping is not None:
        position = mapping[position]
    node = relations.body(rel)
    match relations.kind(rel):
        case "read":
            if node.HasField("projection"):
                position = node.projection.select.struct_items[position].field
            return declared(node.base_schema.struct.types[position])
        case "filter" | "sort" | "fetch":
            return column_type(node.input, position, functions)
        case "project":
            below = width(node.input)
            if position < below:
                return column_type(node.input, position, functions)
            return _expression_type(node.expressions[position - below], node.input, functions)
        case "cross":
            return _side_type((node.left, node.right), position, functions)
        case "join":
            return _side_type(_kept_sides(rel), position, functions)
        case "aggregate" if len(node.groupings) <= 1:
            keys = _keys(rel)
            if position < len(keys):
                key = node.grouping_expressions[keys[position]]
                return _expression_type(key, node.input, functions)
            call = node.measures[position - len(keys)].measure
            types = [_expression_type(a.value, node.input, functions) for a in call.arguments]
            return measure_type(functions.get(call.function_reference, ""), types)
    return None


def measure_type(name: str, types: Sequence[pa.DataType | None]) -> pa.DataType | None:
    """The type of an aggregate over arguments of these types: the engine does not write it down."""
    known = [t for t in types if t is not None]
    if name != "count" and len(known) < len(types):
        return None
    try:
        return aggregate_type(name, known)
    except NotPushable:
        return None


def _side_type(sides: Sequence[Rel], position: int, functions: Functions) -> pa.DataType | None:
    for side in sides:
        below = width(side)
        if position < below:
            return column_type(side, position, functions)
        position -= below
    return None  # a mark


def _expression_type(message: Expression, rel: Rel, functions: Functions) -> pa.DataType | None:
    match message.WhichOneof("rex_type"):
        case "selection":
            position = field_position(message)
            return None if position is None else column_type(rel, position, functions)
        case "cast":
            return declared(message.cast.type)
        case "scalar_function" if message.scalar_function.HasField("output_type"):
            return declared(message.scalar_function.output_type)
    return None


def declared(message: Type) -> pa.DataType | None:
    """The Arrow type a message declares, None for one that has none here."""
    try:
        return arrow_type(message)
    except NotPushable:
        return None


def field_position(message: Expression) -> int | None:
    """The position of the column an expression is, None when it is anything else."""
    if message.WhichOneof("rex_type") != "selection":
        return None
    reference = message.selection
    segment = reference.direct_reference.struct_field
    outer = reference.WhichOneof("root_type") == "outer_reference"
    if (
        outer
        or not reference.direct_reference.HasField("struct_field")
        or segment.HasField("child")
    ):
        return None
    return int(segment.field)


def field(position: int) -> Expression:
    """The expression that is the column at a position."""
    message = Expression()
    message.selection.direct_reference.struct_field.field = position
    message.selection.root_reference.SetInParent()
    return message


def moved(message: Expression, columns: Sequence[Column] | Mapping[int, Column]) -> Expression:
    """An expression over a relation's columns, written over what these `columns` are."""
    result = Expression()
    position = field_position(message)
    if position is not None:
        column = columns[position]
        result.CopyFrom(field(column) if isinstance(column, int) else column)
        return result
    result.CopyFrom(message)
    for reference in list(_references(result)):
        column = columns[reference.selection.direct_reference.struct_field.field]
        if isinstance(column, int):
            reference.selection.direct_reference.struct_field.field = column
        else:
            reference.CopyFrom(column)
    return result


def references(message: Message) -> frozenset[int]:
    """The positions that an expression, or all expressions of a relation, refer to."""
    return frozenset(e.selection.direct_reference.struct_field.field for e in _references(message))


def _references(message: Message) -> Iterator[Expression]:
    """The parts of an expression that are columns, outside its sub-queries."""
    if isinstance(message, Expression) and message.WhichOneof("rex_type") == "selection":
        yield message
        return
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None:
            continue
        for item in value if descriptor.is_repeated else (value,):
            if isinstance(item, Message) and not isinstance(item, Rel | Type):
                yield from _references(item)
