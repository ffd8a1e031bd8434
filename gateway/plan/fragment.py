"""A fragment: the one piece of a plan that one source runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

import pyarrow as pa

from connectors.interface import BatchStream, SourceKey


@dataclass(frozen=True, slots=True)
class Fragment:
    """What one source gets: the exact text, and the schema its answer must have.

    `open` asks the source for a text. `shown` is the text as the caller may see it: without what
    policies have written into it.
    `keys` is how many values of other fragments are in the text. One that is `computed` asks no
    source: the engine makes it of another fragment, and no run of it is counted.
    """

    number: int
    source: SourceKey
    text: str
    schema: pa.Schema
    open: Callable[[str], BatchStream] = field(repr=False, compare=False)
    shown: str = ""
    keys: int = 0
    computed: bool = False


@dataclass(slots=True)
class FragmentRun:
    """What a fragment did in one execution; counts every batch that came from the source."""

    fragment: Fragment
    rows: int = 0
    bytes: int = 0
    seconds: float = 0.0
    opened: int = 0


class FragmentReads:
    """The open reads of one execution, so that they can be counted and all be cancelled.

    DataFusion loses the type of an exception raised inside a table; `failure` keeps it, and
    `failed` the fragment it came from.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._streams: set[BatchStream] = set()
        self._cancelled = False
        self._numbers = 0
        self.runs: dict[int, FragmentRun] = {}
        self.planned: list[Fragment] = []
        self.failure: BaseException | None = None
        self.failed: Fragment | None = None

    def reserve(self, numbers: int) -> None:
        """Numbers up to this one belong to fragments the plan already has."""
        with self._lock:
            self._numbers = max(self._numbers, numbers)

    def next_number(self) -> int:
        """A number for a fragment that is only made while the query runs."""
        with self._lock:
            self._numbers += 1
            return self._numbers

    def read(self, fragment: Fragment) -> Generator[pa.RecordBatch]:
        """The fragment's batches, counted. The source is asked at the first batch."""
        with self._lock:
            run = FragmentRun(fragment)
            if not fragment.computed:
                run = self.runs.setdefault(fragment.number, run)
            run.opened += 1
        stream = self._open(fragment)
        try:
            batches = iter(stream)
            while True:
                started = time.perf_counter()
                batch = next(batches, None)
                waited = time.perf_counter() - started
                with self._lock:
                    run.seconds += waited
                    if batch is not None:
                        run.rows += batch.num_rows
                        run.bytes += batch.nbytes
                if batch is None:
                    return
                yield batch
        except GeneratorExit:
            raise
        except BaseException as error:
            self.fail(error, fragment)
            raise
        finally:
            with self._lock:
                self._streams.discard(stream)
            stream.close()

    @property
    def cancelled(self) -> bool:
        """Whether the reads have been stopped: what ends after that may not be complete."""
        with self._lock:
            return self._cancelled

    @property
    def open_streams(self) -> int:
        """How many sources are being read."""
        with self._lock:
            return len(self._streams)

    def _open(self, fragment: Fragment) -> BatchStream:
        try:
            stream = fragment.open(fragment.text)
        except BaseException as error:
            self.fail(error, fragment)
            raise
        with self._lock:
            self._streams.add(stream)
            cancelled = self._cancelled
        if cancelled:
            stream.cancel()
        return stream

    def anew(self, *, beside: bool = False) -> FragmentReads:
        """Reads for another run after one that failed, reported in its place, or `beside` it."""
        again = FragmentReads()
        with self._lock:
            kept = {-number: run for number, run in self.runs.items()} if beside else {}
            self.runs.clear()
            self.runs.update(kept)
            again.runs = self.runs
        return again

    def fail(self, error: BaseException, fragment: Fragment | None = None) -> None:
        """Keep what a reading has failed with, unless another has before it."""
        if self.failure is None:
            self.failure, self.failed = error, fragment

    def cancel_after_failure(self) -> None:
        """Stop every open read if one has failed: nobody will want the others' rows."""
        if self.failure is not None:
            self.cancel()

    def cancel(self) -> None:
        """Stop every open read, and every one that may still be opened, in its source too."""
        with self._lock:
            self._cancelled = True
            streams = list(self._streams)
        for stream in streams:
            stream.cancel()
