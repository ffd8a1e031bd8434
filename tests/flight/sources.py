"""A source whose answers can be made to wait, to go on for ever or to break, and which notes it."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest

import connectors
from bench.mesh import Product
from connectors.interface import BatchStream, SourceError, SourceErrorCode
from connectors.sqlite import SqliteConnector

WAIT_SECONDS = 20.0
BATCH_ROWS = 10_000


class Recorder:
    """What happened to the streams of the source, in order, with the time of each event."""

    def __init__(self) -> None:
        self._events: list[tuple[str, str, float]] = []
        self._changed = threading.Condition()

    def note(self, table: str, event: str) -> None:
        with self._changed:
            self._events.append((table, event, time.monotonic()))
            self._changed.notify_all()

    def clear(self) -> None:
        with self._changed:
            self._events.clear()

    def wait(self, table: str, event: str, seconds: float) -> float:
        """When it happened; AssertionError if it does not within `seconds`."""

        def found() -> list[float]:
            return [at for t, e, at in self._events if (t, e) == (table, event)]

        with self._changed:
            assert self._changed.wait_for(found, seconds), f"{table} not {event}: {self._events}"
            return found()[0]


RECORDER = Recorder()


class RecordingConnector(SqliteConnector):
    """SQLite, but for the tables `blocked`, `endless` and `broken`."""

    def query(self, text: str, schema: pa.Schema) -> BatchStream:
        for table in ("blocked", "endless", "broken"):
            if table in text:
                return _Stream(table, schema)
        return super().query(text, schema)


@contextmanager
def recording(database: Path, *more: str) -> Iterator[Product]:
    """The product `probe`: a new database of empty tables, read by the connector while it lasts."""
    with sqlite3.connect(database) as connection:
        for table in ("blocked", "endless", *more):
            connection.execute(f"CREATE TABLE {table} (id INTEGER NOT NULL PRIMARY KEY)")
    connection.close()
    place = f"{RecordingConnector.__module__}:RecordingConnector"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(connectors.REGISTRY, "recording", place)  # type: ignore[arg-type]
        yield Product("probe", "recording", str(database))


class _Stream:
    def __init__(self, table: str, schema: pa.Schema) -> None:
        self.schema = schema
        self._table = table
        self._cancelled = threading.Event()

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        RECORDER.note(self._table, "started")
        arrays = [pa.array([1] * BATCH_ROWS, pa.int64()).cast(f.type) for f in self.schema]
        batch = pa.RecordBatch.from_arrays(arrays, schema=self.schema)
        if self._table == "blocked":
            self._cancelled.wait(WAIT_SECONDS)
        elif self._table == "broken":
            yield batch
            raise SourceError(
                SourceErrorCode.INTERRUPTED, "the source broke off its answer", retryable=True
            )
        deadline = time.monotonic() + WAIT_SECONDS
        while not self._cancelled.is_set() and time.monotonic() < deadline:
            yield batch
        if self._cancelled.is_set():
            raise SourceError(SourceErrorCode.CANCELLED, "the request was cancelled")

    def cancel(self) -> None:
        RECORDER.note(self._table, "stopped")
        self._cancelled.set()

    def close(self) -> None:
        self.cancel()
