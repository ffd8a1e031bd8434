"""From documents to datasets: every output port joined to the contract it promises.

A port without a contract, or an unused contract, is no dataset and no mistake; everything else
that can not become a dataset is a problem with its place in its file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

import pyarrow as pa

from connectors.interface import Binding
from gateway.catalogue.bindings import BINDING, BindingError, read_binding
from gateway.catalogue.columns import ColumnError, custom_property, name_problem, read_field
from gateway.catalogue.deprecation import read_deprecation
from gateway.catalogue.document import Document
from gateway.catalogue.governance import (
    VIEW,
    check_product_governance,
    column_tags,
    read_governance,
    read_view,
)
from gateway.catalogue.keys import Promised
from gateway.catalogue.problems import Path, Problem
from gateway.catalogue.promises import read_promises
from gateway.catalogue.quality_rules import read_quality
from gateway.catalogue.terms import described
from gateway.catalogue.versions import VERSION
from gateway.errors import did_you_mean
from gateway.model import NAME, STATUSES, SYSTEM, Address, Dataset

_NAME_RULE = "must start with a letter, a digit or _, then letters, digits, _ . or -"


@dataclass(frozen=True, slots=True)
class Port:
    """An output port in its product's document, at `path`."""

    product: Document
    path: Path

    @property
    def content(self) -> Mapping[str, Any]:
        """The port as declared."""
        port: Mapping[str, Any] = self.product.content["outputPorts"][self.path[-1]]
        return port


@dataclass(frozen=True, slots=True)
class Contracts:
    """The contracts of a mesh: their files by id and version, and what is in a file."""

    files: Mapping[str, Mapping[str, str]]
    documents: Mapping[str, Document]

    def find(self, port: Port) -> Document | Problem:
        """The contract a port promises: that of its version, or the only one there is."""
        contract_id, version = port.content["contractId"], port.content.get("version")
        path = (*port.path, "contractId")
        versions = self.files.get(contract_id)
        if versions is None:
            hint = did_you_mean(contract_id, self.files)
            rule = f"no contract has the id {contract_id!r}" + (f"; {hint}" if hint else "")
            return port.product.problem(path, rule)
        if version is not None and version in versions:
            return self.documents[versions[version]]
        if len(versions) == 1:
            return self.documents[next(iter(versions.values()))]
        rule = f"contract {contract_id!r} has the versions {', '.join(sorted(versions))}"
        return port.product.problem((*port.path, "version"), rule)


def read_product(
    product: Document, contracts: Contracts, mesh: FilePath, connectors: frozenset[str]
) -> Iterator[tuple[int, Promised] | Problem]:
    """Every dataset of a product with the place of its port, and everything that is wrong in it."""
    yield from _check_product_names(product)
    yield from check_product_governance(product)
    for position, _ in enumerate(product.content.get("outputPorts") or ()):
        port = Port(product, ("outputPorts", position))
        for item in _port_datasets(port, contracts, mesh, connectors):
            yield item if isinstance(item, Problem) else (position, item)


class Names:
    """The names of a mesh that are taken: a dataset is declared once, and each name spelt alike."""

    def __init__(self) -> None:
        self._addresses: set[Address] = set()
        self._spelling: dict[tuple[str, ...], tuple[str, ...]] = {}

    def take(self, address: Address) -> str:
        """What is wrong with a further dataset of this address; "" takes the name.

        Requests find names without letter case, policies name them exactly.
        """
        if address in self._addresses:
            return f"{address} is declared already"
        parts = (address.domain, address.product, address.dataset)
        for length in range(1, len(parts) + 1):
            name = parts[:length]
            known = self._spelling.setdefault(tuple(part.casefold() for part in name), name)
            if known != name:
                return f"{'.'.join(name)} differs from {'.'.join(known)} by letter case only"
        self._addresses.add(address)
        return ""


def _check_product_names(product: Document) -> Iterator[Problem]:
    for key in ("domain", "name"):
        value = product.content.get(key)
        if value is None:
            yield product.problem((key,), "is required: it is part of the dataset's address")
        elif not NAME.match(value):
            yield product.problem((key,), f"{value!r} {_NAME_RULE}")
        elif key == "domain" and value.casefold() == SYSTEM:
            yield product.problem((key,), f"{value!r} is the domain of the gateway's own tables")


