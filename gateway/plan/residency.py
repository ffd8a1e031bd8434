"""What of a dataset bound to its region may leave it: aggregates over enough of its rows.

For a source that speaks SQL it is decided where its aggregation is written (`enough_rows`):
whatever does not pass leaves the block bound, and a bound block is never sent. For what the engine
reads itself, inside the region, the engine's plan is reshaped (`reshape`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp
from substrait.proto import (
    AGGREGATION_PHASE_INITIAL_TO_RESULT,
    AggregateFunction,
    AggregateRel,
    Expression,
    Plan,
    Rel,
    Type,
)

from connectors.capabilities import NotPushable
from connectors.operands import Operand
from gateway.errors import ResidencyViolation
from gateway.plan import relations
from gateway.plan.block import Block
from gateway.plan.source import TableName

_COUNTING = {"count", "sum", "avg"}
"""Aggregates no single row can be read from. The least or greatest value is some row's own."""

Arguments = Sequence[Sequence[Operand]]
"""The arguments of each aggregate of a list."""

_DISTINCT = AggregateFunction.AGGREGATION_INVOCATION_DISTINCT


def violation(least: int | None, *, fails: bool = False) -> ResidencyViolation:
    """The error for a plan that would move rows; `least` is what a group would need.

    With `fails` no row would move, but a computation over it may fail, and that would tell of it.
    """
    hint = None
    if fails:
        hint = "leave out what may fail for some value: division, casts, arithmetic on its columns"
    elif least is not None:
        hint = (
            f"ask for count, sum or avg over at least {least} rows each, grouped as you like,"
            " of that dataset alone"
        )
    return ResidencyViolation(
        "rows of a dataset of this query may not leave their region", hint=hint
    )


def enough_rows(
    block: Block, names: Sequence[str], measures: Sequence[AggregateRel.Measure], args: Arguments
) -> tuple[exp.Expr, ...]:
    """The HAVING conditions under which groups of the block may leave its region.

    `names` are those of the aggregates, `args` their written arguments. Raises NotPushable where
    no condition would do: over joined rows a group counts more rows than it has, and a computed
    argument may single a row out.
    """
    least = block.minimum_rows
    assert least is not None
    if len(block.tables) != 1 or not isinstance(block.tables[0].table, exp.Table):
        raise NotPushable("rows bound to their region may only be counted in their own dataset")
    counted = [exp.Count(this=exp.Star())]
    for name, measure, operands in zip(names, measures, args, strict=True):
        distinct = measure.measure.invocation == _DISTINCT
        if name not in _COUNTING or measure.HasField("filter") or (distinct and name != "count"):
            raise NotPushable(f"{name} may show a single row that is bound to its region")
        for operand in operands:
            if operand.is_literal:
                continue
            column = operand.sql.this if isinstance(operand.sql, exp.Cast) else operand.sql
            if column.sql() not in block.bases and operand.sql.sql() not in block.bases:
                raise NotPushable("a computed value may single out a row bound to its region")
            counted.append(exp.Count(this=operand.sql.copy()))
    unique = {condition.sql(): condition for condition in counted}
    return tuple(
        exp.GTE(this=condition, expression=exp.Literal.number(least))
        for condition in unique.values()
    )


def reshape(plan: Plan, bound: Mapping[TableName, int]) -> None:
    """Let the engine's own aggregations give only groups of enough rows, in place.

    `bound` are the datasets the engine reads whose rows may not go on to the caller, with the
    rows a group needs. Raises ResidencyViolation for any other use of them.
    """
    if not bound:
        return
    functions = _Functions(plan)
    _reshape(plan.relations[0].root.input, bound, functions)


def _reshape(rel: Rel, bound: Mapping[TableName, int], functions: _Functions) -> None:
    if relations.kind(rel) == "read" and relations.table_name(rel) in bound:
        raise violation(bound[relations.table_name(rel) or ()])
    least = _only_read(rel.aggregate.input, bound) if relations.kind(rel) == "aggregate" else None
    if least is not None:
        _keep_large_groups(rel, least, functions)
        return
    for child in (*relations.inputs(rel), *relations.subqueries(rel)):
        _reshape(child, bound, functions)


def _only_read(rel: Rel, bound: Mapping[TableName, int]) -> int | None:
    """The rows a group needs, if below the relation are rows of one bound dataset alone."""
    while relations.kind(rel) in {"filter", "project", "fetch"}:
        if relations.subqueries(rel):
            return None
        (rel,) = relations.inputs(rel)
    name = relations.table_name(rel)
    return bound.get(name) if name is not None else None


