"""What is found in relations without looking everywhere: all that a look at every part finds."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest
from google.protobuf.message import Message
from substrait.proto import Expression, Plan, Rel

from gateway.config import Config
from gateway.engines import datafusion as engine
from gateway.plan import relations

QUERIES = {
    "scalar": "SELECT a FROM t WHERE b = (SELECT max(d) FROM u)",
    "computed": "SELECT CASE WHEN a > 1 THEN (SELECT max(c) FROM u) ELSE b + 1 END AS n FROM t",
    "aggregated": "SELECT sum(a + b) FILTER (WHERE b > (SELECT min(c) FROM u)) FROM t GROUP BY a",
    "joined": "SELECT t.a, u.d FROM t LEFT JOIN u ON t.a = u.c AND t.b < u.d ORDER BY u.d + t.a",
    "window": "SELECT a, sum(b) OVER (PARTITION BY a ORDER BY b) AS s FROM t WHERE a IN (1, 2, 3)",
    "exists": "SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u) OR b IN (SELECT d FROM u)",
    "nested": "SELECT a FROM t WHERE b > (SELECT avg(d) FROM u WHERE d < (SELECT max(a) FROM t))",
}


def plan_of(sql: str) -> Plan:
    """The query as it was written, in Substrait: optimising would take sub-queries away."""
    context = engine.session(Config())
    for name, columns in (("t", ("a", "b")), ("u", ("c", "d"))):
        table = pa.table({column: pa.array([1], pa.int64()) for column in columns})
        context.register_record_batches(name, [table.to_batches()])
    return engine.to_substrait(context.sql(sql).logical_plan(), context)


def parts(message: Message) -> Iterator[Message]:
    """The message and every one inside it, down to relations and to the sub-queries in it."""
    yield message
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None:
            continue
        for item in value if descriptor.is_repeated else [value]:
            if isinstance(item, Expression.Subquery):
                yield item
            elif isinstance(item, Message) and not isinstance(item, Rel):
                yield from parts(item)


@pytest.mark.parametrize("sql", QUERIES.values(), ids=QUERIES)
def test_what_is_found_is_all_there_is(sql: str) -> None:
    found = 0
    waiting = [plan_of(sql).relations[0].root.input]
    while waiting:
        rel = waiting.pop()
        inside = list(parts(relations.body(rel)))
        nested = [m for m in inside if isinstance(m, Expression.Subquery)]
        below = [relations.subquery_input(each) for each in nested]
        assert relations.subqueries(rel) == below
        for expression in (m for m in inside if isinstance(m, Expression)):
            if any(isinstance(m, Expression.Subquery) for m in parts(expression)):
                continue
            fields = [m for m in parts(expression) if isinstance(m, Expression.FieldReference)]
            expected = [m.direct_reference.struct_field.field for m in fields]
            assert list(relations.referenced(expression)) == expected
            found += len(expected)
        found += len(below)
        waiting += [*relations.inputs(rel), *below]
    assert found


def test_subqueries_are_walked_too() -> None:
    root = plan_of(QUERIES["nested"]).relations[0].root.input
    names = [n for n in map(relations.table_name, relations.walk(root)) if n]
    assert sorted(names) == [("t",), ("t",), ("u",)]
