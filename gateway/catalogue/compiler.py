"""Compiling a mesh folder, anew only where its files have changed.

A compiled product holds as long as its file, every contract its ports could mean, and every file
these refer to are what they were, byte by byte, and as the relationships lead to the same datasets.
That names are taken once is looked at over the whole mesh each time. Problems are never kept: what
has one is read again.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from gateway.catalogue.bindings import known_connectors
from gateway.catalogue.codec import pack
from gateway.catalogue.compilation import Compilation, KnownFile, Product
from gateway.catalogue.document import Document
from gateway.catalogue.entries import entry_of
from gateway.catalogue.files import CONTRACTS, scan, settled
from gateway.catalogue.keys import Promised, with_foreign_keys
from gateway.catalogue.problems import Problem
from gateway.catalogue.products import Contracts, Names, read_product
from gateway.catalogue.reading import Facts, LazyLines, content_of, read_file, read_files
from gateway.catalogue.summaries import Declaration, written
from gateway.errors import CatalogueError
from gateway.model import Address

ATTEMPTS = 6
"""How often a mesh is read anew that is written to meanwhile."""

OPEN_DOCUMENTS = 256
"""Documents that are kept made up while a mesh is compiled."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of compiling: all that is right, and everything that is not."""

    compilation: Compilation
    problems: tuple[Problem, ...] = ()


@dataclass(slots=True)
class _Made:
    """A product that is compiled now: its datasets with the places of their ports."""

    datasets: list[tuple[int, Promised]]
    flawed: bool


class _MovedError(Exception):
    """A file is no longer what it was a moment ago."""


def compiled(mesh: Path, before: Compilation) -> Outcome:
    """Compile a folder, taking over from `before` what still holds.

    Raises CatalogueError for a folder that is written to all the time.
    """
    for attempt in range(ATTEMPTS):
        try:
            return _Compiler(mesh, before).run()
        except _MovedError:
            time.sleep(0.05 * 2**attempt)
    raise CatalogueError(f"the mesh {mesh} is written to while it is read", hint="try again")


