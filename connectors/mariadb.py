"""MariaDB and MySQL, through arrow-odbc and MariaDB's ODBC driver.

The driver says little that can be relied on: unsigned numbers come as signed ones, a zero date
ends the process inside arrow-odbc, a BIT is read wrong. So numbers travel as 64 bits, dates, times
and decimals as text, and both are made what was planned here, exactly.
"""

from __future__ import annotations

import fnmatch
import itertools
import re
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from connectors import mariadb_statistics
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
from connectors.mariadb_dialect import MARIADB, arrow_type
from connectors.mariadb_ranges import KeyFacts, KeyStream, facts_of, facts_query
from connectors.mariadb_text_joins import Collations, hashed
from connectors.mariadb_types import own_type
from connectors.outputs import cast_outputs
from connectors.own_queries import described
from connectors.plain_scans import ScanMemory, plain_scan
from connectors.pool import Session
from connectors.sql import (
    SqlConnector,
    credential,
    listed,
    one_line,
    positive_number,
)
from connectors.statistics import TableStatistics

BATCH_ROWS = 16_384
BATCH_BYTES = 64 << 20
"""Room for one batch: as many rows as fit when every text is as long as it may be."""

_LOOK_ROWS = 16
_LOOK_BYTES = 16_384
"""Room for the rows and the texts of an answer that is known to be small."""

_FACTS_AGE = 60.0
"""Seconds for which a table's size is believed. It only decides how the table is read."""

_SETTINGS = (
    "SET SESSION collation_connection = utf8mb4_nopad_bin",
    "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,"
    "NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', sql_select_limit = DEFAULT",
    "SET SESSION TRANSACTION READ ONLY",
    # Else tables are joined without an index by comparing every row with every row.
    "SET SESSION join_cache_level = 8, join_buffer_size = 8388608,"
    " join_buffer_space_limit = 33554432",
)


