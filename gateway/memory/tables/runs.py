"""Runs: every decision on a request and how it ended, and what it read of each dataset.

`log` and `seq` name the decision's record: `log` is the number in `journal`.
"""

from __future__ import annotations

TABLES: tuple[str, ...] = (
    # `ended` and `outcome` are "" while it runs; times are UTC, ISO 8601 with microseconds.
    # `roles` is a JSON list, `cache` what the answer was kept in ("": nothing, it was computed).
    """CREATE TABLE run (
        log BIGINT NOT NULL,
        seq BIGINT NOT NULL,
        id TEXT NOT NULL,
        time TEXT NOT NULL,
        ended TEXT NOT NULL,
        principal TEXT NOT NULL,
        roles TEXT NOT NULL,
        team TEXT NOT NULL,
        region TEXT NOT NULL,
        purpose TEXT NOT NULL,
        door TEXT NOT NULL,
        action TEXT NOT NULL,
        verdict TEXT NOT NULL,
        code TEXT NOT NULL,
        outcome TEXT NOT NULL,
        rows BIGINT NOT NULL,
        bytes BIGINT NOT NULL,
        microseconds BIGINT NOT NULL,
        cache TEXT NOT NULL,
        policy_version TEXT NOT NULL,
        shape TEXT NOT NULL,
        statement TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        PRIMARY KEY (log, seq)
    )""",
    "CREATE INDEX run_time ON run (time)",
    "CREATE INDEX run_id ON run (id)",
    "CREATE INDEX run_open ON run (log, seq) WHERE ended = '' AND verdict = 'allowed'",
    # What was read of a dataset, and under which obligations: kept once for all runs that did the
    # same. `body` is the JSON of the record's entry, without the version.
    """CREATE TABLE reading (
        id TEXT PRIMARY KEY,
        address TEXT NOT NULL,
        product TEXT NOT NULL,
        body TEXT NOT NULL
    )""",
    "CREATE INDEX reading_address ON reading (address)",
    # `mask` is its id, "" for a column as it is.
    """CREATE TABLE reading_column (
        reading TEXT NOT NULL,
        name TEXT NOT NULL,
        mask TEXT NOT NULL,
        PRIMARY KEY (reading, name)
    )""",
    # `version` is what its source called the state that was read, or "".
    """CREATE TABLE run_dataset (
        log BIGINT NOT NULL,
        seq BIGINT NOT NULL,
        number BIGINT NOT NULL,
        reading TEXT NOT NULL,
        version TEXT NOT NULL,
        PRIMARY KEY (log, seq, number)
    )""",
)
