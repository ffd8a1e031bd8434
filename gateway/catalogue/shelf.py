"""Where the compiled catalogue of a mesh folder is kept between two starts of a gateway.

It is taken only if it is whole, and was made by the same rules: by the same code, with the same
connectors, of the same folder. Anything else is as if there were nothing.
"""

from __future__ import annotations

import functools
import hashlib
import logging
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

import gateway
import policies
from gateway.catalogue.bindings import known_connectors
from gateway.catalogue.compilation import Compilation, KnownFile, Product
from gateway.catalogue.many_objects import many_objects
from gateway.errors import MemoryUnavailable
from gateway.memory.store import Store, Writing

_log = logging.getLogger(__name__)

_STANDARDS = ("open-data-contract-standard", "dataproduct-cli", "pyyaml", "pyarrow", "sqlglot")
"""Packages that say it as well."""


class Shelf:
    """Of one mesh folder in a store."""

    def __init__(self, store: Store, mesh: Path) -> None:
        self._store = store
        self._place = str(mesh.absolute())
        self._kept = Compilation()
        self._state = ""

    def load(self) -> Compilation:
        """What is kept; nothing of what can not be believed."""
        try:
            with many_objects():
                found = self._load()
        except (MemoryUnavailable, ValueError) as error:
            _log.warning("the compiled catalogue can not be used: %s", error)
            found = None
        if found is not None:
            self._kept, self._state = found
        return self._kept

    def _load(self) -> tuple[Compilation, str] | None:
        with self._store.reading() as reading:
            where = (self._place,)
            marks = reading.rows(
                "SELECT code, state, artefacts FROM catalogue_places WHERE place = ?", where
            )
            if not marks or marks[0][0] != code():
                return None
            files = reading.rows(
                "SELECT path, look, digest, facts FROM catalogue_files WHERE place = ?", where
            )
            products = reading.rows(
                "SELECT path, basis, targets, summary, datasets FROM catalogue_products"
                " WHERE place = ?",
                where,
            )
        state = str(marks[0][1])
        complete = state.endswith("complete")
        found = Compilation(
            {path: KnownFile(*rest) for path, *rest in files},
            {path: Product(*rest) for path, *rest in products},
            complete,
            str(marks[0][2]),
        )
        if _state(found) != state:
            raise ValueError("its parts do not belong together")
        return found, state

    def save(self, compilation: Compilation) -> None:
        """Keep this instead, should it be another; nothing is kept where the store has a fault."""
        state = _state(compilation)
        if state == self._state:
            return
        try:
            with self._store.writing() as writing:
                self._save(writing, compilation, state)
        except MemoryUnavailable as error:
            _log.warning("the compiled catalogue can not be kept: %s", error)
            self._kept, self._state = Compilation(), ""
            return
        self._kept, self._state = compilation, state

    def _save(self, writing: Writing, compilation: Compilation, state: str) -> None:
        where = (self._place,)
        marks = writing.rows("SELECT code, state FROM catalogue_places WHERE place = ?", where)
        mine = (code(), self._state)
        if [tuple(mark) for mark in marks] != [mine]:  # another gateway's, or an older one's
            for table in ("files", "products"):
                writing.execute(f"DELETE FROM catalogue_{table} WHERE place = ?", where)
            before = Compilation()
        else:
            before = self._kept
        self._save_rows(writing, "files", before.files, compilation.files)
        self._save_rows(writing, "products", before.products, compilation.products)
        writing.execute("DELETE FROM catalogue_places WHERE place = ?", where)
        writing.execute(
            "INSERT INTO catalogue_places VALUES (?, ?, ?, ?)",
            (self._place, code(), state, compilation.artefacts),
        )

    def _save_rows(
        self,
        writing: Writing,
        table: str,
        old: Mapping[str, KnownFile | Product],
        new: Mapping[str, KnownFile | Product],
    ) -> None:
        """Bring a table up to date: only what differs is touched."""
        changed = {path for path, value in new.items() if old.get(path) != value}
        marks = "?, ?, ?, ?, ?" if table == "files" else "?, ?, ?, ?, ?, ?"
        writing.execute_many(
            f"DELETE FROM catalogue_{table} WHERE place = ? AND path = ?",
            [(self._place, path) for path in old if path not in new or path in changed],
        )
        writing.execute_many(
            f"INSERT INTO catalogue_{table} VALUES ({marks})",
            ((self._place, path, *_row(new[path])) for path in changed),
        )


def _row(value: KnownFile | Product) -> tuple[str, ...]:
    if isinstance(value, KnownFile):
        return (value.look, value.digest, value.facts)
    return (value.basis, value.targets, value.summary, value.datasets)


def _state(compilation: Compilation) -> str:
    """What tells that rows belong together, and are as they were written."""
    digest = hashlib.sha256(compilation.artefacts.encode())
    kinds: tuple[Mapping[str, KnownFile | Product], ...]
    kinds = (compilation.files, compilation.products)
    for kept in kinds:
        for path in sorted(kept):
            digest.update("\0".join((path, *_row(kept[path]), "")).encode())
        digest.update(b"\0\0")
    return f"{digest.hexdigest()} {'complete' if compilation.complete else 'partial'}"


@functools.cache
def code() -> str:
    """Changes whenever equal files could be read as something else."""
    digest = hashlib.sha256()
    for file in sorted(_files()):
        digest.update(file.read_bytes())
    digest.update(repr(sorted(known_connectors())).encode())
    digest.update(repr([metadata.version(name) for name in _STANDARDS]).encode())
    return digest.hexdigest()[:32]


def _files() -> Iterator[Path]:
    """The code that says what files mean."""
    own, of_policies = Path(gateway.__path__[0]), Path(policies.__path__[0])
    yield own / "model.py"
    yield from (own / "catalogue").glob("*.py")
    yield from of_policies.glob("*.py")
