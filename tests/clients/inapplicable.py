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


_SHELL_ODBC_DBT: dict[Cell, str] = {}
"""psql, psqlodbc, psycopg 3, dbt."""

_PG8000, _NODE, _PGJDBC = "pg8000 1.31.6", "node-postgres 8.23.1", "pgjdbc 42.7.8"
_PSYCOPG2 = "psycopg2 2.9.13"
_OVER_PG8000 = "SQLAlchemy 2.1.9, postgresql+pg8000"
_OVER_PSYCOPG2 = "SQLAlchemy 2.1.9, postgresql+psycopg2"
_OVER_OTHERS = ("SQLAlchemy 2.1.9, postgresql+psycopg", "SQLAlchemy 2.1.9, postgresql+asyncpg")
_NEVER_ASKS = "it learns the columns of a query by running it"

_POSTGRESQL_DRIVERS: dict[Cell, str] = {
    cell: why
    for client in (_PSYCOPG2, _PG8000, _NODE, _PGJDBC, _OVER_PG8000, _OVER_PSYCOPG2, *_OVER_OTHERS)
    for cell, why in _cells(client, _BY_POSTGRESQL, ("Substrait plans", "partitions")).items()
}
_POSTGRESQL_DRIVERS |= {
    **_cells(_PSYCOPG2, _NEVER_ASKS, ["schema before rows"]),
    **_cells(_NODE, _NEVER_ASKS, ["schema before rows"]),
    **_cells(_OVER_PSYCOPG2, _NEVER_ASKS, ["schema before rows"]),
    **_cells(_PG8000, "it never sends a request to cancel", ["cancel"]),
    **_cells(_OVER_PG8000, "pg8000 never sends a request to cancel", ["cancel"]),
    **_cells(_OVER_PG8000, "pg8000 reads whole answers: see there", ["one million rows"]),
}
"""psycopg2, pg8000, node-postgres, pgjdbc, and SQLAlchemy over them."""

_FLIGHT: dict[Cell, str] = {}
"""JDBC, SQLAlchemy, Superset, pandas, polars, DuckDB, ibis."""

REASONS = {**_SHELL_ODBC_DBT, **_POSTGRESQL_DRIVERS, **_FLIGHT}
