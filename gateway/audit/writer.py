"""The one thread that writes: it takes what waits, and commits it as one group."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.audit.chain import Seals, next_hash
from gateway.audit.database import APPEND, last_link
from gateway.audit.files import Head, HeadFile
from gateway.audit.record import Outcome, Record, canonical, decision_parts, outcome_body
from gateway.audit.statement import Statements
from gateway.errors import AuditUnavailable

MAX_GROUP = 512
"""How many records one commit takes."""

OUTCOME_SECONDS = 0.1
"""How long outcomes wait for a decision to share its commit with."""

IDLE_SECONDS = 0.5
"""After this long without work the head is made durable and the write-ahead log carried over."""

HEAD_SECONDS = 1.0
"""Under load the head is made durable this often."""

RETRY_SECONDS = 0.5

logger = logging.getLogger(__name__)


class Receipt:
    """The promise that a decision will be durable."""

    __slots__ = ("_failure", "_pending", "id", "seq")

    def __init__(self, query: str) -> None:
        self.id = query
        self.seq: int | None = None
        self._failure: str | None = None
        self._pending = threading.Lock()  # a tenth of the price of an event
        self._pending.acquire()

    def wait(self, timeout: float = 10.0) -> None:
        """Return once the decision is on disk. AuditUnavailable if it is not, or not in time."""
        if not self._pending.acquire(timeout=timeout):
            raise AuditUnavailable(
                f"the decision could not be recorded within {timeout:g} s",
                hint="try again in a moment",
            )
        self._pending.release()
        if self._failure is not None:
            raise AuditUnavailable(self._failure, hint="try again in a moment")

    def settle(self, seq: int | None, failure: str | None = None) -> None:
        """For the writer: it is durable under this number, or failed."""
        self.seq, self._failure = seq, failure
        self._pending.release()


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision; `parts` are its body's, unless its statement was not known yet."""

    record: Record
    receipt: Receipt
    parts: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class Ended:
    outcome: Outcome
    receipt: Receipt
    """Of the decision it belongs to, which came into the queue earlier."""


Item = Decided | Ended


class Queue:
    """What waits to be written, in order. A decision wakes the writer; an outcome only if it dozes.

    `put` and `stop` are for one thread at a time, the rest is for the writer.
    """

    def __init__(self) -> None:
        self._items: deque[Item] = deque()
        self._bell = threading.Lock()  # locked: nobody has rung since the writer looked
        self._bell.acquire()
        self._dozing = False
        self.stopped = False

    def put(self, item: Item) -> None:
        self._items.append(item)
        if self._dozing or isinstance(item, Decided):
            self._ring()

    def stop(self) -> None:
        """Nothing comes any more."""
        self.stopped = True
        self._ring()

    def take(self, most: int) -> list[Item]:
        """What is there, without waiting."""
        return [self._items.popleft() for _ in range(min(most, len(self._items)))]

    def wait(self, seconds: float) -> bool:
        """Until a decision comes, or the end; False when neither did in time."""
        return self._bell.acquire(timeout=seconds)

    def doze(self) -> None:
        """Until anything comes."""
        self._dozing = True
        if not self._items:  # what came before nobody dozed has not rung
            self._bell.acquire()
        self._dozing = False

    def __len__(self) -> int:
        return len(self._items)

    def _ring(self) -> None:
        if self._bell.locked():
            self._bell.release()


