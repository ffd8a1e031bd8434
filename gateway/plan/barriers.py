"""Which barrier a row filter needs, from the expressions the caller's query computes.

The optimised plan over the datasets as the caller sees them holds every expression that may run.
Each is followed down to the datasets whose columns it reads:

* *total* expressions have a result for every value, in the engine and in every source;
* a *fallible* one may fail, but gives NULL without failing where some column of the dataset that
  it reads through *strict* steps (NULL in, NULL out) is NULL;
* a *loose* one may fail whatever is NULL: ``1 / coalesce(x, 0)``.

A fallible expression asks for the CASE barrier around the columns it reads, a loose one for the
FENCE. What is not known here is loose.

What fails need not read the dataset to tell of it: ``CASE WHEN salary = 7 THEN 1 / 0 END`` fails
for some rows only, and so does ``salary = 7 AND 1 / 0 = 1``. Whatever may fail beside columns of a
dataset without being NULL for its hidden rows therefore asks for the FENCE as well, as long as it
can be computed before the dataset is joined: after that no hidden row is left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from substrait.proto import AggregateRel, Expression, Plan, Rel, Type

from connectors.capabilities import NotPushable
from gateway.plan import relations, totality
from gateway.plan.groupings import different_keys
from gateway.plan.security import Barrier
from gateway.plan.source import TableName, Tables
from gateway.plan.types import arrow_type

ColumnName = tuple[TableName, str]


@dataclass(frozen=True, slots=True)
class Need:
    """The least barrier a dataset needs; CASE is needed for the `guarded` columns only.

    `selective`: conditions of the caller decide which rows some expression is computed for. Who
    skips rows by statistics or by batches, where hidden rows count, must not do so here.
    """

    barrier: Barrier
    guarded: frozenset[str] = frozenset()
    selective: bool = False


@dataclass(frozen=True, slots=True)
class _Value:
    """What is known of an expression: its type, the columns it reads, the datasets it is strict in.

    A value is strict in a dataset when it is NULL wherever all it reads of the dataset is NULL.
    `scans` are the places in the plan that its columns are read at. `barred` is None when nothing
    in it can fail; else the datasets whose barrier keeps whatever can from failing on hidden rows.
    """

    type: pa.DataType | None
    reads: frozenset[ColumnName] = frozenset()
    strict: frozenset[TableName] = frozenset()
    scans: frozenset[int] = frozenset()
    barred: frozenset[TableName] | None = None


def barriers(plan: Plan, tables: Tables) -> Mapping[TableName, Need]:
    """What each dataset with a row filter, or with rows bound to a region, needs of a barrier.

    The plan is left as it is.
    """
    secured = ((name, table.security) for name, table in tables.items())
    names = {name for name, s in secured if s.row_filter is not None or s.bound}
    analysis = _Analysis(relations.function_names(plan), names)
    analysis.relation(plan.relations[0].root.input)
    return {name: analysis.need(name) for name in names}


class _Analysis:
    def __init__(self, functions: Mapping[int, str], governed: set[TableName]) -> None:
        self._functions = functions
        self._governed = governed
        self._everything: frozenset[ColumnName] = frozenset((name, "") for name in governed)
        self._guarded: set[ColumnName] = set()
        self._fenced: set[TableName] = set()
        self._selective: set[TableName] = set()
        self._scans = 0
        self._failures = 0

    def need(self, name: TableName) -> Need:
        """What was found out about one dataset."""
        if name in self._fenced:
            return Need(Barrier.FENCE, selective=name in self._selective)
        guarded = frozenset(column for table, column in self._guarded if table == name)
        if not guarded:
            return Need(Barrier.PLAIN)
        return Need(Barrier.CASE, guarded, name in self._selective)

    def relation(self, rel: Rel, *, skipping: bool = False) -> tuple[_Value, ...]:
        """The columns of a relation, once everything it computes has been looked at.

        `skipping`: what is done with its rows may make the engine read fewer of them.
        """
        kind = relations.kind(rel)
        node = relations.body(rel)
        skips = _skips(kind, node, self._functions, skipping)
        below = [self.relation(child, skipping=skips) for child in relations.inputs(rel)]
        columns: tuple[_Value, ...] = tuple(v for side in below for v in side)
        match kind:
            case "read":
                columns = self._read(rel)
            case "filter":
                self._condition(node.condition, columns)
            case "project":
                made = [self._value(e, columns) for e in node.expressions]
                if skipping and any(value.barred is not None for value in made):
                    self._select(columns)
                columns = (*columns, *made)
            case "sort":
                for key in node.sorts:
                    self._value(key.expr, columns)
            case "fetch":
                pass
            case "aggregate":
                columns = self._aggregate(node, columns)
            case "join":
                columns = self._join(rel, below)
            case "cross":
                pass
            case "set":
                columns = tuple(_either(values) for values in zip(*below, strict=True))
            case _:
                self._give_up(columns)
        mapping = relations.emitted(rel)
        return columns if mapping is None else tuple(columns[i] for i in mapping)

    def _read(self, rel: Rel) -> tuple[_Value, ...]:
        name = relations.table_name(rel)
        types = rel.read.base_schema.struct.types
        self._scans += 1
        scans = frozenset({self._scans})
        columns = tuple(_Value(_type(t), scans=scans) for t in types)
        if name is not None and name in self._governed:
            strict = frozenset({name})
            columns = tuple(
                replace(value, reads=frozenset({(name, column)}), strict=strict)
                for value, column in zip(columns, rel.read.base_schema.names, strict=True)
            )
        for condition in ("filter", "best_effort_filter"):
            if rel.read.HasField(condition):
                self._condition(getattr(rel.read, condition), columns)
        if rel.read.HasField("projection"):
            columns = tuple(columns[i.field] for i in rel.read.projection.select.struct_items)
        return columns

    def _join(self, rel: Rel, below: Sequence[tuple[_Value, ...]]) -> tuple[_Value, ...]:
        left, right = below
        for part in ("expression", "post_join_filter"):
            if rel.join.HasField(part):
                self._value(getattr(rel.join, part), (*left, *right))
        kind = relations.join_type(rel)
        if kind.startswith(("LEFT_", "RIGHT_")):
            kept = left if kind.startswith("LEFT_") else right
            if kind.endswith("MARK"):
                return (*kept, self._made(pa.bool_(), (*left, *right)))
            return kept
        return (*left, *right)

    def _aggregate(self, aggregate: AggregateRel, columns: Sequence[_Value]) -> tuple[_Value, ...]:
        keys = [self._value(e, columns) for e in aggregate.grouping_expressions]
        positions = [i for g in aggregate.groupings for i in g.expression_references]
        groups = [keys[i] for i in positions]
        if len(aggregate.groupings) > 1:
            groups = [*(keys[i] for i in different_keys(aggregate)), self._made(None, columns)]
        measures = []
        for measure in aggregate.measures:
            for argument in measure.measure.arguments:
                self._value(argument.value, columns)
            for key in measure.measure.sorts:
                self._value(key.expr, columns)
            if measure.HasField("filter"):
                self._value(measure.filter, columns)
            # an aggregate is computed over the rows that have passed: it reads no hidden one
            measures.append(_Value(_type(measure.measure.output_type)))
        return (*groups, *measures)

    def _condition(self, message: Expression, columns: Sequence[_Value]) -> None:
        """Look at a condition that rows of one relation have to meet."""
        value = self._value(message, columns)
        if value.barred is None:
            return
        self._select(columns)
        if len(frozenset().union(*(c.scans for c in columns))) <= 1:
            everything = frozenset().union(*(c.reads for c in columns))
            self._loose(frozenset(c for c in everything if c[0] not in value.barred))

    def _select(self, columns: Sequence[_Value]) -> None:
        self._selective |= {table for value in columns for table, _ in value.reads}

    def _made(
        self,
        data_type: pa.DataType | None,
        args: Sequence[_Value],
        *,
        strict: frozenset[TableName] = frozenset(),
        fails: bool = False,
    ) -> _Value:
        """The value made of others. One that `fails` has got its own barriers already."""
        reads, _ = _together(args)
        tables = frozenset(table for table, _ in reads)
        scans: frozenset[int] = frozenset().union(*(a.scans for a in args))
        barriers = [a.barred for a in args if a.barred is not None]
        if fails:
            self._failures += 1
            barriers.append(tables)
        if not barriers:
            return _Value(data_type, reads, strict, scans)
        barred = frozenset.intersection(*barriers)
        if len(scans) <= 1:
            self._loose(frozenset(column for column in reads if column[0] not in barred))
            barred |= tables
        return _Value(data_type, reads, strict, scans, barred)

    def _value(self, message: Expression, columns: Sequence[_Value]) -> _Value:
        """What is known of an expression, after noting the barriers it asks for."""
        match message.WhichOneof("rex_type"):
            case "selection":
                return self._field(message, columns)
            case "literal":
                try:
                    return _Value(relations.literal(message.literal)[1])
                except NotPushable:
                    return _Value(None)
            case "cast":
                return self._cast(message.cast, columns)
            case "scalar_function":
                return self._call(message.scalar_function, columns)
            case "singular_or_list":
                return self._in_list(message.singular_or_list, columns)
            case "if_then":
                return self._case(message.if_then, columns)
            case "subquery":
                return self._subquery(message.subquery, columns)
            case "window_function":
                return self._window(message.window_function, columns)
            case _:
                self._give_up(columns)
                return self._made(None, columns, fails=True)

    def _field(self, message: Expression, columns: Sequence[_Value]) -> _Value:
        segment = message.selection.direct_reference
        outer = message.selection.WhichOneof("root_type") == "outer_reference"
        if outer or not segment.HasField("struct_field") or segment.struct_field.HasField("child"):
            self._give_up(columns)
            return _Value(None, self._everything, barred=frozenset(self._governed))
        position: int = segment.struct_field.field
        return columns[position]

    def _cast(self, message: Expression.Cast, columns: Sequence[_Value]) -> _Value:
        value = self._value(message.input, columns)
        to = _type(message.type)
        total = totality.total_cast(value.type, to)
        if not total:
            self._fallible((value,))
        return self._made(to, (value,), strict=value.strict, fails=not total)

    def _call(self, message: Expression.ScalarFunction, columns: Sequence[_Value]) -> _Value:
        name = self._functions.get(message.function_reference, "")
        args = [self._value(a.value, columns) for a in message.arguments]
        returns = _type(message.output_type) if message.HasField("output_type") else pa.bool_()
        reads, strict = _together(args)
        fails = False
        if name in totality.LIKE:
            pattern = message.arguments[1].value
            plain = pattern.WhichOneof("rex_type") == "literal"
            fails = not plain or "\\" in pattern.literal.string
        elif name in totality.COMPARISONS:
            fails = not totality.comparable([a.type for a in args])
        elif name in totality.DIVISIONS and totality.divides(
            args[0].type, message.arguments[1].value
        ):
            pass
        elif name in totality.FALLIBLE_STRICT:
            self._fallible(args)
            return self._made(returns, args, strict=strict, fails=True)
        elif name not in totality.TESTS | totality.TOTAL_STRICT:
            fails, strict = True, frozenset()
        if name in totality.TESTS:
            strict = frozenset()
        if fails:
            self._loose(reads)
        made = self._made(returns, args, strict=strict, fails=fails)
        return self._chosen(made) if name in totality.TESTS else made

    def _in_list(self, message: Expression.SingularOrList, columns: Sequence[_Value]) -> _Value:
        value = self._value(message.value, columns)
        options = [self._value(o, columns) for o in message.options]
        values = [value, *options]
        fails = not all(totality.comparable((value.type, option.type)) for option in options)
        if fails:
            self._loose(_together(values)[0])
        made = self._made(pa.bool_(), values, strict=value.strict, fails=fails)
        return self._chosen(made)

    def _case(self, message: Expression.IfThen, columns: Sequence[_Value]) -> _Value:
        parts: list[_Value] = []
        results: list[_Value] = []
        for clause in message.ifs:
            parts.append(self._value(getattr(clause, "if"), columns))
            results.append(self._value(clause.then, columns))
        if message.HasField("else"):
            results.append(self._value(getattr(message, "else"), columns))
        known = next((r.type for r in results if r.type is not None), None)
        return self._chosen(self._made(known, [*parts, *results]))

    def _chosen(self, made: _Value) -> _Value:
        """A value of which a part may not be computed at all, by what another part comes to.

        A source that knows the least and greatest value of a column, hidden rows counted, knows
        some of that beforehand: `CASE WHEN pay > 500 THEN 1 / 0 END` fails in it or does not.
        """
        if made.barred is not None:
            self._select((made,))
        return made

    def _subquery(self, message: Expression.Subquery, columns: Sequence[_Value]) -> _Value:
        found, rel = self._failures, relations.subquery_input(message)
        inner = self.relation(rel, skipping=True)
        one = message.WhichOneof("subquery_type") == "scalar"
        needles: list[_Value] = []
        if message.WhichOneof("subquery_type") == "in_predicate":
            needles = [self._value(needle, columns) for needle in message.in_predicate.needles]
        value = self._made(inner[0].type if one else pa.bool_(), needles)
        reads, _ = _together([value, *inner])
        if self._failures > found or (one and not _one_row(rel)):
            return replace(value, reads=reads, barred=frozenset())  # computed when first needed
        return replace(value, reads=reads)

    def _window(self, message: Expression.WindowFunction, columns: Sequence[_Value]) -> _Value:
        for argument in message.arguments:
            self._value(argument.value, columns)
        for expression in (*message.partitions, *(key.expr for key in message.sorts)):
            self._value(expression, columns)
        return _Value(_type(message.output_type))  # computed over the rows that have passed

    def _fallible(self, args: Sequence[_Value]) -> None:
        reads, strict = _together(args)
        self._guarded |= {column for column in reads if column[0] in strict}
        self._loose(frozenset(column for column in reads if column[0] not in strict))

    def _loose(self, reads: frozenset[ColumnName]) -> None:
        self._fenced |= {table for table, _ in reads}

    def _give_up(self, columns: Sequence[_Value]) -> None:
        self._loose(self._everything)


def _together(args: Sequence[_Value]) -> tuple[frozenset[ColumnName], frozenset[TableName]]:
    """All that is read, and all in which one strict argument makes the whole NULL."""
    reads: frozenset[ColumnName] = frozenset().union(*(a.reads for a in args))
    strict: frozenset[TableName] = frozenset().union(*(a.strict for a in args))
    return reads, strict


def _either(values: Sequence[_Value]) -> _Value:
    """A column of a union: it reads what any branch reads, and is strict in none of them."""
    reads, _ = _together(values)
    scans: frozenset[int] = frozenset().union(*(v.scans for v in values))
    barriers = [v.barred for v in values if v.barred is not None]
    barred = frozenset.intersection(*barriers) if barriers else None
    return _Value(values[0].type, reads, frozenset(), scans, barred)


def _one_row(rel: Rel) -> bool:
    """True for an aggregate over everything: a sub-query of more than one row is an error."""
    while relations.kind(rel) in {"project", "sort"}:
        (rel,) = relations.inputs(rel)
    return relations.kind(rel) == "aggregate" and not relations.body(rel).grouping_expressions


def _skips(kind: str, node: Any, functions: Mapping[int, str], skipping: bool) -> bool:
    """Whether the engine may pass over rows below this relation by what it has found already.

    The keys of a join, the best rows of a sorted and limited result, the least value so far: the
    engine makes conditions of them as it goes, and asks the statistics of files first.
    """
    if kind == "aggregate":
        names = {functions.get(m.measure.function_reference, "") for m in node.measures}
        return not node.grouping_expressions and bool(names & {"min", "max"})
    return skipping or kind in {"fetch", "join"}


def _type(message: Type) -> pa.DataType | None:
    try:
        return arrow_type(message)
    except NotPushable:
        return None
