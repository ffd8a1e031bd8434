"""Foreign keys: a contract's `relationships`, each end led to columns of datasets.

A reference names a column of the same contract (``customers.id`` by names, or
``schema/customers_tbl/properties/id_pk`` by ids), or of another one of the mesh, after the path of
its file from this one's: ``../crm/customers-1.0.0.odcs.yaml#/schema/customers/properties/id``. A
step of a path is an `id`, or the name of what has none. What is behind a URL is not of this mesh
and says nothing here; nor does a part of a nested column, which is no column.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gateway.catalogue.document import Document
from gateway.catalogue.governance import DECLARED_BY_SOURCE
from gateway.catalogue.problems import Path, Problem
from gateway.catalogue.versions import version_order
from gateway.errors import did_you_mean
from gateway.model import Address, Dataset, ForeignKey

_ELSEWHERE = ("http://", "https://")


@dataclass(frozen=True, slots=True)
class Promised:
    """A dataset with the schema object of the contract that declares it."""

    dataset: Dataset
    contract: Document
    position: int


@dataclass(frozen=True, slots=True)
class _Column:
    """What a reference leads to: a top-level column of a schema object."""

    contract: Document
    position: int
    name: str


class _WrongError(Exception):
    """A reference leads nowhere."""


Declared = Mapping[str, Mapping[int, Sequence[tuple[Address, str]]]]
"""The addresses and the status of the datasets that an object of a contract declares, by the file
of the contract and the object's place in it."""


def referenced_files(contract: Document) -> list[str]:
    """The contracts that its relationships refer to: their files, this one's own among them."""
    found: dict[str, None] = {}
    for element in contract.content.get("schema") or ():
        for holder in (element, *(element.get("properties") or ())):
            for declared in holder.get("relationships") or ():
                for end in ("from", "to"):
                    listed: Any = declared.get(end) or []
                    for reference in listed if isinstance(listed, list) else [listed]:
                        if not reference.startswith(_ELSEWHERE):
                            file, anchor, _ = reference.rpartition("#")
                            found[_file(contract, file) if anchor else contract.file] = None
    return list(found)


def _file(contract: Document, file: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(contract.file), file))


def with_foreign_keys(
    promised: Sequence[Promised], contracts: Mapping[str, Document], declared: Declared
) -> tuple[list[Dataset], list[Problem]]:
    """The datasets with their foreign keys, and what is wrong with the relationships.

    They may refer to any of the `contracts` of the mesh, and mean what these have `declared`.
    """
    mesh = _Mesh(contracts, declared)
    problems: list[Problem] = []
    datasets = []
    for each in promised:
        keys: list[ForeignKey] = []
        for found in _relationships(each, mesh):
            if isinstance(found, Problem):
                problems.append(found)
            elif not any(_same(found, key) for key in keys):  # of the source, and by hand as well
                keys.append(found)
        datasets.append(replace(each.dataset, foreign_keys=tuple(keys)) if keys else each.dataset)
    return datasets, problems


def _same(one: ForeignKey, other: ForeignKey) -> bool:
    return replace(one, name="") == replace(other, name="")


@dataclass(frozen=True, slots=True)
class _Mesh:
    """Contracts by their file, and the datasets each of their objects declares."""

    contracts: Mapping[str, Document]
    declared: Declared

    def target(self, column: _Column, source: Dataset) -> Address | None:
        """The dataset a column is of, of several that nearest to `source`; None: no port has it.

        Nearest is the same product, then the same version, then an active one, then the highest.
        """
        found = self.declared.get(column.contract.file, {}).get(column.position, ())
        here = source.address

        def near(dataset: tuple[Address, str]) -> tuple[object, ...]:
            there, status = dataset
            return (
                (there.domain, there.product) == (here.domain, here.product),
                there.version == here.version,
                status == "active",
                version_order(there.version or "0"),
            )

        nearest = max(found, key=near, default=None)
        return None if nearest is None else nearest[0]


def _relationships(each: Promised, mesh: _Mesh) -> Iterator[ForeignKey | Problem]:
    element = each.contract.content["schema"][each.position]
    at: Path = ("schema", each.position)
    for index, column in enumerate(element.get("properties") or ()):
        for number, declared in enumerate(column.get("relationships") or ()):
            place = (*at, "properties", index, "relationships", number)
            own = [_Column(each.contract, each.position, column["name"])]
            yield from _key(each, mesh, declared, place, own)
    for number, declared in enumerate(element.get("relationships") or ()):
        yield from _key(each, mesh, declared, (*at, "relationships", number), None)


