"""Every function a source may be asked, over every kind: what to ask, and the engine's words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

import pyarrow as pa

from connectors.capabilities import Kind
from connectors.operands import Operand
from tests.conformance.reference import column, constant
from tests.conformance.specs import Source


@dataclass(frozen=True, slots=True)
class Case:
    """A call: its operands as the source gets them, and the same in the engine's SQL.

    `where` are the rows for which the engine has an answer.
    """

    name: str
    kind: Kind
    args: tuple[Operand, ...]
    sql: str
    where: str = "true"


COLUMNS: dict[Kind, tuple[tuple[str, str], ...]] = {
    Kind.INTEGER: (("i", "j"), ("k", "l")),
    Kind.UNSIGNED: (("p", "a"),),
    Kind.FLOAT: (("f", "g"),),
    Kind.DECIMAL: (("d", "e"),),
    Kind.TEXT: (("s", "t"),),
    Kind.BINARY: (("h", "o"),),
    Kind.DATE: (("u", "v"),),
    Kind.TIME: (("m", "z"),),
    Kind.TIMESTAMP: (("x", "y"),),
    Kind.TIMESTAMP_TZ: (("q", "r"),),
    Kind.BOOLEAN: (("b", "c"),),
}

CONSTANTS: dict[Kind, tuple[tuple[object, str], ...]] = {
    Kind.INTEGER: ((3, "3"), (-7, "-7")),
    Kind.FLOAT: ((1.5, "1.5"), (-0.0, "-0.0")),
    Kind.DECIMAL: ((Decimal("1.05"), "1.05"), (Decimal("-7.00"), "-7.00")),
    Kind.TEXT: (("a", "'a'"), ("a ", "'a '"), ("Ä", "'Ä'"), ("", "''"), ("it's", "'it''s'")),
    Kind.DATE: ((dt.date(2000, 2, 29), "'2000-02-29'"),),
    Kind.TIMESTAMP: ((dt.datetime(2024, 1, 1, 10, 30, 0, 1), "'2024-01-01 10:30:00.000001'"),),
    Kind.BOOLEAN: ((True, "true"), (False, "false")),
}
"""Kind -> values with their engine SQL, which is cast to the column's type."""

COMPARISONS = {
    "equal": "=",
    "not_equal": "<>",
    "lt": "<",
    "lte": "<=",
    "gt": ">",
    "gte": ">=",
    "is_distinct_from": "IS DISTINCT FROM",
    "is_not_distinct_from": "IS NOT DISTINCT FROM",
}
ARITHMETIC = {"add": "+", "subtract": "-", "multiply": "*"}
DIVISION = {"divide": "/", "modulus": "%"}
TESTS = {
    "is_null": "IS NULL",
    "is_not_null": "IS NOT NULL",
    "is_true": "IS TRUE",
    "is_not_true": "IS NOT TRUE",
    "is_false": "IS FALSE",
    "is_not_false": "IS NOT FALSE",
}
AGGREGATES = ("count", "sum", "avg", "min", "max")
DIVISORS = {"i": "n", "k": "n", "d": "w"}
PATTERNS = ("a%", "%b", "%A%", "_", "a_b", "", "%", "é%", "🙂%", "a %", r"a\%b", r"%\_%", r"\%")
PARTS = ("year", "quarter", "month", "day", "hour", "minute", "week", "dow", "doy")
TRUNCATIONS = ("year", "quarter", "month", "week", "day", "hour", "minute", "second")
SETS = (None, " ", "a", "Aa", "ä", "🙂a", "b ")
SEARCHED = ("a", "A", "ss", "ä", "e\u0301", "🙂", "_", "%", "it's", "\u00a0", "\n")


def scalar_cases(source: Source, name: str) -> Iterator[Case]:
    """Every way the suite calls a scalar function of this source."""
    held = set(source.rows.schema.names)
    for kind, pairs in COLUMNS.items():
        for first, second in pairs:
            if first in held:
                yield from _calls(source, name, kind, first, second)


def _calls(source: Source, name: str, kind: Kind, first: str, second: str) -> Iterator[Case]:
    one, two = column(source, first), column(source, second)
    if name in COMPARISONS:
        sign = COMPARISONS[name]
        yield Case(name, kind, (one, two), f"{first} {sign} {second}")
        for operand, text in _constants(source, kind, one.type):
            yield Case(name, kind, (one, operand), f"{first} {sign} {text}")
    elif name in ARITHMETIC and kind in {Kind.INTEGER, Kind.FLOAT, Kind.DECIMAL}:
        yield Case(name, kind, (one, two), f"{first} {ARITHMETIC[name]} {second}")
    elif name in DIVISION and kind in {Kind.INTEGER, Kind.FLOAT, Kind.DECIMAL}:
        yield from _divisions(source, name, kind, first)
    elif name in TESTS and (kind is Kind.BOOLEAN or "null" in name):
        yield Case(name, kind, (one,), f"{first} {TESTS[name]}")
    elif name in {"negate", "abs"} and kind in {Kind.INTEGER, Kind.FLOAT, Kind.DECIMAL}:
        yield Case(name, kind, (one,), f"-{first}" if name == "negate" else f"abs({first})")
    elif name in {"and", "or"} and kind is Kind.BOOLEAN:
        yield Case(name, kind, (one, two), f"{first} {name.upper()} {second}")
    elif name in {"is_unknown", "is_not_unknown"} and kind is Kind.BOOLEAN:
        text = "IS NOT UNKNOWN" if "not" in name else "IS UNKNOWN"
        yield Case(name, kind, (one,), f"{first} {text}")
    elif name in {"greatest", "least"} and kind is not Kind.BINARY:
        yield Case(name, kind, (one, two), f"{name}({first}, {second})")
        for operand, text in _constants(source, kind, one.type):
            yield Case(name, kind, (one, operand), f"{name}({first}, {text})")
            yield Case(name, kind, (two, one, operand), f"{name}({second}, {first}, {text})")
    elif name in {"ceil", "floor"} and kind in {Kind.FLOAT, Kind.DECIMAL}:
        yield Case(name, kind, (one,), f"{name}({first})")
    elif name == "round" and kind in {Kind.FLOAT, Kind.DECIMAL}:
        yield Case(name, kind, (one,), f"round({first})")
        for places in (0, 1, 2):
            args = (one, constant(source, places, pa.int64()))
            yield Case(name, kind, args, f"round({first}, {places})")
    elif name == "date_trunc" and kind in {Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ}:
        for part in TRUNCATIONS:
            args = (constant(source, part, pa.string()), one)
            where = f"{first} BETWEEN '1700-01-01' AND '2200-01-01'"  # by way of nanoseconds
            yield Case(name, kind, args, f"date_trunc('{part}', {first})", where)
    elif name == "not" and kind is Kind.BOOLEAN:
        yield Case(name, kind, (one,), f"NOT {first}")
    elif name in {"coalesce", "nullif"}:
        yield Case(name, kind, (one, two), f"{name}({first}, {second})")
    elif kind is Kind.TEXT:
        yield from _text_calls(source, name, one, two, first, second)
    elif name == "date_part" and kind in {Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ}:
        for part in PARTS:
            args = (constant(source, part, pa.string()), one)
            yield Case(name, kind, args, f"date_part('{part}', {first})")


