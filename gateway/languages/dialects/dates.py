"""Dates and times: what is added to them, what is between them, and their parts."""

from __future__ import annotations

import re
from dataclasses import replace

from sqlglot import exp

from gateway.languages.dialects.context import Context
from gateway.languages.dialects.operands import (
    DATE,
    FLOAT,
    INTEGER,
    TEXT,
    TIMESTAMP,
    Operand,
    binary,
    call,
    case,
    cast,
    is_date,
    is_integer,
    is_text,
    is_timestamp,
    number,
    paren,
    text,
)
from gateway.languages.dialects.operators import ISO_DATE, ISO_TIME, as_value, result
from gateway.languages.dialects.registry import EVERY, Call, but, function

_DAYS = {"DAY": 1, "WEEK": 7}
_MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}
_SECONDS = {"HOUR": 3600, "MINUTE": 60, "SECOND": 1}
_UNITS = {
    **{u: u for u in (*_DAYS, *_MONTHS, *_SECONDS)},
    **{f"{u}S": u for u in (*_DAYS, *_MONTHS, *_SECONDS)},
    "YY": "YEAR",
    "YYYY": "YEAR",
    "QQ": "QUARTER",
    "Q": "QUARTER",
    "MM": "MONTH",
    "M": "MONTH",
    "DD": "DAY",
    "D": "DAY",
    "WK": "WEEK",
    "WW": "WEEK",
    "HH": "HOUR",
    "MI": "MINUTE",
    "N": "MINUTE",
    "SS": "SECOND",
    "S": "SECOND",
    "Y": "YEAR",
    **{"SQL_TSI_" + u: u for u in (*_DAYS, *_MONTHS, *_SECONDS)},
}
_ABBREVIATED = {"tsql", "snowflake"}


def unit_of(said: str, context: Context) -> str | None:
    """The unit that a word means: "" for one that is not known here."""
    if said in {*_DAYS, *_MONTHS, *_SECONDS}:
        return said
    if len(said) <= 4 and context.dialect.name not in _ABBREVIATED and not said.endswith("S"):
        return None
    return _UNITS.get(said)


def as_time(operand: Operand, node: exp.Expr, context: Context) -> Operand:
    """A date or time; a text that is written as one becomes one."""
    if is_date(operand.kind) or is_timestamp(operand.kind):
        return operand
    said = operand.constant
    if isinstance(said, str) and ISO_DATE.match(said):
        return Operand(cast(text(said), "DATE"), DATE)
    if isinstance(said, str) and ISO_TIME.match(said):
        full = said.replace("T", " ")
        return Operand(
            cast(text(full if full.count(":") == 2 else f"{full}:00"), "TIMESTAMP(6)"), TIMESTAMP
        )
    if is_text(operand.kind):
        raise context.refused(node, "a text as a date", "cast it to DATE or TIMESTAMP")
    raise context.refused(node, "this as a date", "cast it to DATE or TIMESTAMP")


# --- adding


def moved(
    operand: Operand, interval: exp.Interval, node: exp.Expr, context: Context, *, back: bool
) -> Operand:
    """A date or time and an interval that is written out."""
    amount = interval.this
    said = interval.args.get("unit")
    unit = unit_of(said.name.upper(), context) if isinstance(said, exp.Var) else None
    negative = isinstance(amount, exp.Neg)
    amount = amount.this if isinstance(amount, exp.Neg) else amount
    if unit is None:
        raise context.refused(node, "such an interval", "write INTERVAL '3' DAY")
    if not isinstance(amount, exp.Literal):
        given = as_value(context.operand(amount), context)
        return _moved_by(operand, given, unit, node, context, back=back)
    if not re.fullmatch(r"-?\d{1,9}", amount.name.strip()):
        raise context.refused(node, "an interval of parts", "add the parts one by one")
    count = int(amount.name) * (-1 if negative else 1) * (-1 if back else 1)
    return plus(operand, count, unit, node, context)


