"""Operators as sqlglot reads them: logic, arithmetic, comparisons, IN and BETWEEN."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from gateway.languages.dialects import dates, lists
from gateway.languages.dialects.context import Context, only
from gateway.languages.dialects.division import quotient, remainder, whole_quotient
from gateway.languages.dialects.operands import (
    BOOLEAN,
    INTEGER,
    SHORT,
    Operand,
    family,
    is_boolean,
    is_date,
    is_integer,
    is_number,
    is_open,
    is_text,
    paren,
)
from gateway.languages.dialects.operators import (
    arithmetic,
    as_condition,
    as_value,
    comparison,
    concatenated,
    matched,
    result,
    settled,
)


def _spine(node: exp.Expr, kinds: tuple[type[exp.Expr], ...]) -> list[exp.Expr]:
    """The operators of a chain from the innermost on: chains are long, stacks are not."""
    chain = [node]
    while type(chain[-1].this) in kinds:
        chain.append(chain[-1].this)
    return chain[::-1]


def logic(node: exp.Expr, context: Context) -> Operand:
    chain = _spine(node, (exp.And, exp.Or))
    first = context.operand(chain[0].this)
    sql, of = as_condition(first, chain[0].this, context), [first]
    for link in chain:
        only(link, context, "this", "expression", "typed", "safe")
        operand = context.operand(link.expression)
        of.append(operand)
        right = as_condition(operand, link.expression, context)
        sql = type(link)(this=_logical(sql, type(link)), expression=_logical(right, None))
    return result(sql, BOOLEAN, *of, computed=True)


def _logical(side: exp.Expr, same: type[exp.Expr] | None) -> exp.Expr:
    loose = isinstance(side, (exp.And, exp.Or, exp.Not)) and type(side) is not same
    return exp.Paren(this=side) if loose else side


def exclusive_or(node: exp.Xor, context: Context) -> Operand:
    sides = [context.operand(side) for side in (node.this, node.expression)]
    left, right = (
        paren(as_condition(s, n, context))
        for s, n in zip(sides, (node.this, node.expression), strict=True)
    )
    return result(exp.NEQ(this=left, expression=right), BOOLEAN, *sides, computed=True)


def negation(node: exp.Not, context: Context) -> Operand:
    inner = context.operand(node.this)
    sql = exp.Not(this=paren(as_condition(inner, node.this, context)))
    return result(sql, BOOLEAN, inner, computed=True)


def negative(node: exp.Neg, context: Context) -> Operand:
    inner = as_value(context.operand(node.this), context)
    if not (is_number(inner.kind) or inner.kind is None):
        raise context.refused(node, f"the negative of {family(inner.kind)}")
    made = result(exp.Neg(this=paren(inner.sql)), inner.kind, inner)
    constant = -inner.constant if isinstance(inner.constant, int) else None
    return replace(made, constant=constant, digits=inner.digits)


def computed(node: exp.Expr, context: Context) -> Operand:
    chain = _spine(node, (exp.Add, exp.Sub, exp.Mul))
    left = as_value(context.operand(chain[0].this), context)
    for link in chain:
        only(link, context, "this", "expression", "typed", "safe")
        if isinstance(link.expression, exp.Interval):
            left = dates.moved(left, link.expression, link, context, back=isinstance(link, exp.Sub))
            continue
        right = as_value(context.operand(link.expression), context)
        left = _sum(link, left, right, context)
    return left


def _sum(node: exp.Expr, left: Operand, right: Operand, context: Context) -> Operand:
    dialect = context.dialect
    texts = is_text(left.kind) and is_text(right.kind)
    if isinstance(node, exp.Add) and dialect.plus_concatenates and texts:
        return concatenated([left, right], node, context)
    if is_date(left.kind) and isinstance(node, (exp.Add, exp.Sub)) and dialect.date_plus_number:
        if is_integer(right.kind):
            return dates.days_later(left, right, node, back=isinstance(node, exp.Sub))
        if is_date(right.kind) and isinstance(node, exp.Sub):
            apart = exp.Sub(this=paren(left.sql), expression=paren(right.sql))
            kind = SHORT if dialect.short_integers else INTEGER
            return result(apart, kind, left, right)
    return arithmetic(type(node), left, right, node, context)


def _interval_first(node: exp.Add, context: Context) -> Operand | None:
    """``INTERVAL '1' DAY + d``."""
    if isinstance(node, exp.Add) and isinstance(node.this, exp.Interval):
        right = as_value(context.operand(node.expression), context)
        return dates.moved(right, node.this, node, context, back=False)
    return None


def added(node: exp.Expr, context: Context) -> Operand:
    first = _interval_first(node, context) if isinstance(node, exp.Add) else None
    return first or computed(node, context)


def _sides(node: exp.Expr, context: Context) -> tuple[Operand, Operand]:
    left = as_value(context.operand(node.this), context)
    return left, as_value(context.operand(node.expression), context)


def divided(node: exp.Div, context: Context) -> Operand:
    return quotient(*_sides(node, context), node, context)


def whole_divided(node: exp.IntDiv, context: Context) -> Operand:
    return whole_quotient(*_sides(node, context), node, context)


def modulo(node: exp.Mod, context: Context) -> Operand:
    return remainder(*_sides(node, context), node, context)


def compared(node: exp.Expr, context: Context) -> Operand:
    membership = lists.tested(node, context)
    if membership is not None:
        return membership
    if isinstance(node.expression, (exp.Any, exp.All)):
        return _quantified(node, context)
    left, right = context.operand(node.this), context.operand(node.expression)
    if not (is_boolean(left.kind) and is_boolean(right.kind)):
        left, right = (as_value(o, context) for o in (left, right))
    return comparison(type(node), left, right, node, context)


def _quantified(node: exp.Expr, context: Context) -> Operand:
    test = node.expression
    left = as_value(context.operand(node.this), context)
    found = context.query(test.this.unnest(), context.scope)
    right = Operand(exp.null(), found.columns[0].kind)
    _check_alike(left, right, node, context)
    quantifier = type(test)(this=exp.Subquery(this=found.sql))
    sql = type(node)(this=paren(left.sql), expression=quantifier)
    return result(sql, BOOLEAN, left, computed=True)


def _check_alike(left: Operand, right: Operand, node: exp.Expr, context: Context) -> None:
    """Refuse to compare with a sub-query of another family: its rows can not be converted."""
    families = {family(o.kind) for o in (left, right) if not is_open(o.kind)}
    if len(families) > 1:
        raise context.refused(node, f"comparing {' with '.join(sorted(families))}")


def tested(node: exp.Is, context: Context) -> Operand:
    inner, to = context.operand(node.this), node.expression
    negated = isinstance(to, exp.Not)
    to = to.this if isinstance(to, exp.Not) else to
    if isinstance(to, exp.Null):
        sql: exp.Expr = exp.Is(this=paren(inner.sql), expression=exp.null())
    elif isinstance(to, exp.Boolean):
        condition = paren(as_condition(inner, node.this, context))
        sql = exp.Is(this=condition, expression=exp.true() if to.this else exp.false())
    else:
        raise context.refused(node, "this IS")
    sql = exp.Not(this=exp.Paren(this=sql)) if negated else sql
    return result(sql, BOOLEAN, inner, computed=True)


def member(node: exp.In, context: Context) -> Operand:
    if isinstance(node.this, exp.Tuple):
        raise context.refused(node, "IN over several columns")
    left = as_value(context.operand(node.this), context)
    if query := node.args.get("query"):
        found = context.query(query.unnest(), context.scope)
        if len(found.columns) != 1:
            raise context.wrong(node, "IN takes a sub-query of one column")
        _check_alike(left, Operand(exp.null(), found.columns[0].kind), node, context)
        sql = exp.In(this=paren(left.sql), query=exp.Subquery(this=found.sql))
        return result(sql, BOOLEAN, left, computed=True)
    if not node.expressions:
        raise context.refused(node, "IN over this")
    values = [as_value(context.operand(e), context) for e in node.expressions]
    if any(o.places for o in (left, *values)):  # MySQL compares these now rounded, now not
        raise context.refused(node, "IN over a quotient", "write ROUND around it")
    left, *values = matched([left, *values], node, context)
    sql = exp.In(this=paren(left.sql), expressions=[v.sql for v in values])
    return result(sql, BOOLEAN, left, *values, computed=True)


def between(node: exp.Between, context: Context) -> Operand:
    parts = [as_value(context.operand(node.args[k]), context) for k in ("this", "low", "high")]
    value, low, high = matched([settled(o) for o in parts], node, context)
    sql = exp.Between(this=paren(value.sql), low=paren(low.sql), high=paren(high.sql))
    return result(sql, BOOLEAN, *parts, computed=True)


def joined_texts(node: exp.DPipe, context: Context) -> Operand:
    chain = _spine(node, (exp.DPipe,))
    operands = [context.operand(chain[0].this)]
    operands += [context.operand(link.expression) for link in chain]
    return concatenated(operands, node, context)
