"""Parts of dates, the clock, and dates made of other things."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from gateway.languages.dialects.context import Context
from gateway.languages.dialects.dates import (
    SECONDS,
    as_time,
    epoch_of,
    part_of,
    unit_of,
)
from gateway.languages.dialects.operands import (
    DATE,
    FLOAT,
    INTEGER,
    SHORT,
    TIMESTAMP,
    Operand,
    binary,
    call,
    case,
    cast,
    decimal,
    is_date,
    is_integer,
    is_text,
    is_timestamp,
    number,
    text,
)
from gateway.languages.dialects.operators import as_value, result
from gateway.languages.dialects.registry import EVERY, Call, but, function

_PARTS = {"YEAR": "year", "QUARTER": "quarter", "MONTH": "month", "DAY": "day", "HOUR": "hour",
          "MINUTE": "minute", "SECOND": "second"}  # fmt: skip


def extracted(node: exp.Extract, context: Context) -> Operand:
    """EXTRACT."""
    operand = as_time(as_value(context.operand(node.expression), context), node, context)
    made = _of_part(node.this.name.upper(), operand, node, context)
    if context.dialect.name == "postgres" and is_integer(made.kind):  # a decimal there
        return replace(made, sql=cast(made.sql, "DECIMAL(38, 0)"), kind=decimal(38, 0))
    short = context.dialect.short_integers and is_integer(made.kind)
    return replace(made, kind=SHORT) if short else made


def _of_part(said: str, operand: Operand, node: exp.Expr, context: Context) -> Operand:
    dialect = context.dialect.name
    if said in _PARTS:
        fractions = dialect in {"postgres", "spark"} and not is_date(operand.kind)
        if said == "SECOND" and fractions:
            raise context.refused(node, "SECOND with its fractions")
        if is_date(operand.kind) and said in SECONDS:
            if dialect != "mysql":
                raise context.refused(node, f"{said} of a date")
            return result(case((exp.Is(this=operand.sql, expression=exp.null()), exp.null()),
                               otherwise=number(0)), INTEGER, operand)  # fmt: skip
        return result(part_of(_PARTS[said], operand.sql), INTEGER, operand)
    own = _OTHER_PARTS.get(dialect, {}).get(said)
    if own is None:
        raise context.refused(node, f"the part {said} of a date")
    name, plus_ = own
    if name == "epoch":
        return result(epoch_of(operand), FLOAT, operand)
    sql = part_of(name, operand.sql)
    return result(binary(exp.Add, sql, number(plus_)) if plus_ else sql, INTEGER, operand)


_ISO_WEEK = {"WEEK": ("week", 0)}
_OTHER_PARTS: dict[str, dict[str, tuple[str, int]]] = {
    "postgres": {**_ISO_WEEK, "DOW": ("dow", 0), "ISODOW": ("isodow", 0), "DOY": ("doy", 0)},
    "trino": {
        **_ISO_WEEK,
        **dict.fromkeys(("DAY_OF_WEEK", "DOW"), ("isodow", 0)),
        **dict.fromkeys(("DAY_OF_YEAR", "DOY"), ("doy", 0)),
    },
    "spark": {
        **_ISO_WEEK,
        **dict.fromkeys(("DAYOFWEEK", "DOW"), ("dow", 1)),
        **dict.fromkeys(("DAYOFWEEK_ISO", "DOW_ISO"), ("isodow", 0)),
        "DOY": ("doy", 0),
    },
    "snowflake": {
        **dict.fromkeys(("WEEKISO", "WEEK_ISO"), ("week", 0)),
        **dict.fromkeys(("DAYOFWEEK", "DOW"), ("dow", 0)),
        **dict.fromkeys(("DAYOFWEEKISO", "DAYOFWEEK_ISO"), ("isodow", 0)),
        **dict.fromkeys(("DAYOFYEAR", "DOY"), ("doy", 0)),
    },
    "bigquery": {
        "ISOWEEK": ("week", 0),
        "DAYOFWEEK": ("dow", 1),
        "DAYOFYEAR": ("doy", 0),
    },
    "tsql": {
        **dict.fromkeys(("ISO_WEEK", "ISOWK", "ISOWW"), ("week", 0)),
        **dict.fromkeys(("DAYOFYEAR", "DY"), ("doy", 0)),
    },
    "duckdb": {
        **_ISO_WEEK,
        **dict.fromkeys(("DOW", "DAYOFWEEK", "WEEKDAY"), ("dow", 0)),
        "ISODOW": ("isodow", 0),
        **dict.fromkeys(("DOY", "DAYOFYEAR"), ("doy", 0)),
        "EPOCH": ("epoch", 0),
    },
    "mysql": {},
}


@function("YEAR MONTH DAY", but("postgres", "bigquery"))
@function("QUARTER", "mysql spark snowflake trino duckdb")
@function("HOUR MINUTE SECOND", "mysql trino spark snowflake duckdb")
@function("DAYOFMONTH", "mysql spark duckdb")
@function("DAYOFMONTH", "snowflake")
@function("DAY_OF_MONTH", "trino")
def _named_part(given: Call) -> Operand:
    said = "DAY" if given.name.startswith("DAY") else given.name
    operand = as_time(given.value(0), given.arguments[0], given.context)
    if said == "SECOND" and given.context.dialect.name == "spark":  # whole there, as a function
        return given.made(part_of("second", operand.sql), INTEGER)
    return _of_part(said, operand, given.node, given.context)


@function("DAYOFWEEK", "mysql spark")
def _sunday_1(given: Call) -> Operand:
    operand = as_time(given.value(0), given.arguments[0], given.context)
    return given.made(binary(exp.Add, part_of("dow", operand.sql), number(1)), INTEGER)


@function("DAYOFWEEK", "snowflake duckdb")
def _sunday_0(given: Call) -> Operand:
    operand = as_time(given.value(0), given.arguments[0], given.context)
    return given.made(part_of("dow", operand.sql), INTEGER)


@function("WEEKDAY", "mysql spark")
def _monday_0(given: Call) -> Operand:
    operand = as_time(given.value(0), given.arguments[0], given.context)
    return given.made(binary(exp.Sub, part_of("isodow", operand.sql), number(1)), INTEGER)


@function("DAY_OF_WEEK DOW", "trino")
@function("ISODOW", "duckdb")
@function("DAYOFWEEKISO", "snowflake")
def _monday_1(given: Call) -> Operand:
    operand = as_time(given.value(0), given.arguments[0], given.context)
    return given.made(part_of("isodow", operand.sql), INTEGER)


@function("DAYOFYEAR", "mysql spark snowflake duckdb")
@function("DAY_OF_YEAR DOY", "trino")
def _day_of_year(given: Call) -> Operand:
    operand = as_time(given.value(0), given.arguments[0], given.context)
    return given.made(part_of("doy", operand.sql), INTEGER)


@function("WEEKOFYEAR", "mysql spark duckdb")
@function("WEEK WEEK_OF_YEAR", "trino")
@function("WEEK", "duckdb")
@function("WEEKISO", "snowflake")
def _iso_week(given: Call) -> Operand:
    operand = as_time(given.value(0), given.arguments[0], given.context)
    return given.made(part_of("week", operand.sql), INTEGER)


@function("DATE_PART", "postgres snowflake spark duckdb", 2)
@function("DATEPART", "tsql snowflake", 2)
@function("DATEPART", "spark duckdb", 2)
def _date_part(given: Call) -> Operand:
    said = given.word(0)
    operand = as_time(given.value(1), given.arguments[1], given.context)
    dialect = given.context.dialect.name
    if dialect in {"tsql", "snowflake"} and (unit := unit_of(said, given.context)):
        said = unit if unit != "WEEK" else said
    made = _of_part(said, operand, given.node, given.context)
    if dialect == "postgres":  # a float there
        return result(cast(made.sql, "DOUBLE"), FLOAT, made)
    return made


@function("LAST_DAY", "mysql spark snowflake bigquery duckdb")
@function("EOMONTH", "tsql")
@function("LAST_DAY_OF_MONTH", "trino")
def _last_day(given: Call) -> Operand:
    operand = as_time(given.value(0), given.arguments[0], given.context)
    time = cast(operand.sql, "TIMESTAMP(6)")
    first = result(cast(call("date_trunc", text("month"), time), "DATE"), DATE, operand)
    month = exp.Interval(this=text("1"), unit=exp.Var(this="MONTH"))
    day = exp.Interval(this=text("1"), unit=exp.Var(this="DAY"))
    later = exp.Add(this=first.sql, expression=month)
    return given.made(exp.Sub(this=exp.Paren(this=later), expression=day), DATE)


# --- now, and dates out of other things


def today(node: exp.Expr, context: Context) -> Operand:
    """CURRENT_DATE: the gateway's clock is UTC."""
    if node.this:
        raise context.refused(node, "the date of a time zone")
    return Operand(call("today"), DATE)


