"""Writing: whoever brings a record chains it; one thread commits what is there as one group.

The thread does next to nothing in Python. Requests hold the interpreter lock while they work, and
getting it from them, or they from it, costs more than all else here.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.audit.chain import Seals, next_hash
from gateway.audit.database import ADD_SHAPES, append_statement, last_link
from gateway.audit.files import Head, HeadFile
from gateway.audit.record import Outcome, canonical, outcome_parts
from gateway.errors import AuditUnavailable

MAX_GROUP = 512
"""How many records one commit takes."""

MAX_PENDING = 10_000
"""Decisions that wait for the disk; more are refused: memory is bounded."""

MAX_OUTCOMES = 10_000
"""Outcomes that wait for the disk; with more, whoever brings one waits too."""

MAX_LATER = 200
"""Records that nobody waits for, and that are left to the thread to be written down; those that
come while there are more are written down by whoever brings them, as a gateway with much to do
should."""

LATER_AT_ONCE = 32
"""How many of them the thread writes down while decisions wait to be committed."""

LINGER_SECONDS = 0.1
"""How long outcomes wait for a decision to share its commit with."""

IDLE_SECONDS = 0.5
"""After this long without work the head is made durable and the write-ahead log carried over."""

HEAD_SECONDS = 1.0
"""Under load the head is made durable this often."""

RETRY_SECONDS = 0.5

FAILED = "the decision could not be recorded"
CLOSED = "the audit log is closed"

logger = logging.getLogger(__name__)


class Receipt:
    """The promise that a decision will be durable. `seq` is its number, None once it failed."""

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

    @property
    def failed(self) -> bool:
        """Whether it never will be durable."""
        return self._failure is not None

    def settle(self) -> None:
        """For the writer: it is durable."""
        self._pending.release()

    def fail(self, failure: str) -> None:
        """For the writer: it never will be."""
        self.seq, self._failure = None, failure
        self._pending.release()


@dataclass(slots=True)
class Item:
    """A record on its way: a decision, or an outcome of one that came earlier."""

    receipt: Receipt
    outcome: Outcome | None = None
    make: Callable[[], tuple[str, str]] | None = None
    """Makes the parts of a decision's body that is written down later."""
    roomed: bool = False
    """Whether it takes up room that is given back when it is durable."""
    seq: int = 0
    hash: str = ""
    row: tuple[object, ...] = ()


