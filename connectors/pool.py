"""Connections of a driver, and a bounded pool of them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Protocol

import pyarrow as pa

from connectors.interface import SourceError, SourceErrorCode

LONG_IDLE = 30.0
"""Seconds after which an idle session is asked whether it still lives before it is used."""

LONGEST_IDLE = 600.0
"""Seconds after which an idle session is dropped: firewalls forget it, servers pay for it."""

_LOOK = 0.05
"""Seconds between two looks at whether a waiting reader has been cancelled."""


class Session(Protocol):
    """One connection of a driver. Used by one thread, except `cancel`.

    Every method may raise the driver's own errors: the connector translates them.
    """

    def run(self, text: str, schema: pa.Schema | None = None) -> Iterator[pa.RecordBatch]:
        """Send the text; batches as the driver types them. A new run ends the one before.

        `schema` is what is planned, for a driver that knows no types of its own.
        """
        ...

    def cancel(self) -> None:
        """Stop in the source what `run` started. Called from any thread, also too early."""
        ...

    def close(self) -> None:
        """Drop the connection."""
        ...


class SessionPool:
    """At most `size` sessions at once, given in the order they were asked for.

    Idle ones are used again, the last used first. One that `is_current` denies is dropped
    instead, and so is one that idled for long and does not `answer`; without `keep`, every one is
    when it is given back.
    """

    def __init__(
        self,
        connect: Callable[[], Session],
        size: int,
        wait: float,
        *,
        is_current: Callable[[Session], bool] = lambda _: True,
        answers: Callable[[Session], bool] = lambda _: True,
        keep: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connect = connect
        self._is_current = is_current
        self._answers = answers
        self._keep = keep
        self._wait = wait
        self._clock = clock
        self._free = size
        self._waiting: deque[threading.Event] = deque()
        self._idle: deque[tuple[Session, float]] = deque()
        self._lock = threading.Lock()
        self._closed = False

    def acquire(
        self, *, fresh: bool = False, cancelled: threading.Event | None = None
    ) -> tuple[Session, bool]:
        """A session, and whether it has been used before. UNAVAILABLE when none gets free.

        A reader whose `cancelled` is set stops waiting, with CANCELLED.
        """
        if self._closed:
            raise SourceError(SourceErrorCode.UNAVAILABLE, "the connection to the source is closed")
        self._take_slot(cancelled)
        return self._session(fresh)

    def try_acquire(self) -> tuple[Session, bool] | None:
        """A session if one may be had without waiting for another reader, else None.

        Who holds a session may only ask for a second one in this way: it never waits for itself.
        """
        with self._lock:
            if self._closed or not self._free or self._waiting:
                return None
            self._free -= 1
        return self._session(fresh=False)

    def release(self, session: Session, *, healthy: bool) -> None:
        """Give a session back; one that is not healthy is dropped."""
        now = self._clock()
        with self._lock:
            keep = healthy and self._keep and not self._closed
            if keep:
                self._idle.append((session, now))
            old = []
            while self._idle and now - self._idle[0][1] > LONGEST_IDLE:
                old.append(self._idle.popleft()[0])
        if not keep:
            old.append(session)
        for dropped in old:
            _close_quietly(dropped)
        self._give_slot()

    def close(self) -> None:
        """Drop the idle sessions now and the others when they come back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, deque()
        for session, _ in idle:
            _close_quietly(session)

    def _session(self, fresh: bool) -> tuple[Session, bool]:
        try:
            session = None if fresh else self._take_idle()
            return (self._connect(), False) if session is None else (session, True)
        except BaseException:
            self._give_slot()
            raise

    def _take_slot(self, cancelled: threading.Event | None) -> None:
        """Wait for a slot, behind those who waited before."""
        with self._lock:
            if self._free and not self._waiting:
                self._free -= 1
                return
            turn = threading.Event()
            self._waiting.append(turn)
        deadline = time.monotonic() + self._wait
        try:
            while not turn.is_set():
                left = deadline - time.monotonic()
                if cancelled is not None and cancelled.is_set():
                    raise SourceError(SourceErrorCode.CANCELLED, "the request was cancelled")
                if left <= 0:
                    raise SourceError(
                        SourceErrorCode.UNAVAILABLE,
                        f"all connections to the source were busy for {self._wait:g} s",
                        hint="try again, or raise the option pool_size of the binding",
                        retryable=True,
                    )
                turn.wait(left if cancelled is None else min(left, _LOOK))
        except BaseException:
            with self._lock:
                given = turn not in self._waiting
                if not given:
                    self._waiting.remove(turn)
            if given:  # the slot came in the very moment its waiter left
                self._give_slot()
            raise

    def _give_slot(self) -> None:
        """Hand the slot to who has waited longest, or put it back."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._free += 1

    def _take_idle(self) -> Session | None:
        while True:
            with self._lock:
                if not self._idle:
                    return None
                session, since = self._idle.pop()
            idled = self._clock() - since
            current = False
            try:
                current = (
                    idled <= LONGEST_IDLE
                    and self._is_current(session)
                    and (idled <= LONG_IDLE or self._answers(session))
                )
            finally:
                if not current:
                    _close_quietly(session)
            if current:
                return session


def _close_quietly(session: Session) -> None:
    try:
        session.close()
    except Exception:  # a broken connection may fail to close in any way its driver likes
        return
