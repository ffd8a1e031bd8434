"""Functions of numbers."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from gateway.languages.dialects.casts import half_even
from gateway.languages.dialects.dialect import Zero
from gateway.languages.dialects.division import (
    exact_quotient,
    float_quotient,
    quotient,
    remainder,
    whole_quotient,
)
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
    is_decimal,
    is_float,
    is_integer,
    is_number,
    number,
)
from gateway.languages.dialects.operators import float_sql
from gateway.languages.dialects.registry import EVERY, Call, but, function


@function("ABS", EVERY)
def _abs(given: Call) -> Operand:
    value = given.taken(0, is_number)
    return given.made(call("abs", value.sql), value.kind)


@function("CEIL CEILING", EVERY)
@function("FLOOR", EVERY)
def _whole(given: Call) -> Operand:
    value = given.taken(0, is_number)
    if is_integer(value.kind):
        return given.made(value.sql, INTEGER)
    own = "floor" if given.name == "FLOOR" else "ceil"
    sql, kind = call(own, value.sql), value.kind
    if is_decimal(kind) and kind is not None:
        precision = min(kind.precision - kind.scale + 1, 38)
        return given.made(cast(sql, f"DECIMAL({precision}, 0)"), decimal(precision, 0))
    return given.made(sql, kind)


@function("ROUND", EVERY, 1, 2)
def _round(given: Call) -> Operand:
    value = given.taken(0, is_number)
    places = _places(given)
    if is_float(value.kind):
        dialect = given.context.dialect
        if dialect.float_rounds_even:
            if places:
                raise given.refused("of a float to some places")
            return given.made(half_even(value.sql), FLOAT)
        return given.made(call("round", value.sql, number(places)), FLOAT)
    kind = value.kind
    if is_decimal(kind) and kind is not None:
        if places >= max(kind.scale, value.places):
            return given.made(value.sql, kind)
        kind = decimal(kind.precision + 1, max(places, 0))
        rounded = call("round", value.sql, number(places))  # it claims another type than it gives
        made = given.made(cast(rounded, decimal_type(kind.precision, kind.scale)), kind)
        return replace(made, places=0)
    if is_integer(kind) and places >= 0:
        return given.made(value.sql, kind)
    return given.made(call("round", value.sql, number(places)), kind)


def _places(given: Call) -> int:
    if len(given) < 2:
        return 0
    constant = given.value(1).constant
    if not isinstance(constant, int):
        raise given.refused("to a number of places that is computed")
    return constant


@function("TRUNC", "postgres snowflake duckdb bigquery", 1, 2)
@function("TRUNCATE", "mysql", 2)
@function("TRUNCATE", "trino", 1)
def _trunc(given: Call) -> Operand:
    value, places = given.taken(0, is_number), _places(given)
    if places < 0 or (is_float(value.kind) and places):
        raise given.refused("of a float to some places")
    if is_integer(value.kind):
        return given.made(value.sql, INTEGER)
    return given.made(call("trunc", value.sql, number(places)), value.kind)


@function("SIGN", EVERY)
def _sign(given: Call) -> Operand:
    value = given.taken(0, is_number).sql
    zero = number(0)
    sql = case(
        (binary(exp.GT, value.copy(), zero), number(1)),
        (binary(exp.LT, value.copy(), zero.copy()), number(-1)),
        (binary(exp.EQ, value.copy(), zero.copy()), number(0)),
    )
    return given.made(sql, INTEGER)


@function("MOD", but("tsql"), 2)
def _mod(given: Call) -> Operand:
    return remainder(given.value(0), given.value(1), given.node, given.context)


@function("DIV", "bigquery", 2)
def _div(given: Call) -> Operand:
    return whole_quotient(given.value(0), given.value(1), given.node, given.context)


@function("IEEE_DIVIDE", "bigquery", 2)
@function("SAFE_DIVIDE", "bigquery", 2)
@function("DIV0", "snowflake", 2)
@function("DIV0NULL", "snowflake", 2)
def _safe_divide(given: Call) -> Operand:
    left, right = given.taken(0, is_number), given.taken(1, is_number)
    divisor = exp.Nullif(this=right.sql.copy(), expression=number(0))
    if given.name == "IEEE_DIVIDE":
        sql = binary(exp.Div, float_sql(left), float_sql(right))
        return given.made(sql, FLOAT)
    made = quotient(left, Operand(divisor, right.kind, 1), given.node, given.context)
    if given.name.startswith("DIV0"):
        zero = binary(exp.EQ, right.sql.copy(), number(0))
        otherwise = (
            []
            if given.name == "DIV0"
            else [(exp.Is(this=right.sql.copy(), expression=exp.null()), number(0))]
        )
        return given.made(case((zero, number(0)), *otherwise, otherwise=made.sql), made.kind)
    return given.made(made.sql, made.kind)


@function("POWER POW", EVERY, 2)
def _power(given: Call) -> Operand:
    base, exponent = given.taken(0, is_number), given.taken(1, is_number)
    if given.context.dialect.name == "tsql" and not is_float(base.kind):
        raise given.refused("of a number that is no FLOAT")  # it gives the type of the base
    if not (isinstance(exponent.constant, int) and exponent.constant >= 0):
        raise given.refused("with an exponent that is no number from 0 on")
    return given.made(call("power", float_sql(base), float_sql(exponent)), FLOAT)


@function("EXP", EVERY)
def _exp(given: Call) -> Operand:
    return given.made(call("exp", float_sql(given.taken(0, is_number))), FLOAT)


@function("SQRT", "mysql trino spark duckdb")
@function("LN LOG10 LOG2", "mysql spark")
@function("LOG", "mysql", 1, 1)
def _where_defined(given: Call) -> Operand:
    """NULL, infinity or not a number where there is no result: never an error."""
    value = float_sql(given.taken(0, is_number))
    own = {"LOG": "ln"}.get(given.name, given.name.lower())
    least = exp.GTE if given.name == "SQRT" else exp.GT
    otherwise: exp.Expr | None = None
    if given.context.dialect.zero is not Zero.NULL and given.name == "SQRT":
        otherwise = case((binary(exp.LT, value.copy(), number(0)), cast(_nan(), "DOUBLE")))
    inside = binary(least, value.copy(), number(0))
    return given.made(case((inside, call(own, value)), otherwise=otherwise), FLOAT)


def _nan() -> exp.Expr:
    return exp.Literal.string("NaN")


@function("SQRT", "postgres snowflake bigquery tsql")
@function("LN", "postgres snowflake bigquery")
@function("LOG10", "postgres bigquery tsql")
def _within_domain(given: Call) -> Operand:
    """An error where there is no result, as division by zero."""
    value = float_sql(given.taken(0, is_number))
    least = exp.GTE if given.name == "SQRT" else exp.GT
    failing = _failing(value)
    inside = binary(least, value.copy(), number(0))
    outside = exp.Is(this=value.copy(), expression=exp.null())
    own = {"LOG10": "log10", "LN": "ln", "SQRT": "sqrt"}[given.name]
    return given.made(
        case((outside, exp.null()), (inside, call(own, value)), otherwise=failing), FLOAT
    )


def _failing(value: exp.Expr) -> exp.Expr:
    """A float that is an error for every row that needs it, and for no other."""
    zero = cast(binary(exp.Mul, value.copy(), number(0)), "BIGINT")
    return cast(binary(exp.Div, number(1), zero), "DOUBLE")


@function("PI", EVERY, 0)
def _pi(given: Call) -> Operand:
    return given.made(call("pi"), FLOAT)


def average(total: Operand, count: Operand, of: Kind, given: Call) -> Operand:
    """AVG as the dialect rounds it, from sum and count."""
    dialect = given.context.dialect.name
    scale = of.scale if is_decimal(of) and of is not None else 0
    counted = Operand(exp.Nullif(this=count.sql, expression=number(0)), INTEGER, 1)
    if dialect == "tsql" and is_integer(of):
        return Operand(binary(exp.Div, total.sql, counted.sql), INTEGER)
    if dialect == "tsql":
        raise given.refused("of decimals")
    places = {
        "mysql": scale + 4,
        "snowflake": max(scale, min(scale + 6, 12)),
        "postgres": max(16, scale),
        "trino": scale,
        "spark": scale + 4,
        "bigquery": max(9, scale),
    }.get(dialect)
    if places is None or (is_integer(of) and dialect in {"trino", "spark", "bigquery"}):
        return float_quotient(total, counted, given.context)
    return exact_quotient(total, counted, places, given.context)
