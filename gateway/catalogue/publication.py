"""Publication: what a source holds, written down as a data product.

One ODPS file for the product, one ODCS file per dataset and version. What people have added by
hand (descriptions, tags, row filters, residency, teams, quality rules) survives a second
publication and begins a new version; what the source decides (columns, types, keys, binding) is
replaced.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from connectors.interface import Binding, ObjectInfo
from gateway.catalogue.bindings import BINDING
from gateway.catalogue.columns import ColumnError, name_problem, write_property
from gateway.catalogue.document import read_document
from gateway.catalogue.governance import DEPRECATION, row_filter_problems
from gateway.catalogue.merging import (
    custom,
    custom_beside,
    merge_column,
    old_column,
    position,
    without,
)
from gateway.catalogue.pages import Page, to_yaml
from gateway.catalogue.problems import Problem
from gateway.catalogue.products import declared_primary_key
from gateway.catalogue.relationships import Contracted, related
from gateway.catalogue.versions import VERSION, Order, version_order
from gateway.errors import CatalogueError, UserError
from gateway.model import NAME, Address

CONTRACT_STANDARD = "v3.1.0"
CONTRACT_STANDARD_WITH_MAPS = "v3.2.0"
PRODUCT_STANDARD = "v1.0.0"

_FILE_ENDING = re.compile(r"\.(parquet|csv|jsonl?|ndjson|arrow|ipc|feather)\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Product:
    """What is published: the product's names, the version, and where its rows are.

    `binding` is written as given, so its secrets must still be references; its `object` is not
    used: every dataset has its own.
    """

    domain: str
    name: str
    version: str
    binding: Binding

    def check(self) -> None:
        """Raise UserError unless the names can be part of an address."""
        for what, name in (("domain", self.domain), ("product", self.name)):
            if not NAME.match(name):
                raise UserError(
                    f"{name!r} can not be the name of a {what}",
                    hint="use letters, digits, _ . and -, beginning with a letter, digit or _",
                )
        if not VERSION.match(self.version):
            raise UserError(f"{self.version!r} is not a version", hint="write it like 1.0.0")

    @property
    def folder(self) -> Path:
        """Its folder below the mesh folder."""
        return Path("products", self.domain, self.name)


@dataclass(frozen=True, slots=True)
class Publication:
    """The pages to write, the addresses they declare, and why other objects are left out.

    `keys_left_out` says why some foreign keys of the source are in no contract. `renames` lead
    from objects that could not keep their names to those of their datasets.
    """

    pages: tuple[Page, ...]
    addresses: tuple[Address, ...]
    problems: tuple[str, ...]
    keys_left_out: tuple[str, ...] = ()
    renames: Mapping[str, str] = field(default_factory=dict)


def publish_objects(mesh: Path, product: Product, objects: Iterable[ObjectInfo]) -> Publication:
    """Write up every object as a dataset of the product; nothing is put on disk yet.

    Raises UserError for names that can not be, CatalogueError when a file that is already there
    can not be read.
    """
    product.check()
    found = sorted(objects, key=lambda info: info.name)
    names = dataset_names([info.name for info in found], _nameless(product))
    written: list[Contracted] = []
    replaced: list[Mapping[str, Any]] = []
    addresses: list[Address] = []
    problems: list[str] = []
    contracts = functools.cache(lambda: _contracts(mesh))
    for info in found:
        name = names[info.name]
        try:
            if info.problem:
                hint = f"\n  hint: {info.hint}" if info.hint else ""
                raise ColumnError(f"{info.problem}{hint}")
            path = product.folder / f"{name}-{product.version}.odcs.yaml"
            before = _existing(mesh, path)
            earlier = before or _earlier(mesh, product, name, contracts)
            contract = write_contract(product, name, info, earlier)
        except ColumnError as error:
            problems.append(f"{info.name}: {error}")
            continue
        place = position(contract["schema"], name, info.name)
        written.append(Contracted(info, contract, path.name, place))
        replaced.append(before)
        addresses.append(Address(product.domain, product.name, name, product.version))
    finished, keys_left_out = related(written, _beside(mesh, product, written))
    pages = [
        _page(mesh, product.folder / each.file, contract, before)
        for each, contract, before in zip(written, finished, replaced, strict=True)
    ]
    if addresses:
        path = product.folder / f"{product.name}.odps.yaml"
        names_written = [address.dataset for address in addresses]
        before = _existing(mesh, path)
        document = write_product(product, names_written, before)
        pages.insert(0, _page(mesh, path, document, before))
    published = {
        each.info.name: address.dataset for each, address in zip(written, addresses, strict=True)
    }
    return Publication(
        tuple(pages),
        tuple(addresses),
        tuple(problems),
        tuple(keys_left_out),
        {old: new for old, new in published.items() if _last_part(old) not in ("", new)},
    )


def dataset_names(objects: list[str], nameless: str) -> dict[str, str]:
    """A dataset name for every object name: the table alone where that is unique.

    ``public.orders`` becomes ``orders``, or ``public_orders`` beside ``hr.orders``;
    ``flights/*.parquet`` becomes ``flights``, and ``*.parquet`` becomes `nameless`.
    """
    long = {name: _plain_name(name) or nameless for name in objects}
    short = {name: _plain_name(_last_part(name)) or nameless for name in objects}
    uses: dict[str, int] = {}
    for name in short.values():
        uses[name.casefold()] = uses.get(name.casefold(), 0) + 1
    chosen: dict[str, str] = {}
    taken: set[str] = set()
    for name in objects:
        wanted = short[name] if uses[short[name].casefold()] == 1 else long[name]
        number, free = 1, wanted
        while free.casefold() in taken:
            number += 1
            free = f"{wanted}_{number}"
        taken.add(free.casefold())
        chosen[name] = free
    return chosen


def _nameless(product: Product) -> str:
    """What a dataset is called whose object is a whole folder: as the folder, or the product."""
    folder = product.binding.uri.rstrip("/").rsplit("/", 1)[-1]
    return product.name if re.search(r"[$:?]", folder) else _plain_name(folder) or product.name


def _last_part(name: str) -> str:
    bare = _FILE_ENDING.sub("", name)
    if "/" in name or "*" in name or bare != name:
        parts = [part for part in bare.split("/") if part.strip("*") and "=" not in part]
        return parts[-1] if parts else ""
    return name.rsplit(".", 1)[-1]


def _plain_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "_", _FILE_ENDING.sub("", name)).strip("_-")


def write_contract(
    product: Product, name: str, info: ObjectInfo, existing: Mapping[str, Any]
) -> dict[str, Any]:
    """The ODCS document of one object; `existing` is the one it replaces or follows.

    Of several schema objects in `existing` only the one it is about is replaced. Raises
    ColumnError, also where the columns no longer suit a row filter that has to stay.
    """
    old = dict(existing)
    objects = list(old.get("schema") or [{}])
    at = position(objects, name, info.name)
    if at == len(objects):
        objects.append({})
    old_object = objects[at]
    columns = [
        merge_column(write_property(field), info.primary_key, old_column(old_object, field.name))
        for field in info.schema
    ]
    if not columns:
        raise ColumnError("it has no columns")
    for column in columns:
        if problem := name_problem(column["name"]):
            raise ColumnError(f"column {column['name']!r} {problem}")
    has_map = any("map" in column for column in columns)
    element = {
        "name": name,
        "logicalType": "object",
        "physicalName": info.name,
        "physicalType": info.kind,
        **({"description": info.comment} if info.comment else {}),
    }
    binding = _binding(product, info.name)
    merged = {**element, **without(old_object, {*element, "properties"})}
    own = custom(old_object, BINDING, binding) if len(objects) > 1 else []
    own = own or custom_beside(old_object, BINDING)
    merged = {**without(merged, {"customProperties"}), "properties": columns}
    objects[at] = {**merged, "customProperties": own} if own else merged
    new = {
        "apiVersion": CONTRACT_STANDARD_WITH_MAPS if has_map else CONTRACT_STANDARD,
        "kind": "DataContract",
        "id": f"{product.domain}.{product.name}.{name}",
        "name": name,
        "version": product.version,
        "status": old.pop("status", "active"),
        "domain": product.domain,
        "dataProduct": product.name,
        "schema": objects,
        "customProperties": (
            list(old.get("customProperties") or ())
            if len(objects) > 1
            else custom(old, BINDING, binding)
        ),
    }
    contract = {**new, **without(old, new)}
    for problem in row_filter_problems(contract, at, info.schema):
        raise ColumnError(problem)
    return contract


def _binding(product: Product, object_name: str) -> dict[str, Any]:
    options = dict(sorted(product.binding.options.items()))
    return {
        "connector": product.binding.connector,
        "uri": product.binding.uri,
        "object": object_name,
        **({"options": options} if options else {}),
    }


def write_product(
    product: Product, datasets: list[str], existing: Mapping[str, Any]
) -> dict[str, Any]:
    """The ODPS document; the ports in `existing` stay, new datasets and versions follow them."""
    old = dict(existing)
    ports = {(p["name"], p.get("version", "")): p for p in old.pop("outputPorts", None) or ()}
    for name in datasets:
        port = {
            "name": name,
            "version": product.version,
            "type": "tables",
            "contractId": f"{product.domain}.{product.name}.{name}",
        }
        before = ports.get((name, product.version), {})
        ports[name, product.version] = {**port, **without(before, port)}
    new = {
        "apiVersion": old.pop("apiVersion", PRODUCT_STANDARD),
        "kind": "DataProduct",
        "id": old.pop("id", f"{product.domain}.{product.name}"),
        "name": product.name,
        "version": old.pop("version", product.version),
        "status": old.pop("status", "active"),
        "domain": product.domain,
    }
    return {**new, **without(old, new), "outputPorts": list(ports.values())}


def _contracts(mesh: Path) -> list[Mapping[str, Any]]:
    """Every contract of the mesh that can be read."""
    files = sorted(mesh.rglob("*.odcs.yaml"))
    documents = (read_document(file, file.relative_to(mesh).as_posix()) for file in files)
    return [document.content for document in documents if not isinstance(document, Problem)]


def _earlier(
    mesh: Path, product: Product, name: str, contracts: Callable[[], Iterable[Mapping[str, Any]]]
) -> Mapping[str, Any]:
    """The contract of the dataset's version before this one (or else the highest); maybe empty.

    What it protects stays protected: a new version begins with its tags and row filters.
    """
    page = _existing(mesh, product.folder / f"{product.name}.odps.yaml")
    ports = [port for port in page.get("outputPorts") or () if port["name"] == name]
    ids = {f"{product.domain}.{product.name}.{name}", *(p.get("contractId") for p in ports)}
    found: dict[Order, Mapping[str, Any]] = {}
    for contract in contracts():
        if contract.get("id") not in ids:
            continue
        version = contract.get("version")
        if isinstance(version, str) and VERSION.match(version) and version != product.version:
            found[version_order(version)] = contract
    if not found:
        return {}
    before = [order for order in found if order < version_order(product.version)]
    return _reborn(found[max(before or found)])


def _reborn(contract: Mapping[str, Any]) -> Mapping[str, Any]:
    """A contract without what it says of its own life, which a new version begins anew."""

    def without_end(element: Mapping[str, Any]) -> dict[str, Any]:
        if "customProperties" not in element:
            return dict(element)
        return {**element, "customProperties": custom_beside(element, DEPRECATION)}

    objects = [without_end(element) for element in contract.get("schema") or ()]
    kept = without_end(without(contract, {"status"}))
    return {**kept, "schema": objects} if objects else kept


def _beside(mesh: Path, product: Product, written: Sequence[Contracted]) -> list[Contracted]:
    """What is published of the product in this version already, and is not now."""
    if not any(each.info.foreign_keys for each in written):
        return []
    now = {each.file for each in written}
    found = []
    for path in sorted((mesh / product.folder).glob(f"*-{product.version}.odcs.yaml")):
        if path.name in now:
            continue
        contract = _existing(mesh, product.folder / path.name)
        if contract.get("version") != product.version:
            continue
        for place, element in enumerate(contract.get("schema") or ()):
            info = ObjectInfo(
                str(element.get("physicalName", element["name"])),
                pa.schema([]),
                declared_primary_key(element),
            )
            found.append(Contracted(info, contract, path.name, place))
    return found


def _existing(mesh: Path, path: Path) -> Mapping[str, Any]:
    if not (mesh / path).exists():
        return {}
    document = read_document(mesh / path, path.as_posix())
    if isinstance(document, Problem):
        raise CatalogueError(f"a file of this product can not be replaced: {document}")
    return document.content


def _page(mesh: Path, path: Path, document: Mapping[str, Any], existing: Mapping[str, Any]) -> Page:
    if not (mesh / path).exists():
        return Page(path, to_yaml(document), None)
    before = (mesh / path).read_text(encoding="utf-8-sig")
    if document == existing:  # however it is laid out
        return Page(path, before, before)
    kept = existing.get("outputPorts") or []
    ports = document.get("outputPorts") or []
    only_adds = {**document, "outputPorts": ports[: len(kept)]} == {**existing, "outputPorts": kept}
    return Page(path, to_yaml(document), before, only_adds)
