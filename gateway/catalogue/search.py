"""The search of a gateway: an index of its catalogue, made anew when that changes.

A small catalogue is indexed by whoever asks first. The index of a large one takes a while: it is
made in the background and kept on disk, and until then the former one proposes what there was.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

from gateway.catalogue.catalogue import Catalogue
from gateway.catalogue.search_index import FORM, Hit, Mask, SearchIndex
from gateway.catalogue.words import asked
from gateway.errors import Busy
from gateway.model import Dataset

FOLDER = Path("state", "search")
"""Where the indexes of a mesh are, one for each state of its catalogue."""

AT_ONCE = 2_000
"""So many datasets are indexed while somebody waits."""

WAIT_SECONDS = 5.0
"""How long a search waits for the first index of a large catalogue."""

_log = logging.getLogger(__name__)


class Search:
    """Finds datasets by words. Safe to use from many threads.

    With a `folder`, indexes of large catalogues are kept there.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._making = threading.Lock()
        self._current: tuple[Catalogue, SearchIndex] | None = None

    def find(
        self,
        catalogue: Catalogue,
        text: str,
        at: Callable[[int], Dataset | None],
        most: int,
        visible: Mask | None = None,
    ) -> list[Hit]:
        """At most so many datasets of the catalogue with every word of the text, the best first.

        `at` is what the caller may see of the dataset at a position of the catalogue, `visible`
        whether it is anything. Raises UserError, LimitExceeded for a text that can not be looked
        for, Busy while there is no index yet.
        """
        words = asked(text)
        indexed, index = self._for(catalogue)
        if indexed is catalogue:
            return index.find(words, at, most, visible)
        return index.find(words, _now(indexed, catalogue, at), most)

    def prepare(self, catalogue: Catalogue) -> None:
        """Make or load the index of a large catalogue, if it is not there yet."""
        if len(catalogue.datasets) > AT_ONCE:
            with self._making:
                self._made(catalogue)

    def _for(self, catalogue: Catalogue) -> tuple[Catalogue, SearchIndex]:
        current = self._current
        if current is not None and current[0] is catalogue:
            return current
        small = len(catalogue.datasets) <= AT_ONCE
        if current is not None and not small:
            return current
        if not self._making.acquire(timeout=-1 if small else WAIT_SECONDS):
            raise Busy("the index of the catalogue is being made")
        try:
            return self._made(catalogue)
        finally:
            self._making.release()

    def _made(self, catalogue: Catalogue) -> tuple[Catalogue, SearchIndex]:
        """The index of the catalogue, by whoever holds the lock."""
        current = self._current
        if current is None or current[0] is not catalogue:
            current = self._current = (catalogue, self._index(catalogue))
        return current

    def _index(self, catalogue: Catalogue) -> SearchIndex:
        datasets = catalogue.datasets
        if self._folder is None or len(datasets) <= AT_ONCE:
            return SearchIndex.make(datasets)
        folder = self._folder / f"{FORM}-{catalogue.version}"
        stored = SearchIndex.stored(datasets, folder)
        if stored is None:
            shutil.rmtree(folder, ignore_errors=True)
            stored = SearchIndex.make(datasets, folder)
            self._drop_others(folder)
        return stored

    def _drop_others(self, kept: Path) -> None:
        """Remove indexes of former states. One that another gateway reads stays open to it."""
        for other in kept.parent.iterdir():
            if other != kept and not other.name.startswith("making-"):
                shutil.rmtree(other, ignore_errors=True)


def _now(
    former: Catalogue, catalogue: Catalogue, at: Callable[[int], Dataset | None]
) -> Callable[[int], Dataset | None]:
    """What the caller may see now of a dataset, by its position in a former catalogue."""

    def seen(position: int) -> Dataset | None:
        address = former.entries[position].address
        parts = (address.domain, address.product, address.dataset)
        for now in catalogue.positions(parts):
            if catalogue.entries[now].address == address:
                return at(now)
        return None

    return seen
