"""The JSON Schemas of Bitol's ODPS and ODCS, and what a document breaks of them.

The schemas come with the standards' own packages and are read as data: nothing of those packages
runs, and nothing of them is kept here.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from dataclasses import replace
from importlib import resources
from typing import Any

import jsonschema_rs

from gateway.catalogue.document import Document
from gateway.catalogue.older_rules import with_modern_rules
from gateway.catalogue.problems import Path, Problem
from gateway.errors import did_you_mean

CONTRACT_VERSIONS = ("v3.0.0", "v3.0.1", "v3.0.2", "v3.1.0", "v3.2.0")
PRODUCT_VERSIONS = ("v1.0.0", "v1.1.0")


def check_contract(document: Document) -> list[Problem]:
    """What a ``*.odcs.yaml`` breaks of ODCS v3."""
    wrong = _wrong_version(document, "DataContract", CONTRACT_VERSIONS)
    # The newest schema is a later standard's: what 3.0 wrote otherwise is checked as it reads now.
    newer = replace(document, content=with_modern_rules(document.content))
    return wrong or _check(newer, "open_data_contract_standard", "schema.json")


def check_product(document: Document) -> list[Problem]:
    """What a ``*.odps.yaml`` breaks of ODPS v1."""
    wrong = _wrong_version(document, "DataProduct", PRODUCT_VERSIONS)
    if wrong:
        return wrong
    number = str(document.content["apiVersion"]).removeprefix("v")
    return _check(document, "dataproduct", f"schemas/odps-{number}.schema.json")


def _wrong_version(document: Document, kind: str, versions: tuple[str, ...]) -> list[Problem]:
    """Checked first: under another standard every further complaint would be noise."""
    problems = []
    if document.content.get("kind") != kind:
        problems.append(document.problem(("kind",), f"must be {kind}"))
    if document.content.get("apiVersion") not in versions:
        rule = f"must be one of {', '.join(versions)}"
        problems.append(document.problem(("apiVersion",), rule))
    return problems


def _check(document: Document, package: str, file: str) -> list[Problem]:
    validator, known = _validator(package, file)
    found: dict[Problem, None] = {}
    for error in validator.iter_errors(document.content):
        for path, rule in _explain(error, known):
            found[document.problem(path, rule)] = None
    return list(found)


@functools.cache
def _validator(package: str, file: str) -> tuple[jsonschema_rs.Validator, frozenset[str]]:
    """The compiled schema, and every property name in it (for did-you-mean)."""
    schema = json.loads(resources.files(package).joinpath(file).read_text(encoding="utf-8"))
    return jsonschema_rs.validator_for(schema), frozenset(_property_names(schema))


def _property_names(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        properties = schema.get("properties")
        if isinstance(properties, dict):
            yield from properties
        for value in schema.values():
            yield from _property_names(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _property_names(value)


def _explain(
    error: jsonschema_rs.ValidationError, known: frozenset[str]
) -> Iterator[tuple[Path, str]]:
    path: Path = tuple(error.instance_path)
    kind: Any = error.kind  # each kind has its own attributes, which the stubs do not list
    element: Any = error.instance
    if kind.name == "required" and kind.property == "map" and "logicalType" not in element:
        return  # ODCS 3.2's schema takes a column without logicalType for a map
    if kind.name == "required":
        yield (*path, kind.property), "is required"
    elif kind.name in {"additionalProperties", "unevaluatedProperties"}:
        for name in kind.unexpected:
            hint = did_you_mean(name, known - {name})
            yield (*path, name), "is not a property of the standard" + (f"; {hint}" if hint else "")
    elif kind.name in {"anyOf", "oneOf"}:
        yield path, "matches none of the forms the standard allows"
    else:
        yield path, error.message
