"""Documents that are at hand, put together to the datasets and artefacts of a mesh."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gateway.catalogue.codec import read_artefacts, unpack
from gateway.catalogue.compiler import compiled_documents
from gateway.catalogue.document import Document
from gateway.catalogue.problems import Problem
from gateway.model import Artefact, Dataset


def assembled(
    documents: Iterable[Document], mesh: Path
) -> tuple[list[Dataset], tuple[Artefact, ...], list[Problem]]:
    """Every dataset and artefact of documents that keep their standards, and what is wrong."""
    outcome = compiled_documents(mesh, documents)
    datasets = [
        unpack(product.datasets, place)
        for product in outcome.products.values()
        for place, _ in enumerate(product.declarations)
    ]
    artefacts = read_artefacts(outcome.compilation.artefacts)
    return datasets, artefacts, list(outcome.problems)
