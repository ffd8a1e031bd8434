"""Deprecation: what a contract says of its end, in the custom property ``mesh.deprecation``.

``{reason: ..., successor: mesh://domain/product/dataset@version, ends: 2027-01-31}``, all of it
optional, of the contract or of one of its schema objects (which then counts instead). It belongs
to what is deprecated or retired: on a dataset that is neither, its readers would not hear of it.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from gateway.catalogue.document import Document
from gateway.catalogue.governance import DEPRECATION
from gateway.catalogue.keys import Promised
from gateway.catalogue.problems import Path, Problem
from gateway.errors import GatewayError, did_you_mean
from gateway.model import Address, Dataset, Deprecation

ENDING = frozenset({"deprecated", "retired"})
"""The states that a deprecation belongs to."""

_KEYS = ("reason", "successor", "ends")


class DeprecationError(Exception):
    """A part of it can not be: `key` says which, "" is all of it."""

    def __init__(self, key: str, rule: str) -> None:
        super().__init__(rule)
        self.key = key


def read_deprecation(contract: Document, path: Path, status: str) -> Deprecation | Problem | None:
    """What the contract says of the end of its schema object at `path`; None if nothing."""
    found = _lookup(contract, path)
    if found is None:
        return None
    value, place = found
    try:
        deprecation = parse_deprecation(value)
        if status not in ENDING:
            raise DeprecationError("", f"belongs to what is deprecated; the status is {status}")
    except DeprecationError as error:
        return contract.problem((*place, error.key) if error.key else place, str(error))
    return deprecation


def parse_deprecation(value: Any) -> Deprecation:
    """The value of the property. Raises DeprecationError."""
    if not isinstance(value, dict):
        raise DeprecationError("", "must be a mapping with reason, successor and ends")
    for key, part in value.items():
        if key not in _KEYS:
            hint = did_you_mean(key, _KEYS) or f"there are {', '.join(_KEYS)}"
            raise DeprecationError(key, f"is not known here; {hint}")
        if not isinstance(part, str) or not part.strip():
            raise DeprecationError(key, "must be text")
    successor, ends = value.get("successor", ""), value.get("ends", "")
    if successor:
        try:
            address = Address.parse(successor)
        except GatewayError as error:
            raise DeprecationError("successor", f"{error.message}; {error.hint}") from None
        if address.column:
            raise DeprecationError("successor", "must be a dataset, not a column")
    if ends:
        try:
            if datetime.date.fromisoformat(ends).isoformat() != ends:
                raise ValueError
        except ValueError:
            raise DeprecationError("ends", f"{ends!r} is no date; write it 2027-01-31") from None
    return Deprecation(value.get("reason", "").strip(), successor, ends)


def successor_problems(
    promised: Iterable[Promised], known: Collection[Address]
) -> Iterator[Problem]:
    """Successors that are not `known` in the mesh, or are the dataset that they are to follow."""
    names = {_unversioned(address) for address in known}
    for each in promised:
        deprecation = each.dataset.deprecation
        if deprecation is None or not deprecation.successor:
            continue
        successor = Address.parse(deprecation.successor)
        found = successor in known if successor.version else _unversioned(successor) in names
        rule = ""
        if not found:
            hint = did_you_mean(str(successor), map(str, known))
            rule = f"there is no dataset {successor} in the mesh" + (f"; {hint}" if hint else "")
        elif successor == each.dataset.address:
            rule = "a dataset can not be its own successor"
        if rule:
            _, place = _lookup(each.contract, ("schema", each.position)) or (None, ())
            yield each.contract.problem((*place, "successor"), rule)


def successor_of(dataset: Dataset) -> Address | None:
    """What its owner has named to be read instead."""
    deprecation = dataset.deprecation
    named = deprecation.successor if deprecation else ""
    return Address.parse(named) if named else None


def _unversioned(address: Address) -> tuple[str, str, str]:
    return address.domain, address.product, address.dataset


def _lookup(contract: Document, path: Path) -> tuple[Any, Path] | None:
    element: Any = contract.content
    for step in path:
        element = element[step]
    for owner, at in ((element, path), (contract.content, ())):
        entries: list[Mapping[str, Any]] = owner.get("customProperties") or []
        for index, entry in enumerate(entries):
            if entry["property"] == DEPRECATION:
                return entry.get("value"), (*at, "customProperties", index, "value")
    return None
