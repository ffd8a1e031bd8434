"""Values that stand for any value while a statement is planned, and which values they stand for.

A plan made with the least and one made with the greatest of them, that differ in nothing else, is
right for every value between: nothing was concluded from the value itself.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

import pyarrow as pa

MOST = 12
"""Of so many parameters of one statement values are put into plans."""

_DAY = datetime.timedelta(days=1)
_FIRST_DAY, _LAST_DAY = datetime.date(1602, 2, 3), datetime.date(2898, 11, 7)
_PLAIN_TEXT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 .,:;@/_+=-]{0,998}[A-Za-z0-9])?\Z")
"""Texts that every source writes, orders and compares alike as to how they are asked for."""

_LEAST_DIGITS = 4
_BITS = {pa.int16(): 15, pa.int32(): 31, pa.int64(): 63}


class Side(Enum):
    """The least or the greatest sentinels."""

    LOW = "low"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Sentinel:
    """One parameter's stand-in: a value and how it is spelt in the texts of plans."""

    value: pa.Scalar
    spelling: str


def sentinel(kind: pa.DataType, number: int, side: Side) -> Sentinel | None:
    """The stand-in of a parameter by its number from 1 on; None where its type has none.

    The greatest fall with the number, the least rise: two parameters are in both orders.
    """
    if number > MOST:
        return None
    high = side is Side.HIGH
    if kind in _BITS:
        most = 2 ** _BITS[kind] - 1
        return _spelt(pa.scalar(most - 41 - 7 * number if high else 47 + 7 * number - most, kind))
    if pa.types.is_decimal128(kind) and kind.precision >= _LEAST_DIGITS:
        digits = 10**kind.precision - 43 - 7 * number
        unscaled = digits if high else 43 + 7 * number
        return _spelt(pa.scalar(exact(unscaled, kind.scale), kind))
    if kind == pa.date32():
        day = _LAST_DAY - number * _DAY if high else _FIRST_DAY + number * _DAY
        return _spelt(pa.scalar(day, kind))
    if pa.types.is_string(kind):
        letters = "abcdefghijklmnop"
        first = letters[-number] if high else letters[number - 1]
        return _spelt(pa.scalar(f"{'zz' if high else '00'}{first}q7meshgate5k{number}x", kind))
    return None


def stands_for(value: pa.Scalar, kind: pa.DataType, number: int) -> bool:
    """Whether the sentinels of a parameter stand for this value of it, too."""
    low, high = (sentinel(kind, number, side) for side in (Side.LOW, Side.HIGH))
    if low is None or high is None or value.type != kind or not value.is_valid:
        return False
    if pa.types.is_string(kind):
        return _PLAIN_TEXT.match(value.as_py()) is not None
    try:
        return bool(low.value.as_py() < value.as_py() < high.value.as_py())
    except OverflowError:  # a date or a moment that Python has not
        return False


def spelling(value: pa.Scalar) -> str:
    """How a value is spelt in the texts of plans, within quotes where it is a text."""
    held = value.as_py()
    if isinstance(held, Decimal):
        return f"{held:f}"
    return f"({held})" if isinstance(held, int) and held < 0 else str(held)


def exact(unscaled: int, scale: int) -> Decimal:
    """A decimal of any number of digits: arithmetic would round it."""
    digits = tuple(map(int, str(abs(unscaled))))
    return Decimal((int(unscaled < 0), digits, -scale))


def _spelt(value: pa.Scalar) -> Sentinel:
    return Sentinel(value, spelling(value))