def _moved_by(
    operand: Operand, given: Operand, unit: str, node: exp.Expr, context: Context, *, back: bool
) -> Operand:
    if isinstance(given.constant, int):
        return plus(operand, -given.constant if back else given.constant, unit, node, context)
    operand = as_time(operand, node, context)
    if unit not in _DAYS or not is_date(operand.kind) or not is_integer(given.kind):
        raise context.refused(
            node, f"a computed number of {unit}S", "days may be computed, over dates"
        )
    if unit == "WEEK":
        given = replace(given, sql=binary(exp.Mul, given.sql, number(7)))
    made = days_later(operand, given, node, back=back)
    return made if context.dialect.dates_stay_dates else _as_timestamp(made)


def _as_timestamp(operand: Operand) -> Operand:
    return result(cast(operand.sql, "TIMESTAMP(6)"), TIMESTAMP, operand)


def plus(
    operand: Operand,
    count: int,
    unit: str,
    node: exp.Expr,
    context: Context,
    *,
    stays: bool | None = None,
) -> Operand:
    """So many units later. A date stays one, unless the dialect or the unit says otherwise."""
    operand = as_time(operand, node, context)
    stays = context.dialect.dates_stay_dates if stays is None else stays
    if is_date(operand.kind) and (unit in _SECONDS or not stays):
        if unit in _SECONDS and context.dialect.name in {"trino", "tsql"}:
            raise context.refused(node, f"a date and {unit}S", "cast it to TIMESTAMP")
        operand = _as_timestamp(operand)
    if unit == "QUARTER":
        unit, count = "MONTH", count * 3
    step = exp.Interval(this=text(f"{abs(count)}"), unit=exp.Var(this=unit))
    kind = exp.Sub if count < 0 else exp.Add
    return result(kind(this=paren(operand.sql), expression=step), operand.kind, operand)


def days_later(operand: Operand, days: Operand, node: exp.Expr, *, back: bool) -> Operand:
    """A date so many days later, counted."""
    kind = exp.Sub if back else exp.Add
    if isinstance(days.constant, int):
        count = -days.constant if back else days.constant
        kind = exp.Sub if count < 0 else exp.Add
        step = exp.Interval(this=text(f"{abs(count)}"), unit=exp.Var(this="DAY"))
        return result(kind(this=paren(operand.sql), expression=step), DATE, operand)
    counted = binary(kind, cast(operand.sql, "INT"), cast(days.sql, "INT"))
    return result(cast(exp.Paren(this=counted), "DATE"), DATE, operand, days)


def _added(given: Call, value: int, amount: int, unit: str | None, *, back: bool) -> Operand:
    if unit is None:
        raise given.refused("by this unit")
    context, node = given.context, given.node
    operand = as_time(given.value(value), given.arguments[value], context)
    by = given.taken(amount, is_integer)
    if isinstance(by.constant, int):
        count = -by.constant if back else by.constant
        return plus(operand, count, unit, node, context, stays=True)
    return _moved_by(operand, by, unit, node, context, back=back)


@function("DATE_ADD ADDDATE DATE_SUB SUBDATE", "mysql", 2)
@function("DATE_ADD DATE_SUB TIMESTAMP_ADD TIMESTAMP_SUB DATETIME_ADD DATETIME_SUB", "bigquery", 2)
@function("DATE_ADD DATE_SUB", "spark", 2)
@function("DATE_ADD", "duckdb", 2)
def _date_add(given: Call) -> Operand:
    back = "SUB" in given.name
    interval, dialect = given.arguments[1], given.context.dialect.name
    if isinstance(interval, exp.Interval):
        if dialect == "duckdb":
            operand = as_time(given.value(0), given.node, given.context)
            return moved(operand, interval, given.node, given.context, back=back)
        if dialect == "spark":
            raise given.refused("with an interval")
        return _by_interval(given, interval, back=back)
    if dialect not in {"mysql", "spark"} or (dialect == "mysql" and "DATE_" in given.name):
        raise given.refused("without an INTERVAL")
    operand = as_time(given.value(0), given.arguments[0], given.context)
    if dialect == "spark" and is_timestamp(operand.kind):
        operand = result(cast(operand.sql, "DATE"), DATE, operand)
    if is_timestamp(operand.kind):
        raise given.refused("of days to a time")
    return days_later(operand, given.taken(1, is_integer), given.node, back=back)


