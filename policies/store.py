"""Where policy rows are kept: ``policies/*.csv`` of a mesh, unless its ``store.toml`` says else."""

from __future__ import annotations

import csv
import os
import re
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from policies.rows import PolicyError, PolicyRows, Row, StoreError, sort_out

__all__ = [
    "FolderStore",
    "PolicyError",
    "PolicyRows",
    "PolicyStore",
    "Row",
    "StoreError",
    "load_folder",
    "open_folder",
    "open_store",
    "review_folder",
]

QUIET_SECONDS = 0.1
"""How long files must have been left alone: an editor may be in the middle of saving them."""

PATIENCE_SECONDS = 5.0
"""How long to wait for files to be left alone."""

SETTINGS = "store.toml"


class PolicyStore(Protocol):
    """Where policies come from. Used by one thread at a time."""

    def load(self) -> PolicyRows:
        """Every row, checked. Raises PolicyError, or StoreError where trying again may help."""
        ...

    def stamp(self) -> object:
        """A value that differs from the one before whenever the rows may have changed. Cheap.

        Taken before `load`, it is never younger than the rows loaded. Raises PolicyError.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


def open_store(mesh: Path) -> PolicyStore:
    """The store of a mesh folder. Raises PolicyError for settings that are not exactly right."""
    return open_folder(mesh / "policies")


def open_folder(folder: Path) -> PolicyStore:
    """The store of a folder as ``policies`` of a mesh is one. Raises PolicyError."""
    file = folder / SETTINGS
    if not file.exists():
        return FolderStore(folder)
    settings = _settings(file)
    if _csv_files(folder):
        reason = "policies would be kept in two places: *.csv files are not read beside a database"
        raise PolicyError(SETTINGS, 0, reason)
    from policies.postgres_store import PostgresStore

    store = PostgresStore(settings.uri, settings.schema)
    if settings.create:
        store.create()
    return store


@dataclass(frozen=True, slots=True)
class _Settings:
    """``[postgres]`` of ``store.toml``, with the secrets it refers to."""

    uri: str
    schema: str = "public"
    create: bool = False


_REFERENCE = re.compile(r"\$\{([^}]*)\}")


def _settings(file: Path) -> _Settings:
    def fail(reason: str) -> PolicyError:
        return PolicyError(file.name, 0, reason)

    def secret(match: re.Match[str]) -> str:
        value = os.environ.get(match[1])
        if value is None:
            raise fail(f"the environment variable {match[1]} is not set")
        return value

    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise fail(f"not TOML that can be read: {error}") from error
    postgres = document.get("postgres")
    if set(document) != {"postgres"} or not isinstance(postgres, dict):
        raise fail("it holds one table, [postgres]")
    types = {"uri": str, "schema": str, "create": bool}
    for name, value in postgres.items():
        if name not in types or not isinstance(value, types[name]):
            raise fail(f"[postgres] holds uri, schema and create (true or false), not this {name}")
    if "uri" not in postgres:
        raise fail("[postgres] holds no uri")
    return _Settings(**{**postgres, "uri": _REFERENCE.sub(secret, postgres["uri"])})


def load_folder(folder: Path) -> PolicyRows:
    """Every row of ``*.csv`` in the folder, files by name. No folder, no rows, no access.

    Fields may be quoted as usual in CSV; empty lines and lines that start with ``#`` are
    comments. Raises PolicyError for the first row that is wrong.
    """
    rows: list[Row] = []
    for row in _read_folder(folder):
        if isinstance(row, PolicyError):
            raise row
        rows.append(row)
    return PolicyRows.checked(rows)


def review_folder(folder: Path) -> tuple[PolicyRows, tuple[PolicyError, ...]]:
    """The rows of the folder that are right, and everything that is wrong in it."""
    return sort_out(_read_folder(folder))


class _File(NamedTuple):
    """What tells a changed file or folder from the one before. Times in nanoseconds."""

    name: str
    modified: int
    changed: int
    size: int
    inode: int


class FolderStore:
    """``*.csv`` in one folder. Only content that nobody is changing counts."""

    def __init__(
        self,
        folder: Path,
        quiet_seconds: float = QUIET_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._folder = folder
        self._quiet = quiet_seconds
        self._patience = patience_seconds

    def load(self) -> PolicyRows:
        """Every row. Waits until the files have been left alone for a moment."""
        deadline = time.monotonic() + self._patience
        while True:
            before = self._listing()
            if self._settled(before):
                rows, failure = PolicyRows(), None
                try:
                    rows = load_folder(self._folder)
                except PolicyError as error:
                    failure = error
                # What was read, right or wrong, counts only if nobody wrote meanwhile.
                if self._listing() == before:
                    if failure is not None:
                        raise failure
                    return rows
            if time.monotonic() > deadline:
                raise StoreError(self._folder.name, 0, "the files keep changing")

    def stamp(self) -> object:
        """Names, times, sizes and inodes. A file changed just now counts as about to change again.

        For the clock of a file system is coarse: two changes at one time would look like one.
        """
        listing = self._listing()
        fresh = -_CLOCKS_DIFFER < _age(listing) < 4 * self._quiet
        return (listing, time.monotonic_ns() if fresh else 0)

    def close(self) -> None:
        """Nothing is held."""

    def _settled(self, listing: tuple[_File, ...]) -> bool:
        """Wait where the last change is too young. False when there was a change meanwhile."""
        left = self._quiet - _age(listing)
        if left <= 0:
            return True
        # Not longer, whatever the times say: the clock of a file server may be ahead of ours.
        time.sleep(min(left, self._quiet))
        return self._listing() == listing

    def _listing(self) -> tuple[_File, ...]:
        """The folder, the folders in it, and every policy file."""
        folders = sorted(path for path in self._folder.rglob("*") if path.is_dir())
        found = []
        for path in (self._folder, *folders, *_csv_files(self._folder)):
            try:
                status = path.stat()
            except FileNotFoundError:  # gone since, or never there
                continue
            except OSError as error:
                reason = f"the file can not be read: {error.strerror}"
                raise StoreError(path.name, 0, reason) from error
            times = (status.st_mtime_ns, status.st_ctime_ns)
            found.append(_File(str(path), *times, status.st_size, status.st_ino))
        return tuple(found)


_CLOCKS_DIFFER = 60.0


def _age(listing: tuple[_File, ...]) -> float:
    """Seconds since the last change; negative when the file system's clock is ahead."""
    newest = max((max(file.modified, file.changed) for file in listing), default=0)
    return time.time() - newest / 1e9


