"""Arrays of the bytes of cells: how values of one column are handed over to be put into rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Numbers = npt.NDArray[np.int64]

CELLS = pa.large_binary()


def plain(rows: npt.NDArray[np.generic], nulls: pa.Array | None = None) -> pa.Array:
    """Values of a fixed size, one for each element of a numpy array, as they lie in memory.

    `nulls` says by its own nulls which of them are null.
    """
    count, width = len(rows), rows.dtype.itemsize * (rows.shape[1] if rows.ndim > 1 else 1)
    data = np.ascontiguousarray(rows)
    offsets = np.arange(count + 1, dtype=np.int64) * width
    return pack(offsets, pa.py_buffer(data.tobytes()), nulls)


def pack(offsets: Numbers, data: pa.Buffer, nulls: pa.Array | None = None) -> pa.Array:
    """Values of any size: the bytes between offsets."""
    count = len(offsets) - 1
    validity, missing = None, 0
    if nulls is not None and nulls.null_count:
        validity = pa.array(np.asarray(nulls.is_valid()), pa.bool_()).buffers()[1]
        missing = nulls.null_count
    buffers = [validity, pa.py_buffer(np.ascontiguousarray(offsets, np.int64).tobytes()), data]
    return pa.Array.from_buffers(CELLS, count, buffers, missing)


def of_texts(array: pa.Array) -> pa.Array:
    """A text or binary array as cells."""
    return array.cast(pa.large_binary())


def lengths(cells: pa.Array) -> Numbers:
    """How many bytes each cell has; 0 where it is null."""
    offsets = np.frombuffer(cells.buffers()[1], np.int64)
    ends = offsets[cells.offset : cells.offset + len(cells) + 1]
    found = np.diff(ends)
    if cells.null_count:
        found = np.where(valid(cells), found, 0)
    return found


def valid(array: pa.Array) -> npt.NDArray[np.bool_]:
    """Which elements are not null."""
    return np.asarray(array.is_valid())


def prefixes(cells: pa.Array, cell_lengths: Numbers) -> pa.Array:
    """What stands before each cell in a row: its length, -1 for null."""
    shown = cell_lengths
    if cells.null_count:
        shown = np.where(valid(cells), cell_lengths, -1)
    return plain(shown.astype(">i4"))


def numbers(array: pa.Array, kind: str) -> npt.NDArray[np.generic]:
    """The values of an array of fixed width, null or not, as a numpy array without a copy."""
    dtype = np.dtype(kind)
    data = array.buffers()[1]
    if data is None:
        return np.zeros(len(array), dtype)
    return np.frombuffer(data, dtype)[array.offset : array.offset + len(array)]
