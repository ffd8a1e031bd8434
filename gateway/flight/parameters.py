"""Prepared statements of clients, and the rows of values that they bind to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa

from gateway.errors import InvalidQuery, LimitExceeded
from gateway.model import Principal
from gateway.serving.statements import Statement

MAX_ROWS = 10_000
"""How many rows of values may be bound at once: the statement is run for each."""

MAX_BYTES = 1 << 20
"""How many bytes of values may be bound at once: as much as a text may have."""


class PreparedStatement:
    """A statement kept under a handle. What is bound stays until something else is."""

    def __init__(self, statement: Statement) -> None:
        self.statement = statement
        self._values: pa.Table | None = None

    def bind(self, batches: Iterable[pa.RecordBatch], columns: int) -> None:
        """Take rows of values, one column a parameter; no columns unbind.

        Raises InvalidQuery, LimitExceeded.
        """
        expected = len(self.statement.parameters)
        if columns and columns != expected:
            raise InvalidQuery(
                f"values the statement takes: {expected}, given: {columns}",
                hint="bind a value to each of its placeholders",
            )
        held = list(_limited(batches)) if columns else []
        if columns and not any(batch.num_rows for batch in held):
            raise InvalidQuery("no row of values was bound", hint="bind one row or several")
        self._values = pa.Table.from_batches(held) if columns else None

    def once(self, principal: Principal) -> Statement:
        """The statement with the values bound, for one execution."""
        return self.statement.once(principal, self._values)


def _limited(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    rows = size = 0
    for batch in batches:
        rows += batch.num_rows
        size += batch.nbytes
        if rows > MAX_ROWS or size > MAX_BYTES:
            raise LimitExceeded(
                f"more than {MAX_ROWS} rows or {MAX_BYTES >> 20} MiB of values were bound at once",
                hint="bind them in several turns",
            )
        yield batch
