"""The schema of the store, as numbered migrations: the same for SQLite and PostgreSQL.

Statements keep to what both engines understand: TEXT, BIGINT and DOUBLE PRECISION, ``?`` for a
parameter, ``ON CONFLICT``. `IDENTITY` stands for a column that numbers its rows.
"""

from __future__ import annotations

from gateway.memory.tables import (
    audit,
    catalogue,
    health,
    life_cycle,
    lineage,
    quality,
    runs,
    usage,
)

IDENTITY = "{identity}"
"""``seq {identity}`` is a primary key that counts upwards, and never gives a number twice."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        *audit.TABLES,
        *catalogue.TABLES,
        *runs.TABLES,
        *lineage.TABLES,
        *usage.TABLES,
        *life_cycle.TABLES,
        *quality.TABLES,
        *health.TABLES,
    ),
)
"""Migration n leads from version n to version n + 1. One that was released is never changed."""

VERSION = len(MIGRATIONS)
