"""Operators over operands: arithmetic, comparison, logic, each as the dialect means it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from sqlglot import exp

from gateway.languages.dialects.context import Context
from gateway.languages.dialects.dialect import Quotient
from gateway.languages.dialects.operands import (
    BOOLEAN,
    DATE,
    INTEGER,
    INTEGER_DIGITS,
    MAX_DIGITS,
    SHORT,
    TEXT,
    TIMESTAMP,
    Kind,
    Operand,
    binary,
    call,
    case,
    cast,
    decimal,
    decimal_type,
    family,
    is_boolean,
    is_date,
    is_decimal,
    is_float,
    is_integer,
    is_null,
    is_number,
    is_open,
    is_text,
    is_timestamp,
    number,
    paren,
    shape,
    text,
    widest,
)

ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d\Z")
ISO_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?\Z")
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,17})(\.\d{1,18})?\Z")


def as_value(operand: Operand, context: Context) -> Operand:
    """What an expression is where a value is wanted: a comparison may be a number there."""
    if operand.computed and context.dialect.numbers_are_booleans:
        sql = cast(paren(operand.sql), "BIGINT")
        return Operand(sql, INTEGER, aggregate=operand.aggregate, window=operand.window, digits=1)
    return operand


def as_condition(operand: Operand, node: exp.Expr, context: Context) -> exp.Expr:
    """What an expression is where a condition is wanted."""
    if is_boolean(operand.kind) or is_open(operand.kind):
        return operand.sql
    if is_number(operand.kind) and context.dialect.numbers_are_booleans:
        return exp.NEQ(this=paren(operand.sql), expression=number(0))
    raise context.wrong(node, f"a condition is wanted here, and this is {family(operand.kind)}")


def float_sql(operand: Operand) -> exp.Expr:
    return operand.sql if is_float(operand.kind) else cast(operand.sql, "DOUBLE")


def result(sql: exp.Expr, kind: Kind, *of: Operand, computed: bool = False) -> Operand:
    """An operand that is made of others."""
    return Operand(
        sql,
        kind,
        computed=computed,
        aggregate=any(o.aggregate for o in of),
        window=any(o.window for o in of),
        places=max((o.places for o in of), default=0),
    )


def settled(operand: Operand) -> Operand:
    """A decimal with the places its kind has, where it was computed with more."""
    if not operand.places or not is_decimal(operand.kind):
        return operand
    scale = operand.kind.scale
    rounded = call("round", operand.sql, number(scale))
    sql = cast(rounded, decimal_type(MAX_DIGITS, scale))  # ROUND claims another type than it gives
    return replace(operand, sql=sql, places=0)


# --- arithmetic


def arithmetic(
    kind: type[exp.Expr], left: Operand, right: Operand, node: exp.Expr, context: Context
) -> Operand:
    """``+``, ``-`` and ``*``."""
    if not (is_number(left.kind) or is_open(left.kind)) or not (
        is_number(right.kind) or is_open(right.kind)
    ):
        what = " and ".join(dict.fromkeys(family(o.kind) for o in (left, right) if o.kind))
        raise context.refused(node, f"arithmetic over {what}", "cast what is no number to one")
    left, right = as_exact((left, right), context)
    sql = binary(kind, *_alike(_wide(left), _wide(right)))
    if kind is exp.Mul and _may_be_too_large(left, right):
        # the engine would go round at 64 bits, where each dialect has an error
        factors = (cast(o.sql.copy(), decimal_type(INTEGER_DIGITS, 0)) for o in (left, right))
        sql = cast(exp.Paren(this=binary(exp.Mul, *factors)), "BIGINT")
    made = widest([left.kind, right.kind])
    if is_decimal(made) and context.dialect.quotient is Quotient.FLOAT_OR_WIDE:
        return _sized(kind, sql, left, right)
    if is_decimal(made):
        (p1, s1), (p2, s2) = shape(left), shape(right)
        made = decimal(p1 + p2, s1 + s2) if kind is exp.Mul else made
        if context.dialect.quotient is Quotient.FLOAT_OR_NINE and made.scale > 9:
            sql = cast(call("round", sql, number(9)), decimal_type(MAX_DIGITS, 9))
            made = decimal(MAX_DIGITS, 9)
    return result(sql, made, left, right)


def _sized(kind: type[exp.Expr], sql: exp.Expr, left: Operand, right: Operand) -> Operand:
    """A decimal of the size that Spark gives it, and with no more places."""
    (p1, s1), (p2, s2) = wide_shape(left), wide_shape(right)
    scale, digits = max(s1, s2), max(p1 - s1, p2 - s2) + max(s1, s2) + 1
    if kind is exp.Mul:
        scale, digits = s1 + s2, p1 + p2 + 1
    fitting = fitted(digits, scale)
    if fitting.scale < scale:
        sql = cast(call("round", sql, number(fitting.scale)), decimal_type(38, fitting.scale))
    return result(sql, fitting, left, right)


def wide_shape(operand: Operand) -> tuple[int, int]:
    """Digits and places as Spark counts them: one more in the largest whole numbers."""
    precision, scale = shape(operand)
    longest = is_integer(operand.kind) and operand.constant is None and precision == INTEGER_DIGITS
    return (precision + 1 if longest else precision), scale


def fitted(digits: int, scale: int) -> Kind:
    """A decimal of at most 38 digits: places are given up, but for six."""
    if digits > MAX_DIGITS:
        scale = max(MAX_DIGITS - (digits - scale), min(scale, 6))
    return decimal(digits, scale)


def _may_be_too_large(left: Operand, right: Operand) -> bool:
    """Whether the product of whole numbers may need more than 64 bits."""
    if not (is_integer(left.kind) and is_integer(right.kind)):
        return False
    return any(
        o.constant is None
        and (o.kind.bit_width > SHORT.bit_width or o.sql.find(exp.Mul, exp.Add, exp.Sub))
        for o in (left, right)
    ) or all(isinstance(o.constant, int) and abs(o.constant) >= 2**31 for o in (left, right))


def _wide(operand: Operand) -> Operand:
    """Whole numbers of 64 bits: in fewer the engine would go round to negative ones."""
    if operand.constant is not None:
        return operand
    if is_integer(operand.kind) and operand.kind.bit_width < INTEGER.bit_width:
        return replace(operand, sql=cast(operand.sql, "BIGINT"))
    return operand


def _alike(left: Operand, right: Operand) -> tuple[exp.Expr, exp.Expr]:
    """An exact fraction beside a float is one itself: else the engine would convert each row."""
    if is_float(left.kind) and is_decimal(right.kind):
        return left.sql, cast(right.sql, "DOUBLE")
    if is_decimal(left.kind) and is_float(right.kind):
        return cast(left.sql, "DOUBLE"), right.sql
    return left.sql, right.sql


# --- comparison


def comparison(
    kind: type[exp.Expr], left: Operand, right: Operand, node: exp.Expr, context: Context
) -> Operand:
    """``=``, ``<`` and their like, over operands of one family."""
    left, right = matched([settled(left), settled(right)], node, context)
    return result(binary(kind, *_alike(left, right)), BOOLEAN, left, right, computed=True)


def as_exact(operands: Sequence[Operand], context: Context) -> list[Operand]:
    """BigQuery's fractions are floats, but written-out ones are decimals beside decimals."""
    exact = any(is_decimal(o.kind) for o in operands) and not context.dialect.exact_fractions
    if not exact or any(is_float(o.kind) and not o.written for o in operands):
        return list(operands)
    return [fraction(o.written) if o.written else o for o in operands]


