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
    paren,
    shape,
    text,
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
        return _whole_already(value, given)
    own, kind = "floor" if given.name == "FLOOR" else "ceil", value.kind
    if is_decimal(kind) and kind is not None:
        # one digit more, as the engine would leave the outcome in the type of the value
        wide = cast(value.sql, decimal_type(kind.precision + 1, kind.scale))
        precision = min(kind.precision - kind.scale + 1, 38)
        made = given.made(cast(call(own, wide), f"DECIMAL({precision}, 0)"), decimal(precision, 0))
        return replace(made, places=0)
    if given.context.dialect.name == "spark":
        return given.made(cast(call(own, value.sql), "BIGINT"), INTEGER)
    return given.made(call(own, value.sql), kind)


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
        if dialect.name == "spark" and places > 0:
            return given.made(_rounded_as_written(value.sql, places), FLOAT)
        return given.made(call("round", value.sql, number(places)), FLOAT)
    kind = value.kind
    if is_decimal(kind) and kind is not None:
        if places >= kind.scale and not value.places:
            return given.made(value.sql, kind)
        places = min(places, max(kind.scale, value.places))
        digits = kind.precision - kind.scale + 1 + max(places, 0)
        if given.context.dialect.name == "trino" and len(given) > 1:
            kind = decimal(kind.precision + 1, kind.scale)  # which keeps its places there
        else:
            kind = decimal(digits, max(places, 0))
        rounded = call("round", value.sql, number(places))  # it claims another type than it gives
        made = given.made(cast(rounded, decimal_type(kind.precision, kind.scale)), kind)
        return replace(made, places=0)
    if is_integer(kind) and places >= 0 and len(given) == 1:
        return _whole_already(value, given)
    sql = value.sql if places >= 0 else call("round", value.sql, number(places))
    if is_integer(kind) and given.context.dialect.name == "postgres":  # a decimal there
        return given.made(cast(sql, "DECIMAL(38, 0)"), decimal(38, 0))
    return given.made(sql, kind)


def _whole_already(value: Operand, given: Call) -> Operand:
    """A whole number that is rounded: a float to some, which matters to what divides it."""
    dialect = given.context.dialect.name
    if dialect in {"postgres", "bigquery"} or (
        dialect == "duckdb" and given.name not in {"ROUND", "TRUNC"}
    ):
        return given.made(float_sql(value), FLOAT)
    return given.made(value.sql, value.kind if given.name == "ROUND" else INTEGER)


def _rounded_as_written(value: exp.Expr, places: int) -> exp.Expr:
    """A float rounded as the shortest text of it reads: 1.005, which is less, becomes 1.01.

    The half between two results that is nearest to a decimal one is that one's float, so that
    comparing with it is comparing the texts.
    """
    scale, size = cast(number(10**places), "DOUBLE"), call("abs", value.copy())
    below = call("floor", binary(exp.Mul, size.copy(), scale.copy()))
    half = binary(exp.Add, below.copy(), exp.Literal.number("0.5"))
    nearer = case(
        (binary(exp.LT, size.copy(), binary(exp.Div, half, scale.copy())), below.copy()),
        otherwise=binary(exp.Add, below.copy(), number(1)),
    )
    made = binary(exp.Div, cast(nearer, "DOUBLE"), scale.copy())
    whole = binary(exp.GTE, binary(exp.Mul, size, scale), cast(text(str(2.0**52)), "DOUBLE"))
    negative = binary(exp.LT, value.copy(), number(0))
    return case((whole, value), (negative, exp.Neg(this=paren(made.copy()))), otherwise=made)


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
    if is_integer(value.kind) and given.context.dialect.name == "trino":  # a decimal there
        digits, _ = shape(value)
        return given.made(cast(value.sql, decimal_type(digits, 0)), decimal(digits, 0))
    if is_integer(value.kind):
        return _whole_already(value, given)
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
    kind = _sign_kind(given.value(0).kind, given.context.dialect.name)
    if is_float(kind):
        return given.made(cast(sql, "DOUBLE"), FLOAT)
    if is_decimal(kind):
        return replace(given.made(cast(sql, "DECIMAL(1, 0)"), decimal(1, 0)), places=0)
    return given.made(sql, INTEGER)


def _sign_kind(of: Kind, dialect: str) -> Kind:
    """What SIGN gives: what it is divided by later on depends on that."""
    if dialect in {"mysql", "duckdb", "snowflake"}:
        return INTEGER
    if dialect == "spark" or (dialect == "postgres" and not is_decimal(of)):
        return FLOAT
    return of


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
    made = exact_quotient(total, counted, places, given.context)
    if dialect == "spark" and is_decimal(of):
        return replace(made, kind=decimal(of.precision + 4, places))
    return made
