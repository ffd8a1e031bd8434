"""Translated expressions with what is known of them, and the small words they are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import pyarrow as pa
from sqlglot import exp

Kind: TypeAlias = Any  # pa.DataType | None: pyarrow has no types
"""What an expression gives; None where that is for the engine to find out (a placeholder)."""

INTEGER, FLOAT, TEXT, BOOLEAN = pa.int64(), pa.float64(), pa.string(), pa.bool_()
SHORT = pa.int32()
"""A whole number of 32 bits. What is computed has 64, but what it is divided by may ask."""
DATE, TIMESTAMP, NULL = pa.date32(), pa.timestamp("us"), pa.null()

MAX_DIGITS = 38
INTEGER_DIGITS = 19
_DIGITS = {8: 3, 16: 5, 32: 10, 64: INTEGER_DIGITS}
_WHOLE = {**_DIGITS, 64: 20}
"""Digits of whole numbers by their bits; beside decimals as Spark, which asks for them, counts."""


@dataclass(frozen=True, slots=True)
class Operand:
    """An expression of the gateway's own SQL. `constant` is its value, where it is written out.

    `computed` marks a comparison, which is a number in some dialects; `aggregate` one that has an
    aggregate in it. `digits` is how many digits a whole number has at most,
    `places` how many a decimal has behind its point where that is more than its kind says.
    `written` is the text of a float that is written out, where it is a decimal beside decimals.
    """

    sql: exp.Expr
    kind: Kind = None
    constant: str | int | None = None
    computed: bool = False
    aggregate: bool = False
    window: bool = False
    digits: int = INTEGER_DIGITS
    places: int = 0
    written: str = ""

    def copied(self) -> Operand:
        """The same, to stand in a second place."""
        return replace(self, sql=self.sql.copy())


def is_integer(kind: Kind) -> bool:
    return kind is not None and pa.types.is_integer(kind)


def is_decimal(kind: Kind) -> bool:
    return kind is not None and pa.types.is_decimal(kind)


def is_float(kind: Kind) -> bool:
    return kind is not None and pa.types.is_floating(kind)


def is_number(kind: Kind) -> bool:
    return is_integer(kind) or is_decimal(kind) or is_float(kind)


def is_text(kind: Kind) -> bool:
    return kind is not None and (
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def is_boolean(kind: Kind) -> bool:
    return kind is not None and pa.types.is_boolean(kind)


def is_date(kind: Kind) -> bool:
    return kind is not None and pa.types.is_date(kind)


def is_timestamp(kind: Kind) -> bool:
    return kind is not None and pa.types.is_timestamp(kind)


def is_open(kind: Kind) -> bool:
    """Whether it fits anything: NULL, or a placeholder."""
    return kind is None or pa.types.is_null(kind)


def family(kind: Kind) -> str:
    """Kinds of one family may be compared, and stand in one column."""
    if is_number(kind):
        return "a number"
    if is_text(kind):
        return "a text"
    if is_boolean(kind):
        return "a boolean"
    if is_date(kind) or is_timestamp(kind):
        return "a date or time"
    return "" if is_open(kind) else f"of type {kind}"


def decimal(precision: int, scale: int) -> Kind:
    return pa.decimal128(max(min(precision, MAX_DIGITS), 1), min(scale, MAX_DIGITS))


def shape(operand: Operand) -> tuple[int, int]:
    """Precision and scale of a number that is exact."""
    kind = operand.kind
    if kind is not None and is_decimal(kind):
        return kind.precision, kind.scale
    if is_integer(kind) and operand.digits == INTEGER_DIGITS:
        return _DIGITS[kind.bit_width], 0
    return operand.digits, 0


def widest(kinds: Sequence[Kind]) -> Kind:
    """The kind that holds all of one family."""
    known = [k for k in kinds if not is_open(k)]
    if not known:
        return kinds[0] if kinds else None
    if any(is_float(k) for k in known):
        return FLOAT
    if any(is_decimal(k) for k in known):
        scale = max(k.scale if is_decimal(k) else 0 for k in known if k is not None)
        whole = max(k.precision - k.scale if is_decimal(k) else _WHOLE[k.bit_width] for k in known)
        return decimal(whole + scale, scale)
    if all(is_integer(k) for k in known):
        return INTEGER if any(k.bit_width > SHORT.bit_width for k in known) else SHORT
    if any(is_timestamp(k) for k in known):
        return next(k for k in known if is_timestamp(k))
    return known[0]


# --- the words of the gateway's own SQL


def call(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=list(arguments))


def text(value: str) -> exp.Expr:
    return exp.Literal.string(value)


def number(value: int) -> exp.Expr:
    literal = exp.Literal.number(abs(value))
    return exp.Neg(this=literal) if value < 0 else literal


def cast(value: exp.Expr, to: str) -> exp.Expr:
    return exp.Cast(this=value, to=exp.DataType.build(to, dialect="postgres"))


def paren(value: exp.Expr) -> exp.Expr:
    plain = (exp.Column, exp.Literal, exp.Paren, exp.Anonymous, exp.Cast, exp.Case, exp.Null)
    return (
        value if isinstance(value, (*plain, exp.Boolean, exp.Subquery)) else exp.Paren(this=value)
    )


def binary(kind: type[exp.Expr], left: exp.Expr, right: exp.Expr) -> exp.Expr:
    made = kind(this=paren(left), expression=paren(right))
    if kind is exp.Div:
        made.set("typed", True)  # or sqlglot would write a cast, to divide whole numbers as floats
    return made


def case(*branches: tuple[exp.Expr, exp.Expr], otherwise: exp.Expr | None = None) -> exp.Expr:
    ifs = [exp.If(this=condition, true=value) for condition, value in branches]
    return exp.Case(ifs=ifs, default=otherwise)


def is_null(value: exp.Expr) -> exp.Expr:
    return exp.Is(this=paren(value), expression=exp.null())


def is_zero(value: exp.Expr) -> exp.Expr:
    return exp.EQ(this=paren(value), expression=number(0))


def decimal_type(precision: int, scale: int) -> str:
    return f"DECIMAL({max(min(precision, MAX_DIGITS), 1)}, {min(scale, MAX_DIGITS)})"
