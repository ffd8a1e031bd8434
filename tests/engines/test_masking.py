"""Masks over Arrow and in DataFusion: by their definition, and the same bytes from both."""

from __future__ import annotations

import math
from decimal import Decimal

import pyarrow as pa
import pytest
from datafusion import SessionContext
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config import Config
from gateway.engines.datafusion import from_substrait, session, to_substrait
from gateway.engines.mask_sql import conceal, mask_sql, register
from gateway.engines.masking import mask_array
from policies.masks import effective, parse_mask
from tests.engines.masked import KEY, arrays, exact, masked_value

ARRAYS = arrays()
MASKS = (
    *("none", "null", "hash", "last4", "partial", "partial:3", "partial:64", "month", "year"),
    *("band:1", "band:7", "band:10", "band:0.1", "band:0.5", "band:100", "band:100000"),
    *("band:1000000000000", "band:999999999999999999", "band:0.000000001"),
    *("grid:0.1", "grid:2.5", "grid:45", "constant", 'constant:it\'s \\ "x" 🙂'),
)


def _context(values: pa.Array) -> SessionContext:
    context = session(Config())
    register(context)
    context.register_record_batches("t", [[pa.record_batch([values], ["Raw x"])]])
    return context


def _engine(text: str, values: pa.Array) -> pa.Array:
    """The mask as DataFusion computes it, through a view of its own."""
    sql = mask_sql(parse_mask(text), '"Raw x"', values.type, KEY)
    frame = _context(values).sql(f"SELECT r FROM (SELECT {sql} AS r FROM t)")
    return _column(frame.to_arrow_table())


def _through_substrait(text: str, values: pa.Array) -> pa.Array:
    sql = mask_sql(parse_mask(text), '"Raw x"', values.type, KEY)
    context = _context(values)
    frame = context.sql(f"SELECT r FROM (SELECT {sql} AS r FROM t)")
    plan = to_substrait(frame.optimized_logical_plan(), context).SerializeToString()
    return _column(from_substrait(plan, _context(values)).to_arrow_table())


def _column(table: pa.Table) -> pa.Array:
    return table.column(0).combine_chunks()


@pytest.mark.parametrize("name", ARRAYS)
def test_a_mask_is_what_its_definition_says(name: str) -> None:
    values = ARRAYS[name]
    for text in MASKS:
        result = mask_array(parse_mask(text), values, KEY)
        result.validate(full=True)
        assert result.type == values.type, text
        assert exact(result) == _defined(text, values), text


@pytest.mark.parametrize("name", ARRAYS)
def test_the_engine_gives_the_same_bytes(name: str) -> None:
    values = ARRAYS[name]
    for text in MASKS:
        actual = _engine(text, values)
        assert actual.type == values.type, text
        assert exact(actual) == exact(mask_array(parse_mask(text), values, KEY)), text


@pytest.mark.parametrize("name", ARRAYS)
def test_the_same_after_substrait(name: str) -> None:
    values = ARRAYS[name]
    for text in MASKS:
        actual = _through_substrait(text, values)
        if "tz=Europe" not in name:  # Substrait has no zones but UTC: the label is lost, no instant
            assert actual.type == values.type, text
        assert exact(actual) == exact(mask_array(parse_mask(text), values, KEY)), text


@pytest.mark.parametrize("name", ARRAYS)
def test_no_rows_are_masked_to_no_rows(name: str) -> None:
    values = ARRAYS[name].slice(0, 0)
    for text in MASKS:
        result = mask_array(parse_mask(text), values, KEY)
        assert (len(result), result.type) == (0, values.type), text
        assert len(_engine(text, values)) == 0, text


def _defined(text: str, values: pa.Array) -> list[object]:
    acting = effective(parse_mask(text), values.type)
    floats = pa.types.is_floating(values.type)
    plain = values.to_pylist() if floats else exact(values)
    expected = [masked_value(acting, value, values.type) for value in plain]
    return [repr(value) for value in expected] if floats else expected


def test_no_struct_is_seen_through_its_null() -> None:
    values = pa.array([{"a": 1}, None], pa.struct({"a": pa.int64()}))
    assert mask_array(parse_mask("hash"), values, KEY).null_count == 2
    assert _engine("hash", values).null_count == 2
    assert _through_substrait("hash", values).null_count == 2


