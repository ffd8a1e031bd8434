"""The files of a mesh folder that declare data products and contracts, and what they look like.

A file that has not changed is known without reading it by its size, its times and its inode: the
kernel sets the time of the last change, which nobody else can.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from gateway.catalogue.document import MAX_BYTES

PRODUCTS = ".odps.yaml"
CONTRACTS = ".odcs.yaml"

SETTLED_NANOSECONDS = 2_000_000_000
"""A file that changed so shortly ago may change again without looking otherwise."""


class Look(NamedTuple):
    """What a file looks like from outside: equal as long as nobody has written to it."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    def settled(self, now_ns: int) -> bool:
        """Whether a later change will show, seen from the time it was looked at."""
        return max(self.mtime_ns, self.ctime_ns) < now_ns - SETTLED_NANOSECONDS


ABSENT = Look(-1, 0, 0, 0)
"""Of what is listed but can not be looked at."""


def scan(mesh: Path) -> Mapping[str, Look]:
    """Every such file below the folder, by its path from there: products first, then in order.

    Folders behind links, and those that may not be listed, are left out.
    """
    found: list[tuple[bool, list[str], Look]] = []
    waiting: list[tuple[str, list[str]]] = [(os.fspath(mesh), [])]
    while waiting:
        folder, parts = waiting.pop()
        try:
            entries = os.scandir(folder)
        except (PermissionError, FileNotFoundError, NotADirectoryError):
            continue
        with entries:
            for entry in entries:
                if entry.name.endswith((PRODUCTS, CONTRACTS)):
                    contract = entry.name.endswith(CONTRACTS)
                    found.append((contract, [*parts, entry.name], _look(entry)))
                elif entry.is_dir(follow_symlinks=False):
                    waiting.append((entry.path, [*parts, entry.name]))
    found.sort(key=lambda each: each[:2])
    return {"/".join(parts): look for _, parts, look in found}


def _look(entry: os.DirEntry[str]) -> Look:
    try:
        status = entry.stat()
    except OSError:
        return ABSENT
    return Look(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def digest_of(data: bytes) -> str:
    """What tells the content of a file from any other."""
    return hashlib.sha256(data).hexdigest()[:32]


def read_bytes(file: Path) -> bytes:
    """A file, or the first of too many bytes. Raises OSError."""
    with open(file, "rb") as opened:
        return opened.read(MAX_BYTES + 1)


def now_ns() -> int:
    """The time of the clock that file times are of."""
    return time.time_ns()
