"""Compiling a mesh folder, anew only where its files have changed.

A compiled product holds as long as its file, every contract its ports could mean, and every file
these refer to are what they were, byte by byte, and as the relationships lead to the same datasets.
That names are taken once is looked at over the whole mesh each time. Problems are never kept: what
has one is read again.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from gateway.catalogue.artefacts import Thing, wrong_artefacts
from gateway.catalogue.bindings import known_connectors
from gateway.catalogue.codec import pack, unpack
from gateway.catalogue.compilation import Compilation, KnownFile, Product
from gateway.catalogue.deprecation import successor_problems
from gateway.catalogue.document import Document
from gateway.catalogue.entries import entry_of
from gateway.catalogue.file_facts import Facts
from gateway.catalogue.files import ABSENT, CONTRACTS, in_order, scan, settled
from gateway.catalogue.keys import Promised, with_foreign_keys
from gateway.catalogue.problems import Problem
from gateway.catalogue.products import Contracts, Names, read_product
from gateway.catalogue.reading import (
    LazyLines,
    Read,
    content_of,
    file_data,
    read_data,
    read_files,
)
from gateway.catalogue.steps import broken_promises
from gateway.catalogue.summaries import Declaration, written
from gateway.errors import CatalogueError
from gateway.model import Address

ATTEMPTS = 6
"""How often a mesh is read anew that is written to meanwhile."""

OPEN_DOCUMENTS = 256
"""Documents that are kept made up while a mesh is compiled."""


Texts = Mapping[str, str]
"""What files are to hold, by their path below the mesh folder."""

_NONE: Texts = {}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of compiling: all that is right, and everything that is not.

    `products` are those that are wrong as well, as far as they could be read.
    """

    compilation: Compilation
    problems: tuple[Problem, ...] = ()
    products: Mapping[str, Product] = field(default_factory=dict)


class _MovedError(Exception):
    """A file is no longer what it was a moment ago."""


def compiled(mesh: Path, before: Compilation, texts: Texts = _NONE) -> Outcome:
    """Compile a folder, taking over from `before` what still holds.

    Files of which there are `texts` hold these instead of what is there. Raises CatalogueError for
    a folder that is written to all the time.
    """
    for attempt in range(ATTEMPTS):
        try:
            return _Compiler(mesh, before, texts).run()
        except _MovedError:
            time.sleep(0.05 * 2**attempt)
    raise CatalogueError(f"the mesh {mesh} is written to while it is read", hint="try again")


