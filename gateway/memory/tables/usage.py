"""Usage: sums of runs by the hour in which they began (``2026-01-31T12``, UTC).

`runs` counts those that ended, `failed` those of them that did not complete, `denied` requests that
were refused. `rows`, `bytes` and `microseconds` are of answers; `slowest` is the longest run's.
"""

from __future__ import annotations

_SUMS = """
        runs BIGINT NOT NULL,
        failed BIGINT NOT NULL,
        denied BIGINT NOT NULL,
        cached BIGINT NOT NULL,
        rows BIGINT NOT NULL,
        bytes BIGINT NOT NULL,
        microseconds BIGINT NOT NULL,
        slowest BIGINT NOT NULL"""

TABLES: tuple[str, ...] = (
    f"""CREATE TABLE usage_run (
        hour TEXT NOT NULL,
        team TEXT NOT NULL,
        principal TEXT NOT NULL,
        purpose TEXT NOT NULL,{_SUMS},
        PRIMARY KEY (hour, team, principal, purpose)
    )""",
    # An answer made of several datasets is counted for each of them.
    f"""CREATE TABLE usage_dataset (
        hour TEXT NOT NULL,
        team TEXT NOT NULL,
        principal TEXT NOT NULL,
        purpose TEXT NOT NULL,
        reading TEXT NOT NULL,{_SUMS},
        PRIMARY KEY (hour, team, principal, purpose, reading)
    )""",
)