def _port_datasets(
    port: Port, contracts: Contracts, mesh: FilePath, connectors: frozenset[str]
) -> Iterator[Promised | Problem]:
    product = port.product
    if "contractId" not in port.content:
        return
    version = port.content.get("version")
    if version is None or not VERSION.match(version):
        rule = "must be a version like 1.0.0" if version else "is required"
        yield product.problem((*port.path, "version"), rule)
        return
    contract = contracts.find(port)
    if isinstance(contract, Problem):
        yield contract
        return
    if not contract.content.get("schema"):
        yield contract.problem(("schema",), "is required: it declares the dataset's columns")
        return
    for name, position in _port_objects(port, contract):
        if not NAME.match(name):
            yield product.problem((*port.path, "name"), f"{name!r} {_NAME_RULE}")
        elif product.content.get("domain") and product.content.get("name"):
            yield from _read_object(port, name, contract, position, mesh, connectors)


def _port_objects(port: Port, contract: Document) -> list[tuple[str, int]]:
    """Name and position of the schema objects a port gives.

    One object goes by the port's name. Of several, the one of the port's own name is meant;
    without such a one all of them are, each by its own name.
    """
    objects = contract.content["schema"]
    own = [i for i, element in enumerate(objects) if element["name"] == port.content["name"]]
    if len(objects) == 1 or own:
        return [(port.content["name"], own[0] if own else 0)]
    return [(element["name"], i) for i, element in enumerate(objects)]


def _read_object(
    port: Port,
    name: str,
    contract: Document,
    position: int,
    mesh: FilePath,
    connectors: frozenset[str],
) -> Iterator[Promised | Problem]:
    element = contract.content["schema"][position]
    path: Path = ("schema", position)
    schema, problems = _read_schema(contract, element, path)
    view = read_view(contract, path, str(port.product.content["domain"]))
    binding: Binding | Problem
    if isinstance(view, Problem):
        binding, view = view, None
    elif view is not None:
        binding = _no_binding(contract, element)
    else:
        binding = _read_object_binding(contract, element, path, mesh, connectors)
    if isinstance(binding, Problem):
        problems.append(binding)
    if not problems:  # a row filter is read over columns that are known
        governance, problems = read_governance(port.product, contract, path, schema)
        quality, wrong_rules = read_quality(contract, path, schema)
        promises, wrong_promises = read_promises(contract, path, schema)
        problems += [*wrong_rules, *wrong_promises]
    if problems or isinstance(binding, Problem):
        yield from problems
        return
    product, declared = port.product.content, contract.content
    status = _status(product, declared)
    deprecation = read_deprecation(contract, path, status)
    if isinstance(deprecation, Problem):
        yield deprecation
        return
    tags = [*_tags(product), *_tags(port.content), *_tags(declared), *_tags(element)]
    dataset = Dataset(
        address=Address(product["domain"], product["name"], name, port.content["version"]),
        schema=schema,
        binding=binding,
        title=element.get("businessName") or declared.get("name") or "",
        description=_description(port.content, element, declared),
        tags=tuple(dict.fromkeys(tags)),
        owner=_owner(product) or _owner(declared),
        status=status,
        deprecation=deprecation,
        primary_key=declared_primary_key(element),
        column_tags=_column_tags(element),
        row_filters=governance.row_filters,
        requires_row_filter=governance.requires_row_filter,
        requires_purpose=governance.requires_purpose,
        residency=governance.residency,
        quality=quality,
        promises=promises,
        purposes=governance.purposes,
        view=view,
        source_file=contract.file,
    )
    yield Promised(described(dataset, product, declared, element), contract, position)