class _Compiler:
    """Compiles once."""

    def __init__(self, mesh: Path, before: Compilation) -> None:
        self._mesh = mesh
        self._before = before
        self._files: dict[str, KnownFile] = {}
        self._facts: dict[str, Facts] = {}
        self._index: dict[str, dict[str, str]] = {}
        self._contents: dict[str, bytes] = {}
        self._problems: list[Problem] = []
        self._flawed: set[str] = set()
        self._connectors = known_connectors()
        self._document = lru_cache(OPEN_DOCUMENTS)(self._opened)
        self._contracts = Contracts(self._index, _Documents(self._files, self._document))

    def run(self) -> Outcome:
        broken = self._read()
        before = self._before
        if before.complete and not broken and self._same(before):
            return Outcome(replace(before, files=self._files))
        if broken:  # a port can not be judged while its contract is missing
            return Outcome(Compilation(self._right(), before.products), tuple(broken))
        self._facts = {path: Facts.of_text(file.facts) for path, file in self._files.items()}
        self._list_contracts()
        made: dict[str, _Made] = {}
        kept: dict[str, Product] = {}
        bases: dict[str, str] = {}
        for path in self._files:
            if path.endswith(CONTRACTS):
                continue
            bases[path] = self._basis(path)
            known = before.products.get(path)
            if known is not None and known.basis == bases[path]:
                kept[path] = known
            else:
                made[path] = self._promised(path)
        self._check_names(bases, kept, made)
        products = self._linked(bases, kept, made)
        # A contract that several ports promise is reported once.
        problems = tuple(dict.fromkeys(self._problems))
        return Outcome(Compilation(self._right(), products, not problems), problems)

    def _right(self) -> dict[str, KnownFile]:
        return {path: file for path, file in self._files.items() if path not in self._flawed}

    def _same(self, before: Compilation) -> bool:
        return self._files.keys() == before.files.keys() and all(
            file is before.files[path] or file.digest == before.files[path].digest
            for path, file in self._files.items()
        )

    def _read(self) -> list[Problem]:
        """Read what has changed. What stops everything else is returned."""
        now = time.time_ns()
        looks = scan(self._mesh)
        known = self._before.files
        changed: list[tuple[str, str]] = []
        for path, look in looks.items():
            before = known.get(path)
            if before is not None and before.look == look != "":
                self._files[path] = before
            else:
                self._files[path] = KnownFile("", "", "")  # files keep their order
                changed.append((path, before.digest if before is not None else ""))
        broken: list[Problem] = []
        for read in read_files(self._mesh, changed):
            if read.broken:
                broken += read.broken
                del self._files[read.path]
                continue
            if read.wrong:
                self._problems += read.wrong
                self._flawed.add(read.path)
            look = looks[read.path] if settled(looks[read.path], now) else ""
            if read.facts is None:
                facts = known[read.path].facts
            else:
                facts = read.facts.to_text()
                self._contents[read.path] = read.content
            self._files[read.path] = KnownFile(look, read.digest, facts)
        return broken

    def _opened(self, path: str) -> Document:
        """The document of a file as it was read. Raises _MovedError."""
        content = self._contents.get(path)
        if content is None:
            read = read_file(self._mesh, path)
            if read.broken or read.digest != self._files[path].digest:
                raise _MovedError(path)
            content = read.content
        return Document(path, content_of(content), LazyLines(self._mesh, path))

    def _list_contracts(self) -> None:
        for path in self._files:
            if not path.endswith(CONTRACTS):
                continue
            facts = self._facts[path]
            versions = self._index.setdefault(facts.id, {})
            if facts.version in versions:
                rule = f"has the id and version of {versions[facts.version]}"
                self._problems.append(self._document(path).problem(("id",), rule))
                self._flawed.add(path)
            else:
                versions[facts.version] = path

    def _meant(self, path: str) -> Iterator[tuple[str, str, str]]:
        """The contracts a product's ports could mean: id, version and file."""
        for contract in self._facts[path].contracts:
            for version, file in self._index.get(contract, {}).items():
                yield contract, version, file

    def _basis(self, path: str) -> str:
        """What a product is compiled of."""
        parts = [self._files[path].digest]
        for contract, version, file in self._meant(path):
            parts += (contract, version, file, self._files[file].digest)
            for other in self._facts[file].references:
                parts += (other, self._files[other].digest if other in self._files else "")
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]

    def _promised(self, path: str) -> _Made:
        product = self._document(path)
        made = _Made([], False)
        for item in read_product(product, self._contracts, self._mesh, self._connectors):
            if isinstance(item, Problem):
                self._problems.append(item)
                made.flawed = True
            else:
                made.datasets.append(item)
        return made

    def _check_names(
        self, paths: Mapping[str, str], kept: dict[str, Product], made: dict[str, _Made]
    ) -> None:
        """Leave out what is declared twice, or spelt in two ways."""
        names = Names()
        for path in paths:
            if path in kept:
                taken = [(d.port, d.entry.address) for d in kept[path].declarations]
            else:
                taken = [(port, p.dataset.address) for port, p in made[path].datasets]
            wrong = [(port, address, names.take(address)) for port, address in taken]
            if not any(rule for _, _, rule in wrong):
                continue
            if path in kept:
                del kept[path]
                made[path] = self._promised(path)
            made[path].flawed = True
            found = [rule for _, _, rule in wrong]
            made[path].datasets = [
                each for each, rule in zip(made[path].datasets, found, strict=True) if not rule
            ]
            for port, _, rule in wrong:
                if rule:
                    place = ("outputPorts", port)
                    self._problems.append(self._document(path).problem(place, rule))

    def _linked(
        self, bases: Mapping[str, str], kept: dict[str, Product], made: dict[str, _Made]
    ) -> dict[str, Product]:
        """The products with the relationships of their datasets."""
        declared: dict[str, dict[int, list[tuple[Address, str]]]] = {}
        for path in bases:
            for file, position, address, status in _declared(kept.get(path), made.get(path)):
                places = declared.setdefault(file, {})
                places.setdefault(position, []).append((address, status))
        products: dict[str, Product] = {}
        for path, basis in bases.items():
            files = {other for *_, f in self._meant(path) for other in self._facts[f].references}
            leads = [(file, declared[file]) for file in sorted(files) if file in declared]
            targets = hashlib.sha256(repr(leads).encode()).hexdigest()[:32] if files else ""
            if path in kept and kept[path].targets == targets:
                products[path] = kept[path]
                continue
            product = made.get(path) or self._promised(path)
            promised = [each for _, each in product.datasets]
            related, wrong = with_foreign_keys(promised, self._contracts.documents, declared)
            self._problems += wrong
            if not product.flawed and not wrong:
                declarations = [
                    Declaration(entry_of(dataset), port, each.contract.file, each.position)
                    for dataset, (port, each) in zip(related, product.datasets, strict=True)
                ]
                packed = pack(related)
                products[path] = Product(basis, targets, written(declarations), packed)
        return products


def _declared(kept: Product | None, made: _Made | None) -> Iterator[tuple[str, int, Address, str]]:
    """Which object declares which datasets: file, place, address, status."""
    if kept is not None:
        for each in kept.declarations:
            yield each.contract, each.position, each.entry.address, each.entry.status
    elif made is not None:
        for _, promised in made.datasets:
            dataset = promised.dataset
            yield promised.contract.file, promised.position, dataset.address, dataset.status


class _Documents(Mapping[str, Document]):
    """The contracts of a mesh by their files, each made up when it is looked at."""

    def __init__(self, files: Mapping[str, KnownFile], opened: Callable[[str], Document]) -> None:
        self._files = files
        self._opened = opened

    def __getitem__(self, path: str) -> Document:
        if path not in self._files or not path.endswith(CONTRACTS):
            raise KeyError(path)
        return self._opened(path)

    def __iter__(self) -> Iterator[str]:
        return (path for path in self._files if path.endswith(CONTRACTS))

    def __len__(self) -> int:
        return sum(1 for _ in self)
