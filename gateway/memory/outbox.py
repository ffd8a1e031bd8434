"""The outbox: events of lineage for an endpoint of OpenLineage, each told at least once, in order.

An event's text is written down before it is sent for the first time, and is the same when it is
sent again, with the same ``Idempotency-Key``. What the endpoint has taken is noted a few events
later at most: after a crash those are told twice.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from gateway.errors import MemoryUnavailable
from gateway.memory.endpoint import Answer, Endpoint, Verdict
from gateway.memory.patience import Patience
from gateway.memory.store import Insertion, Store, Writing
from gateway.memory.telling import Telling

_log = logging.getLogger(__name__)

WINDOW = 50
"""So many events are told before it is noted that they were."""

NOTE_SECONDS = 0.25
"""So long it is put off at most, unless an event itself takes longer."""

LEASE_SECONDS = 30.0
"""After this long without a sign of life another gateway tells the events of a shared store."""

RETRY_SECONDS = (0.25, 30.0)
"""How long an endpoint that does not answer is left alone, the first time and at most."""

OUTBOX = Insertion("outbox", {"endpoint": "TEXT", "seq": "BIGINT", "token": "TEXT", "body": "TEXT"})

Told = tuple[int, str, str]
"""An event's number, its token and its text."""


class Outbox:
    """Tells one endpoint what happens. For one thread at a time.

    With the first `Outbox` for an endpoint it is told what happens from then on.
    """

    def __init__(self, store: Store, endpoint: Endpoint, version: str) -> None:
        self._store = store
        self._endpoint = endpoint
        self._telling = Telling(version)
        self._holder = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"
        self._patience = Patience(_log, *RETRY_SECONDS)
        with store.writing() as transaction:
            transaction.execute(
                "INSERT INTO export (endpoint, seq, holder, until)"
                " SELECT CAST(? AS TEXT), coalesce(max(seq), 0), '', 0 FROM lineage_event"
                " WHERE true ON CONFLICT DO NOTHING",
                (endpoint.url,),
            )

    def run(self, stop: threading.Event) -> None:
        """Tell everything there is, until `stop` is set or the endpoint does not answer."""
        if self._patience.exhausted:
            return
        try:
            window = self._step(0)
            while window:
                done, hindered = self._tell(window, stop)
                if hindered or stop.is_set():
                    self._note(done)
                    break
                window = self._step(done)
        except MemoryUnavailable as error:
            self._patience.failed(f"events of lineage wait: {error}")

    def close(self) -> None:
        """Let another gateway tell what is left."""
        self._endpoint.close()
        try:
            with self._store.writing() as transaction:
                transaction.execute(
                    "UPDATE export SET until = 0 WHERE endpoint = ? AND holder = ?",
                    (self._endpoint.url, self._holder),
                )
        except MemoryUnavailable as error:
            _log.warning("others wait a moment before they tell of lineage: %s", error)

    def _tell(self, window: Sequence[Told], stop: threading.Event) -> tuple[int, bool]:
        """Send events in their order: the number of the last one that is done with, and whether
        the endpoint is the reason that there are others left.
        """
        done, begun = 0, time.monotonic()
        for number, token, body in window:
            answer = self._endpoint.post(body, token)
            if answer.verdict is Verdict.TROUBLE:
                url = self._endpoint.url
                self._patience.failed(f"{url} takes no events of lineage: {answer.text}")
                return done, True
            if answer.verdict is Verdict.REFUSED:
                self._set_aside(number, token, body, answer)
            done = number
            self._patience.worked()
            if stop.is_set() or time.monotonic() - begun > NOTE_SECONDS:
                break
        return done, False

    def _step(self, done: int) -> list[Told]:
        """Note what is done, and take the next events; none while another gateway tells them."""
        url = self._endpoint.url
        if not done and not self._waiting():
            return []
        with self._store.writing() as transaction:
            if not self._hold(transaction):
                return []
            if done:
                self._done(transaction, done)
            left = transaction.rows(
                "SELECT seq, token, body FROM outbox WHERE endpoint = ? ORDER BY seq", (url,)
            )
            if left:
                return [(int(seq), token, body) for seq, token, body in left]
            ((cursor,),) = transaction.rows("SELECT seq FROM export WHERE endpoint = ?", (url,))
            events = self._telling.events(transaction, cursor, WINDOW)
            if events:
                transaction.insert(OUTBOX, [(url, *told) for told in events])
            return events

    def _note(self, done: int) -> None:
        if done:
            with self._store.writing() as transaction:
                self._done(transaction, done)

    def _waiting(self) -> bool:
        """Whether there is anything to tell, without holding up those who write."""
        return bool(
            self._store.rows(
                "SELECT 1 FROM lineage_event WHERE seq >"
                " (SELECT seq FROM export WHERE endpoint = ?) LIMIT 1",
                (self._endpoint.url,),
            )
        )

    def _hold(self, transaction: Writing) -> bool:
        """Whether this gateway is the one that tells, for the next LEASE_SECONDS."""
        url, now = self._endpoint.url, time.time()
        ((holder, until),) = transaction.rows(
            "SELECT holder, until FROM export WHERE endpoint = ?", (url,)
        )
        if holder != self._holder and until > now and not _gone(holder):
            return False
        transaction.execute(
            "UPDATE export SET holder = ?, until = ? WHERE endpoint = ?",
            (self._holder, now + LEASE_SECONDS, url),
        )
        return True

    def _done(self, transaction: Writing, seq: int) -> None:
        url = self._endpoint.url
        transaction.execute(
            "UPDATE export SET seq = ? WHERE endpoint = ? AND seq < ?", (seq, url, seq)
        )
        transaction.execute("DELETE FROM outbox WHERE endpoint = ? AND seq <= ?", (url, seq))

    def _set_aside(self, number: int, token: str, body: str, answer: Answer) -> None:
        _log.error("event %s of lineage was refused (%s): it is set aside", token, answer.text)
        time_ = datetime.now(UTC).isoformat(timespec="seconds")
        with self._store.writing() as transaction:
            transaction.execute(
                "INSERT INTO outbox_refused (endpoint, seq, token, body, status, answer, time)"
                " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (self._endpoint.url, number, token, body, answer.status, answer.text, time_),
            )
            self._done(transaction, number)


def _gone(holder: str) -> bool:
    """Whether who held the lease was a process of this machine that is no more."""
    host, _, rest = holder.partition("/")
    if host != socket.gethostname():
        return not holder
    try:
        os.kill(int(rest.partition("/")[0]), 0)
    except (ProcessLookupError, ValueError):
        return True
    except PermissionError:
        pass
    return False