def _key(
    each: Promised,
    mesh: _Mesh,
    declared: Mapping[str, Any],
    place: Path,
    own: list[_Column] | None,
) -> Iterator[ForeignKey | Problem]:
    """One relationship; nothing where an end of it is no column of a dataset of the mesh."""
    contract, end = each.contract, "from"
    try:
        sources = _columns(contract, declared["from"], mesh) if own is None else own
        if sources is not None and any(
            column.contract.file != contract.file or column.position != each.position
            for column in sources
        ):
            raise _WrongError("must name columns of the object it stands in")
        end = "to"
        targets = _columns(contract, declared["to"], mesh)
        if sources is None or targets is None:
            return
        if len(targets) != len(sources):
            raise _WrongError(f"names {len(targets)} columns for {len(sources)}")
        if len({(c.contract.file, c.position) for c in targets}) > 1:
            raise _WrongError("names columns of more than one object")
    except _WrongError as error:
        if DECLARED_BY_SOURCE in (declared.get("customProperties") or ()):
            return  # its source has changed since: only what people have written is a mistake
        yield contract.problem((*place, end), str(error))
        return
    target = mesh.target(targets[0], each.dataset)
    if target is not None:
        yield ForeignKey(
            columns=tuple(column.name for column in sources),
            target=target,
            target_columns=tuple(column.name for column in targets),
            name=str(declared.get("id") or ""),
        )


def _columns(contract: Document, references: Any, mesh: _Mesh) -> list[_Column] | None:
    """The columns some references name; None when one of them is none of the mesh's."""
    listed = references if isinstance(references, list) else [references]
    found = [_column(contract, reference, mesh) for reference in listed]
    known = [column for column in found if column is not None]
    return known if len(known) == len(found) else None


def _column(contract: Document, reference: str, mesh: _Mesh) -> _Column | None:
    if reference.startswith(_ELSEWHERE):
        return None
    file, anchor, path = reference.rpartition("#")
    if anchor:
        contract = _other(contract, file, mesh)
    if "/" not in path:
        parts = path.split(".")
        return _walk(contract, reference, parts[0], parts[1:], by_name=True)
    steps = path.strip("/").split("/")
    if len(steps) < 4 or steps[0] != "schema" or set(steps[2::2]) != {"properties"}:
        raise _WrongError(f"{reference!r} must read schema/OBJECT/properties/COLUMN")
    return _walk(contract, reference, steps[1], steps[3::2], by_name=False)


def _other(contract: Document, file: str, mesh: _Mesh) -> Document:
    path = _file(contract, file)
    other = mesh.contracts.get(path)
    if other is None:
        hint = did_you_mean(path, mesh.contracts)
        raise _WrongError(
            f"there is no contract {path} in the mesh" + (f"; {hint}" if hint else "")
        )
    return other


def _walk(
    contract: Document, reference: str, table: str, columns: list[str], *, by_name: bool
) -> _Column | None:
    objects = contract.content.get("schema") or []
    position = _find(objects, table, reference, by_name)
    level: Sequence[Mapping[str, Any]] = objects[position].get("properties") or ()
    name = ""
    for step in columns:
        found = level[_find(level, step, reference, by_name)]
        name = name or found["name"]
        level = found.get("properties") or ()
    return _Column(contract, position, name) if len(columns) == 1 else None


def _find(elements: Sequence[Mapping[str, Any]], wanted: str, reference: str, by_name: bool) -> int:
    """Where the element of a name or an id is; of an id first, of a name where there is no id."""
    if not by_name:
        for position, element in enumerate(elements):
            if element.get("id") == wanted:
                return position
    for position, element in enumerate(elements):
        if element["name"] == wanted and (by_name or "id" not in element):
            return position
    names = [e["name"] if by_name else e.get("id", e["name"]) for e in elements]
    hint = did_you_mean(wanted, names)
    raise _WrongError(f"{reference!r} leads nowhere: no {wanted!r}" + (f"; {hint}" if hint else ""))
