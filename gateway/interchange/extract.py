"""What is exported: datasets and artefacts as one reader knows them, and their documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from gateway.catalogue.versions import choose_version, newest_first
from gateway.model import Address, Artefact, Dataset, Way

Home = tuple[str, str]
"""The domain and name of a product."""


@dataclass(frozen=True, slots=True)
class Extract:
    """What may be told, to whom it is exported.

    `ways` are those of the artefacts that the reader may open. `whole` are the addresses whose
    files may be told as they are; of the others what a reader needs. `products` and `contracts`
    are the documents behind them, by home and by file. `endpoint` is a URL of the gateway, or "".
    """

    datasets: tuple[Dataset, ...]
    artefacts: tuple[Artefact, ...] = ()
    ways: Mapping[Address, Way] = field(default_factory=dict)
    whole: Set[Address] = frozenset()
    products: Mapping[Home, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    contracts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    files: Mapping[Address, str] = field(default_factory=dict)
    endpoint: str = ""

    def all(self) -> Iterator[Dataset | Artefact]:
        """Everything with an address."""
        yield from self.datasets
        yield from self.artefacts

    def homes(self) -> list[Home]:
        """The products of which something is exported, sorted."""
        return sorted({home_of(one) for one in self.all()})

    def product(self, home: Home) -> Mapping[str, Any]:
        """The document of a product; empty if there is none."""
        return self.products.get(home, ("", {}))[1]

    def of(self, home: Home) -> tuple[list[Dataset], list[Artefact]]:
        """What is exported of a product."""
        return (
            [dataset for dataset in self.datasets if home_of(dataset) == home],
            [artefact for artefact in self.artefacts if home_of(artefact) == home],
        )

    def current(self) -> Iterator[Dataset]:
        """One version of each dataset, for forms without versions: what a name alone means."""
        by_name: dict[tuple[str, str, str], list[Dataset]] = {}
        for dataset in self.datasets:
            address = dataset.address
            name = (address.domain, address.product, address.dataset)
            by_name.setdefault(name, []).append(dataset)
        for versions in by_name.values():
            yield choose_version(versions, None) or newest_first(versions)[0]

    def used(self, address: Address) -> Dataset | Artefact | None:
        """What an artefact that uses `address` is made from, if it is exported."""
        found = [one for one in self.all() if _same(one.address, address)]
        datasets = [one for one in found if isinstance(one, Dataset)]
        if datasets:
            chosen = choose_version(datasets, address.version)
            return chosen or (newest_first(datasets)[0] if address.version is None else None)
        return next((one for one in found if address.version in (None, one.address.version)), None)

    def origins(self, artefact: Artefact) -> list[Dataset]:
        """The datasets an artefact comes down to, also through other artefacts."""
        found: dict[Address, Dataset] = {}
        seen: set[Address] = set()
        waiting = [artefact]
        while waiting:
            current = waiting.pop()
            for address in current.uses:
                used = self.used(address)
                if isinstance(used, Dataset):
                    found[used.address] = used
                elif used is not None and used.address not in seen:
                    seen.add(used.address)
                    waiting.append(used)
        return [found[address] for address in sorted(found)]


def home_of(one: Dataset | Artefact) -> Home:
    """The product something belongs to."""
    return one.address.domain, one.address.product


def _same(one: Address, other: Address) -> bool:
    return (one.domain, one.product, one.dataset) == (other.domain, other.product, other.dataset)
