"""Tables of the store: how views are, and every change of that."""

from __future__ import annotations

TABLES = (
    """
    CREATE TABLE view_health (
        dataset TEXT PRIMARY KEY,
        level TEXT NOT NULL,
        reason TEXT NOT NULL,
        since DOUBLE PRECISION NOT NULL
    )
    """,
    """
    CREATE TABLE view_health_events (
        seq {identity},
        at DOUBLE PRECISION NOT NULL,
        dataset TEXT NOT NULL,
        level TEXT NOT NULL,
        before TEXT NOT NULL,
        reason TEXT NOT NULL
    )
    """,
    "CREATE INDEX view_health_events_of ON view_health_events (dataset, seq)",
)
"""`since` and `at` are seconds since 1970. A reason names everything: it is for those who may."""
