"""When two answers are the same: by value, exactly, except where exactness is not defined."""

from __future__ import annotations

import datetime as dt
import decimal
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

RELATIVE = 1e-9
"""Sums of doubles depend on their order; beyond this they are different."""

Row = tuple[object, ...]


def difference(answer: pa.Table, expected: pa.Table, *, ordered: bool) -> str | None:
    """None when the rows are the same, else a sentence about the first difference.

    Columns are compared by position. Without `ordered` the rows are a multiset. Integers,
    decimals, text, dates and times are compared exactly; a double on either side allows for
    `RELATIVE`, and for one unit of the last digit of a decimal on the other side.
    """
    if answer.num_columns != expected.num_columns:
        return f"{answer.num_columns} columns, expected {expected.num_columns}"
    if answer.num_rows != expected.num_rows:
        return f"{answer.num_rows} rows, expected {expected.num_rows}" + _missing(answer, expected)
    units = [_unit(a.type, e.type) for a, e in zip(answer.schema, expected.schema, strict=True)]
    left, right = rows(answer), rows(expected)
    if not ordered:
        rough = [
            pa.types.is_floating(a.type) or pa.types.is_floating(e.type)
            for a, e in zip(answer.schema, expected.schema, strict=True)
        ]
        left, right = _order(left, rough), _order(right, rough)
    for number, (mine, theirs) in enumerate(zip(left, right, strict=True)):
        if not all(map(_same, mine, theirs, units)):
            return f"row {number}: {mine!r}, expected {theirs!r}"
    return None


def rows(table: pa.Table) -> list[Row]:
    """The rows as tuples of Python values; a date or time beyond Python's as a whole number."""
    if not table.num_columns:
        return [()] * table.num_rows
    return list(zip(*map(_values, table.columns), strict=True))


def _values(column: pa.ChunkedArray) -> list[object]:
    try:
        return column.to_pylist()  # type: ignore[no-any-return]
    except (OverflowError, ValueError):
        width = column.type.bit_width
        return column.cast(pa.int32() if width == 32 else pa.int64()).to_pylist()  # type: ignore[no-any-return]


def _missing(answer: pa.Table, expected: pa.Table) -> str:
    mine, theirs = (Counter(map(repr, rows(table))) for table in (answer, expected))
    extra, absent = (sorted(left - right)[:3] for left, right in ((mine, theirs), (theirs, mine)))
    return f"; too much: {extra}; missing: {absent}"


def _unit(left: pa.DataType, right: pa.DataType) -> float:
    """The absolute tolerance between a decimal on one side and a double on the other."""
    scales = [t.scale for t in (left, right) if pa.types.is_decimal(t)]
    doubles = any(pa.types.is_floating(t) for t in (left, right))
    return 10.0 ** -scales[0] * 1.000001 if doubles and len(scales) == 1 else 0.0


def _same(left: object, right: object, unit: float) -> bool:
    if left is None or right is None:
        return left is right
    if isinstance(left, bool) != isinstance(right, bool):
        return False
    if isinstance(left, float) or isinstance(right, float):
        return _close(left, right, unit)
    if isinstance(left, list) and isinstance(right, list):
        pairs = zip(left, right, strict=False)
        return len(left) == len(right) and all(_same(a, b, unit) for a, b in pairs)
    if isinstance(left, dt.datetime) != isinstance(right, dt.datetime):
        return False
    return left == right


def _close(left: object, right: object, unit: float) -> bool:
    numbers = (int, float, decimal.Decimal)
    if not isinstance(left, numbers) or not isinstance(right, numbers):
        return False
    a, b = float(left), float(right)
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return a == b or math.isclose(a, b, rel_tol=RELATIVE, abs_tol=unit)


def _order(table: list[Row], rough: Sequence[bool]) -> list[Row]:
    """The rows sorted: by what is compared exactly, then by what is not."""

    def key(row: Row) -> list[Any]:
        exact = [_value_key(v) for v, r in zip(row, rough, strict=True) if not r]
        return [*exact, *(_rough_key(v) for v, r in zip(row, rough, strict=True) if r)]

    return sorted(table, key=key)


def _value_key(value: object) -> Sequence[object]:
    if value is None:
        return (0,)
    if isinstance(value, (bool, int, float, decimal.Decimal)):
        return (1, value)
    return (2, str(value))


def _rough_key(value: object) -> Sequence[object]:
    if not isinstance(value, (int, float, decimal.Decimal)):
        return _value_key(value)
    number = float(value)
    return (1, math.inf, 0) if math.isnan(number) else (1, float(f"{number:.9g}") + 0.0)
