"""What is expected of a relation's output: rows, and of each column values, bytes and bounds."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from decimal import Decimal

DEFAULT_WIDTH = 8.0
"""Bytes of a value of which nothing is known."""

UNKNOWN_SHARE = 0.1
"""Different values among the rows of a column nothing is known of (Selinger 1979)."""

_DAY = dt.date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class ColumnEstimate:
    """One output column: how many different values, and how many bytes a value takes.

    `known` is false where `distinct` is but a default. `least` and `greatest` are bounds on a
    number line (see `position`), or None.
    """

    distinct: float
    width: float = DEFAULT_WIDTH
    null_share: float = 0.0
    known: bool = True
    least: float | None = None
    greatest: float | None = None

    def within(self, rows: float) -> ColumnEstimate:
        """The column of a relation with so few rows: no more values than rows."""
        return self if self.distinct <= rows else replace(self, distinct=max(rows, 1.0))

    def thinned(self, before: float, after: float) -> ColumnEstimate:
        """The column after some of its rows were taken away by chance (Cardenas 1975)."""
        if after >= before or before <= 0:
            return self
        each = before / max(self.distinct, 1.0)
        left = self.distinct * (1.0 - (1.0 - after / before) ** each)
        return replace(self, distinct=max(min(left, after), 1.0))


@dataclass(frozen=True, slots=True)
class Estimate:
    """One relation's output. `unique` are sets of output positions that identify a row.

    `unique` follows from declared keys and the relations' meaning, never from numbers; the empty
    set says that there is at most one row.
    """

    rows: float
    columns: tuple[ColumnEstimate, ...]
    unique: frozenset[frozenset[int]] = frozenset()

    @property
    def bytes(self) -> float:
        """What the rows take when they travel."""
        return self.rows * sum(column.width for column in self.columns)

    def column(self, position: int) -> ColumnEstimate:
        """One column, maybe one nothing is known of."""
        if position < len(self.columns):
            return self.columns[position]
        return unknown_column(self.rows)

    def identified_by(self, positions: frozenset[int] | set[int]) -> bool:
        """True when no two rows agree in all of these columns."""
        return any(key <= positions for key in self.unique)


def unknown_column(rows: float, width: float = DEFAULT_WIDTH) -> ColumnEstimate:
    """A column of which no statistics are known."""
    return ColumnEstimate(max(rows * UNKNOWN_SHARE, 1.0), width, known=False)


def position(value: object) -> float | None:
    """A value's place on a number line, for interpolation: days for dates; None for the others."""
    match value:
        case bool() | int() | float() | Decimal():
            return float(value)
        case dt.datetime():
            seconds = value.hour * 3600 + value.minute * 60 + value.second
            return value.toordinal() - _DAY + seconds / 86_400
        case dt.date():
            return float(value.toordinal() - _DAY)
    return None
