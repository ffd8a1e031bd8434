"""How many rows and values a relation of a plan will have: to choose between plans, never exact."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import pyarrow as pa
from substrait.proto import Expression, Rel, Type

from connectors.capabilities import NotPushable
from connectors.statistics import ColumnStatistics
from gateway.plan import relations
from gateway.plan.estimate import (
    DEFAULT_WIDTH,
    ColumnEstimate,
    Estimate,
    position,
    unknown_column,
)
from gateway.plan.join_estimates import join_estimate
from gateway.plan.selectivity import Selectivity, call_of, field_of, fields
from gateway.plan.source import Table, TableName, Tables
from gateway.plan.types import arrow_type

__all__ = ["DEFAULT_ROWS", "ColumnEstimate", "Estimate", "Estimator"]

DEFAULT_ROWS = 100_000.0
"""Rows of a table nothing is known of."""

TEXT_WIDTH = 16.0
"""Bytes of a text of unknown length."""

_DAYS_A_YEAR = 365.2425


class Estimator:
    """Estimates of one plan's relations. Asked again for a relation, it answers from memory.

    A relation must not be changed once it was asked for; another object with the same meaning is
    estimated anew. `fragments` are the estimates of reads under names that are no tables.
    """

    def __init__(
        self,
        tables: Tables,
        functions: Mapping[int, str],
        fragments: Mapping[str, Estimate] | None = None,
    ) -> None:
        self._tables = tables
        self._functions = functions
        self._fragments = dict(fragments or {})
        self._known: dict[int, tuple[Rel, Estimate]] = {}  # the object too: ids are used again

    def of(self, rel: Rel) -> Estimate:
        """The estimate for a relation with every filter below it taken into account."""
        known = self._known.get(id(rel))
        if known is not None:
            return known[1]
        estimate = self._emitted(rel, self._estimate(rel))
        self._known[id(rel)] = (rel, estimate)
        return estimate

    def filtered(self, estimate: Estimate, conditions: Sequence[Expression]) -> Estimate:
        """What is left of a relation's rows under conditions over its columns."""
        selectivity = Selectivity(self._functions, estimate.columns)
        share = selectivity.keep(conditions)
        return _thinned(estimate, selectivity.columns, max(estimate.rows * share, 1.0))

    def joined(
        self, kind: str, left: Estimate, right: Estimate, condition: Expression | None
    ) -> Estimate:
        """A join of two relations, `kind` as in `relations.join_type`."""
        return join_estimate(self._functions, kind, left, right, condition)

    def _estimate(self, rel: Rel) -> Estimate:
        match relations.kind(rel):
            case "read":
                return self._read(rel)
            case "filter":
                return self.filtered(self.of(rel.filter.input), [rel.filter.condition])
            case "project":
                return self._project(rel)
            case "sort" | "exchange":
                return self.of(relations.inputs(rel)[0])
            case "fetch":
                return self._fetch(rel)
            case "aggregate":
                return self._aggregate(rel)
            case "join":
                return self._join(rel)
            case "cross":
                return self.joined("CROSS", self.of(rel.cross.left), self.of(rel.cross.right), None)
            case "set":
                return self._set(rel)
            case "window":
                return self._window(rel)
        below = relations.inputs(rel)
        return self.of(below[0]) if len(below) == 1 else Estimate(DEFAULT_ROWS, ())

    def _read(self, rel: Rel) -> Estimate:
        read = rel.read
        names = list(read.base_schema.names)
        widths = [_width(t) for t in read.base_schema.struct.types]
        if read.HasField("virtual_table"):
            rows = float(len(read.virtual_table.expressions))
            columns = tuple(ColumnEstimate(max(rows, 1.0), width) for width in widths)
            unique = [frozenset[int]()] if rows <= 1 else []
            base = Estimate(rows, columns, frozenset(unique))
        else:
            base = self._named(relations.table_name(rel), names, widths)
        if read.HasField("filter"):
            base = self.filtered(base, [read.filter])
        if read.HasField("projection"):
            base = _selected(base, [i.field for i in read.projection.select.struct_items])
        return base

    def _named(
        self, name: TableName | None, names: Sequence[str], widths: Sequence[float]
    ) -> Estimate:
        fragment = self._fragments.get(name[-1]) if name else None
        if fragment is not None:
            return fragment
        table = self._tables.get(name) if name else None
        if table is None:
            columns = tuple(unknown_column(DEFAULT_ROWS, width) for width in widths)
            return Estimate(DEFAULT_ROWS, columns)
        return table_estimate(table, names, widths)

    def _project(self, rel: Rel) -> Estimate:
        below = self.of(rel.project.input)
        added = tuple(self._computed(e, below) for e in rel.project.expressions)
        return replace(below, columns=(*below.columns, *added))

    def _window(self, rel: Rel) -> Estimate:
        below = self.of(relations.inputs(rel)[0])
        width = len(rel.window.window_functions)
        added = tuple(unknown_column(below.rows) for _ in range(width))
        return replace(below, columns=(*below.columns, *added))

    def _computed(self, expression: Expression, below: Estimate) -> ColumnEstimate:
        """A column made of others: as many values as they have combinations."""
        at = field_of(expression)
        width = self._expression_width(expression)
        if at is not None:
            column = below.column(at)
            return column if width is None else replace(column, width=width)
        width = DEFAULT_WIDTH if width is None else width
        if expression.WhichOneof("rex_type") == "literal":
            return ColumnEstimate(1.0, width)
        name, args = call_of(self._functions, expression)
        used = [below.column(i) for i in set(fields(expression))]
        if name == "date_part" and len(used) == 1:
            return replace(_years(used[0], args, below.rows), width=width)
        if expression.WhichOneof("rex_type") not in {"scalar_function", "if_then", "cast"}:
            return unknown_column(below.rows, width)
        distinct = math.prod(column.distinct for column in used)
        known = bool(used) and all(column.known for column in used)
        return ColumnEstimate(max(min(distinct, below.rows), 1.0), width, known=known)

    def _expression_width(self, expression: Expression) -> float | None:
        """By the expression's type; None where it has that of the column it is."""
        match expression.WhichOneof("rex_type"):
            case "cast":
                return None if field_of(expression) is not None else _width(expression.cast.type)
            case "scalar_function":
                return _width(expression.scalar_function.output_type)
            case "if_then" if expression.if_then.ifs:
                return self._expression_width(expression.if_then.ifs[0].then)
        return None

    def _fetch(self, rel: Rel) -> Estimate:
        below = self.of(rel.fetch.input)
        skipped = _number(rel.fetch.offset_expr) if rel.fetch.HasField("offset_expr") else 0
        rows = max(below.rows - (skipped or 0), 0.0)
        count = _number(rel.fetch.count_expr) if rel.fetch.HasField("count_expr") else None
        unique = below.unique
        if count is not None:
            rows = min(rows, float(count))
            if count <= 1:
                unique = frozenset({frozenset()})
        return replace(_thinned(below, below.columns, rows), unique=unique)

    def _aggregate(self, rel: Rel) -> Estimate:
        aggregate = rel.aggregate
        below = self.of(aggregate.input)
        keys = [self._computed(e, below) for e in aggregate.grouping_expressions]
        sets = [list(g.expression_references) for g in aggregate.groupings] or [[]]
        rows = sum(_groups(below, aggregate.grouping_expressions, keys, s) for s in sets)
        # the output has the expressions of the groupings in their order, each once
        order = sets[0] if len(sets) == 1 else list(dict.fromkeys(i for s in sets for i in s))
        columns = [keys[i].within(rows) for i in order]
        unique: frozenset[frozenset[int]] = frozenset()
        if len(sets) == 1:
            unique = frozenset({frozenset(range(len(columns)))})
        measures = [
            ColumnEstimate(max(rows, 1.0), _width(m.measure.output_type))
            for m in aggregate.measures
        ]
        extra = [ColumnEstimate(float(len(sets)), 4.0)] if len(sets) > 1 else []
        return Estimate(rows, (*columns, *measures, *extra), unique)

    def _join(self, rel: Rel) -> Estimate:
        join = rel.join
        condition = join.expression if join.HasField("expression") else None
        kind = relations.join_type(rel)
        return self.joined(kind, self.of(join.left), self.of(join.right), condition)

    def _set(self, rel: Rel) -> Estimate:
        inputs = [self.of(child) for child in rel.set.inputs]
        kind = type(rel.set).SetOp.Name(rel.set.op).removeprefix("SET_OP_")
        total = sum(i.rows for i in inputs)
        if kind.startswith("UNION"):
            rows = total
        elif kind.startswith("MINUS"):
            rows = max(inputs[0].rows / 2, 1.0)
        else:
            rows = min(i.rows for i in inputs)
        width = len(inputs[0].columns)
        columns = tuple(_together([i.column(at) for i in inputs], rows) for at in range(width))
        unique: frozenset[frozenset[int]] = frozenset()
        if kind == "UNION_DISTINCT":
            combinations = math.prod(min(c.distinct, total) for c in columns) if columns else 1.0
            rows = min(rows, combinations)
            unique = frozenset({frozenset(range(width))})
        return Estimate(rows, tuple(c.within(rows) for c in columns), unique)

    def _emitted(self, rel: Rel, estimate: Estimate) -> Estimate:
        if not hasattr(relations.body(rel), "common"):
            return estimate
        mapping = relations.emitted(rel)
        return estimate if mapping is None else _selected(estimate, mapping)


