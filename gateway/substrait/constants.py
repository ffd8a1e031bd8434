"""Constants, types and names of a plan in the engine's own SQL."""

from __future__ import annotations

import datetime as dt
import decimal
import math

import pyarrow as pa
from substrait.proto import Expression

from connectors.capabilities import NotPushable
from connectors.engine_types import engine_name
from gateway.plan import relations


class NotWritable(Exception):
    """The plan holds something that is not written as SQL; `str` says what."""


def type_name(data_type: pa.DataType) -> str:
    """The engine's name of a type, for its arrow_cast. Raises NotWritable."""
    name = engine_name(data_type)
    if name is None:
        raise NotWritable(f"values of type {data_type}")
    return name


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
