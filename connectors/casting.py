"""Exact casts: what a driver delivered, as the schema that was planned, or a SourceError.

Nothing is rounded, cut, parsed leniently or re-zoned on the way: a value that has no exact
counterpart in the planned type raises VALUE_UNEXPECTED. Messages name the column, never a value.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from connectors.capabilities import Kind, kind_of
from connectors.interface import SourceError, SourceErrorCode


def cast_batch(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The batch with `schema`'s names and types, matched by position."""
    if batch.num_columns != len(schema):
        raise SourceError(
            SourceErrorCode.VALUE_UNEXPECTED,
            f"the source sent {batch.num_columns} columns where {len(schema)} were planned",
        )
    if batch.schema.equals(schema, check_metadata=False):
        arrays = batch.columns
    else:
        arrays = [cast_array(a, f) for a, f in zip(batch.columns, schema, strict=True)]
    for array, field in zip(arrays, schema, strict=True):
        if not field.nullable and array.null_count:
            raise _unexpected(field, "a NULL where the contract has none")
    if not arrays:
        return batch
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def cast_array(array: pa.Array, field: pa.Field) -> pa.Array:
    """The array as the field's type, exactly. Raises VALUE_UNEXPECTED."""
    try:
        return _cast(array, field.type)
    except _InexactError as error:
        raise _unexpected(field, str(error)) from None
    except pa.ArrowInvalid as error:
        raise _unexpected(field, "a value that does not fit") from error


class _InexactError(Exception):
    """A value or type without an exact counterpart; the text ends the sentence 'sent ...'."""


def _unexpected(field: pa.Field, what: str) -> SourceError:
    return SourceError(
        SourceErrorCode.VALUE_UNEXPECTED,
        f"column {field.name!r} ({field.type}): the source sent {what}",
        hint="compare the contract with the source: publish the data product again if it changed",
    )


def _cast(array: pa.Array, target: pa.DataType) -> pa.Array:
    numeric = isinstance(array, pa.ExtensionArray)  # a driver's own number, of which it has digits
    if numeric:
        array = array.storage
    source = array.type
    if numeric and pa.types.is_string(source) and pa.types.is_integer(target):
        return array.cast(target)
    if source == target:
        return array
    if pa.types.is_dictionary(source):
        return _cast(array.dictionary_decode(), target)
    if pa.types.is_null(source):
        return pa.nulls(len(array), target)
    if pa.types.is_list(target) and (pa.types.is_list(source) or pa.types.is_large_list(source)):
        return _cast_list(array, target)
    if pa.types.is_struct(target) and pa.types.is_struct(source):
        return _cast_struct(array, target)
    cast = _CASTS.get((kind_of(source), kind_of(target)))
    if cast is None:
        raise _InexactError(f"{source}")
    return cast(array, target)


def _cast_list(array: pa.Array, target: pa.ListType) -> pa.Array:
    array = array.cast(pa.list_(array.type.value_type))
    if array.offset:  # from_arrays wants offsets that begin at the first value
        array = pa.concat_arrays([array.slice(0, 0), array])
    values = _cast(array.values, target.value_type)
    if not target.value_field.nullable and values.null_count:
        raise _InexactError("a NULL inside a list whose items can not be NULL")
    return pa.ListArray.from_arrays(
        array.offsets, values, type=target, mask=array.is_null() if array.null_count else None
    )


def _cast_struct(array: pa.StructArray, target: pa.StructType) -> pa.Array:
    if array.type.num_fields != target.num_fields:
        raise _InexactError(f"{array.type}")
    children = [_cast(c, f.type) for c, f in zip(array.flatten(), target, strict=True)]
    mask = array.is_null() if array.null_count else None
    return pa.StructArray.from_arrays(children, fields=list(target), mask=mask)


def _safe(array: pa.Array, target: pa.DataType) -> pa.Array:
    return array.cast(target)


def _integer_to_decimal(array: pa.Array, target: pa.DataType) -> pa.Array:
    return array.cast(pa.decimal128(20, 0)).cast(target)


def _integer_to_boolean(array: pa.Array, target: pa.DataType) -> pa.Array:
    known = pc.is_in(array, value_set=pa.array([0, 1, None], array.type))
    if not pc.all(known).as_py() and len(array):
        raise _InexactError("a number other than 0 and 1")
    return array.cast(target)


