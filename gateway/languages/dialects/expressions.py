"""Expressions: every kind of node that is translated, and how. What is not here is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlglot import exp

from gateway.languages.dialects import calls, casts, dates, patterns
from gateway.languages.dialects.client import PARAMETER
from gateway.languages.dialects.context import Context
from gateway.languages.dialects.operands import (
    BOOLEAN,
    FLOAT,
    INTEGER,
    NULL,
    TEXT,
    Operand,
    call,
    cast,
    decimal,
    family,
    is_boolean,
    is_date,
    is_integer,
    is_number,
    is_open,
    is_text,
    number,
    paren,
    text,
)
from gateway.languages.dialects.operators import (
    arithmetic,
    as_condition,
    as_value,
    comparison,
    concatenated,
    fraction,
    kind_of,
    matched,
    quotient,
    remainder,
    result,
    united,
    whole_quotient,
)

ALLOWED = {"comments"}


def translate(node: exp.Expr, context: Context) -> Operand:
    """The expression in the gateway's own SQL. Raises UserError."""
    rule = _RULES.get(type(node))
    if rule is None:
        raise context.refused(node, _described(node, context))
    made = rule(node, context)
    if node.args.get("negate"):
        made = replace(made, sql=exp.Not(this=paren(made.sql)))
    _place(made.sql, node, context)
    return made


def _place(sql: exp.Expr, node: exp.Expr, context: Context) -> None:
    """Note where in the client's text the expression comes from."""
    if isinstance(node, exp.Column):
        start = node.parts[0].meta.get("start")
    else:
        word = context.client.calls.get(node.name) if isinstance(node, exp.Anonymous) else None
        start = None if word is None else word.start
    if start is not None and "start" not in sql.meta:
        sql.meta["start"] = start


def _described(node: exp.Expr, context: Context) -> str:
    name = node.sql_name() if isinstance(node, exp.Func) else ""
    if isinstance(node, exp.Anonymous):
        name = context.client.called(node) or node.name
    if name:
        return f"the function {name.upper()}"
    return f"{type(node).__name__.upper()} ({context.client.written(node)[:60]})"


def only(node: exp.Expr, context: Context, *parts: str) -> None:
    """Refuse a node with parts that are not known here: they would be lost."""
    for name, part in node.args.items():
        if part and name not in parts and name not in ALLOWED:
            raise context.refused(
                node, f"{name.strip('_').upper()} of {type(node).__name__.upper()}"
            )


# --- names and constants


def _column(node: exp.Column, context: Context) -> Operand:
    name = node.name
    if name.startswith(PARAMETER) and not node.table:
        return Operand(exp.Parameter(this=number(int(name[len(PARAMETER) :]))))
    if not isinstance(node.this, exp.Identifier):
        raise context.refused(node, "this column")
    scope, clause = context.scope, context.clause
    column = scope.own(node)
    seen = {*context.dialect.aliases, "order", "qualify"}
    alias = scope.alias(node) if clause in seen else None
    if alias is not None and (column is None or not context.inside_aggregate):
        if (
            column is not None
            and column.sql != alias.operand.sql
            and clause
            not in {
                "where",
                "select",
            }
        ):
            raise context.refused(
                node,
                f"{name}, which is both a column and an output,",
                "give the output another name, or the column its dataset",
            )
        if column is None:
            if alias.operand.window and clause not in {"order", "qualify"}:
                raise context.refused(node, "an output of a window function named here")
            return alias.operand.copied()
    found = column or scope.column(node)
    if found is None:
        raise scope.unknown(node)
    return found


def _literal(node: exp.Literal, context: Context) -> Operand:
    said = node.name
    if node.is_string:
        return Operand(text(said), TEXT, said)
    if said.isdigit():
        if len(said.lstrip("0")) > 18:
            if len(said) > 38:
                raise context.refused(node, "a number of more than 38 digits")
            return Operand(cast(text(said), f"DECIMAL({len(said)}, 0)"), decimal(len(said), 0))
        return Operand(exp.Literal.number(said), INTEGER, int(said), digits=len(said))
    exponent = "e" in said.lower()
    if (
        not said.lower()
        .replace("e", "", 1)
        .replace("+", "")
        .replace("-", "")
        .replace(".", "", 1)
        .isdigit()
    ):
        raise context.refused(node, f"the number {said}")
    if exponent and context.dialect.exact_exponents:
        raise context.refused(node, "an exact number with an exponent", "write it out")
    if exponent or not context.dialect.exact_fractions:
        return Operand(cast(text(said), "DOUBLE"), FLOAT)
    if len(said) > 38:
        raise context.refused(node, "a number of more than 38 digits")
    return fraction(said)


def _boolean(node: exp.Boolean, context: Context) -> Operand:
    return Operand(exp.true() if node.this else exp.false(), BOOLEAN, computed=True)


def _null(node: exp.Null, context: Context) -> Operand:
    return Operand(exp.null(), NULL)


def _paren(node: exp.Paren, context: Context) -> Operand:
    inner = context.operand(node.this)
    return replace(inner, sql=paren(inner.sql))


