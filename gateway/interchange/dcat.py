"""DCAT 3: the mesh as a catalogue of datasets, served by one data service.

Vocabulary: https://www.w3.org/TR/vocab-dcat-3/
"""

from __future__ import annotations

from gateway.interchange.extract import Extract
from gateway.interchange.jsonld import (
    Node,
    artefact_node,
    dataset_node,
    iri,
    service_node,
    text_of,
)

CATALOGUE = "mesh:catalogue"


def write(extract: Extract) -> dict[str, str]:
    """One JSON-LD document."""
    return {"": text_of(nodes(extract))}


def nodes(extract: Extract) -> list[Node]:
    """The catalogue, and everything in it."""
    catalogue: Node = {
        "@id": CATALOGUE,
        "@type": "dcat:Catalog",
        "dct:title": "Data mesh",
        "dcat:service": {"@id": "mesh:gateway"},
        "dcat:dataset": [{"@id": iri(dataset.address)} for dataset in extract.datasets],
        "dcat:resource": [{"@id": iri(artefact.address)} for artefact in extract.artefacts],
    }
    return [
        {key: value for key, value in catalogue.items() if value != []},
        service_node(extract),
        *(dataset_node(dataset, extract) for dataset in extract.datasets),
        *(artefact_node(artefact, extract) for artefact in extract.artefacts),
    ]