@dataclass(slots=True)
class Writer:
    """Runs in its own thread; owns the connection, the head and the end of the chain."""

    connection: sqlite3.Connection
    head: HeadFile
    seals: Seals
    statements: Statements
    queue: Queue
    settled: Callable[[Item], None]
    """Called for each item that leaves the queue for good."""
    tip: Head
    drain_seconds: float = 10.0
    owed: list[Ended] = field(default_factory=list)
    """Outcomes whose commit failed: they are tried again until it works."""
    _unsure: bool = False
    _synced: float = 0.0

    def run(self) -> None:
        """Until the queue is stopped and all is written, or `drain_seconds` after that."""
        while not self.queue.stopped:
            self._pause()
            self._write()
        self._write()
        deadline = time.monotonic() + self.drain_seconds
        while self.owed and time.monotonic() < deadline:
            time.sleep(RETRY_SECONDS / 5)
            self._commit([])
        self._sync_head()

    def _pause(self) -> None:
        """Until there is something to write: a decision, or outcomes that have waited enough."""
        if self.owed:
            self.queue.wait(RETRY_SECONDS)
        elif not any(self.queue.wait(s) or self.queue for s in (OUTCOME_SECONDS, IDLE_SECONDS)):
            self._tidy()
            self.queue.doze()

    def _write(self) -> None:
        """Everything that waits now."""
        full = True
        while full:
            group = self.queue.take(MAX_GROUP)
            full = len(group) == MAX_GROUP
            if group or self.owed:
                self._commit(group)

    def _tidy(self) -> None:
        try:
            self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        except sqlite3.Error:  # the next commit will tell
            logger.debug("the audit log could not be tidied", exc_info=True)
        self._sync_head()

    def _commit(self, group: Sequence[Item]) -> None:
        items = [*self.owed, *group]
        try:
            if self._unsure:
                self._find_tip()
            tip, rows, written, unwritable = self._chain(items)
            if rows:
                self.connection.execute(APPEND, (canonical(rows),))
        except sqlite3.Error as error:
            self._failed(items, error)
            return
        except BaseException as error:
            self._failed(items, error)
            raise
        if self.owed:
            logger.warning("the audit log can be written again")
        self.owed.clear()
        if rows:
            self.tip = tip
            self._write_head()
        for item, seq in written:
            if isinstance(item, Decided):
                item.receipt.settle(seq)
            self.settled(item)
        for item in unwritable:
            if isinstance(item, Decided):
                item.receipt.settle(None, "the decision can not be recorded")
            self.settled(item)

    def _chain(
        self, items: Sequence[Item]
    ) -> tuple[Head, list[list[Any]], list[tuple[Item, int]], list[Item]]:
        """The new tip; the rows chained up to it; the items with their numbers; those without."""
        seq, digest = self.tip.seq, bytes.fromhex(self.tip.hash)
        rows: list[list[Any]] = []
        written: list[tuple[Item, int]] = []
        unwritable: list[Item] = []
        numbers: dict[int, int] = {}  # of receipts in this group, which have no number yet
        for item in items:
            try:
                body = self._body(item, seq + 1, numbers).encode("utf-8", "replace")
            except Exception:  # one that can not be written must not take the others with it
                logger.exception("a record of query %s can not be written", item.receipt.id)
                unwritable.append(item)
                continue
            seq += 1
            digest = next_hash(digest, body)
            rows.append([seq, body.decode(), digest.hex(), self.seals.record(digest)])
            written.append((item, seq))
            if isinstance(item, Decided):
                numbers[id(item.receipt)] = seq
        return Head(seq, digest.hex()), rows, written, unwritable

    def _body(self, item: Item, seq: int, numbers: dict[int, int]) -> str:
        if isinstance(item, Ended):
            decision = item.receipt.seq or numbers.get(id(item.receipt))
            return outcome_body(item.outcome, item.receipt.id, decision, seq)
        parts = item.parts
        if parts is None:
            parts = decision_parts(item.record, self.statements.written(item.record))
        return f"{parts[0]}{seq}{parts[1]}"

    def _failed(self, items: Sequence[Item], error: BaseException) -> None:
        """Nobody is told that it is durable; outcomes stay owed."""
        if not self._unsure:
            logger.error("the audit log can not be written: %s", error)
        self._unsure = True
        self.owed = [item for item in items if isinstance(item, Ended)]
        for item in items:
            if isinstance(item, Decided):
                item.receipt.settle(None, "the decision could not be recorded")
                self.settled(item)

    def _find_tip(self) -> None:
        """A commit that failed may have been made all the same: the database knows."""
        if self.connection.in_transaction:
            self.connection.rollback()
        last = last_link(self.connection)
        if last and last.seq > self.tip.seq:
            self.tip = Head(last.seq, last.hash)
        self._unsure = False

    def _write_head(self) -> None:
        try:
            self.head.write(self.tip)
        except OSError:
            logger.exception("the head of the audit log can not be written")
        if time.monotonic() - self._synced > HEAD_SECONDS:
            self._sync_head()

    def _sync_head(self) -> None:
        try:
            self.head.sync()
        except OSError:
            logger.exception("the head of the audit log can not be made durable")
        self._synced = time.monotonic()
