"""Values as PostgreSQL writes them in binary."""

from __future__ import annotations

import struct
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gateway.postgres_wire import calendar
from gateway.postgres_wire.cells import lengths, of_texts, pack, plain, prefixes
from gateway.postgres_wire.text_cells import UTC, texts, to_microseconds
from gateway.postgres_wire.types import JSON, Oid, is_list, pg_type

_INTEGERS = {
    **dict.fromkeys((pa.int8(), pa.int16(), pa.uint8()), ">i2"),
    **dict.fromkeys((pa.int32(), pa.uint16()), ">i4"),
    **dict.fromkeys((pa.int64(), pa.uint32()), ">i8"),
}
_SMALL_DIGITS = 18
_EPOCH = calendar.EPOCH_DAYS * calendar.DAY


def cells(array: pa.Array) -> pa.Array:
    """The cells of a column in binary format."""
    kind = array.type
    if isinstance(kind, pa.UuidType):
        return of_texts(array.storage.cast(pa.binary()))
    if isinstance(kind, Oid):
        return plain(np.asarray(array.storage.fill_null(0)).astype(">u4"), array)
    if isinstance(kind, pa.BaseExtensionType):
        return cells(array.storage)
    if pa.types.is_boolean(kind):
        return plain(np.asarray(array.fill_null(False)).astype("u1"), array)
    if pa.types.is_integer(kind) and kind != pa.uint64():
        return plain(np.asarray(array.fill_null(0)).astype(_INTEGERS[kind]), array)
    if pa.types.is_floating(kind):
        width = ">f8" if kind == pa.float64() else ">f4"
        return plain(np.asarray(array.fill_null(0)).astype(width), array)
    if kind == pa.uint64():
        return _decimals(array.cast(pa.decimal128(20, 0)))
    if pa.types.is_decimal(kind):
        return _decimals(array)
    if pa.types.is_date(kind):
        return _dates(array.cast(pa.date32()))
    if pa.types.is_timestamp(kind):
        moments = np.asarray(
            to_microseconds(array, pa.timestamp("us", kind.tz)).cast(pa.int64()).fill_null(0)
        )
        return plain((moments - _EPOCH).astype(">i8"), array)
    if pa.types.is_time(kind):
        return plain(
            np.asarray(
                to_microseconds(array, pa.time64("us")).cast(pa.int64()).fill_null(0)
            ).astype(">i8"),
            array,
        )
    if pa.types.is_duration(kind) or kind == pa.month_day_nano_interval():
        found = calendar.intervals(array)
        return pa.array(
            [v and struct.pack("!qii", v[2], v[1], v[0]) for v in found], pa.large_binary()
        )
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return of_texts(array)
    if pa.types.is_fixed_size_binary(kind):
        return of_texts(array.cast(pa.binary()))
    if is_list(kind) and pg_type(kind)[0] is not JSON:
        return _arrays(array)
    return of_texts(texts(array, UTC))


def _dates(array: pa.Array) -> pa.Array:
    days = np.asarray(array.cast(pa.int32()).fill_null(0)).astype(np.int64)
    return plain((days - calendar.EPOCH_DAYS).astype(">i4"), array)


def _arrays(array: pa.Array) -> pa.Array:
    """One dimension, counted from 1; the elements of a row lie beside each other already."""
    lists = array
    element, _ = pg_type(array.type.value_type)
    elements = cells(lists.flatten())
    sizes = lengths(elements)
    nothing = pa.scalar(b"", pa.large_binary())
    filled = elements.fill_null(b"") if elements.null_count else elements
    joined = pc.binary_join_element_wise(prefixes(elements, sizes), filled, nothing)
    ends = np.concatenate([[0], np.cumsum(sizes + 4)])
    counts = np.asarray(pc.list_value_length(lists).fill_null(0)).astype(np.int64)
    first = np.concatenate([[0], np.cumsum(counts)])
    data = joined.buffers()[2] or pa.py_buffer(b"")
    bodies = pack(ends[first], data)
    head = np.zeros(
        len(lists), np.dtype([(n, ">i4") for n in ("dims", "nulls", "oid", "n", "low")])
    )
    head["dims"], head["nulls"], head["oid"] = 1, 1 if elements.null_count else 0, element.oid
    head["n"], head["low"] = counts, 1
    rows = pc.binary_join_element_wise(plain(head, array), bodies, nothing)
    if (counts == 0).any():
        empty = pa.scalar(struct.pack("!iiI", 0, 0, element.oid), pa.large_binary())
        rows = pc.if_else(pa.array(counts == 0), empty, rows)
    return pc.if_else(lists.is_valid(), rows, pa.scalar(None, pa.large_binary()))


