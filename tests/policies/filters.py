"""Random row filters, and a table of the most extreme values of every type."""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Any

import pyarrow as pa
from hypothesis import strategies as some

_WIDE = Context(prec=100)
INTEGERS = ("i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64")


def _integers(data_type: pa.DataType) -> pa.Array:
    low = 0 if pa.types.is_unsigned_integer(data_type) else -(2 ** (data_type.bit_width - 1))
    high = low + 2**data_type.bit_width - 1
    return pa.array([low, high, 0, 1, 2, None], data_type)


def _floats(data_type: pa.DataType) -> pa.Array:
    return pa.array([float("nan"), float("inf"), float("-inf"), 0.5, -0.0, None], data_type)


def _decimals(data_type: pa.DataType) -> pa.Array:
    top = Decimal("9" * data_type.precision).scaleb(-data_type.scale, context=_WIDE)
    least = Decimal(1).scaleb(-data_type.scale, context=_WIDE)
    return pa.array([top, top.copy_negate(), least, Decimal(0), least, None], data_type)


def _times(data_type: pa.DataType) -> pa.Array:
    return pa.array([-(2**63), 2**63 - 1, 0, 1, -1, None], data_type)


EXTREMES = pa.table(
    {
        **{
            name: _integers(getattr(pa, name.replace("i", "int").replace("u", "uint"))())
            for name in INTEGERS
        },
        "f16": _floats(pa.float16()),
        "f32": _floats(pa.float32()),
        "f64": _floats(pa.float64()),
        "money": _decimals(pa.decimal128(15, 2)),
        "whole": _decimals(pa.decimal128(38, 0)),
        "share": _decimals(pa.decimal128(38, 38)),
        "wide": _decimals(pa.decimal256(76, 10)),
        "small": _decimals(pa.decimal32(9, 2)),
        "flag": pa.array([True, False, True, False, None, None]),
        "day": pa.array([-(2**31), 2**31 - 1, 0, 1, 2, None], pa.date32()),
        "day64": pa.array([-86_400_000 * 2**35, 0, 1, 2, 3, None], pa.date64()),
        "at_s": _times(pa.timestamp("s")),
        "at_ms": _times(pa.timestamp("ms")),
        "at": _times(pa.timestamp("us")),
        "at_ns": _times(pa.timestamp("ns")),
        "zoned": _times(pa.timestamp("us", "UTC")),
        "berlin": _times(pa.timestamp("us", "Europe/Berlin")),
        "text": pa.array(["", "EU", "%", "\\", "\U0010ffff'", None]),
        "long": pa.array(["", "EU", "_", "a\nb", "é", None], pa.large_string()),
        "bytes": pa.array([b"", b"\x00", b"\xff", b"a", b"b", None]),
        "clock": pa.array([0, 1, 2, 3, 4, None], pa.time64("us")),
        "list": pa.array([[], [1], [None], None, [2], None], pa.list_(pa.int64())),
    }
)
"""Six rows; the last one is NULL all over."""

COLUMNS = {field.name: field.type for field in EXTREMES.schema}

_COMPARED = ("=", "<>", "!=", "<", "<=", ">", ">=")


def _constants(data_type: pa.DataType) -> some.SearchStrategy[str]:
    t = pa.types
    if t.is_boolean(data_type):
        return some.sampled_from(["TRUE", "false"])
    if t.is_integer(data_type):
        low = 0 if t.is_unsigned_integer(data_type) else -(2 ** (data_type.bit_width - 1))
        return some.integers(low, low + 2**data_type.bit_width - 1).map(str)
    if t.is_floating(data_type):
        whole = some.integers(-2048, 2048).map(str)
        return whole | some.decimals(-1000, 1000, places=4).map("{:f}".format)
    if t.is_decimal(data_type):
        high = 10 ** min(data_type.precision, 38) - 1
        return some.integers(-high, high).map(
            lambda n: f"{Decimal(n).scaleb(-data_type.scale, context=_WIDE):f}"
        )
    if t.is_date(data_type):
        return some.dates().map(lambda day: f"DATE '{day.isoformat()}'")
    if t.is_timestamp(data_type):
        kind, end = ("TIMESTAMPTZ", "+05:30") if data_type.tz else ("TIMESTAMP", "")
        return some.datetimes().map(
            lambda at: f"{kind} '{at.replace(microsecond=0).isoformat(' ')}{end}'"
        )
    texts = some.text(some.characters(exclude_categories=["Cs"]), max_size=5)
    return texts.map(lambda text: "'" + text.replace("'", "''") + "'")


_ANY = some.sampled_from([*COLUMNS]).filter(lambda n: n not in {"bytes", "clock", "list"})


@some.composite
def conditions(draw: Any) -> str:
    """One comparison of a column with constants or a column of its kind."""
    name = draw(_ANY)
    constant = _constants(COLUMNS[name])
    negated = draw(some.sampled_from(["", "NOT "]))
    match draw(some.integers(0, 6)):
        case 0:
            return f"{name} IS {negated}NULL"
        case 1:
            options = draw(some.lists(constant, min_size=1, max_size=4))
            return f"{name} {negated}IN ({', '.join(options)})"
        case 2 if name != "flag":
            return f"{name} {negated}BETWEEN {draw(constant)} AND {draw(constant)}"
        case 3 if name in {"text", "long"}:
            pattern = draw(some.text("%_aE'U", max_size=5)).replace("'", "''")
            return f"{name} {negated}LIKE '{pattern}'"
        case 4 if name in INTEGERS:
            return (
                f"{name} {draw(some.sampled_from(_COMPARED))} {draw(some.sampled_from(INTEGERS))}"
            )
        case 5 if name == "flag":
            return draw(some.sampled_from(["flag", "TRUE", f"flag IS {negated}TRUE", "FALSE"]))
    signs = ("=", "<>") if name == "flag" else _COMPARED
    sides = [name, draw(constant)]
    if draw(some.booleans()):
        sides.reverse()
    return f" {draw(some.sampled_from(signs))} ".join(sides)


FILTERS: some.SearchStrategy[str] = some.recursive(
    conditions(),
    lambda inner: some.one_of(
        some.tuples(inner, inner).map(" AND ".join),
        some.tuples(inner, inner).map(" OR ".join),
        inner.map(lambda text: f"NOT ({text})"),
        inner.map(lambda text: f"({text}) IS NOT FALSE"),
        inner.map(lambda text: f"({text})"),
    ),
    max_leaves=6,
)
"""Filters that `parse_row_filter` should accept over COLUMNS."""

WORDS = some.sampled_from(
    [
        *("text", "i64", "money", "flag", "at", "day", '"text"', "nothing", "LIST", "bytes"),
        *("AND", "OR", "NOT", "(", ")", "IN", "BETWEEN", "LIKE", "IS", "NULL", "TRUE", "FALSE"),
        *("=", "<>", "<", ">=", "!=", "==", "<=>", "+", "-", "*", "/", "||", "::", ".", ",", ";"),
        *("'EU'", "'%'", "''", "1", "0", "1.5", "1e5", "-1", "99999999999999999999", "$1", "?"),
        *(":region", ":user", ": region", ":nobody", "DATE", "TIMESTAMP", "'2024-01-01'"),
        *("CAST", "lower", "SELECT", "CASE", "--x", "/*x*/", "$$a$$", "E'a'", "INTERVAL", "\n"),
    ]
)
SOUP = some.lists(WORDS, max_size=12).map(" ".join) | some.text(max_size=30)
"""Anything at all; now and then it is a filter."""
