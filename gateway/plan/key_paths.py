"""Which fragment's values decide which rows of another matter: joins of the remainder, followed.

A column of a fragment *gives* keys where an equality of a join compares what comes from it, and
nothing but what comes from it. A column of another fragment *takes* them where every row with any
other value may be missing or different without changing the answer. The answer is the same for
whatever the fragments hold, so a fragment that was reduced may give keys itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa
from substrait.proto import Expression, Plan, Rel, SetRel

from connectors.capabilities import Kind, NotPushable, kind_of
from connectors.dialect import widens
from connectors.keys import KEY_KINDS
from gateway.plan import relations
from gateway.plan.cutter import FRAGMENT_TABLE
from gateway.plan.null_aware import is_null_aware
from gateway.plan.types import arrow_type


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A column of a fragment: the fragment's number and the column's position."""

    fragment: int
    column: int


@dataclass(frozen=True, slots=True, order=True)
class KeyPath:
    """Rows of the taker's fragment matter only where its value is one of the giver's."""

    giver: Place
    taker: Place


@dataclass(frozen=True, slots=True)
class _Column:
    """An output column: places that have all its values (NULL aside), and its type if known."""

    places: frozenset[Place] = frozenset()
    type: pa.DataType | None = None


_OTHER = _Column()

Givers = frozenset[Place]
Wanted = Mapping[int, Givers]
"""By output position: places whose values are the only ones that matter there."""


def key_paths(plan: Plan, schemas: Mapping[int, pa.Schema]) -> tuple[KeyPath, ...]:
    """All paths of a remainder, both directions of a join; `schemas` are those of its fragments.

    A plan with an operator that is not known here has none.
    """
    root = plan.relations[0].root.input
    search = _Search(relations.function_names(plan), schemas)
    try:
        for rel in (root, *_subqueries(root)):
            search.push(rel, {})
    except _UnknownOperator:
        return ()
    return tuple(sorted(search.found))


def _subqueries(root: Rel) -> list[Rel]:
    return [nested for rel in relations.walk(root) for nested in relations.subqueries(rel)]


class _UnknownOperator(Exception):
    """An operator whose output columns are not known here."""


