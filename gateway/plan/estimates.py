"""How many rows and values a relation of a plan will have: to choose between plans, never exact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from substrait.proto import Rel

from gateway.plan.source import Tables

DEFAULT_ROWS = 100_000.0
"""Rows of a table nothing is known of."""


@dataclass(frozen=True, slots=True)
class ColumnEstimate:
    """One output column: how many different values, and how many bytes a value takes."""

    distinct: float
    width: float = 8.0
    null_share: float = 0.0


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


class Estimator:
    """Estimates of one plan's relations. Asked again for a relation, it answers from memory."""

    def __init__(self, tables: Tables, functions: Mapping[int, str]) -> None:
        self._tables = tables
        self._functions = functions

    def of(self, rel: Rel) -> Estimate:
        """The estimate for a relation with every filter below it taken into account."""
        raise NotImplementedError
