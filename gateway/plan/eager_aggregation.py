"""Aggregating before joining: a source sends one row a group where it would send every row.

``SELECT c.country, sum(o.amount) FROM orders o JOIN customers c ... GROUP BY c.country``: when all
that is aggregated comes from one source's part of the joins, that part is grouped there by all of
its columns that the rest of the plan uses, and the partial results are aggregated again above the
joins. A join repeats a partial result as often as it would have repeated each of its rows, so the
other side need not be unique.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pyarrow as pa
from substrait.proto import AggregateFunction, Expression, Rel, Type

from connectors.capabilities import Kind, kind_of
from gateway.plan import relations
from gateway.plan.columns import Column, column_type, field, field_position, moved, references
from gateway.plan.join_graph import Condition, JoinGraph, Leaf
from gateway.plan.join_order import Ordering, Part, Sizes
from gateway.plan.join_tree import JoinTree
from gateway.plan.partial_aggregates import PartialAggregate, partial_aggregate
from gateway.plan.relation_estimate import ColumnEstimate, Estimate
from gateway.plan.types import substrait_type

Declare = Callable[[str], int]
"""The reference of a function by its name, declared in the plan if it was not."""

FEW_GROUPS = 0.25
"""Groups must be at most this share of the rows: grouping costs the source something, too."""

_MANY_ROWS = 2000.0
"""Fewer are one batch, grouped or not."""

_GROUPED = {Kind.INTEGER, Kind.DECIMAL, Kind.TEXT, Kind.DATE, Kind.BOOLEAN}
"""Kinds of keys whose equal values are one value everywhere."""

_ALL = AggregateFunction.AGGREGATION_INVOCATION_ALL


class EagerAggregation:
    """Tries to aggregate before joining, for one aggregation over one graph."""

    def __init__(
        self,
        rel: Rel,
        graph: JoinGraph,
        classes: Sequence[frozenset[int]],
        functions: Mapping[int, str],
        declare: Declare,
    ) -> None:
        self._rel = rel
        self._graph = graph
        self._classes = classes
        self._functions = functions
        self._declare = declare

    def rewritten(
        self, sizes: Sequence[Sizes], tested: Sequence[Sizes], pushable: Callable[[Rel], bool]
    ) -> Rel | None:
        """The aggregation in two steps, None where there is none or it would not pay.

        `sizes` and `tested` are as for the `Ordering`; `pushable` tells whether a source would
        answer a relation as a whole.
        """
        aggregate = self._rel.aggregate
        if len(aggregate.groupings) > 1 or not aggregate.measures:
            return None
        measures = [partial_aggregate(m, self._graph, self._functions) for m in aggregate.measures]
        if any(m is None for m in measures):
            return None
        known = [m for m in measures if m is not None]
        argued = frozenset(r for m in known if m.argument for r in references(m.argument))
        mask = 0
        for column in argued:
            mask |= self._graph.leaf_of(column).mask
        ordering = Ordering(self._graph, self._classes, sizes, tested)
        for part in ordering.groups():
            if part.source is None or mask & ~part.mask or part.rows < _MANY_ROWS:
                continue
            inside = [size for n, size in enumerate(sizes) if part.mask >> n & 1]
            if len(inside) == len(sizes) or not all(size.known for size in inside):
                continue
            found = self._over(part, known, sizes, tested, pushable)
            if found is not None:
                return found
        return None

    def _type(self, column: int) -> pa.DataType | None:
        leaf = self._graph.leaf_of(column)
        return column_type(leaf.rel, column - leaf.first, self._functions)

    # --- the two steps -------------------------------------------------------------------------

    def _over(
        self,
        part: Part,
        measures: Sequence[PartialAggregate],
        sizes: Sequence[Sizes],
        tested: Sequence[Sizes],
        pushable: Callable[[Rel], bool],
    ) -> Rel | None:
        keys = self._keys(part)
        if keys is None:
            return None
        groups, estimates = self._groups(part, keys, sizes)
        if groups > part.rows * FEW_GROUPS:
            return None
        inner = self._partial(part, keys, measures)
        if not pushable(inner):
            return None
        graph, columns = self._outer(part, keys, measures, inner)
        classes = self._classes_with(part, columns)
        widths = (*estimates, *(ColumnEstimate(groups) for _ in measures))
        size = Sizes(
            Estimate(groups, widths, frozenset({frozenset(range(len(keys)))})), groups, known=True
        )
        kept = [size for n, size in enumerate(sizes) if not part.mask >> n & 1]
        order = Ordering(graph, classes, [*kept, size], tested).best()
        below = JoinTree(graph, classes, self._declare("and")).write(order.tree)
        return self._final(below, measures)

    def _keys(self, part: Part) -> list[int] | None:
        """The columns of the part that the rest of the plan uses, None if one can not be a key."""
        graph = self._graph
        used: set[int] = set()
        for expression in self._grouping():
            position = field_position(expression)
            if position is None:
                return None
            output = graph.outputs[position]
            used |= {output} if isinstance(output, int) else references(output)
        for condition in graph.conditions:
            if condition.mask & ~part.mask:
                used |= condition.refs
        for semi in graph.semis:
            used |= set(semi.kept)
        for members in self._classes:
            inside = [c for c in members if self._within(c, part)]
            if inside and len(inside) < len(members) and not used & set(inside):
                used.add(min(inside))
        keys = sorted(c for c in used if self._within(c, part))
        kinds = [self._type(key) for key in keys]
        if not keys or any(t is None or kind_of(t) not in _GROUPED for t in kinds):
            return None
        return keys

    def _grouping(self) -> list[Expression]:
        aggregate = self._rel.aggregate
        positions = [i for g in aggregate.groupings for i in g.expression_references]
        return [aggregate.grouping_expressions[i] for i in positions]

    def _within(self, column: int, part: Part) -> bool:
        return bool(self._graph.leaf_of(column).mask & part.mask)

    def _groups(
        self, part: Part, keys: Sequence[int], sizes: Sequence[Sizes]
    ) -> tuple[float, list[ColumnEstimate]]:
        """How many groups there will be, and what is known of their columns."""
        groups, found = 1.0, []
        for key in keys:
            leaf = self._graph.leaf_of(key)
            column = sizes[leaf.mask.bit_length() - 1].estimate.columns[key - leaf.first]
            distinct = min(max(column.distinct, 1.0), part.rows)
            groups *= distinct
            found.append(replace(column, distinct=distinct))
        return min(groups, part.rows), found

    def _partial(
        self, part: Part, keys: Sequence[int], measures: Sequence[PartialAggregate]
    ) -> Rel:
        """The part, aggregated by the keys."""
        graph = self._graph
        inside = JoinGraph(
            leaves=[leaf for leaf in graph.leaves if leaf.mask & part.mask],
            conditions=[c for c in graph.conditions if not c.mask & ~part.mask],
            equal=graph.equal,
        )
        arguments = [m.argument for m in measures if m.argument is not None]
        columns = sorted({*keys, *(r for a in arguments for r in references(a))})
        inside.outputs = columns
        classes = [
            frozenset(c for c in members if self._within(c, part)) for members in self._classes
        ]
        classes = [members for members in classes if len(members) > 1]
        tree = JoinTree(inside, classes, self._declare("and"))
        places: dict[int, Column] = {column: place for place, column in enumerate(columns)}
        rel = Rel()
        aggregate = rel.aggregate
        aggregate.common.direct.SetInParent()
        aggregate.input.CopyFrom(tree.write(part.tree))
        grouping = aggregate.groupings.add()
        for number, key in enumerate(keys):
            aggregate.grouping_expressions.append(moved(field(key), places))
            grouping.expression_references.append(number)
        for measure in measures:
            argument = None if measure.argument is None else moved(measure.argument, places)
            if measure.widened and argument is not None:
                argument = _cast(argument, substrait_type(pa.decimal128(19, 0), nullable=True))
            call = aggregate.measures.add().measure
            returns = substrait_type(measure.partial, nullable=True)
            self._call(call, measure.first, argument, returns)
        return rel

    def _outer(
        self, part: Part, keys: Sequence[int], measures: Sequence[PartialAggregate], inner: Rel
    ) -> tuple[JoinGraph, dict[int, int]]:
        """The graph with the aggregated part as one leaf, and the keys' columns in it."""
        old = self._graph
        masks: dict[int, int] = {}
        leaves: list[Leaf] = []
        for leaf in old.leaves:
            if not leaf.mask & part.mask:
                masks[leaf.mask] = 1 << len(leaves)
                leaves.append(replace(leaf, mask=masks[leaf.mask]))
        first = max(leaf.first + leaf.width for leaf in old.leaves)
        own = 1 << len(leaves)
        leaves.append(Leaf(inner, own, first, len(keys) + len(measures), part.source))
        columns = {key: first + n for n, key in enumerate(keys)}

        def mask_of(mask: int) -> int:
            kept = sum(new for bit, new in masks.items() if mask & bit)
            return kept | (own if mask & part.mask else 0)

        def over(expression: Expression) -> Expression:
            places: dict[int, Column] = {r: columns.get(r, r) for r in references(expression)}
            return moved(expression, places)

        graph = JoinGraph(leaves=leaves, equal=old.equal)
        graph.equalities = [
            (columns.get(a, a), columns.get(b, b))
            for a, b in old.equalities
            if all(not self._within(c, part) or c in columns for c in (a, b))
            and not (self._within(a, part) and self._within(b, part))
        ]
        graph.conditions = [
            Condition(
                over(c.expression),
                frozenset(columns.get(r, r) for r in c.refs),
                mask_of(c.mask),
                c.hashes,
            )
            for c in old.conditions
            if c.mask & ~part.mask
        ]
        graph.semis = [
            replace(
                semi,
                kept=tuple(columns.get(c, c) for c in semi.kept),
                mask=mask_of(semi.mask),
                below=mask_of(semi.below),
            )
            for semi in old.semis
        ]
        outputs: list[Column] = []
        for expression in self._grouping():
            output = old.outputs[field_position(expression) or 0]
            outputs.append(columns.get(output, output) if isinstance(output, int) else over(output))
        outputs += [first + len(keys) + n for n in range(len(measures))]
        graph.outputs = outputs
        return graph, columns

    def _classes_with(self, part: Part, columns: Mapping[int, int]) -> list[frozenset[int]]:
        """The classes of equal columns, of the part only the keys."""
        classes = [
            frozenset(
                columns.get(c, c) for c in members if c in columns or not self._within(c, part)
            )
            for members in self._classes
        ]
        return [members for members in classes if len(members) > 1]

    def _final(self, below: Rel, measures: Sequence[PartialAggregate]) -> Rel:
        """The aggregation of partial results, with the columns of the one there was."""
        keys = len(self._grouping())
        whole = Rel()
        aggregate = whole.aggregate
        aggregate.common.direct.SetInParent()
        aggregate.input.CopyFrom(below)
        for grouping in self._rel.aggregate.groupings:
            given = aggregate.groupings.add()
            given.expression_references.extend(range(len(grouping.expression_references)))
        for number in range(keys):
            aggregate.grouping_expressions.append(field(number))
        rel = Rel()
        project = rel.project
        for number, measure in enumerate(measures):
            partial = measure.partial
            if pa.types.is_decimal128(partial) and measure.then == "sum":
                partial = pa.decimal128(min(38, partial.precision + 10), partial.scale)
            returns = substrait_type(partial, nullable=True)
            call = aggregate.measures.add().measure
            self._call(call, measure.then, field(keys + number), returns)
            result = field(keys + number)
            if measure.first == "count" and not keys:
                result = self._or_zero(result)
            project.expressions.append(_cast(result, substrait_type(measure.whole, nullable=True)))
        project.input.CopyFrom(whole)
        width = keys + len(measures)
        columns = [*range(keys), *range(width, width + len(measures))]
        mapping = relations.emitted(self._rel)
        chosen = columns if mapping is None else [columns[i] for i in mapping]
        project.common.emit.output_mapping.extend(chosen)
        return rel

    def _call(
        self, call: AggregateFunction, name: str, argument: Expression | None, returns: Type
    ) -> None:
        call.function_reference = self._declare(name)
        call.phase = self._rel.aggregate.measures[0].measure.phase
        call.invocation = _ALL
        call.output_type.CopyFrom(returns)
        value = call.arguments.add().value
        if argument is None:
            value.literal.i64 = 1
        else:
            value.CopyFrom(argument)

    def _or_zero(self, value: Expression) -> Expression:
        """``coalesce(value, 0)``: no rows at all are counted as none, and summed as NULL."""
        result = Expression()
        call = result.scalar_function
        call.function_reference = self._declare("coalesce")
        call.output_type.i64.nullability = Type.NULLABILITY_REQUIRED
        call.arguments.add().value.CopyFrom(value)
        call.arguments.add().value.literal.i64 = 0
        return result


def _cast(value: Expression, to: Type) -> Expression:
    result = Expression()
    result.cast.input.CopyFrom(value)
    result.cast.type.CopyFrom(to)
    result.cast.failure_behavior = Expression.Cast.FAILURE_BEHAVIOR_THROW_EXCEPTION
    return result
