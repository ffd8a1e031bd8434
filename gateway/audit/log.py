"""The log as the gateway writes it: decisions that can be waited for, and outcomes."""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import threading
from pathlib import Path

from gateway.audit.chain import Seals, Walk
from gateway.audit.database import last_link, links, note_ended, open_writer, unended
from gateway.audit.files import (
    DATABASE,
    LOGS,
    Head,
    HeadFile,
    Lock,
    LogTaken,
    first_folder,
    key_file,
    log_folder,
    log_numbers,
    make_key,
    private_file,
    private_folder,
    read_head,
    read_key,
    sync_folder,
)
from gateway.audit.record import ABANDONED, Outcome, Record, decision_parts
from gateway.audit.statement import Statements
from gateway.audit.writer import Receipt, Writer
from gateway.errors import AuditBroken, AuditUnavailable

logger = logging.getLogger(__name__)


MAX_SHAPES = 65_536
"""So many texts are remembered as being in the log; others are handed over once more."""

ENDED_AT_ONCE = 5000
"""How many decisions of a gateway that is no more are ended in one go: less than wait at most."""


class AuditLog:
    """Open for one gateway. Safe to use from many threads.

    It is in `folder`; log 1 of its mesh is in `first`.
    """

    def __init__(
        self,
        folder: Path,
        number: int,
        connection: sqlite3.Connection,
        head: HeadFile,
        lock: Lock,
        seals: Seals,
        tip: Head,
    ) -> None:
        """For `open`, which checks what is there first."""
        self.folder, self.first = folder, first_folder(folder, number)
        self._connection, self._head, self._lock = connection, head, lock
        self._statements = Statements(seals.fingerprint)
        self._shapes: set[str] = set()
        self._writer = Writer(connection, head, seals, tip)
        self._end_open(tip.seq)
        self._thread = threading.Thread(target=self._writer.run, name="audit", daemon=True)
        self._thread.start()

    @classmethod
    def open(cls, folder: Path, key: bytes | None, number: int = 1) -> AuditLog:
        """The log in `folder`, made if there is none; `number` tells it from others of its mesh.

        LogTaken when another gateway has it open, AuditUnavailable when the disk does not let us,
        AuditBroken when what is there is not what was written last.
        """
        seals = Seals.of(key, number)
        private_folder(folder)
        try:
            folder.chmod(0o700)
            lock = Lock(folder)
            private_file(folder / DATABASE)
        except OSError as error:
            raise AuditUnavailable(f"can not write into {folder}: {error.strerror}") from error
        try:
            connection = open_writer(folder)
            try:
                tip = _tip(connection, folder, seals)
                head = _new_head(folder, seals, tip)
            except BaseException:
                connection.close()
                raise
        except BaseException:
            lock.close()
            raise
        return cls(folder, number, connection, head, lock, seals, tip)

    @classmethod
    def open_in(cls, mesh: Path, folder: str) -> AuditLog:
        """The first log of a mesh that no other gateway writes; `folder` is where log 1 is.

        All have one key, made on first use, beside the folders.
        """
        place = mesh / folder
        path = key_file(place)
        key = read_key(path)
        if key is None and log_numbers(place):
            raise AuditBroken(
                f"the key {path} of the audit log is gone",
                hint="put it back; or move the log's folder away to begin a new one",
            )
        key = key or make_key(path)
        for number in LOGS:
            try:
                return cls.open(log_folder(place, number), key, number)
            except LogTaken:
                continue
        raise AuditUnavailable(
            f"{len(LOGS)} gateways write the audit logs of {mesh} already",
            hint="stop one, or give this one another audit folder",
        )

    def shape(self, text: str) -> str:
        """The hash of a text, which decisions may name from now on. Never waits for the disk."""
        digest = hashlib.sha256(text.encode()).hexdigest()
        if digest not in self._shapes:
            if len(self._shapes) >= MAX_SHAPES:
                self._shapes.clear()
            self._writer.shape(digest, text)
            self._shapes.add(digest)
        return digest

    def record(self, record: Record, *, urgent: bool = True) -> Receipt:
        """Hand over a decision; its receipt tells when it is durable. Never waits for the disk.

        One that nobody will wait for need not be `urgent`: it is durable a moment later.
        """
        receipt = Receipt(record.id)
        if not urgent and self._writer.decide_later(receipt, lambda: self._parts(record)):
            return receipt
        try:
            parts = self._parts(record)
        except Exception:
            logger.exception("the decision on query %s can not be recorded", record.id)
            receipt.fail("the decision can not be recorded")
        else:
            self._writer.decide(receipt, parts, urgent=urgent)
        return receipt

    def outcome(self, receipt: Receipt, outcome: Outcome) -> None:
        """Hand over how the request of a decision ended. Waits while too many do; drops none.

        AuditUnavailable once the log is closed.
        """
        self._writer.end(receipt, outcome)

    def close(self) -> None:
        """Write everything that was handed over, and let go of the folder.

        AuditUnavailable if outcomes are left that could not be written.
        """
        if not self._writer.close():
            return
        self._thread.join()
        lost = self._writer.left
        try:
            self._connection.close()
            self._head.close()
        except sqlite3.Error:
            logger.exception("the audit log could not be closed")
        finally:
            self._lock.close()
        if lost:
            raise AuditUnavailable(f"{lost} outcomes of queries could not be recorded")

    def _parts(self, record: Record) -> tuple[str, str]:
        return decision_parts(record, self._statements.written(record))

    def _end_open(self, last: int) -> None:
        """End the decisions whose gateway is no more: it can not say any more how they went."""
        try:
            waiting = list(unended(self._connection))
            for start in range(0, len(waiting), ENDED_AT_ONCE):
                for seq, query in waiting[start : start + ENDED_AT_ONCE]:
                    receipt = Receipt(query)
                    receipt.seq = seq
                    self._writer.end(receipt, Outcome(ABANDONED))
                if not self._writer.flush():
                    return  # its thread tries again, and the next gateway looks again
            note_ended(self._connection, last)
        except sqlite3.Error:
            logger.exception("what the last gateway left open could not be ended")

    def __enter__(self) -> AuditLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _new_head(folder: Path, seals: Seals, tip: Head) -> HeadFile:
    try:
        head = HeadFile(folder, seals)
        for _ in range(2):  # both places: an older one is of no use any more
            head.write(tip)
        head.sync()
        sync_folder(folder)
    except OSError as error:
        raise AuditUnavailable(f"can not write into {folder}: {error.strerror}") from error
    return head


