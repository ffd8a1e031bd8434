"""The DBAPI (PEP 249) under the dialect: ADBC's Flight SQL driver, with the gateway's manners.

Rows come a record batch at a time; errors are the gateway's own words; parameters are sent to the
server or written into the text.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import adbc_driver_flightsql.dbapi as adbc
import pyarrow as pa
from adbc_driver_flightsql import DatabaseOptions
from adbc_driver_manager import AdbcStatusCode

from meshgate_sqlalchemy import exceptions
from meshgate_sqlalchemy.errors import translated
from meshgate_sqlalchemy.exceptions import *  # noqa: F403 (PEP 249 wants them all here)
from meshgate_sqlalchemy.exceptions import ProgrammingError
from meshgate_sqlalchemy.literals import literal
from meshgate_sqlalchemy.parameters import Parameters
from meshgate_sqlalchemy.placeholders import check, filled, pieces
from meshgate_sqlalchemy.rows import rows
from meshgate_sqlalchemy.types import type_name

__all__ = [
    *exceptions.__all__,
    "Binary",
    "Connection",
    "Cursor",
    "apilevel",
    "connect",
    "paramstyle",
    "threadsafety",
]

apilevel = "2.0"
threadsafety = 1
paramstyle = "qmark"

Binary = bytes
Date = dt.date
Time = dt.time
Timestamp = dt.datetime

Description = list[tuple[str, str, None, None, "int | None", "int | None", bool]]
Row = tuple[Any, ...]

SERVER, LITERAL = "server", "literal"
"""Where parameters go: to the server, or as literals into the text."""

_NO_MORE: Iterator[Row] = iter(())


def connect(
    uri: str,
    db_kwargs: Mapping[str, str] | None = None,
    *,
    token: str | None = None,
    parameters: str = SERVER,
) -> Connection:
    """A connection to the gateway at a ``grpc://`` or ``grpc+tls://`` address.

    A token goes before the user and password there are in `db_kwargs`.
    """
    if parameters not in (SERVER, LITERAL):
        raise ValueError(f"parameters are {SERVER!r} or {LITERAL!r}, not {parameters!r}")
    settings = dict(db_kwargs or {})
    if token is not None:
        settings.pop("username", None)
        settings.pop("password", None)
        settings[DatabaseOptions.AUTHORIZATION_HEADER.value] = f"Bearer {token}"
    with translated():
        connection = adbc.connect(uri, db_kwargs=settings, autocommit=True)
    return Connection(connection, parameters)


class Connection:
    """One session with the gateway. `adbc` is the driver's own connection, for Arrow in and out."""

    def __init__(self, connection: adbc.Connection, parameters: str) -> None:
        self.adbc = connection
        self.parameters = Parameters() if parameters == SERVER else None

    def cursor(self) -> Cursor:
        with translated():
            return Cursor(self, self.adbc.cursor())

    def info(self) -> dict[str, Any]:
        """What the server says of itself."""
        with translated():
            return dict(self.adbc.adbc_get_info())

    def ping(self) -> None:
        """Ask the server for something small, as this user."""
        self.info()

    def commit(self) -> None:
        """Nothing: the gateway only reads."""

    def rollback(self) -> None:
        """Nothing: the gateway only reads."""

    def close(self) -> None:
        with translated():
            self.adbc.close()


class Cursor:
    """One statement at a time. `adbc` is the driver's own cursor."""

    def __init__(self, connection: Connection, cursor: adbc.Cursor) -> None:
        self.connection = connection
        self.adbc = cursor
        self.arraysize = 1
        self.rowcount = -1
        self.lastrowid = None
        self.description: Description | None = None
        self._reader: pa.RecordBatchReader | None = None
        self._rows = _NO_MORE

    def set_options(self, options: Mapping[str, str]) -> None:
        """Set options of the driver for the statements of this cursor."""
        with translated():
            self.adbc.adbc_statement.set_options(**options)

    def execute(self, statement: str, parameters: Sequence[Any] | None = None) -> Cursor:
        self._forget()
        with translated():
            self._send(statement, tuple(parameters or ()))
            self._reader = self.adbc.fetch_record_batch()
        self.description = _description(self._reader.schema)
        self._rows = self._all_rows(self._reader)
        return self

    def executemany(self, statement: str, parameters: Sequence[Sequence[Any]]) -> Cursor:
        """Run a statement once for each set of parameters; the rows are those of the last one."""
        for values in parameters:
            self.execute(statement, values)
        return self

    def fetchone(self) -> Row | None:
        self._check()
        return next(self._rows, None)

    def fetchmany(self, size: int | None = None) -> list[Row]:
        self._check()
        wanted = self.arraysize if size is None else size
        return [row for _, row in zip(range(wanted), self._rows, strict=False)]

    def fetchall(self) -> list[Row]:
        self._check()
        return list(self._rows)

    def fetch_record_batch(self) -> pa.RecordBatchReader:
        """What has not been fetched yet, in Arrow; nothing is to be fetched as rows after it."""
        self._check()
        assert self._reader is not None
        return self._reader

    def fetch_arrow_table(self) -> pa.Table:
        with translated():
            return self.fetch_record_batch().read_all()

    def cancel(self) -> None:
        """Stop the statement, from another thread."""
        with translated():
            self.adbc.adbc_cancel()

    def close(self) -> None:
        self._forget()
        with translated():
            self.adbc.close()

    def setinputsizes(self, sizes: object) -> None:
        """Nothing: sizes are not needed."""

    def setoutputsize(self, size: object, column: object = None) -> None:
        """Nothing: sizes are not needed."""

    def __iter__(self) -> Iterator[Row]:
        self._check()
        return self._rows

    def _send(self, statement: str, values: Sequence[Any]) -> None:
        if not values:
            self.adbc.execute(statement)
        elif self.connection.parameters is None:
            self._send_written(statement, values)
        else:
            text, row = self.connection.parameters.send(statement, values, self.adbc.adbc_prepare)
            try:
                self.adbc.execute(text, row)
            except ProgrammingError as error:
                if error.status_code is not AdbcStatusCode.INVALID_STATE:
                    raise
                # The engine can not prepare this one; the driver has kept its reason to itself.
                self.adbc.close()
                self.adbc = self.connection.adbc.cursor()
                self._send_written(statement, values)

    def _send_written(self, statement: str, values: Sequence[Any]) -> None:
        """Send the statement with its values as literals."""
        parts = pieces(statement)
        check(parts, values)
        self.adbc.execute(filled(parts, map(literal, values)))

    def _forget(self) -> None:
        self.description = None
        self._rows, self._reader = _NO_MORE, None

    def _check(self) -> None:
        if self._reader is None:
            raise ProgrammingError(
                "nothing has been executed", status_code=AdbcStatusCode.INVALID_STATE
            )

    def _all_rows(self, reader: pa.RecordBatchReader) -> Iterator[Row]:
        while True:
            try:
                with translated():
                    batch = reader.read_next_batch()
            except StopIteration:
                return
            yield from rows(batch)


def _description(schema: pa.Schema) -> Description:
    return [(f.name, type_name(f.type), None, None, *_digits(f.type), f.nullable) for f in schema]


def _digits(kind: pa.DataType) -> tuple[int | None, int | None]:
    return (kind.precision, kind.scale) if pa.types.is_decimal(kind) else (None, None)
