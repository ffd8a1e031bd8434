"""What stands in FROM: datasets, sub-queries, functions that make rows, and how they are joined."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from sqlglot import exp

from gateway.lineage import uses
from gateway.lineage.expressions import Expressions
from gateway.lineage.outputs import outputs_of
from gateway.lineage.relation import Name, Relation, Untold
from gateway.lineage.scope import Scope, Source, column_names, folded, path_of
from gateway.lineage.uses import CONDITIONAL, JOIN, NOTHING, Uses, deciding

_JOINS = frozenset(("this", "side", "kind", "on", "using", "method"))
"""The parts of a join that are known here."""


class FromClause:
    """The sources of queries.

    `query` tells the rows of a sub-query in a scope around it, or in none; `table` those of what
    a name stands for.
    """

    def __init__(
        self,
        expressions: Expressions,
        query: Callable[[exp.Expr, Scope | None], Relation],
        table: Callable[[Name], Relation],
    ) -> None:
        self._expressions = expressions
        self._query = query
        self._table = table

    def read(self, tree: exp.Select, scope: Scope) -> Uses:
        """Bring the sources of a SELECT into its scope. What they decide on. Raises Untold."""
        clause = tree.args.get("from_")
        found = NOTHING if clause is None else self._source(clause.this, scope)
        for join in tree.args.get("joins") or ():
            found |= self._join(join, scope)
        return found

    def values(self, item: exp.Values, scope: Scope) -> Relation:
        """The rows of VALUES."""
        written = [r.expressions if isinstance(r, exp.Tuple) else [r] for r in item.expressions]

        def column(position: int) -> Uses:
            return uses.union(self._expressions.value(row[position], scope) for row in written)

        names = [f"column{i + 1}" for i in range(len(written[0]))]
        return Relation(names, column).called(column_names(item))

    def joined(self, item: exp.Subquery, scope: Scope) -> Relation:
        """A join in parentheses: all its columns."""
        whole = self._source(item.this, scope)
        for join in item.args.get("joins") or ():
            whole |= self._join(join, scope)
        outputs = outputs_of([exp.Star()], scope)
        return Relation(
            [output.name for output in outputs],
            lambda i: outputs[i].uses(self._expressions, scope),
            whole,
        )

    def _source(self, item: exp.Expr, scope: Scope) -> Uses:
        if item.args.get("pivots") or item.args.get("sample"):
            raise Untold("PIVOT or TABLESAMPLE")
        alias = item.args.get("alias")
        if alias is None and isinstance(item, exp.Subquery) and _is_join(item.this):
            found = self._source(item.this, scope)  # the names in parentheses stay visible
        else:
            path, rows = self._rows(item, scope)
            if alias is not None:
                rows = rows.called(column_names(item))
                path = (folded(alias.this),) if alias.this else path
            scope.sources.append(Source(path, rows))
            found = rows.whole
        for join in item.args.get("joins") or ():
            found |= self._join(join, scope)
        return found

    def _rows(self, item: exp.Expr, scope: Scope) -> tuple[Name, Relation]:
        """What stands in FROM, with the name it has without an alias."""
        match item:
            case exp.Table() if all(isinstance(part, exp.Identifier) for part in item.parts):
                path = path_of(item)
                return path, self._table(path)
            case exp.Table():
                return (), self._made(item, [item.this], scope)
            case exp.Unnest():
                return (), self._made(item, item.expressions, scope)
            case exp.Lateral() if isinstance(item.this, exp.Subquery):
                return (), self._query(item.this, scope)
            case exp.Lateral():
                return (), self._made(item, [item.this], scope)
            case exp.Values():
                return (), self.values(item, scope)
            case exp.Subquery() if _is_join(item.this):
                return (), self.joined(item, Scope(scope.outer))
            case exp.Subquery():
                return (), self._query(item, scope.outer)
        raise Untold(f"{type(item).__name__} in FROM")

    def _made(self, item: exp.Expr, calls: Sequence[exp.Expr], scope: Scope) -> Relation:
        """The rows that a function makes, perhaps of columns beside it."""
        values = [uses.changed(self._expressions.value(call, scope)) for call in calls]
        given = uses.union(values)
        names = column_names(item)

        def column(position: int) -> Uses:
            return values[position] if len(values) > 1 and position < len(values) else given

        return Relation(names or [""], column, deciding(given, JOIN), unknown=not names)

    def _join(self, join: exp.Join, scope: Scope) -> Uses:
        unknown = {key for key, value in join.args.items() if value} - _JOINS
        if unknown or join.method not in {"", "NATURAL"}:
            raise Untold(f"a join with {join.method or ', '.join(sorted(unknown))}")
        left, merged = list(scope.sources), dict(scope.merged)
        found = self._source(join.this, scope)
        right = scope.sources[len(left) :]
        names = [folded(name) for name in join.args.get("using") or ()]
        if join.method:
            others = set(_named(right))
            names = [name for name in dict.fromkeys(_named(left)) if name in others]
        for name in names:
            one = Scope(None, left, merged).place((name,))
            other = Scope(None, right).place((name,))
            if one is None or other is None:
                raise Untold(f"USING ({name})")
            found |= deciding(one.uses | other.uses, JOIN)
            scope.merged[name] = _merged(one.uses, other.uses, join.side)
        if join.args.get("on"):
            found |= deciding(self._expressions.value(join.args["on"], scope), JOIN)
        if join.kind in {"SEMI", "ANTI"}:
            for source in left if join.side == "RIGHT" else right:
                source.hidden = True
        return found


def _merged(left: Uses, right: Uses, side: str) -> Uses:
    """The one column that USING makes of two that are equal, or of which one is not there."""
    if side == "FULL":
        both = left | right
        return uses.changed(both) | deciding(both, CONDITIONAL)
    return right if side == "RIGHT" else left


def _named(sources: Sequence[Source]) -> Iterator[str]:
    return (name for source in sources if not source.hidden for name in source.relation.names)


def _is_join(tree: exp.Expr) -> bool:
    """Whether what stands in parentheses is no query but a join, or a dataset alone."""
    if isinstance(tree, exp.Subquery):
        return bool(tree.args.get("joins")) or _is_join(tree.this)
    return isinstance(tree, exp.Table)
