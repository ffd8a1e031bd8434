"""The journals: which audit logs there are and how far each has been taken over, and copies."""

from __future__ import annotations

TABLES: tuple[str, ...] = (
    # A log is known by the hash of its first record. All up to record `seq` is in the store.
    """CREATE TABLE journal (
        number {identity},
        log TEXT NOT NULL UNIQUE,
        seq BIGINT NOT NULL,
        hash TEXT NOT NULL
    )""",
    # Whole records, where the store is shared: a mesh's own store has the logs beside it.
    """CREATE TABLE audit_record (
        log BIGINT NOT NULL,
        seq BIGINT NOT NULL,
        body TEXT NOT NULL,
        hash TEXT NOT NULL,
        seal TEXT NOT NULL,
        PRIMARY KEY (log, seq)
    )""",
)
