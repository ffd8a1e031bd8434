"""The datasets of a compiled catalogue, each made when somebody looks at it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import overload
from weakref import WeakValueDictionary

from gateway.catalogue.codec import unpack
from gateway.catalogue.compilation import Product
from gateway.errors import InternalError
from gateway.model import Dataset
from policies.memory import Memory

REMEMBERED = 8192
"""Datasets that are kept made up; others are made again, unless somebody still holds them."""


class CompiledDatasets(Sequence[Dataset]):
    """Datasets by their products and their places there. Safe to use from many threads.

    As long as anybody holds the dataset of a position, it is always the same object.
    """

    def __init__(self, places: Sequence[tuple[Product, int]]) -> None:
        self._places = places
        self._recent: Memory[int, Dataset] = Memory(REMEMBERED)
        self._made: WeakValueDictionary[int, Dataset] = WeakValueDictionary()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, position: int) -> Dataset: ...

    @overload
    def __getitem__(self, position: slice) -> Sequence[Dataset]: ...

    def __getitem__(self, position: int | slice) -> Dataset | Sequence[Dataset]:
        if isinstance(position, slice):
            return [self[each] for each in range(*position.indices(len(self)))]
        known = self._recent.get(position)
        if known is not None:
            return known
        product, place = self._places[position]
        position %= len(self)
        found = self._made.get(position)
        if found is None:
            try:
                made = unpack(product.datasets, place)
            except ValueError as error:
                raise InternalError(f"the compiled catalogue is broken: {error}") from error
            with self._lock:
                found = self._made.setdefault(position, made)
        self._recent.put(position, found)
        return found

    def __iter__(self) -> Iterator[Dataset]:
        return (self[position] for position in range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(other) != len(self):
            return False
        return all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]
