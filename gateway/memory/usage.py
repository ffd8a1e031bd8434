"""Usage: who used what, how much of it and how long it took. Tables for whoever shows them.

Nothing here asks for rights: whoever shows a table leaves out the rows its reader may not see.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from gateway.memory.store import Row, Store

_TIME = pa.timestamp("us", "UTC")
_TEXTS = pa.list_(pa.string())
_MASKS = pa.list_(pa.struct([("column", pa.string()), ("mask", pa.string())]))

RUNS = pa.schema(
    [
        ("run", pa.string()),
        ("time", _TIME),
        ("ended", _TIME),
        ("principal", pa.string()),
        ("roles", _TEXTS),
        ("team", pa.string()),
        ("region", pa.string()),
        ("purpose", pa.string()),
        ("door", pa.string()),
        ("verdict", pa.string()),
        ("code", pa.string()),
        ("outcome", pa.string()),
        ("rows", pa.int64()),
        ("bytes", pa.int64()),
        ("seconds", pa.float64()),
        ("cache", pa.string()),
        ("policy_version", pa.string()),
        ("shape", pa.string()),
        ("statement", pa.string()),
        ("log", pa.int64()),
        ("seq", pa.int64()),
    ]
)
"""A row a decision; `ended` is NULL and `outcome` "" while it runs. `statement` has no literals."""

READINGS = pa.schema(
    [
        ("run", pa.string()),
        ("time", _TIME),
        ("principal", pa.string()),
        ("team", pa.string()),
        ("purpose", pa.string()),
        ("verdict", pa.string()),
        ("dataset", pa.string()),
        ("product", pa.string()),
        ("columns", _TEXTS),
        ("row_filters", _TEXTS),
        ("masks", _MASKS),
        ("rules", _TEXTS),
        ("version", pa.string()),
        ("log", pa.int64()),
        ("seq", pa.int64()),
    ]
)
"""A row for each dataset of a run: the address, what was read of it, and under which obligations.

