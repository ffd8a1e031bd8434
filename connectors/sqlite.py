"""SQLite, through the standard library: the one driver that can be interrupted.

SQLite types values, not columns. A declared type says what the column is taken for; a value that
is not of it raises VALUE_UNEXPECTED, where it is returned and where the source works with it.
"""

from __future__ import annotations

import fnmatch
import itertools
import re
import sqlite3
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote

import pyarrow as pa
from sqlglot import exp

from connectors import sqlite_statistics
from connectors.interface import (
    PHYSICAL_TYPE,
    ForeignKeyInfo,
    ObjectInfo,
    SourceError,
    SourceErrorCode,
    SourceKey,
)
from connectors.local_file import FileIdentity, identify, local_path
from connectors.pool import Session
from connectors.sql import SqlConnector, listed, one_line
from connectors.sqlite_dialect import FIXED, SQLITE, UNFIT
from connectors.sqlite_values import to_array
from connectors.statistics import TableStatistics

BATCH_ROWS = 16_384
"""Rows a batch: the interpreter is held for some 20 ms while one is made."""


class SqliteConnector(SqlConnector):
    """A SQLite database file, opened read-only. `uri` is a path or ``file://`` URI."""

    dialect = SQLITE

    def __init__(self, uri: str, options: Mapping[str, str]) -> None:
        super().__init__(uri, options)
        self._path = local_path(uri)
        self._guesses: dict[tuple[FileIdentity, str, str], pa.DataType | None] = {}

    @property
    def source_key(self) -> SourceKey:
        """The file."""
        return SourceKey("sqlite", self._path)

    def table(self, object_name: str) -> exp.Table:
        """The table or view, quoted."""
        return exp.Table(this=exp.to_identifier(object_name, quoted=True))

    def schema(self, object_name: str) -> pa.Schema:
        """The declared columns; of those without a known type, what their values are."""
        return self._describe(object_name).schema

    def objects(self, pattern: str | None = None) -> Iterator[ObjectInfo]:
        """Every table and view."""
        for row in self._rows(_OBJECTS):
            name = str(row["name"])
            if fnmatch.fnmatchcase(name, pattern or "*"):
                yield listed(name, partial(self._describe, name))

    def statistics(self, object_name: str) -> TableStatistics:
        """What ANALYZE has left in the file, and its keys."""
        return sqlite_statistics.statistics(self._rows, object_name)

    def _connect(self) -> Session:
        # Taken before it is opened: a file replaced in between is opened once more, never missed.
        identity = identify(self._path, "SQLite")
        return _SqliteSession(self._path, identity)

    def _is_current(self, session: Session) -> bool:
        """False for a connection to a file that has been replaced or moved away."""
        assert isinstance(session, _SqliteSession)
        return session.identity == identify(self._path, "SQLite")

    def _explain(self, error: Exception) -> SourceError:
        text = one_line(error)
        lowered = text.lower()
        if UNFIT in lowered or "user-defined function raised" in lowered:
            return SourceError(
                SourceErrorCode.VALUE_UNEXPECTED,
                f"{self._path}: a column holds a value that is not of its declared type",
                hint="correct the value, or publish a view that casts the column",
            )
        if "interrupted" in lowered:
            return SourceError(SourceErrorCode.CANCELLED, "the request was cancelled")
        if "overflow" in lowered:
            return SourceError(SourceErrorCode.ARITHMETIC, text)
        if "no such table" in lowered:
            return SourceError(SourceErrorCode.OBJECT_NOT_FOUND, f"{self._path}: {text}")
        if any(sign in lowered for sign in ("locked", "busy", "unable to open", "disk i/o")):
            return SourceError(SourceErrorCode.UNAVAILABLE, f"{self._path}: {text}", retryable=True)
        return SourceError(SourceErrorCode.REJECTED, f"{self._path}: {text}")

    def _describe(self, name: str) -> ObjectInfo:
        quoted = exp.Literal.string(name).sql(dialect="sqlite")
        rows: list[Mapping[str, Any]] = list(self._rows(_COLUMNS.format(name=quoted)))
        if not rows:
            raise SourceError(
                SourceErrorCode.OBJECT_NOT_FOUND, f"{self._path} has no table or view {name!r}"
            )
        keys = sorted((r for r in rows if r["pk"]), key=lambda r: r["pk"])
        single = keys[0] if len(keys) == 1 else None
        fields = []
        for row in rows:
            rowid = row is single and row["type"].upper() == "INTEGER" and not row["keyed"]
            physical = row["type"]
            if rowid or (row["strict"] and row["type"].upper() in _STRICT_TYPES):
                physical = f"{physical} {FIXED}".strip()
            nullable = not (row["notnull"] or rowid)
            data_type = self._data_type(name, row["name"], row["type"])
            fields.append(pa.field(row["name"], data_type, nullable, {PHYSICAL_TYPE: physical}))
        primary_key = tuple(str(r["name"]) for r in keys)
        return ObjectInfo(
            name,
            pa.schema(fields),
            primary_key,
            kind=str(rows[0]["kind"]),
            foreign_keys=tuple(self._foreign_keys(quoted)),
        )

    def _foreign_keys(self, quoted: str) -> Iterator[ForeignKeyInfo]:
        """What a table declares; SQLite leaves its columns out where they are the primary key."""
        rows = self._rows(_FOREIGN_KEYS.format(name=quoted))
        for _, parts in itertools.groupby(rows, key=lambda row: row["id"]):
            columns = list(parts)
            yield ForeignKeyInfo(
                tuple(str(row["from"]) for row in columns),
                str(columns[0]["table"]),
                tuple(str(row["to"]) for row in columns if row["to"] is not None),
            )

    def _data_type(self, table: str, column: str, declared: str) -> pa.DataType:
        data_type = declared_type(declared) or self._guess(table, column)
        if data_type is None:
            raise SourceError(
                SourceErrorCode.TYPE_UNSUPPORTED,
                f"column {column!r} of {table!r} "
                f"{f'has type {declared}' if declared else 'is declared without a type'}, "
                "and its values are of several kinds",
                hint="publish a view that casts the column or leaves it out",
            )
        return data_type

    def _guess(self, table: str, column: str) -> pa.DataType | None:
        """The type of a column whose declaration says nothing, from its values; read once."""
        key = (identify(self._path, "SQLite"), table, column)
        if key not in self._guesses:
            kind = exp.func("typeof", exp.column(column, quoted=True))
            query = exp.select(exp.alias_(kind, "k")).distinct().from_(self.table(table))
            found = {str(r["k"]) for r in self._rows(query.sql(dialect="sqlite"))} - {"null"}
            self._guesses[key] = _GUESSES.get(frozenset(found))
        return self._guesses[key]


