"""Masks of whole batches: what `mask_array` gives, in order, however they are computed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pyarrow as pa
import pytest

from gateway.engines import mask_batches
from gateway.engines.mask_batches import AHEAD, MANY, mask_column, masked_batches
from gateway.engines.masking import mask_array
from gateway.errors import GatewayError, InternalError
from policies.masks import parse_mask
from tests.engines.masked import KEY, arrays

HASH = parse_mask("hash")
ARRAYS = arrays()


def many(values: pa.Array) -> pa.Array:
    """The values again and again, more than `MANY` of them."""
    times = MANY // len(values) + 2
    return pa.chunked_array([values] * times, values.type).combine_chunks()


@pytest.mark.parametrize("name", ARRAYS)
def test_a_hash_of_many_values_is_that_of_each(name: str) -> None:
    values = many(ARRAYS[name])
    assert mask_column(HASH, values, KEY).equals(mask_array(HASH, values, KEY))


@pytest.mark.parametrize("data_type", [pa.string(), pa.large_string(), pa.string_view()], ids=str)
@pytest.mark.parametrize("distinct", [5, MANY // 4 + 1, 3 * MANY])
def test_however_many_of_them_are_different(distinct: int, data_type: pa.DataType) -> None:
    texts = [None if n % 97 == 0 else f"é{n % distinct}" for n in range(3 * MANY)]
    values = pa.array(texts, data_type)
    assert mask_column(HASH, values, KEY).equals(mask_array(HASH, values, KEY))


def test_numbers_and_slices_too() -> None:
    for values in (pa.array(range(2 * MANY), pa.int64()), pa.array(range(2 * MANY), pa.uint64())):
        part = values.slice(17, MANY + 5)
        assert mask_column(HASH, part, KEY).equals(mask_array(HASH, part, KEY))


def test_batches_keep_their_order_and_what_is_not_masked() -> None:
    sizes = [1, 3 * MANY, 0, 5, MANY, 4 * MANY, 2, MANY]
    batches, first = [], 0
    for size in sizes:
        numbers = pa.array(range(first, first + size), pa.int64())
        batches.append(pa.record_batch([numbers, numbers.cast(pa.string())], ["n", "text"]))
        first += size
    found = list(masked_batches(iter(batches), {1: (HASH, KEY)}))
    assert [batch.num_rows for batch in found] == sizes
    for raw, masked in zip(batches, found, strict=True):
        assert masked.column(0).equals(raw.column(0))
        assert masked.column(1).equals(mask_array(HASH, raw.column(1), KEY))


def test_little_is_read_before_it_is_asked_for() -> None:
    read = 0

    def source() -> Iterator[pa.RecordBatch]:
        nonlocal read
        while True:
            read += 1
            yield pa.record_batch([pa.array([f"{n}" for n in range(MANY)])], ["text"])

    found = masked_batches(source(), {0: (HASH, KEY)})
    for asked in range(1, 5):
        next(found)
        assert read <= asked + AHEAD


def test_what_the_source_raises_arrives() -> None:
    def source() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch([pa.array(["a"] * MANY)], ["text"])
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        list(masked_batches(source(), {0: (HASH, KEY)}))


def test_a_failure_does_not_tell_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = mask_batches.mask_sql(HASH, "c", pa.string(), KEY) + " no SQL"
    monkeypatch.setattr(mask_batches, "mask_sql", lambda *_: broken)
    values = pa.array([f"{n}" for n in range(2 * MANY)])
    with pytest.raises(InternalError) as caught:
        mask_column(HASH, values, KEY)
    error: GatewayError = caught.value
    assert error.__suppress_context__
    assert "X'" not in str(error)


PROGRAM = """
import pyarrow as pa
from gateway.config import Config
from gateway.engines import datafusion as engine
from gateway.engines.mask_batches import MANY, masked_batches
from gateway.plan.lazy import LazyDataset
from policies.masks import parse_mask

def read(columns, condition):
    texts = pa.array([f"{n}" for n in range(MANY)])
    batches = [pa.record_batch([texts], ["text"]) for _ in range(6)]
    return masked_batches(iter(batches), {0: (parse_mask("hash"), b"k" * 32)})

context = engine.session(Config())
schema = pa.schema([pa.field("text", pa.string())])
engine.register(context, ("t",), LazyDataset(schema, read), schema)
engine.register(context, ("u",), LazyDataset(schema, read), schema)
frame = context.sql("SELECT count(*) FROM (SELECT * FROM t UNION ALL SELECT * FROM u) x")
print(frame.to_pydict())
"""


def test_the_engines_threads_may_all_be_waiting_for_masks() -> None:
    environment = os.environ | {"TOKIO_WORKER_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert str(12 * MANY) in done.stdout
