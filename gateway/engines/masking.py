"""Masks over Arrow arrays: what every other form of a mask is held to.

    mask_array(parse_mask("last4"), values, key)      one column of a batch that left its source

The same masks as DataFusion expressions are in `mask_sql`. Both give the same bytes for every
value of a type, and neither fails on any.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from connectors.capabilities import Kind, kind_of
from gateway.engines.mask_ranges import bands, largest_banded, moments, unscaled
from policies.masks import Mask, effective


def mask_array(mask: Mask, values: pa.Array, key: bytes) -> pa.Array:
    """The values behind the mask: same length, same type. `key` is the product's own."""
    acting = effective(mask, values.type)
    return _MASKS[acting.kind](acting, values, key)


def _none(mask: Mask, values: pa.Array, key: bytes) -> pa.Array:
    return values


def _null(mask: Mask, values: pa.Array, key: bytes) -> pa.Array:
    return pa.nulls(len(values), values.type)


def _constant(mask: Mask, values: pa.Array, key: bytes) -> pa.Array:
    """NULLs too: which rows have a value is part of what is hidden."""
    t = pa.types
    if kind_of(values.type) is Kind.TEXT:
        return _cast(pa.repeat(pa.scalar(mask.text, pa.string()), len(values)), values.type)
    if t.is_boolean(values.type):
        return pa.repeat(pa.scalar(False), len(values))
    if t.is_date32(values.type):
        return pa.repeat(pa.scalar(0, pa.int32()), len(values)).view(values.type)
    if t.is_date64(values.type) or t.is_timestamp(values.type):
        return pa.repeat(pa.scalar(0, pa.int64()), len(values)).view(values.type)
    return pa.repeat(_zero(values.type), len(values))


def _hash(mask: Mask, values: pa.Array, key: bytes) -> pa.Array:
    plain = _cast(values, pa.large_string() if pa.types.is_integer(values.type) else values.type)
    if pa.types.is_string_view(plain.type) or pa.types.is_binary_view(plain.type):
        plain = _cast(plain, pa.large_binary())
    distinct = plain.dictionary_encode()
    found = distinct.dictionary.cast(pa.large_binary()).to_pylist()
    digests = [hmac.digest(key, value, "sha256") for value in found]
    if pa.types.is_integer(values.type):
        hashes = digest_integers(pa.array(digests, pa.binary()), values.type)
    elif kind_of(values.type) is Kind.TEXT:
        hashes = pa.array([digest.hex() for digest in digests], pa.string())
    else:
        hashes = pa.array(digests, pa.binary())
    return _cast(hashes.take(distinct.indices), values.type)


def digest_integers(digests: pa.Array, data_type: pa.DataType) -> pa.Array:
    """The first eight bytes of each digest (binary), big endian, as int64 or uint64."""
    little = pc.binary_reverse(pc.binary_slice(digests, 0, 8))
    return little.cast(pa.binary(8)).view(data_type)


def _last4(mask: Mask, values: pa.Array, key: bytes) -> pa.Array:
    text = _sliceable(values)
    return _joined(values.type, "****", _unless_short(text, 9, pc.utf8_slice_codeunits(text, -4)))


def _partial(mask: Mask, values: pa.Array, key: bytes) -> pa.Array:
    text, kept = _sliceable(values), mask.prefix
    start = pc.utf8_slice_codeunits(text, 0, kept)
    return _joined(values.type, _unless_short(text, 2 * kept + 2, start), "***")


def _sliceable(values: pa.Array) -> pa.Array:
    return _cast(values, pa.string()) if pa.types.is_string_view(values.type) else values


def _unless_short(text: pa.Array, length: int, shown: pa.Array) -> pa.Array:
    """Nothing of a text with fewer characters than `length`, which would show most of it."""
    return pc.if_else(pc.less(pc.utf8_length(text), length), pa.scalar("", text.type), shown)


def _joined(data_type: pa.DataType, *parts: pa.Array | str) -> pa.Array:
    kind = next(part.type for part in parts if not isinstance(part, str))
    scalars = [pa.scalar(part, kind) if isinstance(part, str) else part for part in parts]
    return _cast(pc.binary_join_element_wise(*scalars, pa.scalar("", kind)), data_type)


def _moment(mask: Mask, values: pa.Array, key: bytes) -> pa.Array:
    # Without its zone a time is what it is in UTC; a zone would move the first of the month.
    zoned = pa.types.is_timestamp(values.type) and values.type.tz is not None
    local = values.view(pa.timestamp(values.type.unit)) if zoned else values
    first, last = (_stored(bound, local.type) for bound in moments(mask, local.type))
    within = pc.and_(pc.greater_equal(local, first), pc.less_equal(local, last))
    cut = pc.floor_temporal(_only(within, local), unit=mask.kind)
    return cut.view(values.type) if zoned else cut


def _stored(value: int, data_type: pa.DataType) -> pa.Scalar:
    """The scalar a type stores as this integer."""
    width = pa.int32() if data_type.bit_width == 32 else pa.int64()
    return pa.array([value], width).view(data_type)[0]


def _band(mask: Mask, values: pa.Array, key: bytes) -> pa.Array:
    if pa.types.is_floating(values.type):
        return _floats(mask, values)
    found = bands(mask, values.type)
    if found.width is None:
        zero = _zero(values.type)
        none = pa.scalar(None, values.type)
        return pc.if_else(pc.greater_equal(values, zero), zero, none)
    width, lowest = _exact(found.width, values.type), _exact(found.lowest, values.type)
    within = _only(pc.greater_equal(values, lowest), values)
    return pc.round_to_multiple(within, width, "down")


def _exact(value: int, data_type: pa.DataType) -> pa.Scalar:
    if pa.types.is_decimal(data_type):
        return pa.scalar(unscaled(value, data_type), data_type)
    return pa.scalar(value, data_type)


def _floats(mask: Mask, values: pa.Array) -> pa.Array:
    """floor(x / width) * width + 0 in double precision: any engine has that, bit for bit.

    Adding zero makes a negative zero a plain one, which not every source can send.
    """
    wide = _cast(values, pa.float64())
    width = float(mask.width)
    banded = pc.add(pc.multiply(pc.floor(pc.divide(wide, width)), width), 0.0)
    within = pc.less(pc.abs(wide), largest_banded(mask, values.type))
    if mask.kind == "band":
        beyond = pc.if_else(pc.is_finite(wide), pa.scalar(None, pa.float64()), wide)
    else:
        beyond = pa.scalar(None, pa.float64())
    return _cast(pc.if_else(within, banded, beyond), values.type)


def _zero(data_type: pa.DataType) -> pa.Scalar:
    value = Decimal(0) if pa.types.is_decimal(data_type) else 0
    return pa.scalar(value, data_type)


def _only(test: pa.Array, values: pa.Array) -> pa.Array:
    return pc.if_else(test, values, pa.scalar(None, values.type))


def _cast(values: pa.Array, to: pa.DataType) -> pa.Array:
    return values if values.type == to else values.cast(to, safe=False)


_MASKS: dict[str, Callable[[Mask, pa.Array, bytes], pa.Array]] = {
    "none": _none,
    "null": _null,
    "constant": _constant,
    "hash": _hash,
    "last4": _last4,
    "partial": _partial,
    "month": _moment,
    "year": _moment,
    "band": _band,
    "grid": _band,
}
