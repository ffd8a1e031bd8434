"""DuckDB, in process: one read-only database per file, a cursor per request."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pyarrow as pa
from sqlglot import exp

from connectors import duckdb_statistics
from connectors.casting import refuse_outside
from connectors.duckdb_dialect import AS_TEXT, DUCKDB, base_type
from connectors.duckdb_file import DuckDbFile
from connectors.interface import (
    COMMENT,
    PHYSICAL_TYPE,
    ForeignKeyInfo,
    ObjectInfo,
    SourceError,
    SourceErrorCode,
    SourceKey,
)
from connectors.local_file import local_path
from connectors.names import join_name, split_name
from connectors.pool import Session
from connectors.sql import SqlConnector, listed, one_line, positive_number
from connectors.statistics import TableStatistics

BATCH_ROWS = 65_536

_SCHEMA = "main"


class DuckDbConnector(SqlConnector):
    """A DuckDB database file, opened read-only. `uri` is a path or ``file://`` URI.

    Objects outside the schema ``main`` are named ``schema.table``. The file is open, and locked
    against writers, while it is read and for ``idle_seconds`` (2) after.
    """

    dialect = DUCKDB
    option_names = SqlConnector.option_names | {"idle_seconds"}
    keeps_idle_sessions = False

    def __init__(self, uri: str, options: Mapping[str, str]) -> None:
        super().__init__(uri, options)
        import duckdb

        self._driver = duckdb
        self._path = local_path(uri)
        self._file = DuckDbFile.at(self._path)
        self._idle_seconds = positive_number(options, "idle_seconds", 2)

    @property
    def source_key(self) -> SourceKey:
        """The file."""
        return SourceKey("duckdb", self._path)

    def table(self, object_name: str) -> exp.Table:
        """The object, always with its schema."""
        schema, name = split_name(object_name, _SCHEMA)
        return exp.Table(
            this=exp.to_identifier(name, quoted=True), db=exp.to_identifier(schema, quoted=True)
        )

    def schema(self, object_name: str) -> pa.Schema:
        """The columns as they are now."""
        schema, name = split_name(object_name, _SCHEMA)
        for found, columns in self._columns(schema, name).items():
            return self._info(found, columns).schema
        raise SourceError(
            SourceErrorCode.OBJECT_NOT_FOUND, f"{self._path} has no table or view {object_name!r}"
        )

    def objects(self, pattern: str | None = None) -> Iterator[ObjectInfo]:
        """Every table and view."""
        keys = self._foreign_keys()
        for name, columns in sorted(self._columns().items()):
            if fnmatch.fnmatchcase(name, pattern or "*"):
                found = listed(name, partial(self._info, name, columns))
                yield replace(found, foreign_keys=tuple(keys.get(name, ())))

    def statistics(self, object_name: str) -> TableStatistics:
        """The table's size and keys."""
        return duckdb_statistics.statistics(self._rows, *split_name(object_name, _SCHEMA))

    def close(self) -> None:
        """Close the file, or leave that to the last of the streams that still read it."""
        super().close()
        self._file.close()

    def _connect(self) -> Session:
        return _DuckDbSession(self._file, self._idle_seconds)

    def _explain(self, error: Exception) -> SourceError:
        driver = self._driver
        text = one_line(str(error).splitlines()[0] if str(error) else type(error).__name__)
        lowered = str(error).lower()
        if isinstance(error, driver.InterruptException):
            return SourceError(SourceErrorCode.CANCELLED, "the request was cancelled")
        if "division by zero" in lowered or isinstance(
            error, (driver.OutOfRangeException, driver.ConversionException)
        ):
            return SourceError(SourceErrorCode.ARITHMETIC, text)
        if "lock on file" in lowered:
            return SourceError(
                SourceErrorCode.UNAVAILABLE,
                f"{self._path} is locked by a process that writes to it",
                hint="close that process, or let it write to a copy",
                retryable=True,
            )
        if "different configuration" in lowered:
            return SourceError(
                SourceErrorCode.UNAVAILABLE,
                f"{self._path} is open in this process with other settings",
                hint="close that connection first",
            )
        if isinstance(error, (driver.IOException, driver.ConnectionException)):
            return SourceError(SourceErrorCode.UNAVAILABLE, f"{self._path}: {text}")
        if isinstance(error, driver.CatalogException):
            return SourceError(SourceErrorCode.OBJECT_NOT_FOUND, f"{self._path}: {text}")
        return SourceError(SourceErrorCode.REJECTED, f"{self._path}: {text}")

    def _columns(
        self, schema: str | None = None, name: str | None = None
    ) -> dict[str, list[dict[str, Any]]]:
        """The catalogue's rows about columns, by object name."""
        condition = "true"
        if schema is not None and name is not None:
            parts = (exp.Literal.string(p).sql(dialect="duckdb") for p in (schema, name))
            condition = "c.schema_name = {} AND c.table_name = {}".format(*parts)
        tables: dict[str, list[dict[str, Any]]] = {}
        for row in self._rows(_COLUMNS.format(condition=condition)):
            key = join_name(str(row["schema"]), str(row["name"]), _SCHEMA)
            tables.setdefault(key, []).append(row)
        return tables

    def _foreign_keys(self) -> dict[str, list[ForeignKeyInfo]]:
        """What the constraints say, by the name of the table; keys stay within a schema."""
        found: dict[str, list[ForeignKeyInfo]] = {}
        for row in list[Mapping[str, Any]](self._rows(_FOREIGN_KEYS)):
            of, target = (
                join_name(str(row["schema"]), row[n], _SCHEMA) for n in ("name", "target")
            )
            columns, to = tuple(row["columns"]), tuple(row["target_columns"])
            found.setdefault(of, []).append(ForeignKeyInfo(columns, target, to))
        return found

    def _info(self, name: str, columns: list[dict[str, Any]]) -> ObjectInfo:
        first = columns[0]
        return ObjectInfo(
            name,
            pa.schema(self._fields(name, columns)),
            tuple(first["primary_key"] or ()),
            first["table_comment"] or "",
            first["kind"],
        )

    def _fields(self, object_name: str, columns: list[dict[str, Any]]) -> Iterator[pa.Field]:
        query = exp.select("*").from_(self.table(object_name)).limit(0)
        with self._session() as session:
            arrow = session.describe(query.sql(dialect="duckdb"))  # type: ignore[attr-defined]
        for column, field in zip(columns, arrow, strict=True):
            data_type = _planned_type(column["type"], field.type)
            if data_type is None:
                raise SourceError(
                    SourceErrorCode.TYPE_UNSUPPORTED,
                    f"column {column['column']!r} of {object_name!r} has type {column['type']}, "
                    "which has no exact counterpart in Arrow",
                    hint="publish a view that casts the column or leaves it out",
                )
            metadata = {PHYSICAL_TYPE: column["type"]}
            if column["comment"]:
                metadata[COMMENT] = column["comment"]
            yield pa.field(column["column"], data_type, bool(column["nullable"]), metadata)


