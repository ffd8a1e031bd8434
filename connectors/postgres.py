"""PostgreSQL, through ADBC: COPY in binary, streamed, nothing fetched whole."""

from __future__ import annotations

import fnmatch
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pyarrow as pa
from sqlglot import exp

from connectors import postgres_statistics
from connectors.casting import refuse_outside
from connectors.interface import (
    COMMENT,
    PHYSICAL_TYPE,
    BatchStream,
    ForeignKeyInfo,
    ObjectInfo,
    SourceError,
    SourceErrorCode,
    SourceKey,
)
from connectors.names import join_name, split_name
from connectors.own_queries import described
from connectors.plain_scans import ScanMemory
from connectors.pool import Session
from connectors.postgres_cache import LITTLE_CACHE, USUAL_CACHE, LittleCache, plain_join
from connectors.postgres_dialect import POSTGRES
from connectors.postgres_planning import PLANNING
from connectors.postgres_ranges import FACTS, RangeStream, TableFacts, schema_scan
from connectors.postgres_transport import transported, unpadded
from connectors.postgres_types import COLUMNS, FOREIGN_KEYS, TYPES, decimal_type, own_type
from connectors.sql import (
    SqlConnector,
    credential,
    listed,
    one_line,
    positive_number,
)
from connectors.statistics import TableStatistics

_SCHEMA = "public"

_DEFAULTS = {"connect_timeout": "10", "application_name": "meshgate", "tcp_user_timeout": "30000"}

_BATCH_BYTES = 4 << 20

_FACTS_AGE = 60.0
"""Seconds for which a table's size is believed. It only decides how the table is read."""

_SETTINGS = {
    "default_transaction_read_only": "on",
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "standard_conforming_strings": "on",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "lock_timeout": "30s",  # a locked table must not hold planning for ever
    "search_path": "pg_catalog",  # a function of the user's can not stand in for a built-in
}