def current(node: exp.Expr, context: Context) -> Operand:
    """CURRENT_TIMESTAMP, in UTC, to the microsecond."""
    return Operand(cast(call("now"), "TIMESTAMP(6)"), TIMESTAMP)


@function("CURDATE", "mysql spark", 0)
@function("CURRENT_DATE", EVERY, 0)
@function("TODAY", "duckdb", 0)
def _today(given: Call) -> Operand:
    return today(exp.CurrentDate(), given.context)


@function("NOW", "postgres mysql trino spark duckdb", 0)
@function("CURRENT_TIMESTAMP", EVERY, 0)
@function("GETDATE SYSDATETIME GETUTCDATE SYSUTCDATETIME", "tsql", 0)
@function("GETDATE SYSDATE SYSTIMESTAMP", "snowflake", 0)
@function("UTC_TIMESTAMP", "mysql", 0)
@function("CURRENT_DATETIME", "bigquery", 0)
def _now(given: Call) -> Operand:
    return current(given.node, given.context)


@function("DATE", "mysql bigquery spark trino snowflake")
@function("TO_DATE", "snowflake spark")
@function("TRY_TO_DATE", "snowflake")
def _date(given: Call) -> Operand:
    value = given.taken(0, is_date, is_timestamp, is_text)
    if given.name.startswith("TRY"):
        sql = call("TRY_CAST", exp.Alias(this=value.sql, alias=exp.Var(this="DATE")))
        return given.made(sql, DATE)
    if is_text(value.kind) and given.context.dialect.name == "mysql":
        value = as_time(value, given.arguments[0], given.context)
    return given.made(cast(value.sql, "DATE"), DATE)


@function("MAKE_DATE", "postgres spark duckdb", 3)
@function("DATE_FROM_PARTS DATEFROMPARTS", "snowflake tsql", 3)
@function("DATE", "bigquery", 1, 3)
def _make_date(given: Call) -> Operand:
    if len(given) == 1:
        return _date(given)
    if len(given) != 3 or given.context.dialect.name == "snowflake":
        raise given.refused("of parts")
    return given.made(call("make_date", *(given.taken(i, is_integer).sql for i in range(3))), DATE)
