"""Queries of a session: over datasets, by the gateway's one pipeline, or over the catalogue.

Everything here may take long and is called from a thread of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import pyarrow as pa

from gateway.errors import GatewayError


class Rows(Protocol):
    """An answer that is read batch by batch."""

    def __iter__(self) -> Iterator[pa.RecordBatch]: ...

    def __next__(self) -> pa.RecordBatch: ...

    def close(self) -> None: ...

    def stop(self, reason: Callable[[], GatewayError]) -> None:
        """Let the work stop soon, from any thread."""


class Table:
    """Rows that are there already."""

    def __init__(self, table: pa.Table) -> None:
        self._batches = iter(table.combine_chunks().to_batches())

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return self

    def __next__(self) -> pa.RecordBatch:
        return next(self._batches)

    def close(self) -> None:
        pass

    def stop(self, reason: Callable[[], GatewayError]) -> None:
        pass
