"""The store in a SQLite file: write-ahead log, every commit on the disk before it is told of."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from gateway.audit.files import private_file, private_folder
from gateway.errors import MemoryUnavailable
from gateway.memory.schema import IDENTITY
from gateway.memory.store import Insertion, Reading, Row, Values, Writing, migrate

BUSY_SECONDS = 10.0
"""How long another gateway of the same folder may hold the file."""

IDLE_CONNECTIONS = 4
"""How many connections that only read are kept."""

MOST_ROWS = 128
"""How many rows one statement inserts, without the interpreter lock."""


class SqliteStore:
    """The store in `file`, which is made if it is not there."""

    shared = False

    def __init__(self, file: Path) -> None:
        self._file = file
        self._writer_lock = threading.Lock()
        self._readers: list[sqlite3.Connection] = []
        self._readers_lock = threading.Lock()
        try:
            private_folder(file.parent)
            private_file(file)
            self._writer = self._connect()
            with self.writing() as transaction:
                migrate(transaction)
        except (OSError, sqlite3.Error, ValueError) as error:
            raise MemoryUnavailable(f"the store {file} can not be opened: {error}") from error

    def rows(self, statement: str, values: Values = ()) -> list[Row]:
        """The rows of one SELECT."""
        with self.reading() as reading:
            return reading.rows(statement, values)

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """One state of the file: a transaction that does not keep anybody from writing."""
        with self._readers_lock:
            connection = self._readers.pop() if self._readers else None
        try:
            connection = connection or self._connect()
            connection.execute("BEGIN")
            try:
                yield _Transaction(connection)
            finally:
                connection.rollback()
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
            raise self._unavailable(error) from error
        with self._readers_lock:
            if len(self._readers) < IDLE_CONNECTIONS:
                self._readers.append(connection)
                return
        connection.close()

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """The only transaction that writes."""
        with self._writer_lock:
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                try:
                    yield _Transaction(self._writer)
                except BaseException:
                    self._writer.rollback()
                    raise
                self._writer.commit()
            except sqlite3.Error as error:
                if self._writer.in_transaction:
                    self._writer.rollback()
                raise self._unavailable(error) from error

    def close(self) -> None:
        """Close the file."""
        with self._writer_lock, self._readers_lock:
            for connection in (self._writer, *self._readers):
                connection.close()
            self._readers.clear()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._file, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _unavailable(self, error: sqlite3.Error) -> MemoryUnavailable:
        return MemoryUnavailable(f"the store can not be used: {error}")  # clients know no paths


class _Transaction:
    """Statements within one transaction of a connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, statement: str, values: Values = ()) -> list[Row]:
        return self._connection.execute(statement, tuple(values)).fetchall()

    def execute(self, statement: str, values: Values = ()) -> int:
        text = statement.replace(IDENTITY, "INTEGER PRIMARY KEY AUTOINCREMENT")
        return self._connection.execute(text, tuple(values)).rowcount

    def execute_many(self, statement: str, rows: Iterable[Values]) -> None:
        self._connection.executemany(statement, map(tuple, rows))

    def insert(self, into: Insertion, rows: Sequence[Values]) -> None:
        start = 0
        while start < len(rows):
            # Powers of two: few different statements, which the connection keeps prepared.
            size = min(MOST_ROWS, 1 << (len(rows) - start).bit_length() - 1)
            values = _without_nul([v for row in rows[start : start + size] for v in row])
            statement = _insertion(into.table, *into.columns, size=size)
            self._connection.execute(statement + into.conflict, values)
            start += size


@lru_cache(maxsize=256)
def _insertion(table: str, *columns: str, size: int) -> str:
    row = f"({', '.join('?' * len(columns))})"
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * size)} "


def _without_nul(values: list[object]) -> list[object]:
    """NUL, which ends a text for SQLite's functions, is left out."""
    if "\0" not in "".join([v for v in values if isinstance(v, str)]):
        return values
    return [v.replace("\0", "") if isinstance(v, str) else v for v in values]
