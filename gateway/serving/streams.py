"""Batches on their way out: cut to a size clients accept, and stopped when nobody wants them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from threading import Lock
from typing import TYPE_CHECKING

import pyarrow as pa

from gateway.errors import Cancelled, GatewayError, InternalError, InvalidQuery
from gateway.serving.plain_types import Types, plain_schema
from gateway.serving.remains import without_remains

if TYPE_CHECKING:
    from gateway.prepared import Result

MAX_BATCH_BYTES = 8 << 20
"""Clients refuse messages over 16 MiB; a row larger than this still goes as one batch."""

DECODED_ROWS = 8192
"""Rows re-encoded at once: a dictionary or a view may stand for far more bytes than it has."""

CANCEL_WAIT_SECONDS = 2.0


def by_request() -> Cancelled:
    """Somebody asked for the query to stop."""
    return Cancelled("the query was cancelled")


def by_shutdown() -> Cancelled:
    """The gateway could not wait for the query to end."""
    hint = "ask again in a while"
    return Cancelled("the gateway is stopping", hint=hint, retryable=True)


class Cancellation:
    """Whether a stream should stop: somebody asked, or its client has gone. For any thread.

    `gone` is never called after `end`: what it looks at lives only as long as the call.
    """

    def __init__(self, gone: Callable[[], bool]) -> None:
        self._gone = gone
        self._lock = Lock()
        self._ended = False
        self.reason: Callable[[], GatewayError] | None = None

    def __call__(self) -> bool:
        with self._lock:
            return self.reason is not None or self._ended or self._gone()

    def request(self, reason: Callable[[], GatewayError]) -> None:
        """Stop; the first `reason` makes the error the client sees."""
        self.reason = self.reason or reason

    def check(self) -> None:
        """Raise the reason, when there is one."""
        if self.reason is not None:
            raise self.reason()

    def end(self) -> None:
        with self._lock:
            self._ended = True


class QueryStream:
    """The batches of one execution in `schema`, each of at most MAX_BATCH_BYTES.

    `schema` is what the client was told; InvalidQuery when the execution has another by now. An
    iterator rather than a generator: `close` has to run even when no batch was ever asked
    for. `on_close` runs once, after the work has stopped; `failure` says what broke it off.
    """

    def __init__(
        self,
        result: Result,
        schema: pa.Schema,
        cancellation: Cancellation,
        on_close: Callable[[QueryStream], None],
        types: Types = Types.PLAIN,
    ) -> None:
        self.result = result
        self.schema = schema
        self._decode = not result.schema.equals(schema)
        if self._decode and not plain_schema(result.schema, types).equals(schema):
            raise InvalidQuery(
                "the columns of the answer have changed since the query was prepared",
                hint="prepare it again",
            )
        self._batches = iter(result.batches)
        self._cancellation = cancellation
        self._on_close = on_close
        self._pieces: deque[pa.RecordBatch] = deque()
        self._lock = Lock()
        self._closed = False
        self.failure: BaseException | None = None

    def __iter__(self) -> QueryStream:
        return self

    def __next__(self) -> pa.RecordBatch:
        try:
            with self._lock:
                batch = self._pull()
            if batch is not None:
                return batch
        except BaseException as error:
            # Whoever stopped it knows better why than who noticed.
            reason = self._cancellation.reason if isinstance(error, Cancelled) else None
            self.failure = reason() if reason else error
            self.close()
            if reason:
                raise self.failure from error
            raise
        self.close()
        raise StopIteration

    def request_stop(self, reason: Callable[[], GatewayError]) -> None:
        """Let the work stop at the next poll, from any thread, without waiting for it."""
        self._cancellation.request(reason)

    def cancel(
        self,
        wait_seconds: float = CANCEL_WAIT_SECONDS,
        reason: Callable[[], GatewayError] = by_request,
    ) -> bool:
        """Stop the work, from any thread; whether it had stopped when this returned."""
        self._cancellation.request(reason)
        if not self._lock.acquire(timeout=wait_seconds):
            return False
        try:
            self._stop()
        finally:
            self._lock.release()
        return True

    def close(self) -> None:
        """Release everything; more than once is fine."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._cancellation.end()
            self._pieces.clear()
            self._stop()
        self._on_close(self)

    def _pull(self) -> pa.RecordBatch | None:
        self._cancellation.check()
        if self._closed:
            return None
        while not self._pieces:
            batch = next(self._batches, None)
            if batch is None:
                self._cancellation.check()  # an early end shall never look like a whole one
                return None
            batch = without_remains(batch)
            if self._decode:
                self._pieces.extend(decoded(batch, self.schema))
            elif not batch.schema.equals(self.schema):
                raise InternalError("a batch does not have the schema of its query")
            elif batch.nbytes <= MAX_BATCH_BYTES:
                return batch
            else:
                self._pieces.extend(bounded(batch, MAX_BATCH_BYTES))
        return self._pieces.popleft()

    def _stop(self) -> None:
        close = getattr(self._batches, "close", None)
        if close is not None:
            close()


def bounded(batch: pa.RecordBatch, max_bytes: int) -> Iterator[pa.RecordBatch]:
    """The batch in slices of at most `max_bytes`, or of one row."""
    if batch.nbytes <= max_bytes or batch.num_rows <= 1:
        yield batch
        return
    rows = max(1, batch.num_rows * max_bytes // batch.nbytes)
    if rows == batch.num_rows:
        rows = (rows + 1) // 2
    for start in range(0, batch.num_rows, rows):
        yield from bounded(batch.slice(start, rows), max_bytes)  # rows differ in size


def decoded(batch: pa.RecordBatch, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The batch in the plain types of `schema`, bounded."""
    for start in range(0, batch.num_rows, DECODED_ROWS):
        yield from bounded(batch.slice(start, DECODED_ROWS).cast(schema), MAX_BATCH_BYTES)