class MariaDbConnector(SqlConnector):
    """A MariaDB or MySQL database. `uri` is ``mariadb://user:password@host:port/database``.

    Options: ``statement_timeout`` (seconds), ``max_text_bytes`` (the longest text or binary value
    that can be read, 1048576 by default: a longer one is an error), ``driver`` (the ODBC driver's
    name or file, ``MariaDB Unicode`` by default) and ``ranges_from`` (MiB a table must have to be
    read in ranges of its key, 16 by default). The driver holds a whole answer in memory
    while it is read; of a table that is read in ranges, two of them.
    """

    dialect = MARIADB
    option_names = SqlConnector.option_names | {
        "statement_timeout",
        "max_text_bytes",
        "driver",
        "ranges_from",
    }

    def __init__(self, uri: str, options: Mapping[str, str]) -> None:
        super().__init__(uri, options)
        import arrow_odbc

        self._driver = arrow_odbc
        parts = urlsplit(uri)
        self._database = unquote(parts.path.strip("/"))
        if parts.scheme not in {"mariadb", "mysql"} or not parts.hostname or not self._database:
            raise SourceError(
                SourceErrorCode.BINDING_INVALID,
                "the uri of a mariadb binding is mariadb://user:password@host:port/database",
            )
        self._user = unquote(parts.username or "")
        self._secret = unquote(parts.password or "")
        self._host, self._port = parts.hostname, parts.port or 3306
        self._longest = int(positive_number(options, "max_text_bytes", 1 << 20))
        self._ranges_from = positive_number(options, "ranges_from", 16) * (1 << 20)
        self._lock = threading.Lock()
        self._scans = ScanMemory()
        self._collations = Collations()
        self._facts: dict[str, tuple[float, KeyFacts | None]] = {}
        self._settings = list(_SETTINGS)
        if "statement_timeout" in options:
            limit = positive_number(options, "statement_timeout", 1)
            self._settings.append(f"SET SESSION max_statement_time = {limit}")

    @property
    def source_key(self) -> SourceKey:
        """Host, port and database, under one user and password."""
        location = f"{self._host}:{self._port}/{self._database}"
        return SourceKey("mariadb", location, credential(self._user, self._secret))

    def table(self, object_name: str) -> exp.Table:
        """The table or view, quoted."""
        return exp.Table(this=exp.to_identifier(object_name, quoted=True))

    def schema(self, object_name: str) -> pa.Schema:
        """The columns as they are now."""
        for name, columns in self._columns(object_name).items():
            self._collations.keep(name, columns)
            return self._info(name, columns).schema
        raise SourceError(
            SourceErrorCode.OBJECT_NOT_FOUND,
            f"{self.source_key} has no table or view {object_name!r} that this user may read",
        )

    def objects(self, pattern: str | None = None) -> Iterator[ObjectInfo]:
        """Every table and view of the database."""
        keys = self._foreign_keys()
        for name, columns in sorted(self._columns().items()):
            if fnmatch.fnmatchcase(name, pattern or "*"):
                found = listed(name, partial(self._info, name, columns))
                yield replace(found, foreign_keys=tuple(keys.get(name, ())))

    def render(self, query: exp.Query, schema: pa.Schema) -> str:
        """Timestamps leave as text: the driver cuts their fractions off otherwise."""
        wanted = [i for i, f in enumerate(schema) if pa.types.is_timestamp(f.type)]
        tree = hashed(cast_outputs(query, schema, wanted, "CHAR"), self._collations)
        text = super().render(tree, schema)
        scan = plain_scan(tree, "mysql")
        if scan is not None and not scan.has_schema:  # which would be of another database
            self._scans.keep(text, scan)
        return text

    def query(self, text: str, schema: pa.Schema) -> BatchStream:
        """Run a rendered text; a plain scan of a large table in ranges of its key."""
        scan = self._scans.get(text)
        if scan is None:
            return super().query(text, schema)
        whole = partial(super().query, text, schema)
        return KeyStream(scan, text, schema, self._pool, self._explain, self, whole)

    def facts(self, table: str) -> KeyFacts | None:
        """What leads the key of a large table, maybe of a minute ago; None to read it whole."""
        now = time.monotonic()
        with self._lock:
            taken, known = self._facts.get(table, (-_FACTS_AGE, None))
        if now - taken < _FACTS_AGE:
            return known
        with self._session() as session:
            assert isinstance(session, _MariaDbSession)
            found = facts_of(session.look(facts_query(table)))
        if found is not None and found.bytes < self._ranges_from:
            found = None
        with self._lock:
            self._facts[table] = (now, found)
        return found

    def describe(self, text: str) -> pa.Schema:
        """The columns of a query's answer, of which no row is asked for."""
        with self._session() as session:
            assert isinstance(session, _MariaDbSession)
            found = session.describe(f"SELECT * FROM ({text}) AS q LIMIT 0")
        return pa.schema([described(f.name, own_type(f)) for f in found])

    def statistics(self, object_name: str) -> TableStatistics:
        """What InnoDB estimates."""
        return mariadb_statistics.statistics(self._rows, object_name, self.table(object_name))

    def _connect(self) -> Session:
        return _MariaDbSession(self._open, self._settings, self._longest)

    def _open(self) -> Any:
        settings = {
            "Driver": self._options.get("driver", "MariaDB Unicode"),
            "SERVER": self._host,
            "PORT": str(self._port),
            "DATABASE": self._database,
            "CHARSET": "utf8mb4",
            "CONN_TIMEOUT": "10",
        }
        text = "".join(f"{k}={_braced(v)};" for k, v in settings.items())
        return self._driver.connect(
            text, user=self._user, password=self._secret, login_timeout_sec=10
        )

    def _explain(self, error: Exception) -> SourceError:
        return explain(error, str(self.source_key))

    def _columns(self, name: str | None = None) -> dict[str, list[dict[str, Any]]]:
        """The catalogue's rows about columns, by object name."""
        condition = "1 = 1"
        if name is not None:
            condition = f"c.TABLE_NAME = {exp.Literal.string(name).sql(dialect='mysql')}"
        tables: dict[str, list[dict[str, Any]]] = {}
        for row in self._rows(_COLUMNS.format(condition=condition)):
            tables.setdefault(str(row["name"]), []).append(row)
        return {k: v for k, v in tables.items() if name is None or k == name}

    def _foreign_keys(self) -> dict[str, list[ForeignKeyInfo]]:
        """What the constraints within the database say, by the name of the table."""
        found: dict[str, list[ForeignKeyInfo]] = {}
        rows = self._rows(_FOREIGN_KEYS)
        for of, parts in itertools.groupby(rows, key=lambda row: (row["name"], row["constraint"])):
            columns = list(parts)
            key = ForeignKeyInfo(
                tuple(str(row["column"]) for row in columns),
                str(columns[0]["target"]),
                tuple(str(row["target_column"]) for row in columns),
                str(of[1]),
            )
            found.setdefault(str(of[0]), []).append(key)
        return found

    def _info(self, name: str, columns: list[dict[str, Any]]) -> ObjectInfo:
        fields = []
        for column in columns:
            data_type = arrow_type(column["type"])
            if data_type is None:
                raise SourceError(
                    SourceErrorCode.TYPE_UNSUPPORTED,
                    f"column {column['column']!r} of {name!r} has type {column['type']}, "
                    "which has no exact counterpart in Arrow",
                    hint="publish a view that casts the column or leaves it out",
                )
            metadata = {PHYSICAL_TYPE: column["type"]}
            if column["comment"]:
                metadata[COMMENT] = column["comment"]
            nullable = column["nullable"] == "YES"
            fields.append(pa.field(column["column"], data_type, nullable, metadata))
        keys = sorted((c["key_position"], c["column"]) for c in columns if c["key_position"])
        view = columns[0]["kind"] == "VIEW"
        comment = "" if view else columns[0]["table_comment"] or ""
        return ObjectInfo(
            name,
            pa.schema(fields),
            tuple(column for _, column in keys),
            comment,
            "view" if view else "table",
        )


