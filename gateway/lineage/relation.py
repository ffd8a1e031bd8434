"""Relations as lineage sees them: columns, each with its uses, and what decides on the rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sqlglot import exp

from gateway.lineage import uses
from gateway.lineage.uses import NOTHING, Uses

Name: TypeAlias = tuple[str, ...]
"""A dataset as a query names it: one to three parts."""


class Untold(Exception):
    """The lineage of a query can not be told exactly; the reason is for the log."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A dataset that lives in a source, as the reader of a query sees it.

    `columns` are those its reader sees. `masked` are those seen through a mask, `filters` those
    that the row filters of its policies look at, seen or not.
    """

    address: str
    columns: Sequence[str]
    masked: frozenset[str] = frozenset()
    filters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Defined:
    """A dataset that is a query over others: a view, with its own masks and row filters.

    `given` are all columns of its query, in order, of which `columns` are seen. `names` leads from
    the names in the `tree` to those of what is read.
    """

    address: str
    columns: Sequence[str]
    given: Sequence[str]
    tree: exp.Expr
    names: Mapping[Name, Name]
    masked: frozenset[str] = frozenset()
    filters: tuple[str, ...] = ()


Read: TypeAlias = Mapping[Name, Stored | Defined]
"""Everything a query reads, also below views, by the names it has there."""


class Relation:
    """Rows of something: `names` of its columns ("" for one without), and what decides on rows.

    Uses of columns are looked for when they are asked for: a column that nobody uses has none.
    Of an `unknown` relation not even the names are known, but the uses of whatever it has.
    """

    __slots__ = ("_column", "_known", "names", "unknown", "whole")

    def __init__(
        self,
        names: Sequence[str],
        column: Callable[[int], Uses],
        whole: Uses = NOTHING,
        *,
        unknown: bool = False,
    ) -> None:
        self.names = names
        self.whole = whole
        self.unknown = unknown
        self._column = column
        self._known: dict[int, Uses] = {}

    def column(self, position: int) -> Uses:
        """The uses of one column."""
        found = self._known.get(position)
        if found is None:
            found = self._known[position] = self._column(position)
        return found

    def all(self) -> Uses:
        """The uses of all columns."""
        return uses.union(self.column(i) for i in range(len(self.names)))

    def called(self, names: Sequence[str]) -> Relation:
        """The relation with its first columns called so."""
        if not names:
            return self
        if len(names) > len(self.names):
            raise Untold("an alias has more columns than there are")
        called = [*names, *self.names[len(names) :]]
        return Relation(called, self.column, self.whole, unknown=self.unknown)


def stored(dataset: Stored) -> Relation:
    """The rows of a dataset as its reader sees them."""
    names, address, masked = dataset.columns, dataset.address, dataset.masked

    def column(position: int) -> Uses:
        name = names[position]
        return uses.column(address, name, masking=name in masked)

    whole = NOTHING
    if dataset.filters:
        whole = uses.by_policy(uses.union(uses.column(address, n) for n in dataset.filters))
    return Relation(names, column, whole)


def defined(view: Defined, body: Relation) -> Relation:
    """The rows of a view as its reader sees them, from those its query gives."""
    if len(body.names) != len(view.given):
        raise Untold(f"the query of {view.address} has other columns than it declares")
    places = {name: i for i, name in enumerate(view.given)}
    names = view.columns

    def column(position: int) -> Uses:
        found = body.column(places[names[position]])
        return uses.masked(found) if names[position] in view.masked else found

    filtering = uses.union(body.column(places[name]) for name in view.filters)
    return Relation(names, column, body.whole | uses.by_policy(filtering))
