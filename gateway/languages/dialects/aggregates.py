"""Aggregates and functions of windows."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
from sqlglot import exp

from gateway.languages.dialects.numbers import average
from gateway.languages.dialects.operands import (
    BOOLEAN,
    FLOAT,
    INTEGER,
    TEXT,
    Kind,
    Operand,
    call,
    case,
    cast,
    decimal,
    decimal_type,
    is_boolean,
    is_decimal,
    is_float,
    is_integer,
    is_number,
    number,
    text,
)
from gateway.languages.dialects.operators import (
    as_condition,
    as_text,
    as_value,
    float_sql,
    kind_of,
    united,
)
from gateway.languages.dialects.registry import EVERY, Call, but, function


def _measure(given: Call, own: str, *arguments: exp.Expr, order: bool = False) -> exp.Expr:
    """An aggregate of the engine, distinct and ordered as the call says, over its window."""
    if given.order and not order:
        raise given.refused("in an order")
    parts = list(arguments)
    if given.distinct:
        parts[0] = exp.Distinct(expressions=[parts[0]])
    if given.order:
        parts[-1] = exp.Order(this=parts[-1], expressions=list(given.order))
    return given.over(call(own, *parts))


@function("COUNT", EVERY, 0, 255, aggregate=True)
def _count(given: Call) -> Operand:
    if not len(given) or isinstance(given.arguments[0], exp.Star):
        if len(given) > 1 or given.distinct:
            raise given.refused("of this")
        return given.made(given.over(call("count", exp.Star())), INTEGER)
    if len(given) > 1:
        raise given.refused("of several columns")
    return given.made(_measure(given, "count", given.value(0).sql), INTEGER)


@function("COUNT_IF", "snowflake spark trino duckdb", aggregate=True)
@function("COUNTIF", "bigquery duckdb", aggregate=True)
def _count_if(given: Call) -> Operand:
    condition = as_condition(given.raw(0), given.arguments[0], given.context)
    if given.distinct:
        raise given.refused("of what is distinct")
    return given.made(given.over(call("count", case((condition, number(1))))), INTEGER)


@function("APPROX_COUNT_DISTINCT", "spark snowflake bigquery tsql duckdb", aggregate=True)
@function("APPROX_DISTINCT", "trino", aggregate=True)
@function("HLL", "snowflake", aggregate=True)
def _count_distinct(given: Call) -> Operand:
    """Exactly, which is near enough."""
    distinct = exp.Distinct(expressions=[given.value(0).sql])
    return given.made(given.over(call("count", distinct)), INTEGER)


@function("SUM", EVERY, aggregate=True)
def _sum(given: Call) -> Operand:
    value = given.taken(0, is_number)
    total = _measure(given, "sum", value.sql)
    if given.context.dialect.exact_sums and value.kind == INTEGER:
        return given.made(cast(total, decimal_type(38, 0)), decimal(38, 0))
    return given.made(total, _sum_kind(value.kind))


def _sum_kind(kind: Kind) -> Kind:
    if is_decimal(kind) and kind is not None:
        return decimal(kind.precision + 10, kind.scale)
    return INTEGER if is_integer(kind) else kind


@function("AVG MEAN", "duckdb spark", aggregate=True)
@function("AVG", EVERY, aggregate=True)
def _avg(given: Call) -> Operand:
    value = given.taken(0, is_number)
    if is_float(value.kind):
        return given.made(_measure(given, "avg", value.sql), FLOAT)
    total = Operand(_measure(given, "sum", value.sql), _sum_kind(value.kind))
    count = Operand(_measure(given, "count", value.sql.copy()), INTEGER)
    made = average(total, count, value.kind, given)
    return replace(given.made(made.sql, made.kind), places=made.places)


@function("MIN MAX", EVERY, aggregate=True)
def _extreme(given: Call) -> Operand:
    value = given.value(0)
    if is_boolean(value.kind):
        raise given.refused("of booleans")
    return given.made(_measure(given, given.name.lower(), value.sql), value.kind)


@function("ANY_VALUE", "mysql spark snowflake bigquery duckdb trino postgres", aggregate=True)
@function("ARBITRARY", "trino duckdb", aggregate=True)
def _any(given: Call) -> Operand:
    """The least is as good as any."""
    return _extreme_of(given)


def _extreme_of(given: Call) -> Operand:
    value = given.value(0)
    if is_boolean(value.kind):
        return given.made(_measure(given, "bool_and", value.sql), BOOLEAN)
    return given.made(_measure(given, "min", value.sql), value.kind)


@function("BOOL_AND EVERY", "postgres trino spark duckdb", aggregate=True)
@function("BOOL_OR", "postgres trino spark duckdb", aggregate=True)
@function("LOGICAL_AND LOGICAL_OR", "bigquery", aggregate=True)
@function("BOOLAND_AGG BOOLOR_AGG", "snowflake", aggregate=True)
def _boolean(given: Call) -> Operand:
    own = "bool_or" if "OR" in given.name else "bool_and"
    return given.made(_measure(given, own, given.taken(0, is_boolean).sql), BOOLEAN)


_SPREADS = {
    "STDDEV_POP": "stddev_pop",
    "STDDEV_SAMP": "stddev_samp",
    "VAR_POP": "var_pop",
    "VAR_SAMP": "var_samp",
    "STDEVP": "stddev_pop",
    "STDEV": "stddev_samp",
    "VARP": "var_pop",
    "VAR": "var_samp",
}


@function("STDDEV_POP STDDEV_SAMP VAR_POP VAR_SAMP", but("tsql"), aggregate=True)
@function("STDEV STDEVP VAR VARP", "tsql", aggregate=True)
@function("STDDEV VARIANCE", but("tsql"), aggregate=True)
@function("STD", "mysql spark", aggregate=True)
def _spread(given: Call) -> Operand:
    population = given.context.dialect.name == "mysql"
    short = {
        "STDDEV": "stddev_pop" if population else "stddev_samp",
        "STD": "stddev_pop" if population else "stddev_samp",
        "VARIANCE": "var_pop" if population else "var_samp",
    }
    if given.distinct:
        raise given.refused("of what is distinct")
    own = _SPREADS.get(given.name) or short[given.name]
    value = float_sql(given.taken(0, is_number))
    return given.made(_measure(given, own, value), FLOAT)


@function("MEDIAN", "duckdb spark snowflake", aggregate=True)
def _median(given: Call) -> Operand:
    value = given.taken(0, is_integer, is_float, what="decimals")
    if given.windowed or given.distinct:
        raise given.refused("over a window, or of what is distinct")
    return given.made(_measure(given, "median", float_sql(value)), FLOAT)


@function("STRING_AGG", "postgres tsql duckdb bigquery", 1, 2, aggregate=True)
@function("LISTAGG", "snowflake duckdb spark trino", 1, 2, aggregate=True)
@function("GROUP_CONCAT", "mysql duckdb", aggregate=True)
def _joined(given: Call) -> Operand:
    dialect = given.context.dialect.name
    separator = given.said(1) if len(given) > 1 else {"snowflake": "", "spark": "",
                                                      "trino": ""}.get(dialect, ",")  # fmt: skip
    return joined(given, separator)


def joined(given: Call, separator: str) -> Operand:
    """Texts put together. Only an order makes this the same each time."""
    if given.windowed:
        raise given.refused("over a window")
    piece = as_text(given.raw(0), given.arguments[0], given.context)
    sql = _measure(given, "string_agg", piece, text(separator), order=True)
    if given.context.dialect.name == "snowflake":
        sql = call("coalesce", sql, text(""))
    return given.made(sql, TEXT)


@function("ARRAY_AGG", "postgres trino duckdb", aggregate=True)
def _array(given: Call) -> Operand:
    if given.windowed:
        raise given.refused("over a window")
    value = given.value(0)
    kind = pa.list_(value.kind) if value.kind is not None else None
    return given.made(_measure(given, "array_agg", value.sql, order=True), kind)


@function("GROUPING", but("mysql"), aggregate=True)
def _grouping(given: Call) -> Operand:
    return given.made(call("grouping", given.value(0).sql), INTEGER)


# --- windows


@function("ROW_NUMBER RANK DENSE_RANK", EVERY, 0, window=True)
def _numbered(given: Call) -> Operand:
    return given.made(_integer(given.over(call(given.name.lower()))), INTEGER)


def _integer(sql: exp.Expr) -> exp.Expr:
    return exp.Cast(this=sql, to=exp.DataType.build("BIGINT", dialect="postgres"))


@function("PERCENT_RANK CUME_DIST", EVERY, 0, window=True)
def _shares(given: Call) -> Operand:
    return given.made(given.over(call(given.name.lower())), FLOAT)


@function("NTILE", EVERY, window=True)
def _ntile(given: Call) -> Operand:
    return given.made(_integer(given.over(call("ntile", number(given.whole(0, 1))))), INTEGER)


@function("LAG LEAD", EVERY, 1, 3, window=True)
def _neighbour(given: Call) -> Operand:
    value = given.value(0)
    rest = [number(given.whole(1))] if len(given) > 1 else []
    kind = value.kind
    if len(given) > 2:
        value, default = united([value, given.raw(2)], given.node, given.context)
        kind = kind_of([value, default])
        if kind != value.kind and not (is_integer(kind) and is_integer(value.kind)):
            # the engine would give the default the type of the value, and lose its fraction
            raise given.refused("with a default of another type", "cast one to the other's type")
        rest.append(default.sql)
    return given.made(given.over(call(given.name.lower(), value.sql, *rest)), kind)


@function("FIRST_VALUE LAST_VALUE", EVERY, 1, window=True)
def _edge(given: Call) -> Operand:
    value = as_value(given.raw(0), given.context)
    return given.made(given.over(call(given.name.lower(), value.sql)), value.kind)


@function("NTH_VALUE", but("tsql"), 2, window=True)
def _nth(given: Call) -> Operand:
    value = given.value(0)
    sql = given.over(call("nth_value", value.sql, number(given.whole(1, 1))))
    return given.made(sql, value.kind)


@function("PERCENTILE_CONT", "postgres snowflake spark duckdb", aggregate=True)
def _percentile(given: Call) -> Operand:
    """WITHIN GROUP: `order` has what it is over."""
    if given.windowed or len(given.order) != 1:
        raise given.refused("without WITHIN GROUP, or over a window")
    share = given.value(0)
    ordered = given.order[0]
    sql = exp.WithinGroup(
        this=call("percentile_cont", share.sql), expression=exp.Order(expressions=[ordered])
    )
    return given.made(given.over(sql), FLOAT)
