"""Type names and Arrow types: what a contract may write, and what it means exactly.

Two vocabularies: SQL's names as most systems share them, and Arrow's own (``timestamp[us]``).
A name on which systems disagree is left to Arrow's reading, and the drift check catches the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import pyarrow as pa

_SQL: Mapping[str, pa.DataType] = {
    **dict.fromkeys(("boolean",), pa.bool_()),
    **dict.fromkeys(("tinyint",), pa.int8()),
    **dict.fromkeys(("smallint", "int2", "smallserial"), pa.int16()),
    **dict.fromkeys(("integer", "int", "int4", "serial", "mediumint"), pa.int32()),
    **dict.fromkeys(("bigint", "long", "bigserial"), pa.int64()),
    **dict.fromkeys(("utinyint", "tinyint unsigned"), pa.uint8()),
    **dict.fromkeys(("usmallint", "smallint unsigned"), pa.uint16()),
    **dict.fromkeys(("uinteger", "int unsigned", "integer unsigned"), pa.uint32()),
    **dict.fromkeys(("ubigint", "bigint unsigned"), pa.uint64()),
    **dict.fromkeys(("real", "float4", "float32"), pa.float32()),
    **dict.fromkeys(("double precision", "float8", "float64"), pa.float64()),
    **dict.fromkeys(
        ("char", "character", "varchar", "character varying", "nchar", "nvarchar", "bpchar"),
        pa.string(),
    ),
    **dict.fromkeys(("text", "tinytext", "mediumtext", "longtext", "clob"), pa.string()),
    **dict.fromkeys(("uuid", "json", "jsonb", "enum", "citext", "utf8"), pa.string()),
    **dict.fromkeys(("bytea", "blob", "varbinary", "bytes"), pa.binary()),
    **dict.fromkeys(("tinyblob", "mediumblob", "longblob"), pa.binary()),
    "date": pa.date32(),
    **dict.fromkeys(("time", "time without time zone"), pa.time64("us")),
    **dict.fromkeys(("timestamp", "timestamp without time zone", "datetime"), pa.timestamp("us")),
    **dict.fromkeys(("timestamptz", "timestamp with time zone"), pa.timestamp("us", "UTC")),
    "timestamp_s": pa.timestamp("s"),
    "timestamp_ms": pa.timestamp("ms"),
    "timestamp_ns": pa.timestamp("ns"),
}

_ARROW: Mapping[str, pa.DataType] = {
    str(data_type): data_type
    for data_type in (
        pa.null(),
        pa.bool_(),
        *(pa.int8(), pa.int16(), pa.int32(), pa.int64()),
        *(pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
        *(pa.float16(), pa.float32(), pa.float64()),
        *(pa.string(), pa.large_string(), pa.string_view()),
        *(pa.binary(), pa.large_binary(), pa.binary_view()),
        *(pa.date32(), pa.date64()),
        *(pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")),
        *(pa.duration(unit) for unit in ("s", "ms", "us", "ns")),
        *(pa.timestamp(unit) for unit in ("s", "ms", "us", "ns")),
        pa.month_day_nano_interval(),
    )
}

_DECIMALS: Mapping[str, Callable[[int, int], pa.DataType]] = {
    "decimal32": pa.decimal32,
    "decimal64": pa.decimal64,
    "decimal128": pa.decimal128,
    "decimal256": pa.decimal256,
}

_DECIMAL = re.compile(r"(decimal\d+)\((\d+), ?(-?\d+)\)\Z")
_FIXED_BINARY = re.compile(r"fixed_size_binary\[(\d+)\]\Z")
_ZONED = re.compile(r"timestamp\[(s|ms|us|ns), ?tz=([A-Za-z0-9_+:/-]+)\]\Z")
_SQL_DECIMAL = re.compile(r"(?:decimal|numeric|dec|number) ?\((\d+)(?:, ?(-?\d+))?\)\Z")
_SQL_BARE_DECIMAL = re.compile(r"(?:decimal|numeric|dec|number)\Z")
_SQL_ARGUMENT = re.compile(r" ?\([^()]*\)")


class TypeNameError(Exception):
    """The name means no Arrow type, or not exactly one; the text says which."""


def arrow_type(name: str) -> pa.DataType | None:
    """The Arrow type Arrow itself calls `name` (not nested), or None. Raises TypeNameError."""
    known = _ARROW.get(name)
    if known is not None:
        return known
    try:
        if match := _DECIMAL.match(name):
            build = _DECIMALS.get(match[1])
            return build(int(match[2]), int(match[3])) if build else None
        if match := _FIXED_BINARY.match(name):
            return pa.binary(int(match[1]))
    except (ValueError, pa.ArrowInvalid, OverflowError) as error:
        raise TypeNameError(f"{name} is out of range") from error
    if match := _ZONED.match(name):
        return pa.timestamp(match[1], match[2])
    return None


def sql_type(name: str) -> pa.DataType | None:
    """The Arrow type of a source's type name, or None when it does not say.

    ``numeric`` without precision raises TypeNameError: no default is right in every system.
    """
    text = " ".join(name.lower().split())
    if text.endswith("[]"):
        item = sql_type(text[:-2])
        return pa.list_(item) if item is not None else None
    if _SQL_BARE_DECIMAL.match(text):
        raise TypeNameError(f"{name} does not say its precision and scale; write {text}(p, s)")
    if match := _SQL_DECIMAL.match(text):
        precision, scale = int(match[1]), int(match[2] or 0)
        if not 1 <= precision <= 76:
            raise TypeNameError(f"{name} is out of range: Arrow has 76 digits")
        build = pa.decimal128 if precision <= 38 else pa.decimal256
        return build(precision, scale)
    known = _SQL.get(_SQL_ARGUMENT.sub("", text))
    return known if known is not None else arrow_type(name)
