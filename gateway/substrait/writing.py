"""Writes a plan as SQL: each relation a SELECT over those below it, every column by its position.

The plan is the engine's own rendering of the client's, so the names of functions are the engine's.
Inputs are called t1, t2, ... and the columns of t1 t1_0, t1_1, ...: every name is of one thing
alone, and no name in the plan but those of datasets and their columns gets into the text. These
are quoted.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from substrait.proto import (
    AggregateFunction,
    AggregateRel,
    Expression,
    Plan,
    Rel,
    SetRel,
)

from gateway.plan import relations
from gateway.plan.null_aware import is_null_aware
from gateway.plan.types import arrow_type
from gateway.substrait.constants import NotWritable, quoted, typed_null
from gateway.substrait.expressions import Writer, is_window, written_sorts

_DISTINCT = AggregateFunction.AGGREGATION_INVOCATION_DISTINCT
_JOINS = {"INNER": "JOIN", "LEFT": "LEFT JOIN", "RIGHT": "RIGHT JOIN", "OUTER": "FULL JOIN"}


@dataclass(frozen=True, slots=True)
class Select:
    """A SELECT in the making: `columns` are written over what is behind FROM in `tail`."""

    columns: tuple[str, ...]
    tail: str
    order: str = ""
    limit: str = ""

    def text(self, names: Sequence[str]) -> str:
        """The statement, its columns called so."""
        pairs = zip(self.columns, names, strict=True)
        listed = ", ".join(f"{column} AS {name}" for column, name in pairs) or "1"
        return f"SELECT {listed}{self.tail}{self.order}{self.limit}"


def write(plan: Plan) -> str:
    """The SQL of a plan the engine has made. Raises NotWritable."""
    root = plan.relations[0].root
    writer = _PlanWriter(relations.function_names(plan))
    select = writer.select(root.input)
    names = list(root.names)
    if len(names) != len(select.columns):
        raise NotWritable("names for nested columns")
    if len(set(names)) != len(names):
        raise NotWritable("two columns of one name")
    if not names:
        raise NotWritable("an answer without columns")
    return select.text([quoted(name) for name in names])


class _PlanWriter:
    def __init__(self, functions: Mapping[int, str]) -> None:
        self._aliases = itertools.count(1)
        self._expressions = Writer(functions, self._subquery)

    def _subquery(self, rel: Rel) -> str:
        select = self.select(rel)
        return select.text(_names(self._alias(), select))

    def select(self, rel: Rel) -> Select:
        """The SELECT of a relation and all below it."""
        kind = relations.kind(rel)
        select: Select = getattr(self, f"_{kind}", self._refused)(rel)
        mapping = relations.emitted(rel)
        if mapping is None:
            return select
        return replace(select, columns=tuple(select.columns[i] for i in mapping))

    def _refused(self, rel: Rel) -> Select:
        raise NotWritable(f"a {relations.kind(rel).replace('_', ' ')}")

    def _read(self, rel: Rel) -> Select:
        read = rel.read
        name = relations.table_name(rel)
        if name is None:
            return self._constant(rel)
        alias = self._alias()
        columns = [f"{alias}.{quoted(name)}" for name in read.base_schema.names]
        tail = f" FROM {'.'.join(map(quoted, name))} AS {alias}"
        if read.HasField("filter"):
            tail += f" WHERE {self._expressions.write(read.filter, columns)}"
        if read.HasField("projection"):
            columns = [columns[item.field] for item in read.projection.select.struct_items]
        return Select(tuple(columns), tail)

    def _constant(self, rel: Rel) -> Select:
        """No rows, or one without columns: what the engine has made of others."""
        table, schema = rel.read.virtual_table, rel.read.base_schema
        rows = len(table.expressions)
        if rows == 0:
            columns = [typed_null(arrow_type(t)) for t in schema.struct.types]
            return Select(tuple(columns), " WHERE false")
        if rows == 1 and not schema.names:
            return Select((), "")
        raise NotWritable("a table of constants")

    def _filter(self, rel: Rel) -> Select:
        columns, source = self._derived(rel.filter.input)
        condition = self._expressions.write(rel.filter.condition, columns)
        return Select(columns, f"{source} WHERE {condition}")

    def _project(self, rel: Rel) -> Select:
        below = self.select(rel.project.input)
        expressions = list(rel.project.expressions)
        looks_around = any(is_window(e) for e in expressions)
        if not below.order or looks_around:
            columns, source = self._nested(below)
            below = Select(columns, source)
        added = [self._expressions.write(e, below.columns) for e in expressions]
        return replace(below, columns=(*below.columns, *added))

    def _sort(self, rel: Rel) -> Select:
        columns, source = self._derived(rel.sort.input)
        keys = written_sorts(rel.sort.sorts, self._expressions, columns)
        return Select(columns, source, f" ORDER BY {keys}" if keys else "")

    def _fetch(self, rel: Rel) -> Select:
        below = self.select(rel.fetch.input)
        if below.limit or not below.order:
            columns, source = self._nested(below)
            below = Select(columns, source)
        fetch, limit = rel.fetch, ""
        if fetch.HasField("count_expr") and (count := _number(fetch.count_expr)) is not None:
            limit += f" LIMIT {count}"
        if fetch.HasField("offset_expr") and (offset := _number(fetch.offset_expr)):
            limit += f" OFFSET {offset}"
        return replace(below, limit=limit)

    def _aggregate(self, rel: Rel) -> Select:
        aggregate = rel.aggregate
        if len(aggregate.groupings) > 1:
            raise NotWritable("more than one grouping")
        below = self.select(aggregate.input)
        positions = [i for g in aggregate.groupings for i in g.expression_references]
        columns, source = self._nested(below)
        keys = [
            self._expressions.write(aggregate.grouping_expressions[i], columns) for i in positions
        ]
        constant = [e for e in aggregate.grouping_expressions if e.HasField("literal")]
        if constant:  # GROUP BY 1 would mean the first column
            width = len(columns)
            columns, source = self._nested(Select((*columns, *keys), source))
            columns, keys = columns[:width], list(columns[width:])
        measures = [self._measure(m, columns) for m in aggregate.measures]
        grouped = f" GROUP BY {', '.join(dict.fromkeys(keys))}" if keys else ""
        return Select((*keys, *measures), source + grouped)

    def _measure(self, measure: AggregateRel.Measure, columns: Sequence[str]) -> str:
        call = measure.measure
        name = self._expressions.function(call.function_reference)
        args = [self._expressions.write(a.value, columns) for a in call.arguments]
        distinct = "DISTINCT " if call.invocation == _DISTINCT else ""
        listed = ", ".join(args) or "*"
        if call.sorts:
            listed += f" ORDER BY {written_sorts(call.sorts, self._expressions, columns)}"
        text = f"{name}({distinct}{listed})"
        if measure.HasField("filter"):
            text += f" FILTER (WHERE {self._expressions.write(measure.filter, columns)})"
        return text

    def _cross(self, rel: Rel) -> Select:
        left, first = self._derived(rel.cross.left)
        right, second = self._joined(rel.cross.right)
        return Select((*left, *right), f"{first} CROSS JOIN {second}")

    def _join(self, rel: Rel) -> Select:
        join = rel.join
        if join.HasField("post_join_filter"):
            raise NotWritable("a join with a filter after it")
        kind = relations.join_type(rel)
        side, _, rest = kind.partition("_")
        if rest in {"SEMI", "ANTI", "MARK"}:
            return self._tested(rel, side, rest)
        if kind not in _JOINS:
            raise NotWritable(f"a {kind.lower().replace('_', ' ')} join")
        left, first = self._derived(join.left)
        right, second = self._joined(join.right)
        columns = (*left, *right)
        if kind == "INNER" and (not join.HasField("expression") or join.expression.literal.boolean):
            return Select(columns, f"{first} CROSS JOIN {second}")
        condition = "true"
        if join.HasField("expression"):
            condition = self._expressions.write(join.expression, columns)
        return Select(columns, f"{first} {_JOINS[kind]} {second} ON {condition}")

    def _tested(self, rel: Rel, side: str, rest: str) -> Select:
        """A join that only tells whether a row of one side has a partner on the other."""
        join = rel.join
        kept, tested = (join.left, join.right) if side == "LEFT" else (join.right, join.left)
        columns, source = self._derived(kept)
        others, below = self._derived(tested)
        both = (*columns, *others) if side == "LEFT" else (*others, *columns)
        if is_null_aware(rel):
            if rest != "ANTI":
                raise NotWritable("a mark that may be NULL")
            first = 0 if side == "LEFT" else len(others)
            value, member = self._sides(join.expression, first, both, columns)
            return Select(columns, f"{source} WHERE {value} NOT IN (SELECT {member}{below})")
        condition = self._expressions.write(join.expression, both)
        test = f"EXISTS (SELECT 1{below} WHERE {condition})"
        if rest == "MARK":
            return Select((*columns, f"({test})"), source)
        negated = "NOT " if rest == "ANTI" else ""
        return Select(columns, f"{source} WHERE {negated}{test}")

    def _sides(
        self, condition: Expression, first: int, both: Sequence[str], kept: Sequence[str]
    ) -> tuple[str, str]:
        """The value and the member of a NOT IN; the columns of its value begin at `first`."""
        call = condition.scalar_function
        arguments = [argument.value for argument in call.arguments]
        if condition.WhichOneof("rex_type") != "scalar_function" or len(arguments) != 2:
            raise NotWritable("a NOT IN of another form")
        if self._expressions.function(call.function_reference) != "equal":
            raise NotWritable("a NOT IN of another form")
        own = range(first, first + len(kept))
        sides = [{p in own for p in relations.referenced(a)} for a in arguments]
        if sorted(map(sorted, sides)) != [[False], [True]]:
            raise NotWritable("a correlated NOT IN")
        value, member = arguments if sides[0] == {True} else reversed(arguments)
        return self._expressions.write(value, both), self._expressions.write(member, both)

    def _set(self, rel: Rel) -> Select:
        if rel.set.op != SetRel.SET_OP_UNION_ALL:
            raise NotWritable("a set operation other than UNION ALL")
        parts = [self.select(each) for each in rel.set.inputs]
        alias = self._alias()
        names = _names(alias, parts[0])
        texts = [self._plain(part).text(names) for part in parts]
        columns = tuple(f"{alias}.{name}" for name in names)
        return Select(columns, f" FROM ({' UNION ALL '.join(texts)}) AS {alias}")

    def _plain(self, select: Select) -> Select:
        """Without an order or limit of its own, which would be those of the whole union."""
        if not (select.order or select.limit):
            return select
        columns, source = self._nested(select)
        return Select(columns, source)

    def _derived(self, rel: Rel) -> tuple[tuple[str, ...], str]:
        return self._nested(self.select(rel))

    def _nested(self, select: Select) -> tuple[tuple[str, ...], str]:
        """A SELECT as a derived table: its columns, and the FROM clause."""
        columns, source = self._item(select)
        return columns, f" FROM {source}"

    def _joined(self, rel: Rel) -> tuple[tuple[str, ...], str]:
        return self._item(self.select(rel))

    def _item(self, select: Select) -> tuple[tuple[str, ...], str]:
        alias = self._alias()
        names = _names(alias, select)
        return tuple(f"{alias}.{name}" for name in names), f"({select.text(names)}) AS {alias}"

    def _alias(self) -> str:
        return f"t{next(self._aliases)}"


def _names(alias: str, select: Select) -> list[str]:
    return [f"{alias}_{i}" for i in range(len(select.columns))]


def _number(message: Expression) -> int | None:
    """A count; None for a NULL, which is no limit."""
    if message.WhichOneof("rex_type") != "literal":
        raise NotWritable("a limit that is no constant")
    value, _ = relations.literal(message.literal)
    if value is None:
        return None
    if not isinstance(value, int) or value < 0:
        raise NotWritable("a limit that is no number of rows")
    return value
