"""Queries: SELECT with all its clauses, set operations, and what WITH defines."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from gateway.languages.dialects.calls import sort_key
from gateway.languages.dialects.clauses import finish, keys_of, ordinal
from gateway.languages.dialects.client import Client
from gateway.languages.dialects.context import Context, Translated, only
from gateway.languages.dialects.expressions import translate
from gateway.languages.dialects.operands import family, is_date, is_open, is_timestamp, widest
from gateway.languages.dialects.scope import Column, Scope, spelling
from gateway.languages.dialects.selects import Select
from gateway.languages.dialects.sources import Schemas

_SETS = (exp.Union, exp.Except, exp.Intersect)


@dataclass(frozen=True, slots=True)
class Queries:
    """Translates the queries of one statement."""

    client: Client
    schemas: Schemas

    def statement(self, tree: exp.Expr) -> Translated:
        """The whole statement; its columns are called as the client wants. Raises UserError."""
        return self._query(tree, Scope(self.client), named=True)

    def query(self, node: exp.Expr, outer: Scope) -> Translated:
        """A query within another."""
        return self._query(node, outer, named=False)

    def context(self, scope: Scope, clause: str = "select") -> Context:
        return Context(self.client, scope, self.query, translate, clause)

    def _query(self, node: exp.Expr, outer: Scope, *, named: bool) -> Translated:
        context = self.context(outer)
        if isinstance(node, exp.Subquery):
            only(node, context, "this")
            return self._query(node.this, outer, named=named)
        if isinstance(node, _SETS):
            return self._set(node, outer, named=named)
        if isinstance(node, exp.Select):
            return Select(self, node, outer, named=named).translated()
        raise context.refused(node, f"{type(node).__name__.upper()} as a query")

    def with_clause(self, node: exp.Expr, scope: Scope) -> exp.With | None:
        """What WITH defines, from then on known to the scope."""
        clause, context = node.args.get("with_"), self.context(scope)
        if clause is None:
            return None
        if clause.args.get("recursive") and any(_names_itself(c) for c in clause.expressions):
            raise context.refused(clause.expressions[0], "a recursive WITH")
        made = []
        for cte in clause.expressions:
            only(cte, context, "this", "alias", "materialized")
            found = self._query(cte.this, scope, named=False)
            name = spelling(cte.args["alias"].this, self.client.dialect).text
            columns = list(found.columns)
            alias = exp.TableAlias(this=exp.to_identifier(name, quoted=True))
            if renamed := cte.args["alias"].args.get("columns"):
                names = [spelling(c, self.client.dialect).text for c in renamed]
                if len(names) != len(columns):
                    raise context.wrong(cte, f"{name} has {len(columns)} columns")
                columns = [Column(n, c.kind) for n, c in zip(names, columns, strict=True)]
                alias.set("columns", [exp.to_identifier(n, quoted=True) for n in names])
            scope.ctes[name] = columns
            made.append(exp.CTE(this=found.sql, alias=alias))
        return exp.With(expressions=made)

    # --- set operations

    def _set(self, node: exp.Expr, outer: Scope, *, named: bool) -> Translated:
        scope = Scope(self.client, outer)
        context = self.context(scope)
        with_ = self.with_clause(node, scope)
        chain = [node]
        while isinstance(chain[-1].this, _SETS) and not chain[-1].this.args.get("with_"):
            chain.append(chain[-1].this)
        chain.reverse()
        found = self._query(chain[0].this, scope, named=named)
        sql: exp.Expr = _side(found.sql, chain[0].this, first=True)
        columns = list(found.columns)
        for i, link in enumerate(chain):
            last = link is node
            clauses = ("with_", "order", "limit", "offset") if last else ()
            only(link, context, "this", "expression", "distinct", *clauses)
            if i and type(link) is not type(chain[i - 1]):
                if exp.Intersect in {type(link), type(chain[i - 1])}:
                    raise context.refused(
                        link.expression, "INTERSECT beside others", "write brackets around it"
                    )
                sql = exp.Subquery(this=sql)
            if isinstance(link.expression, _SETS):
                raise context.refused(
                    link.expression, "set operations in this order", "write brackets"
                )
            right = self._query(link.expression, scope, named=False)
            columns = self._united(columns, right, link, context)
            sql = type(link)(
                this=sql,
                expression=_side(right.sql, link.expression, first=False),
                distinct=bool(link.args.get("distinct")),
            )
        keys = [self._set_key(o, columns, context) for o in keys_of(node)]
        finish(sql, with_, keys, node, context)
        assert isinstance(sql, exp.Query)
        return Translated(sql, columns)

    def _united(
        self, columns: list[Column], right: Translated, node: exp.Expr, context: Context
    ) -> list[Column]:
        if len(columns) != len(right.columns):
            raise context.wrong(node.expression, "the queries have different numbers of columns")
        made = []
        for left, other in zip(columns, right.columns, strict=True):
            families = {family(k) for k in (left.kind, other.kind) if not is_open(k)}
            if len(families) > 1:
                raise context.refused(
                    node.expression,
                    f"{' and '.join(sorted(families))} in the column {left.name}",
                    "cast one to the type of the other",
                )
            kinds = [k for k in (left.kind, other.kind) if not is_open(k)]
            if any(map(is_date, kinds)) and any(map(is_timestamp, kinds)):
                raise context.refused(  # the engine would make times of few centuries of them
                    node.expression,
                    f"dates and times in the column {left.name}",
                    "cast the dates to TIMESTAMP",
                )
            made.append(Column(left.name, widest([left.kind, other.kind])))
        return made

    def _set_key(self, node: exp.Expr, columns: list[Column], context: Context) -> exp.Expr:
        inner = node.this
        place = ordinal(inner, len(columns), context)
        if place is None and isinstance(inner, exp.Column) and not inner.table:
            name = spelling(inner.this, context.dialect)
            found = [i for i, c in enumerate(columns) if name.means(c.name)]
            place = found[0] + 1 if len(found) == 1 else None
        if place is None:
            raise context.refused(inner, "such an ORDER BY of a set operation", "name an output")
        return sort_key(node, context, exp.Literal.number(place))


def _side(sql: exp.Query, of: exp.Expr, *, first: bool) -> exp.Query:
    """One side of a set operation, in brackets where the client has put some."""
    bracketed = isinstance(of, exp.Subquery) or (isinstance(sql, _SETS) and not first)
    return exp.Subquery(this=sql) if bracketed else sql


def _names_itself(cte: exp.Expr) -> bool:
    name = cte.alias.lower()
    return any(t.name.lower() == name for t in cte.this.find_all(exp.Table))
