"""PostgreSQL's types: which one each Arrow type is shown as."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from gateway.postgres_wire.messages import Column


@dataclass(frozen=True, slots=True)
class PgType:
    """A type as `pg_type` has it; `array` is the oid of its arrays, `size` -1 where it varies."""

    name: str
    oid: int
    size: int
    array: int
    category: str
    sql: str


BOOL = PgType("bool", 16, 1, 1000, "B", "boolean")
BYTEA = PgType("bytea", 17, -1, 1001, "U", "bytea")
CHAR = PgType("char", 18, 1, 1002, "Z", '"char"')
NAME = PgType("name", 19, 64, 1003, "S", "name")
INT8 = PgType("int8", 20, 8, 1016, "N", "bigint")
INT2 = PgType("int2", 21, 2, 1005, "N", "smallint")
INT4 = PgType("int4", 23, 4, 1007, "N", "integer")
REGPROC = PgType("regproc", 24, 4, 1008, "N", "regproc")
TEXT = PgType("text", 25, -1, 1009, "S", "text")
OID = PgType("oid", 26, 4, 1028, "N", "oid")
JSON = PgType("json", 114, -1, 199, "U", "json")
FLOAT4 = PgType("float4", 700, 4, 1021, "N", "real")
FLOAT8 = PgType("float8", 701, 8, 1022, "N", "double precision")
UNKNOWN = PgType("unknown", 705, -2, 0, "X", "unknown")
BPCHAR = PgType("bpchar", 1042, -1, 1014, "S", "character")
VARCHAR = PgType("varchar", 1043, -1, 1015, "S", "character varying")
DATE = PgType("date", 1082, 4, 1182, "D", "date")
TIME = PgType("time", 1083, 8, 1183, "D", "time without time zone")
TIMESTAMP = PgType("timestamp", 1114, 8, 1115, "D", "timestamp without time zone")
TIMESTAMPTZ = PgType("timestamptz", 1184, 8, 1185, "D", "timestamp with time zone")
INTERVAL = PgType("interval", 1186, 16, 1187, "T", "interval")
NUMERIC = PgType("numeric", 1700, -1, 1231, "N", "numeric")
REGCLASS = PgType("regclass", 2205, 4, 2210, "N", "regclass")
REGTYPE = PgType("regtype", 2206, 4, 2211, "N", "regtype")
UUID = PgType("uuid", 2950, 16, 2951, "U", "uuid")
JSONB = PgType("jsonb", 3802, -1, 3807, "U", "jsonb")

TYPES = (
    *(BOOL, BYTEA, CHAR, NAME, INT8, INT2, INT4, REGPROC, TEXT, OID, JSON, FLOAT4, FLOAT8),
    *(UNKNOWN, BPCHAR, VARCHAR, DATE, TIME, TIMESTAMP, TIMESTAMPTZ, INTERVAL, NUMERIC),
    *(REGCLASS, REGTYPE, UUID, JSONB),
)
BY_OID = {kind.oid: kind for kind in TYPES}
BY_ARRAY = {kind.array: kind for kind in TYPES if kind.array}


class Oid(pa.ExtensionType):  # type: ignore[misc]
    """Numbers of objects, which only the catalogues have: a number of a dataset is none."""

    def __init__(self) -> None:
        super().__init__(pa.uint32(), "meshgate.oid")

    def __arrow_ext_serialize__(self) -> bytes:
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage: pa.DataType, serialized: bytes) -> Oid:
        return cls()


def with_oids(table: pa.Table) -> pa.Table:
    """An answer of the catalogues: its unsigned numbers are oids."""
    columns = [
        pa.chunked_array([_oids(c) for c in column.chunks], _oid_type(column.type))
        for column in table.columns
    ]
    return pa.table(columns, names=table.column_names)


def _oid_type(kind: pa.DataType) -> pa.DataType:
    if kind == pa.list_(pa.uint32()):
        return pa.list_(Oid())
    return Oid() if kind == pa.uint32() else kind


def _oids(array: pa.Array) -> pa.Array:
    if array.type == pa.uint32():
        return pa.ExtensionArray.from_storage(Oid(), array)
    if array.type == pa.list_(pa.uint32()):
        values = pa.ExtensionArray.from_storage(Oid(), array.values)
        buffers = [array.buffers()[0], array.buffers()[1]]
        return pa.Array.from_buffers(
            pa.list_(Oid()), len(array), buffers, offset=array.offset, children=[values]
        )
    return array


_SIMPLE = {
    pa.bool_(): BOOL,
    pa.int8(): INT2,
    pa.int16(): INT2,
    pa.uint8(): INT2,
    pa.int32(): INT4,
    pa.uint16(): INT4,
    pa.int64(): INT8,
    pa.uint32(): INT8,
    pa.uint64(): NUMERIC,
    pa.float16(): FLOAT4,
    pa.float32(): FLOAT4,
    pa.float64(): FLOAT8,
    pa.string(): TEXT,
    pa.large_string(): TEXT,
    pa.binary(): BYTEA,
    pa.large_binary(): BYTEA,
    pa.date32(): DATE,
    pa.date64(): DATE,
    pa.month_day_nano_interval(): INTERVAL,
    pa.null(): TEXT,
    pa.uuid(): UUID,
}


def pg_type(kind: pa.DataType) -> tuple[PgType, bool]:
    """What values of an Arrow type are shown as, and whether as arrays of that.

    Lists of what PostgreSQL has no flat type for, maps and structs are shown as JSON.
    """
    if isinstance(kind, Oid):
        return OID, False
    if (simple := _SIMPLE.get(kind)) is not None:
        return simple, False
    if pa.types.is_decimal(kind):
        return NUMERIC, False
    if pa.types.is_timestamp(kind):
        return (TIMESTAMPTZ if kind.tz else TIMESTAMP), False
    if pa.types.is_time(kind):
        return TIME, False
    if pa.types.is_duration(kind):
        return INTERVAL, False
    if pa.types.is_fixed_size_binary(kind):
        return BYTEA, False
    if is_list(kind):
        inner, nested = pg_type(kind.value_type)
        return (JSON, False) if nested or inner is JSON else (inner, True)
    if pa.types.is_struct(kind) or pa.types.is_map(kind):
        return JSON, False
    return TEXT, False


def is_list(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def column(field: pa.Field) -> Column:
    """How a column of an answer is described."""
    kind, array = pg_type(field.type)
    oid, size = (kind.array, -1) if array else (kind.oid, kind.size)
    return Column(field.name, oid, size, modifier(field.type))


def modifier(kind: pa.DataType) -> int:
    """`atttypmod`: precision and scale of a decimal, -1 for anything else."""
    if pa.types.is_decimal(kind) and kind.scale >= 0:
        return int((kind.precision << 16) | kind.scale) + 4
    if pa.types.is_uint64(kind):
        return (20 << 16) + 4
    return -1