class _MariaDbSession:
    def __init__(self, connect: Any, settings: list[str], longest: int) -> None:
        self._open = connect
        self._longest = longest
        self._connection = connect()
        for setting in settings:
            self._connection.execute(setting)
        (batch,) = self.run("SELECT CONNECTION_ID() AS id")
        self._id = int(batch.column(0)[0].as_py())

    def run(self, text: str, schema: pa.Schema | None = None) -> Iterator[pa.RecordBatch]:
        yield from self._read(text, schema, ahead=True)

    def ask(self, text: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Send the text at once; its answer waits in the driver, and others may be asked."""
        return self._read(text, schema, ahead=False)

    def _read(self, text: str, schema: pa.Schema | None, ahead: bool) -> Iterator[pa.RecordBatch]:
        planned = None if schema is None else [f.type for f in schema]
        reader = self._connection.read_arrow_batches(
            text,
            batch_size=BATCH_ROWS,
            max_bytes_per_batch=max(BATCH_BYTES, 2 * self._longest),
            max_text_size=self._longest,
            max_binary_size=self._longest,
            falliable_allocations=True,
            map_schema=lambda found: _transport(found, planned),
            fetch_concurrently=ahead,
        )
        return (batch if schema is None else _typed(batch, schema) for batch in reader)

    def look(self, text: str) -> list[dict[str, Any]]:
        """The rows of a small answer: there is no room for long texts, which are an error."""
        reader = self._connection.read_arrow_batches(
            text,
            batch_size=_LOOK_ROWS,
            max_text_size=_LOOK_BYTES,
            max_binary_size=_LOOK_BYTES,
            map_schema=lambda found: _transport(found, None),
            fetch_concurrently=False,
        )
        return [row for batch in reader for row in batch.to_pylist()]

    def describe(self, text: str) -> pa.Schema:
        """What the driver says of a query's columns; the query gives no rows."""
        seen: list[pa.Schema] = []

        def note(found: pa.Schema) -> pa.Schema:
            seen.append(found)
            return _transport(found, None)

        for _ in self._connection.read_arrow_batches(
            text, max_text_size=64, max_binary_size=64, map_schema=note
        ):
            pass
        return seen[0]

    def cancel(self) -> None:
        self._open().execute(f"KILL QUERY {self._id}")

    def close(self) -> None:
        # The driver closes a connection when nothing refers to it any more.
        del self._connection


def _transport(found: pa.Schema, planned: list[pa.DataType] | None) -> pa.Schema:
    """What to ask the driver for: only forms that arrive whole, whatever the value."""
    fields = []
    for i, field in enumerate(found):
        wanted = planned[i] if planned is not None and i < len(planned) else None
        if pa.types.is_integer(field.type) or pa.types.is_boolean(field.type):
            unsigned = wanted is not None and pa.types.is_uint64(wanted)
            data_type = pa.string() if unsigned else pa.int64()
        elif pa.types.is_floating(field.type):
            data_type = pa.float64()
        elif pa.types.is_binary(field.type) or pa.types.is_fixed_size_binary(field.type):
            data_type = pa.binary()
        else:
            data_type = pa.string()
        fields.append(pa.field(field.name, data_type, True))
    return pa.schema(fields)


def _typed(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Text that is planned as a date or a time becomes one; a zero date raises VALUE_UNEXPECTED."""
    if batch.num_columns != len(schema):
        return batch  # the cast that follows says so
    arrays = []
    for array, field in zip(batch.columns, schema, strict=True):
        try:
            arrays.append(_parsed(array, field.type))
        except pa.ArrowInvalid as error:
            raise SourceError(
                SourceErrorCode.VALUE_UNEXPECTED,
                f"column {field.name!r} ({field.type}): the source sent a zero or impossible date",
                hint="make it NULL in the source, or publish a view that does",
            ) from error
    return pa.RecordBatch.from_arrays(arrays, batch.schema.names)


def _parsed(array: pa.Array, target: pa.DataType) -> pa.Array:
    if not pa.types.is_string(array.type):
        return array
    if pa.types.is_integer(target):  # the text of a DECIMAL, as SUM gives: it has up to 65 digits
        return array.cast(target)
    if pa.types.is_date(target):
        return array.cast(pa.date32())
    if pa.types.is_timestamp(target):
        naive = array.cast(pa.timestamp("us"))
        # A TIMESTAMP is written in the session's zone, which is UTC.
        return pc.assume_timezone(naive, "UTC") if target.tz else naive
    return array


def _braced(value: str) -> str:
    return "{" + value.replace("}", "}}") + "}"


_FACTS = re.compile(r"State: (\w{5}), Native error: (\d+), Message: (?:\[[^\]]*\])*(.*)", re.S)
_CODES = {
    SourceErrorCode.UNAVAILABLE: {2002, 2003, 2005, 2006, 2013, 1040, 1053, 1203, 1927, 4031},
    SourceErrorCode.CANCELLED: {1317},
    SourceErrorCode.TIMEOUT: {1969, 3024},
    SourceErrorCode.OBJECT_NOT_FOUND: {1146},
    SourceErrorCode.ARITHMETIC: {1690, 1365, 1264},
}


def explain(error: Exception, where: str) -> SourceError:
    """An ODBC error as a SourceError, by the server's own number."""
    text = str(error)
    if "without truncation" in text:
        return SourceError(
            SourceErrorCode.VALUE_UNEXPECTED,
            f"{where}: a text or binary value is longer than max_text_bytes",
            hint="raise the option max_text_bytes of the binding",
        )
    found = _FACTS.search(text)
    state, number, message = found.groups() if found else ("", "0", text)
    message = one_line(message)
    if "Can't open lib" in message or state == "IM002":
        return SourceError(
            SourceErrorCode.DRIVER_MISSING,
            "the ODBC driver of MariaDB is not installed",
            hint="apt-get install odbc-mariadb, or name the driver's file in the option driver",
        )
    if int(number) in {1044, 1045, 1049}:
        return SourceError(
            SourceErrorCode.REJECTED,
            f"{where} refuses the connection",
            hint="check the user, password and database of the binding",
        )
    for code, numbers in _CODES.items():
        if int(number) in numbers:
            retryable = code is SourceErrorCode.UNAVAILABLE
            return SourceError(code, f"{where}: {message}", retryable=retryable)
    if state.startswith("08") or message.startswith(("Read error: ", "Write error: ")):
        return SourceError(SourceErrorCode.UNAVAILABLE, f"{where}: {message}", retryable=True)
    return SourceError(SourceErrorCode.REJECTED, f"{where}: {message}")


_FOREIGN_KEYS = """
SELECT k.TABLE_NAME AS `name`, k.CONSTRAINT_NAME AS `constraint`, k.COLUMN_NAME AS `column`,
  k.REFERENCED_TABLE_NAME AS `target`, k.REFERENCED_COLUMN_NAME AS `target_column`
FROM information_schema.KEY_COLUMN_USAGE k
WHERE k.TABLE_SCHEMA = DATABASE() AND k.REFERENCED_TABLE_SCHEMA = DATABASE()
ORDER BY BINARY k.TABLE_NAME, BINARY k.CONSTRAINT_NAME, k.ORDINAL_POSITION
"""
_COLUMNS = """
SELECT c.TABLE_NAME AS `name`, t.TABLE_TYPE AS `kind`, t.TABLE_COMMENT AS `table_comment`,
  c.COLUMN_NAME AS `column`, CAST(c.COLUMN_TYPE AS CHAR(65000)) AS `type`,
  c.IS_NULLABLE AS `nullable`, c.COLUMN_COMMENT AS `comment`, c.COLLATION_NAME AS `collation`,
  k.ORDINAL_POSITION AS `key_position`
FROM information_schema.COLUMNS c
JOIN information_schema.TABLES t
  ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME
  AND BINARY t.TABLE_NAME = BINARY c.TABLE_NAME
LEFT JOIN information_schema.KEY_COLUMN_USAGE k
  ON k.TABLE_SCHEMA = c.TABLE_SCHEMA AND k.TABLE_NAME = c.TABLE_NAME
  AND BINARY k.TABLE_NAME = BINARY c.TABLE_NAME
  AND BINARY k.COLUMN_NAME = BINARY c.COLUMN_NAME AND k.CONSTRAINT_NAME = 'PRIMARY'
WHERE c.TABLE_SCHEMA = DATABASE() AND {condition}
ORDER BY c.TABLE_NAME, c.ORDINAL_POSITION
"""
