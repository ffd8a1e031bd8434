"""Writes joins as blocks of SQL: inner, outer, semi, anti and mark joins, and cross products."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
from sqlglot import exp
from substrait.proto import Expression, Rel

from connectors.capabilities import NotPushable, Relation
from connectors.operands import Operand
from connectors.trees import paren
from gateway.plan import relations
from gateway.plan.block import Aliases, Block, Joined, filtered, nest, opened, strictest
from gateway.plan.expressions import ExpressionWriter
from gateway.plan.null_aware import is_null_aware
from gateway.plan.relations import referenced
from gateway.plan.source import Source

_OUTER = {
    "LEFT": Relation.LEFT_JOIN,
    "RIGHT": Relation.RIGHT_JOIN,
    "OUTER": Relation.FULL_JOIN,
}
_SIDES = {"LEFT": "left", "RIGHT": "right", "OUTER": "full"}


@dataclass(frozen=True, slots=True)
class JoinWriter:
    """Joins two blocks of one source. `expressions` makes the writer of a source's expressions."""

    functions: Mapping[int, str]
    aliases: Aliases
    expressions: Callable[[Source], ExpressionWriter]

    def join(self, rel: Rel, left: Block, right: Block) -> Block:
        """The block of a join or cross product of two blocks of one source. Raises NotPushable."""
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
        if kind == "LEFT_MARK":
            return self._mark(rel, kind, left, right)
        if kind == "RIGHT_MARK":
            return self._mark(rel, kind, right, left)
        raise NotPushable(f"a {kind.lower().replace('_', ' ')} join")

    def _inner(self, left: Block, right: Block, condition: Expression | None) -> Block:
        left, right = opened(left, self.aliases), opened(right, self.aliases)
        if not right.joins_only_inner:
            right = nest(right, self.aliases)
        columns = (*left.columns, *right.columns)
        on = (
            self.expressions(left.source).condition(condition, columns)
            if condition is not None
            else None
        )
        # only the first table of a side carries the condition; that side's own joins follow.
        # Their conditions never look at the other side, so it may as well filter the result.
        head, *tail = right.tables
        single = on is not None and not (tail and left.tables[1:])
        if single and tail:  # as a product DuckDB would keep it, and compare all rows with all
            tables = (*right.tables, replace(left.tables[0], side="inner", condition=on))
        else:
            side = "inner" if single else "cross"
            tables = (*left.tables, Joined(head.table, side, on if single else None), *tail)
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
            tables,
            where,
            product=product,
            minimum_rows=strictest((left, right)),
        )

    def _outer(self, kind: str, left: Block, right: Block, condition: Expression | None) -> Block:
        left, right = opened(left, self.aliases), opened(right, self.aliases)
        # a filter may move above the join only from the side whose rows are all kept
        first = right.source.dialect.nests_expressions and not _all_columns(right)
        if len(right.tables) > 1 or right.where:
            right = nest(right, self.aliases, first=first)
        if kind != "LEFT" and (left.where or len(left.tables) > 1):
            left = nest(left, self.aliases)
        computed = kind in {"LEFT", "OUTER"} and not _all_columns(right)
        if computed:  # an expression over the null-extended side must be NULL there
            right = nest(right, self.aliases, first=first)
        if kind in {"RIGHT", "OUTER"} and not _all_columns(left):
            left = nest(left, self.aliases)
        columns = (*left.columns, *right.columns)
        on: exp.Expr = exp.true()
        if condition is not None:
            on = self.expressions(left.source).condition(condition, columns)
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
        kept = opened(kept, self.aliases)
        # a source may run EXISTS over an aggregate once a row; IN it runs once
        nests = kept.source.dialect.nests_expressions
        test = self._test(rel, kind, kept, tested, unknown=not anti or nests)
        if anti and isinstance(test, exp.In) and not is_null_aware(rel):
            operand = Operand(paren(test), pa.bool_())
            test = kept.source.dialect.call("is_not_true", [operand], pa.bool_())
        elif anti:
            test = exp.Not(this=test)
        return replace(kept, where=(*kept.where, test))

    def _mark(self, rel: Rel, kind: str, kept: Block, tested: Block) -> Block:
        """A semi join that keeps every row and tells in a column which ones have a partner."""
        dialect = kept.source.dialect
        dialect.require(Relation.MARK_JOIN)
        if is_null_aware(rel):
            raise NotPushable("a mark that may be NULL")
        kept = opened(kept, self.aliases)
        test = paren(self._test(rel, kind, kept, tested, unknown=True))
        mark = dialect.call("is_true", [Operand(test, pa.bool_())], pa.bool_())
        return replace(kept, columns=(*kept.columns, Operand(mark, pa.bool_())))

    def _test(self, rel: Rel, kind: str, kept: Block, tested: Block, *, unknown: bool) -> exp.Expr:
        """IN or EXISTS: whether a row of `kept` has a partner.

        Without a partner IN may be NULL where EXISTS is false: it is written where NULL will do,
        as `unknown` says.
        """
        if tested.minimum_rows is not None:
            raise NotPushable("which rows there are may single out a row bound to its region")
        null_aware = is_null_aware(rel)
        swapped = kind.startswith("RIGHT")

        def side_by_side(tested: Block) -> tuple[Operand, ...]:
            left, right = (tested, kept) if swapped else (kept, tested)
            return (*left.columns, *right.columns)

        width = len(tested.columns if swapped else kept.columns)
        keys = self._equalities(rel.join.expression, width)
        if null_aware and (keys is None or len(keys) != 1):
            raise NotPushable("NOT IN with a correlated sub-query")
        if keys is not None and (null_aware or unknown):
            pairs = [(right, left) if swapped else (left, right) for left, right in keys]
            return self._in(tested, pairs, side_by_side(tested))
        connected = _connects(self.functions, rel.join.expression, width)
        if kept.source.dialect.nests_expressions and connected:
            raise NotPushable("an EXISTS by more than equalities, for which it compares every pair")
        tested = opened(tested, self.aliases)
        writer = self.expressions(kept.source)
        on = writer.condition(rel.join.expression, side_by_side(tested))
        return exp.Exists(this=filtered(replace(tested, columns=()), [on]).select())

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
        writer = self.expressions(tested.source)
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
