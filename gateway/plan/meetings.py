"""Which parameters of a statement may be compared with a constant while it is planned.

Planning ``SELECT 'a' AS k ... UNION ALL SELECT name AS k ...`` below ``k = ?`` answers the first
branch from the constant alone. Every stand-in differs from 'a', so that the branch is gone for all
of them, and is missed when the value is 'a'.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlglot import exp

from gateway.plan.source import Tables, Views

_OUTSIDE = (exp.Limit, exp.Offset, exp.Fetch, exp.DataType, exp.Group, exp.Ordered)
"""Below these, numbers count rows or columns."""


def meet_constants(
    tree: exp.Query | exp.Values, tables: Tables, views: Views, numbers: Iterable[int]
) -> frozenset[int]:
    """Those of the numbers that a constant of the statement, a view or a policy may meet."""
    if isinstance(tree, exp.Select) and not views and _reads_one_table(tree):
        return frozenset(_beside_constants(tree))
    governed = any(table.security.governs for table in tables.values())
    trees = [tree, *(view.tree for view in views.values())]
    constant = governed or bool(views) or any(_constants(t) for t in trees)
    return frozenset(numbers) if constant else frozenset()


def _reads_one_table(tree: exp.Select) -> bool:
    nested = exp.Subquery, exp.SetOperation, exp.With, exp.Join, exp.Values, exp.Having
    return (
        sum(1 for _ in tree.find_all(exp.Select)) == 1
        and sum(1 for _ in tree.find_all(exp.Table)) == 1
        and tree.find(*nested) is None
    )


def _beside_constants(tree: exp.Select) -> Iterator[int]:
    """The parameters of conditions that name a column beside which a constant stands."""
    for answered in tree.expressions:
        if _constants(answered):
            yield from _parameters(answered)
    where = tree.args.get("where")
    if where is None:
        return
    words = list(where.this.flatten()) if isinstance(where.this, exp.And) else [where.this]
    taken = {
        column.name.lower()
        for word in words
        if _constants(word)
        for column in word.find_all(exp.Column)
    }
    for word in words:
        columns = {column.name.lower() for column in word.find_all(exp.Column)}
        if columns & taken:
            yield from _parameters(word)


def _parameters(tree: exp.Expr) -> Iterator[int]:
    return (int(parameter.name) for parameter in tree.find_all(exp.Parameter))


def _constants(tree: exp.Expr) -> bool:
    for literal in tree.find_all(exp.Literal):
        parent = literal.parent
        if isinstance(parent, exp.Parameter) or literal.find_ancestor(exp.DataType):
            continue
        if not isinstance(parent, _OUTSIDE):
            return True
    return False
