"""Joins put in another order, so that what one source can do stands together in the plan.

The optimised plan joins in the order of the query's text, or what the engine made of it without
knowing who holds which table. Here every tree of inner joins is taken apart (`join_graph`), its
leaves are put together by source where that moves less (`join_order`), and written again
(`join_tree`) with the small side of each remaining join first, which the engine builds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from substrait.proto import Plan, Rel

from connectors.interface import SourceKey
from connectors.statistics import UNKNOWN
from gateway.plan import relations
from gateway.plan.estimates import Estimator
from gateway.plan.join_graph import JoinGraph, join_graph, joins_below
from gateway.plan.join_order import Ordering, Sizes
from gateway.plan.join_tree import JoinTree
from gateway.plan.source import Table, Tables

_MOST_LEAVES = 24
"""Trees of more leaves are left as they are: orders are compared by pairs."""


def regroup(plan: Plan, tables: Tables, *, subqueries: bool) -> bool:
    """Reorder the plan's joins in place. False when the plan is as it was.

    `subqueries`: whether expressions hold any.
    """
    sources = {t.source.key if t.source is not None else None for t in tables.values()}
    if len(sources) < 2 or any(table.security.bound for table in tables.values()):
        return False
    return _Regrouping(plan, tables, subqueries).run()


def estimated(tables: Tables) -> dict[tuple[str, ...], Table]:
    """The tables as orders may be chosen by: an order that a caller sees must tell nothing.

    Numbers of a source count hidden rows too. Keys do not: they are known from its schema.
    """
    return {name: _discreet(table) for name, table in tables.items()}


def _discreet(table: Table) -> Table:
    security = table.security
    if not security.governs or table.statistics is UNKNOWN:
        return table
    unique = tuple(
        key for key in table.statistics.unique if not any(name in security.masks for name in key)
    )
    if security.discloses:
        return replace(table, statistics=replace(table.statistics, unique=unique))
    return replace(table, statistics=replace(UNKNOWN, unique=unique))


class _Regrouping:
    def __init__(self, plan: Plan, tables: Tables, subqueries: bool) -> None:
        self._root: Rel = plan.relations[0].root.input
        self._tables = estimated(tables)
        self._functions = relations.function_names(plan)
        self._has_subqueries = subqueries
        self._estimator = Estimator(self._tables, self._functions)
        self._alive: list[Rel] = []  # keeps each message's Python object, and so its id, unique
        self._sources: dict[int, frozenset[SourceKey | None]] = {}
        self._changed = False
        names: Mapping[str, int] = {name: anchor for anchor, name in self._functions.items()}
        self._plan = plan
        self._conjunction = names.get("and")

    def run(self) -> bool:
        """Go through the whole plan."""
        self._visit(self._root)
        return self._changed

    def _visit(self, rel: Rel) -> None:
        sources = self._sources_of(rel)
        if sources == {None} or len(sources) < 2:
            return
        if joins_below(rel):
            graph = join_graph(rel, self._functions, self._source_of)
            if graph is not None and len(graph.leaves) <= _MOST_LEAVES:
                for leaf in graph.leaves:
                    self._visit(leaf.rel)
                for semi in graph.semis:
                    self._visit(semi.tested)
                self._rebuild(rel, graph)
                return
        below = relations.inputs(rel)
        if self._has_subqueries:
            below += relations.subqueries(rel)
        for child in below:
            self._visit(child)

    def _rebuild(self, rel: Rel, graph: JoinGraph) -> None:
        classes = _classes(graph)
        sizes = [self._size(leaf.rel) for leaf in graph.leaves]
        tested = [self._size(semi.tested) for semi in graph.semis]
        ordering = Ordering(graph, classes, sizes, tested)
        order = ordering.best()
        if not ordering.worthwhile(order):
            return
        written = JoinTree(graph, classes, self._and()).write(order.tree)
        rel.CopyFrom(written)
        self._changed = True

    def _and(self) -> int:
        """The function reference of AND, declared if the plan has none yet."""
        if self._conjunction is None:
            self._conjunction = max(self._functions, default=0) + 1
            declaration = self._plan.extensions.add().extension_function
            declaration.CopyFrom(self._plan.extensions[0].extension_function)
            declaration.function_anchor = self._conjunction
            declaration.name = "and"
            self._functions[self._conjunction] = "and"
        return self._conjunction

    def _size(self, rel: Rel) -> Sizes:
        estimate = self._estimator.of(rel)
        names = self._tables_of(rel)
        rows = [self._tables[name].statistics.rows for name in names if name in self._tables]
        known = all(r is not None for r in rows)
        single = rows[0] if len(rows) == 1 and _plain(rel) else None
        return Sizes(estimate, max(estimate.rows, single or 0.0), known)

    def _tables_of(self, rel: Rel) -> list[tuple[str, ...]]:
        name = relations.table_name(rel)
        if name is not None:
            return [name]
        return [name for child in relations.inputs(rel) for name in self._tables_of(child)]

    def _source_of(self, rel: Rel) -> SourceKey | None:
        sources = self._sources_of(rel)
        return next(iter(sources)) if len(sources) == 1 else None

    def _sources_of(self, rel: Rel) -> frozenset[SourceKey | None]:
        known = self._sources.get(id(rel))
        if known is not None:
            return known
        self._alive.append(rel)
        name = relations.table_name(rel)
        found: frozenset[SourceKey | None]
        if name is not None:
            table = self._tables.get(name)
            found = frozenset({table.source.key if table is not None and table.source else None})
        else:
            below = relations.inputs(rel)
            if self._has_subqueries:
                below += relations.subqueries(rel)
            found = frozenset().union(*map(self._sources_of, below)) if below else frozenset({None})
        self._sources[id(rel)] = found
        return found


def _plain(rel: Rel) -> bool:
    """True for one table, filtered and projected."""
    while relations.kind(rel) in {"filter", "project"}:
        rel = relations.body(rel).input
    return relations.kind(rel) == "read"


def _classes(graph: JoinGraph) -> list[frozenset[int]]:
    """The sets of columns that the conditions make equal."""
    classes: list[set[int]] = []
    for pair in graph.equalities:
        joined = set(pair)
        apart = []
        for known in classes:
            if known & joined:
                joined |= known
            else:
                apart.append(known)
        classes = [*apart, joined]
    return [frozenset(c) for c in classes]
