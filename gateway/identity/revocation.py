"""``revoked.toml`` of a mesh: tokens and callers that are not believed any more.

    jti = ["4be19c02"]                          # single tokens
    sub = ["00u1a2b3", "user:00u1a2b3@corp"]    # a subject of any issuer, or one principal

It is asked at every call, also for tokens verified earlier.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gateway.identity.watched import Watched
from gateway.toml_tables import Table, read_tables

FILE_NAME = "revoked.toml"


@dataclass(frozen=True, slots=True)
class Revoked:
    """What the file lists. While the file can not be read, `everything` is revoked."""

    tokens: frozenset[str] = frozenset()
    subjects: frozenset[str] = frozenset()
    everything: bool = False

    def principal(self, name: str) -> bool:
        """Whether a principal (``user:alice``) is revoked."""
        return self.everything or name in self.subjects

    def token(self, jti: str, subject: str) -> bool:
        """Whether a token is revoked, by its id or by the subject it is about."""
        return self.everything or jti in self.tokens or subject in self.subjects


class Revocations:
    """The file as it is now."""

    def __init__(self, mesh: Path, clock: Callable[[], float] = time.monotonic) -> None:
        path = mesh / FILE_NAME
        self._file = Watched(path, lambda: load(path), lambda _: Revoked(everything=True), clock)

    def current(self) -> Revoked:
        return self._file.current()


def load(path: Path) -> Revoked:
    """Read the file; none means nothing is revoked. CatalogueError when it is wrong."""
    table = Table(path, "", read_tables(path), ("jti", "sub"))
    return Revoked(frozenset(table.texts("jti", ())), frozenset(table.texts("sub", ())))
