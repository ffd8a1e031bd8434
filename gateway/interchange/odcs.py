"""ODCS and ODPS: contracts and products as they are, or what a reader may know of them.

To who keeps a dataset its contract is told whole, bindings with their references unfilled. To
others only what is on a list: a key that a later version of the standard brings is not told before
somebody has thought about it. References to what is not exported are left out.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

from gateway.catalogue.artefacts import named_by
from gateway.catalogue.columns import ARROW_TYPE
from gateway.catalogue.governance import (
    ARTEFACTS,
    PURPOSE,
    REQUIRED,
    RESIDENCY,
    ROW_FILTERS,
    ROW_POLICY,
)
from gateway.catalogue.pages import to_yaml
from gateway.errors import UserError
from gateway.interchange.extract import Extract, Home, home_of
from gateway.interchange.secrets import without_secrets
from gateway.model import Address, Artefact, Dataset

STANDARD = "v3.1.0"
_OLDER = frozenset({"v3.0.0", "v3.0.1", "v3.0.2"})

_OF_CONTRACT = frozenset(
    [
        "apiVersion",
        "kind",
        "id",
        "name",
        "version",
        "status",
        "domain",
        "dataProduct",
        "tenant",
        "tags",
        "description",
        "schema",
        "support",
        "team",
        "slaProperties",
        "price",
        "authoritativeDefinitions",
        "contractCreatedTs",
    ]
)
_OF_OBJECT = frozenset(
    [
        "id",
        "name",
        "logicalType",
        "physicalType",
        "description",
        "businessName",
        "authoritativeDefinitions",
        "tags",
        "dataGranularityDescription",
        "properties",
        "relationships",
    ]
)
_OF_COLUMN = frozenset(
    [
        "id",
        "name",
        "logicalType",
        "logicalTypeOptions",
        "physicalType",
        "required",
        "unique",
        "primaryKey",
        "primaryKeyPosition",
        "description",
        "businessName",
        "classification",
        "tags",
        "authoritativeDefinitions",
        "relationships",
        "criticalDataElement",
        "items",
        "properties",
        "map",
        "key",
        "value",
    ]
)
_OF_PRODUCT = frozenset(
    [
        "apiVersion",
        "kind",
        "id",
        "name",
        "version",
        "status",
        "domain",
        "tenant",
        "tags",
        "description",
        "support",
        "team",
        "authoritativeDefinitions",
        "productCreatedTs",
        "outputPorts",
    ]
)
_OF_PORT = frozenset(["name", "description", "type", "version", "contractId", "tags"])
_CUSTOM = frozenset({PURPOSE, ROW_POLICY, RESIDENCY, ARROW_TYPE})

Element = Mapping[str, Any]


def write(extract: Extract) -> dict[str, str]:
    """A file for every contract and product, at the places they have to each other.

    Raises UserError when nothing of what is exported has a contract.
    """
    contracts = _contracts(extract)
    if not contracts:
        raise UserError("there is no contract to export")
    products = dict(_products(extract, contracts))
    shortened = _shortened([*contracts, *products])
    documents = {**contracts, **products}
    return {
        shortened[file]: to_yaml(without_secrets(document)) for file, document in documents.items()
    }


def _shortened(files: Sequence[str]) -> dict[str, str]:
    """Paths without the folder of products that all of them are in."""
    inside = all(file.startswith("products/") for file in files)
    return {file: file.removeprefix("products/") if inside else file for file in files}


def _contracts(extract: Extract) -> dict[str, dict[str, Any]]:
    by_file: dict[str, list[Dataset]] = {}
    for dataset in extract.datasets:
        by_file.setdefault(extract.files[dataset.address], []).append(dataset)
    known = {
        file: _contract(extract.contracts[file], datasets, extract.whole)
        for file, datasets in sorted(by_file.items())
    }
    return {file: _with_references(file, document, known) for file, document in known.items()}


def _contract(
    document: Element, datasets: Sequence[Dataset], whole: Set[Address]
) -> dict[str, Any]:
    names = {dataset.address.dataset for dataset in datasets}
    objects = list(document["schema"])
    seen = objects if len(objects) == 1 else [e for e in objects if e["name"] in names]
    seen = seen or objects  # a port of another name gives all of them
    made = {**document, "apiVersion": _standard(document)}
    if isinstance(made.get("team"), list):
        made["team"] = {"members": made["team"]}
    if all(dataset.address in whole for dataset in datasets):
        return {**made, "schema": seen}
    columns = {name for dataset in datasets for name in dataset.schema.names}
    made = {key: value for key, value in made.items() if key in _OF_CONTRACT}
    made["schema"] = [_object(element, columns, document) for element in seen]
    promises = [p for p in document.get("slaProperties") or () if _speaks_of(p, columns)]
    made.pop("slaProperties", None)
    return {
        **made,
        **({"slaProperties": promises} if promises else {}),
        **_custom(document),
    }


def _standard(document: Element) -> str:
    version = str(document["apiVersion"])
    return STANDARD if version in _OLDER else version


def _speaks_of(promise: Element, columns: Set[str]) -> bool:
    """Whether every element a promise names is known; one that names none is of the whole."""
    named = str(promise.get("element") or "")
    return all(part.strip().rpartition(".")[2] in columns for part in named.split(",") if named)


def _object(element: Element, columns: Set[str], contract: Element) -> dict[str, Any]:
    kept = {key: value for key, value in element.items() if key in _OF_OBJECT}
    kept["properties"] = [
        _column(column) for column in element.get("properties") or () if column["name"] in columns
    ]
    return {**kept, **_custom(element)}


def _column(column: Element) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in column.items():
        if key not in _OF_COLUMN:
            continue
        if key in ("items", "map", "key", "value") and isinstance(value, dict):
            value = _column(value)
        elif key == "properties":
            value = [_column(part) for part in value]
        made[key] = value
    return {**made, **_custom(column)}


def _custom(element: Element) -> dict[str, Any]:
    """What policies ask of a dataset; a demand for a row filter stays without the filters."""
    entries = element.get("customProperties") or ()
    kept = [dict(entry) for entry in entries if entry.get("property") in _CUSTOM]
    names = {entry.get("property") for entry in entries}
    if ROW_FILTERS in names and ROW_POLICY not in names:
        kept.append({"property": ROW_POLICY, "value": REQUIRED})
    return {"customProperties": kept} if kept else {}


def _with_references(file: str, document: Element, known: Mapping[str, Element]) -> dict[str, Any]:
    """The contract with those relationships that lead to something exported."""

    def leads(reference: str) -> bool:
        path, anchor, step = reference.rpartition("#")
        other = posixpath.normpath(posixpath.join(posixpath.dirname(file), path))
        target = known.get(other) if anchor and path else document
        if reference.startswith(("http://", "https://")):
            return True
        return target is not None and _is_in(target, step)

    def related(element: Element) -> dict[str, Any]:
        made = dict(element)
        if "relationships" in element:
            found = [r for r in element["relationships"] if all(map(leads, _ends(r)))]
            made.pop("relationships")
            made |= {"relationships": found} if found else {}
        return made

    objects = []
    for element in document["schema"]:
        columns = [related(column) for column in element.get("properties") or ()]
        objects.append({**related(element), "properties": columns})
    return {**document, "schema": objects}


def _ends(relationship: Element) -> Iterator[str]:
    for end in ("from", "to"):
        named = relationship.get(end, [])
        yield from [named] if isinstance(named, str) else named


def _is_in(contract: Element, step: str) -> bool:
    """Whether the object and column of a reference are in a contract, by id or by name."""
    if "/" in step:
        steps = step.strip("/").split("/")
        names = steps[1::2]
    else:
        names = step.split(".")
    level: Sequence[Element] = contract.get("schema") or ()
    for name in names:
        found = [one for one in level if name in (one.get("id"), one.get("name"))]
        if not found:
            return False
        level = found[0].get("properties") or ()
    return bool(names)


def _products(
    extract: Extract, contracts: Mapping[str, Element]
) -> Iterator[tuple[str, dict[str, Any]]]:
    for home in extract.homes():
        if home in extract.products:
            file, document = extract.products[home]
            yield file, _product(home, document, extract, contracts)


def _product(
    home: Home, document: Element, extract: Extract, written: Mapping[str, Element]
) -> dict[str, Any]:
    datasets, artefacts = extract.of(home)
    every = all(one.address in extract.whole for one in extract.all() if home_of(one) == home)
    ports = _ports(document, datasets, extract, written)
    if not every:
        ports = [{k: v for k, v in port.items() if k in _OF_PORT} for port in ports]
        document = {
            **{key: value for key, value in document.items() if key in _OF_PRODUCT},
            **_custom(document),
        }
        document = {**document, "customProperties": list(document.get("customProperties", ()))}
    named = {a.address: a for a in artefacts if _stands(a, extract)}
    made = {**document, "outputPorts": ports}
    custom = _artefacts(home, extract.products[home][1], made.get("customProperties") or (), named)
    made.pop("customProperties", None)
    return {**made, **({"customProperties": custom} if custom else {})}


def _ports(
    document: Element,
    datasets: Sequence[Dataset],
    extract: Extract,
    written: Mapping[str, Element],
) -> list[dict[str, Any]]:
    """The ports of the datasets; one that gave several gives the one that is left by its name."""
    own = {(dataset.address.dataset, dataset.address.version) for dataset in datasets}
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for port in document.get("outputPorts") or ():
        name, version = port["name"], port["version"]
        if (name, version) not in own:
            held = [
                d
                for d in datasets
                if d.address.version == version
                and extract.contracts[extract.files[d.address]]["id"] == port.get("contractId")
            ]
            if not held:
                continue
            objects = written[extract.files[held[0].address]]["schema"]
            name = objects[0]["name"] if len(objects) == 1 else name
        found.setdefault((name, version), {**port, "name": name})
    return list(found.values())


def _stands(artefact: Artefact, extract: Extract) -> bool:
    """Whether the reader may open it, and all that it names itself is exported."""
    if artefact.address not in extract.ways:
        return False
    return all(map(extract.used, named_by(artefact.way)))


def _artefacts(
    home: Home, document: Element, kept: Sequence[Element], named: Mapping[Address, Artefact]
) -> list[Any]:
    """The custom properties, of artefacts with those only that stand by themselves."""
    custom = [dict(entry) for entry in kept if entry.get("property") != ARTEFACTS]
    for entry in document.get("customProperties") or ():
        if entry.get("property") != ARTEFACTS:
            continue
        listed = []
        for one in entry["value"]:
            version = one.get("version") or document.get("version")
            artefact = named.get(Address(*home, one["name"], version))
            if artefact is not None:
                uses = [
                    text for text in one.get("uses") or () if Address.parse(text) in artefact.uses
                ]
                listed.append({**one, **({"uses": uses} if uses else {})})
        custom += [{**entry, "value": listed}] if listed else []
    return custom