class PostgresConnector(SqlConnector):
    """A PostgreSQL database. `uri` is ``postgresql://user:password@host:port/database``.

    Objects are tables, views, materialised views, partitioned and foreign tables; those outside
    the schema ``public`` are named ``schema.table``, and a name that holds a dot or a double quote
    is written in double quotes. Options: ``statement_timeout`` (seconds for each statement,
    unlimited by default), ``read_streams`` (connections that read one large table together, at
    most 4 and as many as there are processors by default, 1 for never more than one) and
    ``parallel_from`` (MiB a table must have for that, 16 by default).
    """

    dialect = POSTGRES
    option_names = SqlConnector.option_names | {
        "statement_timeout",
        "read_streams",
        "parallel_from",
    }

    def __init__(self, uri: str, options: Mapping[str, str]) -> None:
        super().__init__(uri, options)
        import adbc_driver_postgresql.dbapi as driver

        self._driver = driver
        parts = urlsplit(uri)
        if parts.scheme not in {"postgresql", "postgres"}:
            raise SourceError(
                SourceErrorCode.BINDING_INVALID,
                "the uri of a postgres binding starts with postgresql://",
            )
        self._query = {k: v[0] for k, v in parse_qs(parts.query).items()}
        self._user = unquote(parts.username or self._query.get("user", ""))
        self._secret = unquote(parts.password or self._query.get("password", ""))
        host = parts.hostname or self._query.get("host", "localhost")
        port = parts.port or self._query.get("port", "5432")
        self._location = f"{host}:{port}{parts.path}"
        self._settings = dict(_SETTINGS)
        if "statement_timeout" in options:
            limit = positive_number(options, "statement_timeout", 1)
            self._settings["statement_timeout"] = f"{int(limit * 1000)}ms"
        self._scales: dict[tuple[str, str], int] = {}
        self._streams = int(positive_number(options, "read_streams", min(4, os.cpu_count() or 1)))
        self._parallel_from = positive_number(options, "parallel_from", 16) * (1 << 20)
        self._lock = threading.Lock()
        self._cache = LittleCache()
        self._scans = ScanMemory()
        self._facts: dict[str, tuple[float, TableFacts | None]] = {}

    @property
    def source_key(self) -> SourceKey:
        """Host, port and database, under one user and password."""
        return SourceKey("postgres", self._location, credential(self._user, self._secret))

    def table(self, object_name: str) -> exp.Table:
        """The object, always with its schema."""
        schema, name = split_name(object_name, _SCHEMA)
        return exp.Table(
            this=exp.to_identifier(name, quoted=True), db=exp.to_identifier(schema, quoted=True)
        )

    def schema(self, object_name: str) -> pa.Schema:
        """The columns as they are now. The scale of an unconstrained numeric is looked up once."""
        schema, name = split_name(object_name, _SCHEMA)
        found = self._columns(schema, name)
        if not found:
            raise SourceError(
                SourceErrorCode.OBJECT_NOT_FOUND,
                f"{self.source_key} has no table or view {object_name!r} that this user may read",
            )
        return next(self._info(*item).schema for item in found.items())

    def objects(self, pattern: str | None = None) -> Iterator[ObjectInfo]:
        """Everything this user may read, partitions of a partitioned table left out."""
        keys = self._foreign_keys()
        for name, columns in sorted(self._columns().items()):
            in_full = name if "." in name else f"{_SCHEMA}.{name}"
            if any(fnmatch.fnmatchcase(n, pattern or "*") for n in (name, in_full)):
                found = listed(name, partial(self._info, name, columns))
                yield replace(found, foreign_keys=tuple(keys.get(name, ())))

    def render(self, query: exp.Query, schema: pa.Schema) -> str:
        """The text, with outputs as the driver moves them fastest."""
        tree = transported(query, schema)
        scan = schema_scan(tree) if self._streams > 1 else None
        joined = plain_join(tree)
        text = self._written(tree, copy=tree is query or scan is not None)
        if joined is not None:
            self._cache.remember(text, joined)
        if scan is not None:
            self._scans.keep(text, scan)
        return text

    def query(self, text: str, schema: pa.Schema) -> BatchStream:
        """Run a rendered text; a plain scan of a large table on several connections at once."""
        scan = self._scans.get(text)
        if scan is None:
            return super().query(text, schema)
        whole = partial(super().query, text, schema)
        return RangeStream(
            scan, text, schema, self._pool, self._explain, self, whole, self._streams
        )

    def facts(self, table: str) -> TableFacts | None:
        """The size of a table, maybe of a minute ago; None for one too small to be split."""
        now = time.monotonic()
        with self._lock:
            taken, known = self._facts.get(table, (-_FACTS_AGE, None))
        if now - taken < _FACTS_AGE:
            return known
        found = None
        for row in self._rows(FACTS.format(table=_text(table))):
            facts = TableFacts(int(str(row["bytes"])), int(str(row["block"])), bool(row["splits"]))
            found = facts if facts.bytes >= self._parallel_from else None
        with self._lock:
            self._facts[table] = (now, found)
        return found

    def plan(self, session: Session, text: str) -> dict[str, Any]:
        """The server's plan of a statement, asked on a session that is held."""
        assert isinstance(session, _PostgresSession)
        return session.plan(text)

    def cost(self, text: str) -> float:
        """The total cost the server's planner expects, in its own unit."""
        with self._session(checked=False) as session:
            assert isinstance(session, _PostgresSession)
            return float(session.plan(text)["Total Cost"])

    def describe(self, text: str) -> pa.Schema:
        """The columns of a query's answer; numerics are text, since their scale is not known."""
        with self._session() as session:
            assert isinstance(session, _PostgresSession)
            found = session.describe(text)
        return pa.schema([described(f.name, own_type(f)) for f in found])

    def statistics(self, object_name: str) -> TableStatistics:
        """What the last ANALYZE has left."""
        return postgres_statistics.statistics(self._rows, *split_name(object_name, _SCHEMA))

    def _connect(self) -> Session:
        missing = {k: v for k, v in _DEFAULTS.items() if k not in self._query}
        separator = "&" if "?" in self._uri else "?"
        extra = "&".join(f"{k}={v}" for k, v in missing.items())
        connection = self._driver.connect(f"{self._uri}{separator}{extra}", autocommit=True)
        session = _PostgresSession(connection, self._cache)
        settings = (f"set_config('{k}', '{v}', false)" for k, v in self._settings.items())
        for _ in session.run(f"SELECT {', '.join(settings)}, {PLANNING}"):
            pass
        return session

    def _explain(self, error: Exception) -> SourceError:
        return explain(error, str(self.source_key))

    def _columns(
        self, schema: str | None = None, name: str | None = None
    ) -> dict[str, list[dict[str, Any]]]:
        """The catalogue's rows about columns, by object name."""
        conditions = "NOT c.relispartition AND n.nspname !~ '^(pg_|information_schema$)'"
        if schema is not None and name is not None:
            conditions = f"n.nspname = {_text(schema)} AND c.relname = {_text(name)}"
        tables: dict[str, list[dict[str, Any]]] = {}
        for row in self._rows(COLUMNS.format(conditions=conditions)):
            key = join_name(str(row["schema"]), str(row["name"]), _SCHEMA)
            tables.setdefault(key, []).append(row)
        return tables

    def _foreign_keys(self) -> dict[str, list[ForeignKeyInfo]]:
        """What the constraints say, by the name of the object that refers."""
        found: dict[str, list[ForeignKeyInfo]] = {}
        rows: list[Mapping[str, Any]] = list(self._rows(FOREIGN_KEYS))
        for row in rows:
            of = join_name(str(row["schema"]), str(row["name"]), _SCHEMA)
            target = join_name(str(row["target_schema"]), str(row["target"]), _SCHEMA)
            columns, to = tuple(row["columns"]), tuple(row["target_columns"])
            key = ForeignKeyInfo(columns, target, to, str(row["constraint"]))
            found.setdefault(of, []).append(key)
        return found

    def _info(self, name: str, columns: list[dict[str, Any]]) -> ObjectInfo:
        first = columns[0]
        return ObjectInfo(
            name,
            pa.schema([self._field(name, c) for c in columns if c["column"]]),
            tuple(first["primary_key"] or ()),
            first["table_comment"] or "",
            first["kind"],
        )

    def _field(self, object_name: str, column: Mapping[str, Any]) -> pa.Field:
        data_type = self._data_type(object_name, column)
        physical = column["type"]
        if not column["deterministic"]:
            physical = f"{physical} COLLATE {column['collation']}"
        metadata = {PHYSICAL_TYPE: physical}
        if column["comment"]:
            metadata[COMMENT] = column["comment"]
        return pa.field(column["column"], data_type, not column["not_null"], metadata)

    def _data_type(self, object_name: str, column: Mapping[str, Any]) -> pa.DataType:
        base, modifier = column["base"], column["modifier"]
        if column["base_kind"] == "e":
            return pa.string()
        element = column["element"]
        if element:
            item = pa.string() if column["element_kind"] == "e" else TYPES.get(element)
            if element == "numeric" and modifier >= 0:
                item = decimal_type(modifier)
            if item is not None:
                return pa.list_(item)
        elif base == "numeric":
            if modifier >= 0:
                return decimal_type(modifier)
            return pa.decimal128(38, self._scale(object_name, column["column"]))
        elif base in TYPES:
            return TYPES[base]
        raise SourceError(
            SourceErrorCode.TYPE_UNSUPPORTED,
            f"column {column['column']!r} of {object_name!r} has type {column['type']}, "
            "which has no exact counterpart in Arrow",
            hint="publish a view that casts the column or leaves it out",
        )

    def _scale(self, object_name: str, column: str) -> int:
        """The largest scale in an unconstrained numeric column: 0..38."""
        key = (object_name, column)
        if key not in self._scales:
            scale = exp.func("max", exp.func("scale", exp.column(column, quoted=True)))
            query = exp.select(exp.alias_(scale, "scale")).from_(self.table(object_name))
            (row,) = self._rows(query.sql(dialect="postgres"))
            found = row["scale"]
            if isinstance(found, int) and found > 38:
                raise SourceError(
                    SourceErrorCode.TYPE_UNSUPPORTED,
                    f"column {column!r} of {object_name!r} holds numerics with more than 38 "
                    "digits after the point",
                    hint="declare its precision and scale in the source",
                )
            self._scales[key] = found if isinstance(found, int) else 0
        return self._scales[key]


