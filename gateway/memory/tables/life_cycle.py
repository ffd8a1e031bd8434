"""The tables of the life cycle: how datasets were last seen, and what has happened to them.

Times are microseconds since 1970 in UTC. `promised` holds the facts that a version had before it
was changed so that readers break, "" where it was not; `broken_at` is when that was found.
"""

TABLES = (
    """CREATE TABLE life_cycle_state (
        address TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        digest TEXT NOT NULL,
        state TEXT NOT NULL,
        promised TEXT NOT NULL,
        broken_at BIGINT,
        gone BIGINT NOT NULL
    )""",
    "CREATE INDEX life_cycle_state_name ON life_cycle_state (name)",
    "CREATE INDEX life_cycle_state_broken ON life_cycle_state (broken_at)",
    """CREATE TABLE life_cycle_event (
        seq {identity},
        at BIGINT NOT NULL,
        address TEXT NOT NULL,
        name TEXT NOT NULL,
        kind TEXT NOT NULL,
        detail TEXT NOT NULL
    )""",
    "CREATE INDEX life_cycle_event_name ON life_cycle_event (name, seq)",
    "CREATE TABLE life_cycle_seen (catalogue TEXT PRIMARY KEY)",
)
