"""What a plan computes, without how its columns are handed on: equal for plans that mean the same.

A projection is no part of it: what it computes stands wherever its column is used. So two plans
that differ only in names, in the order of columns on the way or in projections between their
relations have one form. Where that would change what is computed the projection stays: on the side
of a join that may be filled up with NULLs.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from google.protobuf.message import Message
from substrait.proto import Expression, Plan, Rel

from gateway.plan import relations
from gateway.plan.null_aware import is_null_aware
from gateway.substrait.expressions import is_window

Tree = Hashable


@dataclass(frozen=True, slots=True)
class Form:
    """A relation: `node` without projections, and its `outputs` over that's `width` columns."""

    node: Tree
    width: int
    outputs: tuple[Tree, ...]

    @property
    def whole(self) -> Tree:
        """The relation with its outputs."""
        return (self.node, self.outputs)


def form_of(plan: Plan) -> Tree:
    """The form of a plan of one root."""
    root = plan.relations[0].root
    return (_Reader(relations.function_names(plan)).form(root.input).whole, tuple(root.names))


def _column(position: int) -> Tree:
    return ("column", position)


def _columns(width: int) -> tuple[Tree, ...]:
    return tuple(_column(i) for i in range(width))


def _is_column(tree: Tree) -> bool:
    return isinstance(tree, tuple) and len(tree) == 2 and tree[0] == "column"


