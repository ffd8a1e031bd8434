"""Guessing: which connector a file, a folder or an address of data is for."""

from __future__ import annotations

import re
from pathlib import Path

from connectors.file_paths import is_pattern
from connectors.files import FORMATS
from gateway.errors import UserError

_SCHEMES = {
    "postgresql": "postgres",
    "postgres": "postgres",
    "mariadb": "mariadb",
    "mysql": "mysql",
    "grpc": "flightsql",
    "grpc+tcp": "flightsql",
    "grpc+tls": "flightsql",
    "s3": "files",
}
_SQLITE_MAGIC = b"SQLite format 3\x00"
_DUCKDB_MAGIC, _DUCKDB_OFFSET = b"DUCK", 8
_NO_PATH = re.compile(r"\A[^/?#]*|[?#].*\Z", re.DOTALL)
"""Of an address, what comes before its path and after it."""

_NEXT = "name it with --connector and --uri"


def guess_connector(source: str) -> str:
    """The connector that reads a source. Raises UserError where that can not be told.

    Databases are known by how their files begin, whatever they are called.
    """
    if "://" in source:
        scheme = source.partition("://")[0].lower()
        if scheme in _SCHEMES:
            return _SCHEMES[scheme]
        raise UserError(f"no connector is known for {scheme}:// addresses", hint=_NEXT)
    path = Path(source)
    if path.is_dir():
        return _of_folder(path)
    if path.is_file():
        return _of_file(path)
    if is_pattern(source):
        return "files"
    raise UserError(f"there is no file or folder {source}")


def _of_file(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(32)
    if head.startswith(_SQLITE_MAGIC):
        return "sqlite"
    if head[_DUCKDB_OFFSET:].startswith(_DUCKDB_MAGIC):
        return "duckdb"
    if path.suffix.lower() in FORMATS:
        return "files"
    raise UserError(f"it can not be told what {path} holds", hint=_NEXT)


def _of_folder(path: Path) -> str:
    """A lake table is known by its log; else a folder is what its files are."""
    tables = [path, *(p for p in sorted(path.iterdir()) if p.is_dir())]
    if any((table / "_delta_log").is_dir() for table in tables):
        return "delta"
    if any(p.suffix.lower() in FORMATS for p in path.rglob("*") if p.is_file()):
        return "files"
    raise UserError(f"{path} holds no files that a connector is known for", hint=_NEXT)


def guess_product(source: str) -> str:
    """What a product of the source is called, if nobody says: as its file, folder or database."""
    _, is_address, rest = source.partition("://")
    path = _NO_PATH.sub("", rest) if is_address else str(Path(source).absolute())
    steps = [step for step in path.split("/") if step and not is_pattern(step)]
    name = steps[-1] if steps else ""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name.partition(".")[0]).strip("_-")
