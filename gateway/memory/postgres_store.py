"""The store in a PostgreSQL database that gateways share: all in its schema ``meshgate``."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from gateway.errors import MemoryUnavailable
from gateway.memory.schema import IDENTITY
from gateway.memory.store import Insertion, Reading, Row, Values, Writing, migrate

SCHEMA = "meshgate"
LOCK = 7238906452
"""The advisory lock of whoever writes: transactions of all gateways come one after the other, as
they do in a SQLite file, so that nothing has to be tried again."""

IDLE_CONNECTIONS = 4

_SETTINGS = (
    f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}",
    f"SET search_path TO {SCHEMA}",
    "SET statement_timeout TO '60s'",
)


class PostgresStore:
    """The store at `address`, ``postgresql://user:password@host:port/database``."""

    shared = True

    def __init__(self, address: str) -> None:
        try:
            import psycopg
        except ImportError as error:
            raise MemoryUnavailable(
                "the store is in PostgreSQL, and its driver is not installed",
                hint="install meshgate[postgres-store]",
            ) from error
        self._driver = psycopg
        self._address = address
        self._idle: list[Any] = []
        self._lock = threading.Lock()
        try:
            with self.writing() as transaction:
                migrate(transaction)
        except ValueError as error:
            raise MemoryUnavailable(f"the store can not be opened: {error}") from error

    def rows(self, statement: str, values: Values = ()) -> list[Row]:
        """The rows of one SELECT."""
        with self.reading() as reading:
            return reading.rows(statement, values)

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """One state of the database."""
        with self._transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") as transaction:
            yield transaction

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """The only transaction that writes, over all gateways."""
        with self._transaction("BEGIN") as transaction:
            transaction.rows(f"SELECT pg_advisory_xact_lock({LOCK})")
            yield transaction

    def close(self) -> None:
        """Close every connection that nobody uses."""
        with self._lock:
            for connection in self._idle:
                connection.close()
            self._idle.clear()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[_Transaction]:
        connection = None
        try:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            connection = connection or self._connect()
            connection.execute(begin)
            yield _Transaction(connection)
            connection.execute("COMMIT")
        except BaseException as error:
            if connection is not None:
                connection.close()  # which rolls back, whatever state it is in
            if isinstance(error, self._driver.Error):
                raise MemoryUnavailable(
                    f"the store can not be used: {type(error).__name__}",
                    hint="is the PostgreSQL of `store` in gateway.toml up?",
                ) from error
            raise
        with self._lock:
            if len(self._idle) < IDLE_CONNECTIONS:
                self._idle.append(connection)
                return
        connection.close()

    def _connect(self) -> Any:
        connection = self._driver.connect(
            self._address, autocommit=True, connect_timeout=10, application_name="meshgate"
        )
        for setting in _SETTINGS:
            connection.execute(setting)
        return connection


class _Transaction:
    """Statements within one transaction of a connection."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def rows(self, statement: str, values: Values = ()) -> list[Row]:
        return list(self._connection.execute(_written(statement), tuple(values)).fetchall())

    def execute(self, statement: str, values: Values = ()) -> int:
        return int(self._connection.execute(_written(statement), tuple(values)).rowcount)

    def execute_many(self, statement: str, rows: Iterable[Values]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(_written(statement), [tuple(row) for row in rows])

    def insert(self, into: Insertion, rows: Sequence[Values]) -> None:
        values = ", ".join(f"(value->>{n})::{kind}" for n, kind in enumerate(into.columns.values()))
        self._connection.execute(
            f"INSERT INTO {into.table} ({', '.join(into.columns)})"
            f" SELECT {values} FROM json_array_elements(%s::json) {into.conflict}",
            (_json_rows(rows),),
        )


def _json_rows(rows: Sequence[Values]) -> str:
    """Rows as a JSON text: NUL, which no text of PostgreSQL can have, is left out."""
    text = _json(rows)
    if "\\u0000" not in text:
        return text
    return _json([[v.replace("\0", "") if isinstance(v, str) else v for v in row] for row in rows])


_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _written(statement: str) -> str:
    """A statement as psycopg takes it: our own texts, never a caller's."""
    text = statement.replace(IDENTITY, "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY")
    return text.replace("%", "%%").replace("?", "%s")
