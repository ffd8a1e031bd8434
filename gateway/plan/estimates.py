"""How many rows and values a relation of a plan will have: to choose between plans, never exact.

The rules are those of textbooks: values are spread evenly, columns are independent, and every
value of the smaller side of a join has a partner on the larger one.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace

import pyarrow as pa
from substrait.proto import AggregateRel, Expression, ReadRel, Rel

from connectors.capabilities import NotPushable
from gateway.plan import relations
from gateway.plan.relation_estimate import ColumnEstimate, Estimate, chosen, scaled, valued
from gateway.plan.selectivity import Selectivity, field_position
from gateway.plan.source import TableName, Tables
from gateway.plan.table_estimate import table_estimate, unknown_column
from gateway.plan.types import arrow_type


class Estimator:
    """Estimates of one plan's relations. Asked again for a relation, it answers from memory.

    `fragments` are the estimates of tables that stand for what sources have been asked.
    """

    def __init__(
        self,
        tables: Tables,
        functions: Mapping[int, str],
        fragments: Mapping[TableName, Estimate] | None = None,
    ) -> None:
        self._tables = tables
        self._selectivity = Selectivity(functions)
        self._fragments = fragments or {}
        self._known: dict[int, tuple[Rel, Estimate]] = {}  # with the relation: ids are used again

    def of(self, rel: Rel) -> Estimate:
        """The estimate for a relation with every filter below it taken into account."""
        known = self._known.get(id(rel))
        if known is None:
            estimate = _emitted(rel, self._estimated(rel))
            known = self._known[id(rel)] = (rel, estimate)
        return known[1]

    def equated(self, rel: Rel) -> list[tuple[ColumnEstimate, ColumnEstimate]]:
        """The columns that a join compares, of its left and of its right side."""
        if relations.kind(rel) != "join" or not rel.join.HasField("expression"):
            return []
        left, right = (self.of(child).columns for child in relations.inputs(rel))
        pairs, _ = self._selectivity.equalities(rel.join.expression, len(left))
        return [(left[a], right[b - len(left)]) for a, b in pairs]

    def _estimated(self, rel: Rel) -> Estimate:
        kind = relations.kind(rel)
        if kind == "read":
            return self._read(rel)
        below = [self.of(child) for child in relations.inputs(rel)]
        match kind:
            case "filter":
                return self._filter(rel, below[0])
            case "project":
                return self._projected(below[0], rel.project.expressions)
            case "join" | "cross":
                return self._joined(rel, *below)
            case "aggregate":
                return self._grouped(below[0], rel.aggregate)
            case "fetch":
                return _limited(below[0], _count(rel))
            case "set":
                return _united(rel, below)
        return below[0] if below else Estimate(1.0, ())

    def _filter(self, rel: Rel, below: Estimate) -> Estimate:
        """A filter; over a read that skips by the same condition, this counts once."""
        read, condition = rel.filter.input, rel.filter.condition
        if relations.kind(read) != "read" or not read.read.HasField("filter"):
            return self._filtered(below, condition)
        bare = relations.copied(read)
        bare.read.ClearField("filter")
        once = self._filtered(_emitted(bare, self._read(bare)), condition)
        return once if once.rows <= below.rows else below

    def _read(self, rel: Rel) -> Estimate:
        read, name = rel.read, relations.table_name(rel)
        types = read.base_schema.struct.types
        if name is None:
            rows = float(len(read.virtual_table.expressions))
            estimate = Estimate(rows, tuple(unknown_column(_arrow(t), rows) for t in types))
        elif name in self._fragments:
            estimate = self._fragments[name]
        else:
            needed = _needed(read)
            fields = [_arrow(t) if i in needed else None for i, t in enumerate(types)]
            estimate = table_estimate(
                name, self._tables.get(name), list(read.base_schema.names), fields
            )
        if read.HasField("filter"):
            estimate = self._filtered(estimate, read.filter)
        if read.HasField("projection"):
            estimate = chosen(estimate, [i.field for i in read.projection.select.struct_items])
        return estimate

    def _filtered(self, estimate: Estimate, condition: Expression) -> Estimate:
        share = self._selectivity.of(condition, estimate.columns)
        kept = scaled(estimate, estimate.rows * share)
        constant = self._selectivity.constant(condition)
        if not constant:
            return kept
        columns = (
            valued(column, 1.0) if i in constant else column
            for i, column in enumerate(kept.columns)
        )
        return replace(kept, columns=tuple(columns))

    def _projected(self, estimate: Estimate, expressions: Iterable[Expression]) -> Estimate:
        added = tuple(self._computed(e, estimate) for e in expressions)
        columns = (*estimate.columns, *added)
        unique = set(estimate.unique)
        width = len(estimate.columns)
        copies = {
            position: width + i
            for i, e in enumerate(expressions)
            if (position := field_position(e)) is not None
        }
        for key in estimate.unique:
            if key <= copies.keys():
                unique.add(frozenset(copies[p] for p in key))
        return replace(estimate, columns=columns, unique=frozenset(unique))

    def _computed(self, expression: Expression, estimate: Estimate) -> ColumnEstimate:
        position = field_position(expression)
        if position is not None:
            return estimate.columns[position]
        if expression.WhichOneof("rex_type") == "literal":
            return ColumnEstimate(1.0)
        read = {estimate.columns[p] for p in relations.referenced(expression)}
        distinct = math.prod(column.distinct for column in read)
        return ColumnEstimate(max(1.0, min(distinct, estimate.rows)))

    def _joined(self, rel: Rel, left: Estimate, right: Estimate) -> Estimate:
        kind = relations.join_type(rel)
        columns = (*left.columns, *right.columns)
        width = len(left.columns)
        pairs: list[tuple[int, int]] = []
        exact: list[tuple[int, int]] = []
        share = 1.0
        if kind != "CROSS" and rel.join.HasField("expression"):
            pairs, rest = self._selectivity.equalities(rel.join.expression, width)
            exact = self._selectivity.exact(rel.join.expression, width)
            share = 1.0 / _key_values(left, right, pairs, width)
            for a, b in pairs:
                share *= (1 - columns[a].null_share) * (1 - columns[b].null_share)
            for condition in rest:
                share *= self._selectivity.of(condition, columns)
        inner = left.rows * right.rows * share
        if "SEMI" in kind or "ANTI" in kind or "MARK" in kind:
            return _tested(kind, left, right, pairs, width, inner)
        rows = max(
            inner,
            left.rows if kind in {"LEFT", "OUTER"} else 0.0,
            right.rows if kind in {"RIGHT", "OUTER"} else 0.0,
        )
        return scaled(
            Estimate(rows, columns, _unique_joined(kind, left, right, exact, width)), rows
        )

    def _grouped(self, estimate: Estimate, aggregate: AggregateRel) -> Estimate:
        keys = [self._computed(e, estimate) for e in aggregate.grouping_expressions]
        sets = [list(g.expression_references) for g in aggregate.groupings] or [[]]
        rows = sum(
            max(1.0, min(math.prod(keys[i].distinct for i in chosen), estimate.rows))
            for chosen in sets
        )
        measures = [ColumnEstimate(max(1.0, rows * 0.5)) for _ in aggregate.measures]
        single = len(sets) == 1
        unique = frozenset({frozenset(range(len(keys)))}) if single and keys else frozenset()
        extra = [] if single else [ColumnEstimate(float(len(sets)))]
        columns = tuple(valued(c, min(c.distinct, rows)) for c in keys)
        return Estimate(rows, (*columns, *measures, *extra), unique)


def _needed(read: ReadRel) -> Container[int]:
    """The positions of the columns that a read reads, of all its table has."""
    if not read.HasField("projection"):
        return range(len(read.base_schema.names))
    needed = {item.field for item in read.projection.select.struct_items}
    return needed.union(relations.referenced(read.filter)) if read.HasField("filter") else needed


def _arrow(message: object) -> pa.DataType:
    try:
        return arrow_type(message)
    except NotPushable:
        return pa.string()


def _emitted(rel: Rel, estimate: Estimate) -> Estimate:
    positions = relations.emitted(rel)
    return estimate if positions is None else chosen(estimate, positions)


def _tested(
    kind: str,
    left: Estimate,
    right: Estimate,
    pairs: Sequence[tuple[int, int]],
    width: int,
    inner: float,
) -> Estimate:
    """A semi, anti or mark join: the rows of one side, tested against the other."""
    swapped = kind.startswith("RIGHT")
    kept, other = (right, left) if swapped else (left, right)
    if kind.endswith("MARK"):
        return replace(kept, columns=(*kept.columns, ColumnEstimate(2.0, 1.0)))
    share = 1.0 if inner >= kept.rows else inner / max(kept.rows, 1.0)
    for a, b in pairs:
        mine, theirs = (
            (right.columns[b - width], left.columns[a])
            if swapped
            else (
                left.columns[a],
                right.columns[b - width],
            )
        )
        share = min(share, theirs.distinct / max(mine.beside(theirs), 1.0))
    if kind.endswith("ANTI"):
        share = max(1.0 - share, 0.05)
    return scaled(kept, kept.rows * min(share, 1.0) if other.rows else kept.rows)


def _key_values(
    left: Estimate, right: Estimate, pairs: Sequence[tuple[int, int]], width: int
) -> float:
    """Of how many values of the join's key two rows have to agree in one.

    The columns of a key are not independent: there are no more combinations than rows that have
    them, which for a side that the key identifies are its rows before any were filtered away.
    """
    both = [(left.columns[a], right.columns[b - width]) for a, b in pairs]
    larger = [max(one.beside(other), other.beside(one)) for one, other in both]
    values = math.prod(larger)
    if len(pairs) < 2:
        return max(values, 1.0)
    values = min(values, max(left.rows, right.rows, *larger))
    for side, mine in (
        (left, [a for a, _ in pairs]),
        (right, [b - width for _, b in pairs]),
    ):
        if any(key <= set(mine) for key in side.unique):
            own = zip(larger, (side.columns[p].distinct for p in mine), strict=True)
            grown = max(value / max(distinct, 1.0) for value, distinct in own)
            values = min(values, side.rows * max(grown, 1.0))
    return max(values, 1.0)


def _unique_joined(
    kind: str, left: Estimate, right: Estimate, pairs: Sequence[tuple[int, int]], width: int
) -> frozenset[frozenset[int]]:
    """What identifies a row of a join: a side's keys, when the other has at most one partner.

    An outer join adds rows that have NULL in all columns of a side, so that its keys may repeat.
    """
    found: set[frozenset[int]] = set()
    shifted = [frozenset(p + width for p in key) for key in right.unique]
    if kind not in {"RIGHT", "OUTER"} and any(key <= {b for _, b in pairs} for key in shifted):
        found |= left.unique
    if kind not in {"LEFT", "OUTER"} and any(key <= {a for a, _ in pairs} for key in left.unique):
        found |= set(shifted)
    if kind in {"INNER", "CROSS"}:
        found |= {one | other for one in left.unique for other in shifted}
    return frozenset(found)


def _count(rel: Rel) -> float | None:
    if not rel.fetch.HasField("count_expr"):
        return None
    try:
        value, _ = relations.literal(rel.fetch.count_expr.literal)
    except NotPushable:
        return None
    return float(value) if isinstance(value, int) else None


def _limited(estimate: Estimate, count: float | None) -> Estimate:
    return estimate if count is None else scaled(estimate, min(estimate.rows, count))


def _united(rel: Rel, below: Sequence[Estimate]) -> Estimate:
    if rel.set.op != rel.set.SET_OP_UNION_ALL:
        return replace(below[0], unique=frozenset())
    rows = sum(estimate.rows for estimate in below)
    columns = tuple(
        valued(column, min(rows, sum(e.columns[i].distinct for e in below)))
        for i, column in enumerate(below[0].columns)
    )
    return Estimate(rows, columns)
