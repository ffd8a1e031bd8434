"""A tree of inner joins taken apart: what is joined, by which conditions, and what leaves the tree.

Inner and cross joins, filters and projections between them make one graph; semi and anti joins
become conditions with a relation of their own. Whatever computes something that may fail is not
taken apart: it would see other rows. All columns of all leaves are numbered through.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from substrait.proto import Expression, Rel

from connectors.capabilities import Kind, kind_of
from connectors.interface import SourceKey
from gateway.plan import relations
from gateway.plan.columns import Column, column_type, field_position, moved, references, width
from gateway.plan.null_aware import is_null_aware
from gateway.plan.total_expressions import TotalExpressions

SourceOf = Callable[[Rel], SourceKey | None]
"""The one source that could be asked for a whole relation, None when there is none."""

_IDENTITIES = {Kind.INTEGER, Kind.DATE, Kind.TEXT}
"""Kinds whose equal values are the same value, in the engine and in every source."""

_SEMI = {"LEFT_SEMI", "LEFT_ANTI", "RIGHT_SEMI", "RIGHT_ANTI"}
_LARGEST = 4000
"""Bytes up to which a computed column is written where it is used."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """Something that is joined. `mask` is its bit in sets of leaves; columns begin at `first`."""

    rel: Rel
    mask: int
    first: int
    width: int
    source: SourceKey | None


@dataclass(frozen=True, slots=True)
class Condition:
    """What joined rows have to meet: an expression over the columns of the leaves in `mask`.

    `hashes`: it is an equality, by which an engine can join without comparing all rows with all.
    """

    expression: Expression
    refs: frozenset[int]
    mask: int
    hashes: bool


@dataclass(frozen=True, slots=True)
class SemiJoin:
    """Rows of the leaves in `mask` stay if `tested` has, or has not, a row that fits.

    In `conditions` the `width` columns of `tested` follow after the `kept` columns. `below` are
    the leaves that were joined before.
    """

    kind: str
    tested: Rel
    width: int
    conditions: tuple[Expression, ...]
    kept: tuple[int, ...]
    mask: int
    below: int
    source: SourceKey | None

    @property
    def anti(self) -> bool:
        """True when rows stay that fit nothing."""
        return self.kind.endswith("ANTI")

    @property
    def swapped(self) -> bool:
        """True when the tested side is the left one."""
        return self.kind.startswith("RIGHT")


@dataclass(slots=True)
class JoinGraph:
    """The parts of one tree. `outputs` are its columns; `steps` its joins, as pairs of leaf sets.

    `fragments` is how many pieces of a source the tree has as it is.
    """

    leaves: list[Leaf] = field(default_factory=list)
    equalities: list[tuple[int, int]] = field(default_factory=list)
    conditions: list[Condition] = field(default_factory=list)
    semis: list[SemiJoin] = field(default_factory=list)
    outputs: Sequence[Column] = ()
    steps: list[tuple[int, int]] = field(default_factory=list)
    fragments: int = 0
    equal: Expression | None = None

    def leaf_of(self, column: int) -> Leaf:
        """The leaf a column belongs to."""
        for leaf in reversed(self.leaves):
            if leaf.first <= column:
                return leaf
        raise ValueError(column)


@dataclass(frozen=True, slots=True)
class _Opened:
    """A part of the tree taken apart: its columns, its leaves, its one source if it has one."""

    columns: list[Column]
    mask: int
    source: SourceKey | None


def joins_below(rel: Rel) -> bool:
    """True when nothing but filters and projections is between a relation and a join to open."""
    while True:
        match relations.kind(rel):
            case "filter" | "project":
                rel = relations.body(rel).input
            case "cross":
                return True
            case "join":
                kind = relations.join_type(rel)
                if kind == "INNER":
                    return True
                if kind not in _SEMI or is_null_aware(rel):
                    return False
                rel = rel.join.left if kind.startswith("LEFT") else rel.join.right
            case _:
                return False


def join_graph(rel: Rel, functions: Mapping[int, str], source_of: SourceOf) -> JoinGraph | None:
    """The graph of the tree that `rel` is the root of. None when its root can not be opened."""
    return _Opener(functions, source_of).open(rel)


class _Opener:
    def __init__(self, functions: Mapping[int, str], source_of: SourceOf) -> None:
        self._functions = functions
        self._total = TotalExpressions(functions)
        self._source_of = source_of
        self._graph = JoinGraph()
        self._columns = 0
        self._types: dict[int, pa.DataType | None] = {}

    def open(self, rel: Rel) -> JoinGraph | None:
        opened = self._inside(rel)
        if opened is None or len(self._graph.leaves) < 2:
            return None
        self._graph.outputs = opened.columns
        self._graph.fragments += opened.source is not None
        return self._graph

    def _part(self, rel: Rel) -> _Opened:
        """A part taken apart, or the whole of it as a leaf."""
        graph = self._graph
        if not joins_below(rel):
            return self._leaf(rel)
        before = [len(part) for part in self._parts()]
        columns, fragments = self._columns, graph.fragments
        opened = self._inside(rel)
        if opened is None:
            for part, length in zip(self._parts(), before, strict=True):
                del part[length:]
            self._types = {c: t for c, t in self._types.items() if c < columns}
            self._columns, graph.fragments = columns, fragments
            return self._leaf(rel)
        return opened

    def _parts(self) -> tuple[list[Any], ...]:
        graph = self._graph
        return graph.leaves, graph.equalities, graph.conditions, graph.semis, graph.steps

    def _leaf(self, rel: Rel) -> _Opened:
        graph = self._graph
        source = self._source_of(rel)
        leaf = Leaf(rel, 1 << len(graph.leaves), self._columns, width(rel), source)
        graph.leaves.append(leaf)
        self._columns += leaf.width
        columns: list[Column] = list(range(leaf.first, self._columns))
        return _Opened(columns, leaf.mask, source)

    def _inside(self, rel: Rel) -> _Opened | None:
        node = relations.body(rel)
        match relations.kind(rel):
            case "filter":
                opened = self._part(node.input)
                if not self._add(node.condition, opened.columns):
                    return None
            case "project":
                opened = self._part(node.input)
                computed = [self._computed(e, opened.columns) for e in node.expressions]
                if any(c is None for c in computed):
                    return None
                columns = [*opened.columns, *(c for c in computed if c is not None)]
                opened = _Opened(columns, opened.mask, opened.source)
            case "cross":
                opened = self._joined(self._part(node.left), self._part(node.right))
            case "join" if relations.join_type(rel) == "INNER":
                opened = self._joined(self._part(node.left), self._part(node.right))
                if node.HasField("post_join_filter"):
                    return None
                if node.HasField("expression") and not self._add(node.expression, opened.columns):
                    return None
            case "join":
                semi = self._semi(rel)
                if semi is None:
                    return None
                opened = semi
            case _:
                return None
        mapping = relations.emitted(rel)
        if mapping is None:
            return opened
        return _Opened([opened.columns[i] for i in mapping], opened.mask, opened.source)

    def _joined(self, left: _Opened, right: _Opened) -> _Opened:
        graph = self._graph
        graph.steps.append((left.mask, right.mask))
        source = left.source if left.source == right.source else None
        if source is None:
            graph.fragments += (left.source is not None) + (right.source is not None)
        return _Opened([*left.columns, *right.columns], left.mask | right.mask, source)

    def _semi(self, rel: Rel) -> _Opened | None:
        join = rel.join
        kind = relations.join_type(rel)
        if kind not in _SEMI or is_null_aware(rel) or join.HasField("post_join_filter"):
            return None
        swapped = kind.startswith("RIGHT")
        tested = join.left if swapped else join.right
        opened = self._part(join.right if swapped else join.left)
        if any(not isinstance(c, int) for c in opened.columns):
            return None
        kept = [c for c in opened.columns if isinstance(c, int)]
        more = width(tested)
        if swapped:
            order: list[Column] = [*(len(kept) + i for i in range(more)), *range(len(kept))]
        else:
            order = list(range(len(kept) + more))

        def types(position: int) -> pa.DataType | None:
            place = order[position]
            assert isinstance(place, int)
            if place < len(kept):
                return self._type(kept[place])
            return column_type(tested, place - len(kept), self._functions)

        if not self._total.total(join.expression, types):
            return None
        conditions = [moved(c, order) for c in self._conjuncts(join.expression)]
        used = sorted({p for c in conditions for p in references(c) if p < len(kept)})
        if not used:
            return None
        places = {p: i for i, p in enumerate(used)}
        narrowed: list[Column] = [places.get(p, 0) for p in range(len(kept))]
        narrowed += [len(used) + i for i in range(more)]
        columns = tuple(kept[p] for p in used)
        source = self._source_of(tested)
        mask = self._mask(columns)
        self._graph.semis.append(
            SemiJoin(
                kind,
                tested,
                more,
                tuple(moved(c, narrowed) for c in conditions),
                columns,
                mask,
                opened.mask,
                source,
            )
        )
        both = opened.source if opened.source == source else None
        if both is None:
            self._graph.fragments += (opened.source is not None) + (source is not None)
        return _Opened(opened.columns, opened.mask, both)

    def _computed(self, message: Expression, columns: Sequence[Column]) -> Column | None:
        position = field_position(message)
        if position is not None:
            return columns[position]
        expression = moved(message, columns)
        total = self._total.total(expression, self._type)
        return expression if total and expression.ByteSize() < _LARGEST else None

    def _add(self, message: Expression, columns: Sequence[Column]) -> bool:
        """Note a condition over these columns. False when it must stay where it is."""
        for part in self._conjuncts(message):
            pair = self._equality(part, columns)
            if pair is not None:
                self._graph.equal = self._graph.equal or part
                self._graph.equalities.append(pair)
                continue
            expression = moved(part, columns)
            if expression.ByteSize() >= _LARGEST and any(not isinstance(c, int) for c in columns):
                return False
            if not self._total.total(expression, self._type):
                return False
            refs = references(expression)
            if not refs:
                return False
            name = self._functions.get(part.scalar_function.function_reference)
            self._graph.conditions.append(
                Condition(expression, refs, self._mask(refs), hashes=name == "equal")
            )
        return True

    def _conjuncts(self, message: Expression) -> list[Expression]:
        if message.WhichOneof("rex_type") == "scalar_function":
            call = message.scalar_function
            if self._functions.get(call.function_reference) == "and":
                return [part for a in call.arguments for part in self._conjuncts(a.value)]
        return [message]

    def _equality(self, message: Expression, columns: Sequence[Column]) -> tuple[int, int] | None:
        """The two columns that a condition says are the same value of one type."""
        if message.WhichOneof("rex_type") != "scalar_function":
            return None
        call = message.scalar_function
        if self._functions.get(call.function_reference) != "equal":
            return None
        positions = [field_position(a.value) for a in call.arguments]
        if positions[0] is None or positions[1] is None:
            return None
        a, b = columns[positions[0]], columns[positions[1]]
        if not isinstance(a, int) or not isinstance(b, int) or self._mask((a,)) == self._mask((b,)):
            return None
        known = self._type(a)
        if known is None or known != self._type(b) or kind_of(known) not in _IDENTITIES:
            return None
        return a, b

    def _type(self, column: int) -> pa.DataType | None:
        if column not in self._types:
            leaf = self._graph.leaf_of(column)
            self._types[column] = column_type(leaf.rel, column - leaf.first, self._functions)
        return self._types[column]

    def _mask(self, columns: Sequence[int] | frozenset[int]) -> int:
        mask = 0
        for column in columns:
            mask |= self._graph.leaf_of(column).mask
        return mask
