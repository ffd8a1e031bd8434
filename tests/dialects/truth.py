"""The engines whose dialects are spoken, asked themselves."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal

import pyarrow as pa

from tests import services
from tests.dialects.recording import recorded
from tests.dialects.rows import TABLES

Rows = list[tuple[object, ...]]
Ask = Callable[[str], Rows]

_MYSQL = {
    "int64": "BIGINT",
    "int32": "INT",
    "double": "DOUBLE",
    "date32[day]": "DATE",
    "string": "VARCHAR(99)",
}
_POSTGRES = {"int64": "BIGINT", "int32": "INT", "double": "DOUBLE PRECISION", "date32[day]": "DATE",
             "string": "TEXT"}  # fmt: skip


def fill_mysql(server: services.MariaDb, database: str) -> None:
    """Make the tables in a MariaDB: texts are compared letter by letter, as in the mesh."""
    statements = [
        f"{statement} COLLATE utf8mb4_nopad_bin" if statement.startswith("CREATE") else statement
        for statement in _tables(_MYSQL, "DATETIME(6)", "`", "\\\\")
    ]
    server.execute(*statements, database=database)


def fill_postgres(uri: str) -> None:
    """Make the tables in a PostgreSQL."""
    import adbc_driver_postgresql.dbapi as adbc

    with adbc.connect(uri, autocommit=True) as connection, connection.cursor() as cursor:
        for statement in _tables(_POSTGRES, "TIMESTAMP", '"', "\\"):
            cursor.execute(statement)


def fill_duckdb(path: str) -> None:
    """Make the tables in a DuckDB."""
    import duckdb

    with duckdb.connect(path) as connection:
        for name, table in TABLES.items():
            connection.register(f"given_{name}", table)
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM given_{name}")


@contextmanager
def mysql() -> Iterator[Ask]:
    """MariaDB."""
    import arrow_odbc

    server = services.mariadb()
    with server.database() as name:
        fill_mysql(server, name)
        connection = arrow_odbc.connect(server.odbc(name))
        connection.execute("SET collation_connection = utf8mb4_nopad_bin")
        connection.execute("SET time_zone = '+00:00'")

        def ask(query: str) -> Rows:
            reader = connection.read_arrow_batches(query, max_text_size=4096)
            return [row for batch in reader for row in rows_of(pa.Table.from_batches([batch]))]

        yield ask


@contextmanager
def postgres() -> Iterator[Ask]:
    """PostgreSQL."""
    import adbc_driver_postgresql.dbapi as adbc

    with services.postgres().database() as uri, adbc.connect(uri, autocommit=True) as connection:
        fill_postgres(uri)

        def ask(query: str) -> Rows:
            with connection.cursor() as cursor:
                cursor.execute("SET TIME ZONE 'UTC'")
                cursor.execute(query)
                return list(cursor.fetchall())

        yield ask


@contextmanager
def duckdb() -> Iterator[Ask]:
    """DuckDB."""
    import duckdb

    with duckdb.connect() as connection:
        for name, table in TABLES.items():
            connection.register(f"given_{name}", table)
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM given_{name}")
        yield lambda query: list(connection.execute(query).fetchall())


@contextmanager
def spark() -> Iterator[Ask]:
    """Spark: what it has answered."""
    yield recorded("spark").ask


@contextmanager
def trino() -> Iterator[Ask]:
    """Trino: what it has answered."""
    yield recorded("trino").ask


_NUMBER = re.compile(r"-?\d+(\.\d+)?\Z")
ENGINES = {
    "mysql": mysql,
    "postgres": postgres,
    "duckdb": duckdb,
    "spark": spark,
    "trino": trino,
}


def _tables(types: dict[str, str], time: str, quote: str, backslash: str) -> Iterator[str]:
    for name, table in TABLES.items():
        columns = []
        for field in table.schema:
            kind = types.get(str(field.type))
            if kind is None:
                kind = time if pa.types.is_timestamp(field.type) else "DECIMAL(10, 2)"
            columns.append(f"{quote}{field.name}{quote} {kind}")
        yield f"CREATE TABLE {name} ({', '.join(columns)})"
        for row in table.to_pylist():
            values = ", ".join(_literal(value, backslash) for value in row.values())
            yield f"INSERT INTO {name} VALUES ({values})"


def _literal(value: object, backslash: str) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, (int, float, Decimal)):
        return str(value)
    return "'" + str(value).replace("\\", backslash).replace("'", "''") + "'"


def rows_of(table: pa.Table) -> list[tuple[object, ...]]:
    return [tuple(row) for row in zip(*(c.to_pylist() for c in table.columns), strict=True)]


def same(
    ours: Sequence[tuple[object, ...]], theirs: Sequence[tuple[object, ...]], *, ordered: bool
) -> bool:
    """Whether two answers are the same rows: numbers by value, all else exactly."""
    left, right = ([tuple(map(_plain, row)) for row in rows] for rows in (ours, theirs))
    if not ordered:
        left, right = sorted(left, key=_sortable), sorted(right, key=_sortable)
    return len(left) == len(right) and all(
        len(a) == len(b) and all(_alike(x, y) for x, y in zip(a, b, strict=True))
        for a, b in zip(left, right, strict=True)
    )


def _plain(value: object) -> object:
    if isinstance(value, datetime.datetime):
        return value.replace(tzinfo=None)
    return int(value) if isinstance(value, bool) else value


def _sortable(row: tuple[object, ...]) -> tuple[tuple[str, str], ...]:
    return tuple(
        ("number", f"{float(v):030.6f}") if isinstance(v, (int, float, Decimal)) else
        ("number", f"{float(v):030.6f}") if isinstance(v, str) and _NUMBER.match(v) else
        (type(v).__name__, str(v))
        for v in row
    )  # fmt: skip


def _alike(ours: object, theirs: object) -> bool:
    numbers = (int, float, Decimal)
    if isinstance(ours, numbers) and isinstance(theirs, numbers):
        if isinstance(ours, float) or isinstance(theirs, float):
            both_nan = math.isnan(ours) and math.isnan(theirs)
            return both_nan or math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-12)
        return Decimal(ours) == Decimal(theirs)
    if isinstance(ours, numbers) and isinstance(theirs, str):  # how drivers give large numbers
        return math.isclose(float(ours), float(theirs), rel_tol=1e-15, abs_tol=1e-15)
    return type(ours) is type(theirs) and ours == theirs
