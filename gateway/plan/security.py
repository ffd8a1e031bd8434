"""What the policies ask of one dataset, as the planner carries it: a row filter, masks, a barrier.

A table is secured where it is read, below everything the caller wrote: in the fragment's SQL for
a source that speaks SQL, in a view over the files for what the engine reads itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

import pyarrow as pa
from sqlglot import exp

from policies.masks import Mask


class Barrier(Enum):
    """What stands between a row filter and the caller's expressions.

    An engine may evaluate conditions in any order, and a condition that fails on a hidden row
    tells that the row is there.

    * PLAIN: filter and expressions side by side; every expression over the dataset is total.
    * CASE: what a hidden row has in some columns is NULL before any expression sees it; the
      expressions over these columns may fail, but never on NULL.
    * FENCE: the filter is computed first, whatever it costs; for all other expressions.
    """

    PLAIN = "plain"
    CASE = "case"
    FENCE = "fence"


FENCE_ROWS = 2**63 - 1
"""A limit no table reaches: neither the engine nor a source moves a condition below a limit."""


@dataclass(frozen=True, slots=True)
class Security:
    """The obligations of one caller over one dataset.

    `row_filter` is a total condition over `raw`, the dataset's whole schema, its attributes bound;
    `masks` are effective for their columns' types; `key` is the product's, for keyed hashes.
    `guarded` are the columns the CASE barrier stands around. `minimum_rows` is set when the
    caller may only have aggregates over so many rows, and `rows_may_come` is whether the gateway
    itself may have the rows. `discloses` is whether the caller may read
    the policies' own text in an EXPLAIN.
    """

    raw: pa.Schema
    row_filter: exp.Expr | None = None
    masks: Mapping[str, Mask] = field(default_factory=dict)
    key: bytes = field(default=b"", repr=False)
    barrier: Barrier = Barrier.PLAIN
    guarded: frozenset[str] = frozenset()
    minimum_rows: int | None = None
    rows_may_come: bool = True
    discloses: bool = False
    _fingerprint: list[str] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def governs(self) -> bool:
        """True when rows or values differ from those of the dataset itself."""
        return self.row_filter is not None or bool(self.masks)

    @property
    def hides_rows(self) -> bool:
        """True when how many rows there are is more than the caller may know."""
        return (self.row_filter is not None or self.bound) and not self.discloses

    @property
    def hides(self) -> bool:
        """True when what a source knows of the dataset is more than the caller may observe."""
        return (self.governs or self.bound) and not self.discloses

    @property
    def bound(self) -> bool:
        """True when rows may not leave their region, but aggregates over enough of them."""
        return self.minimum_rows is not None

    def guards(self, column: str) -> bool:
        """True when the column is NULL in hidden rows, behind the CASE barrier."""
        return self.barrier is Barrier.CASE and column in self.guarded

    @property
    def fingerprint(self) -> str:
        """Equal for two securities under which every query has the same answer and EXPLAIN.

        Every request asks, so it is computed once; a `replace` of the security begins anew.
        """
        if not self._fingerprint:
            self._fingerprint.append(self._computed_fingerprint())
        return self._fingerprint[0]

    def _computed_fingerprint(self) -> str:
        text = "\0".join(
            (
                self.row_filter.sql("postgres") if self.row_filter is not None else "",
                *(f"{column}={mask}" for column, mask in sorted(self.masks.items())),
                f"{self.minimum_rows} {self.rows_may_come}",
                str(self.discloses),
                hashlib.sha256(self.key).hexdigest() if self.masks else "",
            )
        )
        return hashlib.sha256(text.encode()).hexdigest()