Of a denied one `dataset` is the name as it was asked for, where it led nowhere.
"""

_SUMS = [
    ("runs", pa.int64()),
    ("failed", pa.int64()),
    ("denied", pa.int64()),
    ("cached", pa.int64()),
    ("rows", pa.int64()),
    ("bytes", pa.int64()),
    ("seconds", pa.float64()),
    ("slowest_seconds", pa.float64()),
]
_WHO = [
    ("hour", _TIME),
    ("team", pa.string()),
    ("principal", pa.string()),
    ("purpose", pa.string()),
]
_WHAT = [("product", pa.string()), ("dataset", pa.string())]

BY_CALLER = pa.schema([*_WHO, *_SUMS])
BY_DATASET = pa.schema([*_WHO, *_WHAT, *_SUMS])
BY_COLUMN = pa.schema([*_WHO, *_WHAT, ("column", pa.string()), ("mask", pa.string()), *_SUMS])
"""Sums over the runs that began in an hour. Whoever adds up over datasets or columns counts an
answer once for each of those it was made of."""

_SUM = """sum(runs), sum(failed), sum(denied), sum(cached), sum(rows), sum(bytes),
 sum(microseconds), max(slowest)"""


@dataclass(frozen=True, slots=True)
class Span:
    """The runs that began from `since` on, and before `until`; None: whenever."""

    since: datetime | None = None
    until: datetime | None = None

    def condition(self, column: str, form: str) -> tuple[str, tuple[str, ...]]:
        """A condition over texts written in a form of `strftime`, and its values."""
        bounds = ((">=", self.since), ("<", self.until))
        given = [(sign, time.astimezone(UTC)) for sign, time in bounds if time is not None]
        text = " AND ".join(f"{column} {sign} ?" for sign, _ in given)
        return text or "1 = 1", tuple(time.strftime(form) for _, time in given)


ALWAYS = Span()


def runs(store: Store, span: Span = ALWAYS, limit: int = 100_000) -> pa.Table:
    """The newest runs, at most `limit`, the newest first, as RUNS. MemoryUnavailable."""
    condition, values = span.condition("time", _MOMENTS)
    found = store.rows(
        "SELECT id, time, ended, principal, roles, team, region, purpose, door, verdict, code,"
        " outcome, rows, bytes, microseconds, cache, policy_version, shape, statement, log, seq"
        f" FROM run WHERE {condition} ORDER BY time DESC LIMIT {int(limit)}",
        values,
    )
    rows = [
        (*r[:1], _time(r[1]), _time(r[2]), r[3], json.loads(r[4]), *r[5:14], r[14] / 1e6, *r[15:])
        for r in found
    ]
    return _table(rows, RUNS)


def readings(store: Store, span: Span = ALWAYS, limit: int = 100_000) -> pa.Table:
    """What the newest runs read, as READINGS, the newest first. MemoryUnavailable."""
    condition, values = span.condition("run.time", _MOMENTS)
    found = store.rows(
        "SELECT run.id, run.time, run.principal, run.team, run.purpose, run.verdict,"
        " reading.address, reading.product, reading.body, used.version, run.log, run.seq"
        " FROM run JOIN run_dataset used ON used.log = run.log AND used.seq = run.seq"
        f" JOIN reading ON reading.id = used.reading WHERE {condition}"
        f" ORDER BY run.time DESC, used.number LIMIT {int(limit)}",
        values,
    )
    rows = []
    for run, time, principal, team, purpose, verdict, address, product, body, *rest in found:
        use = json.loads(body)
        masks = [{"column": column, "mask": mask} for column, mask in use["masks"]]
        read = (use["columns"], use["row_filters"], masks, use["rules"])
        who = (principal, team, purpose, verdict)
        rows.append((run, _time(time), *who, address, product, *read, *rest))
    return _table(rows, READINGS)


_WHO_KEYS = "hour, team, principal, purpose"
_READINGS = "usage_dataset used JOIN reading ON reading.id = used.reading"
_COLUMNS = f"{_READINGS} JOIN reading_column ON reading_column.reading = used.reading"


def by_caller(store: Store, span: Span = ALWAYS) -> pa.Table:
    """Sums by hour, team, principal and purpose, as BY_CALLER. MemoryUnavailable."""
    return _sums(store, span, _WHO_KEYS, "usage_run", BY_CALLER)


def by_dataset(store: Store, span: Span = ALWAYS) -> pa.Table:
    """The same by product and dataset as well, as BY_DATASET. MemoryUnavailable."""
    return _sums(store, span, f"{_WHO_KEYS}, product, address", _READINGS, BY_DATASET)


def by_column(store: Store, span: Span = ALWAYS) -> pa.Table:
    """The same by column as well, with the mask it was read under, as BY_COLUMN."""
    return _sums(store, span, f"{_WHO_KEYS}, product, address, name, mask", _COLUMNS, BY_COLUMN)


def _sums(store: Store, span: Span, keys: str, tables: str, schema: pa.Schema) -> pa.Table:
    condition, values = span.condition("hour", _HOURS)
    found = store.rows(
        f"SELECT {keys}, {_SUM} FROM {tables} WHERE {condition} GROUP BY {keys} ORDER BY {keys}",
        values,
    )
    return _table(map(_summed, found), schema)


_MOMENTS = "%Y-%m-%dT%H:%M:%S.%fZ"
_HOURS = "%Y-%m-%dT%H"


def _summed(row: Row) -> Row:
    hour, *rest, microseconds, slowest = row
    counts = [int(value) if not isinstance(value, str) else value for value in rest]
    return (_time(hour + ":00:00Z"), *counts, int(microseconds) / 1e6, slowest / 1e6)


def _time(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _table(rows: Iterable[Sequence[object]], schema: pa.Schema) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [pa.array(list(c), f.type) for c, f in zip(columns, schema, strict=True)]
    return pa.table(arrays, schema=schema)
