"""Runs a plan: batches out, bounded, cancellable even while blocked, finished exactly once."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import closing
from dataclasses import replace
from functools import cache, partial

import pyarrow as pa
from datafusion import DataFrame

from connectors.embedded_duckdb import Rows
from connectors.interface import BatchStream, SourceError
from gateway.config import Config
from gateway.engines.brief_runs import brief_run
from gateway.engines.datafusion import Tuning
from gateway.engines.failures import exhausted, translate
from gateway.engines.fetching import Fetching
from gateway.engines.grouping import NotWorthGrouping
from gateway.engines.unchanged import FilesChanged
from gateway.errors import Cancelled, GatewayError, InvalidQuery, Unsupported
from gateway.plan.embedded import is_embedded
from gateway.plan.embedded_remainder import EmbeddedRemainder
from gateway.plan.fragment import Fragment, FragmentReads
from gateway.plan.guards import merge_joins_are_right
from gateway.plan.plan import Plan
from gateway.plan.planner import open_frame

log = logging.getLogger("meshgate.engine")

_NO_FILTER = ("BooleanScalar", "ArrowNotImplementedError")
"""What errors say about filters that a table can not be handed."""

IsCancelled = Callable[[], bool]


def run(
    plan: Plan, config: Config, reads: FragmentReads, cancelled: IsCancelled, text: str
) -> Generator[pa.RecordBatch]:
    """The plan's rows in its schema. Closing the generator stops the work, in the sources too.

    Raises GatewayError only.
    """
    started = False
    overdue = _overdue(plan)

    def stopped() -> bool:
        return cancelled() or (not started and overdue())

    try:
        for batch in _run(plan, config, reads, stopped, text):
            started = True
            yield batch
        return
    except GatewayError as error:
        try:
            other = None if started or cancelled() else _otherwise(plan, reads, error)
        except SourceError as failure:  # files that are gone are looked for when they are planned
            raise translate(failure, text) from failure
        if other is None:
            raise
        regretted = plan.tried or isinstance(error, NotWorthGrouping)
    yield from _run(other, config, reads.anew(beside=regretted), cancelled, text)


def _overdue(plan: Plan) -> Callable[[], bool]:
    """Tells whether a plan that is tried has by now taken longer than the one it may replace."""
    if plan.watch is None or plan.otherwise is None or not plan.tried:
        return lambda: False
    end = time.monotonic() + plan.watch.patience
    return lambda: time.monotonic() > end


def _otherwise(plan: Plan, reads: FragmentReads, error: GatewayError) -> Plan | None:
    """The plan without the embedded engine, groupings ahead or a trial, when this failed.

    What overflows or finds no room there may not do so in the gateway's engine; and where it
    would, the error is that engine's own.
    """
    if plan.otherwise is not None and isinstance(error, NotWorthGrouping):
        log.info("grouping ahead of a source did not pay: %s", error)
        return plan.otherwise()
    if plan.otherwise is not None and plan.tried:
        if error.retryable:
            return None
        log.info("pulling a query failed or took too long, its source is asked: %s", error.code)
        return plan.otherwise()
    if plan.otherwise is not None and isinstance(error, FilesChanged):
        log.info("%s: it runs again, and reads each once", error.message)
        return plan.otherwise()
    if plan.otherwise is None or reads.failed is None:
        return None
    if not is_embedded(reads.failed, plan.tables):
        return None
    log.info("the embedded engine gave up, the gateway's takes over: %s", reads.failure)
    return plan.otherwise()


def _run(
    plan: Plan, config: Config, reads: FragmentReads, cancelled: IsCancelled, text: str
) -> Generator[pa.RecordBatch]:
    if plan.constant is not None:
        yield from (conform(batch, plan.schema) for batch in plan.constant)
        return
    if cancelled():  # what takes less than a poll would never ask
        raise Cancelled("the request was cancelled")
    batches = (
        _passed_through(plan.fragments[0], config, reads, cancelled)
        if plan.whole
        else _computed(plan, config, reads, cancelled)
    )
    try:
        with closing(batches):
            for batch in batches:
                yield conform(batch, plan.schema)
    except GeneratorExit:
        raise
    except BaseException as error:
        raise translate(reads.failure or error, text) from error
    finally:
        reads.cancel()


def conform(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The batch under the names and types clients were promised, by position.

    Raises InvalidQuery for a value that is none of the type.
    """
    if batch.schema.equals(schema):
        return batch
    columns = [
        column if column.type == field.type else _promised(column, field)
        for column, field in zip(batch.columns, schema, strict=True)
    ]
    if not columns:
        return batch
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _promised(column: pa.Array, field: pa.Field) -> pa.Array:
    """A column in the type it was described with, before the values of parameters were known."""
    try:
        return column.cast(field.type)
    except pa.ArrowInvalid as error:
        raise InvalidQuery(
            f"a value of column {field.name} does not fit into {field.type},"
            " which the answer was described with",
            hint="cast the parameter, as in CAST(? AS numeric(38, 20))",
        ) from error


