"""Masks as PostgreSQL computes them: it raises errors where others give infinities or zeros."""

from __future__ import annotations

import math
from collections.abc import Mapping

from sqlglot import exp

from connectors.capabilities import Kind
from connectors.dialect import MaskBuilder, SqlDialect
from connectors.masking import (
    EXACT,
    TEXTS,
    Branches,
    band,
    between,
    constants,
    double,
    float_band,
    floored,
    require_moment,
    smallest_divisible,
    within_years,
)
from connectors.operands import Operand
from connectors.trees import cast_to


def _moment(unit: str) -> MaskBuilder:
    """Cut in UTC, whatever the zone of the session; infinite dates are outside of all years."""

    def build(dialect: SqlDialect, argument: str, operand: Operand) -> exp.Expr:
        require_moment(operand, Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ)
        moment = within_years(dialect, operand)
        zoned = operand.kind is Kind.TIMESTAMP_TZ
        if zoned:
            moment = _at_utc(moment)
        elif operand.kind is Kind.DATE:
            moment = cast_to(moment, "TIMESTAMP")  # else it becomes a time in the session's zone
        parts = [exp.Literal.string(unit), moment]
        cut: exp.Expr = exp.Anonymous(this="DATE_TRUNC", expressions=parts)
        if zoned:
            return _at_utc(cut)
        return cast_to(cut, "DATE") if operand.kind is Kind.DATE else cut

    return build


def _at_utc(moment: exp.Expr) -> exp.Expr:
    """A time with zone as the time in UTC, and back."""
    return exp.Anonymous(this="TIMEZONE", expressions=[exp.Literal.string("UTC"), moment])


def _band(dialect: SqlDialect, argument: str, operand: Operand) -> exp.Expr:
    if operand.kind is Kind.FLOAT:
        return float_band(operand, argument, _with_infinities)
    return band(dialect, argument, operand)


def _grid(dialect: SqlDialect, argument: str, operand: Operand) -> exp.Expr:
    if operand.kind is Kind.FLOAT:
        return float_band(operand, argument, _branches)
    return EXACT["grid"](dialect, argument, operand)


def _branches(value: exp.Expr, width: float, within: exp.Expr) -> Branches:
    """A quotient that would round to zero is an error here."""
    branches = [(within, floored(value, width))]
    least = smallest_divisible(width)
    if least > math.ulp(0.0):
        branches.insert(0, (between(value, least), double(0.0)))
    return branches


def _with_infinities(value: exp.Expr, width: float, within: exp.Expr) -> Branches:
    """NaN is the greatest number here."""
    infinite = exp.Or(
        this=exp.GTE(this=value.copy(), expression=_special("Infinity")),
        expression=exp.EQ(this=value.copy(), expression=_special("-Infinity")),
    )
    return [*_branches(value, width, within), (infinite, value.copy())]


def _special(name: str) -> exp.Expr:
    return cast_to(exp.Literal.string(name), "DOUBLE")


MASKS: Mapping[str, MaskBuilder] = {
    **EXACT,
    **TEXTS,
    "constant": constants(
        {
            Kind.TEXT: "TEXT",
            Kind.BOOLEAN: "BOOLEAN",
            Kind.INTEGER: "BIGINT",
            Kind.FLOAT: "DOUBLE",
            Kind.DATE: "DATE",
            Kind.TIMESTAMP: "TIMESTAMP",
            Kind.TIMESTAMP_TZ: "TIMESTAMPTZ",
        }
    ),
    "month": _moment("month"),
    "year": _moment("year"),
    "band": _band,
    "grid": _grid,
}
