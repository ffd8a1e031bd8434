"""How each SQL source of the suite is filled, opened and watched."""

from __future__ import annotations

import datetime as dt
import math
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from connectors import open_connector
from connectors.interface import Binding
from tests import services
from tests.conformance.canonical import canonical
from tests.gateways import in_memory
from tests.peers import peer

ODD_NAMES = ("Mixed Case", "sélect", "a.b", 'quo"te', "select", "per%cent", "it's")
"""Tables with one column of the same name, beside the canonical one."""

Write = Callable[[object], str]


@dataclass(frozen=True, slots=True)
class Source:
    """A filled source: its connector, the rows it holds, and how to look at it from outside."""

    name: str
    connector: Any
    rows: pa.Table
    slow: str
    running: Callable[[], int] | None = None
    binding: Binding = field(default_factory=lambda: Binding("", "", ""))


TYPES: Mapping[str, Mapping[pa.DataType, str]] = {
    "postgres": {
        pa.int32(): "integer",
        pa.int64(): "bigint",
        pa.float64(): "double precision",
        pa.string(): "text",
        pa.date32(): "date",
        pa.timestamp("us"): "timestamp",
        pa.timestamp("us", "UTC"): "timestamptz",
        pa.time64("us"): "time",
        pa.bool_(): "boolean",
        pa.binary(): "bytea",
    },
    "mariadb": {
        pa.int32(): "int",
        pa.int64(): "bigint",
        pa.float64(): "double",
        pa.string(): "varchar(40)",
        pa.date32(): "date",
        pa.timestamp("us"): "datetime(6)",
        pa.timestamp("us", "UTC"): "timestamp(6)",
        pa.bool_(): "bit(1)",
        pa.binary(): "varbinary(20)",
        pa.uint32(): "int unsigned",
    },
    "sqlite": {
        pa.int32(): "int",
        pa.int64(): "bigint",
        pa.float64(): "double",
        pa.string(): "text",
        pa.date32(): "date",
        pa.timestamp("us"): "timestamp",
        pa.bool_(): "boolean",
        pa.binary(): "blob",
    },
    "duckdb": {
        pa.int32(): "integer",
        pa.int64(): "bigint",
        pa.float64(): "double",
        pa.string(): "varchar",
        pa.date32(): "date",
        pa.timestamp("us"): "timestamp",
        pa.timestamp("us", "UTC"): "timestamptz",
        pa.time64("us"): "time",
        pa.bool_(): "boolean",
        pa.binary(): "blob",
        pa.uint32(): "uinteger",
    },
    "flightsql": dict.fromkeys(
        (
            *(pa.int32(), pa.int64(), pa.float64(), pa.string(), pa.date32(), pa.timestamp("us")),
            *(pa.timestamp("us", "UTC"), pa.time64("us"), pa.bool_(), pa.binary(), pa.uint32()),
        ),
        "its own",
    ),
}
"""Arrow type -> how the source declares it. A type that is missing is not in that source."""

SQL_SOURCES = tuple(TYPES)
DATABASES = tuple(name for name in SQL_SOURCES if name != "flightsql")
"""Those that are asked for all they can do; another gateway is asked for less."""


def holdings(name: str) -> pa.Table:
    """The canonical rows as the source can hold them."""
    table = canonical()
    names = [f.name for f in table.schema if f.type in TYPES[name] or pa.types.is_decimal(f.type)]
    table = table.select(names)
    if name == "sqlite":
        integers = [f for f in table.schema if pa.types.is_integer(f.type)]
        for f in integers:
            index = table.schema.get_field_index(f.name)
            wide = pa.field(f.name, pa.int64(), f.nullable)
            table = table.set_column(index, wide, table.column(f.name).cast(pa.int64()))
    if name in {"sqlite", "mariadb"}:
        for f in (f for f in table.schema if pa.types.is_floating(f.type)):
            values = [_finite(v) for v in table.column(f.name).to_pylist()]
            index = table.schema.get_field_index(f.name)
            table = table.set_column(index, f, pa.array(values, f.type))
    return table


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def statements(name: str, table: str, rows: pa.Table, write: Write, quote: str) -> Iterator[str]:
    """CREATE TABLE and INSERTs for the rows."""
    columns = ", ".join(
        f"{quote}{f.name}{quote} {_declared(name, f.type)}{'' if f.nullable else ' NOT NULL'}"
        for f in rows.schema
    )
    key = f", PRIMARY KEY ({quote}id{quote})" if "id" in rows.schema.names else ""
    yield f"CREATE TABLE {quote}{table}{quote} ({columns}{key})"
    for batch in rows.to_batches(max_chunksize=50):
        values = zip(*(_written(batch, i, write) for i in range(batch.num_columns)), strict=True)
        tuples = ", ".join(f"({', '.join(v)})" for v in values)
        yield f"INSERT INTO {quote}{table}{quote} VALUES {tuples}"


def odd_tables(quote: str) -> Iterator[str]:
    """The tables of ODD_NAMES, each with a row that holds 1."""
    for name in ODD_NAMES:
        written = f"{quote}{name.replace(quote, quote * 2)}{quote}"
        yield f"CREATE TABLE {written} ({written} int)"
        yield f"INSERT INTO {written} VALUES (1)"


def _written(batch: pa.RecordBatch, index: int, write: Write) -> list[str]:
    return [write(value) for value in batch.column(index).to_pylist()]


def _declared(name: str, data_type: pa.DataType) -> str:
    if pa.types.is_decimal(data_type):
        return f"decimal({data_type.precision},{data_type.scale})"
    return TYPES[name][data_type]


