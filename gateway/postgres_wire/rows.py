"""DataRows out of record batches: column by column, and put together for all rows at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gateway.postgres_wire import binary_cells, text_cells
from gateway.postgres_wire.cells import lengths, plain, prefixes
from gateway.postgres_wire.messages import BINARY

PIECE_ROWS = 8192
"""Rows that are encoded at once."""

PIECE_BYTES = 1 << 20
"""About how many bytes of a batch are encoded at once: a client may read slowly."""

_NOTHING = pa.scalar(b"", pa.large_binary())
_HEADER_BYTES = 6


@dataclass(frozen=True, slots=True)
class RowEncoder:
    """Encodes rows in the formats a client has asked for; times with a zone are shown in `zone`.

    `letter` is ``D`` for DataRow, ``d`` for the rows of a binary COPY, which look alike.
    """

    formats: Sequence[int]
    zone: ZoneInfo
    letter: bytes = b"D"

    def messages(self, batch: pa.RecordBatch) -> Iterator[bytes | memoryview]:
        """The DataRow messages of all rows, in pieces."""
        for piece in pieces(batch):
            yield self._piece(piece)

    def _piece(self, batch: pa.RecordBatch) -> bytes | memoryview:
        count = batch.num_rows
        size = np.full(count, _HEADER_BYTES, np.int64)
        parts: list[pa.Array] = []
        for array, code in zip(batch.columns, self.formats, strict=True):
            binary = code == BINARY
            cells = binary_cells.cells(array) if binary else text_cells.cells(array, self.zone)
            cell_lengths = lengths(cells)
            parts += [prefixes(cells, cell_lengths), _without_nulls(cells)]
            size += cell_lengths + 4
        head = np.empty(count, np.dtype([("letter", "S1"), ("length", ">i4"), ("columns", ">i2")]))
        head["letter"] = self.letter
        head["length"] = size
        head["columns"] = batch.num_columns
        joined = pc.binary_join_element_wise(plain(head), *parts, _NOTHING)
        return content(joined)


def pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The batch in slices of a size that may wait for a slow client."""
    if not batch.num_rows:
        return
    per_row = max(1, batch.nbytes // batch.num_rows)
    rows = max(1, min(PIECE_ROWS, PIECE_BYTES // per_row))
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)


def content(array: pa.Array) -> memoryview:
    """The bytes of all values of an array, one after another."""
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    return memoryview(data)[int(ends[0]) : int(ends[-1])] if data is not None else memoryview(b"")


def _without_nulls(cells: pa.Array) -> pa.Array:
    return cells.fill_null(b"") if cells.null_count else cells