# --- operators


def _spine(node: exp.Expr, kinds: tuple[type[exp.Expr], ...]) -> list[exp.Expr]:
    """The operators of a chain from the innermost on: chains are long, stacks are not."""
    chain = [node]
    while type(chain[-1].this) in kinds:
        chain.append(chain[-1].this)
    return chain[::-1]


def _logic(node: exp.Expr, context: Context) -> Operand:
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


def _xor(node: exp.Xor, context: Context) -> Operand:
    sides = [context.operand(side) for side in (node.this, node.expression)]
    left, right = (
        paren(as_condition(s, n, context))
        for s, n in zip(sides, (node.this, node.expression), strict=True)
    )
    return result(exp.NEQ(this=left, expression=right), BOOLEAN, *sides, computed=True)


def _not(node: exp.Not, context: Context) -> Operand:
    inner = context.operand(node.this)
    sql = exp.Not(this=paren(as_condition(inner, node.this, context)))
    return result(sql, BOOLEAN, inner, computed=True)


def _negative(node: exp.Neg, context: Context) -> Operand:
    inner = as_value(context.operand(node.this), context)
    if not (is_number(inner.kind) or inner.kind is None):
        raise context.refused(node, f"the negative of {family(inner.kind)}")
    made = result(exp.Neg(this=paren(inner.sql)), inner.kind, inner)
    constant = -inner.constant if isinstance(inner.constant, int) else None
    return replace(made, constant=constant, digits=inner.digits)


def _arithmetic(node: exp.Expr, context: Context) -> Operand:
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
            return result(exp.Sub(this=paren(left.sql), expression=paren(right.sql)), INTEGER,
                          left, right)  # fmt: skip
    return arithmetic(type(node), left, right, node, context)


def _interval_first(node: exp.Add, context: Context) -> Operand | None:
    """``INTERVAL '1' DAY + d``."""
    if isinstance(node, exp.Add) and isinstance(node.this, exp.Interval):
        right = as_value(context.operand(node.expression), context)
        return dates.moved(right, node.this, node, context, back=False)
    return None


def _added(node: exp.Expr, context: Context) -> Operand:
    first = _interval_first(node, context) if isinstance(node, exp.Add) else None
    return first or _arithmetic(node, context)


def _sides(node: exp.Expr, context: Context) -> tuple[Operand, Operand]:
    left = as_value(context.operand(node.this), context)
    return left, as_value(context.operand(node.expression), context)


def _div(node: exp.Div, context: Context) -> Operand:
    return quotient(*_sides(node, context), node, context)


def _int_div(node: exp.IntDiv, context: Context) -> Operand:
    return whole_quotient(*_sides(node, context), node, context)


def _mod(node: exp.Mod, context: Context) -> Operand:
    return remainder(*_sides(node, context), node, context)


def _comparison(node: exp.Expr, context: Context) -> Operand:
    if isinstance(node.expression, (exp.Any, exp.All)):
        return _quantified(node, context)
    left, right = context.operand(node.this), context.operand(node.expression)
    if not (is_boolean(left.kind) and is_boolean(right.kind)):
        left, right = (as_value(o, context) for o in (left, right))
    return comparison(type(node), left, right, node, context)


def _quantified(node: exp.Expr, context: Context) -> Operand:
    test = node.expression
    left = as_value(context.operand(node.this), context)
    if not isinstance(test.this.unnest(), exp.Query):
        raise context.refused(node, f"{type(test).__name__.upper()} over an array")
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


def _is(node: exp.Is, context: Context) -> Operand:
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


def _in(node: exp.In, context: Context) -> Operand:
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
    left, *values = matched([left, *values], node, context)
    sql = exp.In(this=paren(left.sql), expressions=[v.sql for v in values])
    return result(sql, BOOLEAN, left, *values, computed=True)


def _between(node: exp.Between, context: Context) -> Operand:
    parts = [as_value(context.operand(node.args[k]), context) for k in ("this", "low", "high")]
    value, low, high = matched(parts, node, context)
    sql = exp.Between(this=paren(value.sql), low=paren(low.sql), high=paren(high.sql))
    return result(sql, BOOLEAN, *parts, computed=True)


def _pipes(node: exp.DPipe, context: Context) -> Operand:
    chain = _spine(node, (exp.DPipe,))
    operands = [context.operand(chain[0].this)]
    operands += [context.operand(link.expression) for link in chain]
    return concatenated(operands, node, context)


# --- CASE, CAST, sub-queries


def _case(node: exp.Case, context: Context) -> Operand:
    subject = node.args.get("this")
    of = [] if subject is None else [as_value(context.operand(subject), context)]
    conditions: list[exp.Expr] = []
    for branch in node.args["ifs"]:
        given = context.operand(branch.this)
        if of:
            given = comparison(exp.EQ, of[0].copied(), as_value(given, context), branch, context)
        conditions.append(as_condition(given, branch.this, context))
    results = [context.operand(branch.args["true"]) for branch in node.args["ifs"]]
    if (default := node.args.get("default")) is not None:
        results.append(context.operand(default))
    results = united(results, node, context)
    ifs = [exp.If(this=c, true=r.sql) for c, r in zip(conditions, results, strict=False)]
    otherwise = results[-1].sql if default is not None else None
    return result(exp.Case(ifs=ifs, default=otherwise), kind_of(results), *of, *results)


