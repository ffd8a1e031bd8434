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
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path

from gateway.catalogue.artefacts import build_artefacts, named_by_artefacts
from gateway.catalogue.bindings import known_connectors
from gateway.catalogue.codec import pack, unpack, write_artefacts
from gateway.catalogue.compilation import Compilation, KnownFile, Product
from gateway.catalogue.deprecation import successor_problems
from gateway.catalogue.document import Document
from gateway.catalogue.entries import entry_of
from gateway.catalogue.files import ABSENT, CONTRACTS, in_order, scan, settled
from gateway.catalogue.keys import Promised, with_foreign_keys
from gateway.catalogue.problems import Problem
from gateway.catalogue.products import Contracts, Names, read_product
from gateway.catalogue.reading import (
    Facts,
    LazyLines,
    Read,
    content_of,
    file_data,
    judged,
    read_file,
    read_files,
)
from gateway.catalogue.steps import broken_promises
from gateway.catalogue.summaries import Declaration, written
from gateway.errors import CatalogueError
from gateway.model import Address, Artefact, Dataset

ATTEMPTS = 6
"""How often a mesh is read anew that is written to meanwhile."""

OPEN_DOCUMENTS = 256
"""Documents that are kept made up while a mesh is compiled."""


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


def compiled_documents(mesh: Path, documents: Iterable[Document]) -> Outcome:
    """Compile documents, each right by its standard, as if they were all the files of a folder."""
    given = {document.file: document for document in documents}
    return _Compiler(mesh, Compilation(), given).run()


class _Compiler:
    """Compiles once. Only what is compact is kept of all products: documents come and go."""

    def __init__(
        self, mesh: Path, before: Compilation, given: Mapping[str, Document] | None = None
    ) -> None:
        self._mesh = mesh
        self._before = before
        self._given = given
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
            looked = any(file is not before.files[path] for path, file in self._files.items())
            return Outcome(replace(before, files=self._files) if looked else before)
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
        artefacts = [] if self._problems else self._artefacts(products)
        # A contract that several ports promise is reported once.
        problems = tuple(dict.fromkeys(self._problems))
        kept = {path: product for path, product in products.items() if path not in self._flawed}
        written_artefacts = write_artefacts(artefacts)
        compilation = Compilation(self._right(), kept, not problems, written_artefacts)
        return Outcome(compilation, problems, products)

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
        given = self._given
        looks = scan(self._mesh) if given is None else in_order(dict.fromkeys(given, ABSENT))
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
        if self._given is None:
            return read_files(self._mesh, paths)
        return (judged(self._given[path]) for path, _ in paths)

    def _opened(self, path: str) -> Document:
        """The document of a file as it was read. Raises _MovedError."""
        if self._given is not None:
            return self._given[path]
        content = self._contents.get(path)
        if content is None:
            read = read_file(self._mesh, path)
            if read.broken or read.digest != self._files[path].digest:
                raise _MovedError(path)
            content = read.content
        lines = LazyLines(path, partial(file_data, self._mesh, path))
        return Document(path, content_of(content), lines)

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

    def _artefacts(self, products: Mapping[str, Product]) -> list[Artefact]:
        """The artefacts of the mesh, judged beside the datasets that they name."""
        documents = [self._document(path) for path in products if self._facts[path].artefacts]
        if not documents:
            return []
        wanted = named_by_artefacts(documents)
        found, wrong = build_artefacts(documents, _datasets(products, wanted))
        if wrong:  # what they should name is looked for among all datasets
            found, wrong = build_artefacts(documents, _datasets(products))
        self._problems += wrong
        return found


def _datasets(
    products: Mapping[str, Product], wanted: Collection[tuple[str, ...]] | None = None
) -> list[Dataset]:
    """The datasets of products; with `wanted`, those of these names in lower case."""
    return [
        unpack(product.datasets, place)
        for product in products.values()
        for place, each in enumerate(product.declarations)
        if wanted is None or tuple(map(str.casefold, _name(each))) in wanted
    ]


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