def _by_interval(given: Call, interval: exp.Interval, *, back: bool) -> Operand:
    unit = interval.args.get("unit")
    known = unit_of(unit.name.upper(), given.context) if isinstance(unit, exp.Var) else None
    amount = interval.this
    if known is None or amount is None:
        raise given.refused("by such an interval")
    operand = as_time(given.value(0), given.arguments[0], given.context)
    if known in _SECONDS and is_date(operand.kind) and given.context.dialect.name == "bigquery":
        raise given.refused("of a time to a date")
    if isinstance(amount, exp.Literal) and re.fullmatch(r"-?\d{1,9}", amount.name):
        count = int(amount.name)
        return plus(operand, -count if back else count, known, given.node, given.context,
                    stays=True)  # fmt: skip
    by = as_value(given.context.operand(amount), given.context)
    made = _moved_by(operand, by, known, given.node, given.context, back=back)
    return (
        made
        if is_date(made.kind) == is_date(operand.kind)
        else days_later(operand, by, given.node, back=back)
    )


@function("DATEADD TIMEADD TIMESTAMPADD", "tsql snowflake", 3)
@function("TIMESTAMPADD", "mysql", 3)
@function("DATEADD", "spark", 3)
@function("DATE_ADD", "trino", 3)
def _date_add_unit(given: Call) -> Operand:
    said = given.said(0).upper() if given.context.dialect.name == "trino" else given.word(0)
    return _added(given, 2, 1, unit_of(said, given.context), back=False)


@function("ADD_MONTHS", "spark", 2)
def _add_months(given: Call) -> Operand:
    operand = as_time(given.value(0), given.arguments[0], given.context)
    day = result(cast(operand.sql, "DATE"), DATE, operand)
    count = given.value(1).constant
    if not isinstance(count, int):
        raise given.refused("of a computed number")
    return plus(day, count, "MONTH", given.node, given.context, stays=True)


# --- between


def _day(operand: Operand) -> exp.Expr:
    return operand.sql if is_date(operand.kind) else cast(operand.sql, "DATE")


def _number_of(unit: str, operand: Operand) -> exp.Expr:
    """The number of the unit that a time is in, counted from some fixed one."""
    if unit == "DAY":
        return cast(cast(_day(operand), "INT"), "BIGINT")
    if unit in _MONTHS:
        year = _part("year", operand.copied().sql)
        if unit == "YEAR":
            return year
        per = 12 if unit == "MONTH" else 4
        months = binary(exp.Mul, year, number(per))
        return binary(exp.Add, months, _part(unit.lower(), operand.copied().sql))
    seconds = call("floor", _epoch(operand))
    if unit != "SECOND":
        seconds = call("floor", binary(exp.Div, seconds, number(_SECONDS[unit])))
    return cast(seconds, "BIGINT")


def _part(unit: str, value: exp.Expr) -> exp.Expr:
    return cast(call("date_part", text(unit), value), "BIGINT")


def _epoch(operand: Operand) -> exp.Expr:
    return call("date_part", text("epoch"), operand.sql.copy())


