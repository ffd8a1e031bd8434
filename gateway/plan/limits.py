"""Moves LIMIT, and ORDER BY with LIMIT, nearer to the data: a rewrite of relations before the cut.

DataFusion 55 moves a plain LIMIT through projections, UNION ALL and outer joins, but an ORDER BY
with one through none of them. Here both are repeated below, and kept above:

* each branch of a UNION ALL gives at most as many rows as are wanted in all;
* a row of the side that an outer or mark join keeps gives one row or more, so the first rows of
  that side are enough, if it has the keys;
* a projection gives a row for each row, unless it computes windows.

What is repeated gives rows in no order: the one above still sorts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from google.protobuf.message import Message
from substrait.proto import Expression, Rel, SetRel, SortField

from connectors.capabilities import NotPushable
from gateway.plan import relations

Keys = tuple[SortField, ...]

UNORDERED = "unordered"
"""The alias of a fetch whose rows may come in any order, as a hint in its message."""

_KEPT_LEFT = {"LEFT", "LEFT_MARK"}
_KEPT_RIGHT = {"RIGHT", "RIGHT_MARK"}
_VOLATILE = frozenset({"random", "uuid"})


def is_unordered(rel: Rel) -> bool:
    """True for a limit that was put here for the number of its rows alone."""
    return relations.kind(rel) == "fetch" and rel.fetch.common.hint.alias == UNORDERED


def push_limits(root: Rel, functions: Mapping[int, str], is_block: Callable[[Rel], bool]) -> bool:
    """Repeat limits below what they may pass; True when the plan has been changed in place.

    `is_block` tells whether a source already answers a relation by itself: nothing is gained there.
    """
    pusher = _Pusher(functions, is_block)
    for rel in [r for r in relations.walk(root) if relations.kind(r) == "fetch"]:
        pusher.push(rel)
    for place in reversed(pusher.places):  # one limit's place may lie below another's
        place.apply()
    return bool(pusher.places)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """How many rows, the first by which keys (none: any), and what lies between them and here."""

    rows: int
    keys: Keys
    crossed: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    rel: Rel
    wanted: _Wanted

    def apply(self) -> None:
        """Put the limit above the relation, in its place."""
        below = Rel()
        below.CopyFrom(self.rel)
        self.rel.Clear()
        fetch = self.rel.fetch
        fetch.common.direct.SetInParent()
        fetch.common.hint.alias = UNORDERED
        fetch.count_expr.literal.i64 = self.wanted.rows
        if self.wanted.keys:
            sort = fetch.input.sort
            sort.common.direct.SetInParent()
            sort.sorts.extend(self.wanted.keys)
            sort.input.CopyFrom(below)
        else:
            fetch.input.CopyFrom(below)


class _Pusher:
    def __init__(self, functions: Mapping[int, str], is_block: Callable[[Rel], bool]) -> None:
        self._functions = functions
        self._is_block = is_block
        self.places: list[_Place] = []

    def push(self, fetch: Rel) -> None:
        """Find the places for what one limit wants."""
        if self._is_block(fetch):
            return
        try:
            rows = _constant(fetch, "count_expr") + _constant(fetch, "offset_expr")
        except NotPushable:
            return
        self._descend(fetch.fetch.input, _Wanted(rows, ()))

    def _descend(self, rel: Rel, wanted: _Wanted) -> None:
        """Go down from a relation of which no more is wanted."""
        kind = relations.kind(rel)
        through: list[tuple[Rel, _Wanted]] = []
        if kind == "sort" and not wanted.crossed and relations.emitted(rel) is None:
            keys = wanted.keys or tuple(rel.sort.sorts)
            if all(self._is_steady(key.expr) for key in keys):
                self._descend(rel.sort.input, replace(wanted, keys=keys))
            return
        mapped = _below_emit(rel, wanted)
        if mapped is not None:
            match kind:
                case "fetch" if not wanted.crossed and not wanted.keys:
                    self._inner_limit(rel, wanted)
                    return
                case "project":
                    through = self._project(rel, mapped)
                case "join":
                    through = self._join(rel, mapped)
                case "set" if rel.set.op == SetRel.SET_OP_UNION_ALL:
                    through = [(i, replace(mapped, crossed=True)) for i in rel.set.inputs]
        if through:
            for below, wanted_below in through:
                self._descend(below, wanted_below)
        elif self._gains(rel, wanted):
            self.places.append(_Place(rel, wanted))

    def _inner_limit(self, rel: Rel, wanted: _Wanted) -> None:
        """A limit right below another one, as DataFusion writes OFFSET: the stricter counts."""
        try:
            if _constant(rel, "offset_expr") == 0:
                rows = min(wanted.rows, _constant(rel, "count_expr"))
                self._descend(rel.fetch.input, replace(wanted, rows=rows))
        except NotPushable:
            return

    def _gains(self, rel: Rel, wanted: _Wanted) -> bool:
        if any(place.rel is rel for place in self.places):
            return False
        if relations.kind(rel) == "fetch":  # DataFusion has been here, or this file
            return False
        return wanted.crossed or (bool(wanted.keys) and self._is_block(rel))

    def _project(self, rel: Rel, wanted: _Wanted) -> list[tuple[Rel, _Wanted]]:
        expressions = list(rel.project.expressions)
        if any(_holds(e, Expression.WindowFunction) for e in expressions):
            return []
        below = rel.project.input
        width = relations.width(below)
        columns = [*(_field(i) for i in range(width)), *expressions]
        keys = _substituted(wanted.keys, columns)
        if any(_holds(k.expr, Expression.Subquery) for k in keys):
            return []
        if not all(self._is_steady(k.expr) for k in keys):
            return []
        return [(below, replace(wanted, keys=keys))]

    def _join(self, rel: Rel, wanted: _Wanted) -> list[tuple[Rel, _Wanted]]:
        kind = relations.join_type(rel)
        left, right = rel.join.left, rel.join.right
        used = {p for key in wanted.keys for p in relations.referenced(key.expr)}
        if kind in _KEPT_LEFT and all(p < relations.width(left) for p in used):
            return [(left, replace(wanted, crossed=True))]
        # a mark join has no columns of the side it only looks into
        before = 0 if kind == "RIGHT_MARK" else relations.width(left)
        end = before + relations.width(right)
        if kind in _KEPT_RIGHT and all(before <= p < end for p in used):
            columns = [_field(p - before) for p in range(end)]
            keys = _substituted(wanted.keys, columns)
            return [(right, replace(wanted, keys=keys, crossed=True))]
        return []

    def _is_steady(self, key: Expression) -> bool:
        """True for a key that is the same each time it is computed for a row."""
        calls = [m for m in _messages(key) if isinstance(m, Expression.ScalarFunction)]
        return not any(self._functions.get(c.function_reference) in _VOLATILE for c in calls)


def _below_emit(rel: Rel, wanted: _Wanted) -> _Wanted | None:
    """The same over the columns the relation has before it picks those that leave it."""
    mapping = relations.emitted(rel)
    if mapping is None or not wanted.keys:
        return wanted
    return replace(wanted, keys=_substituted(wanted.keys, [_field(p) for p in mapping]))


def _substituted(keys: Keys, columns: Sequence[Expression]) -> Keys:
    """The keys with each reference to a column replaced by an expression."""
    changed = []
    for key in keys:
        copy = SortField()
        copy.CopyFrom(key)
        _replace_fields(copy.expr, columns)
        changed.append(copy)
    return tuple(changed)


def _replace_fields(message: Message, columns: Sequence[Expression]) -> None:
    if isinstance(message, Expression) and message.WhichOneof("rex_type") == "selection":
        message.CopyFrom(columns[message.selection.direct_reference.struct_field.field])
        return
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None:
            continue
        for item in value if descriptor.is_repeated else [value]:
            if isinstance(item, Message) and not isinstance(item, Rel):
                _replace_fields(item, columns)


def _messages(message: Message) -> list[Message]:
    found = [message]
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None:
            continue
        for item in value if descriptor.is_repeated else [value]:
            if isinstance(item, Message) and not isinstance(item, Rel):
                found += _messages(item)
    return found


def _holds(expression: Expression, part: type[Message]) -> bool:
    return any(isinstance(message, part) for message in _messages(expression))


def _field(position: int) -> Expression:
    expression = Expression()
    expression.selection.direct_reference.struct_field.field = position
    expression.selection.root_reference.SetInParent()
    return expression


def _constant(rel: Rel, name: str) -> int:
    """The number of a limit or offset; 0 for an offset there is not. Raises NotPushable."""
    fetch = rel.fetch
    if not fetch.HasField(name):
        if name == "offset_expr":
            return 0
        raise NotPushable("no limit")
    message = getattr(fetch, name)
    value, _ = relations.literal(message.literal)
    if message.WhichOneof("rex_type") != "literal" or not isinstance(value, int) or value < 0:
        raise NotPushable("a limit that is not constant")
    return value
