"""The family base of SQL connectors: a bounded pool of sessions, and streams of exact batches.

A connector of the family says how to open a `Session` of its driver and how to read its errors;
the rest (limits, cancel, retry of a stale connection, casts) is here once.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager

import pyarrow as pa
from sqlglot import exp

from connectors.capabilities import Capabilities
from connectors.casting import cast_batches
from connectors.dialect import SqlDialect
from connectors.interface import BatchStream, ObjectInfo, SourceError, SourceErrorCode, SourceKey
from connectors.pool import Session, SessionPool

CANCEL_INTERVAL = 0.05
"""Seconds between two attempts to cancel: one sent before the statement arrived is lost."""

CANCEL_LIMIT = 30.0
"""Seconds after which cancel gives up; the connection is dropped in any case."""


class SqlConnector(ABC):
    """What the SQL connectors share. A subclass adds `schema`, `table` and, if it can, `objects`.

    Options understood here: ``pool_size`` (connections at once, 8) and ``pool_wait`` (seconds to
    wait for one, 30).
    """

    dialect: SqlDialect
    option_names = frozenset({"pool_size", "pool_wait"})
    keeps_idle_sessions = True

    def __init__(self, uri: str, options: Mapping[str, str]) -> None:
        self._uri = uri
        self._options = options
        size = positive_number(options, "pool_size", 8)
        wait = positive_number(options, "pool_wait", 30)
        self._pool = SessionPool(
            self._open_session,
            int(size),
            wait,
            is_current=self._is_current,
            answers=_answers,
            keep=self.keeps_idle_sessions,
        )

    @property
    def capabilities(self) -> Capabilities:
        """What the source may be asked."""
        return self.dialect.capabilities

    @property
    @abstractmethod
    def source_key(self) -> SourceKey:
        """Who the source is."""

    @abstractmethod
    def _connect(self) -> Session:
        """Open a connection of the driver, with its session settings."""

    @abstractmethod
    def _explain(self, error: Exception) -> SourceError:
        """The driver's error as ours."""

    def render(self, query: exp.Query, schema: pa.Schema) -> str:
        """The text the source will get."""
        return self._written(query)

    def _written(self, tree: exp.Query, *, copy: bool = True) -> str:
        """The tree in the source's words. Without `copy` it may not be used any more."""
        return tree.sql(dialect=self.dialect.name, comments=False, copy=copy)

    def query(self, text: str, schema: pa.Schema) -> BatchStream:
        """Run a rendered text; nothing is sent before the first batch is asked for."""
        return SqlStream(self._pool, text, schema, self._explain)

    def close(self) -> None:
        """Drop the connections."""
        self._pool.close()

    def _is_current(self, session: Session) -> bool:
        """Whether an idle session still reaches the source. Raises SourceError if none can."""
        return True

    def _open_session(self) -> Session:
        try:
            return self._connect()
        except SourceError:
            raise
        except Exception as error:
            raise self._explain(error) from error

    def _rows(self, text: str) -> list[dict[str, object]]:
        """The whole answer of a small query on the source's own catalogue."""
        with self._session() as session:
            batches = list(session.run(text))
        rows: list[dict[str, object]] = []
        for batch in batches:
            rows.extend(batch.to_pylist())
        return rows

    @contextmanager
    def _session(self, *, checked: bool = True) -> Iterator[Session]:
        session, used = self._pool.acquire()
        if checked and used and not _answers(session):
            self._pool.release(session, healthy=False)
            session, _ = self._pool.acquire(fresh=True)
        healthy = False
        try:
            yield session
            healthy = True
        except SourceError:
            raise
        except Exception as error:
            raise self._explain(error) from error
        finally:
            self._pool.release(session, healthy=healthy)


def _answers(session: Session) -> bool:
    try:
        for _ in session.run("SELECT 1"):
            pass
    except Exception:  # whatever is wrong with it, the caller opens another
        return False
    return True


