"""Quality: what checks of rules and promises have found, the latest of each, and who checks now.

`kind` is ``rule`` or ``promise``; times are seconds since 1970; `columns` is a list in JSON of the
columns a rule is about. A claim is a gateway's right to check a dataset until `held_until`.
"""

from __future__ import annotations

COLUMNS = """
        dataset TEXT NOT NULL,
        kind TEXT NOT NULL,
        rule TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        run TEXT NOT NULL,
        checked_at DOUBLE PRECISION NOT NULL,
        columns TEXT NOT NULL,
        metric TEXT NOT NULL,
        value DOUBLE PRECISION,
        threshold TEXT NOT NULL,
        verdict TEXT NOT NULL,
        reason TEXT NOT NULL,
        seconds DOUBLE PRECISION NOT NULL"""

TABLES: tuple[str, ...] = (
    f"CREATE TABLE quality_result (seq {{identity}},{COLUMNS})",
    "CREATE INDEX quality_result_of ON quality_result (dataset, seq)",
    "CREATE INDEX quality_result_at ON quality_result (checked_at)",
    f"CREATE TABLE quality_latest ({COLUMNS.lstrip()},\n        PRIMARY KEY (dataset, kind, rule))",
    """CREATE TABLE quality_claim (
        dataset TEXT NOT NULL PRIMARY KEY,
        owner TEXT NOT NULL,
        held_until DOUBLE PRECISION NOT NULL
    )""",
    """CREATE TABLE quality_probe (
        dataset TEXT NOT NULL,
        probed_at DOUBLE PRECISION NOT NULL,
        answered BIGINT NOT NULL
    )""",
    "CREATE INDEX quality_probe_of ON quality_probe (dataset, probed_at)",
)