def _text_calls(
    source: Source, name: str, one: Operand, two: Operand, first: str, second: str
) -> Iterator[Case]:
    args: tuple[Operand, ...]
    if name == "like":
        for pattern in PATTERNS:
            args = (one, constant(source, pattern, pa.string()))
            yield Case(name, Kind.TEXT, args, f"{first} LIKE '{pattern}'")
    elif name in {"substring", "substr"}:
        for start, length in ((1, 1), (2, 3), (1, 0), (3, None)):
            bounds = [start] if length is None else [start, length]
            args = (one, *(constant(source, b, pa.int64()) for b in bounds))
            text = ", ".join(map(str, bounds))
            yield Case(name, Kind.TEXT, args, f"substr({first}, {text})")
    elif name in {"btrim", "ltrim", "rtrim"}:
        for characters in SETS:
            if characters is None:
                yield Case(name, Kind.TEXT, (one,), f"{name}({first})")
                continue
            args = (one, constant(source, characters, pa.string()))
            yield Case(name, Kind.TEXT, args, f"{name}({first}, '{characters}')")
    elif name in {"strpos", "ends_with", "replace", "split_part"}:
        yield from _searches(source, name, one, first)
    elif name in {"left", "right"}:
        for count in (0, 1, 2, 9):
            args = (one, constant(source, count, pa.int64()))
            yield Case(name, Kind.TEXT, args, f"{name}({first}, {count})")
    elif name in {"reverse", "octet_length"}:
        yield Case(name, Kind.TEXT, (one,), f"{name}({first})")
    elif name == "concat":
        yield Case(name, Kind.TEXT, (one, two, one), f"concat({first}, {second}, {first})")
    elif name in {"character_length", "length"}:
        yield Case(name, Kind.TEXT, (one,), f"character_length({first})")
    elif name == "str_concat":
        yield Case(name, Kind.TEXT, (one, two), f"{first} || {second}")


def _searches(source: Source, name: str, one: Operand, first: str) -> Iterator[Case]:
    for searched in SEARCHED:
        quoted = "'" + searched.replace("'", "''") + "'"
        args: tuple[Operand, ...] = (one, constant(source, searched, pa.string()))
        if name == "replace":
            for new in ("", "b", "<>"):
                more = (*args, constant(source, new, pa.string()))
                yield Case(name, Kind.TEXT, more, f"replace({first}, {quoted}, '{new}')")
        elif name == "split_part":
            for place in (1, 2, 3):
                more = (*args, constant(source, place, pa.int64()))
                yield Case(name, Kind.TEXT, more, f"split_part({first}, {quoted}, {place})")
        else:
            yield Case(name, Kind.TEXT, args, f"{name}({first}, {quoted})")


def _divisions(source: Source, name: str, kind: Kind, first: str) -> Iterator[Case]:
    sign, one = DIVISION[name], column(source, first)
    for operand, text in _constants(source, kind, one.type):
        if operand.literal:
            yield Case(name, kind, (one, operand), f"{first} {sign} {text}")
    if kind is Kind.FLOAT:
        yield Case(name, kind, (one, column(source, "g")), f"{first} {sign} g")
        return
    divisor = column(source, DIVISORS[first])
    same = kind is Kind.DECIMAL or divisor.type == one.type
    if same:
        yield Case(name, kind, (one, divisor), f"{first} {sign} {DIVISORS[first]}")


def _constants(source: Source, kind: Kind, data_type: pa.DataType) -> Iterator[tuple[Operand, str]]:
    for value, text in CONSTANTS.get(kind, ()):
        yield constant(source, value, data_type), f"arrow_cast({text}, '{_arrow_name(data_type)}')"


def _arrow_name(data_type: pa.DataType) -> str:
    if pa.types.is_decimal(data_type):
        return f"Decimal128({data_type.precision}, {data_type.scale})"
    names = {
        pa.int32(): "Int32",
        pa.int64(): "Int64",
        pa.float64(): "Float64",
        pa.string(): "Utf8",
        pa.date32(): "Date32",
        pa.timestamp("us"): "Timestamp(Microsecond, None)",
        pa.bool_(): "Boolean",
    }
    return names[data_type]
