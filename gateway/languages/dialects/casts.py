"""CAST: the types each dialect has, and what becomes of a value on the way."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
from sqlglot import exp

from gateway.languages.dialects.context import Context
from gateway.languages.dialects.dates import rounded_time
from gateway.languages.dialects.dialect import Rounding
from gateway.languages.dialects.operands import (
    BOOLEAN,
    DATE,
    FLOAT,
    INTEGER,
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
    is_number,
    is_open,
    is_text,
    is_timestamp,
    number,
)
from gateway.languages.dialects.operators import as_text, as_value, result
from gateway.languages.dialects.text_casts import from_text

T = exp.DataType.Type

_INTEGERS = {
    T.TINYINT: "TINYINT",
    T.SMALLINT: "SMALLINT",
    T.MEDIUMINT: "INT",
    T.INT: "INT",
    T.BIGINT: "BIGINT",
}
_DIGITS = {"TINYINT": 3, "SMALLINT": 5, "INT": 10, "BIGINT": 19}
_KINDS = {"TINYINT": pa.int8(), "SMALLINT": pa.int16(), "INT": pa.int32(), "BIGINT": INTEGER}
_TEXTS = {T.VARCHAR, T.CHAR, T.NVARCHAR, T.NCHAR, T.TEXT, T.NAME}
_FLOATS = {T.DOUBLE, T.FLOAT}
_TIMES = {
    *(T.TIMESTAMP, T.DATETIME, T.DATETIME2, T.SMALLDATETIME, T.TIMESTAMPNTZ, T.TIMESTAMP_MS),
    *(T.TIMESTAMP_S,),
}
_WITH_ZONE = {T.TIMESTAMPTZ, T.TIMESTAMPLTZ}


def converted(operand: Operand, node: exp.Cast, context: Context) -> Operand:
    """CAST and TRY_CAST."""
    # sqlglot reads every CAST of Spark as one that tries, as it was before ANSI mode
    try_ = isinstance(node, exp.TryCast) and bool(node.args.get("safe"))
    operand, to = as_value(operand, context), node.to
    unsupported = to.args.get("nested") or to.args.get("kind") or to.args.get("values")
    if unsupported:
        raise context.refused(node, f"a CAST to {to.sql(context.dialect.sqlglot)}")
    sizes = [int(p.name) for p in to.expressions if p.name.isdigit()]
    target = to.this
    if target in _INTEGERS and not (sizes and context.dialect.name != "mysql"):
        name = _INTEGERS[target]
        if context.dialect.name in {"mysql", "bigquery", "snowflake"}:
            name = "BIGINT"  # they have no smaller ones, or none in a CAST
        return _to_integer(operand, name, node, context, try_=try_)
    if target is T.DECIMAL:
        return _to_decimal(operand, sizes, node, context, try_=try_)
    if target in _FLOATS:
        single = target is T.FLOAT and context.dialect.name in {"postgres", "spark", "duckdb"}
        _require(operand, node, context, is_number, is_text, is_boolean)
        if single and not (sizes and sizes[0] > 24):
            raise context.refused(node, "a CAST to a float of 32 bits", "cast to DOUBLE")
        return _made(operand, "DOUBLE", FLOAT, node, context, try_=try_)
    if target in _TEXTS:
        return _to_text(operand, sizes, node, context)
    if target in {T.BOOLEAN, T.BIT} and not sizes:
        _require(operand, node, context, is_boolean, is_integer, is_text)
        return _made(operand, "BOOLEAN", BOOLEAN, node, context, try_=try_)
    if target in {T.DATE, T.DATE32}:
        _require(operand, node, context, is_date, is_timestamp, is_text)
        return _made(operand, "DATE", DATE, node, context, try_=try_)
    zoned = target in _WITH_ZONE and context.dialect.name in {"bigquery", "spark", "mysql"}
    if target in _TIMES or zoned:
        _require(operand, node, context, is_date, is_timestamp, is_text)
        places = sizes[0] if sizes else {"mysql": 0, "trino": 3}.get(context.dialect.name, 6)
        if places < 6:
            return _of_places(operand, places, node, context, try_=try_)
        return _made(operand, "TIMESTAMP(6)", TIMESTAMP, node, context, try_=try_)
    raise context.refused(node, f"a CAST to {to.sql(context.dialect.sqlglot)}")


def _made(
    operand: Operand, name: str, kind: Kind, node: exp.Cast, context: Context, *, try_: bool
) -> Operand:
    if is_text(operand.kind):
        return from_text(operand, name, kind, node, context, try_=try_)
    return result(_cast(operand.sql, name, try_=try_), kind, operand)


def _cast(value: exp.Expr, name: str, *, try_: bool) -> exp.Expr:
    if not try_:
        return cast(value, name)
    # as a call: sqlglot's PostgreSQL has no TRY_CAST, and would write CAST
    return call("TRY_CAST", exp.Alias(this=value, alias=exp.Var(this=name)))


def _require(operand: Operand, node: exp.Cast, context: Context, *tests: object) -> None:
    kind = operand.kind
    if not is_open(kind) and not any(test(kind) for test in tests):  # type: ignore[operator]
        to = node.to.sql(context.dialect.sqlglot)
        raise context.refused(node, f"a CAST of {family(kind)} to {to}")


def _to_integer(
    operand: Operand, name: str, node: exp.Cast, context: Context, *, try_: bool
) -> Operand:
    _require(operand, node, context, is_number, is_text, is_boolean)
    sql, rounding = operand.sql, context.dialect.rounding
    exact = is_decimal(operand.kind) and rounding is not Rounding.TRUNCATED
    if exact or (is_float(operand.kind) and rounding is Rounding.AWAY):
        sql = call("round", sql)
    elif is_float(operand.kind) and rounding is Rounding.EVEN:
        sql = half_even(sql)
    elif is_decimal(operand.kind):
        sql = call("trunc", sql)  # the engine compares through a cast, as if it lost nothing
    if is_text(operand.kind):
        made = from_text(operand, name, _KINDS[name], node, context, try_=try_)
    else:
        made = result(_cast(sql, name, try_=try_), _KINDS[name], operand)
    return replace(made, digits=_DIGITS[name])


def half_even(value: exp.Expr) -> exp.Expr:
    """A float rounded to a whole one, halves to the even one."""
    fraction = binary(exp.Sub, value.copy(), call("trunc", value.copy()))
    half = exp.EQ(this=call("abs", fraction), expression=exp.Literal.number("0.5"))
    even = binary(exp.Mul, number(2), call("round", binary(exp.Div, value.copy(), number(2))))
    return case((half, even), otherwise=call("round", value))


def _to_decimal(
    operand: Operand, sizes: list[int], node: exp.Cast, context: Context, *, try_: bool
) -> Operand:
    _require(operand, node, context, is_number, is_text, is_boolean)
    shape = context.dialect.decimal
    if sizes:
        shape = (sizes[0], sizes[1] if len(sizes) > 1 else 0)
    if shape is None:
        if is_integer(operand.kind) or is_decimal(operand.kind):
            return operand
        raise context.refused(node, "NUMERIC of any size", "say how large: NUMERIC(18, 4)")
    if not 0 <= shape[1] <= shape[0] <= 38:
        raise context.refused(node, f"a decimal of {shape[0]} digits", "38 are the most")
    if is_decimal(operand.kind) and max(operand.kind.scale, operand.places) > shape[1]:
        rounded = call("round", operand.sql, number(shape[1]))
        operand = replace(operand, sql=rounded)  # a cast alone the engine would compare through
    return _made(operand, decimal_type(*shape), decimal(*shape), node, context, try_=try_)


def _to_text(operand: Operand, sizes: list[int], node: exp.Cast, context: Context) -> Operand:
    dialect = context.dialect
    if node.to.this in {T.CHAR, T.NCHAR} and dialect.name != "mysql":
        raise context.refused(node, "CHAR, which is filled up with blanks", "cast to VARCHAR")
    if operand.constant is not None and isinstance(operand.constant, int) and not sizes:
        return result(cast(operand.sql, "VARCHAR"), TEXT, operand)
    sql = as_text(operand, node, context)
    length = sizes[0] if sizes else dialect.text_length
    if node.to.this is T.TEXT:
        length = None
    if length and dialect.name == "snowflake":
        raise context.refused(node, "VARCHAR of a length", "Snowflake fails on longer texts")
    if length and dialect.cut_texts:
        if not is_text(operand.kind) and dialect.name == "trino":
            raise context.refused(node, "a short text of what is no text", "cast to VARCHAR")
        if not is_text(operand.kind) and dialect.name == "tsql" and length < 20:
            raise context.refused(node, "a short text of a number", "cast to VARCHAR(30)")
        sql = call("left", sql, number(length))
    return result(sql, TEXT, operand)


def _of_places(
    operand: Operand, places: int, node: exp.Cast, context: Context, *, try_: bool
) -> Operand:
    """A time whose seconds have so many places."""
    if is_date(operand.kind):
        return _made(operand, "TIMESTAMP(6)", TIMESTAMP, node, context, try_=try_)
    said = operand.constant
    if is_timestamp(operand.kind) and context.dialect.name == "trino" and places in {0, 3}:
        return rounded_time(operand, places)
    if isinstance(said, str) and len(said.partition(".")[2]) <= places:
        return _made(operand, "TIMESTAMP(6)", TIMESTAMP, node, context, try_=try_)
    raise context.refused(node, "rounding a time", "write 6 as the number of places of its seconds")
