"""The common form of scalar functions and aggregates, and what such forms are built of.

A source that writes one otherwise overrides it by its name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pyarrow as pa
from sqlglot import exp

from connectors.capabilities import Kind, NotPushable, kind_of
from connectors.functions import COMMON
from connectors.marks import marked
from connectors.operands import Builder, Operand
from connectors.trees import paren

FROM_INTEGER = "from_integer"
"""Mark on a cast: floats made of integers of up to 32 bits add up exactly in any order."""


def binary(node: type[exp.Binary]) -> Builder:
    """A builder for an infix operator of two operands."""

    def build(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
        left, right = args
        return paren(node(this=left.sql, expression=right.sql))

    return build


def chained(node: type[exp.Connector]) -> Builder:
    """A builder for AND / OR over any number of operands."""

    def build(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
        tree = args[0].sql
        for arg in args[1:]:
            tree = node(this=tree, expression=arg.sql)
        return paren(tree)

    return build


def unary(node: type[exp.Expr]) -> Builder:
    """A builder for a function of one operand."""

    def build(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
        (arg,) = args
        return node(this=arg.sql)

    return build


def variadic(node: type[exp.Expr]) -> Builder:
    """A builder for a function whose first operand is `this` and the rest `expressions`."""

    def build(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
        return node(this=args[0].sql, expressions=[a.sql for a in args[1:]])

    return build


def named(function: str) -> Builder:
    """A builder for a function written by name, whatever the dialect calls its siblings."""

    def build(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
        return exp.Anonymous(this=function, expressions=[a.sql for a in args])

    return build


def _not(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    return paren(exp.Not(this=paren(args[0].sql)))


def _negate(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    return paren(exp.Neg(this=paren(args[0].sql)))


def _is(value: exp.Expr, *, negated: bool = False) -> Builder:
    def build(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
        test: exp.Expr = exp.Is(this=args[0].sql, expression=value.copy())
        return paren(exp.Not(this=test) if negated else test)

    return build


def _like(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    if len(args) > 2 and args[2].literal not in (None, "", "\\"):
        raise NotPushable("LIKE with an escape character")
    pattern = args[1]
    if not pattern.is_literal:
        raise NotPushable("LIKE with a pattern that is not a constant")
    like: exp.Expr = exp.Like(this=args[0].sql, expression=pattern.sql)
    if isinstance(pattern.literal, str) and "\\" in pattern.literal:
        if "\\" in _ESCAPED.sub("", pattern.literal):
            raise NotPushable("LIKE with a backslash that escapes nothing")
        like = exp.Escape(this=like, expression=exp.Literal.string("\\"))
    return paren(like)


_ESCAPED = re.compile(r"\\[%_]")
"""What every source takes for a character that matches only itself."""


def _substring(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    for bound in args[1:]:
        if not bound.is_literal or not isinstance(bound.literal, int):
            raise NotPushable("substring with a bound that is not a constant")
    if args[1].literal < 1 or (len(args) > 2 and args[2].literal < 0):  # type: ignore[operator]
        raise NotPushable("substring that starts before the first character")
    length = args[2].sql if len(args) > 2 else None
    return exp.Substring(this=args[0].sql, start=args[1].sql, length=length)


DATE_PARTS = frozenset({"year", "month", "day", "hour", "minute", "quarter"})
"""Parts that every source calls and counts alike."""

CALENDAR_PARTS = frozenset({"week", "dow", "doy"})
"""Weeks by ISO 8601, days of the week from Sunday, 0, days of the year: written by each source."""


def date_part_name(operand: Operand, *, calendar: bool = False) -> str:
    """The constant part of a date_part call, lower case. Raises NotPushable.

    With `calendar` it may be one of CALENDAR_PARTS as well.
    """
    part = str(operand.literal).lower() if operand.is_literal else ""
    if part not in DATE_PARTS and not (calendar and part in CALENDAR_PARTS):
        raise NotPushable(f"date_part of {part or 'a part that is not constant'}")
    return part


def _date_part(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    part = date_part_name(args[0])
    if kind_of(args[1].type) is Kind.DATE and part in {"hour", "minute"}:
        raise NotPushable(f"date_part of {part} of a date")
    return exp.Extract(this=exp.var(part.upper()), expression=args[1].sql)


def nonzero_divisor(args: Sequence[Operand]) -> bool:
    """True when the divisor is a constant other than zero: no source disagrees about it then."""
    divisor = args[1]
    return divisor.is_literal and divisor.literal not in (None, 0)


def made_of_integers(value: exp.Expr) -> bool:
    """True for floats that are 32-bit integers cast on the spot (a DISTINCT looked through)."""
    if isinstance(value, exp.Distinct) and len(value.expressions) == 1:
        value = value.expressions[0]
    return isinstance(value, exp.Cast) and marked(value, FROM_INTEGER)


def _divide(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    if kind_of(returns) is Kind.FLOAT and not nonzero_divisor(args):
        raise NotPushable("division of floats by what may be zero")
    return paren(exp.Div(this=args[0].sql, expression=args[1].sql, typed=True, safe=False))


FUNCTIONS: Mapping[str, Builder] = {
    "equal": binary(exp.EQ),
    "not_equal": binary(exp.NEQ),
    "lt": binary(exp.LT),
    "lte": binary(exp.LTE),
    "gt": binary(exp.GT),
    "gte": binary(exp.GTE),
    "is_distinct_from": binary(exp.NullSafeNEQ),
    "is_not_distinct_from": binary(exp.NullSafeEQ),
    "and": chained(exp.And),
    "or": chained(exp.Or),
    "not": _not,
    "is_null": _is(exp.null()),
    "is_not_null": _is(exp.null(), negated=True),
    "is_true": _is(exp.true()),
    "is_not_true": _is(exp.true(), negated=True),
    "is_false": _is(exp.false()),
    "is_not_false": _is(exp.false(), negated=True),
    "add": binary(exp.Add),
    "subtract": binary(exp.Sub),
    "multiply": binary(exp.Mul),
    "divide": _divide,
    "modulus": binary(exp.Mod),
    "negate": _negate,
    "abs": unary(exp.Abs),
    "like": _like,
    "substring": _substring,
    "substr": _substring,
    "character_length": unary(exp.Length),
    "length": unary(exp.Length),
    "str_concat": binary(exp.DPipe),
    "coalesce": variadic(exp.Coalesce),
    "nullif": lambda args, _: exp.Nullif(this=args[0].sql, expression=args[1].sql),
    "date_part": _date_part,
    **COMMON,
}
"""The common form of every scalar function that any source may be asked."""


def _count(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    if not args or (args[0].is_literal and args[0].literal is not None):
        return exp.Count(this=exp.Star())
    return exp.Count(this=args[0].sql)


AGGREGATES: Mapping[str, Builder] = {
    "count": _count,
    "sum": unary(exp.Sum),
    "avg": unary(exp.Avg),
    "min": unary(exp.Min),
    "max": unary(exp.Max),
}
"""The common form of every aggregate that any source may be asked."""
