"""What a source knows of its own tables: for planning only, never part of an answer.

All numbers are estimates, as old as the source's own statistics. None means "not known"; a planner
must do without any of them.
"""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class ColumnStatistics:
    """One column: `distinct` values, `null_share` (0 to 1), bounds and mean `width` in bytes.

    `least` and `greatest` are Python values of the column's Arrow type (int, float, Decimal, date,
    datetime, str).
    """

    distinct: float | None = None
    null_share: float | None = None
    least: object = None
    greatest: object = None
    width: float | None = None


@dataclass(frozen=True, slots=True)
class TableStatistics:
    """One table. `unique` are sets of columns no two rows share (primary key first).

    `unique` must be declared and enforced by the source, not guessed: joins are reordered by it.
    `indexes` are the columns of each index, leading column first.
    """

    rows: float | None = None
    columns: Mapping[str, ColumnStatistics] = field(default_factory=dict)
    unique: tuple[tuple[str, ...], ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()

    def column(self, name: str) -> ColumnStatistics:
        """What is known of a column, maybe nothing."""
        return self.columns.get(name, NOTHING)


NOTHING = ColumnStatistics()
UNKNOWN = TableStatistics()


def value_of(text: object) -> object:
    """A value that a source's catalogue keeps as text: int, Decimal, date, datetime, or the text.

    None for what is not known.
    """
    if not isinstance(text, str):
        return None
    for read in (int, decimal.Decimal, dt.date.fromisoformat, dt.datetime.fromisoformat):
        try:
            value = read(text)
        except (ValueError, decimal.InvalidOperation):
            continue
        if isinstance(value, decimal.Decimal) and not value.is_finite():
            return None
        return value
    return text


@runtime_checkable
class ProvidesStatistics(Protocol):
    """A source that can say how its tables look, from what it keeps anyway: nothing is scanned."""

    def statistics(self, object_name: str) -> TableStatistics:
        """What the source knows now. Raises SourceError."""
        ...