def write_common(value: object) -> str:
    """A literal in standard SQL."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return f"CAST('{value!r}' AS DOUBLE PRECISION)"
    if isinstance(value, int | Decimal):
        return str(value)
    if isinstance(value, bytes):
        return f"'\\x{value.hex()}'"
    if isinstance(value, dt.datetime):
        return f"'{value.isoformat(sep=' ')}'"
    if isinstance(value, dt.date | dt.time):
        return f"'{value.isoformat()}'"
    return "'" + str(value).replace("'", "''") + "'"


def write_mariadb(value: object) -> str:
    """A literal for MariaDB."""
    if isinstance(value, bool):
        return f"b'{int(value)}'"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if isinstance(value, dt.datetime) and value.tzinfo:
        return f"'{value.replace(tzinfo=None).isoformat(sep=' ')}'"
    if isinstance(value, str):
        return write_common(value.replace("\\", "\\\\"))
    return write_common(value)


def write_sqlite(value: object) -> str:
    """A literal for SQLite."""
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    return write_common(value)


def write_duckdb(value: object) -> str:
    """A literal for DuckDB."""
    if isinstance(value, bytes):
        return "'" + "".join(f"\\x{byte:02x}" for byte in value) + "'::blob"
    return write_common(value)


@contextmanager
def open_postgres(folder: Path) -> Iterator[Source]:
    """A database of the real server."""
    server, rows = services.postgres(), holdings("postgres")
    with server.database() as uri:
        database = uri.rpartition("/")[2].partition("?")[0]

        texts = statements("postgres", "canonical", rows, write_common, '"')
        server.execute(*texts, *odd_tables('"'), database=database)
        binding = Binding("postgres", uri, "canonical")
        connector = open_connector(binding)
        yield Source(
            "postgres",
            connector,
            rows,
            "SELECT CAST(count(*) AS bigint) FROM generate_series(1, 100000) a, "
            "generate_series(1, 100000) b WHERE (a * 7 + b) % 11 = 3",
            lambda: _count(
                server.rows(
                    "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' "
                    f"AND datname = '{database}' AND application_name = 'meshgate'"
                )[0][0]
            ),
            binding,
        )
        connector.close()


@contextmanager
def open_mariadb(folder: Path) -> Iterator[Source]:
    """A database of the real server."""
    server, rows = services.mariadb(), holdings("mariadb")
    with server.database() as database:
        texts = statements("mariadb", "canonical", rows, write_mariadb, "`")
        utc = "SET time_zone = '+00:00'"
        server.execute(utc, *texts, *odd_tables("`"), database=database)
        binding = Binding("mariadb", server.uri(database), "canonical")
        connector = open_connector(binding)
        yield Source(
            "mariadb",
            connector,
            rows,
            "SELECT COUNT(*) FROM seq_1_to_100000 a, seq_1_to_100000 b "
            "WHERE (a.seq * 7 + b.seq) % 11 = 3",
            lambda: len(
                server.rows(
                    "SELECT id FROM information_schema.processlist "
                    f"WHERE db = '{database}' AND info LIKE '%seq_1_to_100000%'"
                )
            ),
            binding,
        )
        connector.close()


@contextmanager
def open_sqlite(folder: Path) -> Iterator[Source]:
    """A database file."""
    path, rows = folder / "canonical.sqlite", holdings("sqlite")

    with closing(sqlite3.connect(path)) as connection, connection:
        for text in (*statements("sqlite", "canonical", rows, write_sqlite, '"'), *odd_tables('"')):
            connection.execute(text)
    binding = Binding("sqlite", str(path), "canonical")
    connector = open_connector(binding)
    slow = (
        "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 1000000000) "
        "SELECT COUNT(*) FROM r"
    )
    yield Source("sqlite", connector, rows, slow, binding=binding)
    connector.close()


@contextmanager
def open_duckdb(folder: Path) -> Iterator[Source]:
    """A database file."""
    path, rows = folder / "canonical.duckdb", holdings("duckdb")
    with duckdb.connect(str(path)) as connection:
        for text in (*statements("duckdb", "canonical", rows, write_duckdb, '"'), *odd_tables('"')):
            connection.execute(text)
    binding = Binding("duckdb", str(path), "canonical")
    connector = open_connector(binding)
    slow = (
        "SELECT count(*) FROM range(1000000) a, range(1000000) b "
        "WHERE (a.range * 7 + b.range) % 11 = 3"
    )
    yield Source("duckdb", connector, rows, slow, binding=binding)
    connector.close()


@contextmanager
def open_flightsql(folder: Path) -> Iterator[Source]:
    """Another gateway over tables in memory."""
    rows = holdings("flightsql")
    tables = {f"odd{i}": pa.table({name: [1]}) for i, name in enumerate(ODD_NAMES)}
    with peer(folder, in_memory({"canonical": rows, **tables}, "peer")) as served:
        binding = Binding("flightsql", served.uri, "canonical")
        connector = open_connector(binding)
        connector.schema("canonical")  # it learns what the server is
        slow = (
            "SELECT count(*) FROM canonical a, canonical b, canonical c, canonical d, canonical e "
            "WHERE (a.id * 7 + b.id + c.id + d.id + e.id) % 11 = 3"
        )
        yield Source("flightsql", connector, rows, slow, binding=binding)
        connector.close()


def _count(value: object) -> int:
    assert isinstance(value, int)
    return value


OPENERS: Mapping[str, Callable[[Path], Any]] = {
    "postgres": open_postgres,
    "mariadb": open_mariadb,
    "sqlite": open_sqlite,
    "duckdb": open_duckdb,
    "flightsql": open_flightsql,
}
