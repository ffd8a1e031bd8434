"""What lies under NULLs in Arrow's buffers: never sent.

A buffer has a place for each NULL too, and nobody has to put anything there: a source's driver
leaves what the memory held before, the engine's CASE and NULLIF the very value that was replaced.
Clients do not look, but they could.
"""

from __future__ import annotations

import pyarrow as pa


def without_remains(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The same rows with nothing under their NULLs; the very same batch where there are none."""
    columns = batch.columns
    unclean = [column.null_count > 0 or pa.types.is_nested(column.type) for column in columns]
    if not any(unclean):
        return batch
    every = pa.arange(0, batch.num_rows)
    cleaned = [
        column.take(every) if again else column
        for column, again in zip(columns, unclean, strict=True)
    ]
    return pa.RecordBatch.from_arrays(cleaned, schema=batch.schema)
