"""A table joined with a join is written as joins one after the other, and never as a product."""

from __future__ import annotations

import pyarrow as pa
from sqlglot import exp
from substrait.proto import JoinRel, Rel

from connectors.interface import SourceKey
from connectors.operands import Operand
from connectors.sqlite import SqliteConnector
from gateway.plan.block import Aliases, Block, Joined
from gateway.plan.columns import field
from gateway.plan.expressions import ExpressionWriter
from gateway.plan.joins import JoinWriter
from gateway.plan.source import Source

FUNCTIONS = {1: "equal"}


def joined(left: int, right: int) -> Rel:
    """An inner join by two columns, counted through both sides."""
    rel = Rel()
    rel.join.type = JoinRel.JOIN_TYPE_INNER
    call = rel.join.expression.scalar_function
    call.function_reference = 1
    call.output_type.bool.SetInParent()
    for position in (left, right):
        call.arguments.add().value.CopyFrom(field(position))
    return rel


def block(source: Source, name: str) -> Block:
    columns = tuple(Operand(exp.column(c, table=name), pa.int64()) for c in ("a", "b"))
    return Block(source, columns, (Joined(exp.to_table(name)),))


def refused(*_: object) -> Operand:
    raise AssertionError("there is no sub-query")


def test_a_table_joined_with_a_join() -> None:
    source = Source(SourceKey("sqlite", "x"), SqliteConnector("x.sqlite", {}))
    writer = JoinWriter(
        FUNCTIONS, Aliases(), lambda s: ExpressionWriter(s.dialect, FUNCTIONS, refused)
    )
    x, y, z = (block(source, name) for name in "xyz")
    right = writer.join(joined(1, 2), y, z)
    both = writer.join(joined(0, 2), x, right)
    text = both.select().sql()
    assert text == (
        "SELECT x.a AS c0, x.b AS c1, y.a AS c2, y.b AS c3, z.a AS c4, z.b AS c5"
        " FROM y INNER JOIN z ON (y.b = z.a) INNER JOIN x ON (x.a = y.a)"
    )
    assert not both.product
