"""One large PostgreSQL table read by several connections at once, under one snapshot.

The table is cut into ranges of blocks (``ctid >= '(a,0)' AND ctid < '(b,0)'``, the last without
an end), and each connection takes the next range when it has done one. The first exports its
snapshot; others join when the pool has a free one, and nobody waits for them. All hold the
table's lock, so what is under the ranges can not be truncated or rewritten meanwhile.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa
from sqlglot import exp

from connectors.casting import cast_batches
from connectors.interface import BatchStream, SourceError, SourceErrorCode
from connectors.merging import BatchQueue
from connectors.pool import Session, SessionPool
from connectors.streams import SourceStream, cancel_quietly

QUEUED_BYTES = 16 << 20
"""What may wait for a slow reader, over all connections of one read."""

RANGES_A_STREAM = 4
"""At least so many ranges for each connection: one that starts late still finds work."""

LARGEST_RANGE = 128 << 20
"""Bytes of the table in one range."""

_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_SHORT_WAIT = "SET LOCAL lock_timeout = '1s'"

_LOCKED = """
SELECT (SELECT 1 FROM {table} LIMIT 0) AS locked, pg_export_snapshot() AS snapshot,
  pg_relation_size(oid)::bigint AS bytes, relkind::text AS kind
FROM pg_class WHERE oid = to_regclass({name})
"""

FACTS = """
SELECT pg_relation_size(c.oid)::bigint AS bytes, current_setting('block_size')::bigint AS block,
  c.relkind::text IN ('r', 'm') AND a.amname = 'heap' AND NOT pg_is_in_recovery()
  AND current_setting('server_version_num')::bigint >= 140000 AS splits
FROM pg_class c JOIN pg_am a ON a.oid = c.relam
WHERE c.oid = to_regclass({table})
"""
"""Before 14 there are no scans of a range of blocks; a standby exports no snapshot."""


@dataclass(frozen=True, slots=True)
class TableFacts:
    """What decides whether a table is worth splitting: its size, and whether it can be."""

    bytes: int
    block: int
    splits: bool


@dataclass(frozen=True, slots=True)
class PlainScan:
    """A statement that only filters and projects one table, up to the server's own opinion."""

    tree: exp.Select
    table: str
    alias: str

    def statement(self) -> str:
        """The statement, ready for one more condition on the blocks read."""
        tree = self.tree.copy()
        where = tree.args.get("where")
        if where is not None:
            where.set("this", exp.Paren(this=where.this))
        joint = "WHERE" if where is None else "AND"
        return f"{tree.sql(dialect='postgres', comments=False)} {joint} {self.alias}.ctid"


def plain_scan(tree: exp.Query) -> PlainScan | None:
    """The scan that a statement is, or None for everything that is more than a scan."""
    if not isinstance(tree, exp.Select):
        return None
    if any(v for k, v in tree.args.items() if k not in {"expressions", "from_", "where"}):
        return None
    source = tree.args.get("from_")
    table = None if source is None else source.this
    if not isinstance(table, exp.Table) or not isinstance(table.this, exp.Identifier):
        return None
    if not table.db or any(v for k, v in table.args.items() if k not in {"this", "db", "alias"}):
        return None
    inner = (exp.AggFunc, exp.Window, exp.Query)
    if any(isinstance(node, inner) for node in tree.walk() if node is not tree):
        return None
    name = exp.Table(this=table.this.copy(), db=table.args["db"].copy())
    alias = table.args.get("alias")
    called = exp.column("ctid", table=alias.this.copy() if alias else table.this.copy())
    prefix = called.args["table"].sql(dialect="postgres")
    return PlainScan(tree, name.sql(dialect="postgres"), prefix)


def splits_statement(plan: dict[str, Any], pages: int) -> bool:
    """Whether the server's plan reads the table from end to end and most pages give a row.

    A scan by an index, a parallel one, a LIMIT, an aggregate or a sub-plan is better left whole.
    """
    return plan["Node Type"] == "Seq Scan" and "Plans" not in plan and plan["Plan Rows"] >= pages


