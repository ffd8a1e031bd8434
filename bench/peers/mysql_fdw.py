"""PostgreSQL as the federating engine: MariaDB's tables as foreign tables of mysql_fdw.

It reads no Parquet: lineitem lives in PostgreSQL for this peer, which spares it most of the work
that the others have.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, urlsplit

import adbc_driver_postgresql.dbapi as postgres

from bench.federation import Places

PACKAGE = "postgresql-15-mysql-fdw"
LIBRARY = Path("/usr/lib/postgresql/15/lib/mysql_fdw.so")
FETCHED_ROWS = 10_000


def prepared(places: Places) -> Places:
    """Foreign tables in a schema of their own, which the returned uri searches first."""
    maria = urlsplit(places.mariadb)
    name = f"mariadb_{maria.port}"
    options = f"host '{maria.hostname}', port '{maria.port}', fetch_size '{FETCHED_ROWS}'"
    user = f"username '{maria.username}', password '{maria.password}'"
    database, tables = maria.path.strip("/"), ", ".join(places.held_by("mariadb"))
    with (
        postgres.connect(places.postgres, autocommit=True) as connection,
        connection.cursor() as cursor,
    ):
        for statement in (
            "CREATE EXTENSION IF NOT EXISTS mysql_fdw",
            f"DROP SCHEMA IF EXISTS {name} CASCADE",
            f"DROP SERVER IF EXISTS {name} CASCADE",
            f"CREATE SCHEMA {name}",
            f"CREATE SERVER {name} FOREIGN DATA WRAPPER mysql_fdw OPTIONS ({options})",
            f"CREATE USER MAPPING FOR PUBLIC SERVER {name} OPTIONS ({user})",
            f'IMPORT FOREIGN SCHEMA "{database}" LIMIT TO ({tables})'
            f" FROM SERVER {name} INTO {name}",
        ):
            cursor.execute(statement)
    search = quote(f"-csearch_path={name},public", safe="")
    return replace(places, postgres=f"{places.postgres}?options={search}")
