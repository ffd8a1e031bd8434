"""The Arrow types that clients are given: those that they can read.

Nobody is given dictionaries and views, which JDBC and JavaScript clients can not read. What Arrow
for Java, and with it the JDBC driver, reads as something else, its clients are not given either:

    unsigned integers             are read as signed: 255 as -1
    16-bit floats                 are refused, and with one of them the columns of all tables
    timestamps of a zone          are moved by their offset twice; those of UTC are right

Parameters of statements that Java clients bind are counted in milliseconds whatever the unit that
the server asks for, so that it asks for milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum

import pyarrow as pa

USER_AGENT = "grpc-java"
"""How the header ``user-agent`` of Java clients begins."""

METADATA = "ARROW:FLIGHT:SQL:"
"""How the keys of what Flight SQL says about a column begin."""

UTC = "UTC"


class Types(Enum):
    """Which types a client can take."""

    PLAIN = "plain"
    JAVA = "java"
    JAVA_PARAMETERS = "java parameters"


_JAVA = {
    pa.uint8(): pa.int16(),
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.uint64(): pa.decimal128(20, 0),
    pa.float16(): pa.float32(),
}

_LEAVES: Mapping[Types, Mapping[pa.DataType, pa.DataType]] = {
    Types.PLAIN: {},
    Types.JAVA: _JAVA,
    Types.JAVA_PARAMETERS: {**_JAVA, pa.uint64(): pa.int64()},
}


def types_of(headers: Mapping[str, Sequence[str]]) -> Types:
    """What the client that sends these headers can take."""
    agents = headers.get("user-agent", ())
    return Types.JAVA if any(agent.startswith(USER_AGENT) for agent in agents) else Types.PLAIN


def plain_schema(schema: pa.Schema, types: Types = Types.PLAIN) -> pa.Schema:
    """The schema in types that clients can take; the very same object when it is in these."""
    fields = list(schema)
    plain = [_plain_field(field, types) for field in fields]
    if all(after is before for after, before in zip(plain, fields, strict=True)):
        return schema
    return pa.schema(plain, schema.metadata)


def plain_type(kind: pa.DataType, types: Types = Types.PLAIN) -> pa.DataType:
    """What stands for `kind`; `kind` itself when clients can take it."""
    if pa.types.is_dictionary(kind):
        return plain_type(kind.value_type, types)
    if pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_list_view(kind):
        return pa.list_(_plain_field(kind.value_field, types))
    if pa.types.is_large_list_view(kind):
        return pa.large_list(_plain_field(kind.value_field, types))
    if not pa.types.is_nested(kind):
        return kind if types is Types.PLAIN else _leaf(kind, types)
    plain: pa.DataType = kind
    if pa.types.is_list(kind):
        plain = pa.list_(_plain_field(kind.value_field, types))
    elif pa.types.is_large_list(kind):
        plain = pa.large_list(_plain_field(kind.value_field, types))
    elif pa.types.is_fixed_size_list(kind):
        plain = pa.list_(_plain_field(kind.value_field, types), kind.list_size)
    elif pa.types.is_map(kind):
        plain = pa.map_(_plain_field(kind.key_field, types), _plain_field(kind.item_field, types))
    elif pa.types.is_struct(kind):
        plain = pa.struct([_plain_field(kind.field(i), types) for i in range(kind.num_fields)])
    return kind if plain.equals(kind) else plain


def _leaf(kind: pa.DataType, types: Types) -> pa.DataType:
    if pa.types.is_timestamp(kind):
        zone = kind.tz and UTC
        if types is Types.JAVA_PARAMETERS:
            return pa.timestamp("ms", zone)
        return kind if zone == kind.tz else pa.timestamp(kind.unit, zone)
    if pa.types.is_time(kind) and types is Types.JAVA_PARAMETERS:
        return pa.time32("ms")
    return _LEAVES[types].get(kind, kind)


def _plain_field(field: pa.Field, types: Types) -> pa.Field:
    """The field in a type that clients can take, for JDBC with the digits of a decimal."""
    before = field.type
    kind = plain_type(before, types)
    plain = field if kind is before else field.with_type(kind)
    if types is Types.JAVA and pa.types.is_decimal(kind):
        digits = {"PRECISION": kind.precision, "SCALE": kind.scale}
        plain = plain.with_metadata({f"{METADATA}{key}": str(n) for key, n in digits.items()})
    return plain