def _read_schema(
    contract: Document, element: Mapping[str, Any], path: Path
) -> tuple[pa.Schema, list[Problem]]:
    fields: dict[str, pa.Field] = {}
    problems: list[Problem] = []
    columns = element.get("properties") or ()
    if not columns:
        problems.append(contract.problem((*path, "properties"), "at least one column is required"))
    for index, column in enumerate(columns):
        place = (*path, "properties", index)
        name = column["name"]
        if not name:
            problems.append(contract.problem((*place, "name"), "must not be empty"))
        elif name in fields:
            problems.append(contract.problem((*place, "name"), f"column {name!r} is given twice"))
        elif rule := name_problem(name):
            problems.append(contract.problem((*place, "name"), f"column {name!r} {rule}"))
        if column.get("physicalName", name) != name:
            rule = f"columns keep their source's name: it must be {name!r} as well"
            problems.append(contract.problem((*place, "physicalName"), rule))
        try:
            fields[name] = read_field(column)
        except ColumnError as error:
            rule = f"column {name!r}: {error}"
            problems.append(contract.problem((*place, *error.path), rule))
    return pa.schema(list(fields.values())), problems


def _read_object_binding(
    contract: Document,
    element: Mapping[str, Any],
    path: Path,
    mesh: FilePath,
    connectors: frozenset[str],
) -> Binding | Problem:
    """The object's own binding, or else the contract's."""
    owner, at = (element, path) if custom_property(element, BINDING) else (contract.content, ())
    declared = custom_property(owner, BINDING)
    if declared is None:
        rule = f"needs the property {BINDING}: where the dataset's rows are"
        return contract.problem(("customProperties",), rule)
    entries = owner["customProperties"]
    index = next(i for i, entry in enumerate(entries) if entry["property"] == BINDING)
    place = (*at, "customProperties", index, "value")
    try:
        physical = element.get("physicalName") or element["name"]
        binding = read_binding(declared, physical, mesh)
    except BindingError as error:
        keys = error.key.split(".", 1) if error.key else ()
        return contract.problem((*place, *keys), str(error))
    if binding.connector not in connectors:
        hint = did_you_mean(binding.connector, connectors)
        listed = hint or f"known are {', '.join(sorted(connectors))}"
        rule = f"there is no connector {binding.connector!r}; {listed}"
        return contract.problem((*place, "connector"), rule)
    return binding


def _no_binding(contract: Document, element: Mapping[str, Any]) -> Binding | Problem:
    """A view is where its datasets are."""
    if custom_property(element, BINDING) or custom_property(contract.content, BINDING):
        rule = f"has {BINDING} and {VIEW}: rows come from a place or from a view"
        return contract.problem(("customProperties",), rule)
    return Binding("view", "", element["name"])


def _tags(element: Mapping[str, Any]) -> list[str]:
    return list(element.get("tags") or ())


def _description(*elements: Mapping[str, Any]) -> str:
    for element in elements:
        text = element.get("description")
        if isinstance(text, dict):
            text = text.get("purpose")
        if text:
            return str(text).strip()
    return ""


def _owner(element: Mapping[str, Any]) -> str:
    team = element.get("team")
    return str(team.get("name") or "") if isinstance(team, dict) else ""


def _status(product: Mapping[str, Any], contract: Mapping[str, Any]) -> str:
    """A product that is not active takes its datasets with it, unless they have gone further."""
    declared = (str(document.get("status") or "active") for document in (product, contract))
    return max(declared, key=lambda status: STATUSES.index(status) if status in STATUSES else 0)


def check_status(document: Document) -> Iterator[Problem]:
    """A status that is none: what it was to say of the dataset can not be guessed."""
    status = document.content.get("status")
    if status and status not in STATUSES:
        hint = did_you_mean(status.lower(), STATUSES) or f"there are {', '.join(STATUSES)}"
        yield document.problem(("status",), f"{status!r} is no status; {hint}")


def declared_primary_key(element: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns of a schema object's key, in their order."""
    keys = [
        (column.get("primaryKeyPosition", -1), column["name"])
        for column in element.get("properties") or ()
        if column.get("primaryKey")
    ]
    return tuple(name for _, name in sorted(keys, key=lambda key: key[0]))


def _column_tags(element: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    tags = {column["name"]: column_tags(column) for column in element["properties"]}
    return {name: found for name, found in tags.items() if found}
