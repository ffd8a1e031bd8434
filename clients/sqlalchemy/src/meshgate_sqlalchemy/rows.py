"""Arrow's record batches as rows of Python values, a batch at a time.

pyarrow's own conversion gives pandas' types where pandas is installed, and fails on nanoseconds
where it is not; here a value is of the same standard type everywhere.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

Convert = Callable[[Any], Any]

MONTH_DAYS, YEAR_DAYS = 30, 365
"""How long a month and a year of an interval are as a timedelta, as psycopg has it."""


def rows(batch: pa.RecordBatch) -> Iterator[tuple[Any, ...]]:
    """The rows of a batch."""
    if not batch.num_columns:
        return iter([()] * batch.num_rows)
    return zip(*(_values(array) for array in batch.columns), strict=True)


def _values(array: pa.Array) -> list[Any]:
    kind = _in_microseconds(array.type)
    if kind != array.type:
        array = array.cast(kind, safe=False)
    convert = _conversion(kind)
    values: list[Any] = array.to_pylist()
    if convert is None:
        return values
    return [None if value is None else convert(value) for value in values]


def _in_microseconds(kind: pa.DataType) -> pa.DataType:
    """The type with microseconds for nanoseconds, at any depth: datetime has no more."""
    is_ = pa.types
    if is_.is_timestamp(kind) and kind.unit == "ns":
        return pa.timestamp("us", kind.tz)
    if is_.is_duration(kind) and kind.unit == "ns":
        return pa.duration("us")
    if is_.is_time64(kind) and kind.unit == "ns":
        return pa.time64("us")
    if is_.is_dictionary(kind):
        return _in_microseconds(kind.value_type)
    if is_.is_large_list(kind):
        return pa.large_list(_in_field(kind.value_field))
    if is_.is_list(kind):
        return pa.list_(_in_field(kind.value_field))
    if is_.is_fixed_size_list(kind):
        return pa.list_(_in_field(kind.value_field), kind.list_size)
    if is_.is_struct(kind):
        return pa.struct([_in_field(kind.field(i)) for i in range(kind.num_fields)])
    if is_.is_map(kind):
        return pa.map_(_in_microseconds(kind.key_type), _in_microseconds(kind.item_type))
    return kind


def _in_field(field: pa.Field) -> pa.Field:
    return field.with_type(_in_microseconds(field.type))


def _conversion(kind: pa.DataType) -> Convert | None:
    """What makes pyarrow's values those of rows; None where they are the same."""
    is_ = pa.types
    if is_.is_map(kind):
        item = _conversion(kind.item_type)
        if item is None:
            return dict
        return lambda pairs: {k: _converted(item, v) for k, v in pairs}
    if is_.is_interval(kind):
        return _timedelta
    if is_.is_list(kind) or is_.is_large_list(kind) or is_.is_fixed_size_list(kind):
        element = _conversion(kind.value_type)
        if element is not None:
            return lambda values: [_converted(element, v) for v in values]
    if is_.is_struct(kind):
        inner = {
            kind.field(i).name: _conversion(kind.field(i).type) for i in range(kind.num_fields)
        }
        if any(inner.values()):
            return lambda value: {k: _converted(inner[k], v) for k, v in value.items()}
    return None


def _converted(convert: Convert | None, value: Any) -> Any:
    return value if value is None or convert is None else convert(value)


def _timedelta(value: Any) -> dt.timedelta:
    months, days, nanoseconds = value
    sign = -1 if months < 0 else 1
    years, rest = divmod(abs(months), 12)
    whole = sign * (years * YEAR_DAYS + rest * MONTH_DAYS) + days
    return dt.timedelta(days=whole, microseconds=nanoseconds // 1000)
