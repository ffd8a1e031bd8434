"""Arrow types as SQLAlchemy types, and SQLAlchemy's types as the gateway means them."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import uuid
from collections.abc import Callable
from typing import Any

import pyarrow as pa
from sqlalchemy import types as sqltypes
from sqlalchemy.dialects.postgresql import DOUBLE_PRECISION, INTERVAL

from meshgate_sqlalchemy.literals import literal

Processor = Callable[[Any], Any]

UINT64_DIGITS = 20

_SIMPLE: dict[pa.DataType, tuple[str, type[Any]]] = {
    pa.bool_(): ("BOOLEAN", sqltypes.BOOLEAN),
    pa.int8(): ("SMALLINT", sqltypes.SMALLINT),
    pa.int16(): ("SMALLINT", sqltypes.SMALLINT),
    pa.int32(): ("INTEGER", sqltypes.INTEGER),
    pa.int64(): ("BIGINT", sqltypes.BIGINT),
    pa.uint8(): ("SMALLINT", sqltypes.SMALLINT),
    pa.uint16(): ("INTEGER", sqltypes.INTEGER),
    pa.uint32(): ("BIGINT", sqltypes.BIGINT),
    pa.float16(): ("REAL", sqltypes.REAL),
    pa.float32(): ("REAL", sqltypes.REAL),
    pa.float64(): ("DOUBLE PRECISION", DOUBLE_PRECISION),
    pa.date32(): ("DATE", sqltypes.DATE),
    pa.date64(): ("DATE", sqltypes.DATE),
    pa.null(): ("NULL", sqltypes.NullType),
}
"""By Arrow type: the name a cursor gives, and the type that is reflected."""


def type_name(kind: pa.DataType) -> str:
    """The SQL name of an Arrow type, as a cursor's description has it."""
    return _named(kind)[0]


def sqlalchemy_type(kind: pa.DataType) -> sqltypes.TypeEngine:
    """The SQLAlchemy type that a column of the Arrow type is reflected as."""
    made: sqltypes.TypeEngine = _named(kind)[1]()
    return made


def _named(kind: pa.DataType) -> tuple[str, Callable[[], Any]]:
    is_ = pa.types
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    if is_.is_uint64(kind):
        return "DECIMAL", lambda: sqltypes.NUMERIC(UINT64_DIGITS, 0)
    if is_.is_decimal(kind):
        return "DECIMAL", lambda: sqltypes.NUMERIC(kind.precision, kind.scale)
    if is_.is_timestamp(kind) and kind.tz is not None:
        return "TIMESTAMP WITH TIME ZONE", lambda: sqltypes.TIMESTAMP(timezone=True)
    if is_.is_timestamp(kind):
        return "TIMESTAMP", sqltypes.TIMESTAMP
    if is_.is_time(kind):
        return "TIME", sqltypes.TIME
    if is_.is_duration(kind) or is_.is_interval(kind):
        return "INTERVAL", INTERVAL
    if is_.is_dictionary(kind):
        return _named(kind.value_type)
    if is_.is_list(kind) or is_.is_large_list(kind) or is_.is_fixed_size_list(kind):
        return "ARRAY", lambda: _array(kind)
    if is_.is_struct(kind) or is_.is_map(kind):
        return ("MAP" if is_.is_map(kind) else "STRUCT"), MeshgateJSON
    if is_.is_binary(kind) or is_.is_large_binary(kind) or is_.is_fixed_size_binary(kind):
        return "VARBINARY", sqltypes.LargeBinary
    if is_.is_string(kind) or is_.is_large_string(kind) or str(kind) == "string_view":
        return "VARCHAR", sqltypes.VARCHAR
    if str(kind) == "binary_view":
        return "VARBINARY", sqltypes.LargeBinary
    return "OTHER", sqltypes.NullType


