"""Values as SQL that gives exactly these values."""

from __future__ import annotations

import datetime as dt
import decimal
import math
import uuid

from meshgate_sqlalchemy.errors import failure
from meshgate_sqlalchemy.exceptions import DataError

_BIGINT = 2**63
_MAX_DIGITS = 76


def literal(value: object) -> str:
    """A value as SQL that gives exactly this value, and that nothing can follow into."""
    match value:
        case None:
            return "NULL"
        case bool():
            return "TRUE" if value else "FALSE"
        case int():
            return _integer(int(value))
        case float():
            return _float(float(value))
        case decimal.Decimal():
            return _decimal(value)
        case str():
            return _text(str(value))
        case bytes() | bytearray() | memoryview():
            return f"X'{bytes(value).hex()}'"
        case dt.datetime():
            return _timestamp(value)
        case dt.date():
            return f"DATE '{value.isoformat()}'"
        case dt.time():
            if value.tzinfo is not None:
                raise failure(DataError, "a time with a time zone has no type here")
            return f"arrow_cast('{value.isoformat()}', 'Time64(Microsecond)')"
        case dt.timedelta():
            return _interval(value)
        case uuid.UUID():
            return f"'{value}'"
        case list() | tuple():
            return f"ARRAY[{', '.join(map(literal, value))}]"
    item = getattr(value, "item", None)  # a scalar of numpy
    if callable(item) and type(value).__module__ == "numpy":
        return literal(item())
    raise failure(DataError, f"a value of the type {type(value).__name__} has no literal")


def _integer(value: int) -> str:
    if not -_BIGINT < value < _BIGINT:
        return _decimal(decimal.Decimal(value))
    return _signed(str(value))


def _float(value: float) -> str:
    if not math.isfinite(value):
        return f"CAST('{value}' AS DOUBLE PRECISION)"
    return _signed(repr(value) if "e" in repr(value) else f"{value!r}e0")


def _signed(number: str) -> str:
    """Two minus signs would begin a comment."""
    return f"({number})" if number.startswith("-") else number


def _decimal(value: decimal.Decimal) -> str:
    if not value.is_finite():
        raise failure(DataError, f"there is no decimal {value}")
    _, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    scale = max(0, -exponent)
    precision = max(len(digits) + max(0, exponent), scale, 1)
    if precision > _MAX_DIGITS:
        raise failure(DataError, f"a decimal has at most {_MAX_DIGITS} digits, not {precision}")
    return f"CAST('{value:f}' AS DECIMAL({precision}, {scale}))"


def _text(value: str) -> str:
    if "\x00" in value:
        raise failure(DataError, "a text may not hold a NUL character")
    return "'" + value.replace("'", "''") + "'"


def _timestamp(value: dt.datetime) -> str:
    text = value.isoformat(" ", "microseconds")
    return f"CAST('{text}' AS {'TIMESTAMP(6)' if value.tzinfo is None else 'TIMESTAMPTZ(6)'})"


def _interval(value: dt.timedelta) -> str:
    micros = value.microseconds
    return f"INTERVAL '{value.days} days {value.seconds}.{micros:06} seconds'"
