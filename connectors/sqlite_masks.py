"""Masks as SQLite computes them: not of texts, whose length ends at a NUL, and not of floats."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
from sqlglot import exp

from connectors.capabilities import Kind, NotPushable
from connectors.dialect import MaskBuilder, SqlDialect
from connectors.masking import EXACT, band, case, constants, number, require_moment, text
from connectors.operands import Operand
from connectors.trees import paren

_TYPED = constants(
    {
        Kind.TEXT: "TEXT",
        Kind.BOOLEAN: "INT",
        Kind.INTEGER: "INT",
        Kind.DECIMAL: "INT",
        Kind.FLOAT: "REAL",
        Kind.DATE: "TEXT",
    }
)


def _constant(dialect: SqlDialect, argument: str, operand: Operand) -> exp.Expr:
    if operand.kind is Kind.TIMESTAMP:  # kept as text here
        operand = Operand(operand.sql, pa.date32())
    return _TYPED(dialect, argument, operand)


def _moment(kept: int, rest: str) -> MaskBuilder:
    """Dates are texts of one form here: reading the column refuses any other."""

    def build(dialect: SqlDialect, argument: str, operand: Operand) -> exp.Expr:
        require_moment(operand, Kind.DATE)
        start = exp.Substring(this=operand.sql.copy(), start=number(1), length=number(kept))
        first = paren(exp.DPipe(this=start, expression=text(dialect, rest)))
        known = exp.GTE(this=operand.sql.copy(), expression=text(dialect, "0001-01-01"))
        return case((known, first))

    return build


def _band(dialect: SqlDialect, argument: str, operand: Operand) -> exp.Expr:
    if operand.kind is not Kind.INTEGER:  # decimals are floats here
        raise NotPushable(f"a band over a {operand.kind.value}")
    return band(dialect, argument, operand)


MASKS: Mapping[str, MaskBuilder] = {
    "null": EXACT["null"],
    "constant": _constant,
    "month": _moment(7, "-01"),
    "year": _moment(4, "-01-01"),
    "band": _band,
}
