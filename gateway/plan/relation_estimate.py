"""What is estimated of one relation's rows and columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.plan.source import TableName

DEFAULT_ROWS = 100_000.0
"""Rows of a table nothing is known of."""

DEFAULT_SHARE_OF_DISTINCT = 0.1
"""Different values a row of a column nothing is known of."""

TEXT_WIDTH = 24.0
"""Bytes of a text nothing is known of."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The column of a table whose values an output column has.

    `values` is how many the whole table has, where the column identifies its rows.
    """

    table: TableName
    column: str
    values: float | None = None


@dataclass(frozen=True, slots=True)
class ColumnEstimate:
    """One output column: how many different values, the bytes of one, and what bounds them.

    `guessed`: nobody has said how many values there are. `origin` is None for what is computed.
    """

    distinct: float
    width: float = 8.0
    null_share: float = 0.0
    least: object = field(default=None, repr=False)
    greatest: object = field(default=None, repr=False)
    guessed: bool = False
    origin: Origin | None = None

    def beside(self, other: ColumnEstimate) -> float:
        """How many different values there are, if rows are joined where they equal another's.

        Where nothing is known, a column that is compared with a key is taken to refer to it.
        """
        values = None if other.origin is None else other.origin.values
        return self.distinct if not self.guessed or values is None else min(self.distinct, values)


@dataclass(frozen=True, slots=True)
class Estimate:
    """One relation's output. `unique` are sets of output positions that identify a row."""

    rows: float
    columns: tuple[ColumnEstimate, ...]
    unique: frozenset[frozenset[int]] = frozenset()

    @property
    def bytes(self) -> float:
        """What the rows take when they travel."""
        return self.rows * sum(column.width for column in self.columns)


def valued(column: ColumnEstimate, distinct: float) -> ColumnEstimate:
    """The column with another number of values: as `replace`, in a third of the time."""
    return ColumnEstimate(
        distinct,
        column.width,
        column.null_share,
        column.least,
        column.greatest,
        column.guessed,
        column.origin,
    )


def chosen(estimate: Estimate, positions: Sequence[int]) -> Estimate:
    """The estimate of some of the columns, in another order."""
    where: dict[int, int] = {}
    for new, old in enumerate(positions):
        where.setdefault(old, new)
    unique = frozenset(
        frozenset(where[p] for p in key) for key in estimate.unique if key <= where.keys()
    )
    return Estimate(estimate.rows, tuple(estimate.columns[i] for i in positions), unique)


def scaled(estimate: Estimate, rows: float) -> Estimate:
    """The estimate with fewer (or more) rows: no column has more values than there are rows."""
    rows = max(rows, 1.0)
    columns = tuple(c if c.distinct <= rows else valued(c, rows) for c in estimate.columns)
    return Estimate(rows, columns, estimate.unique)
