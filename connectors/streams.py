"""The life of a stream of batches: iterated once, cancelled from any thread, closed at any time."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pyarrow as pa

from connectors.interface import BatchStream, SourceError, SourceErrorCode
from connectors.pool import Session, SessionPool

CANCEL_INTERVAL = 0.05
"""Seconds between two attempts to cancel: one sent before the statement arrived is lost."""

CANCEL_LIMIT = 30.0
"""Seconds after which cancel gives up; the connection is dropped in any case."""


class SourceStream(ABC):
    """What the streams over a pool of sessions share. A subclass says in `_run` what is read.

    Whoever works with a session holds it (`_hold`) and gives it back (`_release`): in between,
    and never later, `cancel` reaches it.
    """

    def __init__(
        self, pool: SessionPool, schema: pa.Schema, explain: Callable[[Exception], SourceError]
    ) -> None:
        self._pool = pool
        self._schema = schema
        self._explain = explain
        self._lock = threading.Lock()
        self._sessions: set[Session] = set()
        self._cancelled = threading.Event()
        self._started = False
        self._ended = False
        self._batches: Iterator[pa.RecordBatch] | None = None

    @property
    def schema(self) -> pa.Schema:
        """The planned schema; every batch has exactly it."""
        return self._schema

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        if self._batches is None:
            self._batches = self._live()
        return self._batches

    def cancel(self) -> None:
        """Stop, from any thread; returns at once."""
        if self._cancelled.is_set() or self._ended:
            return
        self._cancelled.set()
        self._wake()
        threading.Thread(target=self._stop, name="source-cancel", daemon=True).start()

    def close(self) -> None:
        """Release everything. Statements that still run are stopped."""
        batches, self._batches = self._batches, iter(())
        if batches is not None:
            try:
                batches.close()  # type: ignore[attr-defined]
            except (AttributeError, ValueError):
                # Another thread is inside the generator (or it is spent): that thread cleans up.
                self.cancel()
                return
        self._ended = True

    @abstractmethod
    def _run(self) -> Iterator[pa.RecordBatch]:
        """The batches; what is held is given back when it ends, however it ends."""

    def _wake(self) -> None:  # noqa: B027 (most streams wait for nothing but their source)
        """Tell those who wait for something else than a session that all is over."""

    def _live(self) -> Iterator[pa.RecordBatch]:
        try:
            yield from self._run()
        finally:
            self._ended = True

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Errors of the driver as SourceError; any error after `cancel` is CANCELLED."""
        try:
            yield
        except SourceError as error:
            self._check_cancelled(error)
            raise
        except Exception as error:
            self._check_cancelled(error)
            raise interrupted(self._explain(error), self._started) from error

    def _hold(self, session: Session) -> None:
        """Let `cancel` reach the session. CANCELLED when it is too late; it is held even then."""
        with self._lock:
            self._sessions.add(session)
        self._check_cancelled()

    def _release(self, session: Session, *, healthy: bool) -> None:
        """Give a session back; after `cancel` it is dropped."""
        with self._lock:
            self._sessions.discard(session)
            healthy = healthy and not self._cancelled.is_set()
        self._pool.release(session, healthy=healthy)

    def _stop(self) -> None:
        """Cancel what runs until every session is given back."""
        deadline = time.monotonic() + CANCEL_LIMIT
        while self._stop_once() and time.monotonic() < deadline:
            time.sleep(CANCEL_INTERVAL)

    def _stop_once(self) -> bool:
        """Cancel what runs; whether anything is held."""
        with self._lock:  # never reaches a session that went back to the pool
            for session in self._sessions:
                cancel_quietly(session)
            return bool(self._sessions)

    def _check_cancelled(self, error: Exception | None = None) -> None:
        if self._cancelled.is_set():
            raise SourceError(SourceErrorCode.CANCELLED, "the request was cancelled") from error


class SplitStream(SourceStream):
    """A statement that is read in parts, if its source and its plan allow it, or else whole.

    Whatever fails while the parts are prepared, the statement is run whole, which deals with a
    stale connection and finds the error to tell.
    """

    def __init__(
        self,
        pool: SessionPool,
        schema: pa.Schema,
        explain: Callable[[Exception], SourceError],
        whole: Callable[[], BatchStream],
    ) -> None:
        super().__init__(pool, schema, explain)
        self._open_whole = whole
        self._whole: BatchStream | None = None

    @abstractmethod
    def _is_candidate(self) -> bool:
        """Whether it is worth to ask for a session at all."""

    @abstractmethod
    def _is_worthwhile(self, session: Session) -> bool:
        """Whether the server's plan of the statement is one to be split. Changes nothing."""

    @abstractmethod
    def _begin(self, session: Session) -> bool:
        """Open the snapshot that all parts are read in. False: it can not be split after all."""

    @abstractmethod
    def _parts(self, session: Session) -> Iterator[pa.RecordBatch]:
        """The rows of all parts; the session is given back when it ends, however it ends."""

    def _wake(self) -> None:
        # It is set before it is looked whether the stream is cancelled: one of us sees it.
        if self._whole is not None:
            self._whole.cancel()

    def _run(self) -> Iterator[pa.RecordBatch]:
        self._check_cancelled()
        session = self._prepare()
        if session is not None:
            yield from self._parts(session)
            return
        self._check_cancelled()
        whole = self._whole = self._open_whole()
        if self._cancelled.is_set():
            whole.cancel()
        try:
            yield from whole
        finally:
            whole.close()

    def _prepare(self) -> Session | None:
        """The session that leads the read, in its snapshot; None to read the statement whole."""
        session = None
        kept = False
        healthy = True
        try:
            if not self._is_candidate():
                return None
            session, _ = self._pool.acquire(cancelled=self._cancelled)
            self._hold(session)
            healthy = False
            if not self._is_worthwhile(session):
                healthy = True
                return None
            kept = self._begin(session)
            return session if kept else None
        except SourceError as error:
            if error.code is SourceErrorCode.UNAVAILABLE and session is None:
                raise
            return None
        except Exception:  # the whole statement tells what is wrong, if anything is
            return None
        finally:
            if session is not None and not kept:
                self._release(session, healthy=healthy)


def execute(session: Session, text: str) -> None:
    """Run a statement whose answer, if there is one, nobody needs."""
    for _ in session.run(text):
        pass


def cancel_quietly(session: Session) -> None:
    """Cancel what a session runs; that it can not be is no error."""
    try:
        session.cancel()
    except Exception:  # too early, or the connection is gone
        return


def interrupted(error: SourceError, started: bool) -> SourceError:
    """A source that went away after its first batch has interrupted, not refused, the work."""
    if started and error.code is SourceErrorCode.UNAVAILABLE:
        return SourceError(
            SourceErrorCode.INTERRUPTED,
            "the source stopped in the middle of its answer",
            hint="run the query again",
            retryable=True,
        )
    return error
