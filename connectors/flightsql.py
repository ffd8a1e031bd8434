"""Other Flight SQL servers, through ADBC; first of all another Meshgate, so that gateways chain."""

from __future__ import annotations

import fnmatch
import re
import threading
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import pyarrow as pa
from sqlglot import exp
from sqlglot.errors import SqlglotError

from connectors.dialect import SqlDialect
from connectors.flightsql_dialect import MESHGATE, UNKNOWN
from connectors.interface import (
    COMMENT,
    PHYSICAL_TYPE,
    ObjectInfo,
    SourceError,
    SourceErrorCode,
    SourceKey,
)
from connectors.plain_types import plain_type
from connectors.pool import Session
from connectors.sql import SqlConnector, credential, listed, one_line, positive_number

_SYSTEM = "system"
"""The catalog of a Meshgate's own tables."""

_SCHEMES = {"grpc": "grpc", "grpc+tcp": "grpc", "grpc+tls": "grpc+tls"}

_HEADER = "adbc.flight.sql.rpc.call_header."
_TIMEOUTS = ("fetch", "query")


class FlightSqlConnector(SqlConnector):
    """A Flight SQL server. `uri` is ``grpc+tls://user:password@host:port`` or ``grpc://...``.

    An object is ``catalog.schema.table`` (at a Meshgate ``domain.product.dataset``), parts with odd
    characters in double quotes. A server that calls itself Meshgate is asked whole queries, any
    other for columns of whole tables. Options: ``token`` (a bearer token in place of user and
    password), ``purpose`` (declared to a Meshgate), ``tls_roots`` (a PEM file to trust), and
    ``statement_timeout`` (seconds a call may take, 3600). The rights there are those of this
    login, whoever asks here.
    """

    option_names = SqlConnector.option_names | {
        "token",
        "purpose",
        "tls_roots",
        "statement_timeout",
    }

    def __init__(self, uri: str, options: Mapping[str, str]) -> None:
        super().__init__(uri, options)
        import adbc_driver_flightsql.dbapi as driver

        self._driver = driver
        parts = urlsplit(uri)
        if parts.scheme not in _SCHEMES or not parts.hostname or not parts.port:
            raise SourceError(
                SourceErrorCode.BINDING_INVALID,
                "the uri of a Flight SQL server is grpc+tls://host:port or grpc://host:port",
            )
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        self._location = f"{host}:{parts.port}"
        self._server = f"{_SCHEMES[parts.scheme]}://{self._location}"
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._timeout = positive_number(options, "statement_timeout", 3600)
        self._lock = threading.Lock()
        self._known: SqlDialect | None = None

    @property
    def dialect(self) -> SqlDialect:  # type: ignore[override]
        """What the server may be asked; nothing before it has said what it is."""
        return self._known or UNKNOWN

    @property
    def source_key(self) -> SourceKey:
        """The server, who logs in, and for what purpose."""
        secret = self._options.get("token", "") or self._password
        identity = credential(self._user, secret)
        purpose = self._options.get("purpose", "")
        return SourceKey("flightsql", self._location, f"{identity}/{purpose}".rstrip("/"))

    def table(self, object_name: str) -> exp.Table:
        """The object by all its parts, quoted."""
        parts = [exp.to_identifier(part, quoted=True) for part in _parts(object_name)]
        return exp.Table(**dict(zip(("this", "db", "catalog"), reversed(parts), strict=False)))

    def schema(self, object_name: str) -> pa.Schema:
        """The columns as the server lists them, or as a query for no rows comes with."""
        parts = [*[None] * (3 - len(_parts(object_name))), *_parts(object_name)]
        with self._session() as session:
            self._recognise(session)
            found = session.table_schema(*parts)  # type: ignore[attr-defined]
            if found is None:
                query = exp.select("*").from_(self.table(object_name)).limit(0)
                found = session.describe(query.sql(dialect="postgres"))  # type: ignore[attr-defined]
        return pa.schema([_described(field) for field in found])

    def objects(self, pattern: str | None = None) -> Iterator[ObjectInfo]:
        """Every table this login may know of.

        Without a Meshgate's own tables: their rows are what this login may know, and no data.
        """
        with self._session() as session:
            self._recognise(session)
            names = list(session.tables())  # type: ignore[attr-defined]
        if self._known is MESHGATE:
            names = [name for name in names if name[0] != _SYSTEM]
        for name in sorted(map(_joined, names)):
            if fnmatch.fnmatchcase(name, pattern or "*"):
                yield listed(name, lambda name=name: ObjectInfo(name, self.schema(name)))  # type: ignore[misc]

    def _recognise(self, session: Any) -> None:
        """Ask the server once what it is."""
        with self._lock:
            if self._known is None:
                self._known = MESHGATE if session.vendor() == "Meshgate" else UNKNOWN

    def _connect(self) -> Session:
        settings = {
            f"adbc.flight.sql.rpc.timeout_seconds.{t}": str(self._timeout) for t in _TIMEOUTS
        }
        if token := self._options.get("token"):
            settings["adbc.flight.sql.authorization_header"] = f"Bearer {token}"
        elif self._user:
            settings |= {"username": self._user, "password": self._password}
        if purpose := self._options.get("purpose"):
            settings[f"{_HEADER}x-meshgate-purpose"] = purpose
        if path := self._options.get("tls_roots"):
            settings["adbc.flight.sql.client_option.tls_root_certs"] = _pem(path)
        connection = self._driver.connect(self._server, settings, autocommit=True)
        return _FlightSqlSession(connection)

    def _explain(self, error: Exception) -> SourceError:
        return explain(error, str(self.source_key))


