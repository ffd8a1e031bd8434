"""Local database files: where they are, and whether they are still the ones that were opened."""

from __future__ import annotations

import os
from dataclasses import dataclass
from stat import S_ISREG
from urllib.parse import unquote, urlsplit

from connectors.interface import SourceError, SourceErrorCode


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """What tells a file from another one that was put in its place."""

    device: int
    inode: int


def local_path(uri: str) -> str:
    """The path of a plain path or ``file://`` URI. Raises BINDING_INVALID for other schemes."""
    parts = urlsplit(uri)
    if parts.scheme == "file":
        return unquote(parts.path)
    if "://" in uri:
        raise SourceError(
            SourceErrorCode.BINDING_INVALID,
            f"this connector opens a local file, not {parts.scheme}://",
        )
    return uri


def identify(path: str, kind: str) -> FileIdentity:
    """The identity of the file that is there now; `kind` names it in the error.

    Raises UNAVAILABLE when there is none.
    """
    try:
        found = os.stat(path)
    except OSError as error:
        raise _missing(path, kind) from error
    if not S_ISREG(found.st_mode):
        raise _missing(path, kind)
    return FileIdentity(found.st_dev, found.st_ino)


def _missing(path: str, kind: str) -> SourceError:
    return SourceError(
        SourceErrorCode.UNAVAILABLE,
        f"there is no {kind} file {path}",
        hint="check the uri of the binding",
    )
