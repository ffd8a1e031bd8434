"""Semi-join reduction: a fragment's keys go into the text of another one, if that pays.

The plan holds what may be reduced by what (`Reductions`). A `Course` says in which order fragments
are read and who takes whose keys, step by step: at planning over estimates, for EXPLAIN, and at
execution over the rows that have really come.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field

from gateway.config import Config
from gateway.plan.block import Block
from gateway.plan.fragment import Fragment
from gateway.plan.key_paths import KeyPath, Place

TINY = 1_000.0
"""Rows up to which fragments are read side by side, before anything else."""

SMALL = 60_000.0
"""Rows up to which a fragment is read before the engine starts, which then knows its size."""

ATTEMPTS = 2
"""How many fragments of unknown size are begun in the hope that they are small."""

UNKNOWN_SHARE = 5
"""Into a fragment of unknown size go a fifth of the keys that may go into a known one."""

FEW_KEYS = 1_000
"""So many keys are given wherever how many rows they keep away is no more than a guess."""

SIDE_BY_SIDE = 4
"""Fragments read at once."""


@dataclass(frozen=True, slots=True)
class Reducible:
    """A fragment as the course sees it: its block, and what is estimated of it.

    `known` is false when nothing is known of a table below, or when what is known may not decide
    anything: statistics count hidden rows too. `distinct` is by column; those in `guessed` are
    of columns of which no source has said how many values they have.
    """

    number: int
    block: Block
    rows: float
    distinct: tuple[float, ...]
    known: bool
    guessed: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Reductions:
    """What the fragments of a plan may do for each other.

    `twins` leads from a fragment to the first one that asks its source for the same. `probes` are
    fragments that nothing but keys is read of: scans of local files, which the remainder reads.
    """

    paths: tuple[KeyPath, ...] = ()
    fragments: Mapping[int, Reducible] = field(default_factory=dict)
    twins: Mapping[int, int] = field(default_factory=dict)
    probes: Mapping[int, Fragment] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.fragments)

    def given_by(self, numbers: Set[int]) -> bool:
        """True when each of these fragments may give keys."""
        return numbers <= {p.giver.fragment for p in self.paths}

    def concern(self, numbers: Set[int]) -> bool:
        """True when any of these fragments may give keys or take some."""
        return any(p.giver.fragment in numbers or p.taker.fragment in numbers for p in self.paths)


@dataclass(frozen=True, slots=True)
class Step:
    """A fragment that takes keys: how many, of which places, and its rows before and after."""

    taker: Place
    givers: tuple[Place, ...]
    keys: float
    rows: float
    left: float


class Course:
    """The order of one execution. `settle` tells it what has come of a fragment."""

    def __init__(self, reductions: Reductions, config: Config) -> None:
        self._reductions = reductions
        self._config = config
        self._keys: dict[Place, float] = {}
        self._settled: set[int] = set()
        self._attempts = 0

    def settle(self, number: int, keys: Mapping[int, float] | None) -> None:
        """The fragment is read, and has so many `keys` by column; None: it is too large to give."""
        self._settled.add(number)
        for column, count in (keys or {}).items():
            self._keys[Place(number, column)] = count
        if keys is None and not self._reductions.fragments[number].known:
            self._attempts += 1

    def steps(self, number: int) -> list[Step]:
        """The keys that go into a fragment, of what has been settled."""
        fragment = self._reductions.fragments[number]
        found = []
        rows = fragment.rows
        takers = {p.taker for p in self._reductions.paths if p.taker.fragment == number}
        offers = [offer for t in takers if (offer := self._offered(fragment, t)) is not None]
        for share, taker, givers in sorted(offers):  # those that keep most away first
            keys = givers[0][0]
            if not self._pays(fragment, taker.column, keys, rows):
                continue
            found.append(Step(taker, tuple(p for _, p in givers), keys, rows, rows * share))
            rows *= share
        return found

    def _offered(
        self, fragment: Reducible, taker: Place
    ) -> tuple[float, Place, list[tuple[float, Place]]] | None:
        """What keys of a column leave of a fragment, and who gives them, the fewest keys first."""
        givers = sorted(
            (self._keys[p.giver], p.giver)
            for p in self._reductions.paths
            if p.taker == taker and p.giver in self._keys
        )
        givers = [g for g in givers if self._pays(fragment, taker.column, g[0], fragment.rows)]
        return (_share(fragment, taker.column, givers[0][0]), taker, givers) if givers else None

    def expected(self, number: int) -> float:
        """The rows a fragment will have after what is known to reduce it."""
        steps = self.steps(number)
        return steps[-1].left if steps else self._reductions.fragments[number].rows

    def next(self) -> list[int]:
        """The fragments to read next for their keys, side by side; none when no keys would pay."""
        candidates = sorted(
            (self.expected(number), number)
            for number in self._unsettled()
            if self._may_give(number)
        )
        if not candidates:
            return []
        chosen = [candidates[0][1]]
        for expected, number in candidates[1:]:
            waits = any(self._worth(giver, number) for giver in chosen)
            if (expected <= TINY or not waits) and self._known(number):
                chosen.append(number)
        return chosen[:SIDE_BY_SIDE]

    def small(self) -> list[int]:
        """The other fragments that are known to be small."""
        return [n for n in self.rest() if self._known(n) and self.expected(n) <= SMALL]

    def rest(self) -> list[int]:
        """The fragments that are not settled, without probes: who needs no keys needs none."""
        return [n for n in self._unsettled() if n not in self._reductions.probes]

    def _unsettled(self) -> list[int]:
        return [n for n in self._reductions.fragments if n not in self._settled]

    def _known(self, number: int) -> bool:
        return self._reductions.fragments[number].known

    def _may_give(self, number: int) -> bool:
        if self.expected(number) > self._config.reduction_rows:
            return False
        if not self._known(number) and self._attempts >= ATTEMPTS:
            return False
        takers = {p.taker.fragment for p in self._reductions.paths if p.giver.fragment == number}
        return any(self._worth(number, taker) for taker in takers - self._settled)

    def _worth(self, giver: int, taker: int) -> bool:
        """True when one fragment's keys are expected to pay in another, and it comes first."""
        rows = self.expected(giver)
        if (rows, giver) > (self.expected(taker), taker):
            return False
        given, taken = self._reductions.fragments[giver], self._reductions.fragments[taker]
        return any(
            self._pays(
                taken,
                path.taker.column,
                min(rows, given.distinct[path.giver.column]),
                self.expected(taker),
                guessed=not given.known,
            )
            for path in self._reductions.paths
            if path.giver.fragment == giver and path.taker.fragment == taker
        )

    def _pays(
        self, taken: Reducible, column: int, keys: float, rows: float, *, guessed: bool = False
    ) -> bool:
        """True when the rows that stay away are worth what the keys cost the source.

        With `guessed` keys, or in a fragment of unknown size, what decides is that they are few;
        guessed ones are counted when they have come.
        """
        if guessed:
            return not taken.known or rows >= self._config.reduction_least_rows
        if not taken.known:
            return keys <= self._config.reduction_keys / UNKNOWN_SHARE
        if rows < self._config.reduction_least_rows or keys > self._config.reduction_keys:
            return False
        if column in taken.guessed and keys <= FEW_KEYS:
            return True
        saved = rows - rows * _share(taken, column, keys)
        return saved >= self._config.reduction_rows_per_key * keys


def _share(fragment: Reducible, column: int, keys: float) -> float:
    return min(1.0, keys / max(fragment.distinct[column], 1.0))


def expected_steps(reductions: Reductions, config: Config) -> Iterator[Step]:
    """What a course does if the estimates are right: in the order of reading."""
    course = Course(reductions, config)
    while batch := course.next():
        for number in batch:
            yield from course.steps(number)
        for number in batch:
            rows = course.expected(number)
            distinct = reductions.fragments[number].distinct
            course.settle(number, {i: min(rows, d) for i, d in enumerate(distinct)})
    for number in course.rest():
        yield from course.steps(number)