class _PostgresSession:
    def __init__(self, connection: Any, cache: LittleCache) -> None:
        self._connection = connection
        self._cache = cache
        self._cursor = connection.cursor(
            adbc_stmt_kwargs={"adbc.postgresql.batch_size_hint_bytes": str(_BATCH_BYTES)}
        )

    def run(self, text: str, schema: pa.Schema | None = None) -> Iterator[pa.RecordBatch]:
        lowered = self._cache.helps(text, self._rows) and self._rows(LITTLE_CACHE)[0]["done"]
        yield from self._batches(text, schema)
        if lowered:  # a session whose statement fails or is left half read is never used again
            self._rows(USUAL_CACHE)

    def _rows(self, text: str) -> list[dict[str, Any]]:
        return [row for batch in self._batches(text) for row in batch.to_pylist()]

    def _batches(self, text: str, schema: pa.Schema | None = None) -> Iterator[pa.RecordBatch]:
        self._cursor.execute(text)
        reader = self._cursor.fetch_record_batch()
        # The plain reader forgets the SQLSTATE of an error in mid-stream, the driver's own not.
        reader = getattr(getattr(self._cursor, "_results", None), "reader", reader)
        for batch in reader:
            # The driver lets infinity and the far future wrap around into the past.
            refuse_outside(batch, _FIRST_DAY, _FIRST_MICROSECOND)
            yield batch if schema is None else unpadded(batch)

    def describe(self, text: str) -> pa.Schema:
        """The schema of a query's answer, which is prepared and not run."""
        return self._cursor.adbc_execute_schema(text)

    def plan(self, text: str) -> dict[str, Any]:
        """The server's plan. EXPLAIN can not be copied out, so it is read row by row."""
        cursor = self._connection.cursor(adbc_stmt_kwargs={"adbc.postgresql.use_copy": "false"})
        try:
            cursor.execute(f"EXPLAIN (FORMAT JSON) {text}")
            (plan,) = json.loads(cursor.fetchone()[0])
        finally:
            cursor.close()
        return dict(plan["Plan"])

    def cancel(self) -> None:
        self._cursor.adbc_cancel()

    def close(self) -> None:
        try:
            self._cursor.close()
        finally:
            self._connection.close()


