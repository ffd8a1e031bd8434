"""Differences of meaning between two states of a mesh: what a publication changes for readers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from connectors.interface import COMMENT
from gateway.model import Address, Artefact, Dataset

ADDED, REMOVED, CHANGED = "+", "-", "~"

_OF_DATASET = (
    *("status", "deprecation", "title", "description", "usage", "limitations", "owner", "team"),
    *("tags", "primary_key", "foreign_keys", "row_filters", "requires_row_filter"),
    *("requires_purpose", "purposes", "residency", "quality", "promises", "view", "binding"),
)
_OF_ARTEFACT = (
    *("kind", "status", "way", "uses", "title", "description", "tags", "owner"),
    "requires_purpose",
)
_UNSHOWN = frozenset({"binding", "view", "row_filters", "quality", "promises", "team", "way"})
"""What is named when it changes, but too long to be written out."""


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
        yield f"+ column {_column(field)}"


def _column(field: pa.Field) -> str:
    return f"{field.name} {field.type}{'' if field.nullable else ' required'}"


def _changes(was: Dataset | Artefact, is_: Dataset | Artefact) -> Iterator[str]:
    if isinstance(was, Dataset) and isinstance(is_, Dataset):
        yield from _columns(was, is_)
        yield from _fields(was, is_, _OF_DATASET)
    elif isinstance(was, Artefact) and isinstance(is_, Artefact):
        yield from _fields(was, is_, _OF_ARTEFACT)
    else:
        yield f"~ was a {_kind(was)}"


def _fields(was: object, is_: object, names: Iterable[str]) -> Iterator[str]:
    for name in names:
        old, new = getattr(was, name), getattr(is_, name)
        if old == new:
            continue
        words = name.replace("_", " ")
        if name in _UNSHOWN:
            yield f"~ {words}"
        else:
            yield f"~ {words}: {_shown(old)} -> {_shown(new)}"


def _shown(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, tuple):
        return ", ".join(map(_shown, value)) or "none"
    if isinstance(value, str) and (not value or " " in value):
        return repr(value)
    return str(value)


def _columns(was: Dataset, is_: Dataset) -> Iterator[str]:
    old, new = _by_name(was.schema), _by_name(is_.schema)
    for name, field in old.items():
        if name not in new:
            yield f"- column {_column(field)}"
    for name, field in new.items():
        if name not in old:
            yield f"+ column {_column(field)}"
        elif said := ", ".join(_of_column(name, old[name], field, was, is_)):
            yield f"~ column {name}: {said}"
    if list(old) != list(new) and set(old) == set(new):
        yield "~ the order of the columns"


def _by_name(schema: pa.Schema) -> Mapping[str, pa.Field]:
    return {field.name: field for field in schema}


def _of_column(
    name: str, old: pa.Field, new: pa.Field, was: Dataset, is_: Dataset
) -> Iterator[str]:
    if old.type != new.type:
        yield f"{old.type} -> {new.type}"
    if old.nullable != new.nullable:
        yield "may be NULL now" if new.nullable else "is never NULL now"
    tags = was.column_tags.get(name, ()), is_.column_tags.get(name, ())
    if tags[0] != tags[1]:
        yield f"tags {_shown(tags[0])} -> {_shown(tags[1])}"
    if was.terms.get(name) != is_.terms.get(name):
        yield "business term"
    if (old.metadata or {}).get(COMMENT) != (new.metadata or {}).get(COMMENT):
        yield "description"
