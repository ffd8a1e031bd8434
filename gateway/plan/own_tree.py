"""The query's own tree in a source's dialect, for a query that lives on one source.

An optimised plan has lost the form its author chose: a correlated sub-query that an index would
answer has become an aggregation of everything. Here the author's form is written in the source's
SQL instead. Types are followed as DataFusion would give them, and every call goes through the same
allow-list as the cut; what this file does not know is NotPushable, and the plan's form is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa
from sqlglot import exp

from connectors.capabilities import NotPushable
from connectors.operands import Operand
from gateway.plan.block import Aliases, nest
from gateway.plan.own_expressions import OwnExpressions, only
from gateway.plan.qualify import qualified
from gateway.plan.secured_read import read_block
from gateway.plan.security import Barrier
from gateway.plan.source import Source, Table, TableName, Tables
from gateway.plan.trees import named

Columns = Mapping[str, Operand]


def own_tree(
    tree: exp.Expr,
    tables: Tables,
    source: Source,
    schema: pa.Schema,
    *,
    wanted: Callable[[exp.Expr], bool] | None = None,
) -> exp.Query | None:
    """The tree for `source`, columns c0.. by position, or None when it must not be sent so.

    `wanted` looks at the tree with qualified columns, and may want it in the plan's form.
    """
    if not _has_form(tree):
        return None  # the plan's form is as good, and its types are DataFusion's own
    form = qualified(tree, {n: t.dataset.schema.names for n, t in tables.items()})
    if form is None:
        return None
    result, bound = form
    if wanted is not None and not wanted(result):
        return None
    try:
        read = frozenset(column.name for column in result.find_all(exp.Column))
        writer = _TreeWriter(source, tables, bound, read)
        query = writer.query(result, _Scope())
    except NotPushable:
        return None
    if writer.fallible and any(_plainly_filtered(t) for t in tables.values()):
        return None  # its own form fails where the plan's does not
    if [c.type for c in query.columns] != list(schema.types):
        return None
    return query.tree


def _plainly_filtered(table: Table) -> bool:
    security = table.security
    return security.row_filter is not None and security.barrier is Barrier.PLAIN


def _has_form(tree: exp.Expr) -> bool:
    """True when optimising loses something: sub-queries in expressions, and shared ones."""
    if tree.find(exp.Exists, exp.CTE) or any(i.args.get("query") for i in tree.find_all(exp.In)):
        return True
    return any(not isinstance(s.parent, (exp.From, exp.Join)) for s in tree.find_all(exp.Subquery))


@dataclass(frozen=True, slots=True)
class _Written:
    tree: exp.Query
    names: tuple[str, ...]
    columns: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class _Scope:
    """What names mean at one place: tables by alias, CTEs by name, and the query around."""

    tables: Mapping[str, Columns] = field(default_factory=dict)
    ctes: Mapping[str, _Written] = field(default_factory=dict)
    outer: _Scope | None = None

    def column(self, table: str, name: str) -> Operand:
        scope: _Scope | None = self
        while scope is not None:
            if table in scope.tables:
                if name in scope.tables[table]:
                    return scope.tables[table][name]
                break
            scope = scope.outer
        raise NotPushable(f"column {table}.{name} can not be placed")


_PARTS = {"with_", "expressions", "from_", "joins", "where", "group", "having", "order", "limit"}
_PARTS |= {"offset", "distinct", "kind"}


class _TreeWriter:
    def __init__(
        self, source: Source, tables: Tables, bound: Mapping[str, TableName], read: frozenset[str]
    ) -> None:
        self._source = source
        self._dialect = source.dialect
        self._tables = tables
        self._bound = bound
        self._read = read
        self._writers: list[OwnExpressions] = []

    @property
    def fallible(self) -> bool:
        """True when something was written that may fail for some value."""
        return any(writer.fallible for writer in self._writers)

    def query(self, tree: exp.Expr, scope: _Scope) -> _Written:
        """A SELECT, with its CTEs written in place of their names."""
        if not isinstance(tree, exp.Select):
            raise NotPushable("a query that is not one SELECT")
        only(tree, _PARTS)
        with_ = tree.args.get("with_")
        ctes = dict(scope.ctes)
        written_ctes = []
        if with_ is not None:
            only(with_, {"expressions"})
            for cte in with_.expressions:
                only(cte, {"this", "alias"})
                only(cte.args["alias"], {"this"})
                body = self.query(cte.this, _Scope(ctes=ctes, outer=scope))
                ctes[cte.alias] = body
                alias = exp.TableAlias(this=exp.to_identifier(cte.alias, quoted=True))
                written_ctes.append(exp.CTE(this=body.tree, alias=alias))
        select = exp.Select()
        here: dict[str, Columns] = {}
        inner = _Scope(here, ctes, scope)
        self._from(tree, select, here, inner)
        self._clauses(tree, select, inner)
        columns = self._projections(tree, select, inner)
        self._order(tree, select, inner, columns)
        if written_ctes:
            select.set("with_", exp.With(expressions=written_ctes))
        names = tuple(p.alias_or_name for p in tree.expressions)
        return _Written(select, names, columns)

    def _expressions(self, scope: _Scope) -> OwnExpressions:
        def subquery(tree: exp.Expr) -> tuple[exp.Query, tuple[Operand, ...]]:
            written = self.query(tree, _Scope(ctes=scope.ctes, outer=scope))
            return written.tree, written.columns

        writer = OwnExpressions(self._dialect, scope.column, subquery)
        self._writers.append(writer)
        return writer

    def _from(
        self, tree: exp.Select, select: exp.Select, here: dict[str, Columns], scope: _Scope
    ) -> None:
        first = tree.args.get("from_")
        if first is None:
            raise NotPushable("a SELECT without FROM")
        select.set("from_", exp.From(this=self._relation(first.this, here, scope)))
        for join in tree.args.get("joins") or []:
            only(join, {"this", "on", "side", "kind"})
            written = exp.Join(this=self._relation(join.this, here, scope))
            for key in ("side", "kind"):
                written.set(key, join.args.get(key))
            if join.args.get("side") == "FULL" or join.kind in {"SEMI", "ANTI", "LATERAL"}:
                raise NotPushable(f"a {join.side} {join.kind} join")
            if (on := join.args.get("on")) is not None:
                written.set("on", self._expressions(scope).condition(on))
            select.append("joins", written)

    def _relation(self, tree: exp.Expr, here: dict[str, Columns], scope: _Scope) -> exp.Expr:
        alias = tree.alias_or_name
        only(tree, {"this", "alias"})
        if (given := tree.args.get("alias")) is not None:
            only(given, {"this"})
        label = exp.TableAlias(this=exp.to_identifier(alias, quoted=True))
        if isinstance(tree, exp.Subquery):
            body = self.query(tree.this, _Scope(ctes=scope.ctes, outer=scope.outer))
            here[alias] = _outputs(body, alias)
            return exp.Subquery(this=body.tree, alias=label)
        if not isinstance(tree, exp.Table):
            raise NotPushable("a FROM item that is no table")
        name = self._bound.get(tree.name)
        if name is None:
            cte = scope.ctes.get(tree.name)
            if cte is None:
                raise NotPushable(f"table {tree.name} can not be placed")
            here[alias] = _outputs(cte, alias)
            return exp.Table(this=exp.to_identifier(tree.name, quoted=True), alias=label)
        table = self._tables[name]
        source = table.source  # its own: a source of files is one table's, under a common key
        if source is None or source.key != self._source.key:
            raise NotPushable(f"table {tree.name} of another source")
        names = [name for name in table.dataset.schema.names if name in self._read]
        if not table.security.governs:
            block = read_block(table, source, names, Aliases(), alias=alias)
            here[alias] = dict(zip(names, block.columns, strict=True))
            return block.tables[0].table
        block = nest(read_block(table, source, names, Aliases()), Aliases(alias))
        here[alias] = dict(zip(names, block.columns, strict=True))
        return block.tables[0].table

    def _clauses(self, tree: exp.Select, select: exp.Select, scope: _Scope) -> None:
        writer = self._expressions(scope)
        for key, node in (("where", exp.Where), ("having", exp.Having)):
            if (clause := tree.args.get(key)) is not None:
                select.set(key, node(this=writer.condition(clause.this)))
        group = tree.args.get("group")
        if group is not None:
            only(group, {"expressions"})
            keys = [writer.write(e) for e in group.expressions]
            for key_operand in keys:
                if key_operand.is_literal:
                    raise NotPushable("grouping by a constant")
                groups = self._dialect.capabilities.groups
                self._dialect.require_kind("GROUP BY", groups, key_operand.type)
            select.set(
                "group",
                exp.Group(expressions=[k.group_key for k in keys]),
            )
        for key, bound in (("limit", exp.Limit), ("offset", exp.Offset)):
            if (clause := tree.args.get(key)) is not None:
                only(clause, {"expression"})
                if not isinstance(clause.expression, exp.Literal):
                    raise NotPushable("a limit that is not constant")
                select.set(key, bound(expression=clause.expression.copy()))

    def _projections(
        self, tree: exp.Select, select: exp.Select, scope: _Scope
    ) -> tuple[Operand, ...]:
        writer = self._expressions(scope)
        columns = tuple(writer.write(p.unalias()) for p in tree.expressions)
        select.set(
            "expressions",
            [named(c.sql, f"c{i}") for i, c in enumerate(columns)],
        )
        distinct = tree.args.get("distinct")
        if distinct is not None:
            only(distinct, ())
            for column in columns:
                groups = self._dialect.capabilities.groups
                self._dialect.require_kind("DISTINCT over", groups, column.type)
            select.set("distinct", exp.Distinct())
        return columns

    def _order(
        self, tree: exp.Select, select: exp.Select, scope: _Scope, columns: tuple[Operand, ...]
    ) -> None:
        order = tree.args.get("order")
        if order is None:
            return
        if tree.args.get("distinct"):
            raise NotPushable("an ordered DISTINCT")  # its keys must be output columns
        names = {p.alias_or_name: c for p, c in zip(tree.expressions, columns, strict=True)}
        writer = self._expressions(scope)
        keys = []
        only(order, {"expressions"})
        for ordered in order.expressions:
            only(ordered, {"this", "desc", "nulls_first"})
            key = ordered.this
            operand = (
                names[key.name]
                if isinstance(key, exp.Column) and not key.table and key.name in names
                else writer.write(key)
            )
            if operand.is_literal:
                raise NotPushable("an order by position")
            sorts = self._dialect.capabilities.sorts
            self._dialect.require_kind("ORDER BY", sorts, operand.type)
            keys.append(
                exp.Ordered(
                    this=self._dialect.sort_key(operand).copy(),
                    desc=bool(ordered.args.get("desc")),
                    nulls_first=bool(ordered.args.get("nulls_first")),
                )
            )
        select.set("order", exp.Order(expressions=keys))


def _outputs(written: _Written, alias: str) -> Columns:
    quoted = exp.to_identifier(alias, quoted=True)
    return {
        name: Operand(exp.column(f"c{i}", table=quoted.copy()), column.type)
        for i, (name, column) in enumerate(zip(written.names, written.columns, strict=True))
    }
