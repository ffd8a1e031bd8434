"""The projection: what an audit log says, as runs, usage, lineage and events in the store.

A log is taken over in order, a batch a transaction, and how far it was taken over is part of the
transaction: whatever happens in between, every record is in the store once.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.audit.database import open_reader, shapes
from gateway.audit.record import ALLOWED, canonical
from gateway.errors import AuditBroken
from gateway.lineage.model import Lineage
from gateway.lineage.written import from_json
from gateway.memory import run_rows
from gateway.memory.run_rows import Body, Run, Sums, Uses, is_decision
from gateway.memory.store import Insertion, Store, Values, Writing

_log = logging.getLogger(__name__)

BATCH = 4000
"""How many records one transaction takes over."""

SLICE = 100
"""How many records are worked on before requests are let go first."""

_PAGE = """
SELECT '[' || group_concat('[' || seq || ',' || body || ',"' || hash || '","' || seal || '"]')
  || ']' FROM (SELECT seq, body, hash, seal FROM record WHERE seq > ? AND seq <= ? ORDER BY seq)
"""
"""A slice in one step: SQLite puts it together without the interpreter lock."""

SHAPES = Insertion("lineage_shape", {"hash": "TEXT", "body": "TEXT"}, "ON CONFLICT DO NOTHING")
EDGES = Insertion(
    "lineage_edge",
    {
        **dict.fromkeys(("shape", "output", "dataset", "field", "subtype"), "TEXT"),
        **dict.fromkeys(("masking", "policy"), "BIGINT"),
    },
    "ON CONFLICT DO NOTHING",
)
COPIES = Insertion(
    "audit_record",
    {"log": "BIGINT", "seq": "BIGINT", "body": "TEXT", "hash": "TEXT", "seal": "TEXT"},
)
MOST_SHAPES = 50_000


class TakenOver(Exception):
    """Somebody else has taken over what was about to be."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far log `number` of the store, whose first record has the hash `log`, is taken over."""

    number: int
    log: str
    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Taken:
    """One record of a log."""

    seq: int
    body: Body
    hash: str
    seal: str


