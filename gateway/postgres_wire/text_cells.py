"""Values as PostgreSQL writes them in text."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gateway.postgres_wire import calendar
from gateway.postgres_wire.cells import of_texts, pack
from gateway.postgres_wire.types import JSON, is_list, pg_type

UTC = ZoneInfo("UTC")


def cells(array: pa.Array, zone: ZoneInfo) -> pa.Array:
    """The cells of a column in text format."""
    kind = array.type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return _hexadecimal(array)
    return of_texts(texts(array, zone))


def texts(array: pa.Array, zone: ZoneInfo) -> pa.Array:
    """The same as an array of text."""
    kind = array.type
    if isinstance(kind, pa.UuidType):
        return pa.array([None if v is None else str(v) for v in array.to_pylist()], pa.string())
    if isinstance(kind, pa.BaseExtensionType):
        return texts(array.storage, zone)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return array
    if pa.types.is_boolean(kind):
        return pc.if_else(array, "t", "f")
    if pa.types.is_integer(kind):
        return array.cast(pa.string())
    if pa.types.is_floating(kind):
        return _floats(array)
    if pa.types.is_decimal(kind):
        return _decimals(array)
    if pa.types.is_date(kind):
        return _dates(array.cast(pa.date32()))
    if pa.types.is_timestamp(kind):
        return _timestamps(array, zone)
    if pa.types.is_time(kind):
        return _without_zeros(to_microseconds(array, pa.time64("us")).cast(pa.string()))
    if pa.types.is_duration(kind) or kind == pa.month_day_nano_interval():
        return pa.array(
            [v and calendar.interval_text(*v) for v in calendar.intervals(array)], pa.string()
        )
    if is_list(kind) and pg_type(kind)[0] is not JSON:
        return _arrays(array, zone)
    if pa.types.is_nested(kind):
        return pa.array(
            [v if v is None else to_json(v, kind) for v in array.to_pylist()], pa.string()
        )
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return _hexadecimal(array).cast(pa.large_string())
    if pa.types.is_fixed_size_binary(kind):
        return _hexadecimal(array.cast(pa.binary())).cast(pa.large_string())
    if pa.types.is_null(kind):
        return array.cast(pa.string())
    return pa.array([None if v is None else str(v) for v in array.to_pylist()], pa.string())


def _floats(array: pa.Array) -> pa.Array:
    found = array.cast(pa.float32() if array.type == pa.float16() else array.type).cast(pa.string())
    if pc.any(pc.invert(pc.is_finite(array))).as_py():
        for said, written in (("nan", "NaN"), ("inf", "Infinity"), ("-inf", "-Infinity")):
            found = pc.if_else(pc.equal(found, said), written, found)
    return found


def _decimals(array: pa.Array) -> pa.Array:
    found = array.cast(pa.string())
    if pc.any(pc.match_substring(found, "E")).as_py():  # 1E-7: PostgreSQL writes no exponents
        return pa.array([None if v is None else f"{v:f}" for v in array.to_pylist()], pa.string())
    return found


def _dates(array: pa.Array) -> pa.Array:
    days = np.asarray(array.cast(pa.int32()).fill_null(0))
    if len(days) and (days.min() < calendar.FIRST_DAY or days.max() > calendar.LAST_DAY):
        written = [None if v is None else calendar.date_text(v) for v in _integers(array, "int32")]
        return pa.array(written, pa.string())
    return array.cast(pa.string())


def _integers(array: pa.Array, kind: str) -> list[int | None]:
    found: list[int | None] = array.cast(kind).to_pylist()
    return found


def _timestamps(array: pa.Array, zone: ZoneInfo) -> pa.Array:
    local = to_microseconds(array, pa.timestamp("us", array.type.tz))
    offsets = None
    if array.type.tz:
        instants = local.cast(pa.int64())
        local = pc.local_timestamp(local.cast(pa.timestamp("us", str(zone))))
        offsets = pc.subtract(local.cast(pa.int64()), instants)
    moments = np.asarray(local.cast(pa.int64()).fill_null(0))
    if len(moments) and (
        moments.min() < calendar.FIRST_MOMENT or moments.max() > calendar.LAST_MOMENT
    ):
        written = [
            None if v is None else calendar.moment_text(v) for v in _integers(local, "int64")
        ]
        found = pa.array(written, pa.string())
    elif not len(moments) or not (moments % 1_000_000).any():
        found = local.cast(pa.timestamp("s")).cast(pa.string())
    else:
        found = _without_zeros(local.cast(pa.string()))
    if offsets is None:
        return found
    if zone == UTC:
        return _before_era(found, pa.scalar("+00"))
    names = {o: calendar.offset_text(o) for o in pc.unique(offsets).to_pylist() if o is not None}
    said = pa.array([None if o is None else names[o] for o in offsets.to_pylist()], pa.string())
    return _before_era(found, said)


def _before_era(found: pa.Array, offset: Any) -> pa.Array:
    """The zone goes behind the time, before the era."""
    dated = pc.match_substring(found, " BC")
    joined = pc.binary_join_element_wise(found, offset, "")
    if not pc.any(dated).as_py():
        return joined
    bare = pc.replace_substring(found, " BC", "")
    return pc.if_else(dated, pc.binary_join_element_wise(bare, offset, " BC", ""), joined)


def to_microseconds(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """PostgreSQL counts microseconds: nanoseconds are cut off, downwards."""
    if array.type.unit != "ns":
        return array.cast(kind)
    counted = array.cast(pa.int64())
    values = np.floor_divide(np.asarray(counted.fill_null(0)), 1000)
    return pa.array(values, mask=~np.asarray(counted.is_valid())).cast(kind)


def _without_zeros(found: pa.Array) -> pa.Array:
    """A fraction of a second without zeros at its end, nor a point that nothing follows."""
    return pc.utf8_rtrim(pc.replace_substring_regex(found, r"(\.\d*?)0+$", r"\1"), ".")


def _hexadecimal(array: pa.Array) -> pa.Array:
    r"""``\x`` and two digits for each byte."""
    wide = array.cast(pa.large_binary())
    offsets = np.frombuffer(wide.buffers()[1], np.int64)[wide.offset : wide.offset + len(wide) + 1]
    data = wide.buffers()[2]
    digits = memoryview(data)[offsets[0] : offsets[-1]].hex().encode() if data is not None else b""
    plain = pack((offsets - offsets[0]) * 2, pa.py_buffer(digits), wide)
    marker = pa.scalar(b"\\x", pa.large_binary())
    return pc.binary_join_element_wise(marker, plain, pa.scalar(b"", pa.large_binary()))


_QUOTED = r'^$|[{}",\\\s]|^[nN][uU][lL][lL]$'


def _arrays(array: pa.Array, zone: ZoneInfo) -> pa.Array:
    lists, values = array, array.flatten()
    written = texts(values, zone).cast(pa.large_string())
    escaped = pc.replace_substring_regex(written, r'(["\\])', r"\\\1")
    quoted = pc.binary_join_element_wise('"', escaped.cast(pa.string()), '"', "").cast(
        pa.large_string()
    )
    shown = pc.if_else(pc.match_substring_regex(written, _QUOTED), quoted, written)
    shown = shown.fill_null("NULL").cast(pa.string())
    valid = np.asarray(lists.is_valid())
    counts = np.asarray(pc.list_value_length(lists).fill_null(0))
    offsets = np.concatenate([[0], np.cumsum(counts)])
    whole = pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), shown)
    joined = pc.binary_join(whole.cast(pa.list_(pa.string())), ",")
    braced = pc.binary_join_element_wise("{", joined, "}", "")
    return pc.if_else(pa.array(valid), braced, pa.scalar(None, pa.string()))


def to_json(value: object, kind: pa.DataType) -> str:
    """A value of a nested type; what JSON has no kind for is a text."""
    return json.dumps(_plain(value, kind), ensure_ascii=False, separators=(",", ":"))


def _plain(value: Any, kind: pa.DataType) -> object:
    if value is None:
        return None
    if pa.types.is_map(kind):
        return {_key(key, kind): _plain(item, kind.item_type) for key, item in value}
    if pa.types.is_struct(kind):
        return {field.name: _plain(value[field.name], field.type) for field in kind}
    if is_list(kind):
        return [_plain(item, kind.value_type) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    for kinds, write in _WRITTEN:
        if isinstance(value, kinds):
            return write(value)
    return value if isinstance(value, str | int | bool) else str(value)


def _key(key: object, kind: pa.MapType) -> str:
    found = _plain(key, kind.key_type)
    return found if isinstance(found, str) else json.dumps(found)


_WRITTEN: tuple[tuple[type | tuple[type, ...], Callable[[Any], object]], ...] = (
    (bytes, lambda value: base64.b64encode(value).decode()),
    (Decimal, lambda value: f"{value:f}"),
    ((datetime, date, time), lambda value: value.isoformat()),
    (timedelta, lambda value: calendar.interval_text(0, value.days, _rest(value))),
)


def _rest(value: timedelta) -> int:
    return value.seconds * 1_000_000 + value.microseconds
