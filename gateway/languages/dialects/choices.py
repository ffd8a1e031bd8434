"""Functions that choose: the first that is no NULL, one of two, the greatest."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from gateway.languages.dialects.operands import (
    BOOLEAN,
    Operand,
    call,
    case,
    family,
    is_float,
    is_null,
    is_number,
    is_open,
    number,
    paren,
)
from gateway.languages.dialects.operators import (
    as_condition,
    comparison,
    float_sql,
    kind_of,
    matched,
    null_if_any,
    united,
)
from gateway.languages.dialects.registry import EVERY, Call, function


@function("COALESCE", EVERY, 1, 255)
@function("IFNULL", "mysql snowflake bigquery duckdb spark", 2)
@function("NVL", "snowflake spark mysql", 2)
def _coalesce(given: Call) -> Operand:
    values = united(given.values, given.node, given.context)
    return given.made(call("coalesce", *(v.sql for v in values)), kind_of(values))


@function("ISNULL", "tsql", 2)
def _isnull(given: Call) -> Operand:
    """The second becomes what the first is, cut where that is shorter."""
    first, second = given.values
    if is_open(first.kind):
        return given.made(call("coalesce", first.sql, second.sql), second.kind)
    numbers = is_number(first.kind) and is_number(second.kind) and second.constant is None
    if family(first.kind) != family(second.kind) or (numbers and first.kind != second.kind):
        raise given.refused("of two types")
    return given.made(call("coalesce", first.sql, second.sql), first.kind)


@function("ISNULL", "mysql spark")
def _is_null(given: Call) -> Operand:
    return given.made(is_null(given.value(0).sql), BOOLEAN, computed=True)


@function("NULLIF", EVERY, 2)
def _nullif(given: Call) -> Operand:
    """What the first is, of its own type: it is only compared as one of the other's."""
    whole = given.value(0)
    first, second = matched(given.values, given.node, given.context)
    if given.context.dialect.name == "postgres" and is_number(whole.kind):
        made = exp.Nullif(this=paren(first.sql), expression=paren(second.sql))
        return given.made(made, kind_of([first, second]))  # as which it is compared there
    if first.kind == whole.kind and (is_open(second.kind) or first.kind == second.kind):
        sql: exp.Expr = exp.Nullif(this=paren(first.sql), expression=paren(second.sql))
        return given.made(sql, first.kind)
    alike = comparison(exp.EQ, first, second, given.node, given.context)
    return given.made(case((alike.sql, exp.null()), otherwise=whole.sql), whole.kind)


@function("IF", "mysql bigquery trino spark duckdb", 2, 3)
@function("IFF", "snowflake", 3)
@function("IIF", "tsql", 3)
def _if(given: Call) -> Operand:
    condition = as_condition(given.raw(0), given.arguments[0], given.context)
    results = united([given.raw(i) for i in range(1, len(given))], given.node, given.context)
    otherwise = results[1].sql if len(results) > 1 else None
    return given.made(case((condition, results[0].sql), otherwise=otherwise), kind_of(results))


@function("NVL2", "snowflake spark mysql", 3)
def _nvl2(given: Call) -> Operand:
    there, missing = united([given.raw(1), given.raw(2)], given.node, given.context)
    sql = case((is_null(given.value(0).sql), missing.sql), otherwise=there.sql)
    return given.made(sql, kind_of([there, missing]))


@function("DECODE", "snowflake spark", 3, 255)
def _decode(given: Call) -> Operand:
    """CASE, but NULL finds NULL."""
    subject, rest = given.value(0), list(range(1, len(given)))
    pairs = list(zip(rest[::2], rest[1::2], strict=False))
    results = [given.raw(r) for _, r in pairs] + ([given.raw(rest[-1])] if len(rest) % 2 else [])
    results = united(results, given.node, given.context)
    branches = [
        (
            comparison(
                exp.NullSafeEQ, subject.copied(), given.value(c), given.node, given.context
            ).sql,
            made.sql,
        )
        for (c, _), made in zip(pairs, results, strict=False)
    ]
    otherwise = results[-1].sql if len(rest) % 2 else None
    return given.made(case(*branches, otherwise=otherwise), kind_of(results))


@function("ZEROIFNULL", "snowflake")
def _zero_if_null(given: Call) -> Operand:
    value = given.taken(0, is_number)
    return given.made(call("coalesce", value.sql, number(0)), value.kind)


@function("NULLIFZERO", "snowflake")
def _null_if_zero(given: Call) -> Operand:
    value = given.taken(0, is_number)
    return given.made(exp.Nullif(this=value.sql, expression=number(0)), value.kind)


@function("EQUAL_NULL", "snowflake spark", 2)
def _equal_null(given: Call) -> Operand:
    first, second = given.values
    return comparison(exp.NullSafeEQ, first, second, given.node, given.context)


@function("GREATEST LEAST", EVERY, 1, 255)
def _greatest(given: Call) -> Operand:
    values = united(given.values, given.node, given.context)
    if is_float(kind_of(values)):  # or the engine would compare some as decimals
        values = [v if is_open(v.kind) else replace(v, sql=float_sql(v)) for v in values]
    sql = call(given.name.lower(), *(v.sql for v in values))
    if not given.context.dialect.greatest_skips_nulls:
        sql = null_if_any(sql, values)
    return given.made(sql, kind_of(values))
