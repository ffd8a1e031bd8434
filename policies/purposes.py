"""The tree of purposes: a right for a purpose is a right for everything below it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable


class PurposeTree:
    """Purposes and their parents (``g2`` rows, without cycles). Immutable."""

    __slots__ = ("_ancestors", "_children", "_parents")

    def __init__(self, links: Iterable[tuple[str, str]]) -> None:
        self._parents: dict[str, list[str]] = defaultdict(list)
        self._children: dict[str, list[str]] = defaultdict(list)
        for purpose, parent in links:
            self._parents[purpose].append(parent)
            self._children[parent].append(purpose)
        self._ancestors = {
            purpose: _closure((purpose,), self._parents) for purpose in self._parents
        }

    def ancestors(self, purpose: str) -> frozenset[str]:
        """The purpose itself and everything above it; nothing for no purpose (``""``)."""
        known = self._ancestors.get(purpose)
        if known is not None:
            return known
        return frozenset((purpose,)) if purpose else frozenset()

    def descendants(self, purposes: Iterable[str]) -> frozenset[str]:
        """The purposes themselves and everything below any of them."""
        return _closure(purposes, self._children)


def _closure(start: Iterable[str], steps: dict[str, list[str]]) -> frozenset[str]:
    found = set(start)
    queue = list(found)
    while queue:
        for name in steps.get(queue.pop(), ()):
            if name not in found:
                found.add(name)
                queue.append(name)
    return frozenset(found)
