"""Trees that every form of SQL is made of, whatever the dialect: types, parentheses, constants."""

from __future__ import annotations

import datetime as dt
import decimal
import math
from functools import lru_cache

import pyarrow as pa
from sqlglot import exp

from connectors.capabilities import NotPushable
from connectors.marks import unmarked


def cast_to(expression: exp.Expr, type_name: str) -> exp.Cast:
    """A cast to a type named in sqlglot's own dialect, whose name is parsed only once."""
    return exp.Cast(this=expression, to=data_type_named(type_name).copy())


@lru_cache(maxsize=256)
def data_type_named(name: str, dialect: str | None = None) -> exp.DataType:
    """The type of this name, parsed once and shared: copy it."""
    tree = exp.DataType.build(name, dialect=dialect)
    unmarked(tree.walk())  # places in the name, which every copy would copy
    return tree


def paren(expression: exp.Expr) -> exp.Paren:
    """The expression in parentheses, so that precedence never depends on the dialect."""
    return exp.Paren(this=expression)


def common_literal(value: object, data_type: pa.DataType) -> exp.Expr:
    """A constant in the form every SQL dialect reads, or NotPushable."""
    if value is None:
        return exp.null()
    if isinstance(value, bool):
        return exp.Boolean(this=value)
    if isinstance(value, int):
        return _number(str(value))
    if isinstance(value, decimal.Decimal):
        return _number(format(value, "f"))
    if isinstance(value, float):
        if not math.isfinite(value):
            raise NotPushable("a float constant that is not finite")
        return cast_to(exp.Literal.string(repr(value)), "DOUBLE")
    if isinstance(value, str):
        if "\\" in value or "\x00" in value:
            raise NotPushable("a text constant with a backslash or a NUL")
        return exp.Literal.string(value)
    if isinstance(value, dt.datetime):
        if data_type.tz is not None:
            raise NotPushable("a constant time with a zone")
        return cast_to(exp.Literal.string(value.isoformat(sep=" ")), "TIMESTAMP")
    if isinstance(value, dt.date):
        return cast_to(exp.Literal.string(value.isoformat()), "DATE")
    raise NotPushable(f"a constant of type {data_type}")


def _number(text: str) -> exp.Expr:
    if text.startswith("-"):
        return paren(exp.Neg(this=exp.Literal.number(text[1:])))
    return exp.Literal.number(text)


def written_without_casts(tree: exp.Expr) -> str:
    """Equal for what differs in conversions and parentheses only: engines name columns so."""
    plain = tree.copy()
    for part in list(plain.find_all(exp.Cast, exp.Paren)):
        part.replace(part.this)
    try:
        text = plain.sql(dialect="postgres")
    except RecursionError:  # as long as this it is written once
        return str(id(tree))
    return text if "'" in text or '"' in text else text.lower()
