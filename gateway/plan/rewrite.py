"""Rewrites what DataFusion 55 answers wrongly or not at all into what it answers rightly.

Each rule names the fault it works around; each has a test over real rows. A query without any of
these constructs reaches the engine in its author's own words.

* USING and NATURAL: a FULL JOIN loses the right side's keys, ``*`` orders the columns wrongly.
* IN / NOT IN below anything but AND: the mark join has no NULL mark, so NULLs give rows.
* NOT IN over a correlated sub-query, EXISTS and IN outside conditions: not planned at all.
* EXCEPT ALL, INTERSECT ALL: duplicates are not counted.
* IS [NOT] DISTINCT FROM: its right side swallows a following AND or OR.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator

from sqlglot import exp

from gateway.errors import Unsupported
from gateway.plan.qualify import DIALECT, qualified, restore_names
from gateway.plan.source import Columns


def rewritten(tree: exp.Expr, known: Columns) -> str | None:
    """The query as text the engine answers rightly; None when its own text will do.

    Raises Unsupported where the construct is there but can not be rewritten.
    """
    rules = [rule for applies, rule in RULES if applies(tree)]
    if not rules:
        return None
    if rules == [_parenthesise]:  # needs no knowledge of columns
        return _parenthesise(tree.copy()).sql(DIALECT)
    form = qualified(tree, known)
    if form is None:
        raise Unsupported(
            "this combination of USING, IN, EXISTS or EXCEPT ALL can not be planned",
            hint="name the columns with their datasets, and write ON in place of USING",
        )
    result, bound = form
    for rule in rules:
        result = rule(result)
    restore_names(result, bound)
    return result.sql(DIALECT)


_NULL_SAFE = re.compile(r"\bIS\s+(NOT\s+)?DISTINCT\s+FROM\b", re.IGNORECASE)


def both_readings(text: str, tree: exp.Expr) -> tuple[str, str]:
    """The author's text, and what sqlglot writes for the tree it read from it.

    If the engine understands the two alike, a rewritten tree will mean what its author meant.
    IS [NOT] DISTINCT FROM, which the engine itself misreads, is an equality in both.
    """
    plain = tree.copy()
    for node in reversed(list(plain.find_all(exp.NullSafeEQ, exp.NullSafeNEQ))):  # inner ones first
        other = exp.EQ if isinstance(node, exp.NullSafeEQ) else exp.NEQ
        node.replace(other(this=node.this.copy(), expression=node.expression.copy()))
    written = _NULL_SAFE.sub(lambda match: "=" if match[1] else "<>", text)
    return written, plain.sql(DIALECT)


def without_repeated_groups(tree: exp.Expr, known: Columns) -> str:
    """The query with each column once in every GROUP BY. Raises Unsupported."""
    return _plainer(
        tree,
        known,
        Unsupported(
            "a GROUP BY that names a column twice can not be planned in this query",
            hint="name each column once in GROUP BY",
        ),
    )


def with_nested_outer_joins(tree: exp.Expr, known: Columns) -> str:
    """The query with outer joins in which the engine sees no equal columns to join by.

    It compares every row with every row, then. Raises Unsupported.
    """
    refusal = Unsupported(
        "an outer join with a condition beside its equal columns can not be planned here",
        hint="move the condition of the join into a sub-query of the table it is about",
    )
    return _plainer(tree, known, refusal, nested=True)


def _plainer(tree: exp.Expr, known: Columns, refusal: Unsupported, *, nested: bool = False) -> str:
    """The query by all rules that apply, without repeated groups, with `nested` outer joins."""
    form = qualified(tree, known)
    if form is None:
        raise refusal
    result, bound = form
    for _, rule in (r for r in RULES if r[0](tree)):
        result = rule(result)
    for group in result.find_all(exp.Group):
        group.set("expressions", list(dict.fromkeys(group.expressions)))
    for join in result.find_all(exp.Join) if nested else ():
        if join.side and join.args.get("on"):
            condition = exp.Paren(this=join.args["on"])
            join.set("on", exp.Paren(this=exp.Is(this=condition, expression=exp.true())))
    restore_names(result, bound)
    return result.sql(DIALECT)


# --- USING, NATURAL: spelt out by qualification


def _joins_by_name(tree: exp.Expr) -> bool:
    return any(j.args.get("using") or j.args.get("method") for j in tree.find_all(exp.Join))


def _as_qualified(tree: exp.Expr) -> exp.Expr:
    """Qualification has already done it."""
    return tree


# --- IN and EXISTS


def _membership(tree: exp.Expr) -> bool:
    return any(_misplaced(test) for test in _tests(tree))


def _tests(tree: exp.Expr) -> Iterator[exp.Expr]:
    for test in tree.find_all(exp.In, exp.Exists):
        if isinstance(test, exp.Exists) or test.args.get("query") is not None:
            yield test


def _misplaced(test: exp.Expr) -> bool:
    """True where the engine's semi, anti or mark join would not do."""
    if isinstance(test, exp.Exists):  # never NULL: any number of negations will do
        return not _in_condition(test, (exp.And, exp.Or, exp.Not, exp.Paren))
    negated = _negated(test)
    if not negated:
        return not _in_condition(test, (exp.And, exp.Or, exp.Paren))
    return not _in_condition(test, (exp.And, exp.Not, exp.Paren)) or _correlated(test)


