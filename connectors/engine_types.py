"""Arrow types by the names DataFusion's ``arrow_cast`` knows them by."""

from __future__ import annotations

import pyarrow as pa

_UNITS = {"s": "Second", "ms": "Millisecond", "us": "Microsecond", "ns": "Nanosecond"}
_NAMES = {
    pa.null(): "Null",
    pa.bool_(): "Boolean",
    **{getattr(pa, f"int{bits}")(): f"Int{bits}" for bits in (8, 16, 32, 64)},
    **{getattr(pa, f"uint{bits}")(): f"UInt{bits}" for bits in (8, 16, 32, 64)},
    **{getattr(pa, f"float{bits}")(): f"Float{bits}" for bits in (16, 32, 64)},
    pa.string(): "Utf8",
    pa.large_string(): "LargeUtf8",
    pa.string_view(): "Utf8View",
    pa.binary(): "Binary",
    pa.large_binary(): "LargeBinary",
    pa.binary_view(): "BinaryView",
    pa.date32(): "Date32",
    pa.date64(): "Date64",
    pa.month_day_nano_interval(): "Interval(MonthDayNano)",
}


def engine_name(data_type: pa.DataType) -> str | None:
    """The name of a type without parts; None for one that has parts, or is no type of values."""
    is_ = pa.types
    if (name := _NAMES.get(data_type)) is not None:
        return name
    if is_.is_decimal128(data_type) or is_.is_decimal256(data_type):
        return f"Decimal{data_type.bit_width}({data_type.precision}, {data_type.scale})"
    if is_.is_timestamp(data_type):
        zone = f'Some("{data_type.tz}")' if data_type.tz else "None"
        return f"Timestamp({_UNITS[data_type.unit]}, {zone})"
    if is_.is_time(data_type):
        return f"Time{data_type.bit_width}({_UNITS[data_type.unit]})"
    if is_.is_fixed_size_binary(data_type):
        return f"FixedSizeBinary({data_type.byte_width})"
    return None
