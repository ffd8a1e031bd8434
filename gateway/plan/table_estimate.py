"""What is estimated of a table, by what its source has said and its reader may know."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence

import pyarrow as pa

from connectors.statistics import ColumnStatistics
from gateway.plan.relation_estimate import (
    DEFAULT_ROWS,
    DEFAULT_SHARE_OF_DISTINCT,
    TEXT_WIDTH,
    ColumnEstimate,
    Estimate,
    Origin,
)
from gateway.plan.source import Table, TableName

_UNREAD = ColumnEstimate(1.0)
"""In the place of a column that its reader has no need of."""


def table_estimate(
    name: TableName,
    table: Table | None,
    names: Sequence[str],
    types: Sequence[pa.DataType | None],
) -> Estimate:
    """The estimate of a table; of columns without a type nothing is found out."""
    if table is None:
        return Estimate(DEFAULT_ROWS, tuple(unknown_column(t, DEFAULT_ROWS) for t in types))
    statistics = table.statistics
    rows = DEFAULT_ROWS if statistics.rows is None else max(statistics.rows, 1.0)
    if table.security.hides_rows:
        # Not even how large it is: a plan that depends on it is shown by EXPLAIN, and who adds
        # rows until it turns into another one has counted the hidden ones.
        return Estimate(DEFAULT_ROWS, tuple(unknown_column(t, DEFAULT_ROWS) for t in types))
    if table.security.governs or table.security.bound:
        # of values that are hidden nothing, of a reader who may know more of rows the magnitude
        rows = 10.0 ** round(math.log10(rows))
        return Estimate(rows, tuple(unknown_column(t, rows) for t in types))
    columns = tuple(
        _known(statistics.column(name), data_type, rows)
        for name, data_type in zip(names, types, strict=True)
    )
    unique = set()
    positions = {name: i for i, name in enumerate(names)}
    for key in statistics.unique:
        if positions.keys() >= set(key):
            unique.add(frozenset(positions[name] for name in key))
    single = {next(iter(key)) for key in unique if len(key) == 1}
    columns = tuple(
        column if column is _UNREAD else _of_table(column, Origin(name, names[i], values))
        for i, column in enumerate(columns)
        for values in (rows if i in single else None,)
    )
    return Estimate(rows, columns, frozenset(unique))


def _known(
    statistics: ColumnStatistics, data_type: pa.DataType | None, rows: float
) -> ColumnEstimate:
    if data_type is None:
        return _UNREAD
    unknown = unknown_column(data_type, rows)
    span = _span(statistics.least, statistics.greatest)
    told = rows if span is not None else unknown.distinct
    distinct = min(told if statistics.distinct is None else statistics.distinct, span or rows)
    return ColumnEstimate(
        max(1.0, min(distinct, rows)),
        unknown.width if statistics.width is None else statistics.width,
        statistics.null_share or 0.0,
        statistics.least,
        statistics.greatest,
        statistics.distinct is None and span is None and unknown.guessed,
    )


def _of_table(column: ColumnEstimate, origin: Origin) -> ColumnEstimate:
    """The column with where it comes from; that of a key has as many values as there are rows."""
    values = origin.values
    return ColumnEstimate(
        column.distinct if values is None else values,
        column.width,
        column.null_share,
        column.least,
        column.greatest,
        column.guessed and values is None,
        origin,
    )


def _span(least: object, greatest: object) -> float | None:
    """How many whole numbers or days there are between two: no column has more values."""
    if isinstance(least, int) and isinstance(greatest, int):
        return float(greatest - least + 1)
    if type(least) is dt.date and type(greatest) is dt.date:
        return float((greatest - least).days + 1)
    return None


def unknown_column(data_type: pa.DataType | None, rows: float) -> ColumnEstimate:
    """A column of so many rows of which only the type is known, or that is not read."""
    if data_type is None:
        return _UNREAD
    distinct = max(1.0, rows * DEFAULT_SHARE_OF_DISTINCT)
    if pa.types.is_boolean(data_type):
        return ColumnEstimate(min(2.0, distinct), 1.0)
    try:
        return ColumnEstimate(distinct, data_type.bit_width / 8, guessed=True)
    except ValueError:  # of variable width
        return ColumnEstimate(distinct, TEXT_WIDTH, guessed=True)
