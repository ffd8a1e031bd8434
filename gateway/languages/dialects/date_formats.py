"""Dates as texts, in the codes of each dialect."""

from __future__ import annotations

import re

from gateway.languages.dialects.dates import (
    as_time,
    as_timestamp,
    rounded_time,
)
from gateway.languages.dialects.operands import (
    TEXT,
    Operand,
    call,
    is_date,
    text,
)
from gateway.languages.dialects.registry import Call, function

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
        operand = as_timestamp(operand)
    elif dialect == "trino":
        operand = rounded_time(operand, 3)
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
        elif dialect == "spark" and re.search(r"[\[\]{}#<>]", word):
            return None  # parts that may be missing, and letters kept for later
        else:
            made.append(word.replace("%", "%%"))
    return "".join(made)
