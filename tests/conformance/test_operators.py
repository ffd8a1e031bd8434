"""Groupings, set operations and mark joins give DataFusion's rows, and are pushed where listed."""

from __future__ import annotations

from collections import Counter

import pytest

from connectors.capabilities import Kind, Relation
from gateway.config import Config
from gateway.plan.fragment import FragmentReads
from gateway.plan.planner import open_frame
from tests.conformance.cases import COLUMNS
from tests.conformance.pushing import answered, compare, is_pushed, planned
from tests.conformance.reference import TABLE, Reference, rows_of
from tests.conformance.specs import DATABASES, Source

pytestmark = pytest.mark.parametrize("source", DATABASES, indirect=True, scope="session")

KINDS = sorted(COLUMNS, key=lambda kind: str(kind.value))
GROUPINGS = (
    "ROLLUP(n, b)",
    "CUBE(n, b)",
    "CUBE(b, s, n)",
    "GROUPING SETS ((n), (b), ())",
    "GROUPING SETS ((n, s), (s), (b))",
    "ROLLUP(n % 2, n)",
    "ROLLUP(n % 2)",
    "n, ROLLUP(b)",
)


def _names(source: Source, kind: Kind) -> tuple[str, str] | None:
    names = COLUMNS[kind][0]
    return names if set(names) <= set(source.rows.schema.names) else None


@pytest.mark.parametrize("where", ["true", "i > 3", "id < 0"])
@pytest.mark.parametrize("grouping", GROUPINGS)
def test_groupings_are_the_engines(
    source: Source, reference: Reference, grouping: str, where: str
) -> None:
    keys = [key for key in ("n % 2", "n", "b", "s") if key in grouping.replace("n % 2, n", "n % 2")]
    keys = [k for k in keys if not (k == "n" and grouping == "ROLLUP(n % 2)")]
    measures = "count(*), count(DISTINCT i), sum(k), min(s), max(u)"
    sql = f"SELECT {', '.join(keys)}, {measures} FROM {TABLE} WHERE {where} GROUP BY {grouping}"
    listed = Relation.GROUPING_SETS in source.connector.dialect.capabilities.relations
    assert compare(source, reference, sql, ordered=False) == listed, sql


def test_what_is_done_with_groupings_is_done_above_them(
    source: Source, reference: Reference
) -> None:
    listed = Relation.GROUPING_SETS in source.connector.dialect.capabilities.relations
    grouped = f"SELECT n, b, count(*) AS c FROM {TABLE} GROUP BY CUBE(n, b)"
    for sql in (
        f"{grouped} HAVING n IS NULL",
        f"SELECT * FROM ({grouped}) WHERE b IS NULL AND n = 2",
        f"SELECT coalesce(n, 0), count(*) FROM ({grouped}) GROUP BY coalesce(n, 0)",
        f"SELECT g1.c, one.id FROM ({grouped}) g1 JOIN {TABLE} one ON g1.n = one.n AND g1.c > 20",
        f"SELECT n, s, count(*) FROM {TABLE} GROUP BY ROLLUP(n, s) ORDER BY 3 DESC, 1, 2 LIMIT 9",
    ):
        assert compare(source, reference, sql, ordered=False) == listed, sql


def test_grouping_id_tells_the_groupings_apart(source: Source, reference: Reference) -> None:
    """Its bits are taken apart in the remainder: the source only has to give the same number."""
    sql = (
        "SELECT n, b, s, grouping(n) AS x, grouping(b) AS y, grouping(s) AS z, count(*)"
        f" FROM {TABLE} GROUP BY CUBE(n, b, s)"
    )
    plan = planned(source, sql)
    grouped = any("GROUPING SETS" in fragment.text for fragment in plan.fragments)
    relations = source.connector.dialect.capabilities.relations
    assert grouped == (Relation.GROUPING_SETS in relations)
    rows = rows_of(open_frame(plan, Config(), FragmentReads()).to_arrow_table())
    assert sorted(rows, key=repr) == sorted(rows_of(reference.answer(sql)), key=repr)


