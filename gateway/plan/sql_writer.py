"""Writes Substrait relations as blocks of SQL, one operator at a time.

`SqlWriter.extend` answers the one question of the cut: can this operator be added to what its
inputs already ask of their source? NotPushable is the "no", with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp
from substrait.proto import AggregateRel, Expression, Rel, SetRel, SortField

from connectors.capabilities import NotPushable, Relation
from connectors.operands import Operand
from gateway.plan import relations
from gateway.plan.block import (
    Aliases,
    Block,
    check_duplicable,
    fetched,
    filtered,
    nest,
    opened,
    union_all,
)
from gateway.plan.expressions import ExpressionWriter
from gateway.plan.groupings import grouping_sets
from gateway.plan.joins import JoinWriter
from gateway.plan.relations import referenced
from gateway.plan.residency import enough_rows
from gateway.plan.secured_read import read_block
from gateway.plan.set_operations import as_set_operation
from gateway.plan.source import Source, Table
from gateway.plan.trees import adopted
from gateway.plan.windows import is_window, write_window


@dataclass(frozen=True, slots=True)
class SqlWriter:
    """Extends blocks by relations. One per plan; `subquery` finds the block of a sub-query."""

    functions: Mapping[int, str]
    aliases: Aliases
    subquery: Callable[[Rel], Block | None]

    def read(self, rel: Rel, table: Table, source: Source) -> Block:
        """The block of a bare table read, with the read's own filter and projection."""
        read = rel.read
        positions = list(range(len(read.base_schema.names)))
        if read.HasField("projection"):
            positions = [i.field for i in read.projection.select.struct_items]
        needed = {*positions, *(referenced(read.filter) if read.HasField("filter") else ())}
        names = [n for i, n in enumerate(read.base_schema.names) if i in needed]
        block = read_block(table, source, names, self.aliases)
        columns = dict(zip(sorted(needed), block.columns, strict=True))
        if read.HasField("filter"):
            source.dialect.require(Relation.FILTER)
            condition = self._expressions(source).condition(read.filter, columns)
            block = filtered(block, [condition])
        block = replace(block, columns=tuple(columns[i] for i in positions))
        return self._emit(rel, block)

    def extend(self, rel: Rel, blocks: Sequence[Block]) -> Block:
        """The block of `rel` over the blocks of its inputs, all of one source."""
        match relations.kind(rel):
            case "filter":
                block = self._filter(rel, blocks[0])
            case "project":
                block = self._project(rel, blocks[0])
            case "sort":
                block = self._sort(rel, blocks[0])
            case "fetch":
                block = self._fetch(rel, blocks[0])
            case "aggregate":
                block = self._aggregate(rel, blocks[0])
            case "join" | "cross":
                block = self._join(rel, blocks[0], blocks[1])
            case "set":
                block = self._set(rel, blocks)
            case other:
                raise NotPushable(f"operator {other}")
        return self._emit(rel, block)

    def _expressions(self, source: Source) -> ExpressionWriter:
        def scalar(rel: Rel) -> Operand:
            source.dialect.require(Relation.SCALAR_SUBQUERY)
            block = self.subquery(rel)
            if block is None or block.source.key != source.key:
                raise NotPushable("a sub-query over another source")
            if block.minimum_rows is not None:
                raise NotPushable("a sub-query over rows bound to their region")
            if len(block.columns) != 1:
                raise NotPushable("a sub-query of several columns")
            if block.groups != () and block.limit != 1:  # some sources would take the first row
                raise NotPushable("a scalar sub-query that may return several rows")
            return Operand(exp.Subquery(this=block.select()), block.columns[0].type)

        return ExpressionWriter(source.dialect, self.functions, scalar)

    def _emit(self, rel: Rel, block: Block) -> Block:
        mapping = relations.emitted(rel)
        if mapping is None:
            return block
        uses = [0] * len(block.columns)
        for position in mapping:
            uses[position] += 1
        if not check_duplicable(block.columns, uses) and not block.order:
            block = nest(block, self.aliases)
        return replace(block, columns=tuple(block.columns[i] for i in mapping))

    def _filter(self, rel: Rel, block: Block) -> Block:
        block.source.dialect.require(Relation.FILTER)
        computed_keys = any(not isinstance(key, exp.Column) for key in block.groups or ())
        if not block.filterable or computed_keys:  # HAVING may only see plain keys
            block = nest(block, self.aliases)
        condition = self._expressions(block.source).condition(rel.filter.condition, block.columns)
        return filtered(block, [condition])

    def _project(self, rel: Rel, block: Block) -> Block:
        block.source.dialect.require(Relation.PROJECT)
        expressions = list(rel.project.expressions)
        uses = [0] * len(block.columns)
        for expression in expressions:
            for position in referenced(expression):
                uses[position] += 1
        windows = any(is_window(e) for e in expressions)
        if windows:
            block.source.dialect.require(Relation.WINDOW)
            block = opened(block, self.aliases)
        if not check_duplicable(block.columns, uses) and not block.order:
            block = nest(block, self.aliases)
        writer = self._expressions(block.source)

        def written(expression: Expression) -> Operand:
            if is_window(expression):
                return write_window(
                    expression.window_function,
                    block.source.dialect,
                    self.functions,
                    lambda e: writer.write(e, block.columns),
                )
            return _passed_on(expression, block) or writer.write(expression, block.columns)

        added = tuple(written(e) for e in expressions)
        return replace(block, columns=(*block.columns, *added), windows=block.windows or windows)

    def _sort(self, rel: Rel, block: Block) -> Block:
        dialect = block.source.dialect
        dialect.require(Relation.SORT)
        if block.bounded:
            block = nest(block, self.aliases)
        writer = self._expressions(block.source)
        keys = [self._sort_key(writer, block, s) for s in rel.sort.sorts]
        return replace(block, order=tuple(k for k in keys if k is not None))

    def _sort_key(
        self, writer: ExpressionWriter, block: Block, sort: SortField
    ) -> exp.Ordered | None:
        dialect = block.source.dialect
        key = writer.write(sort.expr, block.columns)
        if key.is_literal:  # ORDER BY 1 would mean the first column
            return None
        dialect.require_kind("ORDER BY", dialect.capabilities.sorts, key.type)
        ascending_first = SortField.SORT_DIRECTION_ASC_NULLS_FIRST
        descending_first = SortField.SORT_DIRECTION_DESC_NULLS_FIRST
        descending = {descending_first, SortField.SORT_DIRECTION_DESC_NULLS_LAST}
        return exp.Ordered(
            this=dialect.sort_key(key),
            desc=sort.direction in descending,
            nulls_first=sort.direction in {ascending_first, descending_first},
        )

    def _fetch(self, rel: Rel, block: Block) -> Block:
        block.source.dialect.require(Relation.LIMIT)
        fetch = rel.fetch
        count = _constant(fetch.count_expr) if fetch.HasField("count_expr") else None
        offset = _constant(fetch.offset_expr) if fetch.HasField("offset_expr") else 0
        block = fetched(block, offset, count)
        if block.limit is None:
            raise NotPushable("OFFSET without LIMIT")
        return block

    def _aggregate(self, rel: Rel, block: Block) -> Block:
        aggregate: AggregateRel = rel.aggregate
        dialect = block.source.dialect
        dialect.require(Relation.AGGREGATE)
        block = opened(block, self.aliases)
        writer = self._expressions(block.source)
        if len(aggregate.groupings) > 1:
            return grouping_sets(aggregate, block, writer, self.aliases)
        positions = [i for g in aggregate.groupings for i in g.expression_references]
        keys = [writer.write(aggregate.grouping_expressions[i], block.columns) for i in positions]
        for key in keys:
            if key.is_literal:  # GROUP BY 1 would mean the first column
                raise NotPushable("grouping by a constant")
            dialect.require_kind("GROUP BY", dialect.capabilities.groups, key.type)
        measures = [writer.measure(m, block.columns) for m in aggregate.measures]
        if not keys and not measures:
            raise NotPushable("an aggregate of nothing")
        having: tuple[exp.Expr, ...] = ()
        if block.minimum_rows is not None:
            names = [self.functions[m.measure.function_reference] for m in aggregate.measures]
            having = enough_rows(
                block, names, aggregate.measures, self._arguments(writer, aggregate, block)
            )
        return replace(
            block,
            columns=(*keys, *measures),
            groups=tuple(k.group_key for k in keys),
            having=having,
            product=False,
            minimum_rows=None,
        )

    def _arguments(
        self, writer: ExpressionWriter, aggregate: AggregateRel, block: Block
    ) -> list[list[Operand]]:
        return [
            [writer.write(a.value, block.columns) for a in m.measure.arguments]
            for m in aggregate.measures
        ]

    def _join(self, rel: Rel, left: Block, right: Block) -> Block:
        native = as_set_operation(rel, left, right, self.functions, self.aliases)
        if native is not None:
            return native
        writer = JoinWriter(self.functions, self.aliases, self._expressions)
        return writer.join(rel, left, right)

    def _set(self, rel: Rel, blocks: Sequence[Block]) -> Block:
        if rel.set.op != SetRel.SET_OP_UNION_ALL:
            raise NotPushable("a set operation other than UNION ALL")
        blocks[0].source.dialect.require(Relation.UNION_ALL)
        return union_all(blocks, self.aliases)


def _passed_on(message: Expression, block: Block) -> Operand | None:
    """The column a projection repeats as it is, which even a sealed one may be."""
    segment = message.selection.direct_reference
    if message.WhichOneof("rex_type") != "selection" or not segment.HasField("struct_field"):
        return None
    if segment.struct_field.HasField("child"):
        return None
    column: Operand = block.columns[segment.struct_field.field]
    return column.written(adopted(column.sql))


def _constant(message: Expression) -> int:
    value, _ = relations.literal(message.literal)
    if message.WhichOneof("rex_type") != "literal" or not isinstance(value, int):
        raise NotPushable("a limit that is not constant")
    return value
