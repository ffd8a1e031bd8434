"""Reading Substrait relations: children, kinds, output mapping, literals.

A thin vocabulary over the protobuf messages, so that the rest of the planner speaks of relations
and expressions and not of oneofs.
"""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Iterator
from functools import cache
from typing import Any

import pyarrow as pa
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet
from substrait.proto import Expression, JoinRel, Plan, Rel

from connectors.capabilities import NotPushable
from gateway.plan.types import arrow_type

EPOCH = dt.datetime(1970, 1, 1)  # what Substrait's timestamps count from


def copied(rel: Rel) -> Rel:
    """The relation as it is now."""
    copy = Rel()
    copy.CopyFrom(rel)
    return copy


def kind(rel: Rel) -> str:
    """Which relation this is: ``read``, ``filter``, ``project``, ``join`` ..."""
    return rel.WhichOneof("rel_type") or "nothing"


def body(rel: Rel) -> Any:
    """The message behind the relation's kind."""
    return getattr(rel, kind(rel))


def inputs(rel: Rel) -> list[Rel]:
    """The relations this one reads, left to right, without sub-queries."""
    name = kind(rel)
    node = getattr(rel, name)
    match name:
        case "join" | "cross" | "hash_join" | "merge_join" | "nested_loop_join":
            return [node.left, node.right]
        case "set":
            return list(node.inputs)
        case "read":
            return []
        case _ if node.HasField("input"):
            return [node.input]
    return []


def emitted(rel: Rel) -> list[int] | None:
    """The positions of the columns that leave the relation, or None for all in order."""
    common = body(rel).common
    return list(common.emit.output_mapping) if common.HasField("emit") else None


def join_type(rel: Rel) -> str:
    """``INNER``, ``LEFT``, ``LEFT_ANTI`` ...; a cross product is ``CROSS``."""
    if kind(rel) == "cross":
        return "CROSS"
    return str(JoinRel.JoinType.Name(rel.join.type)).removeprefix("JOIN_TYPE_")


def subqueries(rel: Rel) -> list[Rel]:
    """The relations of sub-queries inside this relation's own expressions, in field order."""
    found: list[Rel] = []
    _find_subqueries(body(rel), found)
    return found


def _find_subqueries(message: Message, found: list[Rel]) -> None:
    for descriptor, value in message.ListFields():
        if not _holds(descriptor, _SUBQUERY):
            continue
        wanted = descriptor.message_type
        for item in value if descriptor.is_repeated else (value,):
            if wanted is _SUBQUERY:
                found.append(subquery_input(item))
            elif wanted is not _EXPRESSION or not _is_leaf(item):
                _find_subqueries(item, found)


def _is_leaf(expression: Expression) -> bool:
    """True for a constant and a column of the input: most expressions, with none below them."""
    kind: str | None = expression.WhichOneof("rex_type")
    if kind == "selection":
        root: str | None = expression.selection.WhichOneof("root_type")
        return root == "root_reference"
    return kind == "literal"


_REL = Rel.DESCRIPTOR
_EXPRESSION = Expression.DESCRIPTOR
_SUBQUERY = Expression.Subquery.DESCRIPTOR
_REFERENCE = Expression.FieldReference.DESCRIPTOR


@cache
def _holds(field: FieldDescriptor, wanted: Descriptor) -> bool:
    """Whether what the field has may be, or have in it, a message that is no relation's.

    A message has many parts, types and literals above all, in which there is nothing to be found.
    """
    seen: set[Descriptor] = {_REL}
    waiting: list[FieldDescriptor] = [field]
    while waiting:
        message = waiting.pop().message_type
        if message is wanted:
            return True
        if message is not None and message not in seen:
            seen.add(message)
            waiting += message.fields
    return False


def subquery_input(subquery: Expression.Subquery) -> Rel:
    """The relation a sub-query expression reads."""
    match subquery.WhichOneof("subquery_type"):
        case "scalar":
            return subquery.scalar.input
        case "in_predicate":
            return subquery.in_predicate.haystack
        case "set_predicate":
            return subquery.set_predicate.tuples
        case _:
            return subquery.set_comparison.right


def width(rel: Rel) -> int:
    """The number of columns that leave a relation."""
    mapping = emitted(rel)
    if mapping is not None:
        return len(mapping)
    node = body(rel)
    match kind(rel):
        case "read":
            if node.HasField("projection"):
                return len(node.projection.select.struct_items)
            return len(node.base_schema.names)
        case "project":
            return width(node.input) + len(node.expressions)
        case "aggregate":
            several = len(node.groupings) > 1  # then there is a grouping id as well
            keys = {e.SerializeToString(deterministic=True) for e in node.grouping_expressions}
            count = len(keys) + 1 if several else len(node.grouping_expressions)
            return count + len(node.measures)
        case "set":
            return width(node.inputs[0])
        case "join":
            side, _, rest = join_type(rel).partition("_")
            if rest in {"SEMI", "ANTI", "MARK"}:
                kept = width(node.left if side == "LEFT" else node.right)
                return kept + (rest == "MARK")
    return sum(width(child) for child in inputs(rel))


