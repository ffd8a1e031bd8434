"""Whether optimising lost what a query's own form says of how it is best answered.

Without a sub-query left in it, a plan aggregates everything where the author asked for the values
of a few keys, and computes a CTE once for each of its uses.
"""

from __future__ import annotations

from collections import Counter

from sqlglot import exp


def may_be_lost(tree: exp.Expr) -> bool:
    """False when nothing can be lost of a tree whose columns are not qualified yet."""
    return _shares(tree) or any(_aggregates(s) for s in tree.find_all(exp.Subquery))


def is_lost(tree: exp.Expr) -> bool:
    """True when a qualified tree has a CTE of several uses, or a correlated aggregate."""
    return _shares(tree) or any(
        _aggregates(s) and _is_correlated(s) for s in tree.find_all(exp.Subquery)
    )


def _shares(tree: exp.Expr) -> bool:
    """True when a CTE that does more than read is named more than once."""
    ctes = {cte.alias for cte in tree.find_all(exp.CTE) if _is_dear(cte.this)}
    if not ctes:
        return False
    uses = Counter(table.name for table in tree.find_all(exp.Table) if table.name in ctes)
    return any(count > 1 for count in uses.values())


def _is_dear(query: exp.Expr) -> bool:
    return query.find(exp.AggFunc, exp.Join, exp.Distinct) is not None


def _aggregates(subquery: exp.Subquery) -> bool:
    return not isinstance(subquery.parent, (exp.From, exp.Join, exp.In, exp.Exists)) and (
        subquery.find(exp.AggFunc) is not None
    )


def _is_correlated(subquery: exp.Subquery) -> bool:
    within = {
        source.alias_or_name
        for clause in subquery.find_all(exp.From, exp.Join)
        for source in (clause.this,)
    }
    return any(column.table not in within for column in subquery.find_all(exp.Column))
