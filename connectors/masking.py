"""Masks in a source's SQL: the raw value then never leaves the source.

A mask is pushed only where the source gives exactly what the gateway's own masks give, and fails
on no value of the column. `hash` is in no source on purpose: its key would stand in the text of
the query, in the source's logs and process lists. It stays with the gateway.

The kinds and arguments are those of `policies.masks`; the bounds are those of
`gateway/engines/mask_ranges.py`. A conformance test holds the two together on every source.
"""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

import pyarrow as pa
from sqlglot import exp

from connectors.capabilities import Kind, NotPushable, kind_of
from connectors.dialect import MaskBuilder, SqlDialect
from connectors.operands import Operand
from connectors.trees import cast_to, paren

FIRST_DAY, LAST_DAY = dt.date(1, 1, 1), dt.date(9999, 12, 31)
"""Outside of these a month or year is NULL."""

_ZEROS: Mapping[Kind, object] = {
    Kind.TEXT: "***",
    Kind.BOOLEAN: False,
    Kind.INTEGER: 0,
    Kind.UNSIGNED: 0,
    Kind.DECIMAL: Decimal(0),
    Kind.FLOAT: 0.0,
    Kind.DATE: dt.date(1970, 1, 1),
    Kind.TIMESTAMP: dt.datetime(1970, 1, 1),
    Kind.TIMESTAMP_TZ: dt.datetime(1970, 1, 1, tzinfo=dt.UTC),
}


def null(dialect: SqlDialect, argument: str, operand: Operand) -> exp.Expr:
    """NULL of the column's own type, whatever the source calls it."""
    never = exp.EQ(this=number(1), expression=number(0))
    return case((never, operand.sql))


def constants(names: Mapping[Kind, str | exp.DataType]) -> MaskBuilder:
    """A builder of constants, also for NULL, as types named in sqlglot's own dialect.

    They stand under a cast, since a bare one in GROUP BY would be the position of a column. What
    has no name here has no constant, except decimals, which carry their own.
    """

    def build(dialect: SqlDialect, argument: str, operand: Operand) -> exp.Expr:
        name = names.get(operand.kind)
        if pa.types.is_decimal128(operand.type):
            name = name or f"DECIMAL({operand.type.precision}, {operand.type.scale})"
        if name is None or pa.types.is_date64(operand.type):
            raise NotPushable(f"a constant in place of a {operand.type}")
        chosen = operand.kind is Kind.TEXT and argument
        value = argument if chosen else _ZEROS[operand.kind]
        literal = dialect.literal(value, operand.type)
        return cast_to(literal, name) if isinstance(name, str) else exp.cast(literal, name.copy())

    return build


def last4(dialect: SqlDialect, argument: str, operand: Operand) -> exp.Expr:
    """The last four characters of a text with nine or more, behind four stars."""
    _require(operand, Kind.TEXT)
    end = exp.Right(this=operand.sql.copy(), expression=number(4))
    return _joined(text(dialect, "****"), _unless_short(operand, 9, end, text(dialect, "")))


def partial(dialect: SqlDialect, argument: str, operand: Operand) -> exp.Expr:
    """The first characters of a text that has as many more and two, before three stars."""
    _require(operand, Kind.TEXT)
    kept = int(argument or 1)
    start = exp.Left(this=operand.sql.copy(), expression=number(kept))
    shown = _unless_short(operand, 2 * kept + 2, start, text(dialect, ""))
    return _joined(shown, text(dialect, "***"))


def _unless_short(operand: Operand, length: int, shown: exp.Expr, nothing: exp.Expr) -> exp.Expr:
    count = exp.Length(this=operand.sql.copy())
    return case((exp.LT(this=count, expression=number(length)), nothing), default=shown)


def _joined(left: exp.Expr, right: exp.Expr) -> exp.Expr:
    return paren(exp.DPipe(this=left, expression=right))


def text(dialect: SqlDialect, value: str) -> exp.Expr:
    """A text constant."""
    return dialect.literal(value, pa.string())


def within_years(dialect: SqlDialect, operand: Operand, first: dt.date = FIRST_DAY) -> exp.Expr:
    """The date or time where it lies in the years that can be cut, else NULL."""
    low: dt.date = first
    high: dt.date = LAST_DAY
    if operand.kind is not Kind.DATE:
        zone = dt.UTC if operand.kind is Kind.TIMESTAMP_TZ else None
        low = dt.datetime.combine(low, dt.time(), zone)
        high = dt.datetime.combine(high, dt.time.max, zone)
    after = exp.GTE(this=operand.sql.copy(), expression=dialect.literal(low, operand.type))
    before = exp.LTE(this=operand.sql.copy(), expression=dialect.literal(high, operand.type))
    return case((exp.And(this=after, expression=before), operand.sql))


def require_moment(operand: Operand, *kinds: Kind) -> None:
    """Raise NotPushable unless the operand is a date32 or time in microseconds of these kinds."""
    _require(operand, *kinds)
    time = operand.kind is not Kind.DATE
    if pa.types.is_date64(operand.type) or (time and operand.type.unit != "us"):
        raise NotPushable(f"the month or year of a {operand.type}")