class _Reader:
    def __init__(self, functions: Mapping[int, str]) -> None:
        self._functions = functions

    def form(self, rel: Rel) -> Form:
        """The form of a relation."""
        kind = relations.kind(rel)
        found: Form = getattr(self, f"_{kind}", self._other)(rel)
        mapping = relations.emitted(rel)
        if mapping is None:
            return found
        return Form(found.node, found.width, tuple(found.outputs[i] for i in mapping))

    def _read(self, rel: Rel) -> Form:
        read = rel.read
        name = relations.table_name(rel)
        if name is None:
            return self._other(rel)
        width = len(read.base_schema.names)
        condition = None
        if read.HasField("filter"):
            condition = self._tree(read.filter, _columns(width))
        positions = list(range(width))
        if read.HasField("projection"):
            positions = [item.field for item in read.projection.select.struct_items]
        return Form(("read", name, condition), width, tuple(map(_column, positions)))

    def _project(self, rel: Rel) -> Form:
        below = self.form(rel.project.input)
        expressions = list(rel.project.expressions)
        if not any(map(is_window, expressions)):
            added = tuple(self._tree(e, below.outputs) for e in expressions)
            return Form(below.node, below.width, (*below.outputs, *added))
        windows = [self._tree(e, below.outputs) for e in expressions if is_window(e)]
        node = ("window", below.node, tuple(windows))
        numbers = iter(range(below.width, below.width + len(windows)))
        added = tuple(
            _column(next(numbers)) if is_window(e) else self._tree(e, below.outputs)
            for e in expressions
        )
        return Form(node, below.width + len(windows), (*below.outputs, *added))

    def _filter(self, rel: Rel) -> Form:
        below = self.form(rel.filter.input)
        condition = self._tree(rel.filter.condition, below.outputs)
        return Form(("filter", below.node, condition), below.width, below.outputs)

    def _sort(self, rel: Rel) -> Form:
        below = self.form(rel.sort.input)
        keys = tuple(self._tree(sort, below.outputs) for sort in rel.sort.sorts)
        return Form(("sort", below.node, keys), below.width, below.outputs)

    def _fetch(self, rel: Rel) -> Form:
        below = self.form(rel.fetch.input)
        bounds = tuple(
            self._tree(getattr(rel.fetch, name), ()) if rel.fetch.HasField(name) else None
            for name in ("offset_expr", "count_expr")
        )
        return Form(("fetch", below.node, bounds), below.width, below.outputs)

    def _aggregate(self, rel: Rel) -> Form:
        aggregate = rel.aggregate
        below = self.form(aggregate.input)
        keys = tuple(self._tree(k, below.outputs) for k in aggregate.grouping_expressions)
        groups = tuple(tuple(g.expression_references) for g in aggregate.groupings)
        measures = tuple(self._tree(m, below.outputs) for m in aggregate.measures)
        width = relations.width(_without_emit(rel))
        return Form(("aggregate", below.node, keys, groups, measures), width, _columns(width))

    def _cross(self, rel: Rel) -> Form:
        return self._joined(rel, None)

    def _join(self, rel: Rel) -> Form:
        return self._joined(rel, rel.join.expression if rel.join.HasField("expression") else None)

    def _joined(self, rel: Rel, condition: Expression | None) -> Form:
        kind = relations.join_type(rel)
        body = relations.body(rel)
        left = self._kept(self.form(body.left), kind in {"RIGHT", "OUTER"})
        right = self._kept(self.form(body.right), kind in {"LEFT", "OUTER"})
        shifted = tuple(_shifted(tree, left.width) for tree in right.outputs)
        both = (*left.outputs, *shifted)
        on = None if condition is None else self._tree(condition, both)
        if kind == "INNER" and condition is not None and condition.literal.boolean:
            kind, on = "CROSS", None
        node = ("join", kind, is_null_aware(rel), left.node, right.node, on)
        side, _, rest = kind.partition("_")
        if rest not in {"SEMI", "ANTI", "MARK"}:
            return Form(node, left.width + right.width, both)
        kept = left.outputs if side == "LEFT" else shifted
        width = left.width + right.width
        if rest == "MARK":
            return Form(node, width + 1, (*kept, _column(width)))
        return Form(node, width, kept)

    def _kept(self, form: Form, filled_up: bool) -> Form:
        """The form, its projection kept where NULLs take the place of what is computed in it."""
        if not filled_up or all(map(_is_column, form.outputs)):
            return form
        width = len(form.outputs)
        return Form(("project", *form.whole), width, _columns(width))  # type: ignore[misc]

    def _set(self, rel: Rel) -> Form:
        parts = tuple(self.form(each).whole for each in rel.set.inputs)
        width = relations.width(_without_emit(rel))
        return Form(("set", int(rel.set.op), parts), width, _columns(width))

    def _other(self, rel: Rel) -> Form:
        width = relations.width(_without_emit(rel))
        return Form(("as it is", rel.SerializeToString(deterministic=True)), width, _columns(width))

    def _tree(self, message: Message, columns: Sequence[Tree]) -> Tree:
        """A message as a value: columns by what they are, functions by their names."""
        if isinstance(message, Rel):
            return self.form(message).whole
        if isinstance(message, Expression.FieldReference):
            segment = message.direct_reference
            plain = segment.HasField("struct_field") and not segment.struct_field.HasField("child")
            if plain and not message.HasField("outer_reference"):
                position: int = segment.struct_field.field
                return columns[position]
        parts: list[Tree] = [message.DESCRIPTOR.name]
        for field, value in message.ListFields():
            if field.name == "function_reference":
                parts.append((field.name, self._functions.get(value, value)))
            elif field.message_type is None:
                parts.append((field.name, tuple(value) if field.is_repeated else value))
            elif field.is_repeated:
                parts.append((field.name, tuple(self._tree(part, columns) for part in value)))
            else:
                parts.append((field.name, self._tree(value, columns)))
        if len(parts) == 2 and isinstance(message, Expression) and message.HasField("selection"):
            column: Tree = parts[1][1]  # type: ignore[index]
            return column
        return tuple(parts)


def _shifted(tree: Tree, by: int) -> Tree:
    if not isinstance(tree, tuple) or not by:
        return tree
    if _is_column(tree):
        return _column(tree[1] + by)
    return tuple(_shifted(part, by) for part in tree)


def _without_emit(rel: Rel) -> Rel:
    copy = relations.copied(rel)
    relations.body(copy).common.ClearField("emit")
    return copy
