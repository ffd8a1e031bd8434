"""Dates and times: what they are, and what is added to them."""

from __future__ import annotations

import re
from dataclasses import replace

from sqlglot import exp

from gateway.languages.dialects.context import Context
from gateway.languages.dialects.operands import (
    DATE,
    TIMESTAMP,
    Operand,
    binary,
    call,
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
from gateway.languages.dialects.registry import Call, function

DAYS = {"DAY": 1, "WEEK": 7}
MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}
SECONDS = {"HOUR": 3600, "MINUTE": 60, "SECOND": 1}
_FULL = (*DAYS, *MONTHS, *SECONDS)
_SHORT = {
    "tsql": {
        **dict.fromkeys(("YY", "YYYY"), "YEAR"),
        **dict.fromkeys(("QQ", "Q"), "QUARTER"),
        **dict.fromkeys(("MM", "M"), "MONTH"),
        **dict.fromkeys(("DD", "D"), "DAY"),
        **dict.fromkeys(("WK", "WW"), "WEEK"),
        **dict.fromkeys(("MI", "N"), "MINUTE"),
        **dict.fromkeys(("SS", "S"), "SECOND"),
        "HH": "HOUR",
    },
    "snowflake": {
        **dict.fromkeys(("Y", "YY", "YYY", "YYYY", "YR", "YRS"), "YEAR"),
        **dict.fromkeys(("Q", "QTR", "QTRS"), "QUARTER"),
        **dict.fromkeys(("MM", "MON", "MONS"), "MONTH"),
        **dict.fromkeys(("D", "DD"), "DAY"),
        **dict.fromkeys(("W", "WK"), "WEEK"),
        **dict.fromkeys(("H", "HH", "HR", "HRS"), "HOUR"),
        **dict.fromkeys(("M", "MI", "MIN", "MINS"), "MINUTE"),
        **dict.fromkeys(("S", "SEC", "SECS"), "SECOND"),
    },
}
"""What a unit is called for short: M is a month in one, a minute in the other."""


def unit_of(said: str, context: Context) -> str | None:
    """The unit that a word means; None for one that is not known here."""
    full = said.removeprefix("SQL_TSI_")
    for unit in _FULL:
        if full in {unit, f"{unit}S"}:
            return unit
    return _SHORT.get(context.dialect.name, {}).get(said)


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
    if unit not in DAYS or not is_date(operand.kind) or not is_integer(given.kind):
        raise context.refused(
            node, f"a computed number of {unit}S", "days may be computed, over dates"
        )
    if unit == "WEEK":
        given = replace(given, sql=binary(exp.Mul, given.sql, number(7)))
    made = days_later(operand, given, node, back=back)
    return made if context.dialect.dates_stay_dates else as_timestamp(made)


def as_timestamp(operand: Operand) -> Operand:
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
    if is_date(operand.kind) and (unit in SECONDS or not stays):
        if unit in SECONDS and context.dialect.name in {"trino", "tsql"}:
            raise context.refused(node, f"a date and {unit}S", "cast it to TIMESTAMP")
        operand = as_timestamp(operand)
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
    stays = context.dialect.name != "spark"
    if isinstance(by.constant, int):
        count = -by.constant if back else by.constant
        return plus(operand, count, unit, node, context, stays=stays)
    made = _moved_by(operand, by, unit, node, context, back=back)
    return made if stays else as_timestamp(made)


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
    if known in SECONDS and is_date(operand.kind) and given.context.dialect.name == "bigquery":
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


def rounded_time(operand: Operand, places: int) -> Operand:
    """A time to the second or the millisecond: halves become later."""
    unit, half = ("millisecond", "500") if places else ("second", "500000")
    step = exp.Interval(this=text(half), unit=exp.Var(this="MICROSECOND"))
    later = exp.Add(this=paren(operand.sql), expression=step)
    cut = call("date_trunc", text(unit), later)
    return result(cast(cut, "TIMESTAMP(6)"), TIMESTAMP, operand)


def part_of(unit: str, value: exp.Expr) -> exp.Expr:
    return cast(call("date_part", text(unit), value), "BIGINT")


def epoch_of(operand: Operand) -> exp.Expr:
    return call("date_part", text("epoch"), operand.sql.copy())
