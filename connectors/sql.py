"""The family base of SQL connectors: a bounded pool of sessions, and streams of exact batches.

A connector of the family says how to open a `Session` of its driver and how to read its errors;
the rest (limits, cancel, retry of a stale connection, casts) is here once.
"""

from __future__ import annotations

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from functools import cache

import pyarrow as pa
from sqlglot import Dialect, exp

from connectors.capabilities import Capabilities
from connectors.casting import cast_batches
from connectors.dialect import SqlDialect
from connectors.interface import BatchStream, ObjectInfo, SourceError, SourceErrorCode, SourceKey
from connectors.pool import Session, SessionPool
from connectors.streams import SourceStream


@cache
def _sqlglot(name: str) -> Dialect:
    """A dialect of sqlglot's, which holds nothing of what it writes."""
    return Dialect.get_or_raise(name)


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
        return _sqlglot(self.dialect.name).generate(tree, comments=False, copy=copy)

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


class SqlStream(SourceStream):
    """The batches of one statement, cast exactly to the planned schema."""

    def __init__(
        self,
        pool: SessionPool,
        text: str,
        schema: pa.Schema,
        explain: Callable[[Exception], SourceError],
    ) -> None:
        super().__init__(pool, schema, explain)
        self._text = text

    def _run(self) -> Iterator[pa.RecordBatch]:
        finished = False
        delivered = self._start()
        try:
            with self._translated():
                for batch in cast_batches(delivered, self._schema):
                    self._started = True
                    yield batch
                    if self._cancelled.is_set():
                        break
                finished = not self._cancelled.is_set()
        finally:
            if not finished:
                self._stop_once()  # first, or the driver may read to the end as it closes
            delivered.close()
            self._let_go(healthy=finished)
        self._check_cancelled()

    def _start(self) -> Generator[pa.RecordBatch, None, None]:
        """The driver's batches; a pooled connection that turns out dead is replaced once."""
        self._check_cancelled()
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
        self._let_go(healthy=False)
        session, _ = self._pool.acquire(fresh=True, cancelled=self._cancelled)
        self._hold(session)
        yield from session.run(self._text, self._schema)

    def _let_go(self, *, healthy: bool) -> None:
        """Give the session back, if there is one: nobody else holds any."""
        for session in list(self._sessions):
            self._release(session, healthy=healthy)


def listed(name: str, describe: Callable[[], ObjectInfo]) -> ObjectInfo:
    """What is known of an object; of one whose columns can not be read, the problem."""
    try:
        return describe()
    except SourceError as error:
        if error.code is not SourceErrorCode.TYPE_UNSUPPORTED:
            raise
        return ObjectInfo(name, pa.schema([]), problem=error.message, hint=error.hint or "")


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