def _csv_files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.suffix.lower() == ".csv")


def _read_folder(folder: Path) -> Iterator[Row | PolicyError]:
    """Every row, not checked, and in the place of each that can not be read the error."""
    read = set(folder.glob("*.csv"))
    for file in _csv_files(folder):
        if file not in read:
            reason = "would not be read: policies are files named *.csv, directly in the folder"
            yield PolicyError(str(file.relative_to(folder)), 0, reason)
    for file in sorted(read):
        yield from _read_file(file)


def _read_file(file: Path) -> Iterator[Row | PolicyError]:
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        reason = f"the file can not be read: {error.strerror}"
        yield StoreError(file.name, 0, reason)
        return
    except UnicodeDecodeError as error:
        yield PolicyError(file.name, 0, f"the file is not UTF-8 (byte {error.start})")
        return
    for number, line in enumerate(text.split("\n"), start=1):
        content = line.removesuffix("\r")
        if not content.strip() or content.startswith("#"):
            continue
        try:
            # One line at a time: a quote left open must not swallow the rows below it.
            (columns,) = csv.reader([content], strict=True)
        except (csv.Error, ValueError) as error:
            yield PolicyError(file.name, number, f"not CSV: {error}")
            continue
        yield Row(columns[0], tuple(columns[1:]), file.name, number)
