"""The catalogue: names to datasets, for callers who may each know only some of them."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property

import numpy as np

from gateway.catalogue.artefacts import precedence
from gateway.catalogue.codec import read_artefacts
from gateway.catalogue.compilation import Compilation
from gateway.catalogue.compiled_datasets import CompiledDatasets
from gateway.catalogue.compiler import compiled
from gateway.catalogue.entries import Entry, Source, entry_of
from gateway.catalogue.many_objects import many_objects
from gateway.catalogue.namespaces import Namespaces
from gateway.catalogue.problems import catalogue_error
from gateway.catalogue.shelf import Shelf
from gateway.catalogue.versions import choose_version, newest_first
from gateway.errors import AmbiguousDataset, CatalogueError, UnknownDataset, similar
from gateway.model import NAME, Address, Artefact, Dataset
from policies.estate import Bools, Estate

Visible = Callable[[Dataset], bool]
"""Whether the caller may know of a dataset. It is asked before anything is said about one."""

Among = Callable[[Sequence[int]], Sequence[int]]
"""Of datasets, by their positions, those worth asking about."""

FULL_NAME = 3
"""How many parts a name has that says all."""

MOST_NAMED = 20
"""Of so many datasets it is said that a name may mean them."""


def check_folder(mesh: pathlib.Path) -> None:
    """Raise CatalogueError for a mesh folder that is not there."""
    if not mesh.is_dir():
        raise CatalogueError(f"the mesh folder {mesh} does not exist")


class Catalogue:
    """Every dataset of a mesh, and every artefact; immutable.

    `version` changes whenever a file of the mesh does.
    """

    def __init__(
        self,
        datasets: Iterable[Dataset],
        version: str,
        entries: Sequence[Entry] | None = None,
        artefacts: Iterable[Artefact] = (),
    ) -> None:
        """Of datasets; or, with `entries` in the order of addresses, of those that are there."""
        self.version = version
        self.artefacts = tuple(sorted(artefacts, key=lambda artefact: artefact.address))
        self.compilation = Compilation()
        if entries is None:
            datasets = tuple(sorted(datasets, key=lambda dataset: dataset.address))
            entries = [entry_of(dataset) for dataset in datasets]
        assert isinstance(datasets, Sequence)
        self.datasets: Sequence[Dataset] = datasets
        self.entries = entries
        addresses = [entry.address for entry in entries]
        locations = [(a.domain, a.product, a.dataset, a.version or "") for a in addresses]
        self.estate = Estate(locations, (entry.traits for entry in entries))
        self.namespaces = Namespaces(self.estate.products)
        self._folded = [
            (domain.casefold(), product.casefold(), name.casefold())
            for domain, product, name, _ in locations
        ]
        self._by_name: dict[int, Mapping[tuple[str, ...], Sequence[int]]] = {}

    @classmethod
    def load(
        cls, mesh: pathlib.Path, shelf: Shelf | None = None, before: Catalogue | None = None
    ) -> Catalogue:
        """Read every data product below the folder.

        What has not changed is taken from the catalogue `before`, or from the `shelf`, which
        keeps the outcome. Raises CatalogueError with all problems of all files: a mesh is right
        or it is refused.
        """
        check_folder(mesh)
        known = before.compilation if before is not None else Compilation()
        if shelf is not None and not known.complete:
            known = shelf.load()
        outcome = compiled(mesh, known)
        if shelf is not None:
            shelf.save(outcome.compilation)
        if outcome.problems:
            raise catalogue_error(str(mesh), outcome.problems)
        with many_objects():
            return cls.of(outcome.compilation)

    @classmethod
    def of(cls, compilation: Compilation) -> Catalogue:
        """Of what was compiled without problems."""
        declared = [
            (each.entry, product, place)
            for product in compilation.products.values()
            for place, each in enumerate(product.declarations)
        ]
        declared.sort(key=lambda each: _sorting(each[0].address))
        datasets = CompiledDatasets([(product, place) for _, product, place in declared])
        entries = [entry for entry, _, _ in declared]
        artefacts = read_artefacts(compilation.artefacts)
        made = cls(datasets, compilation.version, entries, artefacts)
        made.compilation = compilation
        return made

    def get(self, address: Address) -> Dataset:
        """The dataset at an address; without a version the highest active one.

        Raises UnknownDataset. Asks nobody whether the caller may know of it.
        """
        parts = (address.domain, address.product, address.dataset)
        return self.resolve(parts, address.version, lambda _: True)

    def positions(self, parts: tuple[str, ...]) -> Sequence[int]:
        """Where every dataset is, in every version, that a name may mean, whoever asks."""
        if not all(map(NAME.match, parts)):
            return ()
        length = len(parts)
        index = self._by_name.get(length)
        if index is None:  # made when it is first asked for, perhaps by several at once
            index = self._by_name[length] = _index(self._folded, length)
        return index.get(_fold(parts), ())

    def named(self, parts: tuple[str, ...]) -> Sequence[Dataset]:
        """Every dataset, in every version, that a name may mean, whoever asks."""
        return [self.datasets[position] for position in self.positions(parts)]

    def of_product(self, domain: str, product: str) -> list[Dataset]:
        """The datasets of a product, whatever the case of its letters, whoever asks."""
        found = self.namespaces.numbers((domain, product)) if domain and product else ()
        stretches = (self.estate.stretch(int(number)) for number in found)
        return [self.datasets[position] for each in stretches for position in each]

    def artefact(self, address: Address) -> Artefact | None:
        """The artefact at an address; without a version the highest active one, or the highest.

        Asks nobody whether the caller may know of it.
        """
        found = self._artefacts_by_name.get(_fold(_parts(address)), ())
        fitting = [a for a in found if address.version in (None, a.address.version)]
        return max(fitting, key=precedence, default=None)

    @cached_property
    def _artefacts_by_name(self) -> Mapping[tuple[str, ...], Sequence[Artefact]]:
        found: dict[tuple[str, ...], list[Artefact]] = {}
        for artefact in self.artefacts:
            found.setdefault(_fold(_parts(artefact.address)), []).append(artefact)
        return found

    @cached_property
    def sources(self) -> Mapping[Source, Sequence[int]]:
        """Where the datasets are whose rows are in one source; views are in none."""
        found: dict[Source, list[int]] = {}
        for position, entry in enumerate(self.entries):
            if entry.source is not None:
                found.setdefault(entry.source, []).append(position)
        return found

    @cached_property
    def views(self) -> Sequence[Dataset]:
        """The datasets that are queries over others, by address."""
        places = (n for n, entry in enumerate(self.entries) if entry.source is None)
        return tuple(self.datasets[position] for position in places)

    def resolve(
        self,
        parts: tuple[str, ...],
        version: str | None,
        visible: Visible,
        namespace: tuple[str, ...] = (),
        among: Among = list,
    ) -> Dataset:
        """The dataset a request names: domain, product and dataset, or the last one or two.

        Those of the `namespace`, a domain and perhaps a product, go before all others.
        Letter case does not matter, but every part must be a NAME: letters that merely fold to
        the same ones are others. Only visible datasets are considered: a hidden one and one that
        does not exist give the same UnknownDataset, and hidden ones make no name ambiguous.
        `among` may leave out, by their positions, datasets that are not visible anyway.
        `suggestion` has the hint for whoever shows the error.
        Raises UnknownDataset, AmbiguousDataset.
        """
        meant = [self.datasets[position] for position in among(self.positions(parts))]
        candidates = [dataset for dataset in meant if visible(dataset)]
        if namespace and len(parts) < FULL_NAME:
            candidates = _inside(candidates, parts, namespace) or candidates
        if version is None and len(candidates) == 1 and candidates[0].status == "active":
            return candidates[0]
        names = sorted({dataset.address.sql_name for dataset in candidates})
        if len(names) > 1:  # what nobody can read any more is not what is meant
            candidates = [d for d in candidates if d.status != "retired"] or candidates
            names = sorted({dataset.address.sql_name for dataset in candidates})
        if len(names) > 1:
            raise AmbiguousDataset(
                f"{'.'.join(parts)} may be {' or '.join(names[:MOST_NAMED])}",
                hint="write the longer name",
            )
        if not candidates:
            raise UnknownDataset(f"there is no dataset {'.'.join(parts)} that you may read")
        chosen = choose_version(candidates, version)
        if chosen is None:
            listed = ", ".join(
                f"{d.address.version} ({d.status})" for d in newest_first(candidates)
            )
            missing = f"version {version}" if version else "active version"
            raise UnknownDataset(f"{names[0]} has no {missing}", hint=f"there is {listed}")
        return chosen

    def suggestion(self, parts: tuple[str, ...], shown: Bools | None = None) -> str | None:
        """A hint naming the dataset whose name is closest, or None when none is close.

        Only datasets that are `shown` count, by position; None: all of them. So names that are
        hidden neither crowd out others nor cost anything.
        """
        if not 0 < len(parts) <= FULL_NAME:
            return None
        names = self._folded
        positions = range(len(names)) if shown is None else np.flatnonzero(shown).tolist()
        known = {".".join(names[position][-len(parts) :]): position for position in positions}
        close = similar(".".join(_fold(parts)), known, 1)
        if not close:
            return None
        meant = _parts(self.entries[known[close[0]]].address)
        return f"did you mean {'.'.join(meant[-len(parts) :])}?"


def _index(names: Sequence[tuple[str, ...]], length: int) -> dict[tuple[str, ...], list[int]]:
    """The positions of names by their last parts."""
    found: dict[tuple[str, ...], list[int]] = {}
    if not 0 < length <= FULL_NAME:
        return found
    for position, name in enumerate(names):
        found.setdefault(name[-length:], []).append(position)
    return found


def _parts(address: Address) -> tuple[str, ...]:
    return (address.domain, address.product, address.dataset)


def _inside(
    datasets: Sequence[Dataset], parts: tuple[str, ...], namespace: tuple[str, ...]
) -> list[Dataset]:
    """Those that the name means in the namespace; what the name says itself, it says better.

    "" is any: a schema without a catalog.
    """
    prefix = _fold(namespace[: FULL_NAME - len(parts)])

    def inside(dataset: Dataset) -> bool:
        return all(
            part in ("", own)
            for part, own in zip(prefix, _fold(_parts(dataset.address)), strict=False)
        )

    return [d for d in datasets if inside(d)]


def _fold(parts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part.casefold() for part in parts)


def _sorting(address: Address) -> tuple[str, str, str, str]:
    return (address.domain, address.product, address.dataset, address.version or "")