def _subquery(node: exp.Subquery, context: Context) -> Operand:
    return _query(node.unnest(), context)


def _query(node: exp.Expr, context: Context) -> Operand:
    found = context.query(node, context.scope)
    if len(found.columns) != 1:
        raise context.wrong(node, "a sub-query that stands for one value has several columns")
    return Operand(exp.Subquery(this=found.sql), found.columns[0].kind)


def _exists(node: exp.Exists, context: Context) -> Operand:
    if not isinstance(node.this.unnest(), exp.Query):
        raise context.refused(node, "EXISTS over this")
    found = context.query(node.this.unnest(), context.scope)
    return Operand(exp.Exists(this=found.sql), BOOLEAN, computed=True)


def _cast(node: exp.Cast, context: Context) -> Operand:
    return casts.converted(context.operand(node.this), node, context)


def _national(node: exp.National, context: Context) -> Operand:
    return Operand(text(node.name), TEXT, node.name)


def _if(node: exp.If, context: Context) -> Operand:
    """IF as sqlglot knows it: not every dialect needs a bracket there."""
    default = node.args.get("false")
    return _case(exp.Case(ifs=[exp.If(this=node.this, true=node.args["true"])], default=default),
                 context)  # fmt: skip


def _coalesce(node: exp.Coalesce, context: Context) -> Operand:
    values = united([context.operand(e) for e in (node.this, *node.expressions)], node, context)
    return result(call("coalesce", *(v.sql for v in values)), kind_of(values), *values)


_Rule = Callable[..., Operand]

_PARTS: dict[type[exp.Expr], tuple[str, ...]] = {
    exp.Column: ("this", "table", "db", "catalog"),
    exp.Literal: ("this", "is_string"),
    exp.Div: ("this", "expression", "typed", "safe"),
    exp.DPipe: ("this", "expression", "safe"),
    exp.In: ("this", "expressions", "query"),
    exp.Between: ("this", "low", "high"),
    exp.RegexpLike: ("this", "expression", "full_match", "negate"),
    exp.Case: ("this", "ifs", "default"),
    exp.If: ("this", "true", "false"),
    exp.Coalesce: ("this", "expressions"),
    exp.Cast: ("this", "to"),
    exp.TryCast: ("this", "to", "safe"),
    exp.Subquery: ("this",),
    exp.Anonymous: ("this", "expressions"),
    exp.Window: ("this", "partition_by", "order", "spec", "over"),
    exp.GroupConcat: ("this", "separator"),
    exp.Substring: ("this", "start", "length"),
    exp.Trim: ("this", "expression", "position"),
    exp.StrPosition: ("this", "substr"),
}
"""The parts of a node that its rule looks at, where it has others than `this` and `expression`.

A node with any other is refused: what sqlglot has read there would be lost.
"""

_RULES: dict[type[exp.Expr], _Rule] = {
    exp.Column: _column,
    exp.Literal: _literal,
    exp.National: _national,
    exp.RawString: _national,
    exp.Boolean: _boolean,
    exp.Null: _null,
    exp.Paren: _paren,
    exp.And: _logic,
    exp.Or: _logic,
    exp.Xor: _xor,
    exp.Not: _not,
    exp.Neg: _negative,
    exp.Add: _added,
    exp.Sub: _arithmetic,
    exp.Mul: _arithmetic,
    exp.Div: _div,
    exp.IntDiv: _int_div,
    exp.Mod: _mod,
    exp.DPipe: _pipes,
    **dict.fromkeys((exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE), _comparison),
    **dict.fromkeys((exp.NullSafeEQ, exp.NullSafeNEQ), _comparison),
    exp.Is: _is,
    exp.In: _in,
    exp.Between: _between,
    exp.Like: patterns.like,
    exp.ILike: patterns.like,
    exp.Escape: patterns.escaped,
    exp.RegexpLike: patterns.regular,
    exp.RegexpILike: patterns.regular,
    exp.Case: _case,
    exp.If: _if,
    exp.Coalesce: _coalesce,
    exp.Cast: _cast,
    exp.TryCast: _cast,
    exp.Subquery: _subquery,
    **dict.fromkeys((exp.Select, exp.Union, exp.Except, exp.Intersect), _query),
    exp.Exists: _exists,
    exp.Extract: dates.extracted,
    exp.CurrentDate: dates.today,
    exp.CurrentTimestamp: dates.current,
    exp.Localtimestamp: dates.current,
    exp.Anonymous: calls.called,
    exp.Window: calls.windowed,
    exp.WithinGroup: calls.ordered,
    exp.Filter: calls.filtered,
    exp.GroupConcat: calls.group_concat,
    exp.Substring: calls.substring,
    exp.Trim: calls.trim,
    exp.StrPosition: calls.position,
}