def _tip(connection: sqlite3.Connection, folder: Path, seals: Seals) -> Head:
    try:
        return _checked_tip(connection, folder, seals)
    except sqlite3.Error as error:
        raise AuditBroken(f"the audit log in {folder} is damaged: {error}") from error


def _checked_tip(connection: sqlite3.Connection, folder: Path, seals: Seals) -> Head:
    """The end of the chain, after a look at what came since the head was last written."""
    hint = "meshgate audit verify says more; docs/audit.md what to do"
    head = read_head(folder, seals)
    last = last_link(connection)
    if head is None and last is not None:
        raise AuditBroken(f"the audit log in {folder} has lost its head file", hint=hint)
    known = head or Head()
    found = list(links(connection, known.seq - 1, known.seq))
    if known.seq and (not found or found[0].hash != known.hash):
        raise AuditBroken(
            f"the audit log in {folder} does not hold its record {known.seq} any more", hint=hint
        )
    walk = Walk(seals, known.seq, bytes.fromhex(known.hash))
    tip = known
    for link in links(connection, known.seq, last.seq if last else 0):
        walk.follow(link)
        tip = Head(link.seq, link.hash)
    end = walk.end()
    if not end.intact:
        raise AuditBroken(f"the audit log in {folder} is broken: {end.problems[0].text}", hint=hint)
    return tip
