"""Nothing lies under the NULLs of an answer: no replaced value, nor what memory held before."""

from __future__ import annotations

import pyarrow as pa
import pytest

from gateway.flight.wire import flightsql_pb2 as sql
from gateway.serving.remains import without_remains
from tests.flight.serving import Served, descriptor

KINDS = [pa.int8(), pa.int32(), pa.int64(), pa.float64(), pa.date32(), pa.timestamp("us")]
KINDS += [pa.decimal128(20, 2), pa.binary(4), pa.uint16(), pa.time64("us")]


def dirty(kind: pa.DataType, rows: int = 8) -> pa.Array:
    """Every second value is NULL over ones."""
    validity = pa.py_buffer(b"\x55" * (rows // 8))
    values = pa.py_buffer(b"\x01" * (rows * kind.bit_width // 8))
    return pa.Array.from_buffers(kind, rows, [validity, values])


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_numbers_are_cleaned(kind: pa.DataType) -> None:
    column = dirty(kind)
    batch = pa.record_batch([column, pa.array(range(8))], ["dirty", "clean"])
    cleaned = without_remains(batch)
    assert cleaned.equals(batch)
    width = kind.bit_width // 8
    held = cleaned.column(0).buffers()[1].to_pybytes()[: 8 * width]
    assert held == (b"\x01" * width + b"\x00" * width) * 4


def test_texts_and_what_is_nested_are_cleaned() -> None:
    offsets = pa.py_buffer(bytes(pa.array([0, 6, 12], pa.int32()).buffers()[1]))
    texts = pa.Array.from_buffers(
        pa.string(), 2, [pa.py_buffer(b"\x01"), offsets, pa.py_buffer(b"publicsecret")]
    )
    inside = pa.StructArray.from_arrays([dirty(pa.int64())], ["x"])
    for column in (texts, inside):
        cleaned = without_remains(pa.record_batch([column], ["c"]))
        assert cleaned.column(0).equals(column)
    assert b"secret" not in bytes(
        without_remains(pa.record_batch([texts], ["c"])).column(0).buffers()[2]
    )
    struct = without_remains(pa.record_batch([inside], ["c"])).column(0)
    assert struct.field(0).buffers()[1].to_pybytes()[8:16] == b"\x00" * 8


def test_a_batch_without_nulls_is_left_alone() -> None:
    batch = pa.record_batch([pa.array(range(8))], ["x"])
    assert without_remains(batch) is batch


def test_what_case_replaced_is_not_sent(served: Served) -> None:
    text = "SELECT CASE WHEN id > 50 THEN customer END AS who FROM orders WHERE id > 45 AND id < 52"
    client, options = served.raw()
    info = client.get_flight_info(descriptor(sql.CommandStatementQuery(query=text)), options)
    table = client.do_get(info.endpoints[0].ticket, options).read_all()
    column = table.column("who").combine_chunks()
    assert column.null_count == 5
    assert bytes(column.buffers()[2]).count(b"customer") == 1