def _negated(test: exp.Expr) -> bool:
    parent = test.parent
    while isinstance(parent, exp.Paren):
        parent = parent.parent
    return isinstance(parent, exp.Not)


def _in_condition(test: exp.Expr, between: tuple[type[exp.Expr], ...]) -> bool:
    """True when only nodes of these types stand between the test and its WHERE or HAVING."""
    parent = test.parent
    never_null = isinstance(test, exp.Exists)
    negations, conjunctions = 0, 0
    while isinstance(parent, between):
        conjunctions += isinstance(parent, exp.And)
        if isinstance(parent, exp.Not):
            negations += 1
            if conjunctions and not never_null:
                return False  # NOT over AND is an OR
        parent = parent.parent
    return isinstance(parent, (exp.Where, exp.Having)) and (never_null or negations <= 1)


def _correlated(test: exp.Expr) -> bool:
    """True when a sub-query refers to a table outside it; before qualification: if it may."""
    query = test.args["query"].unnest()
    inside = {t.alias_or_name for t in query.find_all(exp.Table, exp.Subquery)}
    return any(c.table and c.table not in inside for c in query.find_all(exp.Column))


def _count_members(tree: exp.Expr) -> exp.Expr:
    """Write each misplaced test as counts, which the engine answers in any place."""
    for test in list(_tests(tree)):
        if not _misplaced(test):
            continue
        if isinstance(test, exp.Exists):
            test.replace(exp.Paren(this=exp.GT(this=_count(test.this), expression=_number(0))))
        elif isinstance(test, exp.In):
            test.replace(_in_by_counts(test))
    return tree


def _in_by_counts(test: exp.In) -> exp.Expr:
    """``x IN (S)``: TRUE if x is in S, else NULL if S has a NULL or x is one and S any row."""
    query = test.args["query"].unnest()
    outputs = query.selects if isinstance(query, exp.Query) else []
    if len(outputs) != 1 or not isinstance(test.this, exp.Expr):
        raise Unsupported("IN over a sub-query of several columns is not offered here")
    query, column = _countable(query, outputs[0])

    def over(measure: exp.Expr, condition: exp.Expr | None = None) -> exp.Expr:
        counted = query.copy()
        counted.set("expressions", [measure])
        if condition is not None:
            counted = counted.where(condition, copy=False)
        return exp.Subquery(this=counted)

    everything, known = exp.Count(this=exp.Star()), exp.Count(this=column.copy())
    value = test.this
    matches = over(everything.copy(), exp.EQ(this=column.copy(), expression=value.copy()))
    unknown = exp.Or(
        this=exp.Paren(this=exp.NEQ(this=over(everything.copy()), expression=over(known))),
        expression=exp.Paren(
            this=exp.And(
                this=exp.Is(this=exp.Paren(this=value.copy()), expression=exp.null()),
                expression=exp.GT(this=over(everything.copy()), expression=_number(0)),
            )
        ),
    )
    return exp.Paren(
        this=exp.Case(
            ifs=[
                exp.If(this=exp.GT(this=matches, expression=_number(0)), true=exp.true()),
                exp.If(this=unknown, true=exp.cast(exp.null(), "BOOLEAN")),
            ],
            default=exp.false(),
        )
    )


def _count(query: exp.Expr) -> exp.Expr:
    if not isinstance(query, exp.Query):
        raise Unsupported("EXISTS over this is not offered here")
    counted, _ = _countable(query, None)
    counted = counted.copy()
    counted.set("expressions", [exp.Count(this=exp.Star())])
    return exp.Subquery(this=counted)


_COUNTABLE = {"expressions", "from_", "joins", "where", "kind"}


def _countable(query: exp.Query, output: exp.Expr | None) -> tuple[exp.Select, exp.Expr]:
    """A SELECT whose rows an aggregate in its place would count, and its output in it.

    A plain one stays as it is, so that what it says about the query around it is still planned;
    any other becomes a derived table, which may not say anything about it.
    """
    plain = isinstance(query, exp.Select) and not any(
        part and name not in _COUNTABLE for name, part in query.args.items()
    )
    if plain and not any(p.find(exp.AggFunc, exp.Window) for p in query.selects):
        assert isinstance(query, exp.Select)
        query = query.copy()
        position = (
            [p.alias_or_name for p in query.selects].index(output.alias_or_name) if output else 0
        )
        _rename_sources(query)
        return query, query.selects[position].unalias() if output is not None else exp.null()
    name = f"__members_{next(_NUMBERS)}"
    alias = exp.TableAlias(this=exp.to_identifier(name, quoted=True))
    select = exp.Select(expressions=[exp.Star()])
    select.set("from_", exp.From(this=exp.Subquery(this=query.copy(), alias=alias)))
    member = output.alias_or_name if output is not None else ""
    return select, exp.column(member, table=name, quoted=True)


