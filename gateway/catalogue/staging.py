"""Staging: a mesh as it would be with some of its files written otherwise, before they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from gateway.catalogue.assembly import assembled
from gateway.catalogue.document import Document, read_text
from gateway.catalogue.files import CONTRACTS, PRODUCTS
from gateway.catalogue.problems import Problem
from gateway.catalogue.standards import check_contract, check_product
from gateway.model import Dataset

Texts = Mapping[str, str]
"""What files are to hold, by their path below the mesh folder."""


def staged(mesh: Path, texts: Texts) -> tuple[list[Dataset], list[Problem]]:
    """The datasets of the mesh with these files in place of what is there, and what is wrong.

    Raises OSError for a file that can not be read.
    """
    problems: list[Problem] = []
    products = _documents(mesh, texts, PRODUCTS, check_product, problems)
    contracts = _documents(mesh, texts, CONTRACTS, check_contract, problems)
    if problems:
        return [], problems
    datasets, _, problems = assembled([*products, *contracts], mesh)
    return datasets, problems


def _documents(
    mesh: Path,
    texts: Texts,
    ending: str,
    check: Callable[[Document], list[Problem]],
    problems: list[Problem],
) -> list[Document]:
    names = {file.relative_to(mesh).as_posix() for file in mesh.rglob(f"*{ending}")}
    names |= {name for name in texts if name.endswith(ending)}
    documents = []
    for name in sorted(names):
        data = texts[name].encode() if name in texts else (mesh / name).read_bytes()
        document = read_text(data, name)
        wrong = [document] if isinstance(document, Problem) else check(document)
        problems += wrong
        if isinstance(document, Document) and not wrong:
            documents.append(document)
    return documents
