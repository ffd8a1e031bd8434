"""What policies go by of every dataset of a mesh, in arrays: for questions about all of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from policies.matching import Segments, is_column
from policies.request import Resource

Bools = npt.NDArray[np.bool_]

Place = tuple[slice, Bools | None]
"""A stretch of datasets, and which of them are meant; None: each."""

Location = tuple[str, str, str, str]
"""Domain, product, dataset and version."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")


@dataclass(frozen=True, slots=True)
class Traits:
    """All that policies know of a dataset but its address; many datasets have the same.

    `columns` says how many columns have which tags, `unnamed` how many have a name that no address
    can hold.
    """

    tags: frozenset[str] = frozenset()
    columns: tuple[tuple[frozenset[str], int], ...] = ()
    unnamed: int = 0
    row_filters: frozenset[str] = frozenset()
    requires_row_filter: bool = False
    requires_purpose: bool = False
    unpublished: bool = False
    purposes: frozenset[str] = frozenset()

    @classmethod
    def of(cls, resource: Resource) -> Traits:
        """Those of a resource."""
        counts: dict[frozenset[str], int] = {}
        unnamed = 0
        for name, tags in resource.columns:
            if is_column(name):
                counts[tags] = counts.get(tags, 0) + 1
            else:
                unnamed += 1
        return cls(
            resource.tags,
            tuple(sorted(counts.items(), key=lambda entry: sorted(entry[0]))),
            unnamed,
            resource.row_filters,
            resource.requires_row_filter,
            resource.requires_purpose,
            resource.unpublished,
            resource.purposes,
        )

    @property
    def width(self) -> int:
        """How many columns there are."""
        return self.unnamed + sum(count for _, count in self.columns)


class Estate:
    """The datasets of a mesh at their positions, those of one product next to each other.

    `traits` are the distinct ones, `of` says for each dataset which it has. `valid` are the
    datasets whose address is one: nothing is allowed over others. `products` are the places
    datasets may have, in order, and `product` says for each dataset which is its own. Immutable.
    """

    def __init__(self, locations: Sequence[Location], traits: Iterable[Traits]) -> None:
        """ValueError unless the datasets of each domain, and of each product, stand together."""
        self.traits, self.of = _distinct(traits)
        if len(self.of) != len(locations):
            raise ValueError(f"{len(locations)} datasets with {len(self.of)} traits")
        names: dict[str, int] = {}
        parts = [
            _codes(names.setdefault(each[part], len(names)) for each in locations)
            for part in range(4)
        ]
        self._names = names
        self._product_name, self._name, self._version = parts[1:]
        good = np.fromiter((_NAME.match(n) is not None for n in names), np.bool_, len(names))
        self.valid: Bools = np.ones(len(locations), np.bool_)
        for part in parts:
            self.valid &= good[part]
        products: dict[tuple[str, str], int] = {}
        self.product = _codes(products.setdefault(each[:2], len(products)) for each in locations)
        self.products = tuple(products)
        self._stretches: dict[str | tuple[str, str], slice] = {}
        if np.any(np.diff(self.product) < 0):
            raise ValueError("the datasets of a product have to stand together")
        bounds = np.searchsorted(self.product, np.arange(len(products) + 1))
        for number, (domain, product) in enumerate(products):
            start, stop = int(bounds[number]), int(bounds[number + 1])
            self._stretches[domain, product] = slice(start, stop)
            whole = self._stretches.get(domain)
            if whole is not None and whole.stop != start:
                raise ValueError("the datasets of a domain have to stand together")
            self._stretches[domain] = slice(whole.start if whole else start, stop)

    def __len__(self) -> int:
        return len(self.of)

    def stretch(self, number: int) -> range:
        """The positions of the datasets of a product, by its place in `products`."""
        found = self._stretches[self.products[number]]
        return range(found.start, found.stop)

    def places(self, pattern: Segments, domains: str) -> Iterator[Place]:
        """Where a pattern leads in these domains (``a|b``, or ``*``): to datasets, not columns."""
        domain, product, name, version, _ = pattern
        allowed = None if domains == "*" else dict.fromkeys(domains.split("|"))
        if domain != "*":
            stretches = [domain] if allowed is None or domain in allowed else []
        else:
            stretches = [] if allowed is None else list(allowed)
            if allowed is None:
                yield from self._within(slice(0, len(self)), product, name, version)
        for each in stretches:
            key = each if product == "*" else (each, product)
            if key in self._stretches:
                yield from self._within(self._stretches[key], "*", name, version)

    def _within(self, stretch: slice, product: str, name: str, version: str) -> Iterator[Place]:
        mask: Bools | None = None
        for text, codes in (
            (product, self._product_name),
            (name, self._name),
            (version, self._version),
        ):
            if text == "*":
                continue
            code = self._names.get(text)
            if code is None:
                return
            equal = codes[stretch] == code
            mask = equal if mask is None else mask & equal
        yield stretch, mask


def _distinct(traits: Iterable[Traits]) -> tuple[tuple[Traits, ...], npt.NDArray[np.int32]]:
    """The distinct ones, and which of them each is. Mostly equal ones are one object."""
    known: dict[Traits, int] = {}
    seen: dict[int, tuple[Traits, int]] = {}
    codes = []
    for each in traits:
        found = seen.get(id(each))
        if found is None:
            found = seen[id(each)] = (each, known.setdefault(each, len(known)))
        codes.append(found[1])
    return tuple(known), np.array(codes, np.int32)


def _codes(numbers: Iterable[int]) -> npt.NDArray[np.int32]:
    return np.fromiter(numbers, np.int32)
