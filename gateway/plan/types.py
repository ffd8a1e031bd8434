"""Substrait types and Arrow types, in both directions.

DataFusion marks the Arrow types Substrait does not know by a type variation reference; a type
outside this table is refused with NotPushable, which leaves the operator in the remainder.
Source: datafusion-substrait's variation constants, checked by tests/plan/test_types.py.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from substrait.proto import NamedStruct, Type

from connectors.capabilities import NotPushable

_NULLABLE = Type.NULLABILITY_NULLABLE
_REQUIRED = Type.NULLABILITY_REQUIRED

# (kind of the Substrait message, variation) -> Arrow
_SIMPLE: dict[tuple[str, int], pa.DataType] = {
    ("bool", 0): pa.bool_(),
    ("i8", 0): pa.int8(),
    ("i16", 0): pa.int16(),
    ("i32", 0): pa.int32(),
    ("i64", 0): pa.int64(),
    ("i8", 1): pa.uint8(),
    ("i16", 1): pa.uint16(),
    ("i32", 1): pa.uint32(),
    ("i64", 1): pa.uint64(),
    ("fp32", 0): pa.float32(),
    ("fp64", 0): pa.float64(),
    ("string", 0): pa.string(),
    ("string", 1): pa.large_string(),
    ("string", 2): pa.string_view(),
    ("binary", 0): pa.binary(),
    ("binary", 1): pa.large_binary(),
    ("binary", 2): pa.binary_view(),
    ("date", 0): pa.date32(),
    ("date", 1): pa.date64(),
}
_NAMES = {arrow: key for key, arrow in _SIMPLE.items()}
_UNITS = {0: "s", 3: "ms", 6: "us", 9: "ns"}
_PRECISIONS = {unit: precision for precision, unit in _UNITS.items()}


def arrow_type(message: Type) -> pa.DataType:
    """The Arrow type of a Substrait type. Raises NotPushable for one this table lacks."""
    kind = message.WhichOneof("kind")
    body: Any = getattr(message, kind) if kind else None
    variation = getattr(body, "type_variation_reference", 0)
    if (simple := _SIMPLE.get((str(kind), variation))) is not None:
        return simple
    try:
        if kind == "decimal":
            width = pa.decimal128 if variation == 0 else pa.decimal256
            return width(body.precision, body.scale)
        if kind == "fixed_binary" and body.length >= 0:
            return pa.binary(body.length)
        if kind == "precision_time":
            unit = _UNITS[body.precision]
            return pa.time32(unit) if unit in {"s", "ms"} else pa.time64(unit)
        if kind == "precision_timestamp":
            return pa.timestamp(_UNITS[body.precision])
        if kind == "precision_timestamp_tz":
            return pa.timestamp(_UNITS[body.precision], "UTC")
    except (KeyError, ValueError):
        raise NotPushable(f"values of type {kind} with this precision") from None
    if kind == "list" and variation == 0:
        return pa.list_(arrow_type(body.type))
    raise NotPushable(f"values of type {kind}")


def substrait_type(data_type: pa.DataType, *, nullable: bool) -> Type:
    """The Substrait type of an Arrow type. Raises NotPushable for one this table lacks."""
    message = Type()
    body: Any
    t = pa.types
    if (simple := _NAMES.get(data_type)) is not None:
        name, variation = simple
        body = getattr(message, name)
        body.type_variation_reference = variation
    elif t.is_decimal128(data_type) or t.is_decimal256(data_type):
        body = message.decimal
        body.precision, body.scale = data_type.precision, data_type.scale
        body.type_variation_reference = 0 if t.is_decimal128(data_type) else 1
    elif t.is_timestamp(data_type):
        body = message.precision_timestamp_tz if data_type.tz else message.precision_timestamp
        body.precision = _PRECISIONS[data_type.unit]
    elif t.is_fixed_size_binary(data_type):
        body = message.fixed_binary
        body.length = data_type.byte_width
    elif t.is_time(data_type):
        body = message.precision_time
        body.precision = _PRECISIONS[data_type.unit]
        body.type_variation_reference = 0 if t.is_time32(data_type) else 1
    elif t.is_list(data_type):
        body = message.list
        item = data_type.value_field
        body.type.CopyFrom(substrait_type(item.type, nullable=item.nullable))
    else:
        raise NotPushable(f"values of type {data_type}")
    body.nullability = _NULLABLE if nullable else _REQUIRED
    return message


def named_struct(schema: pa.Schema) -> NamedStruct:
    """The base schema of a read of a table with `schema`."""
    message = NamedStruct()
    message.names.extend(schema.names)
    message.struct.nullability = _REQUIRED
    for column in schema:
        message.struct.types.append(substrait_type(column.type, nullable=column.nullable))
    return message


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """The schema clients see: no view types, which JDBC and JavaScript readers can not read."""
    return pa.schema([f.with_type(plain_type(f.type)) for f in schema])


def plain_type(data_type: pa.DataType) -> pa.DataType:
    """An Arrow type every client reads."""
    if pa.types.is_string_view(data_type):
        return pa.string()
    if pa.types.is_binary_view(data_type):
        return pa.binary()
    if pa.types.is_dictionary(data_type):
        return plain_type(data_type.value_type)
    return data_type
