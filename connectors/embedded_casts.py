"""Decimals as doubles and doubles as decimals in the embedded DuckDB: the engine's, bit for bit.

The engine (arrow-rs) divides the whole number that a decimal is, rounded to a double, by a power
of ten, and makes a decimal of a double's product with one, halves away from zero. DuckDB's own
casts do the same only for numbers of up to 2^53: above, they add two quotients.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa
from sqlglot import exp

from connectors.capabilities import Kind, NotPushable
from connectors.operands import Builder, Operand
from connectors.trees import cast_to, paren

_DIGITS = 38
_EXACT_DIGITS = 15
"""Any number of so many digits is a double."""

_HALF = 2**53
_TWO_HALVES = 31
"""Digits of what two doubles hold without rounding: below 2^106, and so are 10^31."""

_EXACT_POWER = 22
"""The largest power of ten that is a double."""

_SPARE_DIGITS = 9
"""Digits before the point that there must be room for: what needs more fails (see below)."""


def _decimal_to_float(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    """The double of a decimal: of its whole number, rounded once, and then of a quotient.

    A number of more digits than can be computed so fails in DuckDB, and then the gateway's engine
    computes the query.
    """
    operand = args[0]
    precision, scale = operand.type.precision, operand.type.scale
    if not pa.types.is_decimal128(operand.type) or not 0 <= scale <= _EXACT_POWER:
        raise NotPushable(f"cast from {operand.type} to {returns}")
    if returns != pa.float64():
        raise NotPushable(f"cast from {operand.type} to {returns}")
    if precision <= _EXACT_DIGITS:
        return cast_to(operand.sql, "DOUBLE")
    digits = min(precision, _TWO_HALVES, _DIGITS - scale)
    if digits < precision and digits - scale < _SPARE_DIGITS:
        raise NotPushable(f"cast from {operand.type} to {returns}")
    # first as many digits as there are, then at full width, where the product has room
    kept = cast_to(operand.sql, f"DECIMAL({digits}, {scale})")
    wide = cast_to(kept, f"DECIMAL({_DIGITS}, {scale})")
    whole = cast_to(paren(exp.Mul(this=wide, expression=_number(10**scale))), "INT128")
    large = exp.IntDiv(this=whole, expression=_number(_HALF))
    small = exp.Mod(this=whole.copy(), expression=_number(_HALF))
    total = exp.Add(
        this=exp.Mul(this=cast_to(paren(large), "DOUBLE"), expression=_double(_HALF)),
        expression=cast_to(paren(small), "DOUBLE"),
    )
    return paren(exp.Div(this=paren(total), expression=_double(10**scale), typed=True, safe=False))


def _float_to_decimal(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    """The decimal of a double: the product with a power of ten, rounded, in units of that power."""
    operand = args[0]
    precision, scale = returns.precision, returns.scale
    if operand.type != pa.float64() or not pa.types.is_decimal128(returns):
        raise NotPushable(f"cast from {operand.type} to {returns}")
    if not 0 < scale <= _EXACT_POWER:
        raise NotPushable(f"cast from {operand.type} to {returns}")
    shifted = exp.Mul(this=operand.sql, expression=_double(10**scale))
    whole = cast_to(exp.Round(this=shifted), "INT128")
    unit = cast_to(exp.Literal.string(f"0.{1:0{scale}}"), f"DECIMAL({scale}, {scale})")
    number = exp.Mul(this=cast_to(whole, f"DECIMAL({precision}, 0)"), expression=unit)
    return cast_to(paren(number), f"DECIMAL({precision}, {scale})")


def _number(value: int) -> exp.Expr:
    return exp.Literal.number(value)


def _double(value: int) -> exp.Expr:
    return cast_to(exp.Literal.string(str(value)), "DOUBLE")


FLOAT_CASTS: Mapping[tuple[Kind, Kind], Builder] = {
    (Kind.DECIMAL, Kind.FLOAT): _decimal_to_float,
    (Kind.FLOAT, Kind.DECIMAL): _float_to_decimal,
}
