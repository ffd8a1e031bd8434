"""Writing: one thread at a time takes what waits, and commits it as one group."""

from __future__ import annotations

import contextlib
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

LINGER_SECONDS = 0.05
"""How long what nobody waits for (outcomes, decisions of what is only prepared) lies there, in case
somebody comes who commits it along."""

IDLE_SECONDS = 0.5
"""After this long without work the head is made durable and the write-ahead log carried over."""

HEAD_SECONDS = 1.0
"""Under load the head is made durable this often."""

RETRY_SECONDS = 0.5

logger = logging.getLogger(__name__)


class Receipt:
    """The promise that a decision will be durable."""

    __slots__ = ("_commit", "_failure", "_pending", "id", "seq")

    def __init__(self, query: str, commit: Callable[[], None]) -> None:
        """`commit` may be called to hurry things up."""
        self.id = query
        self.seq: int | None = None
        self._commit = commit
        self._failure: str | None = None
        self._pending = threading.Lock()  # a tenth of the price of an event
        self._pending.acquire()

    @property
    def settled(self) -> bool:
        return self.seq is not None or self._failure is not None

    def wait(self, timeout: float = 10.0) -> None:
        """Return once the decision is on disk. AuditUnavailable if it is not, or not in time.

        May commit what waits on this very thread; what the disk takes for that comes on top of
        `timeout` (seconds).
        """
        if not self.settled:
            self._commit()
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
    """What waits to be written, in order. Whoever puts something in wakes the writer if it dozes.

    `put` and `stop` are for one thread at a time, `take` for the one that writes.
    """

    def __init__(self) -> None:
        self._items: deque[Item] = deque()
        self._bell = threading.Lock()  # locked: nobody has rung since the writer looked
        self._bell.acquire()
        self._dozing = False
        self.stopped = False

    def put(self, item: Item) -> None:
        self._items.append(item)
        if self._dozing:
            self.ring()

    def stop(self) -> None:
        """Nothing comes any more."""
        self.stopped = True
        self.ring()

    def take(self, most: int) -> list[Item]:
        """What is there, without waiting."""
        return [self._items.popleft() for _ in range(min(most, len(self._items)))]

    def wait(self, seconds: float) -> None:
        """Until the end, or so long."""
        self._bell.acquire(timeout=seconds)

    def doze(self) -> None:
        """Until anything comes."""
        self._dozing = True
        if not self._items and not self.stopped:  # what came before nobody dozed has not rung
            self._bell.acquire()
        self._dozing = False

    def __len__(self) -> int:
        return len(self._items)

    def ring(self) -> None:
        """Wake the writer's thread."""
        with contextlib.suppress(RuntimeError):  # somebody has rung already
            self._bell.release()


@dataclass(slots=True)
class Writer:
    """Owns the connection, the head and the end of the chain; one thread at a time writes.

    `run` is for a thread of its own, which writes what nobody waits for.
    """

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
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _asked: int = 0
    """Changes whenever somebody wants to write. That two may count as one does no harm: what both
    have put into the queue is there before the count changes."""
    _unsure: bool = False
    _synced: float = 0.0

    def run(self) -> None:
        """Until the queue is stopped and all is written, or `drain_seconds` after that."""
        idle = 0.0
        while not self.queue.stopped:
            pause = RETRY_SECONDS if self.owed else LINGER_SECONDS
            self.queue.wait(pause)
            idle = 0.0 if self.queue or self.owed else idle + pause
            if idle > IDLE_SECONDS:
                self._tidy()
                self.queue.doze()
            else:
                self.lead(rounds=1000)
        deadline = time.monotonic() + self.drain_seconds
        while (self.queue or self.owed) and time.monotonic() < deadline:
            self.lead()
            if self.owed:
                time.sleep(RETRY_SECONDS / 5)
        with self._turn:  # whoever still leads is done then
            self._sync_head()

    def lead(self, rounds: int = 4) -> None:
        """Write what waits, unless another thread does: then that one will.

        A thread that would only sleep until another has written for it writes as fast itself, and
        nobody has to be woken. Who finds the turn taken has asked before, which the leader sees
        when its round is over, and goes on; after so many rounds the writer's thread takes over.
        """
        self._asked += 1
        for _ in range(rounds):
            if not self._turn.acquire(blocking=False):
                return
            try:
                asked = self._asked
                self._write()
            finally:
                self._turn.release()
            if self._asked == asked:
                return
        self.queue.ring()

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
        except BaseException as error:
            self._failed(items, error)
            if isinstance(error, Exception):
                return
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
            bug = None if isinstance(error, sqlite3.Error) else error
            logger.error("the audit log can not be written: %s", error, exc_info=bug)
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