def matched(operands: Sequence[Operand], node: exp.Expr, context: Context) -> list[Operand]:
    """Operands made to be of one family, or refused.

    Written-out texts become the dates and numbers they are compared with. Nothing else is
    converted: each dialect has rules of its own for that.
    """
    operands = as_exact(operands, context)
    found = [o for o in operands if not is_open(o.kind)]
    families = {family(o.kind) for o in found}
    if len(families) <= 1:
        return _one_kind(operands)
    if families == {"a date or time", "a text"}:
        kind = widest([o.kind for o in found if not is_text(o.kind)])
        return [_as_date(o, kind, node, context) for o in operands]
    if families == {"a number", "a text"}:
        return [_as_number(o, node, context) for o in operands]
    if families == {"a number", "a boolean"} and context.dialect.name in {"mysql", "tsql"}:
        if all(is_boolean(o.kind) or o.constant in {0, 1} for o in found):
            return [_as_boolean(o) for o in operands]
        return [as_value(o, context) if o.computed else _as_integer(o) for o in operands]
    raise context.refused(
        node, f"putting {' beside '.join(sorted(families))}", "cast one to the type of the other"
    )


def _one_kind(operands: Sequence[Operand]) -> list[Operand]:
    """Dates beside times become times: the engine would compare some of them as texts."""
    if any(is_timestamp(o.kind) for o in operands) and any(is_date(o.kind) for o in operands):
        return [
            result(cast(o.sql, "TIMESTAMP(6)"), TIMESTAMP, o) if is_date(o.kind) else o
            for o in operands
        ]
    return list(operands)


def _as_date(operand: Operand, kind: Kind, node: exp.Expr, context: Context) -> Operand:
    if not is_text(operand.kind):
        return operand
    said = operand.constant
    if isinstance(said, str) and ISO_DATE.match(said):
        if is_date(kind):
            return Operand(cast(text(said), "DATE"), DATE)
        return Operand(cast(text(f"{said} 00:00:00"), "TIMESTAMP(6)"), TIMESTAMP)
    if isinstance(said, str) and ISO_TIME.match(said) and is_timestamp(kind):
        full = said.replace("T", " ")
        full = full if full.count(":") == 2 else f"{full}:00"
        return Operand(cast(text(full), "TIMESTAMP(6)"), TIMESTAMP)
    raise context.refused(
        node,
        "comparing a date or time with this text",
        "write DATE '2024-12-31' or TIMESTAMP '2024-12-31 12:30:00', or cast one side",
    )


