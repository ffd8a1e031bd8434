"""Artefacts: what a product holds beside datasets, declared in its file as ``mesh.artefacts``.

Each has an address among those of the datasets, so that policies, searches and lineage name it
alike, and exactly one way to open or execute it. What an SQL text names in full is used by it,
whether `uses` says so or not: impact analysis must not depend on what people remember to write.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from gateway.catalogue.bindings import has_plain_secret
from gateway.catalogue.columns import custom_property
from gateway.catalogue.document import Document
from gateway.catalogue.download import is_url
from gateway.catalogue.governance import ARTEFACTS, PURPOSE, check_tag
from gateway.catalogue.problems import Path, Problem
from gateway.catalogue.terms import owner_of, read_team
from gateway.catalogue.versions import VERSION, Order, choose_version, newest_first, version_order
from gateway.errors import UserError, did_you_mean
from gateway.model import ARTEFACT_KINDS, NAME, STATUSES, WAYS, Address, Artefact, Dataset, Way

_TEXTS = ("name", "version", "kind", "title", "description", "owner", "status", *WAYS)
_KEYS = (*_TEXTS, "tags", "uses")
_SQL = "postgres"
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

Named = Mapping[tuple[str, ...], Sequence[Dataset | Artefact]]
"""Everything that has an address, by domain, product and name in lower case."""


@dataclass(frozen=True, slots=True)
class _Declared:
    """An artefact as it is declared, and where in its product's file."""

    artefact: Artefact
    product: Document
    path: Path


def build_artefacts(
    products: Iterable[Document], datasets: Iterable[Dataset]
) -> tuple[list[Artefact], list[Problem]]:
    """Every artefact of the mesh, and everything that is wrong with them."""
    problems: list[Problem] = []
    declared: list[_Declared] = []
    named: dict[tuple[str, ...], list[Dataset | Artefact]] = {}
    for dataset in datasets:
        named.setdefault(_key(dataset.address), []).append(dataset)
    for product in products:
        for found in _read_product(product):
            if isinstance(found, Problem):
                problems.append(found)
                continue
            others = named.setdefault(_key(found.artefact.address), [])
            if rule := _clash(found.artefact, others):
                problems.append(product.problem((*found.path, "name"), rule))
            else:
                others.append(found.artefact)
                declared.append(found)
    for each in declared:
        problems += _check_uses(each, named)
    return [each.artefact for each in declared], problems


def named_by_artefacts(products: Iterable[Document]) -> set[tuple[str, ...]]:
    """The names, in lower case, of all that artefacts are or use: what they are judged beside."""
    found = [each for product in products for each in _read_product(product)]
    artefacts = [each.artefact for each in found if isinstance(each, _Declared)]
    return {_key(address) for one in artefacts for address in (one.address, *one.uses)}


def find_used(address: Address, named: Named) -> Dataset | Artefact | None:
    """What an artefact that uses `address` is made from: without a version, what is read then."""
    found = named.get(_key(address), ())
    datasets = [one for one in found if isinstance(one, Dataset)]
    if datasets:
        chosen = choose_version(datasets, address.version)
        return chosen or (newest_first(datasets)[0] if address.version is None else None)
    return next((a for a in found if address.version in (None, a.address.version)), None)


def precedence(artefact: Artefact) -> tuple[bool, Order]:
    """By which the version is chosen that a name alone means: the greatest."""
    return artefact.status == "active", version_order(artefact.address.version or "0")


def _key(address: Address) -> tuple[str, ...]:
    parts = (address.domain, address.product, address.dataset)
    return tuple(part.casefold() for part in parts)


def _clash(artefact: Artefact, others: Sequence[Dataset | Artefact]) -> str:
    """Why the artefact may not be called so beside the others of its name."""
    address = artefact.address
    for other in others:
        if isinstance(other, Dataset):
            return f"{other.address} is a dataset; a name is of one thing"
        if other.address.dataset != address.dataset:
            return f"{address.dataset} differs from {other.address.dataset} by letter case only"
        if other.address == address:
            return f"{address} is declared already"
        if other.kind != artefact.kind:
            return f"{other.address} is a {other.kind}; a name is of one kind in all versions"
    return ""


def _read_product(product: Document) -> Iterator[_Declared | Problem]:
    entries = product.content.get("customProperties") or ()
    for index, entry in enumerate(entries):
        if entry.get("property") != ARTEFACTS:
            continue
        at: Path = ("customProperties", index, "value")
        listed = entry.get("value")
        if not isinstance(listed, list):
            yield product.problem(at, "must be a list of artefacts")
            continue
        for number, declared in enumerate(listed):
            path = (*at, number)
            problems = list(_check(product, path, declared))
            yield from problems
            if not problems and product.content.get("domain") and product.content.get("name"):
                yield _Declared(_read(product, declared), product, path)


