"""The viewpoint of one request: who asks, and what it may know of the mesh at this moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol

import numpy as np

from gateway.authorisation import ADMIN, DISCOVER, PUBLISH, READ, Access
from gateway.catalogue.catalogue import Catalogue
from gateway.catalogue.search import Search
from gateway.catalogue.versions import choose_version
from gateway.errors import UserError
from gateway.memory.store import Store
from gateway.model import SYSTEM, Address, Artefact, Dataset, Principal
from gateway.notices import Standing
from policies.matching import parse_pattern
from policies.outlook import Outlook

Equal = Mapping[str, object]
"""Columns that the query compares with a constant: rows with other values need not be made."""


class KnownView(Protocol):
    """A view by its address, and how it is: "" while nobody has looked."""

    @property
    def dataset(self) -> str: ...

    @property
    def language(self) -> str: ...

    @property
    def health(self) -> str: ...

    @property
    def reason(self) -> str: ...

    @property
    def stands_on(self) -> tuple[str, ...]: ...


@dataclass
class Viewpoint:
    """What one request may know. `access` has the policies of the instant it was authorised in.

    `store` is the memory of the mesh; a gateway that keeps none has None. `views` are those the
    caller may know of, with what it may know of them.
    """

    principal: Principal
    purpose: str
    access: Access
    catalogue: Catalogue
    standing: Standing
    search: Search
    store: Store | None = None
    views: Callable[[], Sequence[KnownView]] = tuple
    _known: dict[str, Dataset | None] = field(default_factory=dict, repr=False)
    _current: dict[tuple[str, str, str], Address | None] = field(default_factory=dict, repr=False)

    @cached_property
    def outlook(self) -> Outlook:
        """What the caller may do with every dataset of the mesh."""
        return self.access.outlook(self.principal, self.purpose, self.catalogue)

    def datasets(self, equal: Equal) -> Iterator[Dataset]:
        """The datasets the caller may discover, as it sees them, by address.

        Those with another address, domain, product, dataset or version than `equal` are left out.
        """
        wanted = {name: equal[name] for name in _OF_ADDRESS if name in equal}
        for position in np.flatnonzero(self.outlook.discoverable).tolist():
            if wanted and not _fits(self.catalogue.entries[position].address, wanted):
                continue
            dataset = self.at(position)
            if dataset is not None:
                yield dataset

    def at(self, position: int) -> Dataset | None:
        """The dataset at a position of the catalogue as the caller sees it; None: it may not."""
        if not self.outlook.discoverable[position]:
            return None
        dataset = self.catalogue.datasets[position]
        if self.outlook.unchanged[position]:
            return dataset
        seen = self.access.discoverable(self.principal, dataset, self.purpose)
        return None if seen is None else _without_hidden(dataset, seen)

    def known(self, address: str) -> Dataset | None:
        """The dataset at an address with a version, if the caller may discover it."""
        if address not in self._known:
            self._known[address] = self._found(address)
        return self._known[address]

    def _found(self, address: str) -> Dataset | None:
        try:
            position = self._position(Address.parse(address))
        except UserError:
            return None
        return None if position is None else self.at(position)

    def _position(self, address: Address) -> int | None:
        for position in self.catalogue.positions(_names(address)):
            if self.catalogue.entries[position].address == address:
                return position
        return None

    def artefacts(self) -> Iterator[Artefact]:
        """The artefacts the caller may discover, by address."""
        for artefact in self.catalogue.artefacts:
            if self.access.may(self.principal, artefact, DISCOVER, self.purpose):
                yield artefact

    def leads(self, address: Address) -> bool:
        """Whether an address, perhaps without a version or with a column, names what is known."""
        named = replace(address, column=None)
        if address.column is None and any(
            named in (a.address, replace(a.address, version=None)) for a in self.artefacts()
        ):
            return True
        for position in self.catalogue.positions(_names(address)):
            found = self.catalogue.entries[position].address
            dataset = self.at(position) if named in (found, replace(found, version=None)) else None
            if dataset is not None and address.column in (None, *dataset.schema.names):
                return True
        return False

    def is_current(self, dataset: Dataset) -> bool:
        """Whether it is the version that a query without one gets."""
        names = _names(dataset.address)
        if names not in self._current:
            versions = map(self.at, self.catalogue.positions(names))
            chosen = choose_version([d for d in versions if d is not None], None)
            self._current[names] = None if chosen is None else chosen.address
        return self._current[names] == dataset.address

    def is_whole(self, dataset: Dataset) -> bool:
        """Whether the caller sees every column of it."""
        position = self._position(dataset.address)
        if position is None:
            return False
        return bool(self.catalogue.datasets[position].schema.names == dataset.schema.names)

    def successor(self, dataset: Dataset) -> str | None:
        """What is to be read instead of a dataset, if the caller may discover that."""
        return self.named(dataset.deprecation.successor if dataset.deprecation is not None else "")

    def named(self, text: str) -> str | None:
        """An address, perhaps without a version, if the caller may discover what it names."""
        try:
            return text if self.leads(Address.parse(text)) else None
        except UserError:
            return None

    def may_read(self, what: Dataset | Artefact) -> bool:
        """Whether the caller may read rows of a dataset, or open an artefact."""
        if isinstance(what, Artefact):
            return self.access.may(self.principal, what, READ, self.purpose)
        position = self._position(what.address)
        readable = position is not None and bool(self.outlook.readable[position])
        return readable and what.status != "retired"

    def governs(self, dataset: Dataset) -> bool:
        """Whether the caller may see how others use a dataset: it administers it."""
        return self.access.may(self.principal, dataset, ADMIN, self.purpose)

    def makes(self, dataset: Dataset) -> bool:
        """Whether the caller may see what a dataset is made of: it publishes or administers it."""
        return self.governs(dataset) or self.access.may(
            self.principal, dataset, PUBLISH, self.purpose
        )

    def oversees(self, table: Dataset) -> bool:
        """Whether a policy names the system table, and so lets the caller see others' rows of it.

        A policy over all domains does not: whoever wrote it had data in mind.
        """
        decision = self.access.decide(self.principal, table, READ, self.purpose)
        return decision.allowed and any(
            row.effect == "allow" and parse_pattern(row.columns[2])[0] == SYSTEM
            for row in decision.rules
            if row.ptype == "p"
        )


_OF_ADDRESS = ("address", "domain", "product", "dataset", "version")


def _names(address: Address) -> tuple[str, str, str]:
    return (address.domain, address.product, address.dataset)


def _fits(address: Address, wanted: Equal) -> bool:
    return all(
        (str(address) if name == "address" else getattr(address, name)) == value
        for name, value in wanted.items()
    )


def _without_hidden(dataset: Dataset, seen: Dataset) -> Dataset:
    """The dataset without whatever else is said of columns that are not to be seen."""
    hidden = set(dataset.schema.names) - set(seen.schema.names)
    if not hidden:
        return seen
    return replace(
        seen,
        terms={column: term for column, term in seen.terms.items() if column not in hidden},
        quality=tuple(r for r in seen.quality if not r.column and not r.columns),
        promises=tuple(promise for promise in seen.promises if not promise.element),
    )
