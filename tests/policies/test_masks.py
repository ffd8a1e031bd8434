"""Mask ids: what is a mask, which is stronger, and what becomes of one that does not suit."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.masks import NULL, Mask, effective, parse_mask, strength

# weakest first
ORDERED = (
    *("none", "partial:64", "partial:3", "partial:2", "partial", "partial:1", "last4"),
    *("band:0.5", "band:5", "band:10", "grid:0.1", "grid:1", "month"),
    *("year", "hash", "constant", "constant:a", "constant:b", "null"),
)


@pytest.mark.parametrize("text", ORDERED)
def test_an_id_is_read_and_written_the_same(text: str) -> None:
    assert str(parse_mask(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "Hash",
            "hash ",
            " hash",
            "NULL",
            "sha256",
            "hash:",
            "hash:x",
            "null:1",
            "none:",
        ),
        *("last4:4", "month:1", "year:2", "partial:", "partial:0", "partial:-1", "partial:01"),
        *("partial:65", "partial:1.5", "partial:x", "partial:\u0661", "band", "band:", "band:0"),
        *(
            "band:-5",
            "band:+5",
            "band:05",
            "band:0.0",
            "band:1.50",
            "band:10.0",
            "band:.5",
            "band:5.",
        ),
        *(
            "band:1e3",
            "band:1_000",
            "band:NaN",
            "band:Infinity",
            "band:5 ",
            "band:x",
            "band:\u0663",
        ),
        *("band:1000000000000000000", "band:0.0000000001", "grid", "grid:0", "grid:-1"),
        *("constant:", "constant: ", "constant: a", "constant:a ", "constant:a,b", "constant:a\n"),
        *("constant:\x00", "constant:\u202ea", "constant:\ud800", f"constant:{'x' * 201}"),
        *("hash,null", "hash\n", "hash\x00", "band:10\n"),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_mask(text)


def test_a_mask_can_not_be_made_wrong_by_hand() -> None:
    for kind, argument in (("band", "1') --"), ("hash", "x"), ("drop", ""), ("partial", "1)")):
        with pytest.raises(ValueError):
            Mask(kind, argument)


@given(st.text(max_size=30))
def test_no_text_is_anything_but_a_mask_or_a_value_error(text: str) -> None:
    for candidate in (text, f"constant:{text}", f"band:{text}"):
        try:
            mask = parse_mask(candidate)
        except ValueError:
            continue
        assert str(mask) == candidate


def test_strength_is_the_documented_order_and_total() -> None:
    masks = [parse_mask(text) for text in ORDERED]
    assert sorted(masks, key=strength) == masks
    assert len({strength(mask) for mask in masks}) == len(masks)
    for weaker, stronger in itertools.combinations(masks, 2):
        assert strength(weaker) < strength(stronger)


@given(st.decimals(min_value="0.000000001", max_value="999999999999999999", places=9))
def test_a_wider_band_is_stronger(width: Decimal) -> None:
    text = f"{width:f}".rstrip("0").rstrip(".")
    mask = parse_mask(f"band:{text}")
    assert mask.width == width
    assert (strength(mask) > strength(parse_mask("band:10"))) is (width > 10)


TEXT = {pa.string(), pa.large_string(), pa.string_view()}
BINARY = {pa.binary(), pa.large_binary(), pa.binary_view()}
INTEGERS = {pa.int8(), pa.int16(), pa.int32(), pa.int64()} | {
    *(pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
}
FLOATS = {pa.float32(), pa.float64()}
DECIMALS = {pa.decimal128(15, 2), pa.decimal128(38, 1)}
MOMENTS = {
    *(pa.date32(), pa.date64(), pa.timestamp("s"), pa.timestamp("ns", "UTC")),
    pa.timestamp("us", "Europe/Berlin"),
}
OTHERS = {
    *(pa.float16(), pa.decimal256(50, 2), pa.time32("s"), pa.time64("us"), pa.duration("us")),
    *(pa.month_day_nano_interval(), pa.list_(pa.int64()), pa.struct({"a": pa.string()})),
    *(pa.dictionary(pa.int32(), pa.string()), pa.null(), pa.binary(32), pa.bool_()),
}
EVERY = TEXT | BINARY | INTEGERS | FLOATS | DECIMALS | MOMENTS | OTHERS

SUITS = {
    "none": EVERY,
    "null": EVERY,
    "constant": TEXT | INTEGERS | FLOATS | DECIMALS | MOMENTS | {pa.float16(), pa.bool_()},
    "hash": TEXT | BINARY | {pa.int64(), pa.uint64()},
    "last4": TEXT,
    "partial:2": TEXT,
    "month": MOMENTS,
    "year": MOMENTS,
    "band:10": INTEGERS | FLOATS | DECIMALS,
    "band:0.5": FLOATS | DECIMALS,
    "band:0.25": FLOATS | {pa.decimal128(15, 2)},
    "grid:10": FLOATS | DECIMALS,
    "grid:0.001": FLOATS,
}


@pytest.mark.parametrize("text", SUITS)
def test_a_mask_that_does_not_suit_its_column_hides_everything(text: str) -> None:
    mask = parse_mask(text)
    assert {t for t in EVERY if effective(mask, t) == mask} == SUITS[text]
    if mask != NULL:
        assert {effective(mask, t) for t in EVERY - SUITS[text]} <= {NULL}
