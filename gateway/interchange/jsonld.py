"""What DCAT and DPROD share: their vocabularies, and datasets as nodes of JSON-LD."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from connectors.interface import COMMENT
from gateway.catalogue.versions import version_order
from gateway.interchange.extract import Extract
from gateway.interchange.secrets import without_secrets
from gateway.model import Address, Artefact, Dataset, Team

Node = dict[str, Any]

CONTEXT: Mapping[str, str] = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "dprod": "https://ekgf.github.io/dprod/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "prov": "http://www.w3.org/ns/prov#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "schema": "http://schema.org/",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "csvw": "http://www.w3.org/ns/csvw#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}

ARROW_STREAM = "https://www.iana.org/assignments/media-types/application/vnd.apache.arrow.stream"

SERVICE = "mesh:gateway"

_IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>\"{}|\\^`]+\Z")

_XSD = (
    (pa.types.is_boolean, "boolean"),
    (pa.types.is_integer, "integer"),
    (pa.types.is_decimal, "decimal"),
    (pa.types.is_floating, "double"),
    (pa.types.is_date, "date"),
    (pa.types.is_timestamp, "dateTime"),
    (pa.types.is_time, "time"),
)


def text_of(nodes: Sequence[Node]) -> str:
    """The nodes as a JSON-LD document, which needs no other to be read."""
    document = {"@context": dict(CONTEXT), "@graph": without_secrets(nodes)}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def iri(address: Address) -> str:
    """An address as an IRI: of a column, every character that may not stand in one is escaped."""
    column = f"#{quote(address.column, safe='')}" if address.column else ""
    version = f"@{address.version}" if address.version else ""
    return f"mesh://{address.domain}/{address.product}/{address.dataset}{version}{column}"


def product_iri(home: tuple[str, str]) -> str:
    """The IRI of a product."""
    return f"mesh://{home[0]}/{home[1]}"


def only(**properties: Any) -> Node:
    """A node of the properties that say something; ``dct_title`` is ``dct:title``."""
    said = {key: value for key, value in properties.items() if value not in ("", None, [], ())}
    return {_name(key): value for key, value in said.items()}


def _name(key: str) -> str:
    if key in ("id", "type"):
        return f"@{key}"
    prefix, _, name = key.partition("_")
    return f"{prefix}:{name}"


def agent(name: str) -> Node | None:
    """Somebody, by name."""
    return {"@type": ["foaf:Agent", "prov:Agent"], "foaf:name": name} if name else None


def contacts(team: Team | None) -> list[Node]:
    """Where questions are answered."""
    if team is None:
        return []
    nodes = []
    for contact in team.contacts:
        key = "vcard:hasEmail" if contact.url.startswith("mailto:") else "vcard:hasURL"
        reach = {key: {"@id": contact.url}} if is_iri(contact.url) else {}
        nodes.append({"@type": "vcard:Organization", "vcard:fn": contact.channel, **reach})
    return nodes


def is_iri(text: str) -> bool:
    """Whether a text can be the IRI of a node: it has a scheme and nothing an IRI may not have."""
    return bool(_IRI.match(text))


def dataset_node(dataset: Dataset, extract: Extract) -> Node:
    """A dataset as DCAT has it, its columns as a table schema of CSVW."""
    ended = dataset.deprecation
    return only(
        id=iri(dataset.address),
        type="dcat:Dataset",
        dct_identifier=str(dataset.address),
        dct_title=dataset.title or dataset.address.dataset,
        rdfs_label=dataset.title or dataset.address.dataset,
        dct_description=dataset.description,
        skos_editorialNote=[text for text in (dataset.usage, dataset.limitations) if text],
        dcat_keyword=list(dataset.tags),
        dcat_theme=themes(dataset),
        dcat_version=dataset.address.version,
        dcat_isVersionOf={"@id": iri(_without_version(dataset.address))},
        dcat_previousVersion=_previous(dataset, extract),
        schema_creativeWorkStatus=dataset.status,
        dct_isReplacedBy=_linked(ended.successor) if ended else "",
        schema_expires=ended.ends if ended else "",
        dct_publisher=agent(dataset.owner),
        dcat_contactPoint=contacts(dataset.team),
        dct_conformsTo=_table_schema(dataset),
        dct_accessRights=_rights(dataset),
        dcat_distribution=distribution(dataset, extract),
    )


def _linked(text: str) -> Node | str:
    """A reference to what has an IRI; else what is said of it."""
    return {"@id": text} if is_iri(text) else text


def _without_version(address: Address) -> Address:
    return Address(address.domain, address.product, address.dataset)


def _previous(dataset: Dataset, extract: Extract) -> Node | None:
    own = version_order(dataset.address.version or "0")
    bare = _without_version(dataset.address)
    earlier = [
        other.address
        for other in extract.datasets
        if _without_version(other.address) == bare
        and version_order(other.address.version or "0") < own
    ]
    if not earlier:
        return None
    return {"@id": iri(max(earlier, key=lambda address: version_order(address.version or "0")))}


def themes(dataset: Dataset) -> list[Node]:
    """The business terms of the dataset and its columns, each once."""
    found: dict[tuple[str, str], Node] = {}
    for term in dataset.terms.values():
        node: Node = {"@type": "skos:Concept", "skos:prefLabel": term.name}
        if is_iri(term.definition):
            node["@id"] = term.definition
        found.setdefault((term.name, term.definition), node)
    return list(found.values())


def _rights(dataset: Dataset) -> list[Node]:
    said = []
    if dataset.requires_purpose:
        said.append("a purpose has to be declared")
    if dataset.purposes:
        said.append(f"for {', '.join(dataset.purposes)}")
    if dataset.residency is not None:
        said.append(f"rows stay in {', '.join(dataset.residency.regions)}")
    return [{"@type": "dct:RightsStatement", "rdfs:label": text} for text in said]


def _table_schema(dataset: Dataset) -> Node:
    return {
        "@type": "csvw:Schema",
        "csvw:column": {"@list": [_column(dataset, field) for field in dataset.schema]},
        **({"csvw:primaryKey": list(dataset.primary_key)} if dataset.primary_key else {}),
    }


def _column(dataset: Dataset, field: pa.Field) -> Node:
    address = dataset.address
    own = Address(address.domain, address.product, address.dataset, address.version, field.name)
    term = dataset.terms.get(field.name)
    return only(
        id=iri(own),
        type="csvw:Column",
        csvw_name=field.name,
        csvw_title=term.name if term else "",
        csvw_required=not field.nullable,
        csvw_datatype={"@id": f"xsd:{xsd(field.type)}"},
        dct_description=(field.metadata or {}).get(COMMENT, b"").decode(),
        dcat_keyword=list(dataset.column_tags.get(field.name, ())),
        **({"dct_subject": {"@id": term.definition}} if term and is_iri(term.definition) else {}),
    )


def xsd(data_type: pa.DataType) -> str:
    """The type of XML Schema nearest to an Arrow type; what has none is a string."""
    return next((name for test, name in _XSD if test(data_type)), "string")


def distribution(dataset: Dataset, extract: Extract) -> Node:
    """Rows as a gateway gives them: a stream of Arrow."""
    return only(
        id=f"{iri(dataset.address)}/distribution",
        type="dcat:Distribution",
        dct_title=f"{dataset.address.sql_name} as a stream of Arrow",
        dcat_mediaType={"@id": ARROW_STREAM},
        dcat_accessService={"@id": SERVICE},
        **({"dcat_accessURL": {"@id": extract.endpoint}} if is_iri(extract.endpoint) else {}),
    )


def service_node(extract: Extract) -> Node:
    """The gateway, which serves every dataset."""
    return only(
        id=SERVICE,
        type="dcat:DataService",
        dct_title="Meshgate",
        dcat_endpointDescription="Arrow Flight SQL",
        dcat_servesDataset=[{"@id": iri(dataset.address)} for dataset in extract.datasets],
        **({"dcat_endpointURL": {"@id": extract.endpoint}} if is_iri(extract.endpoint) else {}),
    )


def artefact_node(artefact: Artefact, extract: Extract) -> Node:
    """An artefact: a resource of its kind, derived from what it uses."""
    way = extract.ways.get(artefact.address)
    page = way.text if way is not None and way.form == "url" else ""
    return only(
        id=iri(artefact.address),
        type="dcat:Resource",
        dct_type=artefact.kind,
        dct_identifier=str(artefact.address),
        dct_title=artefact.title or artefact.address.dataset,
        dct_description=artefact.description,
        dcat_keyword=list(artefact.tags),
        dcat_version=artefact.address.version,
        schema_creativeWorkStatus=artefact.status,
        dct_publisher=agent(artefact.owner),
        prov_wasDerivedFrom=list(_derived(artefact, extract)),
        **({"dcat_landingPage": {"@id": page}} if is_iri(page) else {}),
    )


def _derived(artefact: Artefact, extract: Extract) -> Iterator[Node]:
    for address in artefact.uses:
        used = extract.used(address)
        if used is not None:
            own = used.address
            column = Address(own.domain, own.product, own.dataset, own.version, address.column)
            yield {"@id": iri(column)}