def _computed(
    plan: Plan, config: Config, reads: FragmentReads, cancelled: IsCancelled
) -> Generator[pa.RecordBatch]:
    """The engine's rows; a brief plan that fails before the first of them is run like any other."""
    brief = brief_run(plan, config, cancelled)
    if brief is not None:
        started = False
        try:
            for batch in brief:
                started = True
                yield batch
            return
        except Cancelled:
            raise
        except Exception as error:
            if started:
                raise
            log.debug("a brief plan is run like any other: %s", error)
    yield from _watched(plan, config, reads, cancelled)


def _watched(
    plan: Plan, config: Config, reads: FragmentReads, cancelled: IsCancelled
) -> Generator[pa.RecordBatch]:
    """The engine's rows; what fails before the first of them is tried once in another way."""
    started = False
    with closing(Fetching(plan, config, reads)) as fetching:
        fetching.run(cancelled)
        if plan.embedded is not None:
            fragment = _over_inputs(plan.embedded, fetching, reads)
            if plan.embedded.rest is None:
                answer = _passed_through(fragment, config, reads, cancelled)
                yield from fetching.files.guard(answer)
                return
            fetching.add(fragment)
        try:
            frame = _frame(plan, config, reads, fetching)
            if not plan.tuning.hash_joins and not _joins_right(frame):
                raise Unsupported(
                    "the engine can not join so: an outer join with a condition beside its equal"
                    " columns, below a filter, in a query that can not be federated",
                    hint="move the condition of the join into a sub-query of the table it is about",
                )
            for batch in fetching.files.guard(_pump(frame, config, cancelled)):
                started = True
                yield batch
            return
        except Exception as error:
            tuning = None if started else another_way(plan.tuning, error)
            if tuning is None:
                raise
            frame = _frame(plan, config, reads, fetching, tuning)
            if not tuning.hash_joins and not _joins_right(frame):
                raise
        yield from fetching.files.guard(_pump(frame, config, cancelled))


def _over_inputs(
    remainder: EmbeddedRemainder, fetching: Fetching, reads: FragmentReads
) -> Fragment:
    """The remainder as a fragment that brings the answers of the others to its engine.

    Those that the embedded engine gives itself are read before: two of its engines for one query
    would wait for each other, once there are as many queries as engines.
    """
    fragment = remainder.fragment

    def open_over(text: str) -> BatchStream:
        held = {number: list(fetching.read(number)) for number in remainder.local}
        rows = {}
        for name, number in remainder.inputs.items():
            kept = held.get(number)
            batches = partial(fetching.read, number) if kept is None else partial(iter, kept)
            rows[name] = Rows(fetching.schema(number), batches, reads.cancel_after_failure)
        return remainder.files.query_over(text, fragment.schema, rows)

    return replace(fragment, open=open_over)


