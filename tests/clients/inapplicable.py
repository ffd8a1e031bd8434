"""Cells of the table client x feature for which there is nothing to measure, and why."""

from __future__ import annotations

from collections.abc import Iterable

Cell = tuple[str, str]

NOTHING = "n/a"
"""What such a cell says."""

_BY_POSTGRESQL = "PostgreSQL's protocol has no such thing"
_OF_ITS_CONNECTION = "what its connection can: see ADBC"


def _cells(client: str, reason: str, features: Iterable[str]) -> dict[Cell, str]:
    return {(client, feature): reason for feature in features}


_SHELL_ODBC_DBT = {
    cell: _BY_POSTGRESQL
    for client in ("psql", "psqlodbc 13.02", "psycopg 3", "dbt")
    for cell in _cells(client, _BY_POSTGRESQL, ("partitions", "Substrait plans"))
} | _cells(
    "dbt",
    "it sends finished texts, and binds values only to write seeds",
    ("prepared parameters", "arrays of parameters"),
)
"""psql, psqlodbc, psycopg 3, dbt."""

_POSTGRESQL_DRIVERS: dict[Cell, str] = {}
"""psycopg2, pg8000, node-postgres, pgjdbc, and SQLAlchemy over them."""

_FLIGHT: dict[Cell, str] = {}
"""JDBC, SQLAlchemy, Superset, pandas, polars, DuckDB, ibis."""

REASONS = {**_SHELL_ODBC_DBT, **_POSTGRESQL_DRIVERS, **_FLIGHT}
