"""Masks as DuckDB computes them."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from connectors.capabilities import Kind
from connectors.dialect import MaskBuilder, SqlDialect
from connectors.masking import (
    EXACT,
    TEXTS,
    UNSIGNED,
    Branches,
    band,
    constants,
    double,
    float_band,
    floored,
    require_moment,
    within_years,
)
from connectors.operands import Operand
from connectors.trees import cast_to

_LARGEST = 1.7976931348623157e308


def _moment(unit: str) -> MaskBuilder:
    """Times with a zone would be cut in the session's zone, and need an extension for another."""

    def build(dialect: SqlDialect, argument: str, operand: Operand) -> exp.Expr:
        require_moment(operand, Kind.DATE, Kind.TIMESTAMP)
        parts = [exp.Literal.string(unit), within_years(dialect, operand)]
        cut = exp.Anonymous(this="DATE_TRUNC", expressions=parts)
        return cast_to(cut, "DATE" if operand.kind is Kind.DATE else "TIMESTAMP")

    return build


def _band(dialect: SqlDialect, argument: str, operand: Operand) -> exp.Expr:
    if operand.kind is Kind.FLOAT:
        return float_band(operand, argument, _with_infinities)
    return band(dialect, argument, operand)


def _grid(dialect: SqlDialect, argument: str, operand: Operand) -> exp.Expr:
    if operand.kind is Kind.FLOAT:
        return float_band(operand, argument, _branches)
    return EXACT["grid"](dialect, argument, operand)


def _branches(value: exp.Expr, width: float, within: exp.Expr) -> Branches:
    return [(within, floored(value, width))]


def _with_infinities(value: exp.Expr, width: float, within: exp.Expr) -> Branches:
    """NaN is the greatest number here."""
    infinite = exp.Or(
        this=exp.GT(this=value.copy(), expression=double(_LARGEST)),
        expression=exp.LT(this=value.copy(), expression=double(-_LARGEST)),
    )
    return [*_branches(value, width, within), (infinite, value.copy())]


MASKS: Mapping[str, MaskBuilder] = {
    **EXACT,
    **TEXTS,
    "constant": constants(
        {
            Kind.TEXT: "TEXT",
            Kind.BOOLEAN: "BOOLEAN",
            Kind.INTEGER: "BIGINT",
            Kind.UNSIGNED: UNSIGNED,
            Kind.FLOAT: "DOUBLE",
            Kind.DATE: "DATE",
            Kind.TIMESTAMP: "TIMESTAMP",
        }
    ),
    "month": _moment("month"),
    "year": _moment("year"),
    "band": _band,
    "grid": _grid,
}
