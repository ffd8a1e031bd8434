"""Substrait types and Arrow types agree with DataFusion's own, in both directions."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.dataset as pads
import pytest

from connectors.capabilities import NotPushable
from gateway.config import Config
from gateway.engines import datafusion as engine
from gateway.plan.types import arrow_type, substrait_type

TYPES = [
    pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(),
    pa.uint32(), pa.uint64(), pa.float32(), pa.float64(), pa.string(), pa.large_string(),
    pa.binary(), pa.large_binary(), pa.binary(16), pa.date32(), pa.date64(),
    pa.decimal128(15, 2), pa.decimal256(50, 4), pa.timestamp("s"), pa.timestamp("us"),
    pa.timestamp("ns"), pa.timestamp("us", "UTC"), pa.time32("s"), pa.time32("ms"),
    pa.time64("us"), pa.time64("ns"), pa.list_(pa.int64()),
]  # fmt: skip


@pytest.mark.parametrize("data_type", TYPES, ids=str)
def test_a_type_survives_the_way_through_substrait(data_type: pa.DataType) -> None:
    context = engine.session(Config())
    schema = pa.schema([pa.field("x", data_type)])
    engine.register(context, ("t",), pads.dataset(schema.empty_table()), schema)
    logical = context.sql("SELECT x FROM t").optimized_logical_plan()
    plan = engine.to_substrait(logical, context)
    (message,) = plan.relations[0].root.input.read.base_schema.struct.types
    assert arrow_type(message) == data_type
    assert substrait_type(data_type, nullable=True) == message


def test_a_type_without_a_word_is_refused() -> None:
    with pytest.raises(NotPushable):
        substrait_type(pa.month_day_nano_interval(), nullable=True)
