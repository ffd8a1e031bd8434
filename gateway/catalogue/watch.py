"""The catalogue of a running gateway: replaced as a whole when the files of its mesh change."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from gateway.catalogue.catalogue import Catalogue
from gateway.catalogue.files import Look, scan, settled
from gateway.catalogue.shelf import Shelf
from gateway.errors import GatewayError
from gateway.memory.store import Store

_log = logging.getLogger(__name__)

Changed = Callable[[Catalogue | None, Catalogue], None]
"""Told of the catalogue before and the one that is now; before the first there is none."""

Load = Callable[[Path, Shelf | None, Catalogue | None], Catalogue]
"""`Catalogue.load`, and what else is to be right."""

REST = 20
"""Looking for changes rests so many times as long as it took: a large mesh is looked at less often,
not at the cost of its requests."""

PAUSE_SECONDS = 0.3
"""So long nothing may have been written to files before they are read."""


class CatalogueWatch:
    """Holds the catalogue in use. Safe to use from many threads.

    With a `mesh` it follows the files there. Of a mesh that is wrong nothing counts: the last good
    catalogue stays in use, and `problems` says what is wrong.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        mesh: Path | None = None,
        shelf: Shelf | None = None,
        load: Load = Catalogue.load,
    ) -> None:
        self._catalogue = catalogue
        self._mesh = mesh
        self._shelf = shelf
        self._load = load
        self._seen = _looks(catalogue)
        self._problems = ""
        self._listeners: list[Changed] = []
        self._lock = threading.RLock()
        self._looking = threading.Lock()
        self._resting_until = 0.0

    @classmethod
    def over(cls, mesh: Path, store: Store | None, load: Load = Catalogue.load) -> CatalogueWatch:
        """Of the files of a mesh folder, their compiled form in a store.

        Raises CatalogueError for anything wrong in them.
        """
        shelf = None if store is None else Shelf(store, mesh)
        return cls(load(mesh, shelf, None), mesh, shelf, load)

    @property
    def current(self) -> Catalogue:
        """The catalogue in use: whoever needs it twice takes it once."""
        return self._catalogue

    @property
    def problems(self) -> str:
        """Why the files of the mesh are not what is in use; "" when they are."""
        return self._problems

    def on_change(self, changed: Changed) -> None:
        """Call back now, and after every replacement, one after the other.

        What a listener raises is logged and keeps nothing else from being told.
        """
        with self._lock:
            self._listeners.append(changed)
            self._tell(changed, None)

    def replace(self, catalogue: Catalogue) -> None:
        """Use another catalogue from now on; requests under way keep theirs."""
        with self._lock:
            before, self._catalogue = self._catalogue, catalogue
            for changed in self._listeners:
                self._tell(changed, before)

    def look(self, closing: threading.Event) -> None:
        """Look whether files have changed, and read those that have.

        While somebody is writing they wait: half a contract may be a good one without the tags and
        row filters that came last.
        """
        if self._mesh is None or time.monotonic() < self._resting_until or closing.is_set():
            return
        started = time.monotonic()
        found = scan(self._mesh)
        pause = 0.0
        if found != self._seen:
            pause = PAUSE_SECONDS
            if closing.wait(pause):
                return
            if scan(self._mesh) == found:
                self.refresh()
        ended = time.monotonic()
        self._resting_until = ended + REST * (ended - started - pause)

    def refresh(self) -> None:
        """`look` now, however long the last look took."""
        if self._mesh is None:
            return
        with self._looking:
            found = scan(self._mesh)
            if found != self._seen:
                self._reload(self._mesh, found)

    def _reload(self, mesh: Path, found: Mapping[str, Look]) -> None:
        now = time.time_ns()
        try:
            catalogue = self._load(mesh, self._shelf, self._catalogue)
        except GatewayError as error:
            # What may change again without looking otherwise is read again.
            self._seen = found if all(settled(look, now) for look in found.values()) else {}
            if str(error) != self._problems:
                self._problems = str(error)
                _log.error("the catalogue in use stays as it is: %s", error)
            return
        self._seen = _looks(catalogue)
        if self._problems:
            _log.info("the files of the catalogue are in order again")
        self._problems = ""
        if catalogue.version != self._catalogue.version:
            self.replace(catalogue)
            count = len(catalogue.datasets)
            _log.info("the catalogue %s is in use: %d datasets", catalogue.version, count)

    def _tell(self, changed: Changed, before: Catalogue | None) -> None:
        try:
            changed(before, self._catalogue)
        except Exception:
            _log.exception("a listener to changes of the catalogue failed")


def _looks(catalogue: Catalogue) -> Mapping[str, Look]:
    return {path: file.look for path, file in catalogue.compilation.files.items()}
