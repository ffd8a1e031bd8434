"""What was compiled of the files of a mesh folder: each product by what it was made of."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from gateway.catalogue.files import Look
from gateway.catalogue.summaries import Declaration, read


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file that is right: how it looked ("" is not known), its content's digest, its facts."""

    look: Look
    digest: str
    facts: str


@dataclass(frozen=True)
class Product:
    """A product, compiled of what `basis` stands for: a summary of its datasets, and these, packed.

    `targets` stands for the datasets that its relationships could mean.
    """

    basis: str
    targets: str
    summary: str
    datasets: str

    @cached_property
    def declarations(self) -> Sequence[Declaration]:
        """Its datasets in the order they are packed in. Raises ValueError."""
        return read(self.summary)


@dataclass(frozen=True)
class Compilation:
    """Files and products by their paths. Immutable. `complete`: all there were, none with problems.

    Only then `artefacts`, as a text, are those of the mesh. A product counts only where its basis
    is what the files are now: see `compiler`.
    """

    files: Mapping[str, KnownFile] = field(default_factory=dict)
    products: Mapping[str, Product] = field(default_factory=dict)
    complete: bool = False
    artefacts: str = "[]"

    @cached_property
    def version(self) -> str:
        """Changes whenever a file does."""
        digest = hashlib.sha256()
        for path, file in sorted(self.files.items()):
            digest.update(f"{path}\0{file.digest}\0".encode())
        return digest.hexdigest()[:16]
