"""What goes into the value of an expression, and what decides on it.

Whatever is not named here computes its value from all that stands in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sqlglot import exp

from gateway.lineage import uses
from gateway.lineage.relation import Relation, Untold
from gateway.lineage.scope import Place, Scope, folded, path_of
from gateway.lineage.uses import (
    AGGREGATION,
    CONDITIONAL,
    FILTER,
    JOIN,
    NOTHING,
    SORT,
    TRANSFORMATION,
    WINDOW,
    Uses,
    changed,
    deciding,
)

Queries = Callable[[exp.Expr, Scope], Relation]
"""The rows of a sub-query, which may name what is around it."""

_AGGREGATES = frozenset(
    (
        *("approx_median", "approx_percentile_cont", "approx_percentile_cont_with_weight"),
        *("covar", "mean", "quantile_cont", "var", "var_population", "var_sample"),
    )
)
"""Those of the engine's aggregates that the parser does not know as such."""

_OF_ROWS = (exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue, exp.NthValue)
"""Window functions that give a value of another row, as it is there."""

_KEEPING_ORDER = (exp.ArrayAgg, exp.GroupConcat, exp.FirstValue, exp.LastValue, exp.NthValue)
"""Aggregates whose order is not their value."""

_WRAPPED = (exp.IgnoreNulls, exp.RespectNulls)


class Expressions:
    """The uses in expressions. `query` tells the rows of their sub-queries."""

    def __init__(self, query: Queries) -> None:
        self._query = query

    def value(self, node: exp.Expr, scope: Scope) -> Uses:
        """The uses of an expression's value. Raises Untold."""
        rule = _RULES.get(type(node))
        if rule is not None:
            return rule(self, node, scope)
        how = AGGREGATION if is_aggregate(node) else TRANSFORMATION
        return changed(self._parts(node, scope), how)

    def condition(self, node: exp.Expr, scope: Scope) -> Uses:
        """The uses of a WHERE: parts that name columns of several sources join, others filter."""
        found = NOTHING
        for part in _conjuncts(node):
            sources = {id(place.source) for place in _places(part, scope)}
            how = JOIN if len(sources) > 1 else FILTER
            found |= deciding(self.value(part, scope), how)
        return found

    def _parts(self, node: exp.Expr, scope: Scope) -> Uses:
        found = NOTHING
        for part in node.iter_expressions():
            found |= self.value(part, scope)
        return found

    def _nothing(self, node: exp.Expr, scope: Scope) -> Uses:
        return NOTHING

    def _passed(self, node: exp.Expr, scope: Scope) -> Uses:
        return self.value(node.this, scope)

    def _column(self, node: exp.Column, scope: Scope) -> Uses:
        path = path_of(node)
        inner: Scope | None = scope
        while inner is not None:
            place = inner.place(path)
            if place is not None:
                return place.uses
            if len(path) == 1 and path[0] in inner.outputs:
                within = Scope(inner.outer, inner.sources, inner.merged, inner.windows)
                return self.value(inner.outputs[path[0]], within)
            inner = inner.outer
        around: Scope | None = scope
        while around is not None:
            found = around.unnamed(path[:-1])
            if found is not None:
                return found
            around = around.outer
        raise Untold(f"no column is called {'.'.join(path)}")

    def _case(self, node: exp.Case, scope: Scope) -> Uses:
        decides = self.value(node.this, scope) if node.this else NOTHING
        values = NOTHING
        for branch in node.args["ifs"]:
            decides |= self.value(branch.this, scope)
            values |= self.value(branch.args["true"], scope)
        if node.args.get("default"):
            values |= self.value(node.args["default"], scope)
        return deciding(decides, CONDITIONAL) | changed(values)

    def _if(self, node: exp.Expr, scope: Scope) -> Uses:
        decides = self.value(node.this, scope)
        branches = [node.args[key] for key in ("true", "false") if node.args.get(key)]
        values = uses.union(self.value(branch, scope) for branch in branches)
        return deciding(decides, CONDITIONAL) | changed(values)

    def _coalesce(self, node: exp.Expr, scope: Scope) -> Uses:
        values = self._parts(node, scope)
        return deciding(values, CONDITIONAL) | changed(values)

    def _nullif(self, node: exp.Nullif, scope: Scope) -> Uses:
        value = self.value(node.this, scope)
        compared = value | self.value(node.expression, scope)
        return deciding(compared, CONDITIONAL) | changed(value)

    def _sorted(self, node: exp.Order, scope: Scope) -> Uses:
        """The values of an aggregate that are put in order first."""
        keys = uses.union(self.value(key.this, scope) for key in node.expressions)
        value = self.value(node.this, scope) if node.this else NOTHING
        return value | deciding(keys, SORT)

    def _within_group(self, node: exp.WithinGroup, scope: Scope) -> Uses:
        value = self.value(node.this, scope)
        keys = uses.union(self.value(key.this, scope) for key in node.expression.expressions)
        sorts = node.find(*_KEEPING_ORDER, bfs=False) is not None
        return value | (deciding(keys, SORT) if sorts else changed(keys, AGGREGATION))

    def _filtered(self, node: exp.Filter, scope: Scope) -> Uses:
        decides = self.value(node.expression.this, scope)
        return self.value(node.this, scope) | deciding(decides, CONDITIONAL)

    def _window(self, node: exp.Window, scope: Scope) -> Uses:
        inner = node.this
        while isinstance(inner, _WRAPPED):
            inner = inner.this
        if isinstance(inner, _OF_ROWS):
            value = changed(self._parts(inner, scope))
        else:
            value = self.value(inner, scope)
        return value | deciding(self._frame(node, scope), WINDOW)

    def _frame(self, node: exp.Window, scope: Scope) -> Uses:
        """What a window's rows are found by, also where it is built on another."""
        keys = [*(node.args.get("partition_by") or [])]
        if node.args.get("order"):
            keys += [key.this for key in node.args["order"].expressions]
        found = uses.union(self.value(key, scope) for key in keys)
        base = node.args.get("alias")
        if base is not None:
            named = scope.windows.get(folded(base))
            if named is None:
                raise Untold(f"no window is called {base.name}")
            found |= self._frame(named, scope)
        return found

    def _exists(self, node: exp.Exists, scope: Scope) -> Uses:
        return self._query(node.this, scope).whole

    def _subquery(self, node: exp.Expr, scope: Scope) -> Uses:
        rows = self._query(node, scope)
        return rows.all() | rows.whole


