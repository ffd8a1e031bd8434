"""dbt: datasets as sources and artefacts as exposures, in a properties file.

https://docs.getdbt.com/reference/source-properties and /exposure-properties. dbt renders every text
as a Jinja template: what would be one is escaped, for it is somebody's words and no program.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from connectors.interface import COMMENT
from gateway.catalogue.pages import to_yaml
from gateway.interchange.extract import Extract, Home, home_of
from gateway.interchange.secrets import without_secrets
from gateway.model import Artefact, Dataset

_EXPOSURES = {
    "dashboard": "dashboard",
    "notebook": "notebook",
    "model": "ml",
    "job": "application",
}
_JINJA = re.compile(r"\{(?=[{%#])")
_TYPES = (
    (pa.types.is_boolean, "boolean"),
    (pa.types.is_int8, "smallint"),
    (pa.types.is_int16, "smallint"),
    (pa.types.is_int32, "integer"),
    (pa.types.is_integer, "bigint"),
    (pa.types.is_float32, "real"),
    (pa.types.is_floating, "double precision"),
    (pa.types.is_date, "date"),
    (pa.types.is_time, "time"),
    (pa.types.is_large_binary, "bytea"),
    (pa.types.is_binary, "bytea"),
)


def write(extract: Extract) -> dict[str, str]:
    """A properties file, to be laid beside the models of a dbt project."""
    document: dict[str, Any] = {
        "version": 2,
        "sources": [_source(home, extract) for home in extract.homes() if extract.of(home)[0]],
    }
    exposures = list(_exposures(extract))
    if exposures:
        document["exposures"] = exposures
    return {"": to_yaml(escaped(without_secrets(document)))}


def escaped(value: Any) -> Any:
    """The same with every text such that Jinja renders it as it was."""
    if isinstance(value, dict):
        return {key: escaped(each) for key, each in value.items()}
    if isinstance(value, list):
        return [escaped(each) for each in value]
    return _JINJA.sub("{{ '{' }}", value) if isinstance(value, str) else value


def source_name(home: Home) -> str:
    """What a product is called in ``{{ source(...) }}``: names of sources are the project's."""
    return _plain("_".join(home))


def _plain(name: str) -> str:
    return re.sub(r"\W+", "_", name, flags=re.ASCII)


def _source(home: Home, extract: Extract) -> dict[str, Any]:
    document = extract.product(home)
    described = document.get("description")
    purpose = described.get("purpose") if isinstance(described, dict) else None
    return {
        "name": source_name(home),
        "database": home[0],
        "schema": home[1],
        **({"description": purpose} if purpose else {}),
        "tables": [_table(d) for d in extract.current() if home_of(d) == home],
    }


def _table(dataset: Dataset) -> dict[str, Any]:
    address = dataset.address
    meta = {"mesh_address": str(address), "owner": dataset.owner, "status": dataset.status}
    return {
        "name": address.dataset,
        **({"description": dataset.description} if dataset.description else {}),
        "config": _config(dataset.tags, {k: v for k, v in meta.items() if v}),
        "columns": [_column(dataset, field) for field in dataset.schema],
    }


def _config(tags: tuple[str, ...], meta: dict[str, str]) -> dict[str, Any]:
    return {**({"tags": list(tags)} if tags else {}), **({"meta": meta} if meta else {})}


def _column(dataset: Dataset, field: pa.Field) -> dict[str, Any]:
    term = dataset.terms.get(field.name)
    comment = (field.metadata or {}).get(COMMENT, b"").decode()
    classification = dataset.classifications.get(field.name, "")
    meta = {
        **({"business_name": term.name} if term else {}),
        **({"business_definition": term.definition} if term and term.definition else {}),
        **({"classification": classification} if classification else {}),
    }
    config = _config(dataset.column_tags.get(field.name, ()), meta)
    return {
        "name": field.name,
        "data_type": _type(field.type),
        **({"description": comment} if comment else {}),
        **({"data_tests": ["not_null"]} if not field.nullable else {}),
        **({"config": config} if config else {}),
    }


def _type(data_type: pa.DataType) -> str:
    """As the gateway's PostgreSQL front names it."""
    if pa.types.is_decimal(data_type):
        return f"numeric({data_type.precision},{data_type.scale})"
    if pa.types.is_timestamp(data_type):
        return "timestamp with time zone" if data_type.tz else "timestamp"
    return next((name for test, name in _TYPES if test(data_type)), "text")


def _exposures(extract: Extract) -> Iterator[dict[str, Any]]:
    taken: set[str] = set()
    for artefact in extract.artefacts:
        address = artefact.address
        name = _plain(f"{address.domain}_{address.product}_{address.dataset}_{address.version}")
        while name in taken:
            name += "_"
        taken.add(name)
        yield _exposure(name, artefact, extract)


def _exposure(name: str, artefact: Artefact, extract: Extract) -> dict[str, Any]:
    way = extract.ways.get(artefact.address)
    meta = {
        "mesh_address": str(artefact.address),
        "kind": artefact.kind,
        "status": artefact.status,
        **({way.form: way.text} if way is not None and way.form != "url" else {}),
    }
    origins = [
        f"source('{source_name(home_of(dataset))}', '{dataset.address.dataset}')"
        for dataset in extract.origins(artefact)
    ]
    return {
        "name": name,
        "label": artefact.title or artefact.address.dataset,
        "type": _EXPOSURES.get(artefact.kind, "analysis"),
        **({"url": way.text} if way is not None and way.form == "url" else {}),
        **({"description": artefact.description} if artefact.description else {}),
        "owner": {"name": artefact.owner or artefact.address.domain},
        "depends_on": list(dict.fromkeys(origins)),
        "config": _config(artefact.tags, meta),
    }
