"""Arrow types as SQL clients know them: names, ODBC codes, sizes, and the metadata of columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from connectors.interface import COMMENT
from gateway.model import Dataset
from gateway.serving.plain_types import METADATA, Types, plain_schema

XDBC_DATETIME = 9
NULLABLE = 1
SEARCHABLE_BASIC, SEARCHABLE_FULL = 2, 3
RADIX_BITS, RADIX_DIGITS = 2, 10
MAX_DECIMAL_DIGITS = 76

TYPE_INFO_SCHEMA = pa.schema(
    [
        pa.field("type_name", pa.utf8(), False),
        pa.field("data_type", pa.int32(), False),
        pa.field("column_size", pa.int32()),
        pa.field("literal_prefix", pa.utf8()),
        pa.field("literal_suffix", pa.utf8()),
        pa.field("create_params", pa.list_(pa.field("item", pa.utf8(), False))),
        pa.field("nullable", pa.int32(), False),
        pa.field("case_sensitive", pa.bool_(), False),
        pa.field("searchable", pa.int32(), False),
        pa.field("unsigned_attribute", pa.bool_()),
        pa.field("fixed_prec_scale", pa.bool_(), False),
        pa.field("auto_increment", pa.bool_()),
        pa.field("local_type_name", pa.utf8()),
        pa.field("minimum_scale", pa.int32()),
        pa.field("maximum_scale", pa.int32()),
        pa.field("sql_data_type", pa.int32(), False),
        pa.field("datetime_subcode", pa.int32()),
        pa.field("num_prec_radix", pa.int32()),
        pa.field("interval_precision", pa.int32()),
    ]
)


@dataclass(frozen=True, slots=True)
class SqlType:
    """A type by its SQL name. `code` is ODBC's; `size` counts digits, bits or characters."""

    name: str
    code: int
    size: int | None = None
    radix: int | None = None
    unsigned: bool | None = None
    scale: int | None = None
    datetime_subcode: int | None = None
    quote: str | None = None


def _integer(name: str, code: int, digits: int, unsigned: bool = False) -> SqlType:
    return SqlType(name, code, digits, RADIX_DIGITS, unsigned, 0)


BOOLEAN = SqlType("BOOLEAN", -7, 1)
DECIMAL = SqlType("DECIMAL", 3, MAX_DECIMAL_DIGITS, RADIX_DIGITS, False, MAX_DECIMAL_DIGITS)
VARCHAR = SqlType("VARCHAR", 12, quote="'")
VARBINARY = SqlType("VARBINARY", -3, quote="'")
DATE = SqlType("DATE", 91, 10, datetime_subcode=1, quote="'")
TIME = SqlType("TIME", 92, 18, datetime_subcode=2, quote="'")
TIMESTAMP = SqlType("TIMESTAMP", 93, 29, datetime_subcode=3, quote="'")
TIMESTAMP_TZ = SqlType("TIMESTAMP WITH TIME ZONE", 93, 35, datetime_subcode=5, quote="'")

NUMBERS = {
    pa.int8(): _integer("TINYINT", -6, 3),
    pa.int16(): _integer("SMALLINT", 5, 5),
    pa.int32(): _integer("INTEGER", 4, 10),
    pa.int64(): _integer("BIGINT", -5, 19),
    pa.uint8(): _integer("TINYINT UNSIGNED", -6, 3, unsigned=True),
    pa.uint16(): _integer("SMALLINT UNSIGNED", 5, 5, unsigned=True),
    pa.uint32(): _integer("INTEGER UNSIGNED", 4, 10, unsigned=True),
    pa.uint64(): _integer("BIGINT UNSIGNED", -5, 20, unsigned=True),
    pa.float16(): SqlType("REAL", 7, 11, RADIX_BITS, False),
    pa.float32(): SqlType("REAL", 7, 24, RADIX_BITS, False),
    pa.float64(): SqlType("DOUBLE", 8, 53, RADIX_BITS, False),
}

DECLARABLE = (
    *(kind for arrow, kind in NUMBERS.items() if arrow != pa.float16()),
    *(BOOLEAN, DECIMAL, VARCHAR, VARBINARY, DATE, TIME, TIMESTAMP, TIMESTAMP_TZ),
)
"""The types GetXdbcTypeInfo lists: a query may cast to each by its name, but to VARBINARY, which
the engine calls BYTEA."""


