"""Governance in the products' own files: what policies and plans must know of a dataset.

Custom properties of a contract, or of one of its schema objects (which then counts instead):
``mesh.rowFilters``, ``mesh.rowPolicy``, ``mesh.purpose``, ``mesh.purposes``, ``mesh.residency``,
``mesh.view``. Purposes and residency may be given for a whole product, ``mesh.artefacts`` only to
one; ``mesh.gate`` and the like for single quality rules. A property that is misspelt, misplaced or
given twice is a problem, never silence: what looks governed must be governed.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from gateway.catalogue.bindings import BINDING
from gateway.catalogue.columns import ARROW_TYPE
from gateway.catalogue.document import Document
from gateway.catalogue.problems import Path, Problem
from gateway.errors import did_you_mean
from gateway.model import NAME, Residency, View
from gateway.model import PURPOSE as PURPOSE_NAME
from policies.filters import FilterError, parse_row_filter
from policies.rows import ALL_ROWS

ROW_FILTERS = "mesh.rowFilters"
ROW_POLICY = "mesh.rowPolicy"
VIEW = "mesh.view"
PURPOSE = "mesh.purpose"
PURPOSES = "mesh.purposes"
RESIDENCY = "mesh.residency"
ARTEFACTS = "mesh.artefacts"
DEPRECATION = "mesh.deprecation"
GATE = "mesh.gate"
CHECK = "mesh.check"
MAX_AGE = "mesh.maxAge"
DECLARED = "mesh.declared"
DECLARED_BY_SOURCE = {"property": DECLARED, "value": "source"}
"""The mark of what publication has written of a source's own declarations."""

REQUIRED = "required"