@pytest.mark.parametrize("name", ARRAYS)
def test_a_slice_is_masked_as_the_whole(name: str) -> None:
    values = ARRAYS[name]
    for text in MASKS:
        whole = mask_array(parse_mask(text), values, KEY)
        part = mask_array(parse_mask(text), values.slice(1, len(values) - 1), KEY)
        assert exact(part) == exact(whole)[1:], text


@pytest.mark.parametrize("key", [b"", b"k", bytes(64), b"long" * 40])
def test_the_engines_hash_is_hmac_with_keys_of_any_length(key: bytes) -> None:
    values = pa.array(["a", "", None])
    sql = mask_sql(parse_mask("hash"), '"Raw x"', values.type, key)
    actual = _column(_context(values).sql(f"SELECT {sql} FROM t").to_arrow_table())
    assert actual == mask_array(parse_mask("hash"), values, key)


def test_equal_values_have_equal_hashes_within_a_key_only() -> None:
    one = mask_array(parse_mask("hash"), pa.array(["a", "b", "a"]), KEY).to_pylist()
    assert one[0] == one[2] != one[1]
    assert not set(one) & set(
        mask_array(parse_mask("hash"), pa.array(["a", "b"]), KEY[::-1]).to_pylist()
    )
    # the hash of a number is another one than that of its text, of any width
    number = mask_array(parse_mask("hash"), pa.array([5], pa.int64()), KEY).to_pylist()[0]
    assert number == int.from_bytes(
        bytes.fromhex(mask_array(parse_mask("hash"), pa.array(["5"]), KEY).to_pylist()[0])[:8],
        "big",
        signed=True,
    )


def test_masks_neither_show_length_nor_short_values() -> None:
    values = pa.array(["", "1", "1234", "12345678"])
    assert set(mask_array(parse_mask("last4"), values, KEY).to_pylist()) == {"****"}
    values = pa.array(["", "a", "ab", "abc"])
    assert set(mask_array(parse_mask("partial"), values, KEY).to_pylist()) == {"***"}
    long = mask_array(parse_mask("last4"), pa.array(["1" * 9, "1" * 90]), KEY).to_pylist()
    assert long[0] == long[1]


def test_a_constant_hides_which_rows_have_a_value() -> None:
    values = pa.array([None, "a", ""])
    for result in (mask_array(parse_mask("constant"), values, KEY), _engine("constant", values)):
        assert result.to_pylist() == ["***"] * 3


# -- anything at all --------------------------------------------------------------------------

_moments = st.integers(-(2**63), 2**63 - 1)
_cases = st.one_of(
    st.tuples(st.just(pa.string()), st.text(max_size=20)),
    st.tuples(st.just(pa.binary()), st.binary(max_size=80)),
    st.tuples(st.just(pa.int64()), st.integers(-(2**63), 2**63 - 1)),
    st.tuples(st.just(pa.uint64()), st.integers(0, 2**64 - 1)),
    st.tuples(st.just(pa.int8()), st.integers(-128, 127)),
    st.tuples(st.just(pa.float64()), st.floats()),
    st.tuples(st.just(pa.float32()), st.floats(width=32)),
    st.tuples(
        st.just(pa.decimal128(38, 9)),
        st.integers(1 - 10**38, 10**38 - 1).map(lambda n: Decimal(f"{n}E-9")),
    ),
)
_widths = st.one_of(
    st.integers(1, 10**18 - 1).map(str),
    st.tuples(st.integers(0, 10**6), st.integers(1, 9)).map(lambda p: f"{p[0]}.{p[1]}"),
)
_masks = st.one_of(
    st.sampled_from(["hash", "last4", "partial", "month", "year", "null", "constant"]),
    st.integers(1, 64).map(lambda kept: f"partial:{kept}"),
    _widths.map(lambda width: f"band:{width}"),
    _widths.map(lambda width: f"grid:{width}"),
)


@settings(deadline=None, max_examples=150)
@given(st.lists(_cases, min_size=1, max_size=1), _masks)
def test_any_mask_of_any_value_is_the_same_everywhere(
    cases: list[tuple[pa.DataType, object]], text: str
) -> None:
    ((data_type, value),) = cases
    _compare(pa.array([value, None], data_type), text)


