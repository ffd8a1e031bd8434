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

_POSTGRESQL_DRIVERS: dict[Cell, str] = {}
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
