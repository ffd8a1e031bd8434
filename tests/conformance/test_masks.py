"""A mask a source computes gives the bytes the gateway's own mask gives, on every value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from sqlglot import exp

from connectors.capabilities import Kind, NotPushable, kind_of
from gateway.engines.masking import mask_array
from policies.masks import effective, parse_mask
from tests.conformance.extremes import COLUMNS, ENDLESS, OPENERS
from tests.conformance.reference import TABLE, by_id, column, from_table, schema_of
from tests.conformance.specs import DATABASES, Source

KEY = bytes(range(32))
MASKS = (
    *("null", "hash", "last4", "partial", "partial:3", "partial:64", "month", "year"),
    *("band:1", "band:7", "band:10", "band:0.5", "band:0.01", "band:0.000000001"),
    *("band:100000", "band:3000000000", "band:999999999999999999"),
    *("grid:0.1", "grid:0.25", "grid:5", "grid:0.000001"),
    *("constant", "constant:gone", "constant:it's Ä🙂 'x'"),
)

_MOMENTS = {Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ}
_NUMBERS = {Kind.INTEGER, Kind.UNSIGNED, Kind.DECIMAL, Kind.FLOAT}
PUSHED: dict[str, dict[str, set[Kind]]] = {
    "postgres": {
        "last4": {Kind.TEXT},
        "partial": {Kind.TEXT},
        "month": _MOMENTS,
        "year": _MOMENTS,
        "band": _NUMBERS - {Kind.UNSIGNED},
        "grid": {Kind.FLOAT, Kind.DECIMAL},
        "constant": {Kind.TEXT, Kind.BOOLEAN} | _MOMENTS | _NUMBERS - {Kind.UNSIGNED},
    },
    "mariadb": {
        "last4": {Kind.TEXT},
        "partial": {Kind.TEXT},
        "month": _MOMENTS,
        "year": _MOMENTS,
        "band": _NUMBERS,
        "grid": {Kind.FLOAT, Kind.DECIMAL},
        "constant": {Kind.TEXT, Kind.BOOLEAN} | _MOMENTS | _NUMBERS,
    },
    "sqlite": {
        "month": {Kind.DATE},
        "year": {Kind.DATE},
        "band": {Kind.INTEGER},
        "constant": {
            *(Kind.TEXT, Kind.BOOLEAN, Kind.DATE, Kind.TIMESTAMP),
            *(Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT),
        },
    },
    "duckdb": {
        "last4": {Kind.TEXT},
        "partial": {Kind.TEXT},
        "month": {Kind.DATE, Kind.TIMESTAMP},
        "year": {Kind.DATE, Kind.TIMESTAMP},
        "band": _NUMBERS,
        "grid": {Kind.FLOAT, Kind.DECIMAL},
        "constant": {Kind.TEXT, Kind.BOOLEAN, Kind.DATE, Kind.TIMESTAMP} | _NUMBERS,
    },
}
"""Source -> mask -> the kinds of columns it is computed for there; `null` for every kind."""


# another gateway is asked for no masks: this one computes them
@pytest.fixture(scope="module", params=DATABASES)
def extremes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A source that holds the ends of every type."""
    name = request.param
    if name in {"postgres", "mariadb"}:
        request.getfixturevalue(name)
    opener: Any = OPENERS[name]
    with opener(tmp_path_factory.mktemp(f"extremes-{name}")) as opened:
        yield opened


def _kind(source: Source) -> str:
    return source.name.rpartition(" ")[2]


def _read(source: Source, tree: exp.Expr, data_type: pa.DataType) -> pa.Array:
    """A column of the answer, in the order of `id`."""
    query = by_id(source, from_table(source, column(source, "id").sql, tree))
    schema = pa.schema([pa.field("c0", pa.int64()), pa.field("c1", data_type)])
    return _fetch(source, query, schema).column(1).combine_chunks()


def _fetch(source: Source, query: exp.Query, schema: pa.Schema) -> pa.Table:
    stream = source.connector.query(source.connector.render(query, schema), schema)
    try:
        return pa.Table.from_batches(list(stream), schema)
    finally:
        stream.close()


def _columns(source: Source) -> Iterator[tuple[str, pa.DataType]]:
    for field in schema_of(source):
        if field.name != "id" and not field.name.startswith(ENDLESS):
            yield field.name, field.type


def _exact(values: pa.Array) -> list[str]:
    """The values so that nothing equal but different passes: -0.0 and 0.0, NaN as itself."""
    if pa.types.is_date(values.type):
        values = values.cast(pa.int32())
    elif pa.types.is_timestamp(values.type):
        values = values.cast(pa.int64())
    return [repr(value) for value in values.to_pylist()]


