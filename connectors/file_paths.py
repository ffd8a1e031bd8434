"""Paths of files: uris, shell patterns, hidden files, key=value folders."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

import pyarrow as pa

from connectors.interface import SourceError, SourceErrorCode


def split_uri(uri: str) -> tuple[str, str]:
    """Scheme and path; of S3 the path begins with the bucket."""
    if "://" not in uri:
        return "file", os.path.abspath(uri)
    parts = urlsplit(uri)
    path = unquote(parts.path)
    if parts.scheme == "s3":
        return "s3", f"{parts.netloc}{path}".rstrip("/")
    return parts.scheme, path.rstrip("/") or "/"


def is_pattern(name: str) -> bool:
    return any(c in name for c in "*?[")


def fixed_part(pattern: str) -> str:
    """The folders of a pattern before its first wildcard."""
    if not is_pattern(pattern):
        return pattern
    parts = pattern.split("/")
    fixed = next(i for i, part in enumerate(parts) if is_pattern(part))
    return "/".join(parts[:fixed])


def pattern(text: str) -> re.Pattern[str]:
    """A shell pattern in which ``*`` stays in its folder and ``**/`` spans any number of them."""
    pieces = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]*\])", text)
    translated = (_WILDCARDS.get(p) or (p if p[:1] == "[" else re.escape(p)) for p in pieces)
    return re.compile("".join(translated) + r"\Z")


_WILDCARDS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


def _partition_type(values: list[str]) -> pa.DataType:
    """int32 or int64 when every value is a whole number, else text."""
    known = [v for v in values if v != NO_VALUE]
    if not known or not all(re.fullmatch(r"-?\d{1,18}", v) for v in known):
        return pa.string()
    small = all(-(2**31) <= int(v) < 2**31 for v in known)
    return pa.int32() if small else pa.int64()


def paths_below(folder: str, extension: str) -> set[str]:
    """Every file below a local folder with the extension, hidden ones too."""
    return {
        os.path.join(parent, name)
        for parent, _, names in os.walk(folder)
        for name in names
        if name.endswith(extension)
    }


def is_hidden(path: str, folder: str) -> bool:
    """True for what lies below a name that begins with a dot or an underscore."""
    return any(part.startswith((".", "_")) for part in path[len(folder) :].split("/"))


def hive_columns(paths: Sequence[str], where: str) -> tuple[pa.Field, ...]:
    """The columns that key=value folders stand for, in folder order. Raises VALUE_UNEXPECTED."""
    keys: dict[str, list[str]] = {}
    for path in paths:
        for folder in os.path.dirname(path).split("/"):
            key, sign, value = folder.partition("=")
            if sign:
                keys.setdefault(key, []).append(unquote(value))
    if any(len(values) != len(paths) for values in keys.values()):
        raise SourceError(
            SourceErrorCode.VALUE_UNEXPECTED,
            f"the key=value folders of {where} do not agree: not every file is below "
            f"{' and '.join(keys)}",
            hint="narrow the pattern, or set the option partitioning to none",
        )
    return tuple(pa.field(key, _partition_type(values)) for key, values in keys.items())
