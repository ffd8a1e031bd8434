"""PostgreSQL itself, asked through ADBC."""

from __future__ import annotations

import adbc_driver_postgresql.dbapi as postgres
import pyarrow as pa

from bench.peers.worker import Ask, Places, serve


def connect(places: Places) -> Ask:
    """One connection, as a client of PostgreSQL has it."""
    connection = postgres.connect(places["postgres"], autocommit=True)

    def ask(sql: str) -> pa.Table:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetch_arrow_table()

    return ask


if __name__ == "__main__":
    serve(connect)
