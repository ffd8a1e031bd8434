"""Where a mask has an answer: the bounds both forms of a mask (Arrow and SQL) take from here.

Outside of them a masked value is NULL, so that no arithmetic ever leaves the type of its column.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

import pyarrow as pa

from policies.masks import Mask

_EPOCH = dt.date(1970, 1, 1)
_FIRST_DAY = (dt.date(1, 1, 1) - _EPOCH).days
_LAST_DAY = (dt.date(9999, 12, 31) - _EPOCH).days
TICKS_PER_DAY = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
# The first month and year that begin within 64 bits of nanoseconds.
_FIRST_OF_NANOSECONDS = {"month": dt.date(1677, 10, 1), "year": dt.date(1678, 1, 1)}

LARGEST_FLOAT = 1.7976931348623157e308
"""Only infinities, and NaN where it sorts as the greatest, are greater."""


def moments(mask: Mask, data_type: pa.DataType) -> tuple[int, int]:
    """The first and last value, as the type stores it, that `month` or `year` can cut.

    These are the years 1 to 9999, which every source knows, as far as the type reaches.
    """
    if pa.types.is_date32(data_type):
        return _FIRST_DAY, _LAST_DAY
    unit = "ms" if pa.types.is_date64(data_type) else data_type.unit
    ticks = TICKS_PER_DAY[unit]
    if unit == "ns":
        return (_FIRST_OF_NANOSECONDS[mask.kind] - _EPOCH).days * ticks, 2**63 - 1
    return _FIRST_DAY * ticks, (_LAST_DAY + 1) * ticks - 1


@dataclass(frozen=True, slots=True)
class Bands:
    """Bands over exact numbers: integers, or decimals counted in their last digit.

    `width` is None when the type ends within the first band: then all there is is zero.
    `lowest` is where the lowest whole band begins; what is below has no band.
    """

    lowest: int
    width: int | None


def bands(mask: Mask, data_type: pa.DataType) -> Bands:
    """The bands of an integer or decimal type."""
    if pa.types.is_decimal(data_type):
        width = int(mask.width.scaleb(data_type.scale))
        highest = 10**data_type.precision - 1
        smallest = -highest
    else:
        width, bits = int(mask.width), data_type.bit_width
        signed = pa.types.is_signed_integer(data_type)
        highest = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
        smallest = -(2 ** (bits - 1)) if signed else 0
    return Bands(-(-smallest // width) * width, width if width <= highest else None)


def unscaled(value: int, data_type: pa.DataType) -> Decimal:
    """A count of last digits as the decimal it stands for."""
    return Decimal(f"{value}E{-data_type.scale}")  # scaleb would round to 28 digits


def largest_banded(mask: Mask, data_type: pa.DataType) -> float:
    """Floats as far from zero as this, or farther, have no band.

    From 2**53 widths on two neighbouring floats are a band apart: the mask would show the value.
    A float32 stops where one more band might not fit.
    """
    limit = float(mask.width) * 2.0**53
    return min(limit, 2.0**127) if pa.types.is_float32(data_type) else limit