def _as_number(operand: Operand, node: exp.Expr, context: Context) -> Operand:
    if not is_text(operand.kind):
        return operand
    said = operand.constant
    if not (isinstance(said, str) and _NUMBER.match(said)) or not context.dialect.texts_are_numbers:
        raise context.refused(
            node, "comparing a number with a text", "cast one to the type of the other"
        )
    return fraction(said) if "." in said else Operand(number(int(said)), INTEGER, int(said))


def _as_boolean(operand: Operand) -> Operand:
    if is_boolean(operand.kind):
        return operand
    value = exp.true() if operand.constant else exp.false()
    return Operand(value, BOOLEAN)


def _as_integer(operand: Operand) -> Operand:
    if not is_boolean(operand.kind):
        return operand
    return result(cast(paren(operand.sql), "BIGINT"), INTEGER, operand)


def fraction(said: str) -> Operand:
    """An exact fraction, as it is written: the engine would read a float."""
    digits = said.lstrip("-").replace(".", "").lstrip("0") or "0"
    places = len(said.partition(".")[2])
    kind = decimal(max(len(digits), places, 1), places)
    return Operand(cast(text(said), decimal_type(max(len(digits), places, 1), places)), kind)


def united(operands: Sequence[Operand], node: exp.Expr, context: Context) -> list[Operand]:
    """Operands that stand in for each other: results of CASE, COALESCE and their like."""
    values = [as_value(o, context) for o in operands]
    families = {family(o.kind) for o in values if not is_open(o.kind)}
    dated = families == {"a date or time", "a text"} and context.dialect.name != "mysql"
    if len(families) > 1 and not dated:  # with MySQL dates beside texts are texts
        raise context.refused(
            node, f"mixing {' and '.join(sorted(families))}", "cast one to the type of the other"
        )
    return matched(values, node, context)


def kind_of(operands: Sequence[Operand]) -> Kind:
    kind = widest([o.kind for o in operands])
    if is_decimal(kind):
        sizes = [wide_shape(o) for o in operands if not is_open(o.kind)]
        return decimal(max(p - s for p, s in sizes) + kind.scale, kind.scale)
    return kind


# --- texts


def concatenated(operands: Sequence[Operand], node: exp.Expr, context: Context) -> Operand:
    """``||``: NULL where one of them is."""
    pieces = [as_text(o, node, context) for o in operands]
    sql = pieces[0]
    for piece in pieces[1:]:
        sql = binary(exp.DPipe, sql, piece)
    return result(sql, TEXT, *operands)


def as_text(operand: Operand, node: exp.Expr, context: Context) -> exp.Expr:
    """A value as the text every dialect makes of it. Raises where they differ."""
    operand = settled(as_value(operand, context))
    if is_text(operand.kind):
        return operand.sql
    if is_open(operand.kind):
        return cast(operand.sql, "VARCHAR")
    exact = is_decimal(operand.kind) and context.dialect.name not in {"bigquery", "spark"}
    if exact and context.dialect.name == "postgres":
        _check_places(operand, node, context)
    if is_integer(operand.kind) or exact or is_date(operand.kind):
        return cast(operand.sql, "VARCHAR")
    called = isinstance(node, exp.Anonymous) and context.dialect.name == "postgres"
    if is_boolean(operand.kind) and context.dialect.name not in {"mysql", "tsql"} and not called:
        return cast(operand.sql, "VARCHAR")  # 't' in PostgreSQL's CONCAT, but 'true' in its CAST
    raise context.refused(
        node, f"the text of {family(operand.kind)}", "each dialect writes these in its own way"
    )


def _check_places(operand: Operand, node: exp.Expr, context: Context) -> None:
    """Refuse the text of a decimal of PostgreSQL's whose places depend on its value."""
    chosen = any(
        isinstance(part, (exp.Case, exp.Nullif)) or part.name in {"coalesce", "greatest", "least"}
        for part in operand.sql.find_all(exp.Case, exp.Nullif, exp.Anonymous)
    )
    if chosen or operand.kind.scale >= 16:
        raise context.refused(
            node, "the text of a number whose places depend on its value", "write ROUND around it"
        )


def null_if_any(value: exp.Expr, operands: Sequence[Operand]) -> exp.Expr:
    """NULL where one operand is, for functions that leave NULLs out."""
    nullable = [o for o in operands if o.constant is None]
    if not nullable:
        return value
    condition = is_null(nullable[0].sql.copy())
    for operand in nullable[1:]:
        condition = exp.Or(this=condition, expression=is_null(operand.sql.copy()))
    return case((condition, exp.null()), otherwise=value)
