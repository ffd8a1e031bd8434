"""Masks: what a reader gets in place of a column's values, by an id that policy rows carry.

    none  null  hash  last4  partial[:K]  month  year  band:WIDTH  grid:DEGREES  constant[:TEXT]

A mask never changes the type of a column and never fails on a value. One that does not suit the
type of its column hides everything: `effective` turns it into `null`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

import pyarrow as pa

LARGEST_PREFIX = 64
LONGEST_CONSTANT = 200
DEFAULT_CONSTANT = "***"

_WIDTH = re.compile(r"(0|[1-9][0-9]{0,17})(\.[0-9]{0,8}[1-9])?")
_PREFIX = re.compile(r"[1-9][0-9]?")

# Weakest first. Those that coarsen a value are one tier, ordered among themselves only to be total.
_TIERS = {
    "none": 0,
    "partial": 1,
    "last4": 2,
    "month": 3,
    "band": 3,
    "grid": 3,
    "year": 4,
    "hash": 5,
    "constant": 6,
    "null": 7,
}
_NEEDS_ARGUMENT = frozenset({"band", "grid"})
_TAKES_ARGUMENT = _NEEDS_ARGUMENT | {"partial", "constant"}


@dataclass(frozen=True, slots=True)
class Mask:
    """A mask, always valid: making one that is not raises ValueError with the reason."""

    kind: str
    argument: str = ""

    def __post_init__(self) -> None:
        if self.kind not in _TIERS:
            raise ValueError(f"there is no mask {self.kind!r}")
        if self.argument and self.kind not in _TAKES_ARGUMENT:
            raise ValueError(f"mask {self.kind!r} takes no argument")
        if not self.argument and self.kind in _NEEDS_ARGUMENT:
            raise ValueError(f"mask {self.kind!r} needs a width: {self.kind}:10")
        if self.argument:
            _CHECKS[self.kind](self.argument)

    def __str__(self) -> str:
        return f"{self.kind}:{self.argument}" if self.argument else self.kind

    @property
    def width(self) -> Decimal:
        """The width of `band` or `grid`, more than zero."""
        return Decimal(self.argument)

    @property
    def prefix(self) -> int:
        """How many characters `partial` keeps."""
        return int(self.argument or 1)

    @property
    def text(self) -> str:
        """What `constant` shows in place of a text."""
        return self.argument or DEFAULT_CONSTANT


NULL = Mask("null")


def parse_mask(text: str) -> Mask:
    """The mask of an id. Raises ValueError with the reason for anything else."""
    kind, colon, argument = text.partition(":")
    if colon and not argument:
        raise ValueError(f"mask {text!r} ends with a colon: nothing follows it")
    return Mask(kind, argument)


def _check_prefix(argument: str) -> None:
    if not _PREFIX.fullmatch(argument) or int(argument) > LARGEST_PREFIX:
        raise ValueError(f"partial keeps 1 to {LARGEST_PREFIX} characters, not {argument!r}")


def _check_width(argument: str) -> None:
    if not _WIDTH.fullmatch(argument) or argument == "0":
        raise ValueError(
            f"a width is a number above zero, up to 18 digits before and 9 after the point, "
            f"without needless zeros; not {argument!r}"
        )


def _check_constant(argument: str) -> None:
    # Printable also keeps out half surrogates and marks that turn the direction of the text.
    if len(argument) > LONGEST_CONSTANT or "," in argument or not argument.isprintable():
        raise ValueError(
            f"the text of a constant is at most {LONGEST_CONSTANT} printable characters, no comma"
        )
    if argument != argument.strip():
        raise ValueError("the text of a constant does not begin or end with a blank")


_CHECKS = {
    "partial": _check_prefix,
    "band": _check_width,
    "grid": _check_width,
    "constant": _check_constant,
}


def strength(mask: Mask) -> tuple[int, str, Decimal, str]:
    """A sort key, weakest first: none, partial, last4, month/band/grid, year, hash, constant, null.

    Of one kind the one that tells less is the stronger: the shorter prefix, the wider band. Two
    different masks never have one strength.
    """
    rank = Decimal(0)
    if mask.kind == "partial":
        rank = Decimal(-mask.prefix)
    elif mask.kind in _NEEDS_ARGUMENT:
        rank = mask.width
    return _TIERS[mask.kind], mask.kind, rank, mask.argument


def effective(mask: Mask, data_type: pa.DataType) -> Mask:
    """The mask as it acts on a column of this type: itself where it suits the type, or `null`."""
    return mask if _suits(mask, data_type) else NULL


def _suits(mask: Mask, data_type: pa.DataType) -> bool:
    match mask.kind:
        case "none" | "null":
            return True
        case "constant":
            return _has_constant(data_type)
        case "hash":
            return _is_text(data_type) or _is_binary(data_type) or _is_wide(data_type)
        case "last4" | "partial":
            return _is_text(data_type)
        case "month" | "year":
            return _is_moment(data_type)
        case "band":
            return _has_bands(mask.width, data_type)
        case "grid":
            return not pa.types.is_integer(data_type) and _has_bands(mask.width, data_type)
    return False


def _is_text(data_type: pa.DataType) -> bool:
    t = pa.types
    return bool(
        t.is_string(data_type) or t.is_large_string(data_type) or t.is_string_view(data_type)
    )


def _is_binary(data_type: pa.DataType) -> bool:
    t = pa.types
    return bool(
        t.is_binary(data_type) or t.is_large_binary(data_type) or t.is_binary_view(data_type)
    )


def _is_wide(data_type: pa.DataType) -> bool:
    """Integers with room for a hash that does not collide by chance."""
    return bool(data_type in {pa.int64(), pa.uint64()})


def _is_moment(data_type: pa.DataType) -> bool:
    return bool(pa.types.is_date(data_type) or pa.types.is_timestamp(data_type))


def _is_float(data_type: pa.DataType) -> bool:
    return bool(pa.types.is_float32(data_type) or pa.types.is_float64(data_type))


def _has_constant(data_type: pa.DataType) -> bool:
    t = pa.types
    numbers = t.is_integer(data_type) or t.is_floating(data_type) or t.is_decimal128(data_type)
    return bool(numbers or _is_text(data_type) or _is_moment(data_type) or t.is_boolean(data_type))


def _has_bands(width: Decimal, data_type: pa.DataType) -> bool:
    """A band of integers is of whole width, one of decimals has no more digits than they have."""
    digits = max(0, -int(width.as_tuple().exponent))
    if pa.types.is_integer(data_type):
        return digits == 0
    if pa.types.is_decimal128(data_type):
        return digits <= int(data_type.scale)
    return _is_float(data_type)
