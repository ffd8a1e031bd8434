"""DataHub: metadata change proposals, for its source ``file``.

https://docs.datahub.com/docs/generated/ingestion/sources/metadata-file. `datahub check
metadata-file` reads what is written here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from connectors.interface import COMMENT, PHYSICAL_TYPE
from gateway.interchange.extract import Extract, Home
from gateway.interchange.secrets import without_secrets
from gateway.model import Artefact, Dataset, ForeignKey

PLATFORM = "urn:li:dataPlatform:meshgate"
ACTOR = "urn:li:corpuser:meshgate"
_UNKNOWN_TIME = {"time": 0, "actor": ACTOR}

_PACKAGE = "com.linkedin.schema"
_TYPES = (
    (pa.types.is_boolean, "BooleanType"),
    (pa.types.is_integer, "NumberType"),
    (pa.types.is_decimal, "NumberType"),
    (pa.types.is_floating, "NumberType"),
    (pa.types.is_date, "DateType"),
    (pa.types.is_timestamp, "TimeType"),
    (pa.types.is_time, "TimeType"),
    (pa.types.is_binary, "BytesType"),
    (pa.types.is_large_binary, "BytesType"),
    (pa.types.is_struct, "RecordType"),
    (pa.types.is_map, "MapType"),
    (pa.types.is_nested, "ArrayType"),
)
_BOARDS = ("dashboard", "report", "notebook")

Proposal = dict[str, Any]


def write(extract: Extract) -> dict[str, str]:
    """One JSON list of proposals."""
    return {
        "": json.dumps(without_secrets(list(proposals(extract))), indent=2, ensure_ascii=False)
        + "\n"
    }


def proposals(extract: Extract) -> Iterator[Proposal]:
    """The aspects of everything that is exported."""
    info = {
        "name": "meshgate",
        "displayName": "Meshgate",
        "type": "QUERY_ENGINE",
        "datasetNameDelimiter": ".",
    }
    yield _proposal("dataPlatform", PLATFORM, "dataPlatformInfo", info)
    for domain in sorted({home[0] for home in extract.homes()}):
        yield _proposal("domain", domain_urn(domain), "domainProperties", {"name": domain})
    current = {dataset.address: dataset for dataset in extract.current()}
    for dataset in current.values():
        yield from _dataset(dataset)
    for artefact in extract.artefacts:
        yield from _artefact(artefact, extract)
    for home in extract.homes():
        yield from _product(home, extract)


def _proposal(kind: str, urn: str, aspect: str, value: Mapping[str, Any]) -> Proposal:
    said = {key: each for key, each in value.items() if each not in ("", None)}
    return {
        "entityType": kind,
        "entityUrn": urn,
        "changeType": "UPSERT",
        "aspectName": aspect,
        "aspect": {"json": said},
    }


def _part(text: str) -> str:
    """A text as a part of a urn: what separates the parts of one is escaped."""
    return quote(text, safe="@._-~ /+").replace(",", "%2C")


def dataset_urn(one: Dataset | Artefact) -> str:
    """The urn of a dataset, without its version: there a dataset has one state."""
    address = one.address
    name = ".".join(map(_part, (address.domain, address.product, address.dataset)))
    return f"urn:li:dataset:({PLATFORM},{name},PROD)"


def domain_urn(domain: str) -> str:
    """The urn of a domain."""
    return f"urn:li:domain:{_part(domain)}"


def _urn(artefact: Artefact) -> tuple[str, str]:
    """The kind of entity an artefact is there, and its urn."""
    if artefact.kind in _BOARDS:
        address = artefact.address
        name = ".".join(map(_part, (address.domain, address.product, address.dataset)))
        return "dashboard", f"urn:li:dashboard:(meshgate,{name})"
    return "dataset", dataset_urn(artefact)


def _common(kind: str, urn: str, one: Dataset | Artefact) -> Iterator[Proposal]:
    domains = {"domains": [domain_urn(one.address.domain)]}
    yield _proposal(kind, urn, "domains", domains)
    if one.tags:
        yield _proposal(kind, urn, "globalTags", _tags(one.tags))
    if one.owner:
        owner = {"owner": f"urn:li:corpGroup:{_part(one.owner)}", "type": "DATAOWNER"}
        yield _proposal(kind, urn, "ownership", {"owners": [owner]})
    if one.status in ("deprecated", "retired"):
        yield _proposal(kind, urn, "deprecation", _deprecation(one))


def _deprecation(one: Dataset | Artefact) -> dict[str, Any]:
    ended = one.deprecation if isinstance(one, Dataset) else None
    words = [one.status, ended.reason, ended.successor] if ended else [one.status]
    return {
        "deprecated": True,
        "note": "; ".join(word for word in words if word),
        "actor": ACTOR,
        "decommissionTime": _milliseconds(ended.ends) if ended else None,
    }


def _milliseconds(date: str) -> int | None:
    try:
        moment = datetime.fromisoformat(date)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)


def _tags(names: tuple[str, ...]) -> dict[str, Any]:
    return {"tags": [{"tag": f"urn:li:tag:{_part(name)}"} for name in names]}


def _dataset(dataset: Dataset) -> Iterator[Proposal]:
    urn = dataset_urn(dataset)
    properties = {
        "name": dataset.title or dataset.address.dataset,
        "qualifiedName": dataset.address.sql_name,
        "description": dataset.description,
        "customProperties": {
            key: value
            for key, value in (
                ("mesh.address", str(dataset.address)),
                ("mesh.status", dataset.status),
                ("usage", dataset.usage),
                ("limitations", dataset.limitations),
            )
            if value
        },
    }
    yield _proposal("dataset", urn, "datasetProperties", properties)
    yield _proposal("dataset", urn, "schemaMetadata", _schema(dataset))
    kinds = {"typeNames": ["View" if dataset.view else "Table"]}
    yield _proposal("dataset", urn, "subTypes", kinds)
    yield from _common("dataset", urn, dataset)


def _schema(dataset: Dataset) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "schemaName": dataset.address.sql_name,
        "platform": PLATFORM,
        "version": 0,
        "hash": hashlib.sha256(str(dataset.schema).encode()).hexdigest(),
        "platformSchema": {f"{_PACKAGE}.OtherSchema": {"rawSchema": ""}},
        "fields": [_field(dataset, field) for field in dataset.schema],
    }
    if dataset.primary_key:
        schema["primaryKeys"] = list(dataset.primary_key)
    if dataset.foreign_keys:
        keys = enumerate(dataset.foreign_keys)
        schema["foreignKeys"] = [_foreign_key(dataset, key, number) for number, key in keys]
    return schema


def _foreign_key(dataset: Dataset, key: ForeignKey, number: int) -> dict[str, Any]:
    target = f"urn:li:dataset:({PLATFORM},{_target(key)},PROD)"

    def fields(urn: str, columns: tuple[str, ...]) -> list[str]:
        return [f"urn:li:schemaField:({urn},{_part(column)})" for column in columns]

    return {
        "name": key.name or f"key_{number + 1}",
        "sourceFields": fields(dataset_urn(dataset), key.columns),
        "foreignFields": fields(target, key.target_columns),
        "foreignDataset": target,
    }


def _target(key: ForeignKey) -> str:
    return ".".join(map(_part, (key.target.domain, key.target.product, key.target.dataset)))


def _field(dataset: Dataset, field: pa.Field) -> dict[str, Any]:
    metadata = field.metadata or {}
    term = dataset.terms.get(field.name)
    kind = next((name for test, name in _TYPES if test(field.type)), "StringType")
    made = {
        "fieldPath": field.name,
        "type": {"type": {f"{_PACKAGE}.{kind}": {}}},
        "nativeDataType": metadata.get(PHYSICAL_TYPE, b"").decode() or str(field.type),
        "nullable": field.nullable,
        "description": metadata.get(COMMENT, b"").decode(),
        "label": term.name if term else "",
        "isPartOfKey": field.name in dataset.primary_key,
    }
    tags = dataset.column_tags.get(field.name, ())
    if tags:
        made["globalTags"] = _tags(tags)
    return {key: value for key, value in made.items() if value != ""}


def _artefact(artefact: Artefact, extract: Extract) -> Iterator[Proposal]:
    """A board as a dashboard; everything else as a dataset of its own kind."""
    kind, urn = _urn(artefact)
    way = extract.ways.get(artefact.address)
    custom = {"mesh.address": str(artefact.address), "mesh.kind": artefact.kind}
    if way is not None:
        custom[f"mesh.{way.form}"] = way.text
    title = artefact.title or artefact.address.dataset
    origins = list(dict.fromkeys(map(dataset_urn, extract.origins(artefact))))
    url = way.text if way is not None and way.form == "url" else None
    if kind == "dashboard":
        info = {
            "title": title,
            "description": artefact.description or title,
            "customProperties": custom,
            "datasetEdges": [{"destinationUrn": origin} for origin in origins],
            "charts": [],
            "lastModified": {"created": _UNKNOWN_TIME, "lastModified": _UNKNOWN_TIME},
            "dashboardUrl": url,
        }
        yield _proposal(kind, urn, "dashboardInfo", info)
    else:
        properties = {
            "name": title,
            "description": artefact.description,
            "customProperties": custom,
            "externalUrl": url,
        }
        yield _proposal(kind, urn, "datasetProperties", properties)
        yield _proposal(kind, urn, "subTypes", {"typeNames": [artefact.kind.capitalize()]})
        if origins:
            upstreams = [
                {"dataset": origin, "type": "VIEW", "auditStamp": _UNKNOWN_TIME}
                for origin in origins
            ]
            yield _proposal(kind, urn, "upstreamLineage", {"upstreams": upstreams})
    yield from _common(kind, urn, artefact)


def _product(home: Home, extract: Extract) -> Iterator[Proposal]:
    document = extract.product(home)
    datasets, artefacts = extract.of(home)
    described = document.get("description")
    purpose = str(described.get("purpose") or "") if isinstance(described, dict) else ""
    assets = [*map(dataset_urn, datasets), *(_urn(artefact)[1] for artefact in artefacts)]
    urn = f"urn:li:dataProduct:{_part('.'.join(home))}"
    properties = {
        "name": home[1],
        "description": purpose,
        "assets": [{"destinationUrn": asset} for asset in dict.fromkeys(assets)],
    }
    yield _proposal("dataProduct", urn, "dataProductProperties", properties)
    yield _proposal("dataProduct", urn, "domains", {"domains": [domain_urn(home[0])]})
