"""Views in PostgreSQL that give CHAR columns as text, without the blanks that fill them up."""

from __future__ import annotations

import adbc_driver_postgresql.dbapi as postgres

from bench.federation import Places

SCHEMA = "unpadded"
COLUMNS = """
SELECT table_name, string_agg(
    quote_ident(column_name) || CASE data_type WHEN 'character' THEN '::text AS '
        || quote_ident(column_name) ELSE '' END, ', ' ORDER BY ordinal_position)
FROM information_schema.columns WHERE table_schema = 'public' GROUP BY table_name
"""


def prepared(places: Places) -> Places:
    """Make the views for whatever tables there are."""
    if not places.held_by("postgres"):
        return places
    with (
        postgres.connect(places.postgres, autocommit=True) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(COLUMNS)
        views = cursor.fetchall()
        cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        for table, columns in views:
            view = f"{SCHEMA}.{table}"
            cursor.execute(f"CREATE OR REPLACE VIEW {view} AS SELECT {columns} FROM public.{table}")
    return places
