"""Staging: a mesh as it would be with some of its files written otherwise, before they are."""

from __future__ import annotations

from pathlib import Path

from gateway.catalogue.codec import unpack
from gateway.catalogue.compilation import Compilation
from gateway.catalogue.compiler import Texts, compiled
from gateway.catalogue.problems import Problem
from gateway.model import Dataset


def staged(mesh: Path, texts: Texts) -> tuple[list[Dataset], list[Problem]]:
    """The datasets of the mesh with these files in place of what is there, and what is wrong.

    Raises CatalogueError for a mesh that is written to all the time.
    """
    outcome = compiled(mesh, Compilation(), texts)
    found = [
        unpack(product.datasets, place)
        for product in outcome.products.values()
        for place, _ in enumerate(product.declarations)
    ]
    return found, list(outcome.problems)