class _SqliteSession:
    def __init__(self, path: str, identity: FileIdentity) -> None:
        self.identity = identity
        self._connection = sqlite3.connect(
            f"file:{quote(path)}?mode=ro",
            uri=True,
            check_same_thread=False,
            timeout=5.0,
            isolation_level=None,
        )
        self._connection.execute("PRAGMA query_only = ON")
        self._connection.execute("PRAGMA trusted_schema = OFF")
        self._connection.execute("PRAGMA case_sensitive_like = ON")
        self._connection.create_function(UNFIT, 1, _refuse, deterministic=False)

    def run(self, text: str, schema: pa.Schema | None = None) -> Iterator[pa.RecordBatch]:
        cursor = self._connection.execute(text)
        try:
            names = [d[0] for d in cursor.description]
            if schema is not None and len(names) != len(schema):
                raise SourceError(
                    SourceErrorCode.VALUE_UNEXPECTED,
                    f"the source sent {len(names)} columns where {len(schema)} were planned",
                )
            while rows := cursor.fetchmany(BATCH_ROWS):
                columns = zip(*rows, strict=True)
                if schema is None:
                    yield pa.RecordBatch.from_arrays([pa.array(c) for c in columns], names)
                else:
                    pairs = zip(columns, schema, strict=True)
                    yield pa.RecordBatch.from_arrays(
                        [to_array(c, f) for c, f in pairs], schema.names
                    )
        finally:
            cursor.close()

    def cancel(self) -> None:
        self._connection.interrupt()

    def close(self) -> None:
        self._connection.close()


def _refuse(value: object) -> None:
    raise ValueError(UNFIT)


_STRICT_TYPES = {"INT", "INTEGER", "TEXT", "REAL", "BLOB"}
_NAMED = {
    "BOOLEAN": pa.bool_(),
    "BOOL": pa.bool_(),
    "DATE": pa.date32(),
    "DATETIME": pa.timestamp("us"),
    "TIMESTAMP": pa.timestamp("us"),
    "UUID": pa.string(),
    "JSON": pa.string(),
}
_DECIMAL = re.compile(r"(?:DECIMAL|NUMERIC)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)\Z")


def declared_type(declared: str) -> pa.DataType | None:
    """The Arrow type of a declaration by SQLite's rules of affinity, or None when it says none."""
    name = declared.strip().upper()
    if found := _DECIMAL.match(name):
        precision, scale = int(found[1]), int(found[2] or 0)
        if 0 < precision <= 38 and scale <= precision:
            return pa.decimal128(precision, scale)
    base = name.partition("(")[0].strip()
    if base in _NAMED:
        return _NAMED[base]
    if "INT" in base:
        return pa.int64()
    if any(word in base for word in ("CHAR", "CLOB", "TEXT")):
        return pa.string()
    if "BLOB" in base:
        return pa.binary()
    if any(word in base for word in ("REAL", "FLOA", "DOUB")):
        return pa.float64()
    return None


_GUESSES = {
    frozenset(): pa.string(),
    frozenset({"integer"}): pa.int64(),
    frozenset({"real"}): pa.float64(),
    frozenset({"integer", "real"}): pa.float64(),
    frozenset({"text"}): pa.string(),
    frozenset({"blob"}): pa.binary(),
}

_OBJECTS = (
    "SELECT name FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite\\_%' "
    "ESCAPE '\\' AND type IN ('table', 'view', 'virtual') ORDER BY name"
)
_FOREIGN_KEYS = (
    'SELECT k.id, k."table", k."from", k."to" FROM pragma_foreign_key_list({name}) AS k '
    "ORDER BY k.id DESC, k.seq"
)
_COLUMNS = (
    'SELECT c.name, c.type, c."notnull", c.pk, l.type AS kind, l.strict, '
    "(SELECT count(*) FROM pragma_index_list(l.name) WHERE origin = 'pk') AS keyed "
    "FROM pragma_table_list AS l, pragma_table_xinfo(l.name) AS c "
    "WHERE l.schema = 'main' AND l.name = {name} AND c.hidden <> 1 ORDER BY c.cid"
)
