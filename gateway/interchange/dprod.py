"""DPROD: data products as a profile of DCAT, with ports that serve datasets.

Vocabulary: https://ekgf.github.io/dprod/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.catalogue.terms import owner_of, read_team
from gateway.interchange import dcat
from gateway.interchange.extract import Extract, Home
from gateway.interchange.jsonld import (
    Node,
    agent,
    artefact_node,
    contacts,
    dataset_node,
    iri,
    is_iri,
    only,
    product_iri,
    text_of,
)
from gateway.model import Dataset


def write(extract: Extract) -> dict[str, str]:
    """One JSON-LD document."""
    catalogue: Node = {
        "@id": dcat.CATALOGUE,
        "@type": "dcat:Catalog",
        "dct:title": "Data mesh",
        "dcat:resource": [{"@id": product_iri(home)} for home in extract.homes()],
    }
    made = [catalogue]
    for home in extract.homes():
        made += _product_nodes(home, extract)
    return {"": text_of(made)}


def _product_nodes(home: Home, extract: Extract) -> list[Node]:
    document = extract.product(home)
    datasets, artefacts = extract.of(home)
    team = read_team(document)
    title = str(document.get("name") or home[1])
    status = str(document.get("status") or "active")
    product = only(
        id=product_iri(home),
        type="dprod:DataProduct",
        rdfs_label=title,
        dct_title=title,
        dct_identifier=product_iri(home),
        dct_description=_described(document, "purpose"),
        dprod_purpose=_described(document, "usage"),
        dprod_domain={"@id": f"mesh://{home[0]}", "rdfs:label": home[0]},
        dprod_dataProductOwner=agent(owner_of(team)),
        dprod_lifecycleStatus={"@type": "dprod:DataProductLifecycleStatus", "rdfs:label": status},
        dcat_keyword=list(document.get("tags") or ()),
        dcat_version=document.get("version"),
        dcat_contactPoint=contacts(team),
        dprod_outputPort=[_port(dataset, extract) for dataset in datasets],
        dprod_outputDataset=[{"@id": iri(dataset.address)} for dataset in datasets],
        dct_hasPart=[{"@id": iri(artefact.address)} for artefact in artefacts],
    )
    return [
        product,
        *(_dataset(dataset, extract) for dataset in datasets),
        *(artefact_node(artefact, extract) for artefact in artefacts),
    ]


def _described(document: Mapping[str, Any], part: str) -> str:
    described = document.get("description")
    return str(described.get(part) or "") if isinstance(described, dict) else ""


def _port(dataset: Dataset, extract: Extract) -> Node:
    """A service of its own for each dataset, as DPROD has it."""
    return only(
        id=f"{iri(dataset.address)}/port",
        type="dcat:DataService",
        rdfs_label=f"{dataset.address.dataset} {dataset.address.version}",
        dcat_endpointDescription="Arrow Flight SQL",
        dprod_isAccessServiceOf={"@id": f"{iri(dataset.address)}/distribution"},
        **({"dcat_endpointURL": {"@id": extract.endpoint}} if is_iri(extract.endpoint) else {}),
    )


def _dataset(dataset: Dataset, extract: Extract) -> Node:
    node = dataset_node(dataset, extract)
    port = {"@id": f"{iri(dataset.address)}/port"}
    shown = {**node["dcat:distribution"], "dcat:accessService": port}
    shown["dprod:isDistributionOf"] = {"@id": iri(dataset.address)}
    classes = sorted(set(dataset.classifications.values()))
    sensitive = [
        {"@type": "dprod:InformationSensitivityClassification", "rdfs:label": name}
        for name in classes
    ]
    more = {"dprod:informationSensitivityClassification": sensitive} if sensitive else {}
    return {**node, "dcat:distribution": shown, **more}