class _Compiler:
    """Compiles once. Only what is compact is kept of all products: documents come and go."""

    def __init__(self, mesh: Path, before: Compilation, texts: Texts) -> None:
        self._mesh = mesh
        self._before = before
        self._texts = {path: text.encode() for path, text in texts.items()}
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
        products: dict[str, Product] = {}
        for path in self._files:
            if path.endswith(CONTRACTS):
                continue
            basis = self._basis(path)
            known = before.products.get(path)
            holds = known is not None and known.basis == basis
            products[path] = known if known and holds else self._product(path, basis)
        self._check_names(products)
        self._link(products)
        self._check_together(products)
        self._check_artefacts(products)
        # A contract that several ports promise is reported once.
        problems = tuple(dict.fromkeys(self._problems))
        kept = {path: product for path, product in products.items() if path not in self._flawed}
        return Outcome(Compilation(self._right(), kept, not problems), problems, products)

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
        if self._texts:
            looks = in_order({**looks, **dict.fromkeys(self._texts, ABSENT)})
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
        for read in self._changed(changed):
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

    def _changed(self, paths: Sequence[tuple[str, str]]) -> Iterator[Read]:
        on_disk = [(path, known) for path, known in paths if path not in self._texts]
        yield from read_files(self._mesh, on_disk)
        for path, known in paths:
            if path in self._texts:
                yield read_data(self._texts[path], path, known)

    def _opened(self, path: str) -> Document:
        """The document of a file as it was read. Raises _MovedError."""
        content = self._contents.get(path)
        if content is None:
            (read,) = self._changed([(path, "")])
            if read.broken or read.digest != self._files[path].digest:
                raise _MovedError(path)
            content = read.content
        return Document(path, content_of(content), self._lines(path))

    def _lines(self, path: str) -> LazyLines:
        text = self._texts.get(path)
        return LazyLines(path, lambda: file_data(self._mesh, path) if text is None else text)

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

    def _promised(self, path: str) -> list[tuple[int, Promised]]:
        """The datasets of a product with the places of their ports, but for their foreign keys."""
        found = []
        product = self._document(path)
        for item in read_product(product, self._contracts, self._mesh, self._connectors):
            if isinstance(item, Problem):
                self._blame(path, item)
            else:
                found.append(item)
        return found

    def _blame(self, path: str, *problems: Problem) -> None:
        """Problems of a product: nothing of it is kept."""
        self._problems += problems
        if problems:
            self._flawed.add(path)

    def _product(self, path: str, basis: str, targets: str = "") -> Product:
        return _packed(basis, targets, self._promised(path))

    def _check_names(self, products: dict[str, Product]) -> None:
        """Leave out what is declared twice, or spelt in two ways."""
        names = Names()
        for path, product in products.items():
            rules = [names.take(each.entry.address) for each in product.declarations]
            if not any(rules):
                continue
            left = [place for place, rule in enumerate(rules) if not rule]
            products[path] = replace(
                product,
                summary=written([product.declarations[place] for place in left]),
                datasets=pack(unpack(product.datasets, place) for place in left),
            )
            for declared, rule in zip(product.declarations, rules, strict=True):
                if rule:
                    port = ("outputPorts", declared.port)
                    self._blame(path, self._document(path).problem(port, rule))

    def _link(self, products: dict[str, Product]) -> None:
        """Find out what the relationships of datasets lead to, where that may have changed."""
        declared: dict[str, dict[int, list[tuple[Address, str]]]] = {}
        for product in products.values():
            for each in product.declarations:
                places = declared.setdefault(each.contract, {})
                found = (each.entry.address, each.entry.status)
                places.setdefault(each.position, []).append(found)
        for path, product in products.items():
            files = {other for *_, f in self._meant(path) for other in self._facts[f].references}
            leads = [(file, declared[file]) for file in sorted(files) if file in declared]
            targets = hashlib.sha256(repr(leads).encode()).hexdigest()[:32] if files else ""
            if targets == product.targets:
                continue
            there = {(each.port, each.entry.address) for each in product.declarations}
            made = [m for m in self._promised(path) if (m[0], m[1].dataset.address) in there]
            promised = [each for _, each in made]
            related, wrong = with_foreign_keys(promised, self._contracts.documents, declared)
            self._blame(path, *wrong)
            linked = [
                (port, replace(each, dataset=dataset))
                for dataset, (port, each) in zip(related, made, strict=True)
            ]
            products[path] = _packed(product.basis, targets, linked)

    def _check_together(self, products: Mapping[str, Product]) -> None:
        """What can only be said of datasets beside each other: of all, if any was wrong before."""
        before = self._before
        same = {path for path, product in products.items() if before.products.get(path) is product}
        gone = [product for path, product in before.products.items() if path not in same]
        fresh = [product for path, product in products.items() if path not in same]
        touched = {_name(each) for product in (*gone, *fresh) for each in product.declarations}
        versions = Counter(_name(e) for product in products.values() for e in product.declarations)
        several = {name for name, count in versions.items() if count > 1}
        if before.complete:
            several &= touched
        beside: list[Promised] = []
        ending: list[Promised] = []
        for product in products.values():
            for place, each in enumerate(product.declarations):
                if each.ends or _name(each) in several:
                    dataset = unpack(product.datasets, place)
                    promised = Promised(dataset, self._document(each.contract), each.position)
                    beside += [promised] if _name(each) in several else []
                    ending += [promised] if each.ends else []
        known = {each.entry.address for p in products.values() for each in p.declarations}
        self._problems += broken_promises(beside)
        self._problems += successor_problems(ending, known)

    def _check_artefacts(self, products: Mapping[str, Product]) -> None:
        """That their names are their own, and what they use is there."""
        declared = [(path, each) for path, facts in self._facts.items() for each in facts.artefacts]
        if not declared:
            return
        datasets = [
            Thing(each.entry.address, columns=_columns(product, place))
            for product in products.values()
            for place, each in enumerate(product.declarations)
        ]
        for path, place, rule in wrong_artefacts(declared, datasets):
            self._blame(path, self._document(path).problem(place, rule))


def _columns(product: Product, place: int) -> Callable[[], Sequence[str]]:
    return lambda: unpack(product.datasets, place).schema.names


def _packed(basis: str, targets: str, made: Sequence[tuple[int, Promised]]) -> Product:
    declarations = [
        Declaration(
            entry_of(each.dataset),
            port,
            each.contract.file,
            each.position,
            each.dataset.deprecation is not None,
        )
        for port, each in made
    ]
    return Product(basis, targets, written(declarations), pack(each.dataset for _, each in made))


def _name(declared: Declaration) -> tuple[str, str, str]:
    address = declared.entry.address
    return address.domain, address.product, address.dataset


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
