"""Division: what kind of number it gives, of how many places, and what becomes of zero."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from gateway.languages.dialects.context import Context
from gateway.languages.dialects.dialect import Quotient, Zero
from gateway.languages.dialects.operands import (
    FLOAT,
    INTEGER,
    Kind,
    Operand,
    binary,
    call,
    case,
    cast,
    decimal,
    decimal_type,
    family,
    is_decimal,
    is_float,
    is_integer,
    is_number,
    is_zero,
    number,
    shape,
    widest,
)
from gateway.languages.dialects.operators import as_exact, fitted, float_sql, result, wide_shape


def quotient(left: Operand, right: Operand, node: exp.Expr, context: Context) -> Operand:
    """``/``."""
    for operand in (left, right):
        if not is_number(operand.kind):
            said = family(operand.kind) or "something of no known type"
            raise context.refused(node, f"division of {said}", "cast both sides to a number type")
    left, right = as_exact((left, right), context)
    rule = context.dialect.quotient
    exact = not (is_float(left.kind) or is_float(right.kind))
    whole = is_integer(left.kind) and is_integer(right.kind)
    if not exact or rule is Quotient.FLOAT:
        return float_quotient(left, right, context)
    if whole and rule in {Quotient.FLOAT_OR_WIDE, Quotient.FLOAT_OR_NINE}:
        return float_quotient(left, right, context)
    if whole and rule in {Quotient.INTEGER, Quotient.LONG, Quotient.WHOLE}:
        return result(binary(exp.Div, left.sql, right.sql), INTEGER, left, right)
    if rule is Quotient.WHOLE:
        raise context.refused(node, "division of decimals", "cast one side to FLOAT")
    made = exact_quotient(left, right, _places(left, right, rule), context)
    return replace(made, kind=_wide(left, right)) if rule is Quotient.FLOAT_OR_WIDE else made


def _places(left: Operand, right: Operand, rule: Quotient) -> int:
    s1, s2 = shape(left)[1], shape(right)[1]
    if rule is Quotient.INTEGER:
        return max(s1, s2)
    if rule is Quotient.LONG:
        return max(16, s1, s2)
    if rule is Quotient.FOUR:
        return s1 + 4
    if rule is Quotient.SIX:
        return max(s1, min(s1 + 6, 12))
    if rule is Quotient.FLOAT_OR_NINE:
        return max(9, s1, s2)
    return int(_wide(left, right).scale)


def _wide(left: Operand, right: Operand) -> Kind:
    """What Spark's quotient is."""
    (p1, s1), (p2, s2) = wide_shape(left), wide_shape(right)
    scale = max(6, s1 + p2 + 1)
    return fitted(p1 - s1 + s2 + scale, scale)


def exact_quotient(left: Operand, right: Operand, places: int, context: Context) -> Operand:
    """A decimal quotient, rounded to so many places with halves away from zero.

    The engine's has four places more than its dividend, and cuts the rest off. MySQL computes on
    with more places than it shows in the end: `places` of the operand are these.
    """
    _, scale = shape(left)
    if context.dialect.quotient is Quotient.FOUR:
        held = _held(max(scale, left.places), max(shape(right)[1], right.places))
        dividend = cast(left.sql, decimal_type(38, max(scale, left.places, held - 4)))
        cut = call("trunc", binary(exp.Div, dividend, divisor_of(right, context)), number(held))
        return replace(result(cut, decimal(38, places), left, right), places=held)
    dividend = cast(left.sql, decimal_type(38, max(scale, places - 3, 1)))
    quotient_ = binary(exp.Div, dividend, divisor_of(right, context))
    rounded = call("round", quotient_, number(places))
    sql = cast(rounded, decimal_type(38, places))  # ROUND claims another type than it gives
    return result(sql, decimal(38, places), left, right)


def _held(left: int, right: int) -> int:
    """How many places MySQL's quotient has: it divides words of nine digits."""
    words_left, words_right = (9 * -(-places // 9) for places in (left, right))
    more = max(0, 4 - (words_left - left) - (words_right - right))
    return int(9 * -(-(words_left + words_right + more) // 9))


def divisor_of(right: Operand, context: Context) -> exp.Expr:
    """What is divided by: NULL in place of zero, where the dialect means that."""
    if context.dialect.zero is not Zero.NULL or right.constant not in {None, 0}:
        return right.sql
    if right.constant == 0:
        return cast(exp.null(), "BIGINT")
    return exp.Nullif(this=right.sql, expression=number(0))


def float_quotient(left: Operand, right: Operand, context: Context) -> Operand:
    zero = context.dialect.zero
    divisor = float_sql(right)
    if right.constant not in {None, 0}:
        sql = binary(exp.Div, float_sql(left), divisor)
    elif zero is Zero.NULL:
        sql = binary(
            exp.Div, float_sql(left), float_sql(replace(right, sql=divisor_of(right, context)))
        )
    elif zero is Zero.INFINITE:
        sql = binary(exp.Div, float_sql(left), divisor)
    else:  # the engine knows division by zero as an error of whole numbers only
        failing = binary(exp.Div, number(1), cast(right.sql.copy(), "BIGINT"))
        sql = case(
            (is_zero(right.sql.copy()), cast(failing, "DOUBLE")),
            otherwise=binary(exp.Div, float_sql(left), divisor),
        )
    return result(sql, FLOAT, left, right)


def whole_quotient(left: Operand, right: Operand, node: exp.Expr, context: Context) -> Operand:
    """MySQL's DIV, DuckDB's ``//``: over whole numbers."""
    if not (is_integer(left.kind) and is_integer(right.kind)):
        raise context.refused(node, "whole division of what is no whole number")
    return result(binary(exp.Div, left.sql, divisor_of(right, context)), INTEGER, left, right)


def remainder(left: Operand, right: Operand, node: exp.Expr, context: Context) -> Operand:
    """``%`` and MOD: its sign is the dividend's everywhere."""
    for operand in (left, right):
        if not is_number(operand.kind):
            raise context.refused(node, "the remainder of what is no number")
    left, right = as_exact((left, right), context)
    kind = widest([left.kind, right.kind])
    if is_float(kind) and context.dialect.zero is not Zero.NULL:
        raise context.refused(node, "the remainder of a float")
    if is_decimal(kind) and context.dialect.quotient is Quotient.FLOAT_OR_WIDE:
        (p1, s1), (p2, s2) = wide_shape(left), wide_shape(right)
        kind = fitted(min(p1 - s1, p2 - s2) + max(s1, s2), max(s1, s2))
    return result(binary(exp.Mod, left.sql, divisor_of(right, context)), kind, left, right)
