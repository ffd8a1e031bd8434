"""Full-text search over the datasets of one catalogue: a tantivy index, ranked as words.py says.

The index knows all datasets with all columns, so it only proposes. What a caller is shown is
decided with the datasets as the caller sees them, and so are the scores.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
from bisect import insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import tantivy
from cachetools import LRUCache
from numpy.typing import NDArray

from gateway.catalogue.words import (
    MEMBERSHIP,
    WEIGHTS,
    WHOLE_NAME,
    Field,
    begins,
    letters_off,
    score,
    words_of,
)
from gateway.model import Dataset

Mask = NDArray[np.bool_]
"""For each dataset of a catalogue, in its order, whether something is so."""

Seen = Callable[[int], Dataset | None]
"""The dataset at a position with the columns a caller may know of; None when it may not know of it.

The very dataset that was indexed, where that is all the same.
"""

FEW = 2_000
"""Who may know of so many datasets at most is given an index of these alone."""

MAX_NARROW = 64
"""So many indexes of few datasets are kept."""

_LEAST_ASKED = 64
"""How many proposals are taken at a time, at least."""

FORM = 2
"""The form of indexes on disk: of another one, they are made anew."""

_WHOLE, _NUMBER = "whole", "number"
_BUFFER_BYTES = 1024**3
"""What the writer may hold at most: with all of an index in it, that becomes one segment."""

_log = logging.getLogger(__name__)

_Query = tantivy.Query
_MUST, _SHOULD = tantivy.Occur.Must, tantivy.Occur.Should


@dataclass(frozen=True, slots=True)
class Hit:
    """A dataset as its reader sees it, and how well it fits."""

    score: float
    dataset: Dataset


class SearchIndex:
    """The words of all datasets of one catalogue. Immutable; safe to use from many threads."""

    def __init__(self, index: tantivy.Index, datasets: Sequence[Dataset]) -> None:
        index.reload()
        self._searcher = index.searcher()
        self._one_segment = self._searcher.num_segments <= 1
        self._datasets = datasets
        self._narrow: LRUCache[bytes, tantivy.Searcher] = LRUCache(MAX_NARROW)
        self._lock = threading.Lock()

    @classmethod
    def make(cls, datasets: Sequence[Dataset], folder: Path | None = None) -> SearchIndex:
        """Index the datasets, in memory or in a `folder`, which is there only once it is whole."""
        if folder is None:
            everything = range(len(datasets))
            return cls(_written(datasets, everything, tantivy.Index(_SCHEMA)), datasets)
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        making = Path(tempfile.mkdtemp(prefix="making-", dir=folder.parent))
        try:
            _written(datasets, range(len(datasets)), tantivy.Index(_SCHEMA, path=str(making)))
            making.rename(folder)
        except OSError:
            if not folder.exists():  # else another gateway has made the same
                raise
        finally:
            shutil.rmtree(making, ignore_errors=True)
        return cls(tantivy.Index.open(str(folder)), datasets)

    @classmethod
    def stored(cls, datasets: Sequence[Dataset], folder: Path) -> SearchIndex | None:
        """The index that is in the folder; None when there is none, or it can not be used."""
        try:
            if not tantivy.Index.exists(str(folder)):
                return None
            found = cls(tantivy.Index.open(str(folder)), datasets)
        except (OSError, ValueError) as error:
            _log.info("the search index in %s is made anew: %s", folder, error)
            return None
        return found if found._searcher.num_docs == len(datasets) else None

    def find(
        self, words: Sequence[str], seen: Seen, most: int, visible: Mask | None = None
    ) -> list[Hit]:
        """At most so many datasets with all the words, the best first, then by address.

        `visible` are those a caller may know of, where that is known beforehand: what `seen` says
        counts in any case.
        """
        best: list[tuple[float, int, Dataset]] = []
        for bound, number in self._proposals(words, most, visible):
            # nothing is better than its proposal; of equals, those of one segment come in order
            first = number if self._one_segment else -1
            if len(best) >= most and (-bound, first) > best[most - 1][:2]:
                break
            shown = seen(number)
            if shown is None:
                continue
            whole = shown is self._datasets[number]
            worth = bound if whole else score(words_of(shown), words)
            if worth:
                entry = (-worth * MEMBERSHIP.get(shown.status, 1.0), number, shown)
                insort(best, entry, key=lambda found: found[:2])
                del best[most:]
        return [Hit(-negative, dataset) for negative, _, dataset in best]

    def _proposals(
        self, words: Sequence[str], most: int, visible: Mask | None
    ) -> Iterator[tuple[int, int]]:
        """Scores as they are to who sees all, the best first, and the numbers of datasets."""
        total = len(self._datasets)
        known = total if visible is None else int(np.count_nonzero(visible))
        if not known:
            return
        query, searcher = _query(words), self._searcher
        size = max(_LEAST_ASKED, 2 * most)
        if visible is not None and known <= FEW < total:
            searcher, visible = self._narrowed(visible), None
        elif visible is not None:
            size = size * total // known
        begun = 0
        while True:
            hits = searcher.search(query, size, count=False, offset=begun).hits
            places = [place for _, place in hits]
            numbers = cast("list[int]", searcher.fast_field_values(_NUMBER, places))
            for (worth, _), number in zip(hits, numbers, strict=True):
                if visible is None or visible[number]:
                    yield int(worth), number
            if len(hits) < size:
                return
            begun, size = begun + size, 4 * size

    def _narrowed(self, visible: Mask) -> tantivy.Searcher:
        """A searcher of these datasets alone, made once for all who may know of just these."""
        positions = np.flatnonzero(visible)
        key = positions.tobytes()
        with self._lock:
            found = self._narrow.get(key)
        if found is None:
            index = _written(self._datasets, positions.tolist(), tantivy.Index(_SCHEMA))
            index.reload()
            found = index.searcher()
            with self._lock:
                self._narrow[key] = found
        return found


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    for field in Field:
        builder.add_text_field(field.value, tokenizer_name="whitespace", index_option="basic")
    builder.add_text_field(_WHOLE, tokenizer_name="raw", index_option="basic")
    builder.add_unsigned_field(_NUMBER, fast=True)
    return builder.build()


_SCHEMA = _schema()


def _written(
    datasets: Sequence[Dataset], positions: Iterable[int], index: tantivy.Index
) -> tantivy.Index:
    writer = index.writer(_BUFFER_BYTES, 1)
    for number in positions:
        found = words_of(datasets[number])
        document = tantivy.Document()
        for field, words in found.words.items():
            document.add_text(field.value, " ".join(words))
        document.add_text(_WHOLE, found.whole)
        document.add_unsigned(_NUMBER, number)
        writer.add_document(document)
    writer.commit()
    writer.wait_merging_threads()
    return index


def _query(words: Sequence[str]) -> tantivy.Query:
    """Every word somewhere, and what `score` makes of that for a dataset with all its columns."""
    parts = [
        (_MUST, _anywhere(word, begins(word, number == len(words))))
        for number, word in enumerate(words, start=1)
    ]
    parts.append((_SHOULD, _worth(_Query.term_query(_SCHEMA, _WHOLE, " ".join(words)), WHOLE_NAME)))
    return _Query.boolean_query(parts)


def _anywhere(word: str, prefix: bool) -> tantivy.Query:
    ways = []
    off = letters_off(word)
    for field, weights in WEIGHTS.items():

        def fuzzy(distance: int, beginning: bool = False, name: str = field.value) -> tantivy.Query:
            return _Query.fuzzy_term_query(_SCHEMA, name, word, distance, prefix=beginning)

        ways.append(_worth(_Query.term_query(_SCHEMA, field.value, word), weights.exact))
        if prefix:
            ways.append(_worth(fuzzy(0, True), weights.prefix))
        if off >= 1 and weights.near:
            ways.append(_worth(fuzzy(1), weights.near))
        if off >= 2 and weights.far:
            ways.append(_worth(fuzzy(2), weights.far))
    return _Query.disjunction_max_query(ways)


def _worth(query: tantivy.Query, points: int) -> tantivy.Query:
    return _Query.const_score_query(query, float(points))