def referenced(message: Message) -> list[int]:
    """The positions of the columns an expression refers to, outside its sub-queries."""
    if isinstance(message, Expression.FieldReference):
        return [message.direct_reference.struct_field.field]
    found: list[int] = []
    _refer(message, found)
    return found


def _refer(message: Message, found: list[int]) -> None:
    if isinstance(message, Expression):
        kind = message.WhichOneof("rex_type")
        if kind == "selection":
            found.append(message.selection.direct_reference.struct_field.field)
            return
        if kind == "literal":
            return
    for descriptor, value in message.ListFields():
        if not _holds(descriptor, _REFERENCE):
            continue
        for item in value if descriptor.is_repeated else (value,):
            if descriptor.message_type is _REFERENCE:
                found.append(item.direct_reference.struct_field.field)
            else:
                _refer(item, found)


def walk(rel: Rel) -> Iterator[Rel]:
    """The relation and everything below it, parents first, sub-queries included."""
    yield rel
    for child in (*inputs(rel), *subqueries(rel)):
        yield from walk(child)


def table_name(rel: Rel) -> tuple[str, ...] | None:
    """The name of the table a read reads, or None when it is no named table."""
    if kind(rel) == "read" and rel.read.HasField("named_table"):
        return tuple(rel.read.named_table.names)
    return None


def function_names(plan: Plan) -> dict[int, str]:
    """Anchor -> canonical function name, without the argument suffix."""
    return {
        e.extension_function.function_anchor: e.extension_function.name.split(":")[0]
        for e in plan.extensions
        if e.HasField("extension_function")
    }


def literal(message: Expression.Literal) -> tuple[object, pa.DataType]:
    """A constant's Python value (None for NULL) and Arrow type. Raises NotPushable."""
    name = message.WhichOneof("literal_type")
    if name is None:
        return _former_literal(message)
    value = getattr(message, name)
    if name == "null":
        return None, arrow_type(value)
    simple: dict[str, pa.DataType] = {
        "boolean": pa.bool_(),
        "i8": pa.int8(),
        "i16": pa.int16(),
        "i32": pa.int32(),
        "i64": pa.int64(),
        "fp32": pa.float32(),
        "fp64": pa.float64(),
        "string": pa.string(),
    }
    if name in simple:
        if name[0] == "i" and message.type_variation_reference:
            return _unsigned(value, simple[name].bit_width)
        return value, simple[name]
    if name == "var_char":
        return value.value, pa.string()
    if name == "date":
        try:
            return EPOCH.date() + dt.timedelta(days=value), pa.date32()
        except OverflowError:
            raise NotPushable("a constant date outside the years 1 to 9999") from None
    if name == "decimal":
        unscaled = int.from_bytes(value.value, "little", signed=True)
        with decimal.localcontext(prec=80):
            number = decimal.Decimal(unscaled).scaleb(-value.scale)
        return number, pa.decimal128(value.precision, value.scale)
    if name in {"precision_timestamp", "precision_timestamp_tz"}:
        return _timestamp(value, zoned=name.endswith("tz"))
    raise NotPushable(f"a constant of type {name}")


def _unsigned(value: int, bits: int) -> tuple[object, pa.DataType]:
    number = value % (1 << bits)  # the message holds it as a signed number of as many bits
    if number >> 63:
        raise NotPushable("a constant that no signed number can hold")
    return number, _UNSIGNED[bits]


_UNSIGNED = {8: pa.uint8(), 16: pa.uint16(), 32: pa.uint32(), 64: pa.uint64()}

_FORMER_TIMESTAMPS = {14: pa.timestamp("us"), 27: pa.timestamp("us", "UTC")}
"""Field numbers Substrait has given up and pyarrow still writes: microseconds since EPOCH."""


def _former_literal(message: Expression.Literal) -> tuple[object, pa.DataType]:
    for unknown in UnknownFieldSet(message):
        data_type = _FORMER_TIMESTAMPS.get(unknown.field_number)
        if data_type is not None:
            signed = unknown.data - (1 << 64) if unknown.data >> 63 else unknown.data
            try:
                moment = EPOCH + dt.timedelta(microseconds=signed)
            except OverflowError:
                raise NotPushable("a constant time outside the years 1 to 9999") from None
            return (moment.replace(tzinfo=dt.UTC) if data_type.tz else moment), data_type
    raise NotPushable("a constant of an unknown type")


def _timestamp(value: Any, *, zoned: bool) -> tuple[object, pa.DataType]:
    unit = {0: "s", 3: "ms", 6: "us", 9: "ns"}[value.precision]
    if value.precision == 9 and value.value % 1000:
        raise NotPushable("a constant time finer than microseconds")
    microseconds = value.value * 10**6 // 10**value.precision
    try:
        moment = EPOCH + dt.timedelta(microseconds=microseconds)
    except OverflowError:
        raise NotPushable("a constant time outside the years 1 to 9999") from None
    if zoned:
        return moment.replace(tzinfo=dt.UTC), pa.timestamp(unit, "UTC")
    return moment, pa.timestamp(unit)
