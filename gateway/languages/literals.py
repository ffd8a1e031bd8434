"""Values as they are written into a statement: exact, and of the value's own type."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from gateway.errors import InvalidQuery, Unsupported

_MIN_BIGINT = -(2**63)
_SQL_NAMES = {
    pa.bool_(): "BOOLEAN",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.float32(): "REAL",
    pa.float64(): "DOUBLE PRECISION",
    pa.string(): "VARCHAR",
    pa.date32(): "DATE",
    pa.binary(): "BYTEA",
}
_UNITS = {"s": ("Second", 0), "ms": ("Millisecond", 3), "us": ("Microsecond", 6)}
_UNITS["ns"] = ("Nanosecond", 9)


def literal(value: pa.Scalar) -> str:
    """The value in SQL. Raises Unsupported for what has no such form, InvalidQuery for no text.

    Whole numbers are in parentheses, so that texts over different ones have one shape.
    """
    kind, is_ = value.type, pa.types
    if not value.is_valid:
        return _null(kind)
    if is_.is_boolean(kind):
        return "TRUE" if value.as_py() else "FALSE"
    if is_.is_integer(kind):
        number = value.as_py()
        if number == _MIN_BIGINT:
            return f"CAST('{number}' AS BIGINT)"
        return f"({number})" if number >= 0 else f"(({number}))"
    if is_.is_floating(kind):
        name = "REAL" if kind == pa.float32() else "DOUBLE PRECISION"
        return f"CAST('{value.as_py()!r}' AS {name})"
    if is_.is_decimal(kind):
        return f"CAST('{value.as_py():f}' AS DECIMAL({kind.precision}, {kind.scale}))"
    if is_.is_string(kind) or is_.is_large_string(kind):
        return text(value.as_py())
    if is_.is_binary(kind) or is_.is_large_binary(kind) or is_.is_fixed_size_binary(kind):
        return f"X'{value.as_py().hex()}'"
    if is_.is_date(kind):
        return f"CAST('{_iso(value, kind)}' AS DATE)"
    if is_.is_time(kind) or is_.is_timestamp(kind):
        return _moment(value, kind)
    if is_.is_interval(kind):
        months, days, nanoseconds = value.as_py()
        return f"INTERVAL '{months} mons {days} days {nanoseconds / 1e9:.9f} secs'"
    raise Unsupported(f"a parameter can not be a value of the type {kind}")


def text(value: str) -> str:
    """A text in quotes."""
    if "\x00" in value:
        raise InvalidQuery("a parameter holds a NUL character, which no text may")
    return "'" + value.replace("'", "''") + "'"


def _moment(value: pa.Scalar, kind: Any) -> str:
    name, digits = _UNITS[kind.unit]
    if pa.types.is_time(kind):
        return _arrow_cast(f"'{_iso(value, kind)}'", f"Time{kind.bit_width}({name})")
    if kind.tz is not None:
        utc = value.cast(pa.timestamp(kind.unit, "UTC")).cast(pa.timestamp(kind.unit))
        written = f"'{_iso(utc, kind)}Z'"
        return _arrow_cast(written, f'Timestamp({name}, Some("{kind.tz}"))')
    return f"CAST('{_iso(value, kind)}' AS TIMESTAMP({digits}))"


def _iso(value: pa.Scalar, kind: Any) -> str:
    written: str = value.cast(pa.string()).as_py()
    if not pa.types.is_time(kind) and (written.startswith("-") or written[4:5] != "-"):
        raise Unsupported("a parameter can not be a date before the year 0 or after 9999")
    return written


def _null(kind: pa.DataType) -> str:
    name = _SQL_NAMES.get(kind)
    if pa.types.is_decimal(kind):
        name = f"DECIMAL({kind.precision}, {kind.scale})"
    if name is not None:
        return f"CAST(NULL AS {name})"
    if kind == pa.null():
        return "NULL"
    return _arrow_cast("NULL", arrow_name(kind))


def arrow_name(kind: pa.DataType) -> str:
    """The engine's name of a type without parts."""
    is_ = pa.types
    if is_.is_time(kind):
        return f"Time{kind.bit_width}({_UNITS[kind.unit][0]})"
    if is_.is_timestamp(kind):
        zone = f'Some("{kind.tz}")' if kind.tz else "None"
        return f"Timestamp({_UNITS[kind.unit][0]}, {zone})"
    if is_.is_interval(kind):
        return "Interval(MonthDayNano)"
    if is_.is_fixed_size_binary(kind):
        return f"FixedSizeBinary({kind.byte_width})"
    names = {pa.large_string(): "LargeUtf8", pa.large_binary(): "LargeBinary"}
    names |= {pa.float16(): "Float16", pa.date64(): "Date64", pa.int8(): "Int8"}
    names |= {getattr(pa, f"uint{bits}")(): f"UInt{bits}" for bits in (8, 16, 32, 64)}
    if kind not in names:
        raise Unsupported(f"a parameter can not be a value of the type {kind}")
    return names[kind]


def _arrow_cast(written: str, name: str) -> str:
    quoted = name.replace("'", "''")
    return f"arrow_cast({written}, '{quoted}')"
