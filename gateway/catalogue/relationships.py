"""Foreign keys that a source declares, written into contracts as ODCS `relationships`.

Each has a mark, `mesh.declared: source`, so that a second publication replaces these and keeps what
people have written themselves.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.interface import ForeignKeyInfo, ObjectInfo
from gateway.catalogue.governance import DECLARED_BY_SOURCE
from gateway.catalogue.merging import without

_NAME = re.compile(r"[A-Za-z0-9_-]+\Z")
_FILE = re.compile(r"[A-Za-z0-9._-]+\.ya?ml\Z")
_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Contracted:
    """An object of a source with the contract that is written for it.

    `file` is the contract's name in its product's folder, `place` where in it the object stands.
    """

    info: ObjectInfo
    contract: Mapping[str, Any]
    file: str
    place: int

    @property
    def element(self) -> Mapping[str, Any]:
        """The schema object."""
        found: Mapping[str, Any] = self.contract["schema"][self.place]
        return found


class _Unwritable(Exception):
    """Why a key can not be written."""


def related(
    published: Sequence[Contracted], before: Sequence[Contracted]
) -> tuple[list[dict[str, Any]], list[str]]:
    """The contracts with the keys of their objects, and why some keys are left out.

    Keys may refer to what was published `before` as well.
    """
    all_of = [*published, *before]
    contracts, left_out = [], []
    for each in published:
        element = _without_declared(each.element)
        for key in each.info.foreign_keys:
            try:
                _add(element, key, each, _target(key, all_of))
            except _Unwritable as reason:
                columns = ", ".join(key.columns)
                left_out.append(f"the foreign key ({columns}) of {each.info.name}: {reason}")
        objects = list(each.contract["schema"])
        objects[each.place] = element
        contracts.append({**each.contract, "schema": objects})
    return contracts, left_out


def _without_declared(element: Mapping[str, Any]) -> dict[str, Any]:
    """The object without what an earlier publication has declared; its columns are copies."""
    columns = [_own(column) for column in element["properties"]]
    return {**_own(element), "properties": columns}


def _own(part: Mapping[str, Any]) -> dict[str, Any]:
    if "relationships" not in part:
        return dict(part)
    kept = [
        r
        for r in part["relationships"]
        if DECLARED_BY_SOURCE not in (r.get("customProperties") or ())
    ]
    rest = without(part, {"relationships"})
    return {**rest, "relationships": kept} if kept else rest


def _target(key: ForeignKeyInfo, published: list[Contracted]) -> Contracted:
    """What the key refers to; some sources do not mind the case of letters."""
    for same in (str, str.casefold):
        found = [each for each in published if same(each.info.name) == same(key.target)]
        if len(found) == 1:
            return found[0]
    raise _Unwritable(f"{key.target} is not published in this version")


def _add(
    element: dict[str, Any], key: ForeignKeyInfo, source: Contracted, target: Contracted
) -> None:
    columns = [_column(element, name, source.info.name) for name in key.columns]
    names = key.target_columns or target.info.primary_key
    if len(names) != len(columns):
        raise _Unwritable(f"{key.target} has no key of {len(columns)} columns")
    here = target.file == source.file
    place = _step(target.element)
    if not here and not _FILE.match(target.file):
        raise _Unwritable(f"ODCS has no reference to {target.file}")
    prefix = "" if here else f"{target.file}#/"
    to = []
    for name in names:
        column = _column(target.element, name, target.info.name)
        to.append(f"{prefix}schema/{place}/properties/{_step(column)}")
    name = _NOT_IN_IDS.sub("_", key.name)
    declared = {**({"id": name} if name else {}), "type": "foreignKey"}
    mark = {"customProperties": [dict(DECLARED_BY_SOURCE)]}
    if len(columns) == 1:
        held = columns[0]
        written: dict[str, Any] = {**declared, "to": to[0], **mark}
    else:
        held = element
        own = [f"schema/{_step(element)}/properties/{_step(column)}" for column in columns]
        written = {**declared, "from": own, "to": to, **mark}
    held["relationships"] = [*(held.get("relationships") or ()), written]


def _column(element: Mapping[str, Any], name: str, of: str) -> dict[str, Any]:
    for same in (str, str.casefold):
        found = [c for c in element["properties"] if same(c["name"]) == same(name)]
        if len(found) == 1:
            column: dict[str, Any] = found[0]
            return column
    raise _Unwritable(f"{of} has no column {name}")


def _step(part: Mapping[str, Any]) -> str:
    """What a reference calls an object or a column."""
    step = str(part.get("id", part["name"]))
    if not _NAME.match(step):
        raise _Unwritable(f"ODCS has no reference to {step!r}; give it an id in the contract")
    return step