_NUMBERS = itertools.count(1)


def _rename_sources(select: exp.Select) -> None:
    """Give the tables of a sub-query names of their own: a value from outside is moved in."""
    sources = [select.args["from_"].this, *(j.this for j in select.args.get("joins") or [])]
    for source in sources:
        old, new = source.alias_or_name, f"__member_{next(_NUMBERS)}"
        for column in list(select.find_all(exp.Column)):
            if column.table == old and not _hidden(column, old, select):
                column.set("table", exp.to_identifier(new, quoted=True))
        source.set("alias", exp.TableAlias(this=exp.to_identifier(new, quoted=True)))


def _hidden(column: exp.Expr, name: str, outermost: exp.Select) -> bool:
    """True when a query between the column and `outermost` has a source of that name itself."""
    scope = column.find_ancestor(exp.Select)
    while scope is not None and scope is not outermost:
        sources = [scope.args.get("from_"), *(scope.args.get("joins") or [])]
        if any(s is not None and s.this.alias_or_name == name for s in sources):
            return True
        scope = scope.find_ancestor(exp.Select)
    return False


def _number(value: int) -> exp.Expr:
    return exp.Literal.number(value)


# --- EXCEPT ALL, INTERSECT ALL


def _counted_sets(tree: exp.Expr) -> bool:
    return any(
        node.args.get("distinct") is False for node in tree.find_all(exp.Except, exp.Intersect)
    )


def _number_rows(tree: exp.Expr) -> exp.Expr:
    """Equal rows are numbered; then the plain set operation keeps the right number of them."""
    for node in list(tree.find_all(exp.Except, exp.Intersect)):
        if node.args.get("distinct") is not False:
            continue
        names = [p.alias_or_name for p in node.left.selects]
        if len(set(names)) != len(names) or "*" in names:
            raise Unsupported("EXCEPT ALL and INTERSECT ALL need columns with different names")
        left, right = (_numbered(side, names) for side in (node.left, node.right))
        counted = type(node)(this=left, expression=right, distinct=True)
        alias = exp.TableAlias(this=exp.to_identifier("__counted", quoted=True))
        select = exp.Select(expressions=[_column(n) for n in names])
        select.set("from_", exp.From(this=exp.Subquery(this=counted, alias=alias)))
        for clause in ("with_", "order", "limit", "offset"):
            if node.args.get(clause) is not None:
                select.set(clause, node.args[clause])
        if node is tree:
            tree = select
        else:
            node.replace(select)
    return tree


def _numbered(side: exp.Query, names: list[str]) -> exp.Select:
    alias = exp.TableAlias(
        this=exp.to_identifier("__side", quoted=True),
        columns=[exp.to_identifier(n, quoted=True) for n in names],
    )
    window = exp.Window(this=exp.RowNumber(), partition_by=[_column(n) for n in names])
    number = exp.alias_(window, "__copy", quoted=True)
    select = exp.Select(expressions=[*(_column(n) for n in names), number])
    body = side if isinstance(side, exp.Select) else exp.Subquery(this=side)
    inner = body.unnest() if isinstance(body, exp.Subquery) else body
    select.set("from_", exp.From(this=exp.Subquery(this=inner.copy(), alias=alias)))
    return select


def _column(name: str) -> exp.Column:
    return exp.column(name, quoted=True)


# --- IS [NOT] DISTINCT FROM


def _null_safe(tree: exp.Expr) -> bool:
    return tree.find(exp.NullSafeEQ, exp.NullSafeNEQ) is not None


def _parenthesise(tree: exp.Expr) -> exp.Expr:
    for node in reversed(list(tree.find_all(exp.NullSafeEQ, exp.NullSafeNEQ))):  # inner ones first
        for key in ("this", "expression"):
            operand = node.args[key]
            if not isinstance(operand, (exp.Column, exp.Literal, exp.Paren)):
                node.set(key, exp.Paren(this=operand.copy()))
        if not isinstance(node.parent, exp.Paren):
            node.replace(exp.Paren(this=node.copy()))
    return tree


RULES: tuple[tuple[Callable[[exp.Expr], bool], Callable[[exp.Expr], exp.Expr]], ...] = (
    (_joins_by_name, _as_qualified),
    (_membership, _count_members),
    (_counted_sets, _number_rows),
    (_null_safe, _parenthesise),
)
"""When a rule applies, and what it makes of the qualified tree (which it may change)."""
