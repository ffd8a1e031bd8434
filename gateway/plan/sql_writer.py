"""Writes Substrait relations as blocks of SQL, one operator at a time.

`SqlWriter.extend` answers the one question of the cut: can this operator be added to what its
inputs already ask of their source? NotPushable is the "no", with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
from google.protobuf.message import Message
from sqlglot import exp
from substrait.proto import AggregateRel, Expression, Rel, SetRel, SortField

from connectors.capabilities import NotPushable, Relation
from connectors.dialect import Operand
from gateway.plan import relations
from gateway.plan.block import (
    Aliases,
    Block,
    Joined,
    check_duplicable,
    fetched,
    filtered,
    nest,
    opened,
    strictest,
    union_all,
)
from gateway.plan.expressions import ExpressionWriter
from gateway.plan.null_aware import is_null_aware
from gateway.plan.residency import enough_rows
from gateway.plan.secured_read import read_block
from gateway.plan.source import Source, Table
from gateway.plan.trees import adopted

_OUTER = {
    "LEFT": Relation.LEFT_JOIN,
    "RIGHT": Relation.RIGHT_JOIN,
    "OUTER": Relation.FULL_JOIN,
}
_SIDES = {"LEFT": "left", "RIGHT": "right", "OUTER": "full"}


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
        uses = [mapping.count(i) for i in range(len(block.columns))]
        if not check_duplicable(block.columns, uses) and not block.order:
            block = nest(block, self.aliases)
        return replace(block, columns=tuple(block.columns[i] for i in mapping))

    def _filter(self, rel: Rel, block: Block) -> Block:
        block.source.dialect.require(Relation.FILTER)
        computed_keys = any(not isinstance(key, exp.Column) for key in block.groups or ())
        if block.order or block.bounded or computed_keys:  # HAVING may only see plain keys
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
        if not check_duplicable(block.columns, uses) and not block.order:
            block = nest(block, self.aliases)
        writer = self._expressions(block.source)
        added = tuple(_passed_on(e, block) or writer.write(e, block.columns) for e in expressions)
        return replace(block, columns=(*block.columns, *added))

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
        if len(aggregate.groupings) > 1:
            raise NotPushable("grouping sets")
        block = opened(block, self.aliases)
        writer = self._expressions(block.source)
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
        kind = relations.join_type(rel)
        condition = rel.join.expression if kind != "CROSS" else None
        if condition is not None and not rel.join.HasField("expression"):
            condition = None
        if kind == "CROSS" or (kind == "INNER" and condition is None):
            left.source.dialect.require(Relation.CROSS_JOIN)
            return self._inner(left, right, None)
        if kind == "INNER":
            left.source.dialect.require(Relation.INNER_JOIN)
            return self._inner(left, right, condition)
        if kind in _OUTER:
            left.source.dialect.require(_OUTER[kind])
            return self._outer(kind, left, right, condition)
        if kind in {"LEFT_SEMI", "LEFT_ANTI"}:
            return self._semi(rel, kind, left, right)
        if kind in {"RIGHT_SEMI", "RIGHT_ANTI"}:
            return self._semi(rel, kind, right, left)
        raise NotPushable(f"a {kind.lower().replace('_', ' ')} join")

    def _inner(self, left: Block, right: Block, condition: Expression | None) -> Block:
        left, right = opened(left, self.aliases), opened(right, self.aliases)
        if not right.joins_only_inner:
            right = nest(right, self.aliases)
        columns = (*left.columns, *right.columns)
        on = (
            self._expressions(left.source).condition(condition, columns)
            if condition is not None
            else None
        )
        # only the first table of the right side carries the condition; its own joins follow.
        # Their conditions never look left, so the whole condition may as well filter the result.
        tables = [*left.tables]
        head, *tail = right.tables
        single = not tail and on is not None
        tables.append(Joined(head.table, "inner" if single else "cross", on if single else None))
        tables.extend(tail)
        where = (*left.where, *right.where)
        if on is not None and not single:
            where = (*where, on)
        product = (
            left.product
            or right.product
            or not _connects(self.functions, condition, len(left.columns))
        )
        return Block(
            left.source,
            columns,
            tuple(tables),
            where,
            product=product,
            minimum_rows=strictest((left, right)),
        )

    def _outer(self, kind: str, left: Block, right: Block, condition: Expression | None) -> Block:
        left, right = opened(left, self.aliases), opened(right, self.aliases)
        # a filter may move above the join only from the side whose rows are all kept
        if len(right.tables) > 1 or right.where:
            right = nest(right, self.aliases)
        if kind != "LEFT" and (left.where or len(left.tables) > 1):
            left = nest(left, self.aliases)
        computed = kind in {"LEFT", "OUTER"} and not _all_columns(right)
        if computed:  # an expression over the null-extended side must be NULL there
            right = nest(right, self.aliases)
        if kind in {"RIGHT", "OUTER"} and not _all_columns(left):
            left = nest(left, self.aliases)
        columns = (*left.columns, *right.columns)
        on: exp.Expr = exp.true()
        if condition is not None:
            on = self._expressions(left.source).condition(condition, columns)
        tables = (*left.tables, Joined(right.tables[0].table, _SIDES[kind], on))
        product = (
            left.product
            or right.product
            or not _connects(self.functions, condition, len(left.columns))
        )
        return Block(
            left.source,
            columns,
            tables,
            left.where,
            product=product,
            minimum_rows=strictest((left, right)),
        )

    def _semi(self, rel: Rel, kind: str, kept: Block, tested: Block) -> Block:
        anti = kind.endswith("ANTI")
        kept.source.dialect.require(Relation.ANTI_JOIN if anti else Relation.SEMI_JOIN)
        if tested.minimum_rows is not None:
            raise NotPushable("which rows there are may single out a row bound to its region")
        kept = opened(kept, self.aliases)
        null_aware = is_null_aware(rel)
        swapped = kind.startswith("RIGHT")

        def side_by_side(tested: Block) -> tuple[Operand, ...]:
            left, right = (tested, kept) if swapped else (kept, tested)
            return (*left.columns, *right.columns)

        width = len(tested.columns if swapped else kept.columns)
        keys = self._equalities(rel.join.expression, width)
        if null_aware and (keys is None or len(keys) != 1):
            raise NotPushable("NOT IN with a correlated sub-query")
        if keys is not None and (null_aware or not anti):
            # a source may run EXISTS over an aggregate once a row; IN it runs once
            pairs = [(right, left) if swapped else (left, right) for left, right in keys]
            test = self._in(tested, pairs, side_by_side(tested))
        else:
            tested = opened(tested, self.aliases)
            writer = self._expressions(kept.source)
            on = writer.condition(rel.join.expression, side_by_side(tested))
            test = exp.Exists(this=filtered(replace(tested, columns=()), [on]).select())
        return replace(
            kept,
            where=(*kept.where, exp.Not(this=test) if anti else test),
        )

    def _equalities(
        self, condition: Expression, left_width: int
    ) -> list[tuple[Expression, Expression]] | None:
        """The (left, right) pairs of a condition that is nothing but equalities, or None."""
        call = condition.scalar_function
        if condition.WhichOneof("rex_type") != "scalar_function":
            return None
        name = self.functions[call.function_reference]
        arguments = [a.value for a in call.arguments]
        if name == "and":
            parts = [self._equalities(a, left_width) for a in arguments]
            return None if any(p is None for p in parts) else [x for p in parts for x in p or ()]
        if name != "equal":
            return None
        sides = [set(referenced(a)) for a in arguments]
        if not all(sides):
            return None
        if all(p < left_width for p in sides[0]) and all(p >= left_width for p in sides[1]):
            return [(arguments[0], arguments[1])]
        if all(p < left_width for p in sides[1]) and all(p >= left_width for p in sides[0]):
            return [(arguments[1], arguments[0])]
        return None

    def _in(
        self,
        tested: Block,
        pairs: Sequence[tuple[Expression, Expression]],
        columns: Sequence[Operand],
    ) -> exp.Expr:
        """``kept IN (SELECT tested ...)`` over pairs of (kept, tested) expressions."""
        writer = self._expressions(tested.source)
        if tested.bounded:  # MariaDB has no LIMIT directly inside IN
            inside = nest(tested, self.aliases)
            moved = dict(zip(map(id, tested.columns), inside.columns, strict=True))
            columns = [moved.get(id(c), c) for c in columns]
            tested = inside
        values, members = [], []
        for kept_side, tested_side in pairs:
            value, member = writer.write(kept_side, columns), writer.write(tested_side, columns)
            tested.source.dialect.call("equal", (value, member), pa.bool_())
            values.append(writer.write(kept_side, columns).sql)
            members.append(writer.write(tested_side, columns))
        value_tree = values[0] if len(values) == 1 else exp.Tuple(expressions=values)
        query = replace(tested, columns=tuple(members)).select()
        return exp.In(this=value_tree, query=exp.Subquery(this=query))

    def _set(self, rel: Rel, blocks: Sequence[Block]) -> Block:
        if rel.set.op != SetRel.SET_OP_UNION_ALL:
            raise NotPushable("a set operation other than UNION ALL")
        blocks[0].source.dialect.require(Relation.UNION_ALL)
        return union_all(blocks, self.aliases)


def referenced(message: Message) -> Iterator[int]:
    """The positions of the columns an expression refers to, outside its sub-queries."""
    if isinstance(message, Expression.FieldReference):
        yield message.direct_reference.struct_field.field
        return
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None:
            continue
        for item in value if descriptor.is_repeated else [value]:
            if isinstance(item, Message) and not isinstance(item, Rel):
                yield from referenced(item)


def _passed_on(message: Expression, block: Block) -> Operand | None:
    """The column a projection repeats as it is, which even a sealed one may be."""
    segment = message.selection.direct_reference
    if message.WhichOneof("rex_type") != "selection" or not segment.HasField("struct_field"):
        return None
    if segment.struct_field.HasField("child"):
        return None
    column: Operand = block.columns[segment.struct_field.field]
    return replace(column, sql=adopted(column.sql))


def _constant(message: Expression) -> int:
    value, _ = relations.literal(message.literal)
    if message.WhichOneof("rex_type") != "literal" or not isinstance(value, int):
        raise NotPushable("a limit that is not constant")
    return value


def _all_columns(block: Block) -> bool:
    return all(isinstance(column.sql, exp.Column) for column in block.columns)


def _connects(functions: Mapping[int, str], condition: Expression | None, left_width: int) -> bool:
    """True when some equality of the condition ties the two sides together."""
    if condition is None or condition.WhichOneof("rex_type") != "scalar_function":
        return False
    call = condition.scalar_function
    name = functions[call.function_reference]
    if name == "and":
        return any(_connects(functions, a.value, left_width) for a in call.arguments)
    if name not in {"equal", "is_not_distinct_from"}:
        return False
    positions = set(referenced(condition))
    return any(p < left_width for p in positions) and any(p >= left_width for p in positions)
