"""The time a client allows for a query: when it is over, the work stops and says so."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import closing

import pyarrow as pa

from gateway.errors import Cancelled, TimedOut

Batches = Generator[pa.RecordBatch]
IsCancelled = Callable[[], bool]


def within(
    seconds: float | None, cancelled: IsCancelled, run: Callable[[IsCancelled], Batches]
) -> Batches:
    """The batches of `run`; TimedOut once `seconds` have gone since the first was asked for.

    `run` gets what it is to poll: it stops for the one as for the other.
    """
    if not seconds:
        yield from run(cancelled)
        return
    end = time.monotonic() + seconds

    def overdue() -> bool:
        return time.monotonic() >= end

    try:
        with closing(run(lambda: cancelled() or overdue())) as batches:
            for batch in batches:
                if overdue():
                    raise TimedOut(seconds)
                yield batch
    except Cancelled as error:
        if cancelled() or not overdue():
            raise
        raise TimedOut(seconds) from error
