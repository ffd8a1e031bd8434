"""NOT IN is marked where it stands in the message, and nothing else is."""

from __future__ import annotations

import pyarrow as pa
from substrait.proto import Plan

from gateway.config import Config
from gateway.engines import datafusion as engine
from gateway.plan import relations
from gateway.plan.null_aware import is_null_aware, leaves_null_aware, mark_null_aware

TABLES = ("t", "u", "v")


def planned(sql: str) -> tuple[str, Plan]:
    context = engine.session(Config())
    for name in TABLES:
        rows = pa.record_batch({"a": pa.array([1, 2, None]), "b": pa.array([1, 3, 4])})
        context.register_record_batches(name, [[rows]])
    logical = context.sql(sql).optimized_logical_plan()
    return logical.display_indent(), engine.to_substrait(logical, context)


def test_only_the_not_in_of_two_anti_joins_is_marked() -> None:
    text, plan = planned(
        "SELECT * FROM t WHERE NOT EXISTS (SELECT 1 FROM v WHERE v.b = t.a)"
        " AND t.b NOT IN (SELECT a FROM u)"
    )
    assert mark_null_aware(text, plan) == 1
    joins = [r for r in relations.walk(plan.relations[0].root.input) if r.HasField("join")]
    assert len(joins) == 2
    read_right = {relations.table_name(r.join.right): is_null_aware(r) for r in joins}
    assert read_right == {("u",): True, ("v",): False}
    assert leaves_null_aware(plan)


def test_plan_without_not_in_is_left_as_it_is() -> None:
    text, plan = planned("SELECT * FROM t WHERE a IN (SELECT a FROM u) AND b > 1")
    before = plan.SerializeToString()
    assert mark_null_aware(text, plan) == 0
    assert plan.SerializeToString() == before
    assert not leaves_null_aware(plan)


def test_nothing_is_marked_beside_sub_queries_in_expressions() -> None:
    text, plan = planned(
        "SELECT * FROM t WHERE a > (SELECT min(b) FROM v) AND b NOT IN (SELECT a FROM u)"
    )
    assert mark_null_aware(text, plan) is None
    assert not leaves_null_aware(plan)


def test_the_engine_does_not_mind_the_mark() -> None:
    text, plan = planned("SELECT b FROM t WHERE b NOT IN (SELECT a FROM u WHERE a IS NOT NULL)")
    assert mark_null_aware(text, plan) == 1
    context = engine.session(Config())
    rows = pa.record_batch({"a": pa.array([1, 2, None]), "b": pa.array([1, 3, 4])})
    for name in TABLES:
        context.register_record_batches(name, [[rows]])
    answer = engine.from_substrait(plan.SerializeToString(), context).to_pydict()
    assert sorted(answer["b"]) == [3, 4]