def test_one_grouping_alone_is_answered_as_well(source: Source, reference: Reference) -> None:
    sql = f"SELECT s, count(*) FROM {TABLE} GROUP BY GROUPING SETS ((s))"
    plan = planned(source, sql)
    assert plan.unfederated is not None  # Substrait does not tell it from GROUP BY s
    rows = rows_of(open_frame(plan, Config(), FragmentReads()).to_arrow_table())
    assert sorted(rows, key=repr) == sorted(rows_of(reference.answer(sql)), key=repr)


@pytest.mark.parametrize("word", ["INTERSECT ALL", "EXCEPT ALL"])
def test_repeated_rows_are_counted(source: Source, reference: Reference, word: str) -> None:
    """Here the engine itself is no reference: it leaves the numbers out."""
    left, right = f"SELECT n, i FROM {TABLE}", f"SELECT n, j FROM {TABLE} WHERE id > 100"
    plan = planned(source, f"{left} {word} {right}")
    assert is_pushed(plan)
    one, other = (Counter(rows_of(reference.answer(sql))) for sql in (left, right))
    assert Counter(answered(source, plan)) == (one & other if "INTER" in word else one - other)


@pytest.mark.parametrize("word", ["INTERSECT", "EXCEPT", "UNION"])
@pytest.mark.parametrize("kind", KINDS)
def test_set_operations_are_the_engines(
    source: Source, reference: Reference, kind: Kind, word: str
) -> None:
    names = _names(source, kind)
    if names is None:
        return
    first, second = names
    listed = kind in source.connector.dialect.capabilities.groups
    for sql in (
        f"SELECT {first} FROM {TABLE} {word} SELECT {second} FROM {TABLE} WHERE id > 100",
        f"SELECT n, {first} FROM {TABLE} WHERE id < 200 {word} SELECT n, {second} FROM {TABLE}",
    ):
        assert compare(source, reference, sql, ordered=False) == listed, sql


@pytest.mark.parametrize("word", ["INTERSECT", "EXCEPT"])
def test_set_operations_nest(source: Source, reference: Reference, word: str) -> None:
    one = f"(SELECT s, n FROM {TABLE} WHERE n > 1 ORDER BY id LIMIT 60)"
    for sql in (
        f"SELECT t, n FROM {TABLE} {word} {one}",
        f"{one} {word} SELECT s, n FROM {TABLE} WHERE id > 30",
        f"SELECT n, count(*) FROM (SELECT s, n FROM {TABLE} {word} SELECT t, n FROM {TABLE})"
        " GROUP BY n",
        f"SELECT s FROM {TABLE} {word} (SELECT t FROM {TABLE} {word} SELECT s FROM {TABLE})",
    ):
        assert compare(source, reference, sql, ordered=False), sql


@pytest.mark.parametrize("kind", KINDS)
def test_marks_are_the_engines(source: Source, reference: Reference, kind: Kind) -> None:
    names = _names(source, kind)
    if names is None:
        return
    first, second = names
    dialect = source.connector.dialect
    listed = kind in dialect.capabilities.functions["equal"]
    inner = f"SELECT two.{second} FROM {TABLE} two WHERE two.id > 120"
    for sql in (
        f"SELECT id FROM {TABLE} WHERE i > 5 OR {first} IN ({inner})",
        f"SELECT id FROM {TABLE} one WHERE i > 5 OR EXISTS (SELECT 1 FROM {TABLE} two"
        f" WHERE two.{second} = one.{first} AND two.n = one.n)",
    ):
        assert compare(source, reference, sql, ordered=False) == listed, sql
    sql = (
        f"SELECT id FROM {TABLE} one WHERE n = 2 OR NOT EXISTS (SELECT 1 FROM {TABLE} two"
        f" WHERE two.{second} = one.{first} AND two.id < one.id)"
    )
    pushed = listed and not dialect.nests_expressions  # it would compare every pair of rows
    assert compare(source, reference, sql, ordered=False) == pushed, sql