def _keep_large_groups(rel: Rel, least: int, functions: _Functions) -> None:
    """Put ``HAVING count(*) >= least`` and the like over an aggregation, in place."""
    aggregate = rel.aggregate
    if len(aggregate.groupings) > 1:
        raise violation(least)
    counted: dict[int, Expression] = {}
    for measure in aggregate.measures:
        call = measure.measure
        name = functions.name(call.function_reference)
        distinct = call.invocation == _DISTINCT
        if name not in _COUNTING or measure.HasField("filter") or (distinct and name != "count"):
            raise violation(least)
        for argument in call.arguments:
            value = argument.value
            if value.WhichOneof("rex_type") == "literal":
                continue
            bare = value.cast.input if value.WhichOneof("rex_type") == "cast" else value
            position = _column(bare)
            if position is None or not _passed_through(aggregate.input, position):
                raise violation(least)
            counted[position] = bare
    width = len(aggregate.measures) + sum(len(g.expression_references) for g in aggregate.groupings)
    mapping = relations.emitted(rel) or list(range(width))
    inner = Rel()
    inner.CopyFrom(rel)
    inner.aggregate.common.ClearField("emit_kind")
    inner.aggregate.common.direct.SetInParent()
    conditions: list[Expression] = []
    for column in (None, *counted.values()):
        measure = inner.aggregate.measures.add().measure
        functions.count(measure, column)
        conditions.append(functions.at_least(width + len(conditions), least))
    rel.Clear()
    rel.project.common.emit.output_mapping.extend(mapping)
    kept = rel.project.input.filter
    kept.common.direct.SetInParent()
    kept.input.CopyFrom(inner)
    kept.condition.CopyFrom(functions.all_of(conditions))


def _column(message: Expression) -> int | None:
    segment = message.selection.direct_reference
    if message.WhichOneof("rex_type") != "selection" or not segment.HasField("struct_field"):
        return None
    return None if segment.struct_field.HasField("child") else int(segment.struct_field.field)


def _passed_through(rel: Rel, position: int) -> bool:
    """True when the column of a relation is a column of the dataset below, untouched."""
    while relations.kind(rel) != "read":
        mapping = relations.emitted(rel)
        position = position if mapping is None else mapping[position]
        (below,) = relations.inputs(rel)
        if relations.kind(rel) == "project":
            width = _width(below)
            if position >= width:
                inner = _column(rel.project.expressions[position - width])
                if inner is None:
                    return False
                position = inner
        rel = below
    return True


def _width(rel: Rel) -> int:
    mapping = relations.emitted(rel)
    if mapping is not None:
        return len(mapping)
    if relations.kind(rel) == "read":
        if rel.read.HasField("projection"):
            return len(rel.read.projection.select.struct_items)
        return len(rel.read.base_schema.names)
    (below,) = relations.inputs(rel)
    more = len(rel.project.expressions) if relations.kind(rel) == "project" else 0
    return _width(below) + more


class _Functions:
    """The functions a plan knows, with those that are needed here added."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._names = relations.function_names(plan)

    def name(self, anchor: int) -> str:
        return self._names.get(anchor, "")

    def count(self, measure: AggregateFunction, column: Expression | None) -> None:
        """Make the aggregate ``count(column)``, or ``count(*)``."""
        measure.function_reference = self._anchor("count")
        measure.phase = AGGREGATION_PHASE_INITIAL_TO_RESULT
        measure.invocation = AggregateFunction.AGGREGATION_INVOCATION_ALL
        measure.output_type.i64.nullability = Type.NULLABILITY_REQUIRED
        argument = measure.arguments.add().value
        if column is None:
            argument.literal.i64 = 1
        else:
            argument.CopyFrom(column)

    def at_least(self, position: int, least: int) -> Expression:
        """``column >= least``."""
        test = self._test("gte")
        reference = test.scalar_function.arguments.add().value.selection
        reference.direct_reference.struct_field.field = position
        reference.root_reference.SetInParent()
        test.scalar_function.arguments.add().value.literal.i64 = least
        return test

    def all_of(self, conditions: Sequence[Expression]) -> Expression:
        """The conjunction."""
        whole = conditions[0]
        for condition in conditions[1:]:
            both = self._test("and")
            both.scalar_function.arguments.add().value.CopyFrom(whole)
            both.scalar_function.arguments.add().value.CopyFrom(condition)
            whole = both
        return whole

    def _test(self, name: str) -> Expression:
        test = Expression()
        test.scalar_function.function_reference = self._anchor(name)
        test.scalar_function.output_type.bool.nullability = Type.NULLABILITY_NULLABLE
        return test

    def _anchor(self, name: str) -> int:
        for anchor, known in self._names.items():
            if known == name:
                return anchor
        anchor = max(self._names, default=0) + 1
        declaration = self._plan.extensions.add().extension_function
        if len(self._plan.extensions) > 1:
            declaration.CopyFrom(self._plan.extensions[0].extension_function)
        declaration.function_anchor = anchor
        declaration.name = name
        self._names[anchor] = name
        return anchor