def _check(product: Document, path: Path, declared: Any) -> Iterator[Problem]:
    """What is wrong with one entry by itself."""
    if not isinstance(declared, dict):
        yield product.problem(path, f"must be a mapping with {', '.join(_KEYS)}")
        return
    for key in declared:
        if key not in _KEYS:
            hint = did_you_mean(key, _KEYS) or f"there are {', '.join(_KEYS)}"
            yield product.problem((*path, key), f"is not known here; {hint}")
    for key in _TEXTS:
        value = declared.get(key, "")
        if not isinstance(value, str) or (key in declared and not value.strip()):
            yield product.problem((*path, key), "must be text, in quotes if it looks like a number")
        elif _CONTROL.search(value):
            yield product.problem((*path, key), "must not hold control characters")
        elif rule := _wrong(key, value, declared, product):
            yield product.problem((*path, key), rule)
    ways = [way for way in WAYS if way in declared]
    if len(ways) != 1:
        given = f"not {' and '.join(ways)}" if ways else "to open or execute it"
        yield product.problem(path, f"must have one of {', '.join(WAYS)}, {given}")
    yield from _check_lists(product, path, declared)


def _wrong(key: str, value: str, declared: Mapping[str, Any], product: Document) -> str:
    """Which rule of its key a text breaks; "" is none."""
    if key == "name" and not NAME.match(value):
        return "must be a name: a letter, digit or _, then also . and -" if value else "is required"
    if key == "version" and not VERSION.match(value or str(product.content.get("version"))):
        return "must be a version like 1.0.0, of the artefact or of its product"
    if key == "kind" and value not in ARTEFACT_KINDS:
        return f"must be one of {', '.join(ARTEFACT_KINDS)}"
    if key not in declared:
        return ""
    if key == "status" and value not in STATUSES:
        return f"must be one of {', '.join(STATUSES)}"
    if key == "url" and (not is_url(value) or has_plain_secret(value)):
        return "must be an http or https URL without a secret in it"
    if key == "sql":
        return _sql_problem(value)
    if key == "dataset":
        return _address_problem(value)
    return ""


def _sql_problem(text: str) -> str:
    try:
        statements = sqlglot.parse(text, dialect=_SQL)
    except (SqlglotError, RecursionError) as error:
        return f"can not be parsed: {str(error).splitlines()[0]}"
    reads = len(statements) == 1 and isinstance(statements[0], exp.Query)
    return "" if reads else "must be one query that reads"


def _address_problem(text: Any) -> str:
    try:
        Address.parse(text if isinstance(text, str) else "")
    except UserError as error:
        return f"{error.message}; {error.hint}"
    return ""


def _check_lists(product: Document, path: Path, declared: Mapping[str, Any]) -> Iterator[Problem]:
    for key in ("tags", "uses"):
        listed = declared.get(key, [])
        if not isinstance(listed, list):
            yield product.problem((*path, key), "must be a list")
            continue
        for index, item in enumerate(listed):
            place = (*path, key, index)
            if key == "tags" and not isinstance(item, str):
                yield product.problem(place, "must be text")
            elif key == "tags":
                yield from check_tag(product, place, item)
            elif rule := _address_problem(item):
                yield product.problem(place, rule)


def _read(product: Document, declared: Mapping[str, Any]) -> Artefact:
    of_product = product.content
    form = next(way for way in WAYS if way in declared)
    way = Way(form, declared[form].strip())
    tags = [*(of_product.get("tags") or ()), *(declared.get("tags") or ())]
    statuses = (of_product.get("status") or "active", declared.get("status", "active"))
    return Artefact(
        address=Address(
            of_product["domain"],
            of_product["name"],
            declared["name"],
            declared.get("version") or of_product["version"],
        ),
        kind=declared["kind"],
        way=way,
        uses=tuple(
            dict.fromkeys([*map(Address.parse, declared.get("uses") or ()), *named_by(way)])
        ),
        title=declared.get("title", ""),
        description=declared.get("description", "").strip(),
        tags=tuple(dict.fromkeys(tags)),
        owner=declared.get("owner") or owner_of(read_team(of_product)),
        status=max(statuses, key=STATUSES.index),  # as for datasets
        requires_purpose=custom_property(of_product, PURPOSE) is not None,
        source_file=product.file,
    )


def named_by(way: Way) -> Iterator[Address]:
    """What the way itself names: a dataset, or the tables an SQL text names in full."""
    if way.form == "dataset":
        yield Address.parse(way.text)
    if way.form != "sql":
        return
    for table in sqlglot.parse_one(way.text, dialect=_SQL).find_all(exp.Table):
        name, _, version = table.name.partition("@")
        parts = (table.catalog, table.db, name)
        if all(map(NAME.match, parts)):
            yield Address(*parts, version=version or None)


def _check_uses(each: _Declared, named: Named) -> Iterator[Problem]:
    """Addresses that lead nowhere, and an artefact that uses itself."""
    for address in each.artefact.uses:
        used = find_used(address, named)
        if used is None or used is each.artefact:
            known = [str(one.address) for found in named.values() for one in found]
            hint = did_you_mean(str(address), known)
            rule = f"uses {address}, which is not in the mesh" + (f"; {hint}" if hint else "")
            yield each.product.problem(each.path, "uses itself" if used else rule)
        elif address.column and (
            isinstance(used, Artefact) or address.column not in used.schema.names
        ):
            yield each.product.problem(each.path, f"uses {address}, which has no such column")
