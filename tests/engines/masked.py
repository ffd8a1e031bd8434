"""Values at the ends of every type, and what a mask makes of one, in plain Python."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import math
import struct
from decimal import Decimal, localcontext

import pyarrow as pa

from policies.masks import Mask

KEY = bytes(range(32))

_DAY = 86_400
_TEXTS = (
    *("", "a", "abc", "abcd", "12345678", "123456789", "4111111111111111", " " * 12, "\0" * 10),
    *("a\0b\\c'd\"e\n", "🙂" * 8, "🙂" * 9, "e\u0301" * 9, "日本語日本語日本語日", "👩‍👩‍👧‍👦" * 2),
    *("\U0010ffff" * 5, "ﬁ" * 9, "\u200b" * 9, "x" * 5000, None),
)
_FLOATS = (
    *(0.0, -0.0, 1.5, -1.5, 0.1, -0.1, 0.3, 0.7, -0.7, 9.999999999999998, 52.520008, -13.404954),
    *(math.nan, math.inf, -math.inf, 5e-324, -5e-324, 2.5e-320, -2.5e-320, 1e-300, -1e-300),
    *(1.7976931348623157e308, -1.7976931348623157e308, 2.0**53, 2.0**60, 1e15, -1e15, None),
)
_DAYS = (-(2**31), 2**31 - 1, -719_162, -719_163, 2_932_896, 2_932_897, 0, -1, 30, 31, 11_016, None)
_SECONDS = (
    *(0, -1, 1, 1_700_000_000, -719_162 * _DAY, -719_162 * _DAY - 1, 2_932_897 * _DAY - 1),
    *(2_932_897 * _DAY, -9_222_422_400, -9_222_422_401, -9_214_560_000, -9_214_560_001),
)
TICKS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def arrays() -> dict[str, pa.Array]:
    """An array of every type, named for it."""
    found = [
        *(pa.array(_TEXTS, t) for t in (pa.string(), pa.large_string(), pa.string_view())),
        *(
            pa.array((b"", b"\0", b"\xff" * 100, b"abc", None), t)
            for t in (pa.binary(), pa.large_binary(), pa.binary_view())
        ),
        *(_integers(bits, signed) for bits in (8, 16, 32, 64) for signed in (True, False)),
        pa.array(_FLOATS, pa.float64()),
        pa.array(map(_single, _FLOATS), pa.float32()),
        pa.array((0.0, 1.5, None), pa.float16()),
        *(_decimals(p, s) for p, s in ((5, 2), (15, 2), (38, 2), (38, 0), (38, 38), (9, 9))),
        pa.array((Decimal("1.00"), None), pa.decimal256(50, 2)),
        pa.array(_DAYS, pa.int32()).view(pa.date32()),
        pa.array(map(_in_ms, (-(2**36), 2**36, *_DAYS)), pa.int64()).view(pa.date64()),
        *(_moments(unit, zone) for unit in TICKS for zone in (None, "UTC", "Europe/Berlin")),
        pa.array((True, False, None)),
        pa.array((1, None), pa.time64("us")),
        pa.array((1, None), pa.duration("s")),
        pa.array((b"abcd", None), pa.binary(4)),
        pa.array(([1], None), pa.list_(pa.int64())),
        pa.array(("a", None)).dictionary_encode(),
    ]
    return {str(array.type): array for array in found}


def _integers(bits: int, signed: bool) -> pa.Array:
    data_type = getattr(pa, f"int{bits}" if signed else f"uint{bits}")()
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    near = [low, low + 1, low + 7, low + 8, low + 9, low + 100, high - 9, high - 1, high]
    return pa.array(
        [*near, *(n for n in (-11, -10, -9, -1, 0, 1, 9, 10) if n >= low), None], data_type
    )


def _single(value: float | None) -> float | None:
    if value is None or not math.isfinite(value):
        return value
    largest = 3.4028234663852886e38
    return max(-largest, min(largest, value))


def _decimals(precision: int, scale: int) -> pa.Array:
    high = 10**precision - 1
    counts = (
        0,
        1,
        -1,
        7,
        -7,
        10 ** (precision - 1),
        -(10 ** (precision - 1)),
        high,
        -high,
        1 - high,
    )
    values = [Decimal(f"{count}E{-scale}") for count in counts]
    return pa.array([*values, None], pa.decimal128(precision, scale))


def _in_ms(day: int | None) -> int | None:
    return None if day is None else day * _DAY * 1000


def _moments(unit: str, zone: str | None) -> pa.Array:
    ticks = TICKS[unit]
    values = [s * ticks + t for s in _SECONDS for t in {0, ticks - 1}]
    held = [v for v in values if -(2**63) <= v < 2**63]
    ends = (-(2**63), 1 - 2**63, 2**63 - 1, None)
    return pa.array([*held, *ends], pa.int64()).view(pa.timestamp(unit, zone))


def exact(values: pa.Array) -> list[object]:
    """The values so that -0.0 is not 0.0, NaN is itself, and dates are what is stored."""
    if pa.types.is_date32(values.type):
        values = values.view(pa.int32())
    elif pa.types.is_date64(values.type) or pa.types.is_timestamp(values.type):
        values = values.view(pa.int64())
    found = values.to_pylist()
    return [repr(v) for v in found] if pa.types.is_floating(values.type) else found


def masked_value(mask: Mask, value: object, data_type: pa.DataType) -> object:
    """A mask that suits, over a value as `exact` has it (floats as floats), by its definition."""
    if mask.kind == "none":
        return value
    if mask.kind == "null":
        return None
    if mask.kind == "constant":
        return _constant(mask, data_type)
    if value is None:
        return None
    if mask.kind == "hash":
        return _hash(value, data_type)
    if mask.kind == "last4":
        assert isinstance(value, str)
        return "****" + (value[-4:] if len(value) >= 9 else "")
    if mask.kind == "partial":
        assert isinstance(value, str)
        return (value[: mask.prefix] if len(value) >= 2 * mask.prefix + 2 else "") + "***"
    if mask.kind in {"month", "year"}:
        assert isinstance(value, int)
        return _moment(mask, value, data_type)
    return _band(mask, value, data_type)


def _constant(mask: Mask, data_type: pa.DataType) -> object:
    if pa.types.is_boolean(data_type):
        return False
    if pa.types.is_floating(data_type):
        return 0.0
    if pa.types.is_decimal(data_type):
        return Decimal(0)
    return mask.text if "string" in str(data_type) else 0


def _hash(value: object, data_type: pa.DataType) -> object:
    plain = value if isinstance(value, bytes) else str(value).encode()
    digest = hmac.new(KEY, plain, hashlib.sha256).digest()
    if isinstance(value, int):
        return struct.unpack(">q" if pa.types.is_signed_integer(data_type) else ">Q", digest[:8])[0]
    return digest.hex() if isinstance(value, str) else digest


def _moment(mask: Mask, value: int, data_type: pa.DataType) -> int | None:
    per_day = 1
    if not pa.types.is_date32(data_type):
        per_day = _DAY * TICKS["ms" if pa.types.is_date64(data_type) else data_type.unit]
    epoch = dt.date(1970, 1, 1).toordinal()
    try:
        day = dt.date.fromordinal(value // per_day + epoch)
    except (ValueError, OverflowError):
        return None
    first = day.replace(day=1) if mask.kind == "month" else day.replace(month=1, day=1)
    result = (first.toordinal() - epoch) * per_day
    return result if result >= -(2**63) else None


def _band(mask: Mask, value: object, data_type: pa.DataType) -> object:
    if isinstance(value, float):
        return _float_band(mask, value, data_type)
    with localcontext() as context:
        context.prec = 100
        if isinstance(value, Decimal):
            result: Decimal = (value / mask.width).to_integral_value("ROUND_FLOOR") * mask.width
            top = Decimal(f"1E{data_type.precision - data_type.scale}")
            return result if -top < result < top else None
    assert isinstance(value, int)
    width, bits = int(mask.width), data_type.bit_width
    low = -(2 ** (bits - 1)) if pa.types.is_signed_integer(data_type) else 0
    return value // width * width if value // width * width >= low else None


def _float_band(mask: Mask, value: float, data_type: pa.DataType) -> float | None:
    if not math.isfinite(value):
        return value if mask.kind == "band" else None
    width = float(mask.width)
    limit = width * 2.0**53
    if pa.types.is_float32(data_type):
        limit = min(limit, 2.0**127)
    if abs(value) >= limit:
        return None
    result = math.floor(value / width) * width + 0.0
    if pa.types.is_float32(data_type):
        return float(struct.unpack("<f", struct.pack("<f", result))[0])
    return result
