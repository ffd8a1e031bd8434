"""What the embedded DuckDB may be asked over Parquet files, and how it reads their columns."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
from sqlglot import exp

from connectors.capabilities import NotPushable
from connectors.duckdb_dialect import DUCKDB

_TYPES: dict[pa.DataType, str] = {
    pa.bool_(): "BOOLEAN",
    pa.int8(): "TINYINT",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.uint8(): "UTINYINT",
    pa.uint16(): "USMALLINT",
    pa.uint32(): "UINTEGER",
    pa.uint64(): "UBIGINT",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
    pa.string(): "VARCHAR",
    pa.binary(): "BLOB",
    pa.date32(): "DATE",
    pa.time64("us"): "TIME",
    pa.timestamp("us"): "TIMESTAMP",
    pa.timestamp("us", "UTC"): "TIMESTAMP WITH TIME ZONE",
}
"""Arrow types whose Parquet form DuckDB reads bit for bit, and what it calls them."""


def type_name(data_type: pa.DataType) -> str | None:
    """DuckDB's name of a type it reads from Parquet exactly; None for any other."""
    if pa.types.is_decimal128(data_type) and 0 <= data_type.scale <= data_type.precision:
        return f"DECIMAL({data_type.precision}, {data_type.scale})"
    return _TYPES.get(data_type)


def _read(column: exp.Column, field: pa.Field) -> exp.Expr:
    if type_name(field.type) is None:
        raise NotPushable(f"column {field.name!r} ({field.type}) of a file")
    return column


EMBEDDED = replace(DUCKDB, read=_read)
