"""Arrow types every client reads: no views, no dictionaries, no 64-bit offsets."""

from __future__ import annotations

import pyarrow as pa


def plain_type(data_type: pa.DataType) -> pa.DataType:
    """The type whose values are the same, in the form every client reads."""
    t = pa.types
    if t.is_dictionary(data_type):
        return plain_type(data_type.value_type)
    if t.is_string_view(data_type) or t.is_large_string(data_type) or t.is_null(data_type):
        return pa.string()
    if t.is_binary_view(data_type) or t.is_large_binary(data_type):
        return pa.binary()
    if t.is_list(data_type) or t.is_large_list(data_type) or t.is_list_view(data_type):
        return pa.list_(plain_field(data_type.value_field))
    if t.is_struct(data_type):
        return pa.struct([plain_field(f) for f in data_type])
    return data_type


def plain_field(field: pa.Field) -> pa.Field:
    """The field with its plain type, without metadata."""
    return pa.field(field.name, plain_type(field.type), field.nullable)


def is_wider(narrow: pa.DataType, wide: pa.DataType) -> bool:
    """Whether every value of one type is one of the other, which is another or the same."""
    t = pa.types
    if t.is_decimal(narrow) and t.is_decimal(wide):
        return bool(narrow.scale == wide.scale and narrow.precision <= wide.precision)
    for same_kind in (t.is_signed_integer, t.is_floating):
        if same_kind(narrow) and same_kind(wide):
            return bool(narrow.bit_width <= wide.bit_width)
    return False
