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
from connectors.interface import BatchStream, SourceError
from connectors.merging import BatchQueue
from connectors.plain_scans import PlainScan, plain_scan
from connectors.pool import Session, SessionPool
from connectors.streams import SplitStream, cancel_quietly, execute

QUEUED_BYTES = 16 << 20
"""What may wait for a slow reader, over all connections of one read."""

SHARE = 2
"""A range is this part of what each connection has left: the last ones are small, and no connection
reads on for long when the others have nothing more to do."""

LARGEST_RANGE, SMALLEST_RANGE = 128 << 20, 4 << 20
"""Bytes of the table in one range. To ask for one costs as much as reading 0.05 to 0.4 MB."""

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


def schema_scan(tree: exp.Query) -> PlainScan | None:
    """The scan that a statement is; the table must be named with its schema."""
    scan = plain_scan(tree, "postgres")
    return scan if scan is not None and scan.has_schema else None


def splits_statement(plan: dict[str, Any], pages: int) -> bool:
    """Whether the server's plan reads the table from end to end and most pages give a row.

    A scan by an index, a parallel one, a LIMIT, an aggregate or a sub-plan is better left whole.
    """
    return plan["Node Type"] == "Seq Scan" and "Plans" not in plan and plan["Plan Rows"] >= pages


def ranges_of(size: int, block: int, streams: int) -> list[tuple[int, int | None]]:
    """Block ranges [first, end) of a table of `size` bytes; the last has no end.

    They become smaller, so that connections of whatever speed end together.
    """
    pages = -(-size // block)
    largest, smallest = LARGEST_RANGE // block, max(1, SMALLEST_RANGE // block)
    starts = [0]
    while True:
        left = pages - starts[-1]
        step = max(smallest, min(left // (streams * SHARE), largest))
        if step >= left:
            return list(zip(starts, [*starts[1:], None], strict=True))
        starts.append(starts[-1] + step)


class SplitsScans(Protocol):
    """What a range stream needs of its connector."""

    def facts(self, table: str) -> TableFacts | None:
        """The table's size, maybe of some seconds ago; None when it is not worth a look."""
        ...

    def plan(self, session: Session, text: str) -> dict[str, Any]:
        """The server's plan of a statement."""
        ...


class RangeStream(SplitStream):
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
        super().__init__(pool, schema, explain, whole)
        self._scan = scan
        self._text = text
        self._source = source
        self._streams = streams
        self._facts: TableFacts | None = None
        self._snapshot = ""
        self._queue: BatchQueue | None = None
        self._left: deque[tuple[int, int | None]] = deque()

    def _wake(self) -> None:
        super()._wake()
        if self._queue is not None:
            self._queue.close()

    def _is_candidate(self) -> bool:
        self._facts = self._source.facts(self._scan.table)
        return self._facts is not None and self._facts.splits

    def _is_worthwhile(self, session: Session) -> bool:
        assert self._facts is not None
        pages = -(-self._facts.bytes // self._facts.block)
        return splits_statement(self._source.plan(session, self._text), pages)

    def _begin(self, session: Session) -> bool:
        """Export the snapshot. The sub-query takes the table's lock before it is anyone's."""
        assert self._facts is not None
        execute(session, _BEGIN)
        table = exp.Literal.string(self._scan.table).sql(dialect="postgres")
        (batch,) = session.run(_LOCKED.format(table=self._scan.table, name=table))
        (row,) = batch.to_pylist()
        if row["kind"] not in {"r", "m"}:  # a view has taken its name
            return False
        self._snapshot = row["snapshot"]
        self._left.extend(ranges_of(row["bytes"], self._facts.block, self._streams))
        return True

    def _parts(self, session: Session) -> Iterator[pa.RecordBatch]:
        queue = BatchQueue(QUEUED_BYTES)
        queue.join()
        statement = f"{self._scan.statement()} {self._scan.alias}.ctid"
        helpers = min(self._streams, len(self._left)) - 1
        self._queue = queue
        if self._cancelled.is_set():
            queue.close()
        self._start(self._lead, queue, statement, session)
        for _ in range(helpers):
            self._start(self._help, queue, statement, self._snapshot)
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
            execute(session, _BEGIN)
            execute(session, f"SET TRANSACTION SNAPSHOT '{snapshot}'")
            execute(session, _SHORT_WAIT)  # who waits for the lock may wait for our own reader
            execute(session, f"SELECT (SELECT 1 FROM {self._scan.table} LIMIT 0)")
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
            execute(session, "COMMIT")
        except Exception:  # every row is there: only the session is of no more use
            return False
        return True
