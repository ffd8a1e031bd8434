"""The store: a database with the memory's schema, the mesh's own or one that gateways share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from connectors.interface import Binding
from gateway.errors import CatalogueError
from gateway.memory.schema import MIGRATIONS, VERSION

Row = tuple[Any, ...]
Values = Sequence[object]

DATABASE = Path("state", "memory.db")
"""Where the store of a mesh folder is when its settings name no other."""


@dataclass(frozen=True, slots=True)
class Insertion:
    """Many rows for one table: `columns` are names with their types, TEXT, BIGINT or DOUBLE
    PRECISION, in the order of a row's values; `conflict` is the statement's ``ON CONFLICT``.
    """

    table: str
    columns: Mapping[str, str]
    conflict: str = ""


class Reading(Protocol):
    """One state of the store. Statements have ``?`` for their values."""

    def rows(self, statement: str, values: Values = ()) -> list[Row]:
        """The rows of a SELECT."""
        ...


class Writing(Reading, Protocol):
    """A transaction: all of it becomes durable when its block ends, or nothing of it."""

    def execute(self, statement: str, values: Values = ()) -> int:
        """How many rows a statement changed."""
        ...

    def execute_many(self, statement: str, rows: Iterable[Values]) -> None:
        """The same statement for many rows."""
        ...

    def insert(self, into: Insertion, rows: Sequence[Values]) -> None:
        """Insert rows in one step, in which the database works without the interpreter lock.

        Values are texts, numbers that are finite, and None.
        """
        ...


class Store(Protocol):
    """Safe to use from many threads. Every method raises MemoryUnavailable when it can not work.

    `shared` tells whether gateways of other machines may use it, who have not this one's files.
    """

    shared: bool

    def rows(self, statement: str, values: Values = ()) -> list[Row]:
        """The rows of one SELECT, on its own."""
        ...

    def reading(self) -> AbstractContextManager[Reading]:
        """Several SELECTs over one state."""
        ...

    def writing(self) -> AbstractContextManager[Writing]:
        """The next transaction that writes: one at a time, over all gateways of the store."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


def open_store(mesh: Path, address: str = "") -> Store:
    """The store of a mesh, its schema brought up to date.

    `address` is ``postgresql://...``, with references to secrets as in a binding; "" is the mesh's
    own SQLite file. Raises CatalogueError for an address that is none, MemoryUnavailable when the
    database can not be opened, or is of a newer version.
    """
    if not address:
        from gateway.memory.sqlite_store import SqliteStore

        return SqliteStore(mesh / DATABASE)
    if not address.startswith(("postgresql://", "postgres://")):
        raise CatalogueError(
            f"{address.partition(':')[0]!r} is no kind of store",
            hint='store = "postgresql://USER:${PASSWORD}@HOST/DATABASE", or leave it out',
        )
    from gateway.catalogue.bindings import fill_secrets
    from gateway.memory.postgres_store import PostgresStore

    return PostgresStore(fill_secrets(Binding("postgres", address, "")).uri)


def migrate(transaction: Writing) -> None:
    """Bring the schema up to date, inside a transaction that nobody shares.

    Raises ValueError for a store that is newer than this gateway.
    """
    transaction.execute("CREATE TABLE IF NOT EXISTS memory_version (version BIGINT NOT NULL)")
    found = transaction.rows("SELECT version FROM memory_version")
    version = int(found[0][0]) if found else 0
    if version > VERSION:
        raise ValueError(f"it is of version {version}, and this gateway knows {VERSION}")
    for number in range(version, VERSION):
        for statement in MIGRATIONS[number]:
            transaction.execute(statement)
    if not found:
        transaction.execute("INSERT INTO memory_version (version) VALUES (?)", (VERSION,))
    elif version < VERSION:
        transaction.execute("UPDATE memory_version SET version = ?", (VERSION,))
