"""How columns of datasets are used: the small algebra that every language's lineage is made with.

A value is derived from other values, and decided on by others: both are sets of uses. A use
knows the column of a dataset that it began with, and how that was used since.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from gateway.lineage.model import Input, Subtype

IDENTITY, TRANSFORMATION, AGGREGATION, WINDOW, CONDITIONAL, JOIN, GROUP_BY, FILTER, SORT = range(9)
"""How a column is used: the first three directly, the next two to decide on single values, the
others to decide on rows. Plain numbers, for there are many and they are hashed often."""

_SUBTYPES = (
    *(Subtype.IDENTITY, Subtype.TRANSFORMATION, Subtype.AGGREGATION),
    *(Subtype.WINDOW, Subtype.CONDITIONAL),
    *(Subtype.JOIN, Subtype.GROUP_BY, Subtype.FILTER, Subtype.SORT),
)

Use: TypeAlias = tuple[str, str, int, bool, bool]
"""The address of a dataset, a column of it, how it is used, whether a mask is between, and whether
it was a policy that used it."""

Uses: TypeAlias = frozenset[Use]

NOTHING: Uses = frozenset()


def column(dataset: str, name: str, *, masking: bool = False) -> Uses:
    """A column as its reader sees it."""
    how = TRANSFORMATION if masking else IDENTITY
    return frozenset(((dataset, name, how, masking, False),))


def union(several: Iterable[Uses]) -> Uses:
    """All of them."""
    return NOTHING.union(*several)


def changed(uses: Uses, how: int = TRANSFORMATION) -> Uses:
    """Uses of a value that something was computed from: directly, that is at least `how`."""
    if all(use[2] >= how for use in uses):
        return uses
    return frozenset((d, c, max(h, how), m, p) for d, c, h, m, p in uses)


def deciding(uses: Uses, how: int) -> Uses:
    """Uses of a value that only decides on others: as `how` says.

    What has decided on the rows of a sub-query behind it is still that: a join, a filter.
    """
    return frozenset((d, c, how if h < JOIN else h, m, p) for d, c, h, m, p in uses)


def masked(uses: Uses) -> Uses:
    """Uses of a value that is seen through a mask."""
    return frozenset((d, c, max(h, TRANSFORMATION), True, p) for d, c, h, _, p in uses)


def by_policy(uses: Uses) -> Uses:
    """Uses of the values that a row filter decides with."""
    return frozenset((d, c, FILTER, m, True) for d, c, _, m, _ in uses)


def inputs(uses: Uses) -> tuple[Input, ...]:
    """The inputs they are, sorted."""
    return tuple(sorted(Input(d, c, _SUBTYPES[h], m, p) for d, c, h, m, p in uses))