_OF_PRODUCT = frozenset({PURPOSE, PURPOSES, RESIDENCY})
_OF_PRODUCT_ONLY = frozenset({ARTEFACTS})
_OF_CHECK = frozenset({GATE, CHECK, MAX_AGE})
_OF_GOVERNANCE = frozenset({ROW_FILTERS, ROW_POLICY, DEPRECATION})
_OF_CONTRACT = frozenset({BINDING, VIEW}) | _OF_GOVERNANCE | _OF_PRODUCT | _OF_CHECK
_OF_COLUMN = frozenset({ARROW_TYPE})
_OF_RELATIONSHIP = frozenset({DECLARED})
_KNOWN = _OF_CONTRACT | _OF_PRODUCT_ONLY | _OF_COLUMN | _OF_RELATIONSHIP
_PLACES = {
    **dict.fromkeys(_OF_CONTRACT, "the contract or to one of its schema objects"),
    **dict.fromkeys(
        _OF_CHECK, "the contract, one of its schema objects, quality rules or SLA properties"
    ),
    **dict.fromkeys(_OF_PRODUCT, "the product, the contract or one of its schema objects"),
    **dict.fromkeys(_OF_PRODUCT_ONLY, "the product"),
    **dict.fromkeys(_OF_COLUMN, "a column"),
    **dict.fromkeys(_OF_RELATIONSHIP, "a relationship"),
}
_NESTED = frozenset({"properties", "items", "map", "key", "value"})
_LETTERS = re.compile(r"[^a-z]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SIMILAR = 0.85
_OWNER = re.compile(r"[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)+\Z")


@dataclass(frozen=True, slots=True)
class Governance:
    """What a dataset's files say of who may have it, how, and where."""

    row_filters: Mapping[str, str] = field(default_factory=dict)
    requires_row_filter: bool = False
    requires_purpose: bool = False
    residency: Residency | None = None
    purposes: tuple[str, ...] = ()


class _Broken(Exception):
    """A value breaks a rule; `path` leads to the place below the value."""

    def __init__(self, rule: str, *path: str | int) -> None:
        super().__init__(rule)
        self.path = path


def check_properties(document: Document, *, product: bool) -> Iterator[Problem]:
    """Custom properties that mean nothing where they are, and tags no policy could name."""
    for path, element in _elements(document.content):
        allowed = _allowed(path, product)
        names = [entry.get("property") for entry in _entries(element)]
        for index, name in enumerate(names):
            place = (*path, "customProperties", index, "property")
            if name in _KNOWN and names.index(name) != index:
                yield document.problem(place, f"{name} is given twice")
            elif name in _KNOWN and name not in allowed:
                yield document.problem(place, f"{name} belongs to {_PLACES[name]}")
            elif name not in _KNOWN and isinstance(name, str):
                yield from _unknown(document, place, name)
        tags = element.get("tags")
        for index, tag in enumerate(tags if isinstance(tags, list) else ()):
            yield from check_tag(document, (*path, "tags", index), tag)
        yield from check_tag(document, (*path, "classification"), element.get("classification"))


def _elements(content: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Every mapping of a document with its path, but for what custom properties hold."""
    waiting: list[tuple[Path, Any]] = [((), content)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, list):
            waiting += [((*path, index), item) for index, item in enumerate(value)]
        elif isinstance(value, dict):
            yield path, value
            waiting += [((*path, k), v) for k, v in value.items() if k != "customProperties"]


def _entries(element: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    entries = element.get("customProperties")
    if not isinstance(entries, list):
        return []
    return [entry if isinstance(entry, dict) else {} for entry in entries]


def _allowed(path: Path, product: bool) -> frozenset[str]:
    if product:
        return frozenset() if path else _OF_PRODUCT | _OF_PRODUCT_ONLY
    if not path or (len(path) == 2 and path[0] == "schema"):
        return _OF_CONTRACT
    if "quality" in path[-2:-1] or "slaProperties" in path[-2:-1]:
        return _OF_CHECK
    if "relationships" in path[-2:-1]:
        return _OF_RELATIONSHIP
    steps = {step for step in path[2:] if isinstance(step, str)}
    return _OF_COLUMN if path[0] == "schema" and steps <= _NESTED else frozenset()


def _unknown(document: Document, place: Path, name: str) -> Iterator[Problem]:
    """A property that is ours by its name, or was meant to be."""
    plain = unicodedata.normalize("NFKC", name).strip().casefold()
    known = {_LETTERS.sub("", text.casefold()): text for text in sorted(_KNOWN)}
    near = difflib.get_close_matches(_LETTERS.sub("", plain), known, 1, _SIMILAR)
    if near or plain.startswith("mesh."):
        hint = f"did you mean {known[near[0]]}?" if near else did_you_mean(name, _KNOWN)
        listed = hint or f"there are {', '.join(sorted(_KNOWN))}"
        yield document.problem(place, f"{name!r} is no property of Meshgate; {listed}")


def check_tag(document: Document, place: Path, tag: Any) -> Iterator[Problem]:
    """A tag that no policy could name."""
    if isinstance(tag, str) and (
        not tag.strip() or tag != tag.strip() or tag == "*" or "|" in tag or _CONTROL.search(tag)
    ):
        rule = f"no policy can name the tag {tag!r}: it is blank, padded, * or has a |"
        yield document.problem(place, rule)


def read_view(contract: Document, path: Path, domain: str) -> View | Problem | None:
    """The view a dataset is, None if it is none.

    The form is ``SELECT ...``, ``{sql: SELECT ..., owner: domain/role, unmask: true}`` or
    ``{language: sql, query: SELECT ..., dialect: trino}``; an owner of another domain could lend
    rights that are not the view's to lend. Which languages there are is not known here.
    """
    found = lookup(contract, path, VIEW) or lookup(contract, (), VIEW)
    if found is None:
        return None
    try:
        return _read_view(found[0], domain)
    except _Broken as error:
        return contract.problem((*found[1], *error.path), str(error))


def _read_view(value: Any, domain: str) -> View:
    if isinstance(value, str):
        value = {"sql": value}
    if not isinstance(value, dict):
        raise _Broken("must be a query, or a mapping with query, language, owner and unmask")
    _only_keys(value, ("sql", "query", "language", "dialect", "owner", "unmask"))
    if "sql" in value and {"query", "language"} & set(value):
        raise _Broken("has sql already: that is the query and its language", "query")
    key = "query" if {"query", "language"} & set(value) else "sql"
    text, owner, unmask = value.get(key), value.get("owner", ""), value.get("unmask", False)
    if not isinstance(text, str) or not text.strip():
        raise _Broken("is required and must be text", key)
    language, dialect = value.get("language", "sql"), value.get("dialect", "")
    for name, said in (("language", language), ("dialect", dialect)):
        if not isinstance(said, str):
            raise _Broken("must be text", name)
    if dialect and language != "sql":
        raise _Broken("is of SQL, and the view is in another language", "dialect")
    if not isinstance(unmask, bool):
        raise _Broken("must be true or false", "unmask")
    if not isinstance(owner, str) or (owner and not _OWNER.match(owner)):
        raise _Broken("must be a role, as domain/role", "owner")
    if owner and owner.partition("/")[0] != domain:
        raise _Broken(f"must be a role of the view's own domain: {domain}/...", "owner")
    if unmask and not owner:
        raise _Broken("is required where the view unmasks: whose rights count", "owner")
    return View(text, owner, unmask, language, dialect)


def check_product_governance(product: Document) -> Iterator[Problem]:
    """What is wrong with the values a product gives for all its datasets."""
    readers = ((RESIDENCY, _read_residency), (PURPOSE, _read_required), (PURPOSES, _read_purposes))
    for name, read in readers:
        if (found := lookup(product, (), name)) is not None:
            try:
                read(found[0])
            except _Broken as error:
                yield product.problem((*found[1], *error.path), str(error))


def read_governance(
    product: Document, contract: Document, path: Path, schema: pa.Schema
) -> tuple[Governance, list[Problem]]:
    """What holds for the dataset of the schema object at `path`.

    The object's own property counts, or else the contract's, or else the product's. A demand
    (row policy, purpose) that is made anywhere is made.
    """
    problems: list[Problem] = []
    levels = (path, ()) if path else ((),)

    def read(name: str, reader: Any, *, every: bool = False) -> list[Any]:
        values = []
        for level in levels:
            found = lookup(contract, level, name)
            if found is None:
                continue
            try:
                values.append(reader(found[0]))
            except _Broken as error:
                problems.append(contract.problem((*found[1], *error.path), str(error)))
            if not every:
                break
        return values

    columns = {f.name: f.type for f in schema}
    filters = read(ROW_FILTERS, lambda value: _read_row_filters(value, columns))
    rows = read(ROW_POLICY, _read_required, every=True)
    purposes = read(PURPOSE, _read_required, every=True)

    def read_or_inherit(name: str, reader: Any) -> list[Any]:
        values, inherited = read(name, reader), lookup(product, (), name)
        if not values and inherited is not None and not problems:
            try:
                return [reader(inherited[0])]
            except _Broken:
                pass  # said of the product already
        return values

    residencies = read_or_inherit(RESIDENCY, _read_residency)
    served = read_or_inherit(PURPOSES, _read_purposes)
    return (
        Governance(
            row_filters=filters[0] if filters else {},
            requires_row_filter=bool(rows),
            requires_purpose=bool(purposes) or lookup(product, (), PURPOSE) is not None,
            residency=residencies[0] if residencies else None,
            purposes=served[0] if served else (),
        ),
        problems,
    )


def row_filter_problems(contract: Mapping[str, Any], position: int, schema: pa.Schema) -> list[str]:
    """Which row filters of a contract do not suit these columns of one of its objects."""
    document = Document("", contract, {})
    path: Path = ("schema", position)
    found = lookup(document, path, ROW_FILTERS) or lookup(document, (), ROW_FILTERS)
    try:
        if found is not None:
            _read_row_filters(found[0], {f.name: f.type for f in schema})
    except _Broken as error:
        return [f"{ROW_FILTERS}: {error}"]
    return []


def lookup(document: Document, path: Path, name: str) -> tuple[Any, Path] | None:
    """A custom property's value of the element at `path`, and the path of the value."""
    element: Any = document.content
    for step in path:
        element = element[step]
    for index, entry in enumerate(_entries(element)):
        if entry.get("property") == name:
            return entry.get("value"), (*path, "customProperties", index, "value")
    return None


def _read_required(value: Any) -> bool:
    if value != REQUIRED:
        raise _Broken(f"must be {REQUIRED}; without the property it is not")
    return True


def _read_purposes(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise _Broken("must be a list of purposes; without the property any will do")
    for index, purpose in enumerate(value):
        if not isinstance(purpose, str) or not PURPOSE_NAME.match(purpose):
            raise _Broken(f"{purpose!r} is no purpose; one is written like fraud/card", index)
    return tuple(dict.fromkeys(value))


def _read_row_filters(value: Any, columns: Mapping[str, pa.DataType]) -> dict[str, str]:
    if not isinstance(value, list):
        raise _Broken("must be a list of {id, expr}")
    filters: dict[str, str] = {}
    seen: set[str] = set()
    for index, entry in enumerate(value):
        if not isinstance(entry, dict):
            raise _Broken("must be a mapping with id and expr", index)
        _only_keys(entry, ("id", "expr", "description"), index)
        name, text = entry.get("id"), entry.get("expr")
        if not isinstance(name, str) or not NAME.match(name):
            raise _Broken("must be a name: a letter, digit or _, then also . and -", index, "id")
        if name.casefold() == ALL_ROWS:
            raise _Broken(f"{ALL_ROWS} always means every row; choose another id", index, "id")
        if name.casefold() in seen:
            raise _Broken(f"the row filter {name} is declared already", index, "id")
        seen.add(name.casefold())
        if not isinstance(text, str):
            raise _Broken("is required and must be text", index, "expr")
        if not isinstance(entry.get("description", ""), str):
            raise _Broken("must be text", index, "description")
        try:
            parse_row_filter(text, columns)
        except FilterError as error:
            raise _Broken(f"row filter {name}: {error}", index, "expr") from error
        filters[name] = text
    return filters


def _read_residency(value: Any) -> Residency:
    """``EU``, ``{region: EU}`` or ``{regions: [EU, EEA], minimumRows: 10}``."""
    if isinstance(value, str):
        value = {"region": value}
    if not isinstance(value, dict):
        raise _Broken("must be a region, in quotes if YAML reads it as another value, or a mapping")
    _only_keys(value, ("region", "regions", "minimumRows"))
    if ("region" in value) == ("regions" in value):
        raise _Broken("must have either region or regions")
    key = "region" if "region" in value else "regions"
    regions = [value["region"]] if key == "region" else value["regions"]
    if not isinstance(regions, list) or not regions:
        raise _Broken("must be a list of regions", key)
    for index, region in enumerate(regions):
        place = (key,) if key == "region" else (key, index)
        if not isinstance(region, str) or not NAME.match(region):
            raise _Broken(f"{region!r} is no region; one is written like EU, in quotes", *place)
        if region in regions[:index]:
            raise _Broken(f"{region} is given twice", *place)
    rows = value.get("minimumRows")
    if "minimumRows" in value and (isinstance(rows, bool) or not isinstance(rows, int) or rows < 2):
        raise _Broken("must be a whole number from 2 on", "minimumRows")
    return Residency(tuple(regions), rows)


def _only_keys(value: Mapping[str, Any], known: tuple[str, ...], *path: str | int) -> None:
    for key in value:
        if key not in known:
            hint = did_you_mean(key, known) or f"there are {', '.join(known)}"
            raise _Broken(f"is not known here; {hint}", *path, key)


def column_tags(column: Mapping[str, Any]) -> tuple[str, ...]:
    """The tags and classification of a column and of everything nested in it, each once.

    Policies govern whole columns: one tagged field makes its struct as sensitive as it is.
    """
    found: dict[str, None] = {}
    waiting = [column]
    while waiting:
        element = waiting.pop(0)
        found |= dict.fromkeys(element.get("tags") or ())
        if element.get("classification"):
            found[element["classification"]] = None
        nested = element.get("map") or {}
        children = [element.get("items"), nested.get("key"), nested.get("value")]
        waiting += [*(element.get("properties") or ()), *(child for child in children if child)]
    return tuple(found)