class Writer:
    """Owns the connection, the head and the end of the chain. `run` is for a thread of its own."""

    def __init__(
        self, connection: sqlite3.Connection, head: HeadFile, seals: Seals, tip: Head
    ) -> None:
        self.drain_seconds = 10.0
        self.owed: list[Item] = []
        """Outcomes whose commit failed: they are tried again until it works."""
        self._connection, self._head, self._seals = connection, head, seals
        self._durable = tip
        self._synced = 0.0
        self._gate = threading.Lock()  # held for moments only, never while the disk works
        self._room = threading.BoundedSemaphore(MAX_OUTCOMES)
        self._bell = threading.Lock()  # locked: nobody has rung since the thread looked
        self._bell.acquire()
        # from here on under the gate
        self._waiting: deque[Item] = deque()
        self._later: deque[Item] = deque()
        self._shapes: dict[str, str] = {}
        self._seq, self._digest = tip.seq, bytes.fromhex(tip.hash)
        self._pending = 0
        self._dozing = self._closed = self._stalled = False

    def decide_later(self, receipt: Receipt, make: Callable[[], tuple[str, str]]) -> bool:
        """Take a decision that nobody waits for, whose parts are made by `make` later; False when
        there is too much to do already.
        """
        return self._put_off(Item(receipt, make=make))

    def decide(self, receipt: Receipt, parts: tuple[str, str], *, urgent: bool) -> None:
        """Take a decision; `parts` are its body's. May fail the receipt at once.

        One that is not urgent waits like an outcome, to share a commit.
        """
        with self._gate:
            if self._closed or self._stalled:
                receipt.fail(CLOSED if self._closed else FAILED)
            elif self._pending >= MAX_PENDING:
                receipt.fail("too many decisions wait to be recorded")
            else:
                self._pending += 1
                item = Item(receipt)
                self._chain(item, parts)
                receipt.seq = item.seq
                if urgent or self._dozing:
                    self._ring()

    def shape(self, digest: str, text: str) -> None:
        """Take a text by its hash: it is durable before any record that is taken after it."""
        with self._gate:
            self._shapes[digest] = text

    def end(self, receipt: Receipt, outcome: Outcome) -> None:
        """Take an outcome; waits while there are too many. AuditUnavailable once it is closed."""
        if self._put_off(Item(receipt, outcome), always=receipt.seq is None):
            return
        parts = outcome_parts(outcome, receipt.id, receipt.seq)
        while not self._room.acquire(timeout=RETRY_SECONDS) and not self._closed:
            pass
        with self._gate:
            if self._closed:
                raise AuditUnavailable(CLOSED)
            if self._stalled:
                self.owed.append(Item(receipt, outcome, roomed=True))
                return
            self._chain(Item(receipt, outcome, roomed=True), parts)
            if self._dozing:
                self._ring()

    def _put_off(self, item: Item, *, always: bool = False) -> bool:
        """Leave it to the thread to write down, unless that has enough to do; an outcome `always`
        as long as its decision is left to it as well.
        """
        with self._gate:
            if self._closed or (not always and len(self._later) >= MAX_LATER):
                return False
            self._later.append(item)
            if self._dozing:
                self._ring()
            return True

    @property
    def left(self) -> int:
        """How many records it has that are not written."""
        return len(self.owed) + len(self._later)

    def close(self) -> bool:
        """Take nothing any more, and let the thread end; False if that was said before."""
        with self._gate:
            if self._closed:
                return False
            self._closed = True
            self._ring()
            return True

    def flush(self) -> bool:
        """Write what was handed over, on the calling thread, while `run` has not begun; whether
        it worked.
        """
        self._write()
        return not self._stalled

    def run(self) -> None:
        """Until it is closed and all is written, or `drain_seconds` after that."""
        try:
            while not self._closed:
                self._pause()
                self._write()
            deadline = time.monotonic() + self.drain_seconds
            while (self._waiting or self._later or self.owed) and time.monotonic() < deadline:
                self._write()
                if self.owed or self._stalled:
                    time.sleep(RETRY_SECONDS / 5)
            self._sync_head()
        except BaseException as error:
            self._fail([], error)
            self._closed = True
            raise

    def _chain(self, item: Item, parts: tuple[str, str]) -> None:
        """Give it its number and hash, and put it where it waits to be committed."""
        seq = self._seq + 1
        data = f"{parts[0]}{seq}{parts[1]}".encode("utf-8", "replace")
        digest = next_hash(self._digest, data)
        item.seq, item.hash = seq, digest.hex()
        item.row = (seq, data.decode(), item.hash, self._seals.record(digest))
        self._seq, self._digest = seq, digest
        self._waiting.append(item)

    def _write_down(self) -> None:
        """Chain what was put off: all of it, or some while others wait. For the gate's holder."""
        count = len(self._later)
        if self._stalled or not count:
            return
        for _ in range(min(count, LATER_AT_ONCE) if self._waiting else count):
            item = self._later.popleft()
            receipt = item.receipt
            if item.outcome is not None:
                if not receipt.failed:
                    self._chain(item, outcome_parts(item.outcome, receipt.id, receipt.seq))
                continue
            assert item.make is not None
            try:
                parts = item.make()
            except Exception:
                logger.exception("the decision on query %s can not be recorded", receipt.id)
                receipt.fail("the decision can not be recorded")
                continue
            self._pending += 1
            self._chain(item, parts)
            receipt.seq = item.seq

    def _ring(self) -> None:
        if self._bell.locked():
            self._bell.release()

    def _pause(self) -> None:
        """Until there is something to write: a decision, or outcomes that have waited enough."""
        if self._stalled:
            self._bell.acquire(timeout=RETRY_SECONDS)
            return
        for seconds in (LINGER_SECONDS, IDLE_SECONDS):
            if self._bell.acquire(timeout=seconds) or self._waiting or self._later:
                return
        self._tidy()
        with self._gate:
            self._dozing = not (self._waiting or self._later or self._closed)
        if self._dozing:
            self._bell.acquire()
            self._dozing = False

    def _write(self) -> None:
        """Everything that waits now."""
        if self._stalled:
            self._recover()
        full = True
        while full:
            with self._gate:
                self._write_down()
                count = min(MAX_GROUP, len(self._waiting))
                group = [self._waiting.popleft() for _ in range(count)]
                shapes: dict[str, str] = {}
                if group:  # before the first record that names one, or with it
                    shapes, self._shapes = self._shapes, shapes
            full = count == MAX_GROUP or (count > 0 and bool(self._later))
            if group:
                self._commit(group, shapes)

    def _commit(self, group: Sequence[Item], shapes: dict[str, str]) -> None:
        values = [value for item in group for value in item.row]
        try:
            if shapes:
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.execute(ADD_SHAPES, (canonical(list(shapes.items())),))
            self._connection.execute(append_statement(len(group)), values)
            if shapes:
                self._connection.execute("COMMIT")
        except BaseException as error:
            with self._gate:
                self._shapes = shapes | self._shapes
            self._fail(group, error)
            if isinstance(error, Exception):
                return
            raise
        self._durable = Head(group[-1].seq, group[-1].hash)
        self._write_head()
        decisions = 0
        for item in group:
            if item.outcome is None:
                item.receipt.settle()
                decisions += 1
            elif item.roomed:
                self._room.release()
        with self._gate:
            self._pending -= decisions

    def _fail(self, group: Sequence[Item], error: BaseException) -> None:
        """Nobody is told that it is durable; what follows it fails too; outcomes stay owed."""
        bug = None if isinstance(error, sqlite3.Error) else error
        logger.error("the audit log can not be written: %s", error, exc_info=bug)
        with self._gate:
            self._stalled = True
            for item in [*group, *self._waiting]:
                if item.outcome is None:
                    item.receipt.fail(FAILED)
                elif not item.receipt.failed:
                    self.owed.append(item)
                elif item.roomed:  # there is nothing it would be the outcome of
                    self._room.release()
            self._waiting.clear()
            self._pending = 0

    def _recover(self) -> None:
        """Go on from what the database has: a failed commit may have been made all the same."""
        try:
            if self._connection.in_transaction:
                self._connection.rollback()
            last = last_link(self._connection)
        except sqlite3.Error as error:
            logger.error("the audit log can not be read: %s", error)
            return
        if last and last.seq > self._durable.seq:
            self._durable = Head(last.seq, last.hash)
        with self._gate:
            self._seq, self._digest = self._durable.seq, bytes.fromhex(self._durable.hash)
            self._stalled = False
            owed, self.owed = self.owed, []
            for item in owed:
                if item.outcome is not None:
                    parts = outcome_parts(item.outcome, item.receipt.id, item.receipt.seq)
                    self._chain(item, parts)

    def _tidy(self) -> None:
        try:
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        except sqlite3.Error:  # the next commit will tell
            logger.debug("the audit log could not be tidied", exc_info=True)
        self._sync_head()

    def _write_head(self) -> None:
        self._head.write(self._durable)
        if time.monotonic() - self._synced > HEAD_SECONDS:
            self._sync_head()

    def _sync_head(self) -> None:
        try:
            self._head.sync()
        except OSError:
            logger.exception("the head of the audit log can not be made durable")
        self._synced = time.monotonic()
