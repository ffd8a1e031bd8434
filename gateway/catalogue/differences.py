"""Differences of meaning between two states of a mesh: what a publication changes for readers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from gateway.catalogue.compatibility import changes_between
from gateway.model import Address, Artefact, Dataset

ADDED, REMOVED, CHANGED = "+", "-", "~"

_OF_DATASET = ("status", "deprecation", "binding", "usage", "limitations", "team")
"""What no version promises to its readers, and they may want to know of all the same."""

_OF_ARTEFACT = (
    *("kind", "status", "way", "uses", "title", "description", "tags", "owner"),
    "requires_purpose",
)
_UNSHOWN = frozenset({"binding", "team", "way"})
"""What is named when it changes, but too long to be written out, or not for every eye."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What happens to one dataset or artefact: `change` is ADDED, REMOVED or CHANGED.

    `details` says of a changed one what of it, a line each.
    """

    change: str
    kind: str
    address: Address
    details: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = "".join(f"\n    {detail}" for detail in self.details)
        return f"{self.change} {self.kind} {self.address}{lines}"


def differences(
    before: Iterable[Dataset | Artefact], after: Iterable[Dataset | Artefact]
) -> list[Difference]:
    """What changes from one state to the other, sorted by address."""
    old = {one.address: one for one in before}
    new = {one.address: one for one in after}
    found = []
    for address in sorted(old.keys() | new.keys()):
        was, is_ = old.get(address), new.get(address)
        if was is None and is_ is not None:
            found.append(Difference(ADDED, _kind(is_), address, tuple(_first(is_))))
        elif is_ is None and was is not None:
            found.append(Difference(REMOVED, _kind(was), address))
        elif was is not None and is_ is not None and (details := tuple(_changes(was, is_))):
            found.append(Difference(CHANGED, _kind(is_), address, details))
    return found


def _kind(one: Dataset | Artefact) -> str:
    return "dataset" if isinstance(one, Dataset) else one.kind


def _first(one: Dataset | Artefact) -> Iterator[str]:
    """The columns of a new dataset."""
    for field in one.schema if isinstance(one, Dataset) else ():
        yield f"+ column {field.name} {field.type}{'' if field.nullable else ' required'}"


def _changes(was: Dataset | Artefact, is_: Dataset | Artefact) -> Iterator[str]:
    """What readers care about with what it does to them, then the rest."""
    if isinstance(was, Dataset) and isinstance(is_, Dataset):
        yield from map(str, changes_between(was, is_))
        yield from _fields(was, is_, _OF_DATASET)
    elif isinstance(was, Artefact) and isinstance(is_, Artefact):
        yield from _fields(was, is_, _OF_ARTEFACT)
    else:
        yield f"was a {_kind(was)}"


def _fields(was: object, is_: object, names: Iterable[str]) -> Iterator[str]:
    for name in names:
        old, new = getattr(was, name), getattr(is_, name)
        if old == new:
            continue
        words = name.replace("_", " ")
        if name in _UNSHOWN:
            yield f"another {words}"
        else:
            yield f"{words}: {_shown(old)} -> {_shown(new)}"


def _shown(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, tuple):
        return ", ".join(map(_shown, value)) or "none"
    if isinstance(value, str) and (not value or " " in value):
        return repr(value)
    return str(value)
