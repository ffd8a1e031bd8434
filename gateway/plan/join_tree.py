"""Writes a join graph as relations again, in a given order.

Of columns that are equal one is passed on. A column is called by its *name* here: that of its
class of equal columns (negative), or its own number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from substrait.proto import Expression, JoinRel, Rel

from gateway.plan.columns import Column, field, moved, references
from gateway.plan.join_graph import Condition, JoinGraph, SemiJoin
from gateway.plan.join_order import Tree


@dataclass(frozen=True, slots=True)
class _Written:
    """A relation and the names of its columns, each once."""

    rel: Rel
    names: Sequence[int]

    @property
    def places(self) -> Mapping[int, int]:
        """Where each name is."""
        return {name: place for place, name in enumerate(self.names)}


class JoinTree:
    """Writes trees of one graph. `conjunction` is the function reference of AND."""

    def __init__(
        self, graph: JoinGraph, classes: Sequence[frozenset[int]], conjunction: int
    ) -> None:
        self._graph = graph
        self._conjunction = conjunction
        self._name = {column: -1 - n for n, c in enumerate(classes) for column in c}
        self._classes: dict[int, int] = {}
        for column, name in self._name.items():
            self._classes[name] = self._classes.get(name, 0) | graph.leaf_of(column).mask
        self._leaves = {leaf.mask: leaf for leaf in graph.leaves}

    def write(self, tree: Tree) -> Rel:
        """The relation with the graph's outputs."""
        outputs = self._graph.outputs
        refs = [(c,) if isinstance(c, int) else references(c) for c in outputs]
        written = self._tree(tree, frozenset(self._named(r for some in refs for r in some)))
        places = written.places
        rel = Rel()
        project = rel.project
        project.input.CopyFrom(written.rel)
        for column, used in zip(outputs, refs, strict=True):
            if isinstance(column, int):
                project.common.emit.output_mapping.append(places[self._named_one(column)])
                continue
            expression = self._over(column, used, places)
            project.common.emit.output_mapping.append(len(places) + len(project.expressions))
            project.expressions.append(expression)
        if not outputs:
            project.common.emit.SetInParent()
        return rel

    def _named_one(self, column: int) -> int:
        return self._name.get(column, column)

    def _named(self, columns: Iterable[int]) -> set[int]:
        return {self._name.get(column, column) for column in columns}

    def _over(
        self, expression: Expression, refs: Iterable[int], places: Mapping[int, int]
    ) -> Expression:
        """An expression over the graph's columns, written over the places of names."""
        columns: dict[int, Column] = {r: places[self._named_one(r)] for r in refs}
        return moved(expression, columns)

    def _tree(self, tree: Tree, needed: frozenset[int]) -> _Written:
        for number in tree.semis:
            needed |= self._named(self._graph.semis[number].kept)
        written = self._leaf(tree) if tree.left is None else self._join(tree, needed)
        for number in tree.semis:
            written = self._semi(written, self._graph.semis[number])
        return written

    def _leaf(self, tree: Tree) -> _Written:
        leaf = self._leaves[tree.mask]
        names: list[int] = []
        tests: list[Expression] = []
        places: dict[int, int] = {}
        for position in range(leaf.width):
            name = self._named_one(leaf.first + position)
            if name in places:  # equal to another column of the same leaf
                tests.append(self._equal(places[name], position))
                name = leaf.first + position
            places[name] = position
            names.append(name)
        tests += [
            self._over(c.expression, c.refs, places)
            for c in self._graph.conditions
            if c.mask == leaf.mask
        ]
        rel = leaf.rel
        if tests:
            rel = Rel()
            rel.filter.common.direct.SetInParent()
            rel.filter.input.CopyFrom(leaf.rel)
            rel.filter.condition.CopyFrom(self._all(tests))
        return _Written(rel, names)

    def _join(self, tree: Tree, needed: frozenset[int]) -> _Written:
        assert tree.left is not None and tree.right is not None
        a, b = tree.left.mask, tree.right.mask
        conditions = [c for c in self._graph.conditions if _meets(c, a, b)]
        shared = frozenset(n for n, mask in self._classes.items() if mask & a and mask & b)
        below = needed | shared | {n for c in conditions for n in self._named(c.refs)}
        left, right = self._tree(tree.left, below), self._tree(tree.right, below)
        places = dict(left.places)
        for place, name in enumerate(right.names, len(left.names)):
            places.setdefault(name, place)
        other = right.places
        tests = [
            self._equal(left.places[name], len(left.names) + other[name])
            for name in sorted(shared, reverse=True)
        ]
        tests += [self._over(c.expression, c.refs, places) for c in conditions]
        rel = Rel()
        node = rel.join if tests else rel.cross
        if tests:
            rel.join.type = JoinRel.JOIN_TYPE_INNER
            rel.join.expression.CopyFrom(self._all(tests))
        node.left.CopyFrom(left.rel)
        node.right.CopyFrom(right.rel)
        names = [name for name in places if name in needed]
        node.common.emit.SetInParent()
        node.common.emit.output_mapping.extend(places[name] for name in names)
        return _Written(rel, names)

    def _semi(self, written: _Written, semi: SemiJoin) -> _Written:
        """Rows kept as the semi join says; the kept side stays on its side."""
        width, places = len(written.names), written.places
        kept = [places[self._named_one(c)] for c in semi.kept]
        more = semi.width
        rel = Rel()
        join = rel.join
        join.common.direct.SetInParent()
        if semi.swapped:
            columns = [*(place + more for place in kept), *range(more)]
            join.left.CopyFrom(semi.tested)
            join.right.CopyFrom(written.rel)
        else:
            columns = [*kept, *range(width, width + more)]
            join.left.CopyFrom(written.rel)
            join.right.CopyFrom(semi.tested)
        join.type = JoinRel.JoinType.Value("JOIN_TYPE_" + semi.kind)
        join.expression.CopyFrom(self._all([moved(c, columns) for c in semi.conditions]))
        return _Written(rel, written.names)

    def _equal(self, left: int, right: int) -> Expression:
        template = self._graph.equal
        assert template is not None
        result = Expression()
        result.CopyFrom(template)
        for argument, place in zip(result.scalar_function.arguments, (left, right), strict=True):
            argument.value.CopyFrom(field(place))
        return result

    def _all(self, tests: Sequence[Expression]) -> Expression:
        whole = tests[0]
        for test in tests[1:]:
            both = Expression()
            both.scalar_function.function_reference = self._conjunction
            both.scalar_function.output_type.bool.nullability = 1
            both.scalar_function.arguments.add().value.CopyFrom(whole)
            both.scalar_function.arguments.add().value.CopyFrom(test)
            whole = both
        return whole


def _meets(condition: Condition, a: int, b: int) -> bool:
    """True for a condition over both sides of a join and nothing else."""
    mask = condition.mask
    return bool(mask & a and mask & b) and not mask & ~(a | b)
