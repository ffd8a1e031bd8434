"""What Java clients get in place of types they misread. The driver itself: tests/clients/jdbc."""

from __future__ import annotations

import pyarrow as pa
import pytest

from gateway.flight import commands, metadata, sqlinfo
from gateway.flight.wire import flightsql_pb2 as sql
from gateway.model import Principal
from gateway.serving.callers import Caller
from gateway.serving.plain_types import Types, plain_schema, plain_type, types_of
from gateway.serving.streams import decoded
from tests.flight.serving import Served

JAVA = Caller(Principal("user:alice", ("all/reader",)), types=Types.JAVA)
PLAIN = Caller(Principal("user:alice", ("all/reader",)))


@pytest.mark.parametrize(
    ("agent", "types"),
    [
        ("grpc-java-netty/1.71.0", Types.JAVA),
        ("grpc-c++/1.80.0 grpc-c/57.0.0 (linux; chttp2)", Types.PLAIN),
        ("ADBC Flight SQL Driver v1.13.0 grpc-go/1.84.0", Types.PLAIN),
    ],
)
def test_java_clients_are_known_by_their_user_agent(agent: str, types: Types) -> None:
    assert types_of({"user-agent": [agent]}) is types
    assert types_of({}) is Types.PLAIN


@pytest.mark.parametrize(
    ("kind", "value", "given"),
    [
        (pa.uint8(), 255, pa.int16()),
        (pa.uint16(), 65535, pa.int32()),
        (pa.uint32(), 2**32 - 1, pa.int64()),
        (pa.uint64(), 2**64 - 1, pa.decimal128(20, 0)),
        (pa.float16(), 1.5, pa.float32()),
        (pa.timestamp("us", "Asia/Kolkata"), 1_700_000_000_000_000, pa.timestamp("us", "UTC")),
        (pa.timestamp("us"), 5, pa.timestamp("us")),
        (pa.int64(), -1, pa.int64()),
        (pa.list_(pa.uint8()), [255, None], pa.list_(pa.int16())),
        (pa.struct({"n": pa.uint32()}), {"n": 7}, pa.struct({"n": pa.int64()})),
        (pa.map_(pa.string(), pa.uint64()), [("a", 1)], pa.map_(pa.string(), pa.decimal128(20, 0))),
        (pa.dictionary(pa.int8(), pa.uint16()), 65535, pa.int32()),
    ],
)
def test_values_are_the_same_in_the_types_java_reads(
    kind: pa.DataType, value: object, given: pa.DataType
) -> None:
    assert plain_type(kind, Types.JAVA) == given
    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    array = pa.array([value, None], plain)
    before = pa.record_batch({"x": array.dictionary_encode() if plain != kind else array})
    (batch,) = decoded(before, plain_schema(before.schema, Types.JAVA))
    assert batch.schema.types == [given]
    assert batch["x"].cast(plain).equals(array)


def test_everybody_else_gets_what_there_is() -> None:
    schema = pa.schema({"a": pa.uint8(), "b": pa.timestamp("us", "Asia/Kolkata")})
    assert plain_schema(schema) is schema


def test_the_digits_of_decimals_stand_beside_them() -> None:
    schema = pa.schema({"a": pa.decimal128(12, 2)})
    assert plain_schema(schema).field("a").metadata is None
    assert plain_schema(schema, Types.JAVA).field("a").metadata == {
        b"ARROW:FLIGHT:SQL:PRECISION": b"12",
        b"ARROW:FLIGHT:SQL:SCALE": b"2",
    }


def test_parameters_are_asked_for_in_milliseconds() -> None:
    kinds = [pa.timestamp("ns", "Asia/Kolkata"), pa.timestamp("us"), pa.time64("us"), pa.uint64()]
    given = [pa.timestamp("ms", "UTC"), pa.timestamp("ms"), pa.time32("ms"), pa.int64()]
    assert [plain_type(kind, Types.JAVA_PARAMETERS) for kind in kinds] == given


def test_a_prepared_statement_asks_java_for_other_parameters(served: Served) -> None:
    text = "SELECT id FROM orders WHERE TIMESTAMP '2024-02-29' > ?"
    schemas = {
        caller.types: pa.ipc.read_schema(
            pa.py_buffer(served.service.prepare(caller, text).parameter_schema)
        )
        for caller in (JAVA, PLAIN)
    }
    assert schemas[Types.JAVA].types == [pa.timestamp("ms")]
    assert pa.types.is_timestamp(schemas[Types.PLAIN].types[0])
    assert schemas[Types.PLAIN].types[0].unit != "ms"


def test_sqlinfo_is_said_to_jdbc_as_it_reads_it() -> None:
    said = {row["info_name"]: row["value"] for row in sqlinfo.table((), Types.JAVA).to_pylist()}
    plain = {row["info_name"]: row["value"] for row in sqlinfo.table(()).to_pylist()}
    assert said[528] == 0b110
    assert plain[528] == 2
    assert set(plain) - set(said) == {10, 11}
    union = sqlinfo.table([562], Types.JAVA)["value"].chunk(0)
    assert union.type.field(union.type_codes[0].as_py()).name == "bigint_value"


def test_columns_of_tables_have_the_types_java_reads(served: Served) -> None:
    command = sql.CommandGetTables(include_schema=True, table_name_filter_pattern="orders")
    table = served.service.stream(JAVA, commands.encode(command), lambda: False)
    assert isinstance(table, pa.Table)
    assert table.schema.equals(metadata.TABLES_WITH_SCHEMA)
    schema = pa.ipc.read_schema(pa.py_buffer(table["table_schema"][0].as_py()))
    assert schema.field("amount").metadata[b"ARROW:FLIGHT:SQL:PRECISION"] == b"12"