@dataclass
class _Search:
    functions: Mapping[int, str]
    schemas: Mapping[int, pa.Schema]
    found: set[KeyPath] = field(default_factory=set)
    known: dict[int, tuple[_Column, ...]] = field(default_factory=dict)
    alive: list[Rel] = field(default_factory=list)  # keeps the ids of messages unique

    # where values come from, bottom up

    def columns(self, rel: Rel) -> tuple[_Column, ...]:
        """The output columns of a relation."""
        if id(rel) not in self.known:
            self.alive.append(rel)
            columns = self._direct(rel)
            mapping = relations.emitted(rel)
            if mapping is not None:
                columns = tuple(columns[i] for i in mapping)
            self.known[id(rel)] = columns
        return self.known[id(rel)]

    def _direct(self, rel: Rel) -> tuple[_Column, ...]:
        kind = relations.kind(rel)
        if kind == "read":
            return self._read(rel)
        below = [self.columns(child) for child in relations.inputs(rel)]
        match kind:
            case "filter" | "sort" | "fetch":
                return below[0]
            case "project":
                return (*below[0], *(self._value(e, below[0]) for e in rel.project.expressions))
            case "aggregate":
                return self._grouped(rel, below[0])
            case "consistent_partition_window":
                functions = rel.consistent_partition_window.window_functions
                return (*below[0], *(_OTHER for _ in functions))
            case "join" | "cross":
                return self._joined(rel, below[0], below[1])
            case "set":
                return tuple(_OTHER for _ in below[0])
        raise _UnknownOperator(kind)

    def _read(self, rel: Rel) -> tuple[_Column, ...]:
        read = rel.read
        width = len(read.base_schema.struct.types)
        positions = list(range(width))
        if read.HasField("projection"):
            positions = [item.field for item in read.projection.select.struct_items]
        number = fragment_number(rel)
        if number is None:
            return tuple(_OTHER for _ in positions)
        schema = self.schemas[number]
        return tuple(
            _Column(frozenset({Place(number, i)}), schema.field(i).type) for i in positions
        )

    def _grouped(self, rel: Rel, below: Sequence[_Column]) -> tuple[_Column, ...]:
        aggregate = rel.aggregate
        measures = [_OTHER for _ in aggregate.measures]
        if len(aggregate.groupings) > 1:  # and the number of the grouping comes last
            return (*(_OTHER for _ in aggregate.grouping_expressions), *measures, _OTHER)
        keys = [self._value(e, below) for e in _group_keys(rel)]
        return (*keys, *measures)

    def _joined(
        self, rel: Rel, left: tuple[_Column, ...], right: tuple[_Column, ...]
    ) -> tuple[_Column, ...]:
        join = relations.join_type(rel)
        if not is_null_aware(rel):
            # a row without a partner is not there, or has NULL where the partner would be
            one, two = list(left), list(right)
            for a, b in self._equalities(rel, len(left)):
                both = left[a].places | right[b].places
                if join in _LEFT_TESTED:
                    one[a] = replace(one[a], places=one[a].places | both)
                if join in _RIGHT_TESTED - {"LEFT_ANTI"}:
                    two[b] = replace(two[b], places=two[b].places | both)
            left, right = tuple(one), tuple(two)
        match join:
            case "LEFT_SEMI" | "LEFT_ANTI":
                return left
            case "RIGHT_SEMI" | "RIGHT_ANTI":
                return right
            case "LEFT_MARK":
                return (*left, _OTHER)
            case "RIGHT_MARK":
                return (*right, _OTHER)
            case "INNER" | "CROSS" | "LEFT" | "RIGHT" | "OUTER" | "LEFT_SINGLE" | "RIGHT_SINGLE":
                return (*left, *right)
        raise _UnknownOperator(join)

    def _value(self, expression: Expression, columns: Sequence[_Column]) -> _Column:
        """What an expression is over columns: one of them, maybe as a wider integer."""
        position = _position(expression)
        if position is not None:
            return columns[position]
        if expression.WhichOneof("rex_type") != "cast":
            return _OTHER
        inner = self._value(expression.cast.input, columns)
        try:
            to = arrow_type(expression.cast.type)
        except NotPushable:
            return _OTHER
        whole = inner.type is not None and kind_of(inner.type) is Kind.INTEGER
        if not whole or kind_of(to) is not Kind.INTEGER or not widens(inner.type, to):
            return _OTHER
        return _Column(inner.places, to)

    # which values matter, top down

    def push(self, rel: Rel, wanted: Wanted) -> None:
        """Follow what is wanted of a relation's outputs, and what its joins add, to fragments."""
        outputs = self.columns(rel)
        mapping = relations.emitted(rel)
        direct: dict[int, Givers] = {}
        for position, givers in wanted.items():
            place = mapping[position] if mapping is not None else position
            direct[place] = direct.get(place, frozenset()) | givers
        match relations.kind(rel):
            case "read":
                for position, givers in wanted.items():
                    self._take(outputs[position], givers)
            case "filter" | "sort":
                self.push(relations.inputs(rel)[0], direct)
            case "project":
                below = relations.inputs(rel)[0]
                columns = self.columns(below)
                added = list(rel.project.expressions)
                self.push(below, self._moved(direct, added, columns, len(columns)))
            case "aggregate":
                self._push_grouped(rel, direct)
            case "join" | "cross":
                self._push_join(rel, direct)
            case "set" if rel.set.op == SetRel.SET_OP_UNION_ALL:
                for child in relations.inputs(rel):
                    self.push(child, direct)
            case _:  # a limit, a window: which rows there are decides what others become
                for child in relations.inputs(rel):
                    self.push(child, {})

    def _take(self, column: _Column, givers: Givers) -> None:
        if not column.places:
            return
        (taker,) = column.places  # that of a read
        taken = self.schemas[taker.fragment].field(taker.column).type
        for giver in givers:
            given = self.schemas[giver.fragment].field(giver.column).type
            if giver.fragment != taker.fragment and _comparable(given, taken):
                self.found.add(KeyPath(giver, taker))

    def _moved(
        self,
        direct: Wanted,
        computed: Sequence[Expression],
        columns: Sequence[_Column],
        width: int,
    ) -> Wanted:
        """What is wanted of `columns` where `computed` follow the first `width` of them."""
        moved: dict[int, Givers] = {}
        for position, givers in direct.items():
            below: int | None = position
            if position >= width:
                below = self._wide(computed[position - width], columns)
            if below is not None:
                moved[below] = moved.get(below, frozenset()) | givers
        return moved

    def _push_grouped(self, rel: Rel, direct: Wanted) -> None:
        below = relations.inputs(rel)[0]
        if len(rel.aggregate.groupings) != 1:
            self.push(below, {})
            return
        keys = _group_keys(rel)
        wanted = {p: givers for p, givers in direct.items() if p < len(keys)}
        self.push(below, self._moved(wanted, keys, self.columns(below), 0))

    def _push_join(self, rel: Rel, direct: Wanted) -> None:
        left, right = relations.inputs(rel)
        join = relations.join_type(rel)
        if is_null_aware(rel):
            self.push(left, {})
            self.push(right, {})
            return
        width = len(self.columns(left))
        keeps_right_only = join in {"RIGHT_SEMI", "RIGHT_ANTI", "RIGHT_MARK"}
        start = 0 if keeps_right_only else width  # where the right side's columns begin
        on_left = {} if keeps_right_only else {p: g for p, g in direct.items() if p < width}
        on_right = {
            p - start: g
            for p, g in direct.items()
            if p >= start and join in _RIGHT_ROWS and p - start < len(self.columns(right))
        }
        if join in {"OUTER", "LEFT_SINGLE", "RIGHT_SINGLE"}:
            on_left, on_right = {}, {}
        elif join in {"LEFT", "LEFT_SINGLE"}:
            on_right = {}
        elif join == "RIGHT":
            on_left = {}
        pairs = list(self._equalities(rel, width)) if join in _LEFT_TESTED | _RIGHT_TESTED else []
        self._exchange(pairs, (left, right), on_left, on_right, join)
        self.push(left, on_left)
        self.push(right, on_right)

    def _exchange(
        self,
        pairs: Sequence[tuple[int, int]],
        sides: tuple[Rel, Rel],
        on_left: dict[int, Givers],
        on_right: dict[int, Givers],
        join: str,
    ) -> None:
        """Let each side that is only tested, or tested as well, want what the other one has."""
        left, right = map(self.columns, sides)
        changed = True
        while changed:
            changed = False
            for a, b in pairs:
                for tested, to, at, frm, here, origin in (
                    (_RIGHT_TESTED, on_right, b, on_left, a, left[a]),
                    (_LEFT_TESTED, on_left, a, on_right, b, right[b]),
                ):
                    if join not in tested:
                        continue
                    more = to.get(at, frozenset()) | frm.get(here, frozenset()) | origin.places
                    if more != to.get(at, frozenset()):
                        to[at] = more
                        changed = True

    def _equalities(self, rel: Rel, width: int) -> Iterator[tuple[int, int]]:
        """Pairs of positions, of the left and of the right side, that must be equal."""
        if relations.kind(rel) == "cross" or not rel.join.HasField("expression"):
            return
        columns = (*self.columns(relations.inputs(rel)[0]), *self.columns(relations.inputs(rel)[1]))
        for condition in self._conjuncts(rel.join.expression):
            call = condition.scalar_function
            if condition.WhichOneof("rex_type") != "scalar_function" or len(call.arguments) != 2:
                continue
            if self.functions.get(call.function_reference) != "equal":
                continue
            values = [self._wide(argument.value, columns) for argument in call.arguments]
            first, second = values
            if first is None or second is None:
                continue
            if first < width <= second:
                yield first, second - width
            elif second < width <= first:
                yield second, first - width

    def _wide(self, expression: Expression, columns: Sequence[_Column]) -> int | None:
        """The column an expression is, if nothing but a wider integer is made of it."""
        if _position(expression) is None:
            value = self._value(expression, columns)
            if not value.places:
                return None
        return _wide_position(expression)

    def _conjuncts(self, condition: Expression) -> Iterator[Expression]:
        call = condition.scalar_function
        is_call = condition.WhichOneof("rex_type") == "scalar_function"
        if is_call and self.functions.get(call.function_reference) == "and":
            for argument in call.arguments:
                yield from self._conjuncts(argument.value)
        else:
            yield condition


