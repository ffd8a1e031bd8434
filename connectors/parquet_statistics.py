"""What the footers of Parquet files say: rows, bounds and NULLs, without reading a value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow.parquet as pq

from connectors.statistics import ColumnStatistics, TableStatistics

FOOTERS = 64
"""So many footers are read; the rest of a larger set is taken to be like them."""


def statistics(paths: list[str], filesystem: Any) -> TableStatistics:
    """The statistics of all files together. Raises pyarrow's own errors, OSError."""
    looked_at = paths[:FOOTERS]
    share = len(paths) / max(len(looked_at), 1)
    rows = 0
    gathered: dict[str, list[Any]] = {}
    for path in looked_at:
        footer = pq.read_metadata(path, filesystem=filesystem)
        rows += footer.num_rows
        for group in (footer.row_group(i) for i in range(footer.num_row_groups)):
            for chunk in (group.column(i) for i in range(group.num_columns)):
                if "." in chunk.path_in_schema:
                    continue  # a part of a nested value
                gathered.setdefault(chunk.path_in_schema, []).append(chunk.statistics)
    columns = {
        name: _column(found, rows, whole=len(looked_at) == len(paths))
        for name, found in gathered.items()
    }
    return TableStatistics(rows * share, columns)


def _column(found: list[Any], rows: int, *, whole: bool) -> ColumnStatistics:
    nulls = [s.null_count for s in found if s is not None and s.has_null_count]
    null_share = sum(nulls) / rows if rows and len(nulls) == len(found) else None
    bounded = [s for s in found if s is not None and s.has_min_max]
    least, greatest = None, None
    if whole and bounded and len(bounded) == len(found):
        least, greatest = _ends(s.min for s in bounded), _ends((s.max for s in bounded), last=True)
    return ColumnStatistics(None, null_share, least, greatest)


def _ends(values: Iterable[Any], *, last: bool = False) -> object:
    try:
        known = list(values)
    except (OverflowError, ValueError):  # a day or a moment that Python has no word for
        return None
    kinds = {type(value) for value in known}
    if len(kinds) != 1 or kinds & {str, bytes, bool}:
        return None
    return max(known) if last else min(known)