class Projection:
    """Takes logs over into a store. For one thread at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._uses = Uses()
        self._shapes: set[str] = set()

    def behind(self, folder: Path) -> bool:
        """Whether the store lacks records of a log, or the log the ends of its runs."""
        with closing(open_reader(folder)) as connection:
            cursor = self._cursor(connection, folder)
            if cursor is None:
                return False
            last = connection.execute("SELECT max(seq) FROM record").fetchone()[0]
        waiting = self._store.rows(
            "SELECT 1 FROM run WHERE log = ? AND ended = '' AND verdict = 'allowed' LIMIT 1",
            (cursor.number,),
        )
        return bool(waiting) or last > cursor.seq

    def take(self, folder: Path, stop: threading.Event) -> int:
        """Take over what is new in a log, until `stop` is set: how many records.

        AuditUnavailable, AuditBroken, MemoryUnavailable.
        """
        taken = 0
        try:
            with closing(open_reader(folder)) as connection:
                cursor = self._cursor(connection, folder)
                while cursor is not None:
                    records = list(_records(connection, cursor.seq))
                    if not records:
                        break
                    cursor = self._write(connection, cursor, records)
                    taken += len(records)
                    if stop.is_set():
                        break
        except (sqlite3.DatabaseError, ValueError, KeyError, TypeError, OverflowError) as error:
            raise AuditBroken(
                f"the audit log in {folder} can not be taken over: {error}"
            ) from error
        return taken

    def _cursor(self, connection: sqlite3.Connection, folder: Path) -> Cursor | None:
        """None for a log without records."""
        first = connection.execute("SELECT hash FROM record WHERE seq = 1").fetchone()
        if first is None:
            return None
        select = "SELECT number, seq, hash FROM journal WHERE log = ?"
        found = self._store.rows(select, first)
        if not found:
            with self._store.writing() as transaction:
                transaction.execute(
                    "INSERT INTO journal (log, seq, hash) VALUES (?, 0, '') ON CONFLICT DO NOTHING",
                    first,
                )
                found = transaction.rows(select, first)
        number, seq, digest = found[0]
        if seq:
            own = connection.execute("SELECT hash FROM record WHERE seq = ?", (seq,)).fetchone()
            if own is None or own[0] != digest:
                raise AuditBroken(
                    f"the audit log in {folder} does not hold its record {seq} any more",
                    hint="meshgate audit verify says more",
                )
        return Cursor(number, first[0], seq, digest)

    def _write(
        self, connection: sqlite3.Connection, cursor: Cursor, records: Sequence[Taken]
    ) -> Cursor:
        """One batch; the cursor after it."""
        decided, outcomes = self._understood(records)
        texts = self._new_shapes(connection, decided)
        end = records[-1]
        try:
            with self._store.writing() as transaction:
                moved = transaction.execute(
                    "UPDATE journal SET seq = ?, hash = ? WHERE number = ? AND seq = ?",
                    (end.seq, end.hash, cursor.number, cursor.seq),
                )
                if moved != 1:
                    raise TakenOver
                self._insert(transaction, cursor, decided, outcomes)
                _insert_shapes(transaction, texts)
                if self._store.shared:
                    copies = [
                        (cursor.number, r.seq, canonical(r.body), r.hash, r.seal) for r in records
                    ]
                    _insert(transaction, COPIES, copies)
        except BaseException as error:
            self._uses.forget()
            if not isinstance(error, TakenOver):
                raise
            ((seq, digest),) = self._store.rows(
                "SELECT seq, hash FROM journal WHERE number = ?", (cursor.number,)
            )
            return Cursor(cursor.number, cursor.log, seq, digest)
        self._uses.stored()
        self._shapes.update(texts)
        return Cursor(cursor.number, cursor.log, end.seq, end.hash)

    def _understood(self, records: Sequence[Taken]) -> tuple[dict[int, Run], dict[int, Body]]:
        """The decisions by their numbers, and the first outcome of each decision by its."""
        decided: dict[int, Run] = {}
        outcomes: dict[int, Body] = {}
        for count, record in enumerate(records, start=1):
            body = record.body
            if is_decision(body):
                readings = self._uses.readings(body["datasets"])
                decided[record.seq] = run_rows.run_of(record.seq, body, readings)
            elif body["decision"] is not None:
                outcomes.setdefault(body["decision"], body)
            if count % SLICE == 0:
                time.sleep(0)
        return decided, outcomes

    def _insert(
        self,
        transaction: Writing,
        cursor: Cursor,
        decided: Mapping[int, Run],
        outcomes: Mapping[int, Body],
    ) -> None:
        log = cursor.number
        _distinguish(transaction, cursor, decided)
        earlier = _open_runs(transaction, log, [seq for seq in outcomes if seq not in decided])
        events: list[Values] = []
        sums = Sums()
        for run in decided.values():
            if run.verdict == ALLOWED:
                events.append((log, run.seq, "START", run.time))
            else:
                sums.add(run)
        for seq, outcome in outcomes.items():
            ended = decided.get(seq) or earlier.get(seq)
            if ended is None or ended.ended or ended.verdict != ALLOWED:
                continue
            ended.end(outcome)
            events.append((log, seq, ended.event, ended.ended))
            sums.add(ended)
        _insert(
            transaction, run_rows.RUNS, (r.row(log) for r in (*decided.values(), *earlier.values()))
        )
        used = (
            (log, run.seq, number, *reading)
            for run in decided.values()
            for number, reading in enumerate(run.readings)
        )
        _insert(transaction, run_rows.RUN_DATASETS, used)
        readings, columns = run_rows.reading_rows(self._uses.new)
        _insert(transaction, run_rows.READINGS, readings)
        _insert(transaction, run_rows.READING_COLUMNS, columns)
        _insert(transaction, run_rows.EVENTS, events)
        _insert(transaction, run_rows.SHAPE_USES, run_rows.shape_uses(decided.values()))
        _insert(transaction, run_rows.USAGE, ((*k, *v) for k, v in sums.callers.items()))
        _insert(transaction, run_rows.DATASET_USAGE, ((*k, *v) for k, v in sums.datasets.items()))

    def _new_shapes(
        self, connection: sqlite3.Connection, decided: Mapping[int, Run]
    ) -> dict[str, str]:
        """The texts of shapes the store may not have yet."""
        named = {run.shape for run in decided.values() if run.shape} - self._shapes
        if not named:
            return {}
        if len(self._shapes) > MOST_SHAPES:
            self._shapes.clear()
        found = shapes(connection, named)
        for gone in named - set(found):
            _log.error("shape %s, which the audit log names, is not in it", gone)
        return found


def _records(connection: sqlite3.Connection, after: int) -> Iterator[Taken]:
    """The next batch of a log."""
    last = connection.execute("SELECT max(seq) FROM record").fetchone()[0] or 0
    end = min(after + BATCH, last)
    while after < end:
        upto = min(after + SLICE, end)
        (text,) = connection.execute(_PAGE, (after, upto)).fetchone()
        found = sorted(json.loads(text or "[]"), key=_number)
        if len(found) != upto - after:
            raise ValueError(f"records are missing between {after + 1} and {upto}")
        for seq, body, digest, seal in found:
            yield Taken(seq, body, digest, seal)
        after = upto


def _number(record: Sequence[Any]) -> int:
    return int(record[0])


def _distinguish(transaction: Writing, cursor: Cursor, decided: Mapping[int, Run]) -> None:
    """Give runs an id of their own where their query was decided upon before: ids are unique."""
    seen: set[str] = set()
    for part in _parts([run.id for run in decided.values()]):
        marks = ", ".join("?" * len(part))
        found = transaction.rows(f"SELECT id FROM run WHERE id IN ({marks})", part)
        seen.update(id_ for (id_,) in found)
    for run in decided.values():
        if run.id in seen:
            run.id = run_rows.other_id(run.id, cursor.log, run.seq)
        seen.add(run.id)


def _open_runs(transaction: Writing, log: int, seqs: Sequence[int]) -> dict[int, Run]:
    """Runs of the store that have not ended, with what they read."""
    runs: dict[int, Run] = {}
    for part in _parts(seqs):
        marks = ", ".join("?" * len(part))
        for row in transaction.rows(
            f"{run_rows.SELECT_RUN} WHERE log = ? AND seq IN ({marks}) AND ended = ''",
            (log, *part),
        ):
            runs[row[0]] = Run(*row)
        for seq, reading, version in transaction.rows(
            "SELECT seq, reading, version FROM run_dataset"
            f" WHERE log = ? AND seq IN ({marks}) ORDER BY seq, number",
            (log, *part),
        ):
            if seq in runs:
                runs[seq].readings += ((reading, version),)
    return runs


def _insert_shapes(transaction: Writing, texts: Mapping[str, str]) -> None:
    _insert(transaction, SHAPES, list(texts.items()))
    edges: list[Values] = []
    for digest, text in texts.items():
        try:
            edges += edges_of(digest, from_json(text))
        except ValueError as error:
            _log.error("shape %s can not be read: %s", digest, error)
    _insert(transaction, EDGES, edges)


def edges_of(shape: str, lineage: Lineage) -> list[Values]:
    """Rows of EDGES: an input of a column of the answer, or (for "") of the answer as a whole."""
    sides = [*((o.name, o.inputs) for o in lineage.outputs), ("", lineage.whole)]
    return [
        (shape, output, i.dataset, i.column, str(i.subtype), int(i.masking), int(i.policy))
        for output, inputs in sides
        for i in inputs
    ]


def _insert(transaction: Writing, into: Insertion, rows: Iterable[Values]) -> None:
    """In slices: while one is handed over nobody else works."""
    waiting = list(rows)
    for part in _parts(waiting):
        transaction.insert(into, part)


def _parts(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(rows), 2 * SLICE):
        yield rows[start : start + 2 * SLICE]