def _float_to_float(array: pa.Array, target: pa.DataType) -> pa.Array:
    result = array.cast(target)
    if target.bit_width < array.type.bit_width:
        back = result.cast(array.type)
        same = pc.or_(pc.equal(back, array), pc.and_(pc.is_nan(back), pc.is_nan(array)))
        if not pc.all(same, min_count=0).as_py():
            raise _InexactError("a number that a narrower float can not hold")
    return result


def _zoned(array: pa.Array, target: pa.DataType) -> pa.Array:
    # An instant is the same in every zone: only the label and the unit change.
    return array.cast(pa.timestamp(target.unit, array.type.tz)).cast(target)


_SAFE_PAIRS = (
    (Kind.INTEGER, Kind.INTEGER),
    (Kind.INTEGER, Kind.UNSIGNED),
    (Kind.UNSIGNED, Kind.INTEGER),
    (Kind.UNSIGNED, Kind.UNSIGNED),
    (Kind.INTEGER, Kind.FLOAT),
    (Kind.UNSIGNED, Kind.FLOAT),
    (Kind.BOOLEAN, Kind.INTEGER),
    (Kind.FLOAT, Kind.INTEGER),
    (Kind.FLOAT, Kind.UNSIGNED),
    (Kind.DECIMAL, Kind.DECIMAL),
    (Kind.DECIMAL, Kind.INTEGER),
    (Kind.DECIMAL, Kind.UNSIGNED),
    (Kind.TEXT, Kind.TEXT),
    (Kind.TEXT, Kind.DECIMAL),
    (Kind.BINARY, Kind.BINARY),
    (Kind.BINARY, Kind.TEXT),
    (Kind.DATE, Kind.DATE),
    (Kind.DATE, Kind.TIMESTAMP),
    (Kind.TIME, Kind.TIME),
    (Kind.TIMESTAMP, Kind.TIMESTAMP),
)
"""Pairs that Arrow's safe cast does exactly or refuses."""

_CASTS = {
    **dict.fromkeys(_SAFE_PAIRS, _safe),
    (Kind.INTEGER, Kind.DECIMAL): _integer_to_decimal,
    (Kind.UNSIGNED, Kind.DECIMAL): _integer_to_decimal,
    (Kind.INTEGER, Kind.BOOLEAN): _integer_to_boolean,
    (Kind.FLOAT, Kind.FLOAT): _float_to_float,
    (Kind.TIMESTAMP_TZ, Kind.TIMESTAMP_TZ): _zoned,
}


def cast_batches(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Every batch with rows, cast to `schema`."""
    for batch in batches:
        if batch.num_rows:
            yield cast_batch(batch, schema)


def refuse_outside(
    batch: pa.RecordBatch,
    first_day: int,
    first_tick: int,
    last_day: int | None = None,
    last_tick: int | None = None,
) -> None:
    """Refuse dates and timestamps that stand for infinity or have wrapped around.

    Bounds are in the driver's own units: days, and ticks of its timestamps. A time of day is
    within its day. Raises VALUE_UNEXPECTED.
    """
    for field, array in zip(batch.schema, batch.columns, strict=True):
        while pa.types.is_list(array.type):
            array = array.flatten()
        if pa.types.is_date32(array.type):
            wrong = _outside(array.cast(pa.int32()), first_day, last_day)
        elif pa.types.is_timestamp(array.type):
            wrong = _outside(array.cast(pa.int64()), first_tick, last_tick)
        elif pa.types.is_time64(array.type):
            wrong = _outside(array.cast(pa.int64()), 0, _DAY[array.type.unit] - 1)
        else:
            continue
        if wrong:
            raise SourceError(
                SourceErrorCode.VALUE_UNEXPECTED,
                f"column {field.name!r}: a date or time beyond what Arrow holds (infinity?)",
                hint="publish a view that leaves such values out or makes them NULL",
            )


_DAY = {"us": 86_400_000_000, "ns": 86_400_000_000_000}


def _outside(array: pa.Array, low: int, high: int | None) -> bool:
    ends = pc.min_max(array).as_py()
    if ends["min"] is None:
        return False
    return bool(ends["min"] < low or (high is not None and ends["max"] > high))
