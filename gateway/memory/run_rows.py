"""What records of a journal become in the store: rows of runs, what they read, events and sums."""

from __future__ import annotations

import hashlib
import json
import marshal
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from gateway.audit.record import ABANDONED, ALLOWED, DECISION, DENIED, canonical
from gateway.memory.store import Insertion
from gateway.model import SCHEME

Body = Mapping[str, Any]
"""A record's body."""

_TEXT, _WHOLE = "TEXT", "BIGINT"

OUTCOME_COLUMNS = ("ended", "outcome", "rows", "bytes", "microseconds", "cache")

RUNS = Insertion(
    "run",
    {
        **dict.fromkeys(("log", "seq"), _WHOLE),
        **dict.fromkeys(("id", "time", "ended", "principal", "roles", "team", "region"), _TEXT),
        **dict.fromkeys(("purpose", "door", "action", "verdict", "code", "outcome"), _TEXT),
        **dict.fromkeys(("rows", "bytes", "microseconds"), _WHOLE),
        **dict.fromkeys(("cache", "policy_version", "shape", "statement", "fingerprint"), _TEXT),
    },
    "ON CONFLICT (log, seq) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in OUTCOME_COLUMNS),
)
RUN_DATASETS = Insertion(
    "run_dataset",
    {**dict.fromkeys(("log", "seq", "number"), _WHOLE), "reading": _TEXT, "version": _TEXT},
)
READINGS = Insertion(
    "reading",
    dict.fromkeys(("id", "address", "product", "body"), _TEXT),
    "ON CONFLICT DO NOTHING",
)
READING_COLUMNS = Insertion(
    "reading_column", dict.fromkeys(("reading", "name", "mask"), _TEXT), "ON CONFLICT DO NOTHING"
)
EVENTS = Insertion(
    "lineage_event",
    {"log": _WHOLE, "decision": _WHOLE, "kind": _TEXT, "time": _TEXT},
)
SHAPE_USES = Insertion(
    "lineage_use",
    {
        "shape": _TEXT,
        "runs": _WHOLE,
        **dict.fromkeys(("first_run", "first_time", "last_run", "last_time"), _TEXT),
    },
    "ON CONFLICT (shape) DO UPDATE SET runs = lineage_use.runs + excluded.runs,"
    " first_run = CASE WHEN excluded.first_time < lineage_use.first_time"
    " THEN excluded.first_run ELSE lineage_use.first_run END,"
    " first_time = CASE WHEN excluded.first_time < lineage_use.first_time"
    " THEN excluded.first_time ELSE lineage_use.first_time END,"
    " last_run = CASE WHEN excluded.last_time >= lineage_use.last_time"
    " THEN excluded.last_run ELSE lineage_use.last_run END,"
    " last_time = CASE WHEN excluded.last_time >= lineage_use.last_time"
    " THEN excluded.last_time ELSE lineage_use.last_time END",
)

_SUMMED = ("runs", "failed", "denied", "cached", "rows", "bytes", "microseconds")
_WHO = ("hour", "team", "principal", "purpose")


def _sums(table: str, keys: Sequence[str]) -> Insertion:
    added = [f"{name} = {table}.{name} + excluded.{name}" for name in _SUMMED]
    slowest = (
        f"slowest = CASE WHEN excluded.slowest > {table}.slowest"
        f" THEN excluded.slowest ELSE {table}.slowest END"
    )
    return Insertion(
        table,
        {**dict.fromkeys(keys, _TEXT), **dict.fromkeys((*_SUMMED, "slowest"), _WHOLE)},
        f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {', '.join([*added, slowest])}",
    )


USAGE = _sums("usage_run", _WHO)
DATASET_USAGE = _sums("usage_dataset", (*_WHO, "reading"))


@dataclass(slots=True)
class Run:
    """A decision, as it is in the table of runs, and how it ended once that is known."""

    seq: int
    id: str
    time: str
    principal: str
    roles: str
    team: str
    region: str
    purpose: str
    door: str
    action: str
    verdict: str
    code: str
    policy_version: str
    shape: str
    statement: str
    fingerprint: str
    ended: str = ""
    outcome: str = ""
    rows: int = 0
    bytes: int = 0
    microseconds: int = 0
    cache: str = ""
    readings: tuple[tuple[str, str], ...] = ()
    """Those of its datasets, each with the version that was read."""

    def row(self, log: int) -> tuple[object, ...]:
        """A row of RUNS."""
        return (
            *(log, self.seq, self.id, self.time, self.ended, self.principal, self.roles, self.team),
            *(self.region, self.purpose, self.door, self.action, self.verdict, self.code),
            *(self.outcome, self.rows, self.bytes, self.microseconds, self.cache),
            *(self.policy_version, self.shape, self.statement, self.fingerprint),
        )

    def end(self, outcome: Body) -> None:
        """Note how it ended."""
        self.ended, self.outcome = outcome["time"], outcome["outcome"]
        self.rows, self.bytes = outcome["rows"], outcome["bytes"]
        self.microseconds, self.cache = outcome["microseconds"], outcome.get("cache", "")

    def sums(self) -> tuple[int, ...] | None:
        """What it adds to the sums of usage; None for what was neither done nor refused."""
        if self.verdict == DENIED:
            return (0, 0, 1, 0, 0, 0, 0, 0)
        if not self.ended or self.outcome == ABANDONED:
            return None
        failed, cached = int(self.outcome != "completed"), int(bool(self.cache))
        took = self.microseconds
        return (1, failed, 0, cached, self.rows, self.bytes, took, took)

    @property
    def event(self) -> str:
        """The kind of the event that tells of its end."""
        if self.outcome == "completed":
            return "COMPLETE"
        return "FAIL" if self.outcome.startswith("failed") else "ABORT"


