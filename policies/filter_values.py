"""Values in row filters: constants as they are written, and which values may meet.

Values that meet are of one kind and a constant is given the type of its column, because an engine
that has to convert a column may fail on a row (DataFusion compares a decimal with a double as
DECIMAL(38, 15), and times to the nanosecond).
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from decimal import Decimal

import pyarrow as pa
from sqlglot import exp
from sqlglot.tokenizer_core import Token

_NUMBER = re.compile(r"\d{1,38}(?:\.\d{1,38})?\Z", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)
_TIMESTAMP = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d(?::?\d\d)?)?\Z",
    re.ASCII,
)
_FRACTION_DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}
_EXACT_INTEGERS = {16: 2**11, 32: 2**24, 64: 2**53}
_FIRST_NS, _LAST_NS = dt.datetime(1677, 9, 22), dt.datetime(2262, 4, 11)


class FilterError(Exception):
    """The text is no row filter. `position` counts characters from 1; 0 means the whole text."""

    def __init__(self, reason: str, position: int = 0) -> None:
        super().__init__(f"{reason} (character {position})" if position else reason)
        self.reason = reason
        self.position = position


@dataclass(frozen=True, slots=True)
class Moment:
    """A timestamp constant: to the second, then up to nine digits; in UTC when `zoned`."""

    second: dt.datetime
    fraction: str
    zoned: bool


@dataclass(frozen=True, slots=True)
class Value:
    """One side of a comparison at a position: a column or attribute (`type`), or a constant."""

    position: int
    tree: exp.Expr | None = None
    type: pa.DataType | None = None
    constant: str | bool | Decimal | dt.date | Moment | None = None


def read_number(word: Token) -> Decimal:
    if not _NUMBER.match(word.text):
        raise FilterError("a number is written in digits, at most 38", word.start + 1)
    return Decimal(word.text)


def read_moment(kind: str, word: Token) -> dt.date | Moment:
    """The constant of ``DATE '...'`` and its like. Years are 1 to 9999."""
    position = word.start + 1
    try:
        if kind == "DATE":
            if not _DATE.match(word.text):
                raise FilterError("a date is written 'YYYY-MM-DD'", position)
            return dt.date.fromisoformat(word.text)
        match = _TIMESTAMP.match(word.text)
        if match is None:
            raise FilterError("a timestamp is written 'YYYY-MM-DD HH:MM:SS'", position)
        day, time, fraction, offset = match.groups()
        if (offset is not None) != (kind == "TIMESTAMPTZ"):
            rule = "needs an offset such as +00:00" if offset is None else "takes no offset"
            raise FilterError(f"{kind} {rule}", position)
        moment = dt.datetime.fromisoformat(f"{day}T{time or '00:00:00'}{offset or ''}")
        if offset is not None:
            moment = moment.astimezone(dt.UTC).replace(tzinfo=None)
        return Moment(moment, (fraction or "").rstrip("0"), offset is not None)
    except (ValueError, OverflowError):
        raise FilterError(f"{word.text!r} is not in the calendar", position) from None


def alike(left: Value, right: Value) -> tuple[exp.Expr, exp.Expr]:
    """Both values as trees of one kind."""
    if left.type is None and right.type is None:
        raise FilterError("a comparison needs a column or an attribute", left.position)
    if left.tree is not None and right.tree is not None:
        if not _comparable(left.type) or not _same_kind(left.type, right.type):
            raise FilterError(f"{left.type} is not compared with {right.type}", right.position)
        return left.tree, right.tree
    if left.tree is None:
        assert right.tree is not None
        return _written(left, right.type), right.tree
    return left.tree, _written(right, left.type)


def is_text_type(data_type: pa.DataType | None) -> bool:
    t = pa.types
    return data_type is not None and (
        t.is_string(data_type) or t.is_large_string(data_type) or t.is_string_view(data_type)
    )


def _comparable(data_type: pa.DataType) -> bool:
    t = pa.types
    tests = (t.is_boolean, t.is_integer, t.is_floating, t.is_date, t.is_timestamp)
    if t.is_decimal(data_type):
        return bool(data_type.scale >= 0)
    return is_text_type(data_type) or any(test(data_type) for test in tests)


def _same_kind(left: pa.DataType, right: pa.DataType) -> bool:
    t = pa.types
    if is_text_type(left) and is_text_type(right):
        return True
    if any(test(left) and test(right) for test in (t.is_integer, t.is_floating)):
        return True
    return bool(left.equals(right))


def _written(value: Value, data_type: pa.DataType) -> exp.Expr:
    """A constant as a value of this type, with which nothing needs to be converted."""
    t, constant = pa.types, value.constant
    if isinstance(constant, str) and is_text_type(data_type):
        return exp.Literal.string(constant)
    if isinstance(constant, bool) and t.is_boolean(data_type):
        return exp.Boolean(this=constant)
    if isinstance(constant, Decimal) and _is_number_type(data_type):
        return _written_number(constant, data_type, value.position)
    if isinstance(constant, dt.date) and t.is_date(data_type):
        return _cast(constant.isoformat(), "DATE")
    zoned = t.is_timestamp(data_type) and data_type.tz is not None
    if isinstance(constant, Moment) and t.is_timestamp(data_type) and constant.zoned == zoned:
        return _written_moment(constant, data_type, value.position)
    raise FilterError(f"{data_type} is not compared with {_said(constant)}", value.position)


def _is_number_type(data_type: pa.DataType) -> bool:
    t = pa.types
    if t.is_decimal(data_type):
        return bool(data_type.scale >= 0)
    return bool(t.is_integer(data_type) or t.is_floating(data_type))


def _said(constant: object) -> str:
    if isinstance(constant, Moment):
        return "a timestamp with offset" if constant.zoned else "a timestamp without offset"
    kinds = ((str, "a text"), (bool, "TRUE or FALSE"), (Decimal, "a number"))
    return next((name for kind, name in kinds if isinstance(constant, kind)), "a date")


def _written_number(number: Decimal, data_type: pa.DataType, position: int) -> exp.Expr:
    t = pa.types
    size = number.copy_abs()  # abs() and - would round
    whole = size == size.to_integral_value()
    if t.is_integer(data_type):
        low, high = _bounds(data_type)
        if not whole or not low <= number <= high:
            raise FilterError(f"the number is not in the range of {data_type}", position)
    elif t.is_floating(data_type):
        if whole and size > _EXACT_INTEGERS[data_type.bit_width]:
            raise FilterError(f"the number is not exact as {data_type}", position)
    else:
        digits, _, fraction = f"{size:f}".partition(".")
        whole_digits = len(digits.lstrip("0"))
        if len(fraction.rstrip("0")) > data_type.scale or (
            whole_digits > data_type.precision - data_type.scale
        ):
            raise FilterError(f"the number is not exact as {data_type}", position)
        if not whole or size >= 2**63:  # written bare, engines read it as a double
            return _cast(f"{number:f}", f"DECIMAL({data_type.precision}, {data_type.scale})")
    literal = exp.Literal.number(str(int(size)) if whole else f"{size:f}")
    return exp.Neg(this=literal) if number < 0 else literal


def _bounds(data_type: pa.DataType) -> tuple[int, int]:
    bits = data_type.bit_width
    if pa.types.is_unsigned_integer(data_type):
        return 0, 2**bits - 1
    return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1


def _written_moment(moment: Moment, data_type: pa.DataType, position: int) -> exp.Expr:
    digits = _FRACTION_DIGITS[data_type.unit]
    if len(moment.fraction) > digits:
        raise FilterError(f"the timestamp is finer than {data_type}", position)
    if data_type.unit == "ns" and not _FIRST_NS <= moment.second < _LAST_NS:
        raise FilterError(f"the timestamp is not in the range of {data_type}", position)
    text = moment.second.isoformat(" ") + (f".{moment.fraction}" if moment.fraction else "")
    if moment.zoned:
        return _cast(f"{text}+00:00", f"TIMESTAMPTZ({digits})")
    return _cast(text, f"TIMESTAMP({digits})")


def _cast(text: str, data_type: str) -> exp.Expr:
    """A constant of a type that has no literal of its own; engines compute it once."""
    to = exp.DataType.build(data_type, dialect="postgres")
    return exp.Cast(this=exp.Literal.string(text), to=to)
