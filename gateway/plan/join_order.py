"""Which leaves of a join graph go to their source together, and in which order the rest is joined.

Everything here is numbers: estimates in, an order out. No order gives other rows than another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from connectors.interface import SourceKey
from gateway.plan.columns import references
from gateway.plan.join_graph import JoinGraph, SemiJoin
from gateway.plan.relation_estimate import Estimate

_FEW_ROWS = 2000.0
"""What moves in one batch anyway: nothing is kept apart to save less."""
_LITTLE_MORE = 1.2
"""So much more one piece may cost to move than two: asking once is worth something too."""
_NO_DEARER, _CLEARLY_CHEAPER = 1.02, 0.9
"""What another order may cost of the one there is: with fewer pieces to ask for, and without."""
_HASHED, _COMPARED = 0.1, 0.3
"""The share of row pairs an equality of unknown columns, or any other condition, lets pass."""
_SEMI_SHARE = 0.5
"""A semi join that is expected to keep at most this share of the rows is done early."""


@dataclass(frozen=True, slots=True)
class Tree:
    """An order of joining: one leaf, or two trees of which the `left` is built and the other read.

    `semis` are the semi joins, by position in the graph, that follow.
    """

    mask: int
    left: Tree | None = None
    right: Tree | None = None
    semis: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """Leaves joined so far. `base` is how many rows there were before filters.

    `classes` maps each class of equal columns to the number of different values; `unique` are sets
    of columns and classes that identify a row.
    """

    tree: Tree
    mask: int
    rows: float
    base: float
    bytes: float
    classes: dict[int, float]
    unique: tuple[frozenset[int], ...]
    source: SourceKey | None


@dataclass(frozen=True, slots=True)
class Order:
    """The whole order. `cost` has no unit; `fragments` is how many pieces sources are asked for."""

    tree: Tree
    cost: float
    fragments: int


@dataclass(frozen=True, slots=True)
class Sizes:
    """What is known of a leaf: `known` when it does not rest on rows that were only guessed."""

    estimate: Estimate
    base: float
    known: bool


class Ordering:
    """Finds orders for one graph. `sizes` are those of the leaves, `tested` those of semi joins."""

    def __init__(
        self,
        graph: JoinGraph,
        classes: Sequence[frozenset[int]],
        sizes: Sequence[Sizes],
        tested: Sequence[Sizes],
    ) -> None:
        self._graph = graph
        self._sizes = sizes
        self._tested = tested
        self._class_of = {column: -1 - n for n, c in enumerate(classes) for column in c}
        self._known = all(s.known for s in sizes)
        self._equal = [(graph.leaf_of(a).mask, graph.leaf_of(b).mask) for a, b in graph.equalities]
        self._classes = self._class_uses(classes)
        self._leaves = [self._leaf(n) for n in range(len(graph.leaves))]

    def _class_uses(self, classes: Sequence[frozenset[int]]) -> dict[int, tuple[int, float, bool]]:
        """Of each class: the leaves it is in, its width, and whether it is used but for joins."""
        graph = self._graph
        used: set[int] = set()
        for output in graph.outputs:
            used |= {output} if isinstance(output, int) else references(output)
        used.update(*(c.refs for c in graph.conditions), *(s.kept for s in graph.semis))
        uses = {}
        for n, members in enumerate(classes):
            leaves, width = 0, 8.0
            for column in members:
                leaf = graph.leaf_of(column)
                leaves |= leaf.mask
                size = self._sizes[leaf.mask.bit_length() - 1]
                width = size.estimate.columns[column - leaf.first].width
            uses[-1 - n] = (leaves, width, bool(members & used))
        return uses

    def _leaf(self, number: int) -> Part:
        leaf, size = self._graph.leaves[number], self._sizes[number]
        columns = size.estimate.columns
        rows = max(size.estimate.rows, 1.0)
        classes: dict[int, float] = {}
        for i in range(leaf.width):
            found = self._class_of.get(leaf.first + i)
            if found is not None:
                distinct = max(1.0, min(columns[i].distinct, rows))
                classes[found] = max(distinct, classes.get(found, 1.0))
        unique = tuple(
            frozenset(self._class_of.get(leaf.first + i, leaf.first + i) for i in columns_of)
            for columns_of in size.estimate.unique
        )
        return Part(
            Tree(leaf.mask),
            leaf.mask,
            rows,
            max(size.base, rows),
            size.estimate.bytes,
            classes,
            unique,
            leaf.source,
        )

    def rows_of_join(self, a: Part, b: Part) -> float:
        """How many rows the join of two parts is expected to have."""
        shared = a.classes.keys() & b.classes.keys()
        rows = a.rows * b.rows
        single = [
            one.rows * min(1.0, other.rows / other.base)
            for one, other in ((a, b), (b, a))
            if any(key <= shared for key in other.unique)
        ]
        if single:
            rows = min(single)
        elif shared:
            keys = [1.0, 1.0]
            for side, part in enumerate((a, b)):
                for found in shared:
                    keys[side] *= part.classes[found]
                keys[side] = min(keys[side], part.rows)
            rows /= max(keys)
        both = a.mask | b.mask
        for condition in self._graph.conditions:
            if condition.mask & a.mask and condition.mask & b.mask and not condition.mask & ~both:
                rows *= _HASHED if condition.hashes else _COMPARED
        return max(rows, 1.0)

    def connected(self, a: Part, b: Part) -> bool:
        """True when an equality ties the two together."""
        if a.classes.keys() & b.classes.keys():
            return True
        both = a.mask | b.mask
        return any(
            c.hashes and c.mask & a.mask and c.mask & b.mask and not c.mask & ~both
            for c in self._graph.conditions
        )

    def _join(self, a: Part, b: Part) -> Part:
        """The two joined, the smaller one built."""
        rows = self.rows_of_join(a, b)
        first, second = (a, b) if a.mask & -a.mask < b.mask & -b.mask else (b, a)
        if first.rows > second.rows:
            first, second = second, first
        classes = dict(a.classes)
        for found, distinct in b.classes.items():
            classes[found] = min(distinct, classes.get(found, distinct))
        shared = a.classes.keys() & b.classes.keys()
        unique: set[frozenset[int]] = set()
        for one, other in ((a, b), (b, a)):
            if any(key <= shared for key in other.unique):
                unique.update(one.unique)
        for one_key in a.unique[:2]:
            for other_key in b.unique[:2]:
                unique.add(one_key | other_key)
        mask = a.mask | b.mask
        return Part(
            Tree(mask, first.tree, second.tree),
            mask,
            rows,
            max(a.base, b.base) if shared else a.base * b.base,
            rows * (a.bytes / a.rows + b.bytes / b.rows - self._dropped(a, b)),
            {found: min(distinct, rows) for found, distinct in classes.items()},
            tuple(unique),
            a.source if a.source == b.source else None,
        )

    def _dropped(self, a: Part, b: Part) -> float:
        """The width of what is passed on once where both sides have it, or no more at all."""
        dropped = 0.0
        for found in a.classes.keys() & b.classes.keys():
            leaves, width, wanted = self._classes[found]
            ended = not wanted and not leaves & ~(a.mask | b.mask)
            dropped += width * (1 + ended)
        return dropped

    # --- what goes to a source together --------------------------------------------------------

    def _pays(self, a: Part, b: Part) -> Part | None:
        """Both as one piece of their source, if that moves less than two."""
        shared = a.classes.keys() & b.classes.keys()
        single = any(key <= shared for part in (a, b) for key in part.unique)
        asked = any(
            (x & a.mask and y & b.mask) or (x & b.mask and y & a.mask) for x, y in self._equal
        )
        if not shared or not (single or asked):
            return None
        both = self._join(a, b)
        return both if _moved(both) <= _LITTLE_MORE * (_moved(a) + _moved(b)) + _FEW_ROWS else None

    def groups(self) -> list[Part]:
        """The leaves, those of one source together where that moves less."""
        parts = {part.mask: part for part in self._leaves}
        pays: dict[tuple[int, int], Part] = {}
        waiting = list(parts.values())
        while True:
            for one in waiting:
                for other in parts.values():
                    if one.source is None or one.source != other.source or one is other:
                        continue
                    a, b = (one, other) if one.mask < other.mask else (other, one)
                    both = self._pays(a, b)
                    if both is not None:
                        pays[a.mask, b.mask] = both
            if not pays:
                return sorted(parts.values(), key=lambda part: part.mask & -part.mask)

            first, second = min(
                (_moved(both) - _moved(parts[a]) - _moved(parts[b]), (a, b))
                for (a, b), both in pays.items()
            )[1]
            joined = pays[first, second]
            del parts[first], parts[second]
            pays = {p: part for p, part in pays.items() if not {first, second} & set(p)}
            parts[joined.mask] = joined
            waiting = [joined]

    # --- the order of joins --------------------------------------------------------------------

    def best(self) -> Order:
        """The order found: always the join of the fewest rows next, products last."""
        parts, cost, done = self.groups(), 0.0, 0
        whole = (1 << len(self._graph.leaves)) - 1
        for i, part in enumerate(parts):
            parts[i], now = self._with_semis(part, done, pushed=True)
            done |= now
        fragments = sum(p.source is not None for p in parts)
        fragments += sum(
            s.source is not None and not done >> n & 1 for n, s in enumerate(self._graph.semis)
        )
        cost += sum(_moved(p) for p in parts)
        for i, part in enumerate(parts):
            parts[i], now = self._with_semis(part, done, pushed=False)
            done |= now
        while len(parts) > 1:
            options = [
                (self._late(a, b), self.rows_of_join(a, b), i, j)
                for i, a in enumerate(parts)
                for j, b in enumerate(parts[i + 1 :], i + 1)
            ]
            _, _, i, j = min(options)
            both = self._join(parts[i], parts[j])
            cost += _joined(parts[i], parts[j], both)
            both, now = self._with_semis(replace(both, source=None), done, pushed=False)
            done |= now
            parts[i] = both
            del parts[j]
        assert parts[0].mask == whole
        return Order(parts[0].tree, cost, fragments)

    def _late(self, a: Part, b: Part) -> bool:
        """True for a product, and for what would go to one source together without paying."""
        together = a.source is not None and a.source == b.source
        return together or not self.connected(a, b)

    def given(self) -> float:
        """What the tree as it is costs."""
        parts = {p.mask: p for p in self._leaves}
        cost = 0.0
        for left, right in self._graph.steps:
            a, b = parts.pop(left), parts.pop(right)
            both = self._join(a, b)
            if both.source is None:
                cost += sum(_moved(p) for p in (a, b))
                cost += _built(a.rows) + b.rows + both.rows
            parts[both.mask] = both
        return cost + sum(_moved(p) for p in parts.values())

    def _with_semis(self, part: Part, done: int, *, pushed: bool) -> tuple[Part, int]:
        """A part after the semi joins that come now, and which they are.

        With `pushed` those that go to the part's source with it.
        """
        found = 0
        for n, semi in enumerate(self._graph.semis):
            if (done | found) >> n & 1 or semi.mask & ~part.mask:
                continue
            share = self._share(part, n)
            together = part.source is not None and part.source == semi.source
            whole = part.mask == (1 << len(self._graph.leaves)) - 1
            early = whole or share <= _SEMI_SHARE or self._was_early(semi)
            if (together and pushed) or (not pushed and early):
                found |= 1 << n
                tree = replace(part.tree, semis=(*part.tree.semis, n))
                rows, size = max(part.rows * share, 1.0), part.bytes * share
                part = replace(part, tree=tree, rows=rows, bytes=size)
        return part, found

    def _was_early(self, semi: SemiJoin) -> bool:
        return semi.below != (1 << len(self._graph.leaves)) - 1

    def _share(self, part: Part, number: int) -> float:
        semi = self._graph.semis[number]
        if semi.anti:
            return 0.7
        values = min(
            (part.classes.get(self._class_of.get(c, c), part.rows) for c in semi.kept),
            default=part.rows,
        )
        return min(1.0, max(self._tested[number].estimate.rows / max(values, 1.0), 0.001))

    def worthwhile(self, order: Order) -> bool:
        """True when an order is clearly better than the tree as it is."""
        if self._known:
            fewer = order.fragments < self._graph.fragments
            return order.cost < (_NO_DEARER if fewer else _CLEARLY_CHEAPER) * self.given()
        return order.fragments < self._graph.fragments


def _moved(part: Part) -> float:
    """What it costs to get a part's rows from its source."""
    return 2 * part.rows + part.bytes / 32 if part.source is not None else part.rows


def _built(rows: float) -> float:
    """What it costs to build a hash table."""
    return 3 * rows


def _joined(a: Part, b: Part, both: Part) -> float:
    small, large = sorted((a.rows, b.rows))
    return _built(small) + large + both.rows
