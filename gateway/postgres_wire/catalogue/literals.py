"""Literals of the engine's SQL: values written as such, and texts read from them."""

from __future__ import annotations

from sqlglot import exp

_TEXT_TYPE = exp.DataType.build("VARCHAR", "duckdb")


def literal(value: object) -> exp.Expr:
    if value is None:
        return exp.null()
    if isinstance(value, list):
        return exp.Array(expressions=[literal(item) for item in value])
    if isinstance(value, bool):
        return exp.Boolean(this=value)
    if isinstance(value, int):
        return exp.Literal.number(value)
    return exp.Literal.string(str(value))


def text_literal(value: str | None) -> exp.Expr:
    return exp.cast(exp.null() if value is None else exp.Literal.string(value), _TEXT_TYPE)


def text_of(node: exp.Expr) -> str | None:
    """The text of a literal, whatever it is cast to; None for anything else."""
    while isinstance(node, exp.Cast | exp.Paren):
        node = node.this
    return str(node.name) if isinstance(node, exp.Literal) else None