class _DuckDbSession:
    def __init__(self, file: DuckDbFile, idle_seconds: float) -> None:
        self._file = file
        self._idle_seconds = idle_seconds
        self._cursor = file.cursor()

    def run(self, text: str, schema: pa.Schema | None = None) -> Iterator[pa.RecordBatch]:
        for batch in self._cursor.sql(text).to_arrow_reader(BATCH_ROWS):
            # Infinity is the largest number each way.
            refuse_outside(batch, 2 - 2**31, 2 - 2**63, 2**31 - 2, 2**63 - 2)
            yield batch

    def describe(self, text: str) -> pa.Schema:
        """The Arrow schema of a query's answer."""
        return self._cursor.sql(text).to_arrow_reader(1).schema

    def cancel(self) -> None:
        self._cursor.interrupt()

    def close(self) -> None:
        try:
            self._cursor.close()
        finally:
            self._file.release(self._idle_seconds)


def _planned_type(physical: str, arrow: pa.DataType) -> pa.DataType | None:
    """The type a column is planned with, or None when its values have no exact counterpart."""
    base = base_type(physical)
    if base in AS_TEXT:
        return pa.string()
    if base in {"HUGEINT", "UHUGEINT"}:
        return pa.decimal128(38, 0)
    return _normal(arrow) if not _inexact(physical) else None


def _inexact(physical: str) -> bool:
    """True for a type that Arrow output changes, also inside lists and structs."""
    inner = ("HUGEINT", "UHUGEINT", "BIT", "BIGNUM", "TIME WITH TIME ZONE", "UNION(", "ENUM(")
    return any(word in physical for word in inner) or base_type(physical) in {'"NULL"', "GEOMETRY"}


def _normal(arrow: pa.DataType) -> pa.DataType | None:
    t = pa.types
    if t.is_timestamp(arrow) and arrow.tz:
        return pa.timestamp(arrow.unit, "UTC")
    if t.is_list(arrow) or t.is_fixed_size_list(arrow):
        item = _normal(arrow.value_type)
        return None if item is None else pa.list_(item)
    if t.is_struct(arrow):
        types = [(f.name, _normal(f.type)) for f in arrow]
        return None if any(x is None for _, x in types) else pa.struct(types)
    if t.is_map(arrow) or t.is_dictionary(arrow) or t.is_null(arrow) or t.is_union(arrow):
        return None
    return arrow


_FOREIGN_KEYS = """
SELECT schema_name AS schema, table_name AS name, constraint_column_names AS columns,
  referenced_table AS target, referenced_column_names AS target_columns
FROM duckdb_constraints()
WHERE constraint_type = 'FOREIGN KEY' AND database_name = current_database()
ORDER BY ALL
"""
_COLUMNS = """
SELECT c.schema_name AS schema, c.table_name AS name, c.column_name AS column, c.data_type AS type,
  c.is_nullable AND NOT coalesce(list_contains(k.keys, c.column_name), false) AS nullable,
  c.comment AS comment, k.keys AS primary_key,
  CASE WHEN v.view_name IS NULL THEN 'table' ELSE 'view' END AS kind,
  coalesce(t.comment, v.comment) AS table_comment
FROM duckdb_columns() AS c
LEFT JOIN duckdb_tables() AS t
  ON t.database_name = c.database_name AND t.schema_name = c.schema_name
  AND t.table_name = c.table_name
LEFT JOIN duckdb_views() AS v
  ON v.database_name = c.database_name AND v.schema_name = c.schema_name
  AND v.view_name = c.table_name
LEFT JOIN (
  SELECT database_name, schema_name, table_name, any_value(constraint_column_names) AS keys
  FROM duckdb_constraints() WHERE constraint_type = 'PRIMARY KEY' GROUP BY ALL) AS k
  ON k.database_name = c.database_name AND k.schema_name = c.schema_name
  AND k.table_name = c.table_name
WHERE NOT c.internal AND c.database_name = current_database() AND {condition}
ORDER BY c.schema_name, c.table_name, c.column_index
"""
