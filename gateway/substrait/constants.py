"""Constants, types and names of a plan in the engine's own SQL."""

from __future__ import annotations

import datetime as dt
import decimal
import math

import pyarrow as pa
from substrait.proto import Expression

from connectors.capabilities import NotPushable
from gateway.plan import relations


class NotWritable(Exception):
    """The plan holds something that is not written as SQL; `str` says what."""


_UNITS = {"s": "Second", "ms": "Millisecond", "us": "Microsecond", "ns": "Nanosecond"}
_NAMES = {
    pa.null(): "Null",
    pa.bool_(): "Boolean",
    pa.int8(): "Int8",
    pa.int16(): "Int16",
    pa.int32(): "Int32",
    pa.int64(): "Int64",
    pa.uint8(): "UInt8",
    pa.uint16(): "UInt16",
    pa.uint32(): "UInt32",
    pa.uint64(): "UInt64",
    pa.float32(): "Float32",
    pa.float64(): "Float64",
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


def type_name(data_type: pa.DataType) -> str:
    """The engine's name of a type, for its arrow_cast. Raises NotWritable."""
    t = pa.types
    if (name := _NAMES.get(data_type)) is not None:
        return name
    if t.is_decimal128(data_type) or t.is_decimal256(data_type):
        return f"Decimal{data_type.bit_width}({data_type.precision}, {data_type.scale})"
    if t.is_timestamp(data_type):
        zone = f'Some("{data_type.tz}")' if data_type.tz else "None"
        return f"Timestamp({_UNITS[data_type.unit]}, {zone})"
    if t.is_time(data_type):
        return f"Time{data_type.bit_width}({_UNITS[data_type.unit]})"
    if t.is_fixed_size_binary(data_type):
        return f"FixedSizeBinary({data_type.byte_width})"
    raise NotWritable(f"values of type {data_type}")


def constant(message: Expression.Literal) -> str:
    """A constant with its type. Raises NotWritable."""
    kind = message.WhichOneof("literal_type")
    if kind in _INTERVALS:
        return cast(text_constant(_INTERVALS[kind](message)), pa.month_day_nano_interval())
    if kind in {"binary", "fixed_binary"}:
        data = bytes(getattr(message, kind))
        return cast(f"X'{data.hex()}'", pa.binary() if kind == "binary" else pa.binary(len(data)))
    try:
        value, data_type = relations.literal(message)
    except NotPushable as refusal:
        raise NotWritable(refusal.reason) from None
    if value is None:
        return typed_null(data_type)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return text_constant(value)
    if isinstance(value, int) and data_type == pa.int64() and value >= 0:
        return str(value)
    return cast(text_constant(_text(value)), data_type)


def _text(value: object) -> str:
    match value:
        case float() if not math.isfinite(value):
            return {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}[str(value)]
        case float():
            return repr(value)
        case decimal.Decimal():
            return format(value, "f")
        case dt.datetime():
            return value.replace(tzinfo=None).isoformat(sep=" ")
        case dt.date() | dt.time() | int():
            return str(value)
    raise NotWritable("a constant of an unknown kind")


def typed_null(data_type: pa.DataType) -> str:
    """NULL of a type. Raises NotWritable."""
    return "NULL" if pa.types.is_null(data_type) else cast("NULL", data_type)


def cast(text: str, data_type: pa.DataType, *, tried: bool = False) -> str:
    """The value as another type; NULL where it has no value of it, if that is `tried`."""
    function = "arrow_try_cast" if tried else "arrow_cast"
    return f"{function}({text}, {text_constant(type_name(data_type))})"


def text_constant(value: str) -> str:
    """A text in quotes. Raises NotWritable."""
    if "\x00" in value:
        raise NotWritable("a text with a NUL")
    return "'" + value.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """A name in quotes. Raises NotWritable."""
    if "\x00" in name or not name:
        raise NotWritable("a name that is empty, or has a NUL in it")
    return '"' + name.replace('"', '""') + '"'


def _months(message: Expression.Literal) -> str:
    interval = message.interval_year_to_month
    return f"{interval.years * 12 + interval.months} months"


def _days(message: Expression.Literal) -> str:
    interval = message.interval_day_to_second
    return f"{interval.days} days {_seconds(interval)}"


def _both(message: Expression.Literal) -> str:
    interval = message.interval_compound
    months = interval.interval_year_to_month
    rest = interval.interval_day_to_second
    whole = months.years * 12 + months.months
    return f"{whole} months {rest.days} days {_seconds(rest)}"


def _seconds(interval: Expression.Literal.IntervalDayToSecond) -> str:
    precision = interval.precision
    nanoseconds = interval.seconds * 10**9 + interval.subseconds * 10 ** (9 - precision)
    return f"{nanoseconds} nanoseconds"


_INTERVALS = {
    "interval_year_to_month": _months,
    "interval_day_to_second": _days,
    "interval_compound": _both,
}
