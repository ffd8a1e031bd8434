"""Answers that a client reads piece by piece."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from gateway.notices import Notice
from gateway.postgres_wire.queries import Rows, Started
from gateway.postgres_wire.rows import PIECE_BYTES, pieces

Encode = Callable[[pa.RecordBatch], Iterator[bytes | memoryview]]


@dataclass(frozen=True, slots=True)
class Step:
    """A piece of an answer, encoded: how many rows it has, and whether there are more."""

    data: Sequence[bytes | memoryview]
    rows: int
    more: bool


@dataclass(slots=True)
class Answer:
    """An answer on its way, started or not. Its rows are taken in order, any number at a time."""

    schema: pa.Schema
    begin: Callable[[], Started]
    """Begins its rows."""
    rows: Rows | None = None
    ended: bool = False
    read_at: float = 0.0
    """When rows were last taken, on the monotonic clock."""
    _check: Callable[[], None] | None = None
    _notices: Sequence[Notice] = ()
    _failure: BaseException | None = None
    _waiting: list[pa.RecordBatch] = field(default_factory=list)

    @property
    def begun(self) -> bool:
        """Whether some rows were taken, and more may follow."""
        return self.rows is not None

    def resume(self) -> None:
        """Before a later command takes more rows: raise if there may be none any more."""
        if self.rows is not None and self._check is not None:
            try:
                self._check()
            except BaseException as error:
                self.break_off(error)
                raise

    def take_notices(self) -> Sequence[Notice]:
        """What its reader should know, once it has begun; the first time only."""
        notices, self._notices = self._notices, ()
        return notices

    def step(self, encode: Encode, limit: int | None) -> Step:
        """About `PIECE_BYTES` of the next rows, at most `limit` of them."""
        data, size, taken = list[bytes | memoryview](), 0, 0
        while size < PIECE_BYTES and (limit is None or taken < limit):
            batch = self._next(None if limit is None else limit - taken)
            if batch is None:
                return Step(data, taken, False)
            taken += batch.num_rows
            for piece in encode(batch):
                data.append(piece)
                size += len(piece)
        return Step(data, taken, True)

    def skip(self, limit: int | None) -> int:
        """Pass over rows; how many there were."""
        passed = 0
        while limit is None or passed < limit:
            batch = self._next(None if limit is None else limit - passed)
            if batch is None:
                break
            passed += batch.num_rows
        return passed

    def break_off(self, failure: BaseException) -> None:
        """Close it before its end: who asks for more is told why there is none."""
        if not self.ended:
            self._failure = self._failure or failure
        self.close()

    def close(self) -> None:
        self.ended = True
        self._waiting.clear()
        rows, self.rows = self.rows, None
        if rows is not None:
            rows.close()

    def _next(self, limit: int | None) -> pa.RecordBatch | None:
        self.read_at = time.monotonic()
        while not self._waiting:
            if self._failure is not None:
                raise self._failure  # an early end must not look like a whole one
            if self.ended:
                return None
            if self.rows is None:
                started = self.begin()
                self.rows, self._check = started.rows, started.check
                self._notices = started.notices
            try:
                batch = next(self.rows)
            except StopIteration:
                self.close()
                return None
            except BaseException as error:
                self._failure, self.rows = error, None
                raise
            self._waiting.extend(pieces(batch))
        first = self._waiting.pop(0)
        if limit is not None and first.num_rows > limit:
            self._waiting.insert(0, first.slice(limit))
            first = first.slice(0, limit)
        return first