def band(dialect: SqlDialect, argument: str, operand: Operand) -> exp.Expr:
    """Integers and decimals down to a multiple of the width; nothing that would leave the type."""
    _require(operand, Kind.INTEGER, Kind.UNSIGNED, Kind.DECIMAL)
    scale = operand.type.scale if operand.kind is Kind.DECIMAL else 0
    width = Decimal(argument).scaleb(scale)
    if width != int(width):
        raise NotPushable(f"a band of {argument} over a {operand.type}")
    smallest, highest = _range(operand.type)
    zero = number(0)
    if int(width) > highest:  # all there is of the first band is in the type, nothing of the others
        nought = paren(exp.Sub(this=operand.sql.copy(), expression=operand.sql.copy()))
        return case((exp.GTE(this=operand.sql.copy(), expression=zero), nought))
    step = _exact(dialect, int(width), operand.type)
    if smallest == 0:
        over = paren(exp.Mod(this=operand.sql.copy(), expression=step))
        return paren(exp.Sub(this=operand.sql, expression=over))
    lowest = _exact(dialect, -(-smallest // int(width)) * int(width), operand.type)
    within = case((exp.GTE(this=operand.sql.copy(), expression=lowest), operand.sql))
    over = paren(exp.Mod(this=paren(within.copy()), expression=step))
    down = paren(exp.Sub(this=paren(within.copy()), expression=over))
    # Not the sign of the remainder: MariaDB has a decimal zero that is less than zero.
    below = case((exp.GT(this=down.copy(), expression=paren(within)), step.copy()), default=zero)
    return paren(exp.Sub(this=down, expression=below))


def grid(dialect: SqlDialect, argument: str, operand: Operand) -> exp.Expr:
    """Decimals as `band`."""
    _require(operand, Kind.DECIMAL)
    return band(dialect, argument, operand)


def _range(data_type: pa.DataType) -> tuple[int, int]:
    if pa.types.is_decimal(data_type):
        if not pa.types.is_decimal128(data_type):
            raise NotPushable(f"a band over a {data_type}")
        return 1 - 10**data_type.precision, 10**data_type.precision - 1
    bits = data_type.bit_width
    if pa.types.is_signed_integer(data_type):
        return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return 0, 2**bits - 1


def _exact(dialect: SqlDialect, value: int, data_type: pa.DataType) -> exp.Expr:
    if not pa.types.is_decimal(data_type):
        return dialect.literal(value, data_type)
    unscaled = Decimal(f"{value}E{-data_type.scale}")  # scaleb would round to 28 digits
    return dialect.literal(unscaled, data_type)


def float_band(operand: Operand, argument: str, banded: FloatForm) -> exp.Expr:
    """`banded` where two neighbouring floats are closer than a width, else NULL."""
    if pa.types.is_float16(operand.type):
        raise NotPushable("a band over a float16")
    width = float(Decimal(argument))
    narrow = pa.types.is_float32(operand.type)
    limit = min(width * 2.0**53, 2.0**127) if narrow else width * 2.0**53
    value = cast_to(operand.sql, "DOUBLE") if narrow else operand.sql
    branches = banded(value, width, between(value, limit))
    return cast_to(case(*branches), "FLOAT") if narrow else case(*branches)


Branches = Sequence[tuple[exp.Expr, exp.Expr]]
FloatForm = Callable[[exp.Expr, float, exp.Expr], Branches]
"""From a value, the width and the test that there are bands: the branches of the CASE."""


def between(value: exp.Expr, limit: float) -> exp.Expr:
    """-limit < value < limit."""
    low = exp.GT(this=value.copy(), expression=double(-limit))
    return exp.And(this=low, expression=exp.LT(this=value.copy(), expression=double(limit)))


def floored(value: exp.Expr, width: float) -> exp.Expr:
    """floor(value / width) * width + 0, in double precision; the 0 makes a negative zero plain."""
    quotient = exp.Div(this=value.copy(), expression=double(width), typed=True, safe=False)
    product = exp.Mul(this=exp.Floor(this=quotient), expression=double(width))
    return exp.Add(this=product, expression=double(0.0))


def smallest_divisible(width: float) -> float:
    """The least positive double whose quotient by `width` is not zero."""
    low, high = 0, 0x7FEFFFFFFFFFFFFF  # the bits of doubles count up as they do
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (middle, high) if _from_bits(middle) / width == 0 else (low, middle)
    return _from_bits(high)


def _from_bits(bits: int) -> float:
    value: float = struct.unpack(">d", struct.pack(">Q", bits))[0]
    return value


UNSIGNED = exp.DataType(this=exp.DataType.Type.UBIGINT)
"""A type sqlglot's own dialect has no name for."""


def double(value: float) -> exp.Expr:
    """A double constant, with all its digits."""
    return cast_to(exp.Literal.string(repr(value)), "DOUBLE")


def case(*branches: tuple[exp.Expr, exp.Expr], default: exp.Expr | None = None) -> exp.Expr:
    """CASE WHEN test THEN value ... [ELSE default] END."""
    ifs = [exp.If(this=test, true=value) for test, value in branches]
    return paren(exp.Case(ifs=ifs, default=default))


def number(value: int) -> exp.Expr:
    """An integer constant."""
    return exp.Literal.number(value)


def _require(operand: Operand, *kinds: Kind) -> None:
    if kind_of(operand.type) not in kinds:
        raise NotPushable(f"this mask over a {operand.kind.value}")


EXACT: Mapping[str, MaskBuilder] = {"null": null, "band": band, "grid": grid}
"""What any SQL source can do."""

TEXTS: Mapping[str, MaskBuilder] = {"last4": last4, "partial": partial}
"""What a source can do that counts the characters of a text as code points, a NUL included."""
