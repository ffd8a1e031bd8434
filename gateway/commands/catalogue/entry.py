"""`meshgate catalogue show` and `open`: one dataset or artefact, and the way into it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from connectors.interface import COMMENT, PHYSICAL_TYPE
from gateway.catalogue.versions import version_order
from gateway.commands.catalogue.reader import Reader
from gateway.errors import AccessDenied, UserError
from gateway.model import Artefact, Dataset, Team, Way

_WIDTH = 14


def show(args: argparse.Namespace, words: Sequence[str]) -> int:
    """Print everything the reader may know of one thing."""
    reader = Reader.load(args)
    found = reader.find(_one(words, "show"))
    entry = entry_of(found, reader)
    if args.json:
        print(json.dumps(entry, indent=2, ensure_ascii=False))
    else:
        print("\n".join(_lines(entry)))
    return 0


def open_(args: argparse.Namespace, words: Sequence[str]) -> int:
    """Print how one thing is opened or executed, and nothing else. Raises AccessDenied."""
    reader = Reader.load(args)
    found = reader.find(_one(words, "open"))
    if not reader.may_read(found):
        raise AccessDenied(
            f"{found.address} may be known of, but not opened",
            hint=f"ask {found.owner}" if found.owner else "its owner can grant the right to read",
        )
    way = way_into(found, reader)
    print(json.dumps(asdict(way), ensure_ascii=False) if args.json else way.text)
    return 0


def _one(words: Sequence[str], action: str) -> str:
    if len(words) != 1:
        raise UserError(
            f"{action} takes one address",
            hint=f"meshgate catalogue {action} domain.product.dataset",
        )
    return words[0]


def way_into(what: Dataset | Artefact, reader: Reader) -> Way:
    """The way into an artefact, or the query that reads a dataset, of just this version."""
    if isinstance(what, Artefact):
        if what.way.form != "dataset":
            return what.way
        found = reader.find(what.way.text)
        if not isinstance(found, Dataset):
            raise UserError(f"{what.address} is read as {found.address}, which is no dataset")
        what = found
    newest = reader.find(what.address.sql_name).address == what.address
    version = "" if newest else f" FOR VERSION AS OF '{what.address.version}'"
    return Way("sql", f"SELECT * FROM {what.address.sql_name}{version}")


def entry_of(what: Dataset | Artefact, reader: Reader) -> dict[str, Any]:
    """All that is known, as JSON has it; what there is nothing of is left out."""
    entry = _dataset(what, reader) if isinstance(what, Dataset) else _artefact(what, reader)
    return {key: value for key, value in entry.items() if value not in ("", None, [], {}, False)}


def _common(what: Dataset | Artefact, reader: Reader) -> dict[str, Any]:
    address = what.address
    name = (address.domain, address.product, address.dataset)
    versions = [
        one
        for one in reader.all()
        if (one.address.domain, one.address.product, one.address.dataset) == name
    ]
    versions.sort(key=lambda one: version_order(one.address.version or "0"), reverse=True)
    return {
        "status": what.status,
        "title": what.title,
        "description": what.description,
        "owner": what.owner,
        "tags": list(what.tags),
        "versions": [f"{one.address.version} ({one.status})" for one in versions],
    }


def _artefact(artefact: Artefact, reader: Reader) -> dict[str, Any]:
    return {
        "address": str(artefact.address),
        "kind": artefact.kind,
        **_common(artefact, reader),
        "requires_purpose": artefact.requires_purpose,
        "uses": [str(address) for address in artefact.uses],
        "used_by": _users(artefact, reader),
        "way": asdict(artefact.way) if reader.may_read(artefact) else None,
    }


def _dataset(dataset: Dataset, reader: Reader) -> dict[str, Any]:
    term = dataset.terms.get("")
    residency = dataset.residency
    return {
        "address": str(dataset.address),
        "kind": "view" if dataset.view else "dataset",
        "sql_name": dataset.address.sql_name,
        **_common(dataset, reader),
        "term": asdict(term) if term else None,
        "usage": dataset.usage,
        "limitations": dataset.limitations,
        "team": _team(dataset.team) if dataset.team else None,
        "deprecation": asdict(dataset.deprecation) if dataset.deprecation else None,
        "requires_purpose": dataset.requires_purpose,
        "purposes": list(dataset.purposes),
        "requires_row_filter": dataset.requires_row_filter,
        "row_filters": dict(dataset.row_filters),
        "residency": asdict(residency) if residency else None,
        "quality": [rule.name for rule in dataset.quality],
        "promises": [f"{p.name} {p.value} {p.unit}".strip() for p in dataset.promises],
        "connector": "" if dataset.view else dataset.binding.connector,
        "view": dataset.view.query if dataset.view else "",
        "language": dataset.view.language if dataset.view else "",
        "primary_key": list(dataset.primary_key),
        "foreign_keys": [
            {
                "columns": list(key.columns),
                "target": str(key.target),
                "target_columns": list(key.target_columns),
            }
            for key in dataset.foreign_keys
        ],
        "used_by": _users(dataset, reader),
        "columns": [_column(dataset, field) for field in dataset.schema],
    }


def _team(team: Team) -> dict[str, Any]:
    known = {key: value for key, value in asdict(team).items() if value}
    return {
        key: [{k: v for k, v in each.items() if v} for each in value]
        if isinstance(value, tuple | list)
        else value
        for key, value in known.items()
    }


def _users(what: Dataset | Artefact, reader: Reader) -> Sequence[str]:
    """The artefacts that are made from it."""
    address = what.address
    return [
        str(artefact.address)
        for artefact in reader.artefacts
        if any(
            (used.domain, used.product, used.dataset)
            == (address.domain, address.product, address.dataset)
            and used.version in (None, address.version)
            for used in artefact.uses
        )
    ]


def _column(dataset: Dataset, field: pa.Field) -> dict[str, Any]:
    metadata = field.metadata or {}
    term = dataset.terms.get(field.name)
    column = {
        "name": field.name,
        "type": str(field.type),
        "physical_type": metadata.get(PHYSICAL_TYPE, b"").decode(),
        "required": not field.nullable,
        "description": metadata.get(COMMENT, b"").decode(),
        "tags": list(dataset.column_tags.get(field.name, ())),
        "classification": dataset.classifications.get(field.name, ""),
        "term": asdict(term) if term else None,
    }
    return {key: value for key, value in column.items() if value not in ("", None, [], False)}


def _lines(entry: Mapping[str, Any]) -> Iterator[str]:
    """The entry for people: a line each, columns last."""
    yield entry["address"]
    for key, value in entry.items():
        if key not in ("address", "columns"):
            yield from _told(key.replace("_", " "), value)
    columns = entry.get("columns", ())
    if columns:
        yield "  columns"
        names = max(len(column["name"]) for column in columns)
        types = max(len(column["type"]) for column in columns)
        for column in columns:
            said = "; ".join(_said(column))
            yield f"    {column['name']:<{names}}  {column['type']:<{types}}  {said}".rstrip()


def _told(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = [f"{key.replace('_', ' ')}: {_text(each)}" for key, each in value.items() if each]
    lines = [_text(each) for each in value] if isinstance(value, list) else _text(value).split("\n")
    for index, line in enumerate(lines):
        yield f"  {name if index == 0 else '':<{_WIDTH}} {line}".rstrip()


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(_text(each) for each in value.values() if each)
    if isinstance(value, list | tuple):
        return "; ".join(map(_text, value))
    return "yes" if value is True else str(value)


def _said(column: Mapping[str, Any]) -> Iterator[str]:
    if column.get("required"):
        yield "required"
    if column.get("term"):
        yield _text(column["term"])
    if column.get("tags"):
        yield f"tags {', '.join(column['tags'])}"
    if column.get("description"):
        yield " ".join(column["description"].split())
