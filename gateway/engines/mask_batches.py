"""Masks over batches that left their source: on threads of their own, hashes by the engine.

What a hash costs in Python it costs with the interpreter held: nothing else of the gateway runs.
The engine computes many of them at once and holds nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache

import pyarrow as pa

from gateway.config import Config
from gateway.engines import datafusion as engine
from gateway.engines.failures import is_panic
from gateway.engines.mask_sql import mask_sql, register
from gateway.engines.masking import mask_array
from gateway.errors import InternalError
from policies.masks import Mask, effective

MANY = 2048
"""Rows from which on a thread, and a session of the engine, are worth their fixed cost."""

AHEAD = 2
"""Batches that may be masked at once while the source works on the next."""

ColumnMasks = Mapping[int, tuple[Mask, bytes]]
"""By position: the mask of a column, and the key of its product."""


def masked_batches(
    batches: Iterable[pa.RecordBatch], masks: ColumnMasks
) -> Iterator[pa.RecordBatch]:
    """The batches in their order, masked. At most `AHEAD` of them are read before they are asked.

    Raises what reading them raises, and InternalError when a mask can not be computed.
    """
    waiting: deque[Future[pa.RecordBatch]] = deque()
    for batch in batches:
        if batch.num_rows < MANY and not waiting:
            yield masked_batch(batch, masks)
            continue
        waiting.append(_threads().submit(masked_batch, batch, masks))
        while waiting and (len(waiting) > AHEAD or waiting[0].done()):
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def masked_batch(batch: pa.RecordBatch, masks: ColumnMasks) -> pa.RecordBatch:
    """One batch, masked: same rows, same schema."""
    columns = list(batch.columns)
    for position, (mask, key) in masks.items():
        columns[position] = mask_column(mask, columns[position], key)
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def mask_column(mask: Mask, values: pa.Array, key: bytes) -> pa.Array:
    """`mask_array`, faster where there is much to hash. Not for threads of the engine's own."""
    if effective(mask, values.type).kind != "hash" or len(values) < MANY:
        return mask_array(mask, values, key)
    if _repeats(values):
        distinct = values.dictionary_encode()
        return mask_column(mask, distinct.dictionary, key).take(distinct.indices)
    try:
        return _by_engine(mask, values, key)
    except BaseException as error:
        if isinstance(error, Exception) or is_panic(error):
            raise InternalError("a mask could not be computed") from None  # its text has the key
        raise


def _repeats(values: pa.Array) -> bool:
    """True when the first values are so few that all are probably few."""
    sample = values.slice(0, MANY // 2)
    if pa.types.is_string_view(values.type) or pa.types.is_binary_view(values.type):
        return False  # Arrow has no dictionaries of them
    return len(sample.unique()) <= len(sample) // 4


def _by_engine(mask: Mask, values: pa.Array, key: bytes) -> pa.Array:
    """One partition: its plan runs on this thread and waits for no other."""
    context = engine.session(Config())
    register(context)
    batch = pa.record_batch([values], names=["c"])
    context.register_record_batches("t", [[batch]])
    expression = mask_sql(mask, "c", values.type, key)
    found = context.sql(f"SELECT {expression} AS c FROM t").collect()
    return pa.chunked_array([b.column(0) for b in found], values.type).combine_chunks()


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(4, thread_name_prefix="meshgate-mask")
