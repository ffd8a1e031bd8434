"""Compatibility: what a change does to readers, and which version it needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.interface import COMMENT, Binding
from gateway.catalogue import Catalogue
from gateway.catalogue.compatibility import Effect, changes_between, worst
from gateway.catalogue.facts import written_type
from gateway.catalogue.service_levels import is_kept
from gateway.catalogue.steps import is_enough, needed_version, short_steps
from gateway.catalogue.widening import widens
from gateway.errors import CatalogueError
from gateway.model import (
    Address,
    BusinessTerm,
    Dataset,
    ForeignKey,
    Promise,
    QualityRule,
    Residency,
    View,
)
from tests.catalogue.meshes import contract, port, product, write

BREAKING, COMPATIBLE, EDITORIAL = Effect.BREAKING, Effect.COMPATIBLE, Effect.EDITORIAL
BINDING = Binding("memory", "memory:x", "x")

LINES = Dataset(
    Address("sales", "orders", "lines", "1.2.0"),
    pa.schema(
        [
            pa.field("id", pa.int32(), nullable=False),
            pa.field("amount", pa.decimal128(12, 2)),
            pa.field("mail", pa.string()),
        ]
    ),
    BINDING,
    title="Lines",
    tags=("crm",),
    primary_key=("id", "mail"),
    foreign_keys=(ForeignKey(("id",), Address("a", "b", "c", "1.0.0"), ("id",)),),
    column_tags={"mail": ("pii",)},
    row_filters={"eu": "mail = 'x'", "own": "mail = :user"},
    residency=Residency(("EU", "EEA"), 10),
    purposes=("billing", "support"),
    promises=(Promise("latency", "2", "h"), Promise("retention", "5", "y")),
    quality=(QualityRule("few", {"metric": "nullValues"}),),
    terms={"mail": BusinessTerm("E-mail")},
)


FIELD = {field.name: field for field in LINES.schema}


def columns(*changes: tuple[str, pa.Field | None], first: pa.Field | None = None) -> Dataset:
    fields: dict[str, pa.Field | None] = {**FIELD, **dict(changes)}
    kept = [field for field in (first, *fields.values()) if field is not None]
    return replace(LINES, schema=pa.schema(kept))


CHANGED: dict[str, tuple[Dataset, Effect]] = {
    "column_removed": (columns(("mail", None)), BREAKING),
    "column_added": (columns(first=pa.field("no", pa.int8())), COMPATIBLE),
    "columns_reordered": (replace(LINES, schema=pa.schema([*LINES.schema][::-1])), BREAKING),
    "type_widened": (columns(("id", FIELD["id"].with_type(pa.int64()))), COMPATIBLE),
    "type_changed": (columns(("id", FIELD["id"].with_type(pa.int16()))), BREAKING),
    "became_nullable": (columns(("id", FIELD["id"].with_nullable(True))), BREAKING),
    "became_required": (columns(("mail", FIELD["mail"].with_nullable(False))), COMPATIBLE),
    "comment": (columns(("mail", FIELD["mail"].with_metadata({COMMENT: b"x"}))), EDITORIAL),
    "tag_added": (replace(LINES, tags=("crm", "secret")), COMPATIBLE),
    "tag_removed": (replace(LINES, column_tags={}), COMPATIBLE),
    "key_added": (LINES, COMPATIBLE),  # from none: see below
    "key_narrowed": (replace(LINES, primary_key=("id",)), COMPATIBLE),
    "key_changed": (replace(LINES, primary_key=("id", "amount")), BREAKING),
    "foreign_key_removed": (replace(LINES, foreign_keys=()), COMPATIBLE),
    "row_filter_removed": (replace(LINES, row_filters={"eu": "mail = 'x'"}), BREAKING),
    "row_filter_added": (
        replace(LINES, row_filters={**LINES.row_filters, "us": "id = 1"}),
        COMPATIBLE,
    ),
    "row_filter_changed": (
        replace(LINES, row_filters={**LINES.row_filters, "eu": "id = 1"}),
        COMPATIBLE,
    ),
    "row_filter_demanded": (replace(LINES, requires_row_filter=True), BREAKING),
    "purpose_demanded": (replace(LINES, requires_purpose=True), BREAKING),
    "residency_tightened": (replace(LINES, residency=Residency(("EU",), 10)), BREAKING),
    "residency_loosened": (replace(LINES, residency=Residency(("EU", "EEA"), 5)), COMPATIBLE),
    "residency_dropped": (replace(LINES, residency=None), COMPATIBLE),
    "purposes_narrowed": (replace(LINES, purposes=("billing",)), BREAKING),
    "purposes_widened": (replace(LINES, purposes=()), COMPATIBLE),
    "promise_removed": (replace(LINES, promises=LINES.promises[:1]), BREAKING),
    "promise_lowered": (
        replace(LINES, promises=(Promise("latency", "1", "d"), LINES.promises[1])),
        BREAKING,
    ),
    "promise_raised": (
        replace(LINES, promises=(Promise("latency", "90", "min"), LINES.promises[1])),
        COMPATIBLE,
    ),
    "promise_added": (
        replace(LINES, promises=(*LINES.promises, Promise("availability", "99", "%"))),
        COMPATIBLE,
    ),
    "quality_changed": (replace(LINES, quality=()), COMPATIBLE),
    "view_changed": (replace(LINES, view=View("SELECT 1")), COMPATIBLE),
    "terms": (replace(LINES, terms={}), EDITORIAL),
    "title": (replace(LINES, title="Order lines"), EDITORIAL),
    "description": (replace(LINES, description="All"), EDITORIAL),
    "owner": (replace(LINES, owner="team"), EDITORIAL),
}


@pytest.mark.parametrize("kind", CHANGED)
def test_each_change_is_found_alone_with_its_effect(kind: str) -> None:
    new, effect = CHANGED[kind]
    old = replace(LINES, primary_key=()) if kind == "key_added" else LINES
    found = changes_between(old, new)
    assert [(change.kind, change.effect) for change in found] == [(kind, effect)]
    assert found[0].text


BACK = {
    "column_removed": "column_added",
    "type_widened": "type_changed",
    "became_nullable": "became_required",
    "row_filter_demanded": "row_filter_dropped",
    "purpose_demanded": "purpose_dropped",
    "residency_loosened": "residency_tightened",
    "residency_dropped": "residency_tightened",
    "promise_raised": "promise_lowered",
    "purposes_widened": "purposes_narrowed",
    "key_narrowed": "key_changed",
    "foreign_key_removed": "foreign_key_added",
}


@pytest.mark.parametrize("kind", BACK)
def test_a_change_is_another_the_other_way(kind: str) -> None:
    assert [c.kind for c in changes_between(CHANGED[kind][0], LINES)] == [BACK[kind]]


def test_what_is_no_promise_is_no_change() -> None:
    moved = replace(LINES, binding=Binding("files", "data", "x"), source_file="y", status="draft")
    later = replace(
        moved,
        address=replace(LINES.address, version="1.3.0"),
        foreign_keys=(ForeignKey(("id",), Address("a", "b", "c", "2.0.0"), ("id",), "named"),),
    )
    assert changes_between(LINES, later) == ()


def test_texts_of_rules_are_in_no_change() -> None:
    new = replace(
        LINES,
        row_filters={**LINES.row_filters, "eu": "mail = 'top secret'"},
        view=View("SELECT top secret"),
        quality=(QualityRule("few", {"query": "top secret"}),),
    )
    found = changes_between(LINES, new)
    assert len(found) == 3 and "top secret" not in repr(found)


# Any list of changes: applied to a dataset, each is found, and the effect is that of the worst.

Step = Callable[[Dataset, Any], Dataset | None]


def _without(dataset: Dataset, name: str) -> Dataset | None:
    if len(dataset.schema) < 2 or name not in dataset.schema.names:
        return None
    kept = [field for field in dataset.schema if field.name != name]
    return replace(dataset, schema=pa.schema(kept))


def _with(dataset: Dataset, name: str) -> Dataset | None:
    if name in dataset.schema.names:
        return None
    return replace(dataset, schema=dataset.schema.append(pa.field(name, pa.int32())))


def _each(change: Callable[[pa.Field], pa.Field]) -> Step:
    def apply(dataset: Dataset, name: str) -> Dataset | None:
        fields = [change(f) if f.name == name else f for f in dataset.schema]
        changed = replace(dataset, schema=pa.schema(fields))
        return None if changed.schema.equals(dataset.schema) else changed

    return apply


def _wider(field: pa.Field) -> pa.Field:
    wider = {pa.int8(): pa.int16(), pa.int16(): pa.int32(), pa.int32(): pa.int64()}
    return field.with_type(wider.get(field.type, field.type))


STEPS: dict[str, tuple[Step, Effect]] = {
    "remove": (_without, BREAKING),
    "add": (_with, COMPATIBLE),
    "widen": (_each(_wider), COMPATIBLE),
    "loosen": (_each(lambda f: f.with_nullable(True)), BREAKING),
    "retype": (_each(lambda f: f.with_type(pa.date32())), BREAKING),
    "title": (lambda d, name: replace(d, title=name) if d.title != name else None, EDITORIAL),
}


@st.composite
def stories(draw: st.DrawFn) -> tuple[Dataset, Dataset, set[str]]:
    """A dataset, what changes have made of it (each to another column), and their names."""
    names = [f"c{n}" for n in range(draw(st.integers(2, 6)))]
    fields = [
        pa.field(name, draw(st.sampled_from([pa.int8(), pa.int32()])), draw(st.booleans()))
        for name in names
    ]
    old = Dataset(LINES.address, pa.schema(fields), BINDING)
    new, done = old, set[str]()
    for name in draw(st.permutations([*names, "n1", "n2"])):
        kind = draw(st.sampled_from([*STEPS, "nothing", "nothing"]))
        step = STEPS.get(kind)
        changed = step[0](new, name) if step else None
        if changed is not None:
            new, done = changed, {*done, kind}
    return old, new, done


@given(stories())
@settings(max_examples=300, deadline=None)
def test_the_effect_of_many_changes_is_that_of_the_worst(
    story: tuple[Dataset, Dataset, set[str]],
) -> None:
    old, new, done = story
    effects = [STEPS[kind][1] for kind in done]
    assert worst(changes_between(old, new)) == min(effects, key=list(Effect).index, default=None)
    assert changes_between(new, new) == ()


@given(stories(), stories())
@settings(max_examples=150, deadline=None)
def test_what_can_be_read_at_each_step_can_be_read_at_the_last(
    one: tuple[Dataset, Dataset, set[str]], other: tuple[Dataset, Dataset, set[str]]
) -> None:
    """Compatibility is transitive: comparing neighbours is enough."""
    first, second, third = one[0], one[1], other[1]

    def is_kept(old: Dataset, new: Dataset) -> bool:
        return worst(changes_between(old, new)) is not BREAKING

    if is_kept(first, second) and is_kept(second, third):
        assert is_kept(first, third)


# Types

STRUCT = pa.struct([pa.field("a", pa.int32()), pa.field("b", pa.string())])


@pytest.mark.parametrize(
    ("old", "new", "wide", "back"),
    [
        (pa.int32(), pa.int64(), True, False),
        (pa.uint32(), pa.int64(), True, False),
        (pa.uint32(), pa.int32(), False, False),
        (pa.int32(), pa.uint64(), False, False),
        (pa.int32(), pa.float64(), False, False),  # division would give fractions
        (pa.int32(), pa.decimal128(12, 2), False, False),
        (pa.float32(), pa.float64(), True, False),
        (pa.decimal128(12, 2), pa.decimal128(14, 2), True, False),
        (pa.decimal128(12, 2), pa.decimal128(14, 4), True, False),
        (pa.decimal128(12, 2), pa.decimal128(12, 4), False, False),
        (pa.decimal128(12, 2), pa.decimal256(12, 2), True, True),
        (pa.string(), pa.large_string(), True, True),
        (pa.string(), pa.dictionary(pa.int32(), pa.string()), True, True),
        (pa.binary(4), pa.binary(), True, False),
        (pa.string(), pa.binary(), False, False),
        (pa.date32(), pa.timestamp("us"), False, False),
        (pa.timestamp("s"), pa.timestamp("us"), True, False),
        (pa.timestamp("us"), pa.timestamp("ns"), False, False),
        (pa.timestamp("us"), pa.timestamp("us", "UTC"), False, False),
        (pa.timestamp("us", "Europe/Berlin"), pa.timestamp("us", "UTC"), False, False),
        (pa.time32("s"), pa.time64("us"), True, False),
        (pa.time64("us"), pa.time64("ns"), True, False),
        (pa.list_(pa.int32()), pa.large_list(pa.int64()), True, False),
        (pa.list_(pa.int32(), 3), pa.list_(pa.int32()), True, False),
        (STRUCT, pa.struct([*STRUCT, pa.field("c", pa.int8())]), True, False),
        (STRUCT, pa.struct([STRUCT[1], STRUCT[0]]), False, False),
        (pa.map_(pa.string(), pa.int32()), pa.map_(pa.string(), pa.int64()), True, False),
        (STRUCT, pa.list_(STRUCT), False, False),
    ],
)
def test_types_are_wider_or_not(old: pa.DataType, new: pa.DataType, wide: bool, back: bool) -> None:
    assert widens(written_type(old), written_type(new)) is wide
    assert widens(written_type(new), written_type(old)) is back


NUMBERS = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(),
           pa.uint64(), pa.float32(), pa.float64(),
           *(pa.decimal128(p, s) for p in (5, 9, 12) for s in (0, 2, 4))]  # fmt: skip


@pytest.mark.parametrize("old", NUMBERS, ids=str)
def test_a_wider_type_holds_every_value(old: pa.DataType) -> None:
    if pa.types.is_integer(old):
        low, high = (0, 2**old.bit_width) if "u" in str(old) else (0, 2 ** (old.bit_width - 1))
        values = pa.array([low, high - 1, -high if "u" not in str(old) else 1], old)
    elif pa.types.is_decimal(old):
        import decimal

        digits = "9" * (old.precision - old.scale) + "." + "9" * old.scale
        values = pa.array([decimal.Decimal(digits), -decimal.Decimal(digits)], old)
    else:
        values = pa.array([0.1, 3.4e38, -1e-40], old)
    for new in NUMBERS:
        if widens(written_type(old), written_type(new)):
            assert values.cast(new).cast(old).equals(values), new


# Service levels


@pytest.mark.parametrize(
    ("name", "old", "new", "kept"),
    [
        ("latency", ("2", "d"), ("48", "h"), True),
        ("latency", ("2", "d"), ("49", "h"), False),
        ("freshness", ("60", "min"), ("1", "h"), True),
        ("availability", ("99.9", "%"), ("99.95%", ""), True),
        ("availability", ("99.9", "%"), ("99", "%"), False),
        ("retention", ("5", "y"), ("4", "y"), False),
        ("throughput", ("5", "rows"), ("5", "MB"), False),
        ("endOfSupport", ("2027-01-31", ""), ("2028-01-31", ""), True),
        ("endOfSupport", ("2027-01-31", ""), ("2026-01-31", ""), False),
        ("generalAvailability", ("2027-01-31", ""), ("2026-01-31", ""), True),
        ("colour", ("1", ""), ("2", ""), False),
        ("latency", ("soon", ""), ("1", "h"), False),
    ],
)
def test_a_promise_is_kept_or_not(
    name: str, old: tuple[str, str], new: tuple[str, str], kept: bool
) -> None:
    assert is_kept(name, old, new) is kept


# Versions


@pytest.mark.parametrize(
    ("old", "new", "most"),
    [
        ("1.2.0", "2.0.0", BREAKING),
        ("1.2.0", "1.3.0", COMPATIBLE),
        ("1.2", "1.3", COMPATIBLE),
        ("1", "1.0.1", EDITORIAL),
        ("1.2.0", "1.2.1", EDITORIAL),
        ("0.1.0", "0.1.1", BREAKING),
        ("0.9.0", "1.0.0", BREAKING),
        ("1.2.0", "1.3.0-rc.1", BREAKING),
        ("1.3.0-rc.1", "1.3.0", BREAKING),
    ],
)
def test_a_step_allows_for_so_much(old: str, new: str, most: Effect) -> None:
    order = list(Effect)
    for effect in order:
        assert is_enough(old, new, effect) is (order.index(effect) >= order.index(most))
    assert is_enough(old, new, None)


@given(
    st.tuples(st.integers(1, 9), st.integers(0, 9), st.integers(0, 9)),
    st.sampled_from(list(Effect)),
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 3), st.integers(0, 3)), max_size=5),
)
def test_the_version_needed_is_enough_and_free(
    numbers: tuple[int, ...], effect: Effect, used: list[tuple[int, ...]]
) -> None:
    old, taken = (".".join(map(str, numbers)), [".".join(map(str, each)) for each in used])
    needed = needed_version(old, effect, taken)
    assert is_enough(old, needed, effect) and needed not in taken


def versions(mesh: Path, *documents: dict[str, Any]) -> Path:
    ports = [port(version=document["version"]) for document in documents]
    write(mesh, "products/orders.odps.yaml", product(*ports))
    for document in documents:
        write(mesh, f"products/lines-{document['version']}.odcs.yaml", document)
    return mesh


LESS = [{"name": "lines", "properties": [{"name": "id", "logicalType": "integer"}]}]


def test_a_mesh_in_which_a_version_breaks_an_earlier_one_is_refused(tmp_path: Path) -> None:
    later = contract(version="1.3.0", schema=LESS)
    with pytest.raises(CatalogueError) as caught:
        Catalogue.load(versions(tmp_path, contract(), later))
    assert "products/lines-1.3.0.odcs.yaml:4: version: version 1.3.0 of sales" in str(caught.value)
    assert "breaks version 1.2.0, and has to be 2.0.0: column email is gone" in str(caught.value)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"version": "2.0.0"}),
        ({}, {"version": "1.3.0", "status": "draft"}),
        ({}, {"version": "1.3.0-rc.1"}),
        ({"version": "0.2.0"}, {"version": "0.3.0"}),
        ({"status": "retired"}, {"version": "1.3.0"}),
        ({"status": "draft"}, {"version": "1.3.0"}),
    ],
)
def test_what_promises_nothing_may_be_broken(
    tmp_path: Path, first: dict[str, Any], second: dict[str, Any]
) -> None:
    mesh = versions(tmp_path, contract(**first), contract(**{"schema": LESS, **second}))
    assert len(Catalogue.load(mesh).datasets) == 2


def test_short_steps_are_told_with_the_version_needed() -> None:
    old = [LINES, replace(LINES, address=replace(LINES.address, version="2.0.0"))]

    def steps(version: str, new: Dataset) -> list[tuple[str, str, bool]]:
        changed = replace(new, address=replace(LINES.address, version=version))
        after = [d for d in old if d.address != changed.address] + [changed]
        return [(step.base, step.needed, step.in_place) for step in short_steps(old, after)]

    breaking, added = CHANGED["column_removed"][0], CHANGED["column_added"][0]
    words = CHANGED["title"][0]
    assert steps("1.3.0", breaking) == [("1.2.0", "3.0.0", False)]  # 2.0.0 is there
    assert steps("3.0.0", breaking) == []
    assert steps("1.2.1", added) == [("1.2.0", "1.3.0", False)]
    assert steps("1.3.0", added) == []
    assert steps("1.2.1", words) == []
    assert steps("1.2.0", breaking) == [("1.2.0", "3.0.0", True)]
    assert steps("1.2.0", added) == steps("1.2.0", LINES) == []
    assert steps("1.0.0", breaking) == []  # nothing was promised before it
    assert steps("1.3.0", replace(added, status="draft")) == []


def test_of_drafts_no_step_is_asked() -> None:
    draft = replace(LINES, status="draft")
    assert short_steps([draft], [CHANGED["column_removed"][0]]) == []
