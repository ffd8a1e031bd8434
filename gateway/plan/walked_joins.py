"""Joins that a source can only do by walking through all rows of the larger side.

A source that joins slowly looks up the partner of each row by an index. Without one on the larger
side it starts there, and looks up as many partners as that side has rows, however few of the other
side's rows are wanted. Apart, the rows of the smaller side come first, and the larger side is asked
for those that have their keys: it is read through once, and nothing is looked up.

    supplier (10,000 rows, 400 of them wanted) ⋈ partsupp (800,000 rows, no index on ps_suppkey)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from substrait.proto import Rel

from gateway.plan import relations
from gateway.plan.estimates import Estimator
from gateway.plan.relation_estimate import ColumnEstimate
from gateway.plan.source import Tables

MANY_ROWS = 50_000.0
"""Partners that are looked up in a moment."""

MOST_KEYS = 50_000.0
"""Rows of a smaller side whose keys can be told to the source."""

GROUPED_SHARE = 0.25
"""A join that is grouped in its source is taken apart if at most so many of the walked rows stay:
these have to come before they can be grouped."""


@dataclass(frozen=True, slots=True)
class WalkedJoin:
    """Rows of the side that is walked through, of the other one, and of what comes of them."""

    walked: float
    other: float
    joined: float

    def is_dearer_than_keys(self, *, grouped: bool) -> bool:
        """True when both sides are better fetched apart; `grouped` if the source groups above."""
        if self.walked <= MANY_ROWS:
            return False
        if grouped:
            return self.other <= MOST_KEYS and self.joined <= GROUPED_SHARE * self.walked
        return self.other <= MOST_KEYS or self.joined >= self.walked

    @property
    def reason(self) -> str:
        """For EXPLAIN."""
        return "pulled: the source joins slowly, and has no index on the larger side of a join"

    @property
    def numbers(self) -> str:
        """For EXPLAIN, where it may tell how large tables are."""
        return f"{self.walked:.0f} rows looked up in {self.other:.0f}"


def walked_join(rel: Rel, estimator: Estimator, tables: Tables) -> WalkedJoin | None:
    """The largest such join below what only filters, computes and groups; None without any."""
    found = [join for join in _joins(rel) if _walks(join, estimator, tables)]
    sizes = [_sizes(join, estimator) for join in found]
    return max(sizes, key=lambda size: size.walked, default=None)


def _joins(rel: Rel) -> Iterator[Rel]:
    """The inner and semi joins of a relation, without those in sub-queries."""
    if relations.kind(rel) == "join" and relations.join_type(rel) in _ONE_BY_ONE:
        yield rel
    for child in relations.inputs(rel):
        yield from _joins(child)


_ONE_BY_ONE = frozenset({"INNER", "LEFT_SEMI", "RIGHT_SEMI"})


def _walks(join: Rel, estimator: Estimator, tables: Tables) -> bool:
    pairs = estimator.equated(join)
    if not pairs:
        return False
    left, right = relations.inputs(join)
    on_left = estimator.of(left).rows > estimator.of(right).rows
    if not _is_table(left if on_left else right):
        return False  # of rows that are joined already the source knows which it needs
    larger = [one if on_left else other for one, other in pairs]
    return not any(_leads_an_index(column, tables) for column in larger)


def _is_table(rel: Rel) -> bool:
    while relations.kind(rel) in {"filter", "project"}:
        rel = relations.inputs(rel)[0]
    return relations.kind(rel) == "read"


def _leads_an_index(column: ColumnEstimate, tables: Tables) -> bool:
    origin = column.origin
    table = None if origin is None else tables.get(origin.table)
    if origin is None or table is None:
        return True
    indexes = (*table.statistics.indexes, *table.statistics.unique)
    return any(index[0] == origin.column for index in indexes if index)


def _sizes(join: Rel, estimator: Estimator) -> WalkedJoin:
    sides = sorted(estimator.of(child).rows for child in relations.inputs(join))
    return WalkedJoin(sides[1], sides[0], estimator.of(join).rows)
