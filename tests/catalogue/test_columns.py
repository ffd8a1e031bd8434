"""Types: what a contract declares, and that a published type is read back as itself."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
import yaml

from connectors.interface import COMMENT, PHYSICAL_TYPE
from gateway.catalogue.columns import ColumnError, read_field, write_property
from gateway.catalogue.pages import to_yaml

UNITS = ("s", "ms", "us", "ns")
TYPES = [
    pa.null(),
    pa.bool_(),
    *(pa.int8(), pa.int16(), pa.int32(), pa.int64()),
    *(pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
    *(pa.float16(), pa.float32(), pa.float64()),
    *(pa.decimal128(15, 2), pa.decimal128(38, 0), pa.decimal128(5, -2)),
    *(pa.decimal256(76, 10), pa.decimal256(20, 3), pa.decimal32(9, 2), pa.decimal64(18, 4)),
    *(pa.string(), pa.large_string(), pa.string_view()),
    *(pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(16)),
    *(pa.date32(), pa.date64(), pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")),
    *(pa.timestamp(unit) for unit in UNITS),
    *(pa.timestamp(unit, "UTC") for unit in UNITS),
    *(pa.timestamp("us", "Europe/Berlin"), pa.timestamp("us", "+05:30")),
    *(pa.duration(unit) for unit in UNITS),
    pa.month_day_nano_interval(),
    pa.list_(pa.int32()),
    pa.list_(pa.field("item", pa.string(), nullable=False)),
    pa.list_(pa.list_(pa.timestamp("ns", "UTC"))),
    pa.large_list(pa.uint16()),
    pa.list_(pa.float32(), 3),
    pa.struct([pa.field("a", pa.int64(), nullable=False), pa.field("b c", pa.decimal128(9, 2))]),
    pa.list_(pa.struct([pa.field("x", pa.list_(pa.binary(4)))])),
    pa.map_(pa.string(), pa.int32()),
]


@pytest.mark.parametrize("nullable", [True, False])
@pytest.mark.parametrize("data_type", TYPES, ids=str)
def test_a_published_type_is_read_back_exactly(data_type: pa.DataType, nullable: bool) -> None:
    nullable = nullable or pa.types.is_null(data_type)
    field = pa.field("Some Column", data_type, nullable)
    document = yaml.safe_load(to_yaml({"column": write_property(field)}))
    assert read_field(document["column"]).equals(field)


@pytest.mark.parametrize(
    ("physical", "data_type"),
    [
        ("uuid", pa.string()),
        ("jsonb", pa.string()),
        ("INTEGER", pa.int64()),  # SQLite
        ("integer", pa.int32()),
        ("numeric", pa.decimal128(38, 10)),
        ("timestamp(3) without time zone", pa.timestamp("ms")),
        ("integer[]", pa.list_(pa.int64())),
        ("float", pa.float64()),
        ("something of its own(3)", pa.uint8()),
    ],
)
def test_a_source_type_never_changes_what_is_read_back(
    physical: str, data_type: pa.DataType
) -> None:
    metadata = {PHYSICAL_TYPE: physical.encode(), COMMENT: "é: #1".encode()}
    field = pa.field("c", data_type, metadata=metadata)
    document = yaml.safe_load(to_yaml({"column": write_property(field)}))
    assert read_field(document["column"]).equals(field, check_metadata=True)


@pytest.mark.parametrize(
    ("physical", "data_type"),
    [
        ("varchar(25)", pa.string()),
        ("character varying(25)", pa.string()),
        ("numeric(15,2)", pa.decimal128(15, 2)),
        ("DECIMAL(15, 2)", pa.decimal128(15, 2)),
        ("decimal(50,4)", pa.decimal256(50, 4)),
        ("numeric(9)", pa.decimal128(9, 0)),
        ("bigint", pa.int64()),
        ("BIGINT UNSIGNED", pa.uint64()),
        ("smallint", pa.int16()),
        ("double precision", pa.float64()),
        ("real", pa.float32()),
        ("boolean", pa.bool_()),
        ("date", pa.date32()),
        ("time", pa.time64("us")),
        ("timestamp", pa.timestamp("us")),
        ("timestamp(6)", pa.timestamp("us")),
        ("timestamptz", pa.timestamp("us", "UTC")),
        ("timestamp with time zone", pa.timestamp("us", "UTC")),
        ("bytea", pa.binary()),
        ("text[]", pa.list_(pa.string())),
        ("timestamp[ns, tz=UTC]", pa.timestamp("ns", "UTC")),
    ],
)
def test_a_type_written_by_hand_needs_no_more(physical: str, data_type: pa.DataType) -> None:
    assert read_field({"name": "c", "physicalType": physical}).type.equals(data_type)


@pytest.mark.parametrize(
    ("column", "data_type"),
    [
        ({"logicalType": "string"}, pa.string()),
        ({"logicalType": "integer"}, pa.int64()),
        ({"logicalType": "integer", "logicalTypeOptions": {"format": "u16"}}, pa.uint16()),
        ({"logicalType": "number"}, pa.float64()),
        ({"logicalType": "number", "logicalTypeOptions": {"format": "f32"}}, pa.float32()),
        ({"logicalType": "timestamp"}, pa.timestamp("us")),
        (
            {"logicalType": "timestamp", "logicalTypeOptions": {"timezone": True}},
            pa.timestamp("us", "UTC"),
        ),
        ({"logicalType": "string", "physicalType": "hstore"}, pa.string()),
        ({"logicalType": "array", "items": {"logicalType": "date"}}, pa.list_(pa.date32())),
    ],
)
def test_a_logical_type_alone_is_enough(column: dict[str, Any], data_type: pa.DataType) -> None:
    assert read_field({"name": "c", **column}).type.equals(data_type)


@pytest.mark.parametrize(
    ("column", "reason", "path"),
    [
        ({}, "it has no type", ()),
        ({"physicalType": "hstore"}, "'hstore' is not known", ()),
        ({"physicalType": "numeric"}, "precision and scale", ("physicalType",)),
        ({"physicalType": "numeric(99,2)"}, "out of range", ("physicalType",)),
        (
            {"logicalType": "integer", "logicalTypeOptions": {"format": "i128"}},
            "no Arrow type holds i128",
            ("logicalTypeOptions",),
        ),
        (
            {"customProperties": [{"property": "mesh.arrowType", "value": "int63"}]},
            "'int63' is no type of Arrow",
            ("customProperties",),
        ),
        ({"items": {"properties": [{"name": "x"}]}}, "no type", ("items", "properties", 0)),
    ],
)
def test_a_type_that_can_not_be_told_is_refused(
    column: dict[str, Any], reason: str, path: tuple[str | int, ...]
) -> None:
    with pytest.raises(ColumnError) as caught:
        read_field({"name": "c", **column})
    assert reason in str(caught.value)
    assert caught.value.path == path


def test_a_type_no_contract_can_declare_is_refused() -> None:
    with pytest.raises(ColumnError, match="can not declare the Arrow type dictionary"):
        write_property(pa.field("c", pa.dictionary(pa.int32(), pa.string())))
