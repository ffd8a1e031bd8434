"""Executions of prepared requests, for any front: admitted, known while they run, and reported."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from threading import Timer
from typing import TYPE_CHECKING

import pyarrow as pa

from gateway.errors import TimedOut
from gateway.serving.admission import Admission
from gateway.serving.failures import log_failure
from gateway.serving.named_queries import EndedNames
from gateway.serving.reports import Reports
from gateway.serving.statements import Statement
from gateway.serving.streams import (
    CANCEL_WAIT_SECONDS,
    Cancellation,
    QueryStream,
    by_request,
    by_shutdown,
)

if TYPE_CHECKING:
    from gateway.pipeline import Gateway
    from gateway.prepared import Prepared, Result

UNREAD_SECONDS = 0.5
"""How much longer than its timeout a query is let alone: one that is read ends by itself."""


@dataclass(frozen=True, slots=True)
class Running:
    """Whose a running stream is. `name` is what its ticket is called, b"" where it has none.

    `query` is what its client has named it, "" where it has not.
    """

    owner: str
    statement: Statement
    name: bytes = b""
    query: str = ""


class Executions:
    """What runs in one gateway, over all its fronts. Safe from any thread."""

    def __init__(self, gateway: Gateway, admission: Admission, reports: Reports) -> None:
        self._gateway = gateway
        self._admission = admission
        self._reports = reports
        self._running: dict[QueryStream, Running] = {}
        self._ended = EndedNames()

    def start(
        self,
        prepared: Prepared,
        of: Running,
        gone: Callable[[], bool],
        more: Iterable[Prepared] = (),
    ) -> QueryStream:
        """Execute a request of `of.owner` in the schema its statement told the client.

        The rows of `more` follow, each made when those before have been read.

        `gone` says whether the client has left; it is polled while the query runs, and never
        after the stream is closed.
        """
        cancellation = Cancellation(gone)
        alarm: Timer | None = None

        def on_close(stream: QueryStream) -> None:
            if alarm is not None:
                alarm.cancel()
            self._running.pop(stream, None)
            self._admission.leave(of.owner)
            report = stream.result.report
            self._reports.record(of.owner, report)
            if stream.failure is not None:
                log_failure(of.owner, report.query_id, stream.failure)

        self._admission.enter(of.owner)
        try:
            result = self._gateway.execute(prepared, cancellation)
            following = self._following(result, more, of.owner, cancellation)
            result = replace(result, batches=following)
            of_client = of.statement
            stream = QueryStream(result, of_client.schema, cancellation, on_close, of_client.types)
        except BaseException as error:
            log_failure(of.owner, prepared.request.id, error)
            cancellation.end()
            self._admission.leave(of.owner)
            raise
        self._running[stream] = of
        if prepared.request.options.timeout:
            alarm = _alarm(stream, prepared.request.options.timeout)
        if self._ended.has(of.owner, of.query):  # while its plan was made
            stream.request_stop(by_request)
        return stream

    def _following(
        self, first: Result, more: Iterable[Prepared], owner: str, cancelled: Callable[[], bool]
    ) -> Iterator[pa.RecordBatch]:
        """The rows of one execution after the other."""
        yield from first.batches
        for prepared in more:
            if cancelled():  # many rows of values may have no rows to stop at
                raise by_request()
            result = self._gateway.execute(prepared, cancelled)
            try:
                yield from result.batches
            finally:
                self._reports.record(owner, result.report)

    def named(self, owner: str, name: bytes) -> list[tuple[QueryStream, Running]]:
        """What runs for a ticket of this name, of this principal."""
        key = (owner, name)
        return [(s, of) for s, of in list(self._running.items()) if (of.owner, of.name) == key]

    def check_name(self, owner: str, query: str) -> None:
        """Raise Cancelled for what its client has named, and has stopped."""
        self._ended.check(owner, query)

    def end_name(self, owner: str, query: str) -> bool:
        """Stop what runs by a name its client gave it, and what will come by it.

        Only the principal's own: others may use the same name. Whether something ran.
        """
        self._ended.end(owner, query)
        own = (owner, query)
        running = [s for s, of in list(self._running.items()) if (of.owner, of.query) == own]
        for stream in running:
            stream.request_stop(by_request)
        for stream in running:
            stream.cancel()
        return bool(running)

    def cancel_all(self, wait_seconds: float = CANCEL_WAIT_SECONDS) -> None:
        """Stop every running query, because the gateway stops."""
        running: list[QueryStream] = list(self._running)
        for stream in running:
            stream.request_stop(by_shutdown)
        deadline = time.monotonic() + wait_seconds
        for stream in running:
            stream.cancel(max(0.0, deadline - time.monotonic()))


def _alarm(stream: QueryStream, seconds: float) -> Timer:
    """Stops a stream whose client does not even ask for its rows, which nothing else would."""
    alarm = Timer(
        seconds + UNREAD_SECONDS, stream.cancel, kwargs={"reason": lambda: TimedOut(seconds)}
    )
    alarm.daemon = True
    alarm.start()
    return alarm
