"""What a Delta log says of its files: which values each can hold, and how the table looks.

A guarantee is only made of statistics that are exact or have a known error. Floats are left out
(NaN is in no bound, and greater than every number to the engine), decimals too (the log writes them
as floating numbers); timestamps are written in whole milliseconds, and text may have been cut.
"""

from __future__ import annotations

import datetime as dt
import operator
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connectors.statistics import ColumnStatistics, TableStatistics

_UNCUT = 31
"""Text up to this many characters has been cut by no writer of logs."""

_MILLISECOND = dt.timedelta(milliseconds=1)


def file_guarantee(
    row: Mapping[str, Any], schema: pa.Schema, partitions: Sequence[str]
) -> pc.Expression:
    """What is true of every row of a file, from its entry in the log."""
    known: list[pc.Expression] = []
    for name in partitions:
        value = row.get(f"partition.{name}")
        field, data_type = pc.field(name), schema.field(name).type
        same = field.is_null() if value is None else field == pa.scalar(value, data_type)
        known.append(same)
    for field in schema:
        if field.name not in partitions:
            known += _bounds(row, field)
    return reduce(operator.and_, known) if known else pc.scalar(True)


def _bounds(row: Mapping[str, Any], field: pa.Field) -> list[pc.Expression]:
    low, high = bounds(row.get(f"min.{field.name}"), row.get(f"max.{field.name}"), field.type)
    column = pc.field(field.name)
    found = []
    if low is not None:
        found.append((column >= pa.scalar(low, field.type)) | column.is_null())
    if high is not None:
        found.append((column <= pa.scalar(high, field.type)) | column.is_null())
    return found


def bounds(low: Any, high: Any, data_type: pa.DataType) -> tuple[Any, Any]:
    """The least and greatest value a column can have by its entry in the log; None: not known."""
    t = pa.types
    if t.is_integer(data_type) or t.is_date(data_type):
        return low, high
    if t.is_timestamp(data_type):
        try:
            return low, None if high is None else high + _MILLISECOND
        except OverflowError:
            return low, None
    if t.is_string(data_type):
        return tuple(v if v is not None and len(v) <= _UNCUT else None for v in (low, high))  # type: ignore[return-value]
    return None, None


def table_statistics(files: pa.Table, schema: pa.Schema) -> TableStatistics:
    """The whole table's statistics from its files' entries."""
    counts = files.column("num_records").to_pylist() if "num_records" in files.column_names else []
    if not counts or None in counts:
        return TableStatistics(0.0 if files.num_rows == 0 else None)
    rows = float(sum(counts))
    columns = {f.name: _column(files, f, rows) for f in schema}
    return TableStatistics(rows, {n: c for n, c in columns.items() if c != ColumnStatistics()})


def _column(files: pa.Table, field: pa.Field, rows: float) -> ColumnStatistics:
    name = field.name
    if f"partition.{name}" in files.column_names:
        values = files.column(f"partition.{name}").to_pylist()
        known = [v for v in values if v is not None]
        counts = files.column("num_records").to_pylist()
        absent = sum(c for c, v in zip(counts, values, strict=True) if v is None)
        share = absent / rows if rows else None
        if not known:
            return ColumnStatistics(null_share=share)
        return ColumnStatistics(float(len(set(known))), share, min(known), max(known))
    nulls = _all(files, f"null_count.{name}")
    share = sum(nulls) / rows if nulls and rows else None
    lows, highs = _all(files, f"min.{name}"), _all(files, f"max.{name}")
    if not lows or not highs or pa.types.is_boolean(field.type):
        return ColumnStatistics(null_share=share)
    return ColumnStatistics(null_share=share, least=min(lows), greatest=max(highs))


def _all(files: pa.Table, name: str) -> list[Any]:
    """The column's values, or nothing where some file has none."""
    values = files.column(name).to_pylist() if name in files.column_names else [None]
    return [] if None in values else values
