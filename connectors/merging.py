"""Batches of several threads on their way to one reader, bounded in bytes."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator

import pyarrow as pa


class BatchQueue:
    """What several threads have read and one reader has not yet taken: at most `limit` bytes.

    A batch larger than the limit passes alone. Each writer joins and leaves; the queue ends when
    the last one has left, or with the first error.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._writers = 0
        self._over = False
        self._batches: deque[tuple[pa.RecordBatch, int]] = deque()
        self._held = 0
        self._error: BaseException | None = None
        self._closed = False
        self._changed = threading.Condition()

    def put(self, batch: pa.RecordBatch) -> bool:
        """Hand a batch over, waiting for room. False: nobody wants it any more."""
        size = batch.nbytes
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or not self._batches or self._held + size <= self._limit
            )
            if self._closed:
                return False
            self._batches.append((batch, size))
            self._held += size
            self._changed.notify_all()
            return True

    def join(self) -> bool:
        """One more writer. False: the queue has already come to its end."""
        with self._changed:
            if self._closed or self._over:
                return False
            self._writers += 1
            return True

    def leave(self, error: BaseException | None = None) -> None:
        """One writer has ended; with an error, all are to end."""
        with self._changed:
            self._writers -= 1
            self._over = self._over or self._writers == 0
            if error is not None and not self._closed:
                self._error = error
                self._closed = True
            self._changed.notify_all()

    def close(self) -> None:
        """The reader has left, or is to leave: every `put` says False from now on."""
        with self._changed:
            self._closed = True
            self._batches.clear()
            self._held = 0
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether what is written now is still wanted."""
        return self._closed

    @property
    def held(self) -> int:
        """Bytes that wait for the reader."""
        return self._held

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """The batches in the order they came. Raises what a writer ended with."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._batches or self._closed or self._over)
                if self._error is not None:
                    raise self._error
                if not self._batches:
                    return
                batch, size = self._batches.popleft()
                self._held -= size
                self._changed.notify_all()
            yield batch
