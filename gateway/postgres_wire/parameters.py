"""Values of parameters, as a client sends them, in text or in binary."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gateway.languages.array_texts import array_items
from gateway.postgres_wire import calendar
from gateway.postgres_wire.errors import INVALID_BINARY, INVALID_TEXT, SqlError
from gateway.postgres_wire.messages import BINARY, TEXT
from gateway.postgres_wire.text_forms import hint_of
from gateway.postgres_wire.types import BY_ARRAY, BY_OID, pg_type

UNSPECIFIED = 0

ARROW: dict[int, pa.DataType] = {
    16: pa.bool_(),
    17: pa.binary(),
    20: pa.int64(),
    21: pa.int16(),
    23: pa.int32(),
    26: pa.int64(),
    700: pa.float32(),
    701: pa.float64(),
    1082: pa.date32(),
    1083: pa.time64("us"),
    1114: pa.timestamp("us"),
    1184: pa.timestamp("us", "UTC"),
    1186: pa.month_day_nano_interval(),
}
"""The Arrow types of values by oid; anything else is text, and a number its own decimal."""

NUMERIC = pa.decimal128(38, 10)
"""Of a number that is described before its value is known, and of those in arrays."""

_TEXTS = frozenset({0, 18, 19, 25, 114, 705, 1042, 1043, 2205, 2206, 3802})
_NUMERIC, _UUID = 1700, 2950
_MAX_DIGITS = 76
_TRUE, _FALSE = {"t", "true", "y", "yes", "on", "1"}, {"f", "false", "n", "no", "off", "0"}


def oid_of(kind: pa.DataType) -> int:
    """The oid a parameter of an Arrow type is described with."""
    found, array = pg_type(kind)
    return found.array if array else found.oid


def declared(oids: Sequence[int]) -> tuple[pa.DataType | None, ...]:
    """The types a client has declared for parameters; a text may be anything, and says nothing."""
    types = tuple(NUMERIC if oid == _NUMERIC else ARROW.get(oid) for oid in oids)
    return types if any(types) else ()


def scalars(
    values: Sequence[bytes | None], formats: Sequence[int], oids: Sequence[int]
) -> tuple[pa.Scalar, ...]:
    """The values of a Bind. Raises SqlError for one that can not be read."""
    if len(formats) == 1:
        formats = [formats[0]] * len(values)
    codes = formats or [TEXT] * len(values)
    return tuple(
        _scalar(number, value, code, oid)
        for number, (value, code, oid) in enumerate(zip(values, codes, oids, strict=True), 1)
    )


def _scalar(number: int, data: bytes | None, code: int, oid: int) -> pa.Scalar:
    try:
        if data is None:
            return pa.scalar(None, _arrow(oid))
        return _binary(data, oid) if code == BINARY else _text(data.decode(), oid)
    except (ValueError, ArithmeticError, struct.error, OverflowError, pa.ArrowException):
        kind = BY_OID.get(oid) or BY_ARRAY.get(oid)
        raise SqlError(
            INVALID_BINARY if code == BINARY else INVALID_TEXT,
            f"the value of parameter ${number} is no {kind.sql if kind else 'text'}",
            hint=None if code == BINARY else hint_of(number, data, oid),
        ) from None


def _arrow(oid: int) -> pa.DataType:
    if oid in BY_ARRAY:
        return pa.list_(ARROW.get(BY_ARRAY[oid].oid, pa.string()))
    return ARROW.get(oid, pa.string())


def _text(value: str, oid: int) -> pa.Scalar:
    if oid in _TEXTS:
        return pa.scalar(value)
    if oid == _NUMERIC:
        return _decimal(Decimal(value.strip()))
    if oid == _UUID:
        return pa.scalar(str(uuid.UUID(value.strip())))
    if oid in BY_ARRAY:
        inner = BY_ARRAY[oid].oid
        items = [None if v is None else _text(v, inner).as_py() for v in array_items(value)]
        return pa.scalar(items, _list_type(items, inner))
    if oid == 16:
        word = value.strip().lower()
        if word not in _TRUE | _FALSE:
            raise ValueError(word)
        return pa.scalar(word in _TRUE)
    if oid == 17:
        return pa.scalar(_bytes(value))
    if oid == 1186:
        return pa.scalar(calendar.interval_of(value), ARROW[oid])
    if oid in ARROW:
        return _parsed(value.strip(), ARROW[oid])
    return pa.scalar(value)


def _parsed(value: str, kind: pa.DataType) -> pa.Scalar:
    if pa.types.is_integer(kind):
        return pa.scalar(int(value), kind)
    if pa.types.is_floating(kind):
        return pa.scalar(float(value), kind)
    if pa.types.is_date(kind):
        return pa.scalar(calendar.date_of(value), pa.int32()).cast(kind)
    if pa.types.is_timestamp(kind):
        return _moment(value, kind)
    if pa.types.is_time(kind):
        return pa.scalar(calendar.time_of(value), pa.int64()).cast(kind)
    return pc.cast(pa.scalar(value), kind)


def _moment(value: str, kind: pa.DataType) -> pa.Scalar:
    """``2024-02-29 12:30:00.5+01``; without a zone it is UTC, or has none."""
    microseconds, offset = calendar.moment_of(value)
    if kind.tz and offset is not None:
        microseconds -= offset
    return pa.scalar(microseconds, pa.int64()).cast(kind)


def _bytes(value: str) -> bytes:
    if value.startswith("\\x"):
        return bytes.fromhex(value[2:])
    found, rest = bytearray(), iter(value.encode())
    for byte in rest:  # the old form: \\ is itself, \ooo a byte in octal
        if byte != ord("\\"):
            found.append(byte)
            continue
        following = next(rest, None)
        if following == ord("\\"):
            found.append(byte)
        elif following is not None:
            digits = bytes([following, next(rest, 0), next(rest, 0)])
            found.append(int(digits, 8))
        else:
            raise ValueError(value)
    return bytes(found)


def _decimal(value: Decimal) -> pa.Scalar:
    if not value.is_finite():
        raise InvalidOperation
    _, digits, exponent = value.as_tuple()
    scale = max(-int(exponent), 0)
    precision = max(len(digits) + max(int(exponent), 0), scale, 1)
    if precision > _MAX_DIGITS:
        raise InvalidOperation
    wide = pa.decimal128 if precision <= 38 else pa.decimal256
    return pa.scalar(value, wide(precision, scale))


def _list_type(items: Sequence[Any], oid: int) -> pa.DataType:
    if oid == _NUMERIC:  # as many digits as they have
        inferred = pa.array(items).type
        return pa.list_(NUMERIC if pa.types.is_null(inferred) else inferred)
    return pa.list_(ARROW.get(oid, pa.string()))


def _unpack(layout: str, kind: pa.DataType) -> Callable[[bytes], pa.Scalar]:
    return lambda data: pa.scalar(struct.unpack(layout, data)[0], kind)


def _moved(kind: pa.DataType) -> Callable[[bytes], pa.Scalar]:
    epoch = calendar.EPOCH_DAYS * calendar.DAY

    def read(data: bytes) -> pa.Scalar:
        return pa.scalar(struct.unpack("!q", data)[0] + epoch, pa.int64()).cast(kind)

    return read


def _date(data: bytes) -> pa.Scalar:
    days = struct.unpack("!i", data)[0] + calendar.EPOCH_DAYS
    return pa.scalar(days, pa.int32()).cast(pa.date32())


def _interval(data: bytes) -> pa.Scalar:
    microseconds, days, months = struct.unpack("!qii", data)
    return pa.scalar((months, days, microseconds * 1000), pa.month_day_nano_interval())


def _numeric(data: bytes) -> pa.Scalar:
    count, weight, sign, scale = struct.unpack("!HhHH", data[:8])
    groups = struct.unpack(f"!{count}H", data[8:])
    if sign not in (0, 0x4000):
        raise InvalidOperation
    total = Decimal(0)
    for index, group in enumerate(groups):
        total += Decimal(group).scaleb(4 * (weight - index))
    shown = total.quantize(Decimal(1).scaleb(-scale)) if scale else total
    return _decimal(-shown if sign else shown)


_BINARY: dict[int, Callable[[bytes], pa.Scalar]] = {
    16: lambda data: pa.scalar(bool(struct.unpack("!B", data)[0])),
    17: pa.scalar,
    20: _unpack("!q", pa.int64()),
    21: _unpack("!h", pa.int16()),
    23: _unpack("!i", pa.int32()),
    26: _unpack("!I", pa.int64()),
    700: _unpack("!f", pa.float32()),
    701: _unpack("!d", pa.float64()),
    1082: _date,
    1083: lambda data: pa.scalar(struct.unpack("!q", data)[0], pa.int64()).cast(pa.time64("us")),
    1114: _moved(pa.timestamp("us")),
    1184: _moved(pa.timestamp("us", "UTC")),
    1186: _interval,
    _NUMERIC: _numeric,
    _UUID: lambda data: pa.scalar(str(uuid.UUID(bytes=data))),
    3802: lambda data: pa.scalar(data[1:].decode()),
}


def _binary(data: bytes, oid: int) -> pa.Scalar:
    if oid in BY_ARRAY:
        return _binary_array(data, BY_ARRAY[oid].oid)
    read = _BINARY.get(oid)
    return read(data) if read else pa.scalar(data.decode())


def _binary_array(data: bytes, oid: int) -> pa.Scalar:
    dimensions, _, inner = struct.unpack("!iiI", data[:12])
    if dimensions == 0:
        return pa.scalar([], _list_type([], oid))
    if dimensions != 1 or inner != oid:
        raise ValueError(dimensions)
    count, _ = struct.unpack("!ii", data[12:20])
    at, items = 20, list[Any]()
    for _ in range(count):
        (length,) = struct.unpack("!i", data[at : at + 4])
        at += 4
        if length < 0:
            items.append(None)
            continue
        if at + length > len(data):
            raise ValueError(length)
        items.append(_binary(data[at : at + length], oid).as_py())
        at += length
    return pa.scalar(items, _list_type(items, oid))


def python_value(scalar: pa.Scalar) -> Any:
    """The value for an engine that takes Python's."""
    value = scalar.as_py()
    return timedelta(days=value.days) if hasattr(value, "nanoseconds") else value