def ranges_of(size: int, block: int, streams: int) -> list[tuple[int, int | None]]:
    """Block ranges [first, end) of a table of `size` bytes; the last has no end."""
    pages = -(-size // block)
    step = pages // (streams * RANGES_A_STREAM)
    step = max(1, min(step, LARGEST_RANGE // block))
    starts = list(range(0, max(pages, 1), step))
    return list(zip(starts, [*starts[1:], None], strict=True))


class SplitsScans(Protocol):
    """What a range stream needs of its connector."""

    def facts(self, table: str) -> TableFacts | None:
        """The table's size, maybe of some seconds ago; None when it is not worth a look."""
        ...

    def plan(self, session: Session, text: str) -> dict[str, Any]:
        """The server's plan of a statement."""
        ...


class RangeStream(SourceStream):
    """The rows of a plain scan: read in ranges by several connections, or whole by one."""

    def __init__(
        self,
        scan: PlainScan,
        text: str,
        schema: pa.Schema,
        pool: SessionPool,
        explain: Callable[[Exception], SourceError],
        source: SplitsScans,
        whole: Callable[[], BatchStream],
        streams: int,
    ) -> None:
        super().__init__(pool, schema, explain)
        self._scan = scan
        self._text = text
        self._source = source
        self._open_whole = whole
        self._streams = streams
        self._whole: BatchStream | None = None
        self._queue: BatchQueue | None = None
        self._left: deque[tuple[int, int | None]] = deque()

    def _wake(self) -> None:
        # Both are set before it is looked whether the stream is cancelled: one of us sees it.
        if self._whole is not None:
            self._whole.cancel()
        if self._queue is not None:
            self._queue.close()

    def _run(self) -> Iterator[pa.RecordBatch]:
        self._check_cancelled()
        prepared = self._prepare()
        if prepared is not None:
            yield from self._merged(*prepared)
            return
        self._check_cancelled()
        whole = self._whole = self._open_whole()
        if self._cancelled.is_set():
            whole.cancel()
        try:
            yield from whole
        finally:
            whole.close()

    def _prepare(self) -> tuple[Session, str] | None:
        """A connection in a transaction whose snapshot is exported under the name returned.

        None when the statement is not worth splitting; whatever fails here, the statement is run
        whole, which deals with a stale connection and finds the error to tell.
        """
        leader = None
        kept = False
        healthy = True
        try:
            facts = self._source.facts(self._scan.table)
            if facts is None or not facts.splits:
                return None
            leader, _ = self._pool.acquire(cancelled=self._cancelled)
            self._hold(leader)
            healthy = False
            pages = -(-facts.bytes // facts.block)
            if not splits_statement(self._source.plan(leader, self._text), pages):
                healthy = True
                return None
            _done(leader, _BEGIN)
            # The sub-query takes the table's lock before the snapshot is anyone's.
            table = exp.Literal.string(self._scan.table).sql(dialect="postgres")
            (batch,) = leader.run(_LOCKED.format(table=self._scan.table, name=table))
            (row,) = batch.to_pylist()
            if row["kind"] not in {"r", "m"}:  # a view has taken its name
                return None
            snapshot = row["snapshot"]
            self._left.extend(ranges_of(row["bytes"], facts.block, self._streams))
            kept = True
            return leader, snapshot
        except SourceError as error:
            if error.code is SourceErrorCode.UNAVAILABLE and leader is None:
                raise
            return None
        except Exception:  # the whole statement tells what is wrong, if anything is
            return None
        finally:
            if leader is not None and not kept:
                self._release(leader, healthy=healthy)

    def _merged(self, leader: Session, snapshot: str) -> Iterator[pa.RecordBatch]:
        queue = BatchQueue(QUEUED_BYTES)
        queue.join()
        statement = self._scan.statement()
        helpers = min(self._streams, len(self._left)) - 1
        self._queue = queue
        if self._cancelled.is_set():
            queue.close()
        self._start(self._lead, queue, statement, leader)
        for _ in range(helpers):
            self._start(self._help, queue, statement, snapshot)
        try:
            with self._translated():
                for batch in queue:
                    self._started = True
                    yield batch
                    self._check_cancelled()
        finally:
            queue.close()
            self._stop()
        self._check_cancelled()

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        threading.Thread(target=target, args=arguments, name="postgres-range", daemon=True).start()

    def _lead(self, queue: BatchQueue, statement: str, session: Session) -> None:
        self._work(queue, statement, session)

    def _help(self, queue: BatchQueue, statement: str, snapshot: str) -> None:
        """Join the work if a connection is free and the snapshot and the lock are still to be had.

        Failing is no error: who leads does the work alone.
        """
        if not self._left:
            return
        try:
            found = self._pool.try_acquire()
        except Exception:
            return
        if found is None:
            return
        session, _ = found
        joined = False
        try:
            self._hold(session)
            if queue.closed:
                return
            _done(session, _BEGIN)
            _done(session, f"SET TRANSACTION SNAPSHOT '{snapshot}'")
            _done(session, _SHORT_WAIT)  # who waits for the lock may wait for our own reader
            _done(session, f"SELECT (SELECT 1 FROM {self._scan.table} LIMIT 0)")
            joined = queue.join()
        except Exception:
            return
        finally:
            if not joined:
                self._release(session, healthy=False)
        if joined:
            self._work(queue, statement, session)

    def _work(self, queue: BatchQueue, statement: str, session: Session) -> None:
        """Read range after range into the queue, and give the session back."""
        failure: BaseException | None = None
        healthy = False
        delivered: Iterator[pa.RecordBatch] = iter(())
        try:
            while not queue.closed:
                try:
                    first, end = self._left.popleft()
                except IndexError:
                    healthy = self._finish(session)
                    return
                text = f"{statement} >= '({first},0)'"
                if end is not None:
                    text += f" AND {self._scan.alias}.ctid < '({end},0)'"
                delivered = session.run(text, self._schema)
                for batch in cast_batches(delivered, self._schema):
                    if not queue.put(batch):
                        return
        except BaseException as error:  # whatever it is, a range must never be missing in silence
            failure = error
        finally:
            if not healthy:
                cancel_quietly(session)  # first, or the driver may read to the end as it closes
            if isinstance(delivered, Generator):  # what an error holds would keep it open
                delivered.close()
            self._release(session, healthy=healthy)
            queue.leave(failure)

    def _finish(self, session: Session) -> bool:
        try:
            _done(session, "COMMIT")
        except Exception:  # every row is there: only the session is of no more use
            return False
        return True


def _done(session: Session, text: str) -> None:
    for _ in session.run(text):
        pass
