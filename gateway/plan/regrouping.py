"""Joins put in another order, so that what one source can do stands together in the plan.

The optimised plan joins in the order of the query's text, or what the engine made of it without
knowing who holds which table. Here every tree of inner joins is taken apart (`join_graph`), its
leaves are put together by source where that moves less (`join_order`), and written again
(`join_tree`) with the small side of each remaining join first, which the engine builds. An
aggregation above such a tree may be begun in a source (`eager_aggregation`).
"""

from __future__ import annotations

from collections.abc import Sequence

from substrait.proto import Plan, Rel

from connectors.interface import SourceKey
from gateway.plan import relations
from gateway.plan.columns import Column, references, width
from gateway.plan.cutter import Cutter
from gateway.plan.eager_aggregation import EagerAggregation
from gateway.plan.estimates import Estimator
from gateway.plan.join_graph import JoinGraph, join_graph, joins_below
from gateway.plan.join_order import Ordering, Sizes
from gateway.plan.join_tree import JoinTree
from gateway.plan.source import TableName, Tables

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


class _Regrouping:
    def __init__(self, plan: Plan, tables: Tables, subqueries: bool) -> None:
        self._root: Rel = plan.relations[0].root.input
        self._tables = tables
        self._functions = relations.function_names(plan)
        self._has_subqueries = subqueries
        self._estimator = Estimator(self._tables, self._functions)
        self._alive: list[Rel] = []  # keeps each message's Python object, and so its id, unique
        self._sources: dict[int, frozenset[SourceKey | None]] = {}
        self._changed = False
        self._anchors = {name: anchor for anchor, name in self._functions.items()}
        self._plan = plan

    def run(self) -> bool:
        """Go through the whole plan."""
        self._visit(self._root)
        return self._changed

    def _visit(self, rel: Rel, used: frozenset[int] | None = None) -> None:
        """Go through a relation; `used` are the columns that what is above it uses, None: all."""
        sources = self._sources_of(rel)
        if sources == {None} or len(sources) < 2:
            return
        kind = relations.kind(rel)
        below = rel.aggregate.input if kind == "aggregate" else rel
        graph = self._graph(below) if joins_below(below) else None
        if graph is not None:
            used = references(rel.aggregate) if kind == "aggregate" else used
            graph.outputs = _narrowed(graph.outputs, used)
            self._rebuild(rel, below, graph)
            return
        inputs = relations.inputs(rel)
        if self._has_subqueries:
            inputs += relations.subqueries(rel)
        used = _used(rel) if kind == "project" else None
        for child in inputs:
            self._visit(child, used)

    def _graph(self, rel: Rel) -> JoinGraph | None:
        """The graph of a tree, with all that is below its leaves gone through."""
        graph = join_graph(rel, self._functions, self._source_of)
        if graph is None or len(graph.leaves) > _MOST_LEAVES:
            return None
        for leaf in graph.leaves:
            self._visit(leaf.rel)
        for semi in graph.semis:
            self._visit(semi.tested)
        return graph

    def _rebuild(self, rel: Rel, below: Rel, graph: JoinGraph) -> None:
        """Write a tree in its best order; `rel` is the aggregation over it or the tree itself."""
        classes = _classes(graph)
        sizes = [self._size(leaf.rel) for leaf in graph.leaves]
        tested = [self._size(semi.tested) for semi in graph.semis]
        if rel is not below:
            eager = EagerAggregation(rel, graph, classes, self._functions, self._declare)
            written = eager.rewritten(sizes, tested, self._pushable)
            if written is not None:
                rel.CopyFrom(written)
                self._changed = True
                return
        ordering = Ordering(graph, classes, sizes, tested)
        order = ordering.best()
        if ordering.worthwhile(order):
            written = JoinTree(graph, classes, self._declare("and")).write(order.tree)
            below.CopyFrom(written)
            self._changed = True

    def _pushable(self, rel: Rel) -> bool:
        """True when a relation would be one piece of its source."""
        plan = Plan()
        plan.extensions.extend(self._plan.extensions)
        root = plan.relations.add().root
        root.input.CopyFrom(rel)
        return Cutter(plan, self._tables, subqueries=self._has_subqueries).cut().whole

    def _declare(self, name: str) -> int:
        """The reference of a function, declared if the plan has none of this name yet."""
        anchor = self._anchors.get(name)
        if anchor is None:
            anchor = max(self._functions, default=0) + 1
            declaration = self._plan.extensions.add().extension_function
            declaration.CopyFrom(self._plan.extensions[0].extension_function)
            declaration.function_anchor = anchor
            declaration.name = name
            self._functions[anchor] = name
            self._anchors[name] = anchor
        return anchor

    def _size(self, rel: Rel) -> Sizes:
        """The estimate of a leaf: `known` if its tables' sources have said how large they are.

        Of governed tables nothing is known here: what a caller sees of a plan must not depend on
        rows and values that are hidden.
        """
        estimate = self._estimator.of(rel)
        tables = [self._tables.get(name) for name in self._names_below(rel)]
        rows = [
            None if table is None or table.security.governs else table.statistics.rows
            for table in tables
        ]
        whole = rows[0] if len(rows) == 1 and _plain(rel) else None
        known = all(r is not None for r in rows)
        return Sizes(estimate, max(estimate.rows, whole or 0.0), known)

    def _names_below(self, rel: Rel) -> list[TableName]:
        name = relations.table_name(rel)
        if name is not None:
            return [name]
        return [name for child in relations.inputs(rel) for name in self._names_below(child)]

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


def _used(project: Rel) -> frozenset[int] | None:
    """The columns of its input that a projection uses, None for all."""
    mapping = relations.emitted(project)
    if mapping is None:
        return None
    own = references(project.project)
    return own | {i for i in mapping if i < width(project.project.input)}


def _narrowed(outputs: Sequence[Column], used: frozenset[int] | None) -> Sequence[Column]:
    """The outputs with others in the places of those that nobody uses: fewer columns are moved."""
    if used is None or len(used) >= len(outputs):
        return outputs
    wanted = [outputs[i] for i in sorted(used)] or outputs[:1]
    filler = next((c for c in wanted if isinstance(c, int)), wanted[0])
    return [column if i in used else filler for i, column in enumerate(outputs)]


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