def _frame(
    plan: Plan,
    config: Config,
    reads: FragmentReads,
    fetching: Fetching,
    tuning: Tuning | None = None,
) -> DataFrame:
    return open_frame(plan, config, reads, tuning, fetching.providers())


def _joins_right(frame: DataFrame) -> bool:
    """Whether a plan of merge joins has none that the engine gets wrong."""
    return merge_joins_are_right(frame.execution_plan().display_indent())


def another_way(tuning: Tuning, error: Exception) -> Tuning | None:
    """How the engine may yet succeed, or None.

    Hash joins do not spill; a table can not be handed a filter of which one part is constant, nor
    any filter when one of its columns is of a type that Arrow's filters have no word for.
    """
    if exhausted(error):
        return replace(tuning, hash_joins=False)
    if any(said in str(error) for said in _NO_FILTER):
        return replace(tuning, push_filters=False)
    return None


def _pump(frame: DataFrame, config: Config, cancelled: IsCancelled) -> Generator[pa.RecordBatch]:
    """Pull batches on the engine's event loop, one ahead, watching for a client that left."""
    pull = _Pull(frame)
    ahead = pull.next()
    try:
        while True:
            batch = _wait(ahead, config.poll_seconds, cancelled)
            if batch is None:
                return
            ahead = pull.next()
            if batch.num_rows:
                yield batch
    finally:
        pull.stop()


class _Pull:
    """The engine's stream, asked from threads and run on the event loop."""

    def __init__(self, frame: DataFrame) -> None:
        # the bare stream: its wrapper would live on in the traceback of a cancelled call
        self._stream = frame.execute_stream().rbs
        self._task: asyncio.Task[pa.RecordBatch | None] | None = None

    def next(self) -> Future[pa.RecordBatch | None]:
        """The next batch, or None at the end."""
        return asyncio.run_coroutine_threadsafe(self._following(), _loop())

    async def _following(self) -> pa.RecordBatch | None:
        self._task = asyncio.current_task()
        try:
            batch = await self._stream.__anext__()
        except StopAsyncIteration:
            return None
        finally:
            self._task = None
        return batch.to_pyarrow()

    def stop(self) -> None:
        """Drop the work. The engine's stream must outlive the call into it, or that runs on."""
        asyncio.run_coroutine_threadsafe(self._stopped(), _loop())

    async def _stopped(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        del self._stream  # an error on its way to the client may hold this object for long


def _wait(
    future: Future[pa.RecordBatch | None], poll_seconds: float, cancelled: IsCancelled
) -> pa.RecordBatch | None:
    while True:
        try:
            return future.result(poll_seconds)
        except FutureTimeout:
            if future.done():
                raise
            if cancelled():
                raise Cancelled("the request was cancelled") from None


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="meshgate-engine", daemon=True).start()
    return loop


def _passed_through(
    fragment: Fragment, config: Config, reads: FragmentReads, cancelled: IsCancelled
) -> Generator[pa.RecordBatch]:
    """One fragment is the answer: its reader fills a bounded queue from a thread of its own."""
    batches: queue.Queue[pa.RecordBatch | BaseException | None] = queue.Queue(config.queued_batches)
    left = threading.Event()

    def put(item: pa.RecordBatch | BaseException | None) -> bool:
        while not left.is_set():
            try:
                batches.put(item, timeout=config.poll_seconds)
                return True
            except queue.Full:
                continue
        return False

    def fill() -> None:
        end: BaseException | None = None
        try:
            with closing(reads.read(fragment)) as source:
                for batch in source:
                    if batch.num_rows and not put(batch):
                        return
        except BaseException as error:
            end = error
        put(end)

    threading.Thread(target=fill, name="meshgate-read", daemon=True).start()
    try:
        while True:
            try:
                item = batches.get(timeout=config.poll_seconds)
            except queue.Empty:
                if cancelled():
                    raise Cancelled("the request was cancelled") from None
                continue
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        left.set()
