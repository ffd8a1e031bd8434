"""Masks as MariaDB and MySQL compute them."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from connectors.capabilities import Kind
from connectors.dialect import MaskBuilder, SqlDialect
from connectors.masking import (
    EXACT,
    TEXTS,
    UNSIGNED,
    band,
    constants,
    float_band,
    floored,
    require_moment,
    within_years,
)
from connectors.operands import Operand
from connectors.trees import cast_to

_UTF8 = exp.DataType(this=exp.DataType.Type.CHARACTER_SET, kind=exp.var("utf8mb4"))
_COLLATION = exp.var("utf8mb4_nopad_bin")

_TYPED = constants(
    {
        Kind.TEXT: "CHAR",
        Kind.BOOLEAN: UNSIGNED,
        Kind.INTEGER: "BIGINT",
        Kind.UNSIGNED: UNSIGNED,
        Kind.FLOAT: "DOUBLE",
        Kind.DATE: "DATE",
        Kind.TIMESTAMP: "DATETIME(6)",
        Kind.TIMESTAMP_TZ: "DATETIME(6)",
    }
)


def _constant(dialect: SqlDialect, argument: str, operand: Operand) -> exp.Expr:
    """Text compares by its bytes, as what is read from a column does."""
    tree = _TYPED(dialect, argument, operand)
    if operand.kind is Kind.TEXT:
        literal = exp.Cast(this=tree.this, to=_UTF8.copy())
        return exp.Collate(this=literal, expression=_COLLATION.copy())
    return tree


def _moment(pattern: str) -> MaskBuilder:
    """By way of text: a year below 100 means another one to the functions that make dates."""

    def build(dialect: SqlDialect, argument: str, operand: Operand) -> exp.Expr:
        require_moment(operand, Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ)
        parts = [within_years(dialect, operand), exp.Literal.string(pattern)]
        first = exp.Anonymous(this="DATE_FORMAT", expressions=parts)
        return cast_to(first, "DATE" if operand.kind is Kind.DATE else "DATETIME(6)")

    return build


def _band(dialect: SqlDialect, argument: str, operand: Operand) -> exp.Expr:
    """There is no NaN and no infinity here."""
    if operand.kind is Kind.FLOAT:
        return float_band(operand, argument, lambda v, width, within: [(within, floored(v, width))])
    return band(dialect, argument, operand)


def _grid(dialect: SqlDialect, argument: str, operand: Operand) -> exp.Expr:
    if operand.kind is Kind.FLOAT:
        return _band(dialect, argument, operand)
    return EXACT["grid"](dialect, argument, operand)


MASKS: Mapping[str, MaskBuilder] = {
    **EXACT,
    **TEXTS,
    "constant": _constant,
    "month": _moment("%Y-%m-01"),
    "year": _moment("%Y-01-01"),
    "band": _band,
    "grid": _grid,
}