_FIRST_DAY = -2_440_588
_FIRST_MICROSECOND = _FIRST_DAY * 86_400_000_000


_UNAVAILABLE_CLASSES = ("08", "57P", "53")


def explain(error: Exception, where: str) -> SourceError:
    """An ADBC error as a SourceError, by SQLSTATE where there is one."""
    state = getattr(error, "sqlstate", None) or ""
    text = one_line(_primary(error))
    lowered = str(error).lower()
    if state == "57014":
        if "statement timeout" in lowered:
            return SourceError(
                SourceErrorCode.TIMEOUT, f"{where} stopped the statement after statement_timeout"
            )
        return SourceError(SourceErrorCode.CANCELLED, f"{where} cancelled the statement")
    if state == "22P02":  # the one cast that may fail in what we write: see _read_array
        return SourceError(
            SourceErrorCode.VALUE_UNEXPECTED,
            f"{where}: an array of more than one dimension",
            hint="publish a view that gives the array as text or leaves it out",
        )
    if state.startswith("22"):
        return SourceError(SourceErrorCode.ARITHMETIC, text)
    if state in {"42P01", "3F000"}:
        return SourceError(SourceErrorCode.OBJECT_NOT_FOUND, f"{where}: {text}")
    if state.startswith(_UNAVAILABLE_CLASSES):
        return SourceError(SourceErrorCode.UNAVAILABLE, f"{where}: {text}", retryable=True)
    if not state and "failed to connect" in lowered:
        refused = any(
            word in lowered for word in ("password", "authentication", "role", "pg_hba", "exist")
        )
        if refused:
            return SourceError(
                SourceErrorCode.REJECTED,
                f"{where} refuses the connection",
                hint="check the user, password and database of the binding",
            )
        return SourceError(
            SourceErrorCode.UNAVAILABLE, f"{where} can not be reached: {text}", retryable=True
        )
    if not state and any(sign in lowered for sign in _LOST):
        return SourceError(
            SourceErrorCode.UNAVAILABLE, f"the connection to {where} was lost", retryable=True
        )
    return SourceError(SourceErrorCode.REJECTED, f"{where}: {text}")


_LOST = (
    "server closed the connection",
    "terminating connection",
    "connection to server was lost",
    "no connection to the server",
    "could not receive data",
    "could not send data",
    "connection reset",
    "broken pipe",
    "ssl syscall",
    "timed out",
    "connection not open",
    "lost synchronization",
)


def _primary(error: Exception) -> str:
    """The server's own first line, without the driver's frame around it."""
    for key, value in getattr(error, "details", None) or ():
        if key == b"PG_DIAG_MESSAGE_PRIMARY":
            return bytes(value).decode("utf-8", "replace")
    text = str(error).split("\nQuery was:")[0].split("\nLINE ")[0]
    for mark in ("ERROR:", "FATAL:", " failed: "):
        _, found, rest = text.partition(mark)
        if found:
            return rest.strip().splitlines()[0]
    return text


def _text(value: str) -> str:
    return exp.Literal.string(value).sql(dialect="postgres")
