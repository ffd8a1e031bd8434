"""Tables with their SQL types, and loading them into real sources."""

from __future__ import annotations

import datetime as dt
import decimal
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import adbc_driver_postgresql.dbapi as postgres
import arrow_odbc
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

ODBC_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Column:
    """A column as SQL declares it; `type` is a type every source here understands."""

    name: str
    type: str
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """A table: columns, primary key (it may be empty), rows, and columns to be indexed.

    `rows_a_group` is how many rows a group of a Parquet file has.
    """

    name: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    rows: pa.Table
    indexes: tuple[tuple[str, ...], ...] = ()
    rows_a_group: int | None = None

    def create(self, quote: str = '"', types: Mapping[str, str] | None = None) -> str:
        """The CREATE TABLE statement; `types` renames types a source calls otherwise."""

        def quoted(name: str) -> str:
            return quote + name.replace(quote, quote * 2) + quote

        lines = []
        for column in self.columns:
            declared = (types or {}).get(column.type, column.type)
            null = "" if column.nullable else " NOT NULL"
            lines.append(f"{quoted(column.name)} {declared}{null}")
        if self.primary_key:
            lines.append(f"PRIMARY KEY ({', '.join(quoted(name) for name in self.primary_key)})")
        return f"CREATE TABLE {quoted(self.name)} ({', '.join(lines)})"

    def create_indexes(self) -> list[str]:
        """One CREATE INDEX statement an index; the names need no quotes."""
        return [f"CREATE INDEX ON {self.name} ({', '.join(names)})" for names in self.indexes]


def load_postgres(uri: str, tables: Iterable[Table]) -> None:
    """Create, fill and analyse the tables. They must not exist yet."""
    with postgres.connect(uri) as connection, connection.cursor() as cursor:
        for table in tables:
            cursor.execute(table.create())
            if table.rows.num_rows:
                cursor.adbc_ingest(table.name, table.rows, mode="append")
            for statement in table.create_indexes():
                cursor.execute(statement)
        connection.commit()
    with postgres.connect(uri, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def load_mariadb(connection_string: str, tables: Iterable[Table]) -> None:
    """Create, fill and analyse the tables through ODBC. They must not exist yet."""
    types = {"TIMESTAMP": "DATETIME(6)", "TEXT": "VARCHAR(2000)"}
    connection = arrow_odbc.connect(connection_string)
    for table in tables:
        connection.execute(f"{table.create('`', types)} CHARACTER SET utf8mb4")
        if table.rows.num_rows:
            reader = table.rows.to_reader(max_chunksize=ODBC_ROWS)
            connection.insert_into_table(reader, f"`{table.name}`", ODBC_ROWS)
        connection.execute(f"ANALYZE TABLE `{table.name}`")


def load_sqlite(path: Path, tables: Iterable[Table]) -> None:
    """Create and fill the tables: dates and times as ISO text, decimals as SQLite keeps them."""
    with closing(sqlite3.connect(path)) as connection:
        for table in tables:
            connection.execute(table.create())
            marks = ", ".join("?" * len(table.columns))
            connection.executemany(
                f'INSERT INTO "{table.name}" VALUES ({marks})', _sqlite_rows(table.rows)
            )
        connection.commit()
        connection.execute("ANALYZE")


def load_duckdb(path: Path, tables: Iterable[Table]) -> None:
    """Create and fill the tables in a database file."""
    with duckdb.connect(str(path)) as connection:
        for table in tables:
            connection.execute(table.create())
            connection.register("incoming", table.rows)
            connection.execute(f'INSERT INTO "{table.name}" SELECT * FROM incoming')
            connection.unregister("incoming")


def load_parquet(folder: Path, tables: Iterable[Table]) -> None:
    """Write one file a table."""
    folder.mkdir(parents=True, exist_ok=True)
    for table in tables:
        pq.write_table(
            table.rows, folder / f"{table.name}.parquet", row_group_size=table.rows_a_group
        )


def _sqlite_rows(rows: pa.Table) -> Iterable[Sequence[Any]]:
    columns = [[_sqlite_value(value) for value in column.to_pylist()] for column in rows.columns]
    return zip(*columns, strict=True)


def _sqlite_value(value: object) -> object:
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, dt.date):
        return value.isoformat()
    return value
