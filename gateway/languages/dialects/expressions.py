"""Expressions: every kind of node that is translated, and how. What is not here is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlglot import exp

from gateway.languages.dialects import calls, casts, date_parts, operations, patterns
from gateway.languages.dialects.client import PARAMETER
from gateway.languages.dialects.context import Context
from gateway.languages.dialects.operands import (
    BOOLEAN,
    FLOAT,
    INTEGER,
    NULL,
    SHORT,
    TEXT,
    Operand,
    call,
    cast,
    decimal,
    number,
    paren,
    text,
)
from gateway.languages.dialects.operators import (
    as_condition,
    as_value,
    comparison,
    fraction,
    kind_of,
    result,
    united,
)


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
        short = int(said) < 2**31 and context.dialect.short_integers
        kind = SHORT if short else INTEGER
        return Operand(exp.Literal.number(said), kind, int(said), digits=len(said))
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
        return Operand(cast(text(said), "DOUBLE"), FLOAT, written="" if exponent else said)
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
    exp.And: operations.logic,
    exp.Or: operations.logic,
    exp.Xor: operations.exclusive_or,
    exp.Not: operations.negation,
    exp.Neg: operations.negative,
    exp.Add: operations.added,
    exp.Sub: operations.computed,
    exp.Mul: operations.computed,
    exp.Div: operations.divided,
    exp.IntDiv: operations.whole_divided,
    exp.Mod: operations.modulo,
    exp.DPipe: operations.joined_texts,
    **dict.fromkeys((exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE), operations.compared),
    **dict.fromkeys((exp.NullSafeEQ, exp.NullSafeNEQ), operations.compared),
    exp.Is: operations.tested,
    exp.In: operations.member,
    exp.Between: operations.between,
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
    exp.Extract: date_parts.extracted,
    exp.CurrentDate: date_parts.today,
    exp.CurrentTimestamp: date_parts.current,
    exp.Localtimestamp: date_parts.current,
    exp.Anonymous: calls.called,
    exp.Window: calls.windowed,
    exp.WithinGroup: calls.ordered,
    exp.Filter: calls.filtered,
    exp.GroupConcat: calls.group_concat,
    exp.Substring: calls.substring,
    exp.Trim: calls.trim,
    exp.StrPosition: calls.position,
}