def table_estimate(table: Table, names: Sequence[str], widths: Sequence[float]) -> Estimate:
    """A table as it is read, by what its source says of it.

    Of a table whose rows or values policies hide, only the magnitude of its rows is used: a plan
    made by more would tell of what is hidden.
    """
    statistics, security = table.statistics, table.security
    rows = DEFAULT_ROWS if statistics.rows is None else max(statistics.rows, 1.0)
    if security.governs or security.bound:
        rows = 10.0 ** round(math.log10(max(rows, 1.0)))
        return Estimate(rows, tuple(unknown_column(rows, width) for width in widths))
    keys = [k for k in statistics.unique if set(k) <= set(names)]
    unique = frozenset(frozenset(names.index(c) for c in key) for key in keys)
    single = {key[0] for key in keys if len(key) == 1}
    columns = tuple(
        _column(statistics.column(name), rows, width, unique=name in single)
        for name, width in zip(names, widths, strict=True)
    )
    return Estimate(rows, columns, unique)


def _column(known: ColumnStatistics, rows: float, width: float, *, unique: bool) -> ColumnEstimate:
    column = unknown_column(rows, known.width or width)
    if unique:
        column = replace(column, distinct=rows, known=True)
    elif known.distinct is not None:
        column = replace(column, distinct=min(max(known.distinct, 1.0), rows), known=True)
    least, greatest = position(known.least), position(known.greatest)
    if not column.known and isinstance(known.least, int) and isinstance(known.greatest, int):
        span = float(known.greatest - known.least + 1)
        if 0 < span < column.distinct:
            column = replace(column, distinct=span)
    return replace(column, null_share=known.null_share or 0.0, least=least, greatest=greatest)