@pytest.mark.parametrize("text", MASKS)
def test_a_pushed_mask_gives_what_the_gateway_gives(extremes: Source, text: str) -> None:
    mask, dialect = parse_mask(text), extremes.connector.dialect
    pushed: set[Kind] = set()
    suited: set[Kind] = set()
    for name, data_type in _columns(extremes):
        acting = effective(mask, data_type)
        operand = column(extremes, name)
        if acting == mask:
            suited.add(kind_of(data_type))
        try:
            tree = dialect.mask(acting.kind, acting.argument, operand)
        except NotPushable:
            continue
        if acting == mask:
            pushed.add(kind_of(data_type))
        raw = _read(extremes, column(extremes, name).sql, data_type)
        assert raw.null_count < len(raw), "the column has no values"
        actual = _read(extremes, tree, data_type)
        expected = mask_array(mask, raw, KEY)
        differences = [
            f"{before} -> {one}, not {other}"
            for before, one, other in zip(
                _exact(raw), _exact(actual), _exact(expected), strict=True
            )
            if one != other
        ]
        assert not differences, (name, differences)
    wanted = PUSHED[_kind(extremes)].get(mask.kind, set())
    if mask.kind == "null":
        wanted = suited
    assert pushed == wanted & suited


def test_hash_is_never_written_into_a_source(extremes: Source) -> None:
    for name, _ in _columns(extremes):
        with pytest.raises(NotPushable):
            extremes.connector.dialect.mask("hash", "", column(extremes, name))


@pytest.mark.parametrize("kind", ["last4", "partial", "month", "year", "band", "grid", "constant"])
def test_a_mask_that_does_not_suit_a_column_is_refused(extremes: Source, kind: str) -> None:
    argument = "10" if kind in {"band", "grid"} else ""
    mask = parse_mask(f"{kind}:{argument}" if argument else kind)
    for name, data_type in _columns(extremes):
        if effective(mask, data_type) != mask:
            with pytest.raises(NotPushable):
                extremes.connector.dialect.mask(kind, argument, column(extremes, name))


@pytest.mark.parametrize("text", ["null", "constant", "band:10", "month", "last4"])
def test_a_masked_column_groups_and_sorts_as_masked(extremes: Source, text: str) -> None:
    """A constant is no position of the select list, and no index of the raw column is used."""
    mask, dialect = parse_mask(text), extremes.connector.dialect
    for name, data_type in _columns(extremes):
        if effective(mask, data_type) != mask or kind_of(data_type) not in (
            dialect.capabilities.groups & dialect.capabilities.sorts
        ):
            continue
        try:
            tree = dialect.mask(mask.kind, mask.argument, column(extremes, name))
        except NotPushable:
            continue
        query = from_table(extremes, tree, exp.Count(this=exp.Star())).group_by(tree.copy())
        query = query.order_by(exp.Ordered(this=tree.copy(), nulls_first=True))
        schema = pa.schema([pa.field("c0", data_type), pa.field("c1", pa.int64())])
        answer = _fetch(extremes, query, schema)
        raw = _read(extremes, column(extremes, name).sql, data_type)
        masked = pa.table({"m": mask_array(mask, raw, KEY)})
        expected = masked.group_by("m").aggregate([([], "count_all")])
        counts = dict(
            zip(
                _exact(expected["m"].combine_chunks()),
                expected["count_all"].to_pylist(),
                strict=True,
            )
        )
        actual = dict(
            zip(_exact(answer["c0"].combine_chunks()), answer["c1"].to_pylist(), strict=True)
        )
        assert actual == counts, name


def test_a_masked_text_compares_by_its_bytes(extremes: Source) -> None:
    dialect = extremes.connector.dialect
    operand = column(extremes, "text")
    masked = type(operand)(dialect.mask("constant", "gone", operand), operand.type)
    for value, found in (("gone", True), ("GONE", False), ("gone ", False)):
        constant = type(operand)(
            dialect.literal(value, pa.string()), pa.string(), value, is_literal=True
        )
        query = from_table(extremes, exp.Count(this=exp.Star()))
        query = query.where(dialect.call("equal", [masked, constant], pa.bool_()))
        schema = pa.schema([pa.field("c0", pa.int64())])
        (count,) = _fetch(extremes, query, schema)["c0"].to_pylist()
        assert (count > 0) is found, value


def test_the_table_has_every_column(extremes: Source) -> None:
    held = {name for name in COLUMNS[_kind(extremes)] if not name.startswith(ENDLESS)}
    assert {name for name, _ in _columns(extremes)} == held


@pytest.mark.parametrize("text", ["month", "year", "null"])
def test_a_date_without_end_is_null(extremes: Source, text: str) -> None:
    """Reading such a value is an error; masked it is outside of all years."""
    dialect, schema = extremes.connector.dialect, extremes.connector.schema(TABLE)
    for name in (n for n in schema.names if n.startswith(ENDLESS)):
        tree = dialect.mask(text, "", column(extremes, name))
        actual = _read(extremes, tree, schema.field(name).type)
        assert actual.null_count == len(actual)
