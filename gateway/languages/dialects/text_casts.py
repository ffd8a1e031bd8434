"""CAST of texts: which of them mean the same to a dialect and to the engine.

What a text may look like that becomes a number or a date differs from dialect to dialect:
``'1e3'`` is a decimal to Spark, ``'2024-1-5'`` a time to Trino, ``'0x1F'`` a number to DuckDB.
Forms that all of them read alike are read; others are an error, or NULL with TRY_CAST where no
dialect reads them.
"""

from __future__ import annotations

import re

from sqlglot import exp

from gateway.languages.dialects.context import Context
from gateway.languages.dialects.operands import (
    BOOLEAN,
    Kind,
    Operand,
    binary,
    call,
    case,
    cast,
    is_date,
    is_decimal,
    is_float,
    is_integer,
    is_number,
    is_timestamp,
    text,
)
from gateway.languages.dialects.operators import result

_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,6})?"
_MINUTES = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d\Z")
_WHOLE = "[+-]?[0-9]{1,19}"
_DECIMAL = "[+-]?([0-9]{1,38}[.]?[0-9]{0,38}|[.][0-9]{1,38})"
_FLOAT = "[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,3})?"
_NO_NUMBER = "|NaN|-?Infinity"

_TRUE_FALSE = {
    "trino": "true|false|t|f|1|0",
    "spark": " *(true|false|t|f|y|n|yes|no|1|0) *",
    "snowflake": "true|false|t|f|y|n|yes|no|on|off|1|0",
    "postgres": "true|false|t|f|y|n|yes|no|on|off|1|0",
    "duckdb": "true|false|t|f|y|n|yes|no|1|0",
}
"""The texts that are booleans, in letters of any case; elsewhere two of them are known."""

_DOUBTFUL_NUMBER = (
    r"^\s*[+-]?\s*(0[xXbBoO][0-9a-fA-F_]+|[0-9._,']*[0-9][0-9._,']*([eE][+-]?[0-9]*)?[dDfF]?"
    r"|[nN][aA][nN]|[iI][nN][fF]([iI][nN][iI][tT][yY])?)\s*$"
)
_WORDS = r"^\s*(now|today|tomorrow|yesterday|epoch|noon|midnight|-?infinity)"
_DOUBTFUL_TIMES = {
    "trino": r"^\s*[+-]?[0-9]+-[0-9]",
    "spark": rf"{_WORDS}|^\s*[+-]?[0-9]{{4,}}([- T]|\s*$)|^\s*T?[0-9]{{1,2}}:",
}
"""What may be a number, or a date or a time, to some: elsewhere whatever has a digit."""

_WHOLE_ALIKE = frozenset({"trino", "spark", "postgres", "mysql"})
"""Those that read the same texts as whole numbers as the engine does."""


def from_text(
    operand: Operand, name: str, kind: Kind, node: exp.Cast, context: Context, *, try_: bool
) -> Operand:
    """A text as something else. Raises UserError for written-out ones that are read differently."""
    dialect = context.dialect.name
    if is_integer(kind) and dialect in _WHOLE_ALIKE:
        return result(_read(operand.sql, name, try_=try_), kind, operand)
    form = _form(kind, dialect)
    known = re.compile(f"(?:{form})\\Z", re.IGNORECASE if kind == BOOLEAN else 0)
    said = operand.constant
    if isinstance(said, str) and is_timestamp(kind) and _MINUTES.match(said):
        said = f"{said}:00"
    if isinstance(said, str):
        if known.match(said):
            return result(_read(text(_full(said, kind)), name, try_=try_), kind, operand)
        if _doubtful(said, kind, dialect):
            raise context.refused(
                node,
                f"the text {said!r} as {node.to.sql(context.dialect.sqlglot)}",
                "write dates as 2024-12-31, times as 2024-12-31 12:30:00, numbers in digits",
            )
        if try_:
            return result(cast(exp.null(), name), kind, operand)
    value, mark = operand.sql, "(?i)" if kind == BOOLEAN else ""
    alike = call("regexp_like", value.copy(), text(f"{mark}^(?:{form})$"))
    # no text with these words in front becomes anything: an error, for the rows that need it
    failing = cast(binary(exp.DPipe, text("read differently: "), value.copy()), name)
    if not try_:
        missing = exp.Is(this=value.copy(), expression=exp.null())
        branches = ((missing, exp.null()), (alike, cast(value, name)))
        return result(case(*branches, otherwise=failing), kind, operand)
    read = _read(value, name, try_=True)
    if kind == BOOLEAN:
        return result(case((alike, read)), kind, operand)
    doubtful = call("regexp_like", value.copy(), text(_doubts(kind, dialect)))
    return result(case((alike, read), (doubtful, failing)), kind, operand)


def _read(value: exp.Expr, name: str, *, try_: bool) -> exp.Expr:
    if not try_:
        return cast(value, name)
    return call("TRY_CAST", exp.Alias(this=value, alias=exp.Var(this=name)))


def _form(kind: Kind, dialect: str) -> str:
    if kind == BOOLEAN:
        return _TRUE_FALSE.get(dialect, "true|false")
    if is_integer(kind):
        return _WHOLE
    if is_decimal(kind):
        return _DECIMAL
    if is_float(kind):
        return _FLOAT if dialect in {"mysql", "tsql"} else f"{_FLOAT}{_NO_NUMBER}"
    if is_date(kind):
        return _DATE if dialect == "trino" else f"{_DATE}( {_TIME})?"
    between = " " if dialect == "trino" else "[ T]"
    return f"{_DATE}({between}{_TIME})?"


def _full(said: str, kind: Kind) -> str:
    """The text as the engine reads it: whole letters in booleans do not matter to it."""
    return said.lower() if kind == BOOLEAN else said


def _doubtful(said: str, kind: Kind, dialect: str) -> bool:
    return kind != BOOLEAN and re.search(_doubts(kind, dialect), said) is not None


def _doubts(kind: Kind, dialect: str) -> str:
    time = _DOUBTFUL_TIMES.get(dialect, f"{_WORDS}|[0-9]")
    doubts = _DOUBTFUL_NUMBER if is_number(kind) else f"(?i){time}"
    return rf"{doubts}|^\s*$" if dialect == "tsql" else doubts  # to which it is 0, or a day in 1900
