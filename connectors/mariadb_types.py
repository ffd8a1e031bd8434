"""What MariaDB's driver says of the columns of an own query, as the types they are planned with."""

from __future__ import annotations

import pyarrow as pa


def own_type(field: pa.Field) -> pa.DataType:
    """The type a column arrives in: numbers and bytes as such, decimals, dates and times as text.

    Their text is the source's own, exact; a cast around the query makes of it what is wanted.
    """
    t = pa.types
    if t.is_integer(field.type) or t.is_boolean(field.type):
        # above 2^63 an unsigned number is an error, never another number
        return pa.int64()
    if t.is_floating(field.type):
        return pa.float64()
    if t.is_binary(field.type) or t.is_fixed_size_binary(field.type):
        return pa.binary()
    return pa.string()
