"""Connections of a driver, and a bounded pool of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Protocol

import pyarrow as pa

from connectors.interface import SourceError, SourceErrorCode


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
    """At most `size` sessions at once; idle ones are used again, the last used first.

    One that `is_current` denies is dropped instead; without `keep`, every one is when it is given
    back.
    """

    def __init__(
        self,
        connect: Callable[[], Session],
        size: int,
        wait: float,
        *,
        is_current: Callable[[Session], bool] = lambda _: True,
        keep: bool = True,
    ) -> None:
        self._connect = connect
        self._is_current = is_current
        self._keep = keep
        self._wait = wait
        self._slots = threading.BoundedSemaphore(size)
        self._idle: list[Session] = []
        self._lock = threading.Lock()
        self._closed = False

    def acquire(self, *, fresh: bool = False) -> tuple[Session, bool]:
        """A session, and whether it has been used before. UNAVAILABLE when none gets free."""
        if self._closed:
            raise SourceError(SourceErrorCode.UNAVAILABLE, "the connection to the source is closed")
        if not self._slots.acquire(timeout=self._wait):
            raise SourceError(
                SourceErrorCode.UNAVAILABLE,
                f"all connections to the source were busy for {self._wait:g} s",
                hint="try again, or raise the option pool_size of the binding",
                retryable=True,
            )
        try:
            session = None if fresh else self._take_idle()
            return (self._connect(), False) if session is None else (session, True)
        except BaseException:
            self._slots.release()
            raise

    def release(self, session: Session, *, healthy: bool) -> None:
        """Give a session back; one that is not healthy is dropped."""
        with self._lock:
            keep = healthy and self._keep and not self._closed
            if keep:
                self._idle.append(session)
        if not keep:
            _close_quietly(session)
        self._slots.release()

    def close(self) -> None:
        """Drop the idle sessions now and the others when they come back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for session in idle:
            _close_quietly(session)

    def _take_idle(self) -> Session | None:
        while True:
            with self._lock:
                if not self._idle:
                    return None
                session = self._idle.pop()
            current = False
            try:
                current = self._is_current(session)
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