SELECT_RUN = (
    "SELECT seq, id, time, principal, roles, team, region, purpose, door, action, verdict, code,"
    " policy_version, shape, statement, fingerprint, ended, outcome, rows, bytes, microseconds,"
    " cache FROM run"
)
"""The columns of a Run, in order."""


def run_of(seq: int, body: Body, readings: tuple[tuple[str, str], ...]) -> Run:
    """A decision's run."""
    roles, team = _roles(tuple(body["roles"]))
    return Run(
        seq,
        body["id"],
        body["time"],
        body["principal"],
        roles,
        team,
        body["region"],
        body["purpose"],
        body["door"],
        body["action"],
        body["verdict"],
        body["code"],
        body["policy_version"],
        body.get("shape", ""),
        body["statement"] or "",
        body["statement_fingerprint"],
        readings=readings,
    )


@lru_cache(maxsize=4096)
def _roles(roles: tuple[str, ...]) -> tuple[str, str]:
    return json.dumps(roles), team_of(roles)


def team_of(roles: Iterable[str]) -> str:
    """The domain of the first role that belongs to one: ``sales`` of ``sales/analyst``."""
    return next((role.partition("/")[0] for role in roles if "/" in role), "")


def other_id(run: str, log: str, seq: int) -> str:
    """The id of a run of a query that was decided upon before: the same one at any time."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"{run}/{log}/{seq}").hex


class Uses:
    """What decisions say of their datasets, by what is in the store of it."""

    MOST = 20_000

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[tuple[str, str], ...]] = {}
        self._stored: set[str] = set()
        self.new: dict[str, Body] = {}
        """Readings the store may not have yet."""

    def readings(self, uses: list[dict[str, Any]]) -> tuple[tuple[str, str], ...]:
        """The readings of a decision, each with the version that was read."""
        if not uses:
            return ()
        key = marshal.dumps(uses, 2)  # a tenth of the price of JSON; in form 2 equal for equals
        found = self._known.get(key)
        if found is None:
            found = tuple(self._reading(use) for use in uses)
            if len(self._known) >= self.MOST:
                self._known.clear()
            self._known[key] = found
        return found

    def stored(self) -> None:
        """The new ones are in the store now."""
        self._stored.update(self.new)
        if len(self._stored) > self.MOST:
            self._stored.clear()
            self._known.clear()
        self.new = {}

    def forget(self) -> None:
        """The store has none of the new ones."""
        self.new = {}
        self._known.clear()

    def _reading(self, use: Body) -> tuple[str, str]:
        body = {name: value for name, value in use.items() if name != "version"}
        digest = hashlib.sha256(canonical(body).encode("utf-8", "replace")).hexdigest()[:32]
        if digest not in self._stored:
            self.new[digest] = body
        return digest, use.get("version", "")


def reading_rows(
    new: Mapping[str, Body],
) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """Rows of READINGS and READING_COLUMNS."""
    readings: list[tuple[str, ...]] = []
    columns: list[tuple[str, ...]] = []
    for digest, use in new.items():
        address, masks = use["address"], dict(use["masks"])
        readings.append((digest, address, product_of(address), canonical(use)))
        names = dict.fromkeys(use["columns"])
        columns += [(digest, name, masks.get(name, "")) for name in names]
    return readings, columns


def product_of(address: str) -> str:
    """``sales/orders`` of ``mesh://sales/orders/lines@1.0.0``; "" of a name that is no address."""
    parts = address.removeprefix(SCHEME).split("/")
    return "/".join(parts[:2]) if address.startswith(SCHEME) and len(parts) == 3 else ""


@dataclass(slots=True)
class Sums:
    """Sums of usage, by hour and caller, and by what was read as well."""

    callers: dict[tuple[str, ...], list[int]] = field(default_factory=dict)
    datasets: dict[tuple[str, ...], list[int]] = field(default_factory=dict)

    def add(self, run: Run) -> None:
        """Count a run that has ended, or was refused."""
        values = run.sums()
        if values is None:
            return
        who = (run.time[:13], run.team, run.principal, run.purpose)
        _add(self.callers, who, values)
        for reading in {reading for reading, _ in run.readings}:
            _add(self.datasets, (*who, reading), values)


def _add(
    sums: dict[tuple[str, ...], list[int]], key: tuple[str, ...], values: Sequence[int]
) -> None:
    found = sums.get(key)
    if found is None:
        sums[key] = list(values)
        return
    for n, value in enumerate(values[:-1]):
        found[n] += value
    found[-1] = max(found[-1], values[-1])


def shape_uses(runs: Iterable[Run]) -> list[tuple[object, ...]]:
    """Rows of SHAPE_USES for new runs, in the order they were decided."""
    found: dict[str, list[Any]] = {}
    for run in runs:
        if not run.shape or run.verdict != ALLOWED:
            continue
        use = found.setdefault(run.shape, [0, run.id, run.time, run.id, run.time])
        use[0] += 1
        use[3:] = (run.id, run.time)
    return [(shape, *use) for shape, use in found.items()]


def is_decision(body: Body) -> bool:
    """Whether it is one, and not an outcome."""
    return bool(body["kind"] == DECISION)