def _decimals(array: pa.Array) -> pa.Array:
    """Digits to the base of 10000, without zeros before or behind.

    Two numpy matrices: as long as all digits fit into 64 bits, before and behind the point.
    """
    precision, scale = array.type.precision, max(array.type.scale, 0)
    if array.type.scale < 0 or precision > _SMALL_DIGITS or scale > 16:
        written = [None if v is None else numeric(v) for v in array.to_pylist()]
        return pa.array(written, pa.large_binary())
    words = array.cast(pa.decimal128(precision, array.type.scale)).buffers()[1]
    raw = np.frombuffer(words, "<i8")[2 * array.offset : 2 * (array.offset + len(array)) : 2]
    values = np.where(np.asarray(array.is_valid()), raw, 0)
    size = np.abs(values)
    whole, part = np.divmod(size, 10**scale)
    before, behind = (precision - scale + 3) // 4, (scale + 3) // 4
    part = part * 10 ** (behind * 4 - scale)
    groups = [whole // 10_000**i % 10_000 for i in reversed(range(before))]
    groups += [part // 10_000**i % 10_000 for i in reversed(range(behind))]
    digits = np.stack(groups, axis=1) if groups else np.zeros((len(values), 0), np.int64)
    return _numerics(digits, before, scale, values < 0, array)


def _numerics(
    digits: npt.NDArray[np.int64],
    before: int,
    scale: int,
    negative: npt.NDArray[np.bool_],
    nulls: pa.Array,
) -> pa.Array:
    count, width = digits.shape
    there = digits != 0
    kept = (
        np.logical_or.accumulate(there, axis=1)
        & np.logical_or.accumulate(there[:, ::-1], axis=1)[:, ::-1]
    )
    number = kept.sum(axis=1)
    leading = np.where(number > 0, kept.argmax(axis=1), before) if width else np.zeros(count)
    matrix = np.empty((count, 4 + width), ">u2")
    matrix[:, 0] = number
    matrix[:, 1] = np.where(number > 0, before - 1 - leading, 0).astype(np.int16).view(np.uint16)
    matrix[:, 2] = np.where(negative, 0x4000, 0)
    matrix[:, 3] = scale
    matrix[:, 4:] = digits
    shown = np.concatenate([np.ones((count, 4), bool), kept], axis=1)
    offsets = np.concatenate([[0], np.cumsum((4 + number) * 2)]).astype(np.int64)
    return pack(offsets, pa.py_buffer(matrix[shown].tobytes()), nulls)


def numeric(value: Decimal) -> bytes:
    """One number of any size."""
    if not value.is_finite():
        return struct.pack("!HhHH", 0, 0, 0xC000, 0)  # NaN
    sign, digits, exponent = value.as_tuple()
    scale = max(-int(exponent), 0)
    written = "".join(map(str, digits)) + "0" * max(int(exponent), 0)
    whole, part = written[: len(written) - scale], written[len(written) - scale :].rjust(scale, "0")
    whole = "0" * (-len(whole) % 4) + whole
    part += "0" * (-len(part) % 4)
    groups = [int((whole + part)[i : i + 4]) for i in range(0, len(whole + part), 4)]
    weight = len(whole) // 4 - 1
    while groups and not groups[0]:
        groups.pop(0)
        weight -= 1
    while groups and not groups[-1]:
        groups.pop()
    if not groups:
        weight = 0
    head = struct.pack("!HhHH", len(groups), weight, 0x4000 if sign and groups else 0, scale)
    return head + struct.pack(f"!{len(groups)}H", *groups)