def is_aggregate(node: exp.Expr) -> bool:
    """Whether it is the call of a function that makes one value of those of many rows."""
    if isinstance(node, exp.Anonymous):
        return node.name.lower() in _AGGREGATES
    return isinstance(node, exp.AggFunc)


def _places(node: exp.Expr, scope: Scope) -> Iterator[Place]:
    """Where the columns of an expression are: here or further out, outside of its sub-queries."""
    for part in node.walk(prune=lambda inner: isinstance(inner, exp.Query)):
        if isinstance(part, exp.Column):
            path, inner = path_of(part), scope
            while (place := inner.place(path)) is None and inner.outer is not None:
                inner = inner.outer
            if place is not None:
                yield place


def _conjuncts(node: exp.Expr) -> Iterator[exp.Expr]:
    waiting = [node]
    while waiting:
        part = waiting.pop()
        if isinstance(part, exp.And):
            waiting += [part.expression, part.this]
        elif isinstance(part, exp.Paren):
            waiting.append(part.this)
        else:
            yield part


_RULES: dict[type, Callable[[Expressions, Any, Scope], Uses]] = {
    exp.Column: Expressions._column,
    exp.Alias: Expressions._passed,
    exp.Paren: Expressions._passed,
    exp.Literal: Expressions._nothing,
    exp.Identifier: Expressions._nothing,
    exp.Star: Expressions._nothing,
    exp.DataType: Expressions._nothing,
    exp.Grouping: Expressions._nothing,
    exp.Case: Expressions._case,
    exp.If: Expressions._if,
    exp.Nvl2: Expressions._if,
    exp.Coalesce: Expressions._coalesce,
    exp.Nullif: Expressions._nullif,
    exp.Order: Expressions._sorted,
    exp.WithinGroup: Expressions._within_group,
    exp.Filter: Expressions._filtered,
    exp.Window: Expressions._window,
    exp.Exists: Expressions._exists,
    exp.Subquery: Expressions._subquery,
    exp.Select: Expressions._subquery,
    exp.Union: Expressions._subquery,
    exp.Intersect: Expressions._subquery,
    exp.Except: Expressions._subquery,
}
