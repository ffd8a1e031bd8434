"""Batches on their way out, without a transport."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pyarrow as pa
import pytest

from gateway.errors import Cancelled, InternalError, InvalidQuery
from gateway.prepared import Result
from gateway.query_report import QueryReport
from gateway.serving.streams import Cancellation, QueryStream, bounded, decoded, plain_schema


def stream(
    batches: Iterator[pa.RecordBatch], schema: pa.Schema, told: pa.Schema | None = None
) -> tuple[QueryStream, list[QueryStream], Cancellation]:
    closed: list[QueryStream] = []
    cancellation = Cancellation(lambda: False)
    result = Result(schema, batches, QueryReport("id"))
    return QueryStream(result, told or schema, cancellation, closed.append), closed, cancellation


NUMBERS = pa.record_batch({"x": [1, 2, 3]})


def test_a_small_batch_goes_out_untouched() -> None:
    (piece,) = bounded(NUMBERS, 1000)
    assert piece is NUMBERS


def test_a_large_batch_is_cut_by_bytes_without_losing_a_row() -> None:
    sizes = [1, 10, 10_000, 1, 5, 90_000, 2, 2, 3, 40_000]
    batch = pa.record_batch({"s": ["x" * size for size in sizes]})
    pieces = list(bounded(batch, 50_000))
    assert pa.Table.from_batches(pieces).to_batches(max_chunksize=100)[0].schema == batch.schema
    assert [len(s) for p in pieces for s in p["s"].to_pylist()] == sizes
    assert all(p.nbytes <= 50_000 or p.num_rows == 1 for p in pieces)


def test_a_slice_of_a_large_batch_is_sent_as_a_slice() -> None:
    batch = pa.record_batch({"s": ["x" * 1000] * 60_000, "l": [[1, 2]] * 60_000})
    (piece,) = bounded(batch.slice(100, 20), 8 << 20)
    assert len(piece.serialize()) < 30_000


PLAIN = {
    "dictionary": (pa.dictionary(pa.int8(), pa.string()), pa.string()),
    "string view": (pa.string_view(), pa.string()),
    "binary view": (pa.binary_view(), pa.binary()),
    "list of views": (pa.list_(pa.string_view()), pa.list_(pa.string())),
    "list view": (pa.list_view(pa.int64()), pa.list_(pa.int64())),
    "struct": (
        pa.struct({"a": pa.dictionary(pa.int8(), pa.string_view())}),
        pa.struct({"a": pa.string()}),
    ),
    "map": (pa.map_(pa.string(), pa.string_view()), pa.map_(pa.string(), pa.string())),
}


@pytest.mark.parametrize("case", PLAIN)
def test_types_some_clients_cannot_read_become_plain(case: str) -> None:
    kind, plain = PLAIN[case]
    assert plain_schema(pa.schema({"x": kind})) == pa.schema({"x": plain})
    assert plain_schema(pa.schema({"x": plain})).field("x").type.equals(plain)


def test_plain_types_keep_the_schema_object() -> None:
    schema = pa.schema({"a": pa.list_(pa.int8()), "b": pa.struct({"c": pa.string()})})
    assert plain_schema(schema) is schema


def test_a_slice_of_views_and_dictionaries_is_sent_compact() -> None:
    words = pa.array(["long text " * 100 + str(i) for i in range(50_000)])
    batch = pa.record_batch({"v": words.cast(pa.string_view()), "d": words.dictionary_encode()})
    piece = batch.slice(1000, 20)
    told = plain_schema(batch.schema)
    outgoing, _, _ = stream(iter([piece]), batch.schema, told)
    (sent,) = outgoing
    assert sent.schema.equals(told)
    assert sent["v"].to_pylist() == sent["d"].to_pylist() == words.slice(1000, 20).to_pylist()
    assert len(sent.serialize()) < 60_000


def test_decoding_a_dictionary_stays_bounded() -> None:
    words = pa.DictionaryArray.from_arrays(pa.array([0] * 30_000, pa.int32()), ["x" * 1000])
    batch = pa.record_batch({"d": words})
    pieces = list(decoded(batch, pa.schema({"d": pa.string()})))
    assert sum(p.num_rows for p in pieces) == 30_000
    assert max(p.nbytes for p in pieces) <= 8 << 20


def test_a_stream_ends_once_and_closes_once() -> None:
    outgoing, closed, _ = stream(iter([NUMBERS, NUMBERS]), NUMBERS.schema)
    assert sum(batch.num_rows for batch in outgoing) == 6
    outgoing.close()
    with pytest.raises(StopIteration):
        next(outgoing)
    assert closed == [outgoing]


def test_closing_an_unread_stream_stops_its_batches() -> None:
    stopped = threading.Event()

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            yield NUMBERS
            yield NUMBERS
        finally:
            stopped.set()

    outgoing, closed, cancellation = stream(batches(), NUMBERS.schema)
    next(outgoing)
    outgoing.close()
    assert stopped.is_set()
    assert closed
    assert cancellation()


def test_a_cancelled_stream_never_looks_complete() -> None:
    outgoing, _, _ = stream(iter([NUMBERS]), NUMBERS.schema)
    assert outgoing.cancel()
    with pytest.raises(Cancelled):
        next(outgoing)


def test_an_error_closes_the_stream() -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        yield NUMBERS
        raise InternalError("broken")

    outgoing, closed, _ = stream(batches(), NUMBERS.schema)
    next(outgoing)
    with pytest.raises(InternalError):
        next(outgoing)
    assert closed


def test_a_batch_of_another_schema_is_a_bug_not_an_answer() -> None:
    other = pa.record_batch({"y": [1.5]})
    outgoing, _, _ = stream(iter([other]), NUMBERS.schema)
    with pytest.raises(InternalError):
        next(outgoing)


def test_columns_that_changed_since_planning_are_told() -> None:
    with pytest.raises(InvalidQuery, match="have changed"):
        stream(iter([NUMBERS]), NUMBERS.schema, pa.schema({"x": pa.string()}))


def test_a_client_that_left_is_not_asked_about_again() -> None:
    asked = []

    def gone() -> bool:
        asked.append(1)
        return False

    cancellation = Cancellation(gone)
    assert not cancellation()
    cancellation.end()
    assert cancellation()
    assert len(asked) == 1