def _thinned(estimate: Estimate, columns: Iterable[ColumnEstimate], rows: float) -> Estimate:
    """The relation with fewer rows; `columns` may have been narrowed already."""
    left = tuple(
        column.thinned(estimate.rows, rows) if column == before else column.within(rows)
        for column, before in zip(columns, estimate.columns, strict=True)
    )
    return Estimate(rows, left, estimate.unique)


def _selected(estimate: Estimate, positions: Sequence[int]) -> Estimate:
    columns = tuple(estimate.column(i) for i in positions)
    places = {old: new for new, old in reversed(list(enumerate(positions)))}
    unique = frozenset(
        frozenset(places[i] for i in key) for key in estimate.unique if key <= places.keys()
    )
    return Estimate(estimate.rows, columns, unique)


def _groups(
    below: Estimate,
    expressions: Sequence[Expression],
    keys: Sequence[ColumnEstimate],
    chosen: Sequence[int],
) -> float:
    """How many groups: combinations of the keys, at most one a row."""
    if not chosen:
        return 1.0
    plain = {at for i in chosen if (at := field_of(expressions[i])) is not None}
    if below.identified_by(plain):
        return max(below.rows, 1.0)
    combinations = math.prod(keys[i].distinct + (keys[i].null_share > 0) for i in chosen)
    return max(min(combinations, below.rows), 1.0)


def _together(columns: Sequence[ColumnEstimate], rows: float) -> ColumnEstimate:
    """One column of a union: the sources' values may be the same or others."""
    first = columns[0]
    distinct = min(sum(c.distinct for c in columns), max(rows, 1.0))
    least = [c.least for c in columns if c.least is not None]
    greatest = [c.greatest for c in columns if c.greatest is not None]
    return ColumnEstimate(
        distinct,
        max(c.width for c in columns),
        max(c.null_share for c in columns),
        all(c.known for c in columns),
        min(least) if len(least) == len(columns) else None,
        max(greatest) if len(greatest) == len(columns) else first.greatest and None,
    )


def _years(column: ColumnEstimate, args: Sequence[Expression], rows: float) -> ColumnEstimate:
    """The parts of dates: years between the bounds, else the number of different parts."""
    part = relations.literal(args[0].literal)[0] if args[0].HasField("literal") else None
    counts = {"MONTH": 12.0, "DAY": 31.0, "QUARTER": 4.0, "DOW": 7.0, "HOUR": 24.0, "WEEK": 53.0}
    distinct = counts.get(str(part).upper(), 10.0)
    if str(part).upper() == "YEAR" and column.least is not None and column.greatest is not None:
        distinct = math.floor((column.greatest - column.least) / _DAYS_A_YEAR) + 1.0
    return ColumnEstimate(max(min(distinct, column.distinct, rows), 1.0))


def _number(expression: Expression) -> int | None:
    if expression.WhichOneof("rex_type") != "literal":
        return None
    value, _ = relations.literal(expression.literal)
    return value if isinstance(value, int) and value >= 0 else None


def _width(message: Type) -> float:
    """Bytes of a value of a type."""
    try:
        data_type = arrow_type(message)
    except NotPushable:
        return TEXT_WIDTH
    if pa.types.is_boolean(data_type):
        return 1.0
    try:
        return float(data_type.bit_width) / 8
    except ValueError:
        return TEXT_WIDTH
