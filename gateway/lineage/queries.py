"""From queries to the relations they give: SELECT, set operations and WITH."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from sqlglot import exp

from gateway.lineage import uses
from gateway.lineage.expressions import Expressions
from gateway.lineage.from_clause import FromClause
from gateway.lineage.outputs import Output, keys_of, outputs_of
from gateway.lineage.relation import Defined, Name, Read, Relation, Untold, defined, stored
from gateway.lineage.scope import Scope, Source, column_names, folded, path_of
from gateway.lineage.uses import FILTER, GROUP_BY, JOIN, NOTHING, SORT, Uses, deciding

Ctes = Mapping[str, Callable[[], Relation]]
"""What WITH has named, as far as it can be seen."""

_ROW_MAKERS = (exp.Explode, exp.Unnest)
"""Functions that make several rows of one."""


_CLAUSES = frozenset(
    (
        *("with_", "expressions", "distinct", "from_", "joins", "where", "group", "having"),
        *("qualify", "windows", "order", "limit", "offset", "operation_modifiers"),
    )
)
"""The parts of a SELECT that are known here."""


@dataclass(slots=True)
class Found:
    """What has been come upon: addresses, their relations, and those `derived` from others."""

    datasets: set[str] = field(default_factory=set)
    views: set[str] = field(default_factory=set)
    relations: dict[Name, Relation] = field(default_factory=dict)
    derived: list[Relation] = field(default_factory=list)


class Queries:
    """The relations of queries over what they `read`; `names` are those they have there."""

    def __init__(self, read: Read, names: Mapping[Name, Name] | None, found: Found) -> None:
        self._read = read
        self._names = names
        self._found = found

    def relation(self, tree: exp.Expr, outer: Scope | None = None, ctes: Ctes = {}) -> Relation:  # noqa: B006
        """The rows of a query. Raises Untold."""
        rows = self._relation(tree, outer, self._named(tree, outer, ctes))
        self._found.derived.append(rows)
        return rows

    def _relation(self, tree: exp.Expr, outer: Scope | None, ctes: Ctes) -> Relation:
        match tree:
            case exp.Select():
                return self._select(tree, outer, ctes)
            case exp.SetOperation():
                return self._united(tree, outer, ctes)
            case exp.Subquery() if not isinstance(tree.this, exp.Table):
                inner = self.relation(tree.this, outer, ctes)
                return self._ordered(tree, inner, outer, ctes)
            case exp.Subquery():
                return self._from_clause(ctes).joined(tree, Scope(outer))
            case exp.Values():
                return self._from_clause(ctes).values(tree, Scope(outer))
        raise Untold(f"a query that is {type(tree).__name__}")

    def _expressions(self, ctes: Ctes) -> Expressions:
        return Expressions(lambda tree, scope: self.relation(tree, scope, ctes))

    def _from_clause(self, ctes: Ctes) -> FromClause:
        return FromClause(
            self._expressions(ctes),
            lambda tree, scope: self.relation(tree, scope, ctes),
            lambda name: self._table(name, ctes),
        )

    def _table(self, path: Name, ctes: Ctes) -> Relation:
        if len(path) == 1 and path[0] in ctes:
            return ctes[path[0]]()
        name = path if self._names is None else self._names.get(path)
        read = None if name is None else self._read.get(name)
        if name is None or read is None:
            raise Untold(f"nothing that is read is called {'.'.join(path)}")
        known = self._found.relations.get(name)
        if known is None:
            if isinstance(read, Defined):
                self._found.views.add(read.address)
                body = Queries(self._read, read.names, self._found).relation(read.tree)
                known = defined(read, body)
            else:
                self._found.datasets.add(read.address)
                known = stored(read)
            self._found.relations[name] = known
        return known

    # WITH

    def _named(self, tree: exp.Expr, outer: Scope | None, ctes: Ctes) -> Ctes:
        clause = tree.args.get("with_")
        if clause is None:
            return ctes
        seen = dict(ctes)
        for cte in clause.expressions:
            name = folded(cte.args["alias"].this)
            recursive = clause.recursive and _names_itself(cte.this, name)
            make = self._recursive if recursive else self._common
            seen[name] = _once(make, cte, name, outer, dict(seen))
        return seen

    def _common(self, cte: exp.CTE, name: str, outer: Scope | None, ctes: Ctes) -> Relation:
        return self.relation(cte.this, outer, ctes).called(column_names(cte))

    def _recursive(self, cte: exp.CTE, name: str, outer: Scope | None, ctes: Ctes) -> Relation:
        """The first branch, and what the second makes of it until that is nothing new."""
        tree = cte.this
        if not isinstance(tree, exp.Union) or tree.args.get("with_"):
            raise Untold(f"{name} is recursive in another way than by UNION")
        first = self.relation(tree.left, outer, ctes).called(column_names(cte))
        names = first.names
        columns = [first.column(i) for i in range(len(names))]
        whole = first.whole
        while True:
            rows = Relation(names, columns.__getitem__, whole)
            step = self.relation(tree.right, outer, {**ctes, name: partial(_same, rows)})
            _check_width(first, step)
            grown = [old | step.column(i) for i, old in enumerate(columns)]
            more = whole | step.whole
            if tree.args.get("distinct"):
                more |= deciding(uses.union(grown), GROUP_BY)
            if grown == columns and more == whole:
                return rows
            columns, whole = grown, more

    # set operations

    def _united(self, tree: exp.SetOperation, outer: Scope | None, ctes: Ctes) -> Relation:
        left, right = self.relation(tree.left, outer, ctes), self.relation(tree.right, outer, ctes)
        if tree.args.get("by_name"):
            left, right = _by_name(left, right)
        _check_width(left, right)
        whole = left.whole | right.whole
        if isinstance(tree, exp.Union):
            rows = Relation(left.names, lambda i: left.column(i) | right.column(i), whole)
            if tree.args.get("distinct"):
                rows.whole |= deciding(rows.all(), GROUP_BY)
        else:
            compared = deciding(left.all() | right.all(), FILTER)
            rows = Relation(left.names, left.column, whole | compared)
        return self._ordered(tree, rows, outer, ctes)

    def _ordered(self, tree: exp.Expr, rows: Relation, outer: Scope | None, ctes: Ctes) -> Relation:
        """The rows with an ORDER BY and LIMIT that stand behind a whole query."""
        scope = Scope(outer, [Source((), rows)])
        rows.whole |= self._order(tree, rows, scope, ctes)
        return rows

    def _order(self, tree: exp.Expr, rows: Relation, scope: Scope, ctes: Ctes) -> Uses:
        found = NOTHING
        expressions = self._expressions(ctes)
        order = tree.args.get("order")
        for key in keys_of(order.expressions if order else (), rows):
            used = rows.column(key) if isinstance(key, int) else expressions.value(key, scope)
            found |= deciding(used, SORT)
        for clause in (tree.args.get("limit"), tree.args.get("offset")):
            if clause is not None and clause.expression is not None:
                found |= deciding(expressions.value(clause.expression, scope), FILTER)
        return found

    # SELECT

    def _select(self, tree: exp.Select, outer: Scope | None, ctes: Ctes) -> Relation:
        expressions = self._expressions(ctes)
        scope = Scope(outer)
        args = tree.args
        unknown = {key for key, value in args.items() if value} - _CLAUSES
        if unknown:
            raise Untold(f"a SELECT with {', '.join(sorted(unknown))}")
        whole = self._from_clause(ctes).read(tree, scope)
        scope.windows = {folded(window.this): window for window in args.get("windows") or ()}
        if args.get("where"):
            whole |= expressions.condition(args["where"].this, scope)
        outputs = outputs_of(tree.expressions, scope)
        rows = Relation(
            [output.name for output in outputs],
            lambda i: outputs[i].uses(expressions, scope),
        )
        for output in outputs:
            for maker in output.node.find_all(*_ROW_MAKERS) if output.node else ():
                whole |= deciding(expressions.value(maker, scope), JOIN)
        scope.outputs = {o.name: o.node for o in reversed(outputs) if o.name and o.node}
        whole |= self._grouped(tree, outputs, rows, scope, ctes)
        for clause in ("having", "qualify"):
            if args.get(clause):
                whole |= deciding(expressions.value(args[clause].this, scope), FILTER)
        scope.outputs = {}
        whole |= self._distinct(args.get("distinct"), rows, scope, ctes)
        rows.whole = whole | self._order(tree, rows, _sorting(tree, rows, scope), ctes)
        return rows

    def _grouped(
        self,
        tree: exp.Select,
        outputs: Sequence[Output],
        rows: Relation,
        scope: Scope,
        ctes: Ctes,
    ) -> Uses:
        group = tree.args.get("group")
        if group is None:
            return NOTHING
        expressions = self._expressions(ctes)
        found = NOTHING
        if group.args.get("all"):
            for i, output in enumerate(outputs):
                if not output.aggregates:
                    found |= rows.column(i)
        keys = [*group.expressions]
        for sets in ("grouping_sets", "cube", "rollup"):
            keys += group.args.get(sets) or []
        for key in keys_of(keys, rows):
            found |= rows.column(key) if isinstance(key, int) else expressions.value(key, scope)
        return deciding(found, GROUP_BY)

    def _distinct(
        self, distinct: exp.Distinct | None, rows: Relation, scope: Scope, ctes: Ctes
    ) -> Uses:
        if distinct is None:
            return NOTHING
        on = distinct.args.get("on")
        if on is None:
            return deciding(rows.all(), GROUP_BY)
        found, expressions = NOTHING, self._expressions(ctes)
        for key in keys_of(on.expressions if isinstance(on, exp.Tuple) else [on], rows):
            found |= rows.column(key) if isinstance(key, int) else expressions.value(key, scope)
        return deciding(found, GROUP_BY)


def _same(rows: Relation) -> Relation:
    return rows


def _sorting(tree: exp.Select, rows: Relation, scope: Scope) -> Scope:
    """The names in an ORDER BY: there those of outputs come first."""
    order = tree.args.get("order")
    if order is None:
        return scope
    named = {
        folded(c.this) for c in order.find_all(exp.Column) if isinstance(c.this, exp.Identifier)
    }
    outputs = {n: rows.column(i) for i, n in reversed([*enumerate(rows.names)]) if n in named}
    return Scope(scope.outer, scope.sources, {**scope.merged, **outputs}, scope.windows)


def _once(make: Callable[..., Relation], *arguments: object) -> Callable[[], Relation]:
    """A relation that is looked for when it is first read, and then known."""
    known: list[Relation] = []

    def get() -> Relation:
        if not known:
            known.append(make(*arguments))
        return known[0]

    return get


def _names_itself(tree: exp.Expr, name: str) -> bool:
    tables = tree.find_all(exp.Table)
    return any(isinstance(t.this, exp.Identifier) and path_of(t) == (name,) for t in tables)


def _by_name(left: Relation, right: Relation) -> tuple[Relation, Relation]:
    """Both with all columns of either, in the order of their first coming."""
    names = [*dict.fromkeys([*left.names, *right.names])]

    def of(rows: Relation) -> Relation:
        places = [rows.names.index(n) if n in rows.names else None for n in names]

        def column(position: int) -> Uses:
            place = places[position]
            return NOTHING if place is None else rows.column(place)

        return Relation(names, column, rows.whole)

    return of(left), of(right)


def _check_width(one: Relation, other: Relation) -> None:
    if len(one.names) != len(other.names):
        raise Untold("branches of a set operation have different numbers of columns")
