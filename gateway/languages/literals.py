"""Values as they are written into a statement: exact, and of the value's own type."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from connectors.engine_types import engine_name
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
_DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}


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


def members(value: pa.Scalar, cast: str = "") -> str:
    """The members of a list in SQL; "" if it has none, "NULL" for no list. Raises as `literal`.

    With `cast`, an SQL type, each is cast to it.
    """
    if not value.is_valid:
        return "NULL"
    found = [literal(member) if member.is_valid else "NULL" for member in value.values]
    return ", ".join(f"CAST({member} AS {cast})" if cast else member for member in found)


def text(value: str) -> str:
    """A text in quotes."""
    if "\x00" in value:
        raise InvalidQuery("a parameter holds a NUL character, which no text may")
    return "'" + value.replace("'", "''") + "'"


def _moment(value: pa.Scalar, kind: Any) -> str:
    if pa.types.is_time(kind):
        return _arrow_cast(f"'{_iso(value, kind)}'", _engine_name(kind))
    if kind.tz is not None:
        utc = value.cast(pa.timestamp(kind.unit, "UTC")).cast(pa.timestamp(kind.unit))
        written = f"'{_iso(utc, kind)}Z'"
        return _arrow_cast(written, _engine_name(kind))
    return f"CAST('{_iso(value, kind)}' AS TIMESTAMP({_DIGITS[kind.unit]}))"


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
    return _arrow_cast("NULL", _engine_name(kind))


def _engine_name(kind: pa.DataType) -> str:
    name = engine_name(kind)
    if name is None:
        raise Unsupported(f"a parameter can not be a value of the type {kind}")
    return name


def _arrow_cast(written: str, name: str) -> str:
    quoted = name.replace("'", "''")
    return f"arrow_cast({written}, '{quoted}')"
