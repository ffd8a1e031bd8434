"""What lies between dates, and the beginnings of their units."""

from __future__ import annotations

from sqlglot import exp

from gateway.languages.dialects.dates import (
    DAYS,
    MONTHS,
    SECONDS,
    as_time,
    epoch_of,
    part_of,
    unit_of,
)
from gateway.languages.dialects.operands import (
    DATE,
    INTEGER,
    TIMESTAMP,
    Operand,
    binary,
    call,
    cast,
    is_date,
    is_timestamp,
    number,
    text,
)
from gateway.languages.dialects.registry import Call, function


def _day(operand: Operand) -> exp.Expr:
    return operand.sql if is_date(operand.kind) else cast(operand.sql, "DATE")


def _number_of(unit: str, operand: Operand) -> exp.Expr:
    """The number of the unit that a time is in, counted from some fixed one."""
    if unit == "DAY":
        return cast(cast(_day(operand), "INT"), "BIGINT")
    if unit in MONTHS:
        year = part_of("year", operand.copied().sql)
        if unit == "YEAR":
            return year
        per = 12 if unit == "MONTH" else 4
        months = binary(exp.Mul, year, number(per))
        return binary(exp.Add, months, part_of(unit.lower(), operand.copied().sql))
    seconds = call("floor", epoch_of(operand))
    if unit != "SECOND":
        seconds = call("floor", binary(exp.Div, seconds, number(SECONDS[unit])))
    return cast(seconds, "BIGINT")


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
    if unit in DAYS and is_date(start.kind) and is_date(end.kind):
        days = binary(exp.Sub, _number_of("DAY", end), _number_of("DAY", start))
        return given.made(binary(exp.Div, days, number(DAYS[unit])), INTEGER)
    if unit is None or unit in MONTHS:
        raise given.refused("in months or longer")
    if trino and unit in SECONDS and is_date(start.kind) and is_date(end.kind):
        raise given.refused("of dates in parts of days")
    seconds = SECONDS.get(unit, DAYS.get(unit, 0) * 86_400)
    if trino:  # which leaves out what is less than a millisecond
        apart, per = binary(exp.Sub, _millis(end), _millis(start)), 1_000
    else:
        apart, per = binary(exp.Sub, _micros(end), _micros(start)), 1_000_000
    return given.made(binary(exp.Div, apart, number(seconds * per)), INTEGER)


def _micros(operand: Operand) -> exp.Expr:
    return cast(call("round", binary(exp.Mul, epoch_of(operand), number(1_000_000))), "BIGINT")


def _millis(operand: Operand) -> exp.Expr:
    time = cast(operand.copied().sql, "TIMESTAMP(6)")
    whole = Operand(call("date_trunc", text("millisecond"), time), TIMESTAMP)
    return cast(call("round", binary(exp.Mul, epoch_of(whole), number(1_000))), "BIGINT")


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
    if unit is None or (is_date(operand.kind) and unit in SECONDS):
        raise given.refused("to this unit")
    day = is_date(operand.kind)  # of dates, the engine would make times with nanoseconds
    whole = cast(operand.sql, "TIMESTAMP(6)") if day else operand.sql
    sql = call("date_trunc", text(unit.lower()), whole)
    if is_date(operand.kind) and given.context.dialect.name in {"trino", "snowflake", "bigquery",
                                                                "tsql"}:  # fmt: skip
        return given.made(cast(sql, "DATE"), DATE)
    return given.made(cast(sql, "TIMESTAMP(6)"), TIMESTAMP)
