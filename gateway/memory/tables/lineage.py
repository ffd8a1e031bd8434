"""Lineage: shapes and their edges, which runs had them, and the events of OpenLineage."""

from __future__ import annotations

TABLES: tuple[str, ...] = (
    # `body` is the text of gateway/lineage/written.py, `hash` its SHA-256.
    "CREATE TABLE lineage_shape (hash TEXT PRIMARY KEY, body TEXT NOT NULL)",
    # An input of a shape: into column `output` of the answer; of the answer as a whole for "".
    # `dataset` is the address with its version, `masking` and `policy` are 0 or 1.
    """CREATE TABLE lineage_edge (
        shape TEXT NOT NULL,
        output TEXT NOT NULL,
        dataset TEXT NOT NULL,
        field TEXT NOT NULL,
        subtype TEXT NOT NULL,
        masking BIGINT NOT NULL,
        policy BIGINT NOT NULL,
        PRIMARY KEY (shape, output, dataset, field, subtype, masking, policy)
    )""",
    "CREATE INDEX lineage_edge_dataset ON lineage_edge (dataset, field)",
    # The runs of a shape: how many, and the first and last of them by id and time.
    """CREATE TABLE lineage_use (
        shape TEXT PRIMARY KEY,
        runs BIGINT NOT NULL,
        first_run TEXT NOT NULL,
        first_time TEXT NOT NULL,
        last_run TEXT NOT NULL,
        last_time TEXT NOT NULL
    )""",
    # `kind` is START, COMPLETE, FAIL or ABORT; `log` and `decision` name the run.
    """CREATE TABLE lineage_event (
        seq {identity},
        log BIGINT NOT NULL,
        decision BIGINT NOT NULL,
        kind TEXT NOT NULL,
        time TEXT NOT NULL
    )""",
    # How far an endpoint has been told: all events up to `seq`, but for the refused. Whoever holds
    # the lease (`holder`, until `until`, in seconds since 1970) tells it.
    """CREATE TABLE export (
        endpoint TEXT PRIMARY KEY,
        seq BIGINT NOT NULL,
        holder TEXT NOT NULL,
        until DOUBLE PRECISION NOT NULL
    )""",
    # Events that are being told, as they are told: written down before they are sent for the first
    # time, so that they are the same when they are sent again.
    """CREATE TABLE outbox (
        endpoint TEXT NOT NULL,
        seq BIGINT NOT NULL,
        token TEXT NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (endpoint, seq)
    )""",
    # Events the endpoint refused for what is in them, and what it said.
    """CREATE TABLE outbox_refused (
        endpoint TEXT NOT NULL,
        seq BIGINT NOT NULL,
        token TEXT NOT NULL,
        body TEXT NOT NULL,
        status BIGINT NOT NULL,
        answer TEXT NOT NULL,
        time TEXT NOT NULL,
        PRIMARY KEY (endpoint, seq)
    )""",
)