class SqlStream:
    """The batches of one statement, cast exactly to the planned schema."""

    def __init__(
        self,
        pool: SessionPool,
        text: str,
        schema: pa.Schema,
        explain: Callable[[Exception], SourceError],
    ) -> None:
        self._pool = pool
        self._text = text
        self._schema = schema
        self._explain = explain
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._cancelled = threading.Event()
        self._ended = threading.Event()
        self._batches: Iterator[pa.RecordBatch] | None = None

    @property
    def schema(self) -> pa.Schema:
        """The planned schema; every batch has exactly it."""
        return self._schema

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        if self._batches is None:
            self._batches = self._run()
        return self._batches

    def cancel(self) -> None:
        """Stop, from any thread; returns at once."""
        if self._cancelled.is_set() or self._ended.is_set():
            return
        self._cancelled.set()
        threading.Thread(target=self._stop, name="source-cancel", daemon=True).start()

    def close(self) -> None:
        """Release everything. A statement that still runs is stopped."""
        batches, self._batches = self._batches, iter(())
        if batches is None:
            self._ended.set()
            return
        try:
            batches.close()  # type: ignore[attr-defined]
        except (AttributeError, ValueError):
            # Another thread is inside the generator (or it is spent): that thread cleans up.
            self.cancel()
            return
        self._ended.set()

    def _stop(self) -> None:
        deadline = time.monotonic() + CANCEL_LIMIT
        while time.monotonic() < deadline:
            with self._lock:  # never reaches a session that went back to the pool
                if self._ended.is_set():
                    return
                if self._session is not None:
                    try:
                        self._session.cancel()
                    except Exception:  # too early, or the connection is gone: tried again
                        pass
            if self._ended.wait(CANCEL_INTERVAL):
                return

    def _run(self) -> Iterator[pa.RecordBatch]:
        started = False
        finished = False
        delivered = self._start()
        try:
            for batch in cast_batches(delivered, self._schema):
                started = True
                yield batch
                if self._cancelled.is_set():
                    break
            finished = not self._cancelled.is_set()
        except SourceError as error:
            self._check_cancelled(error)
            raise
        except Exception as error:
            self._check_cancelled(error)
            raise interrupted(self._explain(error), started) from error
        finally:
            if not finished:
                self._stop_once()  # first, or the driver may read to the end as it closes
            delivered.close()
            self._release(healthy=finished)
        self._check_cancelled(None)

    def _start(self) -> Generator[pa.RecordBatch, None, None]:
        """The driver's batches; a pooled connection that turns out dead is replaced once."""
        self._check_cancelled(None)
        session, used = self._pool.acquire(cancelled=self._cancelled)
        self._hold(session)
        sent = False
        try:
            for batch in session.run(self._text, self._schema):
                sent = True
                yield batch
            return
        except Exception as error:
            if sent or not used or self._cancelled.is_set():
                raise
            if self._explain(error).code is not SourceErrorCode.UNAVAILABLE:
                raise
        self._release(healthy=False, ended=False)
        session, _ = self._pool.acquire(fresh=True, cancelled=self._cancelled)
        self._hold(session)
        yield from session.run(self._text, self._schema)

    def _hold(self, session: Session) -> None:
        with self._lock:
            self._session = session

    def _release(self, *, healthy: bool, ended: bool = True) -> None:
        with self._lock:
            session, self._session = self._session, None
            healthy = healthy and not self._cancelled.is_set()
            if ended:
                self._ended.set()
        if session is not None:
            self._pool.release(session, healthy=healthy)

    def _stop_once(self) -> None:
        """A reader that leaves before the end stops the work in the source too."""
        with self._lock:
            if self._session is not None:
                try:
                    self._session.cancel()
                except Exception:  # it is dropped next, which stops the work as well
                    pass

    def _check_cancelled(self, error: Exception | None) -> None:
        if self._cancelled.is_set():
            raise SourceError(SourceErrorCode.CANCELLED, "the request was cancelled") from error


def listed(name: str, describe: Callable[[], ObjectInfo]) -> ObjectInfo:
    """What is known of an object; of one whose columns can not be read, the problem."""
    try:
        return describe()
    except SourceError as error:
        if error.code is not SourceErrorCode.TYPE_UNSUPPORTED:
            raise
        return ObjectInfo(name, pa.schema([]), problem=error.message)


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


def positive_number(options: Mapping[str, str], name: str, default: float) -> float:
    """An option that is a number above zero, or BINDING_INVALID."""
    text = options.get(name)
    try:
        value = default if text is None else float(text)
    except ValueError:
        value = 0.0
    if value <= 0:
        raise SourceError(
            SourceErrorCode.BINDING_INVALID, f"option {name} must be a number above zero"
        )
    return value


def credential(user: str, secret: str) -> str:
    """An identity that tells credentials apart without holding the secret."""
    if not user and not secret:
        return ""
    digest = hashlib.blake2b(secret.encode(), key=user.encode()[:64], digest_size=8)
    return f"{user}#{digest.hexdigest()}"


_SECRETS = re.compile(
    r"://[^@\s/]*@|(password|pwd|passwd)\s*=\s*('[^']*'|\{[^}]*\}|[^\s;&]+)", re.I
)


def one_line(error: BaseException | str, limit: int = 300) -> str:
    """A driver's message fit to be shown: one line, short, without credentials."""
    text = _SECRETS.sub(lambda m: "://" if m[0].startswith("://") else f"{m[1]}=***", str(error))
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