def _boundaries(given: Call, start: Operand, end: Operand, unit: str | None) -> Operand:
    """How many borders between units lie between two times."""
    if unit is None or (unit == "WEEK" and given.context.dialect.name != "snowflake"):
        raise given.refused("in this unit")
    if unit == "WEEK":  # weeks begin on Mondays, as the first of January 1970 did not

        def week(operand: Operand) -> exp.Expr:
            days = binary(exp.Add, _number_of("DAY", operand), number(3 + 7 * 200_000))
            return binary(exp.Div, days, number(7))

        return given.made(binary(exp.Sub, week(end), week(start)), INTEGER)
    return given.made(binary(exp.Sub, _number_of(unit, end), _number_of(unit, start)), INTEGER)


@function("DATEDIFF TIMEDIFF TIMESTAMPDIFF", "snowflake", 3)
@function("DATEDIFF DATEDIFF_BIG", "tsql", 3)
def _datediff_unit(given: Call) -> Operand:
    start, end = (as_time(given.value(i), given.arguments[i], given.context) for i in (1, 2))
    return _boundaries(given, start, end, unit_of(given.word(0), given.context))


@function("DATE_DIFF DATEDIFF", "duckdb", 3)
def _datediff_text(given: Call) -> Operand:
    start, end = (as_time(given.value(i), given.arguments[i], given.context) for i in (1, 2))
    return _boundaries(given, start, end, unit_of(given.said(0).upper(), given.context))


@function("DATE_DIFF", "bigquery", 3)
def _date_diff(given: Call) -> Operand:
    end, start = (as_time(given.value(i), given.arguments[i], given.context) for i in (0, 1))
    if is_timestamp(end.kind) or is_timestamp(start.kind):
        raise given.refused("of times")
    return _boundaries(given, start, end, unit_of(given.word(2), given.context))


@function("DATEDIFF", "mysql spark", 2)
def _days_between(given: Call) -> Operand:
    end, start = (as_time(given.value(i), given.arguments[i], given.context) for i in (0, 1))
    return _boundaries(given, start, end, "DAY")


@function("TIMESTAMPDIFF", "mysql", 3)
@function("DATE_DIFF", "trino", 3)
def _complete_units(given: Call) -> Operand:
    """How many whole units fit in between."""
    trino = given.context.dialect.name == "trino"
    unit = unit_of(given.said(0).upper() if trino else given.word(0), given.context)
    start, end = (as_time(given.value(i), given.arguments[i], given.context) for i in (1, 2))
    if unit in _DAYS and is_date(start.kind) and is_date(end.kind):
        days = binary(exp.Sub, _number_of("DAY", end), _number_of("DAY", start))
        return given.made(binary(exp.Div, days, number(_DAYS[unit])), INTEGER)
    if unit is None or unit in _MONTHS:
        raise given.refused("in months or longer")
    seconds = _SECONDS.get(unit, _DAYS.get(unit, 0) * 86_400)
    apart = binary(exp.Sub, _micros(end), _micros(start))
    return given.made(binary(exp.Div, apart, number(seconds * 1_000_000)), INTEGER)


def _micros(operand: Operand) -> exp.Expr:
    return cast(call("round", binary(exp.Mul, _epoch(operand), number(1_000_000))), "BIGINT")


# --- truncating


@function("DATE_TRUNC", "postgres trino spark snowflake duckdb", 2)
def _date_trunc(given: Call) -> Operand:
    said = given.word(0) if given.context.dialect.name == "snowflake" else given.said(0).upper()
    return _truncated(given, 1, said)


@function("DATE_TRUNC TIMESTAMP_TRUNC DATETIME_TRUNC", "bigquery", 2)
def _date_trunc_last(given: Call) -> Operand:
    said = given.word(1)
    if said == "WEEK":
        raise given.refused("to weeks that begin on Sundays")
    said = {"ISOWEEK": "WEEK", "WEEK(MONDAY)": "WEEK"}.get(said, said)
    return _truncated(given, 0, said)


@function("DATETRUNC", "tsql", 2)
def _datetrunc(given: Call) -> Operand:
    if given.word(0) in {"WEEK", "WK", "WW"}:
        raise given.refused("to weeks that begin on Sundays")
    return _truncated(given, 1, given.word(0))


