"""The files of a mesh folder that declare data products and contracts, and what they look like.

A file that has not changed is known without reading it by its size, its times and its inode: the
kernel sets the time of the last change, which nobody else can.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

PRODUCTS = ".odps.yaml"
CONTRACTS = ".odcs.yaml"

SETTLED_NANOSECONDS = 2_000_000_000
"""A file that changed so shortly ago may change again without looking otherwise."""

Look = str
"""What a file looks like from outside: equal as long as nobody has written to it."""

ABSENT: Look = ""
"""Of what is listed but can not be looked at."""


def scan(mesh: Path) -> Mapping[str, Look]:
    """Every such file below the folder, by its path from there, in order: products first.

    Folders behind links, and those that may not be listed, are left out.
    """
    found: dict[str, Look] = {}
    waiting: list[tuple[str, str]] = [(os.fspath(mesh), "")]
    while waiting:
        folder, prefix = waiting.pop()
        try:
            entries = os.scandir(folder)
        except (PermissionError, FileNotFoundError, NotADirectoryError):
            continue
        with entries:
            for entry in entries:
                if entry.name.endswith((PRODUCTS, CONTRACTS)):
                    found[prefix + entry.name] = _look(entry)
                elif entry.is_dir(follow_symlinks=False):
                    waiting.append((entry.path, f"{prefix}{entry.name}/"))
    return in_order(found)


def in_order(files: Mapping[str, Look]) -> Mapping[str, Look]:
    """Products first, then contracts, each in the order of folders."""
    # No name has a NUL, which comes before all that names may have.
    paths = sorted(files, key=lambda path: path.replace("/", "\0"))
    products = [path for path in paths if not path.endswith(CONTRACTS)]
    contracts = [path for path in paths if path.endswith(CONTRACTS)]
    return {path: files[path] for path in (*products, *contracts)}


def _look(entry: os.DirEntry[str]) -> Look:
    try:
        status = entry.stat()
    except OSError:
        return ABSENT
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"


def settled(look: Look, now_ns: int) -> bool:
    """Whether a change after `now_ns`, when the file was looked at, is sure to show."""
    if look == ABSENT:
        return False
    _, changed, touched, _ = look.split(" ")
    return max(int(changed), int(touched)) < now_ns - SETTLED_NANOSECONDS
