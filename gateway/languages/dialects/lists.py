"""Whether a value is in a list, as PostgreSQL asks: ``= ANY(list)``, ``<> ALL(list)``."""

from __future__ import annotations

from sqlglot import exp

from gateway.languages.array_texts import array_items
from gateway.languages.dialects.context import Context
from gateway.languages.dialects.operands import BOOLEAN, Operand, paren
from gateway.languages.dialects.operators import as_value, result


def tested(node: exp.Expr, context: Context) -> Operand | None:
    """The comparison as a test for membership; None if it is none with a list."""
    test = node.expression
    if isinstance(test, exp.Any):
        every, held = False, test.this.unnest()
    elif isinstance(test, exp.Anonymous) and len(test.expressions) == 1:
        every, held = True, test.expressions[0].unnest()
        if (context.client.called(test) or test.name).upper() != "ALL":
            return None
    else:
        return None
    if isinstance(held, exp.Query):
        return None
    if not isinstance(node, exp.NEQ if every else exp.EQ):
        raise context.refused(node, f"{'ALL' if every else 'ANY'} over a list with this operator")
    kinds: list[exp.DataType] = []
    while isinstance(held, exp.Cast) and held.to.this is exp.DataType.Type.ARRAY:
        kinds[:0] = held.to.expressions[:1]
        held = held.this.unnest()
    members = _members(held)
    if members is None:
        return _bound(node, held, every, context)
    for kind in kinds:
        members = [exp.Cast(this=member, to=kind.copy()) for member in members]
    left = as_value(context.operand(node.this), context)
    if not members:
        nothing = exp.In(this=paren(left.sql), expressions=[exp.null()])
        empty = exp.Is(this=paren(nothing), expression=exp.true())
        sql = exp.Not(this=paren(empty)) if every else empty
        return result(sql, BOOLEAN, left, computed=True)
    made = exp.In(this=node.this.copy(), expressions=members)
    return context.operand(exp.Not(this=exp.Paren(this=made)) if every else made)


def _bound(node: exp.Expr, held: exp.Expr, every: bool, context: Context) -> Operand:
    """A test whose list is a placeholder."""
    value = context.operand(held) if isinstance(held, exp.Column) else None
    if value is None or not isinstance(value.sql, exp.Parameter):
        raise context.refused(node, f"{'ALL' if every else 'ANY'} over an array")
    left = as_value(context.operand(node.this), context)
    quantified: exp.Expr = exp.Any(this=exp.Paren(this=value.sql))
    if every:
        quantified = exp.Anonymous(this="ALL", expressions=[value.sql])
    sql = type(node)(this=paren(left.sql), expression=quantified)
    return result(sql, BOOLEAN, left, computed=True)


def _members(held: exp.Expr) -> list[exp.Expr] | None:
    if isinstance(held, exp.Array):
        return [member.copy() for member in held.expressions]
    if isinstance(held, exp.Null):
        return [exp.null()]
    if not isinstance(held, exp.Literal) or not held.is_string:
        return None
    try:
        items = array_items(held.name)
    except ValueError:
        return None
    return [exp.null() if item is None else exp.Literal.string(item) for item in items]