def sql_type(kind: pa.DataType) -> SqlType:
    """The SQL type of a plain Arrow type. What SQL has no name for is OTHER, code 0."""
    is_ = pa.types
    if kind in NUMBERS:
        return NUMBERS[kind]
    if is_.is_boolean(kind):
        return BOOLEAN
    if is_.is_decimal(kind):
        return SqlType("DECIMAL", 3, kind.precision, RADIX_DIGITS, False, kind.scale)
    if is_.is_string(kind) or is_.is_large_string(kind):
        return VARCHAR
    if is_.is_binary(kind) or is_.is_large_binary(kind) or is_.is_fixed_size_binary(kind):
        return VARBINARY
    if is_.is_date(kind):
        return DATE
    if is_.is_time(kind):
        return TIME
    if is_.is_timestamp(kind):
        return TIMESTAMP_TZ if kind.tz else TIMESTAMP
    names = {is_.is_list: "ARRAY", is_.is_large_list: "ARRAY", is_.is_struct: "STRUCT"}
    names |= {is_.is_map: "MAP", is_.is_interval: "INTERVAL", is_.is_duration: "INTERVAL"}
    return SqlType(next((name for test, name in names.items() if test(kind)), "OTHER"), 0)


DECLARED = b"meshgate:declared"
"""Metadata of a whole schema: comment and keys of the table, as JSON."""


def column_schema(
    dataset: Dataset, table_name: str, declared: bytes = b"{}", of_client: Types = Types.PLAIN
) -> pa.Schema:
    """The dataset's schema with ``ARROW:FLIGHT:SQL:*`` metadata on every column."""
    fields = [
        field.with_metadata(dict(_column_metadata(dataset, table_name, field)))
        for field in plain_schema(dataset.schema, of_client)
    ]
    return pa.schema(fields, {DECLARED: declared})


def _column_metadata(
    dataset: Dataset, table_name: str, field: pa.Field
) -> Iterator[tuple[str, str]]:
    kind = sql_type(field.type)
    values: dict[str, object] = {
        "CATALOG_NAME": dataset.address.domain,
        "DB_SCHEMA_NAME": dataset.address.product,
        "TABLE_NAME": table_name,
        "TYPE_NAME": kind.name,
        "PRECISION": kind.size,
        "SCALE": kind.scale,
        "IS_AUTO_INCREMENT": 0,
        "IS_CASE_SENSITIVE": int(kind is VARCHAR),
        "IS_READ_ONLY": 1,
        "IS_SEARCHABLE": 1,
        "REMARKS": ((field.metadata or {}).get(COMMENT) or b"").decode() or None,
    }
    for key, value in values.items():
        if value is not None:
            yield f"{METADATA}{key}", str(value)


def type_info(code: int | None) -> pa.Table:
    """GetXdbcTypeInfo: every declarable type, or those of one ODBC code."""
    rows = [
        {
            "type_name": kind.name,
            "data_type": kind.code,
            "column_size": kind.size,
            "literal_prefix": "X'" if kind is VARBINARY else kind.quote,
            "literal_suffix": kind.quote,
            "create_params": ["precision", "scale"] if kind is DECIMAL else None,
            "nullable": NULLABLE,
            "case_sensitive": kind is VARCHAR,
            "searchable": SEARCHABLE_FULL if kind is VARCHAR else SEARCHABLE_BASIC,
            "unsigned_attribute": kind.unsigned,
            "fixed_prec_scale": False,
            "auto_increment": None if kind.unsigned is None else False,
            "minimum_scale": None if kind.scale is None else 0,
            "maximum_scale": kind.scale,
            "sql_data_type": XDBC_DATETIME if kind.datetime_subcode else kind.code,
            "datetime_subcode": kind.datetime_subcode,
            "num_prec_radix": kind.radix,
        }
        for kind in sorted(DECLARABLE, key=lambda kind: (kind.code, kind.name))
        if code is None or kind.code == code
    ]
    return pa.Table.from_pylist(rows, schema=TYPE_INFO_SCHEMA)
