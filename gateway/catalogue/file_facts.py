"""What other files of a mesh have to know of one of them, and the artefacts a product declares."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass

from gateway.catalogue.artefacts import Declared
from gateway.catalogue.codec import from_plain, to_plain


@dataclass(frozen=True, slots=True)
class Facts:
    """What other files have to know of one: the contracts of a product's ports; of a contract its
    id, its version, and the files its relationships refer to. And a product's `artefacts`."""

    contracts: tuple[str, ...] = ()
    id: str = ""
    version: str = ""
    references: tuple[str, ...] = ()
    artefacts: tuple[Declared, ...] = ()

    def to_text(self) -> str:
        """As it is kept."""
        artefacts = [to_plain(declared) for declared in self.artefacts]
        return json.dumps([self.contracts, self.id, self.version, self.references, artefacts])

    @classmethod
    def of_text(cls, text: str) -> Facts:
        """From what is kept."""
        return _read(text)


@functools.lru_cache(maxsize=16_384)
def _read(text: str) -> Facts:
    contracts, own, version, references, artefacts = json.loads(text)
    declared = tuple(from_plain(Declared, each) for each in artefacts)
    return Facts(tuple(contracts), own, version, tuple(references), declared)
