"""OpenMetadata: the requests that make the mesh known to it, in the order they are to be sent.

Each is ``{"put": path of its API, "body": a create request as its JSON Schemas have it}``:
https://docs.open-metadata.org/main-concepts/metadata-standard/schemas. Owners and lineage are not
among them: there they are references by ids that only the server knows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from connectors.interface import COMMENT, PHYSICAL_TYPE
from gateway.interchange.extract import Extract, Home, home_of
from gateway.interchange.secrets import without_secrets
from gateway.model import Artefact, Dataset

SERVICE = "meshgate"
CLASSIFICATION = "mesh"

_TYPES = (
    (pa.types.is_boolean, "BOOLEAN"),
    (pa.types.is_int8, "TINYINT"),
    (pa.types.is_int16, "SMALLINT"),
    (pa.types.is_int32, "INT"),
    (pa.types.is_integer, "BIGINT"),
    (pa.types.is_decimal, "DECIMAL"),
    (pa.types.is_float32, "FLOAT"),
    (pa.types.is_floating, "DOUBLE"),
    (pa.types.is_date, "DATE"),
    (pa.types.is_timestamp, "TIMESTAMP"),
    (pa.types.is_time, "TIME"),
    (pa.types.is_binary, "BINARY"),
    (pa.types.is_large_binary, "BINARY"),
    (pa.types.is_struct, "STRUCT"),
    (pa.types.is_map, "MAP"),
    (pa.types.is_nested, "ARRAY"),
)

Body = dict[str, Any]
Request = dict[str, Any]


def write(extract: Extract) -> dict[str, str]:
    """One JSON list of requests."""
    return {
        "": json.dumps(without_secrets(list(requests(extract))), indent=2, ensure_ascii=False)
        + "\n"
    }


def requests(extract: Extract) -> Iterator[Request]:
    """What is to be sent, in an order in which everything that is named is there already."""
    yield _put("services/databaseServices", name=SERVICE, serviceType="CustomDatabase")
    if extract.artefacts:
        yield _put("services/dashboardServices", name=SERVICE, serviceType="CustomDashboard")
    yield from _classification(extract)
    for domain in sorted({home[0] for home in extract.homes()}):
        yield _put("domains", name=domain, domainType="Source-aligned", description=domain)
        yield _put("databases", name=domain, service=SERVICE, domains=[quoted(domain)])
    for home in extract.homes():
        yield from _product(home, extract)
    for dataset in extract.current():
        yield _table(dataset)
    for artefact in extract.artefacts:
        yield _artefact(artefact, extract)


def _put(path: str, **body: Any) -> Request:
    said = {key: value for key, value in body.items() if value not in ("", None, [])}
    return {"put": f"/api/v1/{path}", "body": said}


def quoted(*names: str) -> str:
    """A fully qualified name: a part with a dot in it stands in quotes."""
    return ".".join(f'"{name}"' if "." in name else name for name in names)


def _tags(*sets: tuple[str, ...]) -> list[Body]:
    names = dict.fromkeys(name for tags in sets for name in tags)
    return [
        {
            "tagFQN": f"{CLASSIFICATION}.{_tag_part(name)}",
            "source": "Classification",
            "labelType": "Manual",
            "state": "Confirmed",
        }
        for name in names
    ]


def _tag_part(name: str) -> str:
    plain = _tag_name(name)
    return f'"{plain}"' if "." in plain else plain


def _tag_name(name: str) -> str:
    """A tag as it may be called there: without the separator, and no quotes."""
    return name.replace("::", "_").replace('"', "'").replace(">", "_")[:256]


def _classification(extract: Extract) -> Iterator[Request]:
    names = {tag for one in extract.all() for tag in one.tags}
    names |= {
        tag for dataset in extract.datasets for tags in dataset.column_tags.values() for tag in tags
    }
    if names:
        yield _put("classifications", name=CLASSIFICATION, description="Tags of the data mesh")
    for name in sorted({_tag_name(name) for name in names}):
        yield _put("tags", classification=CLASSIFICATION, name=name, description=name)


def _product(home: Home, extract: Extract) -> Iterator[Request]:
    document = extract.product(home)
    described = document.get("description")
    purpose = str(described.get("purpose") or "") if isinstance(described, dict) else ""
    yield _put(
        "dataProducts",
        name=_product_name(home),
        displayName=home[1],
        description=purpose or home[1],
        domains=[quoted(home[0])],
    )
    yield _put(
        "databaseSchemas",
        name=home[1],
        database=quoted(SERVICE, home[0]),
        description=purpose,
        domains=[quoted(home[0])],
    )


def _table(dataset: Dataset) -> Request:
    address = dataset.address
    parts = [dataset.description, dataset.usage, dataset.limitations]
    return _put(
        "tables",
        name=address.dataset,
        displayName=dataset.title,
        description="\n\n".join(part for part in parts if part),
        tableType="View" if dataset.view else "Regular",
        databaseSchema=quoted(SERVICE, address.domain, address.product),
        dataProducts=[_product_name(home_of(dataset))],
        domains=[quoted(address.domain)],
        columns=[_column(dataset, field) for field in dataset.schema],
        tableConstraints=_constraints(dataset),
        tags=_tags(dataset.tags),
    )


def _product_name(home: Home) -> str:
    return ".".join(home).replace(".", "_")


def _constraints(dataset: Dataset) -> list[Body]:
    """A key of several columns; one of a single column is said of that."""
    if len(dataset.primary_key) < 2:
        return []
    return [{"constraintType": "PRIMARY_KEY", "columns": list(dataset.primary_key)}]


def _column(dataset: Dataset, field: pa.Field) -> Body:
    metadata = field.metadata or {}
    term = dataset.terms.get(field.name)
    constraint = "" if field.nullable else "NOT_NULL"
    if dataset.primary_key == (field.name,):
        constraint = "PRIMARY_KEY"
    column = {
        **_typed(field.type),
        "name": field.name,
        "displayName": term.name if term else "",
        "dataTypeDisplay": metadata.get(PHYSICAL_TYPE, b"").decode() or str(field.type),
        "description": metadata.get(COMMENT, b"").decode(),
        "constraint": constraint,
        "tags": _tags(dataset.column_tags.get(field.name, ())),
    }
    return {key: value for key, value in column.items() if value not in ("", [], None)}


def _typed(data_type: pa.DataType) -> Body:
    name = next((name for test, name in _TYPES if test(data_type)), "STRING")
    typed: Body = {"dataType": name}
    if name == "DECIMAL":
        typed |= {"precision": data_type.precision, "scale": data_type.scale}
    if name == "BINARY":
        typed["dataLength"] = 1
    if name == "ARRAY":
        typed["arrayDataType"] = _typed(data_type.value_type)["dataType"]
    if name == "STRUCT":
        fields = [data_type.field(i) for i in range(data_type.num_fields)]
        typed["children"] = [
            {**_typed(f.type), "name": f.name, "dataTypeDisplay": str(f.type)} for f in fields
        ]
    return typed


def _artefact(artefact: Artefact, extract: Extract) -> Request:
    """A metric as one; everything else as a dashboard, with its kind among its words."""
    way = extract.ways.get(artefact.address)
    common = {
        "name": _artefact_name(artefact),
        "displayName": artefact.title or artefact.address.dataset,
        "description": _described(artefact),
        "tags": _tags(artefact.tags),
        "domains": [quoted(artefact.address.domain)],
    }
    if artefact.kind == "metric":
        code = {"language": "SQL", "code": way.text} if way and way.form == "sql" else None
        return _put("metrics", **common, metricExpression=code)
    url = way.text if way is not None and way.form == "url" else ""
    return _put("dashboards", **common, service=SERVICE, sourceUrl=url)


def _artefact_name(artefact: Artefact) -> str:
    """What an artefact is called there, where all of a service are in one folder."""
    address = artefact.address
    return "_".join((address.domain, address.product, address.dataset)).replace(".", "_")


def _described(artefact: Artefact) -> str:
    words = [artefact.description, f"{artefact.kind} {artefact.address}"]
    return "\n\n".join(word for word in words if word)
