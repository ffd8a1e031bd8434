"""One SELECT: its outputs and its clauses."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlglot import exp

from gateway.languages.dialects.calls import sort_key
from gateway.languages.dialects.clauses import finish, keys_of, ordinal
from gateway.languages.dialects.context import Context, Translated, only
from gateway.languages.dialects.operands import Operand
from gateway.languages.dialects.operators import as_condition, as_value, settled
from gateway.languages.dialects.scope import Alias, Column, Scope, spelling
from gateway.languages.dialects.sources import joined, source_of

if TYPE_CHECKING:
    from gateway.languages.dialects.queries import Queries


_CLAUSES = (
    *("with_", "expressions", "distinct", "from_", "joins", "where", "group", "having"),
    *("qualify", "order", "limit", "offset", "hint"),
)
LONGEST_NAME = 64
"""How much of an expression becomes the name of its column, where it has none."""


class Output(NamedTuple):
    """A column of an answer: its name in our text, and what it is."""

    name: str
    operand: Operand


class Select:
    """One SELECT on its way."""

    def __init__(self, queries: Queries, node: exp.Select, outer: Scope, *, named: bool) -> None:
        self._queries = queries
        self._node = node
        self._named = named
        self._scope = Scope(queries.client, outer)
        self._dialect = queries.client.dialect
        self._outputs: list[Output] = []

    def _context(self, clause: str) -> Context:
        return self._queries.context(self._scope, clause)

    def translated(self) -> Translated:
        node, scope, context = self._node, self._scope, self._context("select")
        only(node, context, *_CLAUSES)
        distinct = node.args.get("distinct")
        if distinct is not None and distinct.args.get("on"):
            raise context.refused(distinct, "DISTINCT ON", "number the rows: ROW_NUMBER() OVER")
        with_ = self._queries.with_clause(node, scope)
        sql = exp.Select()
        if (source := node.args.get("from_")) is not None:
            sql.set("from_", exp.From(this=source_of(source.this, context, self._queries.schemas)))
        joins = node.args.get("joins") or []
        sql.set("joins", [joined(j, context, self._queries.schemas) for j in joins])
        for projection in node.expressions:
            self._project(projection, context)
        if distinct is not None:
            sql.set("distinct", exp.Distinct())
        if (where := node.args.get("where")) is not None:
            sql.set("where", exp.Where(this=self._condition(where.this, "where")))
        if (group := node.args.get("group")) is not None:
            sql.set("group", self._group(group))
        if (having := node.args.get("having")) is not None:
            sql.set("having", exp.Having(this=self._condition(having.this, "having")))
        keys = [self._key(o) for o in keys_of(node)]
        names = self._names()
        columns = [Column(n, o.operand.kind) for n, o in zip(names, self._outputs, strict=True)]
        selected = [_named(o.operand.sql, n) for n, o in zip(names, self._outputs, strict=True)]
        if (qualify := node.args.get("qualify")) is not None:
            sql = self._qualified(sql, qualify.this, names, keys)
            keys = list(sql.args.pop("kept_keys"))
        else:
            sql.set("expressions", selected)
        finish(sql, with_, keys, node, context)
        return Translated(sql, columns)

    def _condition(self, node: exp.Expr, clause: str) -> exp.Expr:
        context = self._context(clause)
        return as_condition(context.operand(node), node, context)

    # --- outputs

    def _project(self, node: exp.Expr, context: Context) -> None:
        if isinstance(node, exp.Star):
            self._spread(node, None, context)
            return
        if isinstance(node, exp.Column) and isinstance(node.this, exp.Star):
            self._spread(node.this, node, context)
            return
        inner, name = node, ""
        if isinstance(node, exp.Alias):
            alias = node.args["alias"]
            name = alias.name if self._named else spelling(alias, self._dialect).text
            if self._named and self._dialect.name == "postgres" and not alias.args.get("quoted"):
                name = name.lower()
            inner = node.this
        elif isinstance(node, exp.Aliases):
            raise context.refused(node, "several names of one output")
        operand = settled(as_value(context.operand(inner), context))
        self._add(name or self._unnamed(inner, operand), operand)

    def _add(self, name: str, operand: Operand) -> None:
        self._outputs.append(Output(name, operand))
        plain = isinstance(operand.sql, exp.Column)
        self._scope.aliases.append(Alias(name, operand, plain))

    def _unnamed(self, node: exp.Expr, operand: Operand) -> str:
        if isinstance(operand.sql, exp.Column):
            name = operand.sql.name
            return name if self._named or self._dialect.quoted_case else name.lower()
        return self._queries.client.written(node)[:LONGEST_NAME]

    def _spread(self, star: exp.Star, qualified: exp.Column | None, context: Context) -> None:
        """``*`` as the columns it stands for."""
        only(star, context, "except_", "replace", "rename")
        columns = self._starred(qualified, context)
        left_out = [_bare(c) for c in star.args.get("except_") or []]
        dropped = [spelling(c, self._dialect) for c in left_out]
        renamed = {
            spelling(_bare(a.this), self._dialect): a.args["alias"].name
            for a in star.args.get("rename") or []
        }
        replaced = {
            spelling(a.args["alias"], self._dialect): as_value(context.operand(a.this), context)
            for a in star.args.get("replace") or []
        }
        known = [name for name, _ in columns]
        for name, node in zip(
            (*dropped, *renamed, *replaced), (*left_out, *[star] * 999), strict=False
        ):
            if not any(name.means(k) for k in known):
                raise context.wrong(node, f"* has no column {name.text}")
        for shown, operand in columns:
            if any(name.means(shown) for name in dropped):
                continue
            new = next((n for old, n in renamed.items() if old.means(shown)), shown)
            made = next((r for old, r in replaced.items() if old.means(shown)), operand)
            self._add(new if self._named or self._dialect.quoted_case else new.lower(), made)

    def _starred(self, qualified: exp.Column | None, context: Context) -> list[tuple[str, Operand]]:
        scope = self._scope
        if qualified is not None:
            name = spelling(qualified.args["table"], self._dialect)
            found = [s for s in scope.sources if s.path and name.means(s.path[-1])]
            if len(found) != 1:
                raise context.wrong(qualified, f"nothing in FROM is called {qualified.table}")
            return [(c.name, found[0].column(c)) for c in found[0].columns]
        if not scope.sources:
            raise context.wrong(self._node, "* of nothing: there is no FROM")
        merged = [(m.name, m.operand.copied()) for m in scope.merged]
        hidden = {name.lower() for name, _ in merged}
        rest = [(c.name, s.column(c)) for s in scope.sources for c in s.columns]
        return [*merged, *((n, o) for n, o in rest if n.lower() not in hidden)]

    def _names(self) -> list[str]:
        """The names of the outputs: no two are the same, unless they are columns called so."""
        names: list[str] = []
        for output in self._outputs:
            name, number = output.name, 1
            own = isinstance(output.operand.sql, exp.Column) and output.operand.sql.name == name
            repeated = any(o.operand.sql == output.operand.sql for o in self._outputs[: len(names)])
            taken = [] if self._named and own and not repeated else names
            while name in taken:
                number += 1
                name = f"{output.name}_{number}"
            names.append(name)
        return names

    # --- groups and order

    def _group(self, node: exp.Group) -> exp.Group:
        context = self._context("group")
        only(node, context, "expressions", "rollup", "cube", "grouping_sets", "all")
        if node.args.get("all"):
            keys = [o.operand for o in self._outputs if not o.operand.aggregate]
            if any(o.operand.window for o in self._outputs):
                raise context.refused(node, "GROUP BY ALL beside windows")
            return exp.Group(expressions=[k.sql.copy() for k in keys if k.constant is None])
        sorts = {exp.Rollup: "rollup", exp.Cube: "cube", exp.GroupingSets: "grouping_sets"}
        plain = [e for e in node.expressions if type(e) not in sorts]
        made = [self._grouped(e, context) for e in plain]
        others: dict[str, list[exp.Expr]] = {}
        for kind_, name in sorts.items():
            within = [e for e in node.expressions if type(e) is kind_]
            for clause in [*within, *(node.args.get(name) or [])]:
                if name == "grouping_sets":
                    sets = [self._grouping_set(s, context) for s in clause.expressions]
                    others.setdefault(name, []).append(exp.GroupingSets(expressions=sets))
                    continue
                of = [self._grouped(e, context) for e in clause.expressions]
                if not of:  # MySQL's WITH ROLLUP is over all keys
                    of, made = made, []
                kind = exp.Rollup if name == "rollup" else exp.Cube
                others.setdefault(name, []).append(kind(expressions=of))
        if len(others) > 1 or (others and made):
            raise context.refused(node, "groups of several sorts", "write GROUPING SETS")
        return exp.Group(expressions=made, **others)

    def _grouping_set(self, node: exp.Expr, context: Context) -> exp.Expr:
        keys = node.expressions if isinstance(node, exp.Tuple) else [node]
        keys = [k.this if isinstance(k, exp.Paren) else k for k in keys]
        return exp.Tuple(expressions=[self._grouped(k, context) for k in keys])

    def _grouped(self, node: exp.Expr, context: Context) -> exp.Expr:
        place = ordinal(node, len(self._node.expressions), context)
        if place is not None:
            if not self._dialect.ordinal_groups:
                raise context.wrong(node, "a constant is no group", "name the column")
            if any(p.find(exp.Star) and not isinstance(p, exp.Anonymous)
                   for p in self._node.expressions[:place]):  # fmt: skip
                raise context.refused(node, "the number of an output behind *")
            operand = self._outputs[place - 1].operand.copied()
        elif isinstance(node, exp.Tuple):
            raise context.refused(node, "a group of several columns")
        else:
            operand = as_value(context.operand(node), context)
        if operand.constant is not None:
            raise context.refused(node, "a group that is a constant")
        return operand.sql

    def _key(self, node: exp.Expr) -> exp.Expr:
        context = self._context("order")
        inner = node.this
        place = ordinal(inner, len(self._outputs), context)
        if place is None and isinstance(inner, exp.Column):
            alias = self._scope.alias(inner)
            if alias is not None:
                place = self._scope.aliases.index(alias) + 1
        made = None if place is None else exp.Literal.number(place)
        return sort_key(node, context, made)

    # --- QUALIFY

    def _qualified(
        self, inner: exp.Select, node: exp.Expr, names: list[str], keys: list[exp.Expr]
    ) -> exp.Select:
        """QUALIFY as a condition around the query: its windows are columns there."""
        if inner.args.get("distinct") is not None:
            raise self._context("qualify").refused(node, "QUALIFY beside DISTINCT")
        condition = self._condition(node, "qualify")
        parts = [o.operand.sql for o in self._outputs] + [condition]
        outer_keys = []
        for key in keys:
            if not isinstance(key.this, exp.Literal):
                parts.append(key.this)
                key.set("this", exp.column(f"__c{len(parts) - 1}", quoted=True))
            outer_keys.append(key)
        inner.set("expressions", [_named(p.copy(), f"__c{i}") for i, p in enumerate(parts)])
        alias = exp.TableAlias(this=exp.to_identifier("__qualified", quoted=True))
        outer = exp.Select(
            expressions=[
                _named(exp.column(f"__c{i}", quoted=True), name) for i, name in enumerate(names)
            ]
        )
        outer.set("from_", exp.From(this=exp.Subquery(this=inner, alias=alias)))
        outer.set("where", exp.Where(this=exp.column(f"__c{len(names)}", quoted=True)))
        outer.args["kept_keys"] = outer_keys
        return outer


def _named(sql: exp.Expr, name: str) -> exp.Expr:
    if isinstance(sql, exp.Column) and sql.name == name:
        return sql
    return exp.Alias(this=sql, alias=exp.to_identifier(name, quoted=True))


def _bare(node: exp.Expr) -> exp.Expr:
    return node.this if isinstance(node, exp.Column) else node