def _truncated(given: Call, which: int, said: str) -> Operand:
    unit = unit_of(said, given.context)
    operand = as_time(given.value(which), given.arguments[which], given.context)
    if unit is None or (is_date(operand.kind) and unit in _SECONDS):
        raise given.refused("to this unit")
    day = is_date(operand.kind)  # of dates, the engine would make times with nanoseconds
    whole = cast(operand.sql, "TIMESTAMP(6)") if day else operand.sql
    sql = call("date_trunc", text(unit.lower()), whole)
    if is_date(operand.kind) and given.context.dialect.name in {"trino", "snowflake", "bigquery",
                                                                "tsql"}:  # fmt: skip
        return given.made(cast(sql, "DATE"), DATE)
    return given.made(cast(sql, "TIMESTAMP(6)"), TIMESTAMP)


# --- parts

_PARTS = {"YEAR": "year", "QUARTER": "quarter", "MONTH": "month", "DAY": "day", "HOUR": "hour",
          "MINUTE": "minute", "SECOND": "second"}  # fmt: skip


def extracted(node: exp.Extract, context: Context) -> Operand:
    """EXTRACT."""
    operand = as_time(as_value(context.operand(node.expression), context), node, context)
    return _of_part(node.this.name.upper(), operand, node, context)


def _of_part(said: str, operand: Operand, node: exp.Expr, context: Context) -> Operand:
    dialect = context.dialect.name
    if said in _PARTS:
        fractions = dialect in {"postgres", "spark"} and not is_date(operand.kind)
        if said == "SECOND" and fractions:
            raise context.refused(node, "SECOND with its fractions")
        if is_date(operand.kind) and said in _SECONDS:
            if dialect != "mysql":
                raise context.refused(node, f"{said} of a date")
            return result(case((exp.Is(this=operand.sql, expression=exp.null()), exp.null()),
                               otherwise=number(0)), INTEGER, operand)  # fmt: skip
        return result(_part(_PARTS[said], operand.sql), INTEGER, operand)
    own = _OTHER_PARTS.get(dialect, {}).get(said)
    if own is None:
        raise context.refused(node, f"the part {said} of a date")
    name, plus_ = own
    if name == "epoch":
        return result(_epoch(operand), FLOAT, operand)
    sql = _part(name, operand.sql)
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
        return given.made(_part("second", operand.sql), INTEGER)
    return _of_part(said, operand, given.node, given.context)


@function("DAYOFWEEK", "mysql spark")
def _sunday_1(given: Call) -> Operand:
    operand = as_time(given.value(0), given.arguments[0], given.context)
    return given.made(binary(exp.Add, _part("dow", operand.sql), number(1)), INTEGER)


@function("DAYOFWEEK", "snowflake duckdb")
def _sunday_0(given: Call) -> Operand:
    operand = as_time(given.value(0), given.arguments[0], given.context)
    return given.made(_part("dow", operand.sql), INTEGER)


@function("WEEKDAY", "mysql spark")
def _monday_0(given: Call) -> Operand:
    operand = as_time(given.value(0), given.arguments[0], given.context)
    return given.made(binary(exp.Sub, _part("isodow", operand.sql), number(1)), INTEGER)


@function("DAY_OF_WEEK DOW", "trino")
@function("ISODOW", "duckdb")
@function("DAYOFWEEKISO", "snowflake")
def _monday_1(given: Call) -> Operand:
    operand = as_time(given.value(0), given.arguments[0], given.context)
    return given.made(_part("isodow", operand.sql), INTEGER)


@function("DAYOFYEAR", "mysql spark snowflake duckdb")
@function("DAY_OF_YEAR DOY", "trino")
def _day_of_year(given: Call) -> Operand:
    operand = as_time(given.value(0), given.arguments[0], given.context)
    return given.made(_part("doy", operand.sql), INTEGER)


