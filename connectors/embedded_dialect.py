"""What the embedded DuckDB may be asked over Parquet files, and how it reads their columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
from sqlglot import exp

from connectors.capabilities import Kind, NotPushable
from connectors.duckdb_dialect import DUCKDB
from connectors.embedded_casts import FLOAT_CASTS
from connectors.forms import FUNCTIONS
from connectors.operands import Operand
from connectors.trees import paren

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


def _avg(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    """An average of decimals, cut to the scale of `returns` as the gateway's engine cuts it.

    DuckDB's own is a double. In whole numbers of 10^-scale it is a quotient of integers.
    """
    value = args[0]
    if value.kind is not Kind.DECIMAL:
        return DUCKDB.builders["avg"](args, returns)
    precision, scale = value.type.precision, value.type.scale
    places = scale + _MORE_PLACES
    if returns.scale != places or precision + _SUM_DIGITS + places > _DIGITS:
        raise NotPushable(f"average of {value.type}")
    total = exp.cast(exp.Sum(this=value.sql), f"DECIMAL({_DIGITS}, {scale})")
    shifted = exp.Mul(this=total, expression=exp.Literal.number(10**places))
    count = exp.Count(this=value.sql.copy())
    quotient = exp.IntDiv(this=exp.cast(paren(shifted), "INT128"), expression=count)
    whole = exp.cast(paren(quotient), f"DECIMAL({precision + _MORE_PLACES}, 0)")
    unit = exp.cast(exp.Literal.string(f"0.{1:0{places}}"), f"DECIMAL({places}, {places})")
    average = paren(exp.Mul(this=whole, expression=unit))
    return exp.cast(average, f"DECIMAL({returns.precision}, {returns.scale})")


_DIGITS = 38
_SUM_DIGITS = 10
"""How many digits more than its values a sum of decimals has room for."""

_MORE_PLACES = 4
"""How many places more than its values an average of decimals has."""

_NARROW = {name: FUNCTIONS[name] for name in ("add", "subtract", "multiply")}
"""Decimals of up to 18 digits give one of 18 here: more than twice as fast as at full width. Where
a value needs more, DuckDB fails, and the gateway's engine computes the query."""

_FUNCTIONS = DUCKDB.capabilities.functions


def _divide(args: Sequence[Operand], returns: pa.DataType) -> exp.Expr:
    """Integers as DUCKDB has it; floats by a constant that is not zero."""
    floats = Kind.FLOAT in {arg.kind for arg in args}
    return (FUNCTIONS["divide"] if floats else DUCKDB.builders["divide"])(args, returns)


EMBEDDED = replace(
    DUCKDB,
    capabilities=replace(
        DUCKDB.capabilities,
        functions={
            **_FUNCTIONS,
            "avg": _FUNCTIONS["avg"] | {Kind.DECIMAL},
            "multiply": _FUNCTIONS["multiply"] | {Kind.FLOAT},
            "divide": _FUNCTIONS["divide"] | {Kind.FLOAT},
        },
        casts=DUCKDB.capabilities.casts | FLOAT_CASTS.keys(),
    ),
    builders={**DUCKDB.builders, **_NARROW, "avg": _avg, "divide": _divide},
    casts=FLOAT_CASTS,
    read=_read,
)
