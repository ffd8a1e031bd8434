"""Reading many files of a mesh: what each holds by itself, and what others have to know of it."""

from __future__ import annotations

import hashlib
import json
import logging
import marshal
import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from gateway.catalogue.columns import custom_property
from gateway.catalogue.document import MAX_BYTES, Document, read_text
from gateway.catalogue.files import CONTRACTS
from gateway.catalogue.governance import ARTEFACTS, check_properties
from gateway.catalogue.keys import referenced_files
from gateway.catalogue.problems import Path as Place
from gateway.catalogue.problems import Problem
from gateway.catalogue.products import check_status
from gateway.catalogue.standards import check_contract, check_product

_log = logging.getLogger(__name__)

CHUNK = 64
"""Files that one process is given at a time."""

MANY = 2_000
"""So many files are worth the seconds that starting processes takes."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What other files have to know of one: the contracts of a product's ports, and whether it has
    artefacts; of a contract its id, its version, and the files its relationships refer to."""

    contracts: tuple[str, ...] = ()
    artefacts: bool = False
    id: str = ""
    version: str = ""
    references: tuple[str, ...] = ()

    def to_text(self) -> str:
        """As it is kept."""
        own = (self.contracts, self.artefacts, self.id, self.version, self.references)
        return json.dumps(own)

    @classmethod
    def of_text(cls, text: str) -> Facts:
        """From what is kept."""
        contracts, artefacts, own, version, references = json.loads(text)
        return cls(tuple(contracts), artefacts, own, version, tuple(references))


@dataclass(frozen=True, slots=True)
class Read:
    """A file as read: unless it is `broken`, its facts and its content (`content_of`).

    `wrong` is what is wrong in a file that can be read with all others nevertheless. Of one whose
    digest was known there is nothing but that.
    """

    path: str
    digest: str
    broken: tuple[Problem, ...] = ()
    wrong: tuple[Problem, ...] = ()
    facts: Facts | None = None
    content: bytes = b""


def content_of(content: bytes) -> Mapping[str, Any]:
    """The plain values of a document."""
    found: Mapping[str, Any] = marshal.loads(content)
    return found


def digest_of(data: bytes) -> str:
    """What tells the content of a file from any other."""
    return hashlib.sha256(data).hexdigest()[:32]


def file_data(mesh: Path, path: str) -> bytes | Problem:
    """A file's content, or of a file that is too large more than may be."""
    try:
        with open(mesh / path, "rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except OSError as error:
        return Problem(path, 0, "", f"the file can not be read: {error.strerror}")


def read_file(mesh: Path, path: str, known: str = "") -> Read:
    """A file with everything that is wrong with it by itself. `known` is the digest it had."""
    data = file_data(mesh, path)
    return Read(path, "", (data,)) if isinstance(data, Problem) else read_data(data, path, known)


def read_data(data: bytes, path: str, known: str = "") -> Read:
    """As `read_file`, of the content of a file."""
    digest = digest_of(data)
    if digest == known:
        return Read(path, digest)
    document = read_text(data, path)
    if isinstance(document, Problem):
        return Read(path, digest, (document,))
    check = check_contract if path.endswith(CONTRACTS) else check_product
    broken = check(document)
    return Read(path, digest, tuple(broken)) if broken else judged(document, digest)


def judged(document: Document, digest: str = "") -> Read:
    """A document that keeps its standard, with what else is wrong with it by itself."""
    contract = document.file.endswith(CONTRACTS)
    wrong = (*check_properties(document, product=not contract), *check_status(document))
    facts = _of_contract(document) if contract else _of_product(document)
    content = marshal.dumps(dict(document.content))
    return Read(document.file, digest or digest_of(content), (), wrong, facts, content)


def _of_contract(document: Document) -> Facts:
    content = document.content
    references = tuple(referenced_files(document))
    return Facts(id=content["id"], version=content["version"], references=references)


def _of_product(document: Document) -> Facts:
    ports = document.content.get("outputPorts") or ()
    contracts = dict.fromkeys(p["contractId"] for p in ports if "contractId" in p)
    return Facts(tuple(contracts), custom_property(document.content, ARTEFACTS) is not None)


def read_files(mesh: Path, paths: Sequence[tuple[str, str]]) -> Iterator[Read]:
    """Every file, given with the digest it had, in order; very many by several processes."""
    processes = min(os.cpu_count() or 1, 8)
    done = 0
    if len(paths) >= MANY and processes > 1:
        chunks = [paths[at : at + CHUNK] for at in range(0, len(paths), CHUNK)]
        context = multiprocessing.get_context("spawn")
        try:
            with ProcessPoolExecutor(processes, mp_context=context) as pool:
                for some in pool.map(partial(_read_some, mesh), chunks):
                    yield from some
                    done += len(some)
        except (BrokenProcessPool, OSError) as error:
            _log.warning("files are read by one process: %s", error)
    for path, known in paths[done:]:
        yield read_file(mesh, path, known)


def _read_some(mesh: Path, paths: Sequence[tuple[str, str]]) -> list[Read]:
    return [read_file(mesh, path, known) for path, known in paths]


class LazyLines(Mapping[Place, int]):
    """The lines of a document's values, which are found out when something is wrong with one."""

    def __init__(self, path: str, data: Callable[[], bytes | Problem]) -> None:
        self._path = path
        self._data = data
        self._lines: Mapping[Place, int] | None = None

    def _found(self) -> Mapping[Place, int]:
        if self._lines is None:
            data = self._data()
            document = data if isinstance(data, Problem) else read_text(data, self._path)
            self._lines = {} if isinstance(document, Problem) else document.lines
        return self._lines

    def __getitem__(self, place: Place) -> int:
        return self._found()[place]

    def __iter__(self) -> Iterator[Place]:
        return iter(self._found())

    def __len__(self) -> int:
        return len(self._found())