def _array(kind: pa.DataType) -> sqltypes.ARRAY:
    dimensions, item = 1, kind.value_type
    while type_name(item) == "ARRAY":
        dimensions, item = dimensions + 1, item.value_type
    return sqltypes.ARRAY(sqlalchemy_type(item), dimensions=dimensions)


class _Exact:
    """Decimals where the statement asks for them, whatever the column gives: also of doubles."""

    asdecimal: bool
    _effective_decimal_return_scale: int

    def bind_processor(self, dialect: Any) -> Processor | None:
        return None

    def result_processor(self, dialect: Any, coltype: object) -> Processor | None:
        if not self.asdecimal:
            return lambda value: None if value is None else float(value)
        if coltype == "DECIMAL":
            return None
        places = self._effective_decimal_return_scale

        def process(value: Any) -> Any:
            if value is None or isinstance(value, decimal.Decimal):
                return value
            if isinstance(value, int):
                return decimal.Decimal(value)
            return decimal.Decimal(f"{value:.{places}f}")

        return process


class MeshgateNumeric(_Exact, sqltypes.Numeric):
    """A decimal, or a number asked for as one."""


class MeshgateFloat(_Exact, sqltypes.Float):
    """A float, or one asked for as a decimal."""


class MeshgateJSON(sqltypes.JSON):
    """Structs and maps come as they are; JSON in a text column is read."""

    def result_processor(self, dialect: Any, coltype: object) -> Processor | None:
        loads = dialect._json_deserializer or json.loads
        return lambda value: loads(value) if isinstance(value, str | bytes) else value


class _Literal:
    """A value that has a literal of its own type: a text would be read as something else."""

    def literal_processor(self, dialect: Any) -> Processor | None:
        return literal


class MeshgateInterval(_Literal, INTERVAL):
    """An interval, native."""

    @classmethod
    def adapt_emulated_to_native(cls, interval: Any, **kw: Any) -> MeshgateInterval:
        return cls(precision=interval.second_precision)


class MeshgateDateTime(_Literal, sqltypes.DateTime):
    """A timestamp."""


class MeshgateDate(sqltypes.Date):
    """A date; of a datetime, its day."""

    def literal_processor(self, dialect: Any) -> Processor | None:
        return lambda value: literal(value.date() if isinstance(value, dt.datetime) else value)


class MeshgateTime(sqltypes.Time):
    """A time of day. Its literal is a text, which is read in the unit of what it meets."""

    def literal_processor(self, dialect: Any) -> Processor | None:
        return lambda value: f"'{value.isoformat()}'"


COLUMN_TYPES: dict[type[Any], type[Any]] = {
    sqltypes.Numeric: MeshgateNumeric,
    sqltypes.Float: MeshgateFloat,
    sqltypes.JSON: MeshgateJSON,
    sqltypes.Interval: MeshgateInterval,
    INTERVAL: MeshgateInterval,
    sqltypes.DateTime: MeshgateDateTime,
    sqltypes.Date: MeshgateDate,
    sqltypes.Time: MeshgateTime,
}

if hasattr(sqltypes, "Uuid"):  # SQLAlchemy 2

    class MeshgateUuid(sqltypes.Uuid):
        """A UUID, which travels as text: with hyphens, unless it is declared as CHAR(32)."""

        def bind_processor(self, dialect: Any) -> Processor | None:
            return lambda value: None if value is None else self._written(value)

        def literal_processor(self, dialect: Any) -> Processor | None:
            return lambda value: f"'{self._written(value)}'"

        def result_processor(self, dialect: Any, coltype: object) -> Processor | None:
            if self.as_uuid:
                return lambda value: None if value is None else uuid.UUID(value)
            return lambda value: None if value is None else str(uuid.UUID(value))

        def _written(self, value: Any) -> str:
            plain = uuid.UUID(str(value))
            return str(plain) if self.native_uuid else plain.hex

    COLUMN_TYPES[sqltypes.Uuid] = MeshgateUuid
