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
_SHELL_ODBC_DBT |= _cells(
    "dbt",
    "what its connection can: see psycopg2",
    (
        *("all types", "cancel", "error with position", "one million rows", "purpose"),
        *("schema before rows", "session options", "timeout", "TLS", "token", "transactions"),
    ),
)
_SHELL_ODBC_DBT |= _cells("psql", "psql 15 binds no values", ["arrays of parameters"])
_SHELL_ODBC_DBT |= _cells(
    "psqlodbc 13.02", "pyodbc and isql ask for columns of what has run", ["schema before rows"]
)
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

_NOT_OF_SQLALCHEMY = "SQLAlchemy has no such call"
_BELOW_SQLALCHEMY = ("partitions", "schema before rows", "Substrait plans")

_CONNECTIONS = ("cancel", "session options", "timeout", "TLS", "token", "transactions")
_NOT_OF_FRAMES = ("catalogue", "partitions", "schema before rows", "Substrait plans")

_FLIGHT: dict[Cell, str] = {
    **_cells("JDBC 18.3.0", "JDBC has no such call", ["partitions", "Substrait plans"]),
    **_cells("SQLAlchemy 1.4.54", _NOT_OF_SQLALCHEMY, _BELOW_SQLALCHEMY),
    **_cells("SQLAlchemy 2.1.9", _NOT_OF_SQLALCHEMY, _BELOW_SQLALCHEMY),
    **_cells("Superset 6.1.0", _NOT_OF_SQLALCHEMY, _BELOW_SQLALCHEMY),
    **_cells("Superset 6.1.0", "Superset has no transactions", ["transactions"]),
    **_cells(
        "Superset 6.1.0",
        "Superset writes values into the text",
        ["arrays of parameters", "prepared parameters"],
    ),
    **_cells("pandas 2.1.4", _OF_ITS_CONNECTION, _CONNECTIONS),
    **_cells("pandas 2.1.4", "pandas has no such call", _NOT_OF_FRAMES),
    **_cells("pandas 3.1.1", _OF_ITS_CONNECTION, _CONNECTIONS),
    **_cells("pandas 3.1.1", "pandas has no such call", _NOT_OF_FRAMES),
    **_cells("polars 2.1.0", _OF_ITS_CONNECTION, _CONNECTIONS),
    **_cells("polars 2.1.0", "polars has no such call", _NOT_OF_FRAMES),
    **_cells("DuckDB 2.0.1", _OF_ITS_CONNECTION, (*_CONNECTIONS, *_NOT_OF_FRAMES, "writing")),
    **_cells("ibis-substrait 4.0.1", _OF_ITS_CONNECTION, (*_CONNECTIONS, "user and password")),
    **_cells("ibis-substrait 4.0.1", "its plans have no parameters", ["arrays of parameters"]),
    **_cells("ibis-substrait 4.0.1", "it is told what tables there are", ["catalogue"]),
    **_cells("ibis-substrait 4.0.1", "its plans only read", ["writing"]),
}
"""JDBC, SQLAlchemy, Superset, pandas, polars, DuckDB, ibis."""

REASONS = {**_SHELL_ODBC_DBT, **_POSTGRESQL_DRIVERS, **_FLIGHT}