_RIGHT_TESTED = frozenset({"INNER", "LEFT", "LEFT_SEMI", "LEFT_ANTI", "RIGHT_SEMI"})
"""Joins for which a row of the right side without a partner may as well not be there."""

_LEFT_TESTED = frozenset({"INNER", "RIGHT", "RIGHT_SEMI", "RIGHT_ANTI", "LEFT_SEMI"})

_RIGHT_ROWS = frozenset(
    {"INNER", "CROSS", "RIGHT", "RIGHT_SEMI", "RIGHT_ANTI", "RIGHT_MARK", "LEFT", "OUTER"}
)
"""Joins whose output has the right side's columns."""


def _group_keys(rel: Rel) -> list[Expression]:
    aggregate = rel.aggregate
    positions = [i for g in aggregate.groupings for i in g.expression_references]
    return [aggregate.grouping_expressions[i] for i in positions]


def _position(expression: Expression) -> int | None:
    """The position of the column an expression is, of this relation's own input."""
    selection = expression.selection
    if expression.WhichOneof("rex_type") != "selection" or selection.HasField("outer_reference"):
        return None
    segment = selection.direct_reference
    if not segment.HasField("struct_field") or segment.struct_field.HasField("child"):
        return None
    return int(segment.struct_field.field)


def _wide_position(expression: Expression) -> int | None:
    """The column an expression is, below the casts that only make an integer wider."""
    while expression.WhichOneof("rex_type") == "cast":
        expression = expression.cast.input
    return _position(expression)


def _comparable(given: pa.DataType, taken: pa.DataType) -> bool:
    """True when values of two types are equal exactly where their Python values are."""
    kind = kind_of(given)
    if kind not in KEY_KINDS or kind_of(taken) is not kind:
        return False
    return given == taken if kind in {Kind.DECIMAL, Kind.DATE} else True


def fragment_number(rel: Rel) -> int | None:
    """The number of the fragment a relation reads, None when it reads none."""
    name = relations.table_name(rel)
    prefix = FRAGMENT_TABLE.format("")
    if name is None or len(name) != 1 or not name[0].startswith(prefix):
        return None
    return int(name[0].removeprefix(prefix))
