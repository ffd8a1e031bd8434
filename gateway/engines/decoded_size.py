"""How much memory the rows of a small Parquet file take once they are read.

A file says little of it: a long text that stands in every row is in the file once.
"""

from __future__ import annotations

from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

_TEXT, _FIXED = "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"
_NUMBER = 16
"""Of what is no text a value takes no more than a decimal, or what the file says."""


@lru_cache(maxsize=1024)
def decoded_size(location: str, state: tuple[int, ...], most: int) -> int | None:
    """The bytes of all rows of the file in this state; None where it is not known, or over `most`.

    To find that takes not much more memory than `most` either.
    """
    try:
        return _size(location, most)
    except (OSError, pa.ArrowException):  # who runs it like any other says what is wrong
        return None


def _size(location: str, most: int) -> int | None:
    footer = pq.read_metadata(location)
    groups = [footer.row_group(i) for i in range(footer.num_row_groups)]
    size, held, texts = 0, 0, []
    for i in range(footer.num_columns):
        column = footer.schema.column(i)
        if column.path != column.name:  # nested: a list has many values in one row
            return None
        width = column.length if column.physical_type == _FIXED else _NUMBER
        size += footer.num_rows * max(width, _NUMBER)
        if column.physical_type == _TEXT:
            texts.append(column.name)
            held += sum(group.column(i).total_uncompressed_size for group in groups)
    if size + held > most:
        return None
    if texts:
        with pq.ParquetFile(location, read_dictionary=texts) as file:
            for text in file.read(texts).columns:
                size += sum(map(_length, text.chunks))
    return size if size <= most else None


def _length(texts: pa.DictionaryArray) -> int:
    lengths = pc.binary_length(texts.dictionary).cast(pa.int64())
    found: int | None = pc.sum(lengths.take(texts.indices)).as_py()
    return found or 0