@settings(deadline=None, max_examples=100)
@given(st.lists(_moments, max_size=5), st.sampled_from(["s", "ms", "us", "ns"]), st.booleans())
def test_any_moment_is_cut_the_same_everywhere(values: list[int], unit: str, zoned: bool) -> None:
    data_type = pa.timestamp(unit, "UTC" if zoned else None)
    for text in ("month", "year"):
        _compare(pa.array(values, pa.int64()).view(data_type), text)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.one_of(st.integers(-(2**31), 2**31 - 1), st.integers(-800_000, 3_000_000))))
def test_any_date_is_cut_the_same_everywhere(values: list[int]) -> None:
    for text in ("month", "year"):
        _compare(pa.array(values, pa.int32()).view(pa.date32()), text)


def _compare(values: pa.Array, text: str) -> None:
    expected = _defined(text, values)
    assert exact(mask_array(parse_mask(text), values, KEY)) == expected
    assert exact(_through_substrait(text, values)) == expected


# -- inside a plan ----------------------------------------------------------------------------


def test_a_masked_view_behaves_as_masked_everywhere() -> None:
    """Filters, groups, joins and orders see the masked value, after every optimisation."""
    card = pa.array([f"{n % 7:016d}" for n in range(1000)] + [None, "short"])
    amount = pa.array([math.nan, *map(float, range(1001))])
    context = session(Config())
    register(context)
    context.register_record_batches("raw", [[pa.record_batch([card, amount], ["card", "amount"])]])
    columns = {"card": ("last4", card), "amount": ("band:10", amount)}
    masked = ", ".join(
        f"{mask_sql(parse_mask(text), f'raw.{name}', values.type, KEY)} AS {name}"
        for name, (text, values) in columns.items()
    )
    context.register_record_batches(
        "copy",
        [
            [
                pa.record_batch(
                    [mask_array(parse_mask(t), v, KEY) for t, v in columns.values()], list(columns)
                )
            ]
        ],
    )
    for query in (
        "SELECT card, amount FROM {} ORDER BY amount DESC NULLS LAST, card LIMIT 20",
        "SELECT card, count(*) AS n, min(amount) AS least FROM {} GROUP BY card ORDER BY card",
        "SELECT count(*) AS n FROM {} WHERE card LIKE '%0003' AND amount >= 500",
        "SELECT count(*) AS n FROM {} WHERE card = '0000000000000003' OR amount = 501",
        "SELECT a.card, count(*) AS n FROM {0} a JOIN {0} b ON a.amount = b.amount "
        "GROUP BY a.card ORDER BY 1",
        "SELECT count(DISTINCT card) AS c, count(DISTINCT amount) AS a, max(card) AS m FROM {}",
    ):
        secured = context.sql(query.format(f"(SELECT {masked} FROM raw)"))
        plan = to_substrait(secured.optimized_logical_plan(), context).SerializeToString()
        expected = context.sql(query.format("copy")).to_pydict()
        assert repr(secured.to_pydict()) == repr(expected), query
        assert repr(from_substrait(plan, context).to_pydict()) == repr(expected), query


def test_a_plan_can_be_shown_without_the_key() -> None:
    values = pa.array(["a"])
    sql = mask_sql(parse_mask("hash"), '"Raw x"', values.type, KEY)
    frame = _context(values).sql(f"SELECT {sql} AS r FROM t")
    pads = [bytes(byte ^ mark for byte in KEY) for mark in (0x36, 0x5C)]
    for plan in (frame.logical_plan(), frame.optimized_logical_plan(), frame.execution_plan()):
        shown, concealed = plan.display_indent(), conceal(plan.display_indent())
        for pad in pads:
            # as SQL, as numbers, and as the first ten bytes, whichever the plan prints
            forms = (pad[:6].hex(), pad[:6].hex().upper(), ",".join(map(str, pad[:6])))
            assert any(form in shown for form in forms), "the test would not see the key"
            assert not any(form in concealed for form in forms)
        assert concealed.count("<key>") == 2
        assert "sha256" in concealed
    assert not any(pad[:6].hex() in conceal(sql) for pad in pads)


def test_what_holds_no_key_is_shown_as_it_is() -> None:
    text = "Filter: id = X'00ff' AND name = 'ABCDEF0123456789ABCD' AND Utf8(\"x\")"
    assert conceal(text) == text