class _FlightSqlSession:
    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._cursor = connection.cursor()

    def run(self, text: str, schema: pa.Schema | None = None) -> Iterator[pa.RecordBatch]:
        self._cursor.execute(text)
        yield from self._cursor.fetch_record_batch()

    def describe(self, text: str) -> pa.Schema:
        """The Arrow schema of a query's answer."""
        self._cursor.execute(text)
        reader = self._cursor.fetch_record_batch()
        schema = reader.schema
        for _ in reader:  # to its end: then the connection is free
            pass
        return schema

    def vendor(self) -> str:
        """What the server calls itself."""
        return str(self._connection.adbc_get_info().get("vendor_name", ""))

    def table_schema(self, catalog: str | None, schema: str | None, table: str) -> pa.Schema | None:
        """The table's columns from the server's listing; None where it has no such table."""
        try:
            return self._connection.adbc_get_table_schema(
                table, catalog_filter=catalog, db_schema_filter=schema
            )
        except Exception as error:
            if _status(error) in {"NOT_FOUND", "NOT_IMPLEMENTED", "INTERNAL", "INVALID_ARGUMENT"}:
                return None  # asked by a query, it will say why
            raise

    def tables(self) -> list[tuple[str, ...]]:
        """The names of all tables, each with what it is below."""
        listing = self._connection.adbc_get_objects(depth="tables").read_all().to_pylist()
        return [
            tuple(p for p in (c["catalog_name"], s["db_schema_name"], t["table_name"]) if p)
            for c in listing
            for s in c["catalog_db_schemas"] or ()
            for t in s["db_schema_tables"] or ()
        ]

    def cancel(self) -> None:
        self._cursor.adbc_cancel()

    def close(self) -> None:
        try:
            self._cursor.close()
        finally:
            self._connection.close()


_CODE = re.compile(r"\[([A-Z][A-Z_]+)\] ([^\n]*)")
"""A GatewayError in an error of the driver."""

_SAME = {code.value: code for code in SourceErrorCode}

_CODES: Mapping[str, SourceErrorCode] = {
    **_SAME,
    "UNKNOWN_DATASET": SourceErrorCode.OBJECT_NOT_FOUND,
    "BUSY": SourceErrorCode.UNAVAILABLE,
    "SOURCE_TIMEOUT": SourceErrorCode.TIMEOUT,
}
"""Codes of a Meshgate; any other means that it has refused."""

_STATUSES: Mapping[str, SourceErrorCode] = {
    "UNAVAILABLE": SourceErrorCode.UNAVAILABLE,
    "IO": SourceErrorCode.UNAVAILABLE,
    "TIMEOUT": SourceErrorCode.TIMEOUT,
    "CANCELLED": SourceErrorCode.CANCELLED,
    "NOT_FOUND": SourceErrorCode.OBJECT_NOT_FOUND,
    "UNAUTHENTICATED": SourceErrorCode.REJECTED,
    "UNAUTHORIZED": SourceErrorCode.REJECTED,
}


def explain(error: Exception, where: str) -> SourceError:
    """An ADBC error as a SourceError: by the peer's own code where it is a Meshgate's."""
    text = str(error)
    own = next((m for m in _CODE.finditer(text) if m[1] != "FLIGHT"), None)
    if own is not None:
        code = _CODES.get(own[1], SourceErrorCode.REJECTED)
        message = own[2].partition(". Detail: ")[0].partition(" [FlightSQL")[0]
        return SourceError(
            code,
            f"{where}: {one_line(message)}",
            retryable=code is SourceErrorCode.UNAVAILABLE,
        )
    status = _status(error)
    code = _STATUSES.get(status, SourceErrorCode.REJECTED)
    if "context canceled" in text.lower():
        code = SourceErrorCode.CANCELLED
    elif "connection refused" in text.lower() or "error reading from server" in text.lower():
        code = SourceErrorCode.UNAVAILABLE
    elif "certificate" in text.lower():
        return SourceError(
            SourceErrorCode.REJECTED,
            f"{where}: its certificate is not trusted",
            hint="name the authority that issued it with the option tls_roots",
        )
    first = text.splitlines()[0] if text else type(error).__name__
    return SourceError(
        code,
        f"{where}: {one_line(first)}",
        retryable=code is SourceErrorCode.UNAVAILABLE,
    )


def _status(error: Exception) -> str:
    return str(getattr(getattr(error, "status_code", None), "name", ""))


def _parts(object_name: str) -> list[str]:
    try:
        table = exp.to_table(object_name, dialect="postgres")
        parts = [part.name for part in table.parts]
        if 1 <= len(parts) <= 3 and all(isinstance(p, exp.Identifier) for p in table.parts):
            return parts
    except (SqlglotError, ValueError):
        pass
    raise SourceError(
        SourceErrorCode.BINDING_INVALID,
        f"{object_name!r} is not the name of a table",
        hint="write catalog.schema.table, parts with odd characters in double quotes",
    )


def _joined(parts: tuple[str, ...]) -> str:
    return ".".join(
        p if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", p) else '"' + p.replace('"', '""') + '"'
        for p in parts
    )


def _described(field: pa.Field) -> pa.Field:
    metadata = {PHYSICAL_TYPE: str(field.type)}
    comment = (field.metadata or {}).get(b"ARROW:FLIGHT:SQL:REMARKS")
    if comment:
        metadata[COMMENT] = comment
    return pa.field(field.name, plain_type(field.type), field.nullable, metadata)


def _pem(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError as error:
        raise SourceError(
            SourceErrorCode.BINDING_INVALID, f"the file {path} of option tls_roots can not be read"
        ) from error