@function("WEEKOFYEAR", "mysql spark duckdb")
@function("WEEK WEEK_OF_YEAR", "trino")
@function("WEEK", "duckdb")
@function("WEEKISO", "snowflake")
def _iso_week(given: Call) -> Operand:
    operand = as_time(given.value(0), given.arguments[0], given.context)
    return given.made(_part("week", operand.sql), INTEGER)


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


# --- written


_MYSQL_CODES = {"Y": "%Y", "m": "%m", "d": "%d", "H": "%H", "i": "%M", "s": "%S", "S": "%S",
                "y": "%y", "b": "%b", "M": "%B", "a": "%a", "W": "%A", "j": "%j", "e": "%-d",
                "c": "%-m", "k": "%-H", "l": "%-I", "h": "%I", "I": "%I", "p": "%p", "f": "%6f",
                "T": "%H:%M:%S", "%": "%%"}  # fmt: skip
_C_CODES = {"Y": "%Y", "m": "%m", "d": "%d", "H": "%H", "M": "%M", "S": "%S", "y": "%y",
            "b": "%b", "B": "%B", "a": "%a", "A": "%A", "j": "%j", "I": "%I", "p": "%p",
            "F": "%Y-%m-%d", "T": "%H:%M:%S", "%": "%%"}  # fmt: skip
_JAVA_CODES = {"yyyy": "%Y", "yy": "%y", "MM": "%m", "MMM": "%b", "MMMM": "%B", "dd": "%d",
               "d": "%-d", "M": "%-m", "HH": "%H", "mm": "%M", "ss": "%S", "hh": "%I", "a": "%p",
               "EEE": "%a", "EEEE": "%A", "E": "%a"}  # fmt: skip
_ORACLE_CODES = {"YYYY": "%Y", "YY": "%y", "MM": "%m", "DD": "%d", "HH24": "%H", "MI": "%M",
                 "SS": "%S", "HH12": "%I"}  # fmt: skip


@function("DATE_FORMAT", "mysql trino spark", 2)
@function("STRFTIME", "duckdb", 2)
@function("TO_CHAR", "postgres snowflake", 2)
@function("FORMAT_DATE FORMAT_DATETIME FORMAT_TIMESTAMP", "bigquery", 2)
def _formatted(given: Call) -> Operand:
    dialect = given.context.dialect.name
    value, said = (1, 0) if dialect == "bigquery" else (0, 1)
    operand = as_time(given.value(value), given.arguments[value], given.context)
    made = engine_format(given.said(said), dialect)
    if made is None:
        raise given.refused("with this format")
    if is_date(operand.kind):
        operand = _as_timestamp(operand)
    return given.made(call("to_char", operand.sql, text(made)), TEXT)


def engine_format(said: str, dialect: str) -> str | None:
    """A format as the engine has it; None where it has a code that is not known here."""
    if dialect in {"mysql", "trino", "duckdb", "bigquery"}:
        codes = _MYSQL_CODES if dialect in {"mysql", "trino"} else _C_CODES
        pieces = re.findall(r"%(.)|([^%]+)|(%)\Z", said, re.DOTALL)
        if any(stray or (code and code not in codes) for code, _, stray in pieces):
            return None
        return "".join(codes[code] if code else plain for code, plain, _ in pieces)
    codes = _JAVA_CODES if dialect == "spark" else _ORACLE_CODES
    words = re.findall(r"[A-Za-z]+\d*|[^A-Za-z]+", said)
    if dialect != "spark":
        words = re.findall(r"YYYY|YY|MM|DD|HH24|HH12|MI|SS|[^A-Za-z0-9\"]|.", said, re.DOTALL)
    made = []
    for word in words:
        if re.match(r"[A-Za-z0-9\"']", word):
            if word not in codes:
                return None
            made.append(codes[word])
        else:
            made.append(word.replace("%", "%%"))
    return "".join(made)
