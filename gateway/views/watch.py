"""The watch over views: sources are looked at, and what has changed comes up to what stands on it.

A source's change is noticed by looking at it in turn, when a query trips over it, and when somebody
asks; a change of the catalogue at the next turn.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from gateway.catalogue.catalogue import Catalogue
from gateway.model import Dataset
from gateway.notices import Notice, Severity, Standing
from gateway.views.graph import Graph, graph_of
from gateway.views.health import Findings, Health, Level, SourceState, by_contract, judged
from gateway.views.journal import HealthJournal

FINDER = "views"
"""Who says what is said here, in `Standing`."""

SCHEMA_CHANGED, VIEW_DEGRADED, VIEW_BROKEN = "SCHEMA_CHANGED", "VIEW_DEGRADED", "VIEW_BROKEN"

LOOKS = 200
"""How many sources one turn looks at, those below views before all others."""

LEAST_SECONDS = 2.0
"""A source that somebody trips over is not looked at again before."""

FULL_SECONDS = 30.0
"""Turns that somebody has tripped off look at nothing else, but for one so often."""

Look = Callable[[Dataset], SourceState]
"""Asks a dataset's source what it is now."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A catalogue, its views, and what is found by its contracts alone."""

    catalogue: Catalogue
    graph: Graph
    contracts: Mapping[str, Findings]


class ViewWatch:
    """What is known of views and of the sources below them. Safe to use from many threads."""

    def __init__(
        self,
        catalogue: Callable[[], Catalogue],
        look: Look,
        standing: Standing,
        journal: HealthJournal | None = None,
        looks: int = LOOKS,
    ) -> None:
        self._catalogue = catalogue
        self._look = look
        self._standing = standing
        self._journal = journal
        self._looks = looks
        self._lock = threading.RLock()
        self._known: _Known | None = None
        self._states: dict[str, SourceState] = {}
        self._looked: dict[str, float] = {}
        self._seen: dict[str, Dataset] = {}
        self._suspects: dict[str, Dataset] = {}
        self._next = 0
        self._full_at = 0.0
        self._turns = 0
        self.healths: Mapping[str, Health] = {}

    def turn(self, closing: threading.Event | None = None) -> None:
        """Look at the sources whose turn it is, and judge the views anew.

        The first time it is only contracts that count: starting asks no source for anything.
        """
        known = self._current()
        due = self._due(known) if self._turns else []
        self._turns += 1
        self._look_at(due, closing)
        self._judge(known)

    def refresh(self, dataset: Dataset) -> Mapping[str, Health]:
        """Look at what is at the bottom of a dataset now; the healths of all that stands on it."""
        known, address = self._current(), str(dataset.address)
        sources = list(known.graph.sources_of(address)) if dataset.view is not None else [dataset]
        self._look_at(sources, None)
        self._judge(known)
        touched = known.graph.dependents(str(source.address) for source in sources)
        return {a: h for a, h in self.healths.items() if a in touched or a == address}

    def suspect(self, datasets: Iterable[Dataset]) -> bool:
        """Look at datasets first at the next turn; whether some were not looked at just now."""
        now, found = time.monotonic(), False
        with self._lock:
            for dataset in datasets:
                address = str(dataset.address)
                if dataset.view is None and now - self._looked.get(address, -1e9) > LEAST_SECONDS:
                    self._suspects[address] = dataset
                    found = True
        return found

    def suspect_below(self, view: Dataset) -> bool:
        """`suspect` for everything that a view stands on."""
        known = self._current()
        return self.suspect(known.graph.sources_of(str(view.address)))

    def state(self, address: str) -> SourceState | None:
        """What the source of a dataset was last seen to be; None: it was not looked at yet."""
        return self._states.get(address)

    @property
    def graph(self) -> Graph:
        """What every view of the catalogue stands on."""
        return self._current().graph

    def _current(self) -> _Known:
        catalogue = self._catalogue()
        known = self._known
        if known is None or known.catalogue is not catalogue:
            graph = graph_of(catalogue)
            contracts = {address: by_contract(s) for address, s in graph.views.items()}
            known = _Known(catalogue, graph, contracts)
            with self._lock:
                self._known = known
                self._forget_others(graph)
        return known

    def _forget_others(self, graph: Graph) -> None:
        """Forget what was seen of sources whose contract or place is another now."""
        for address, seen in list(self._seen.items()):
            now = graph.sources.get(address)
            if now is None or (now.schema, now.binding) != (seen.schema, seen.binding):
                for known in (self._seen, self._states, self._looked):
                    known.pop(address, None)

    def _due(self, known: _Known) -> list[Dataset]:
        with self._lock:
            suspects, self._suspects = self._suspects, {}
            below = sorted(known.graph.sources.items(), key=lambda i: self._looked.get(i[0], 0.0))
        if suspects and time.monotonic() - self._full_at < FULL_SECONDS:
            return list(suspects.values())
        self._full_at = time.monotonic()
        due = {**suspects, **dict(below[: self._looks])}
        every, room = known.catalogue.datasets, self._looks - len(due)
        others = range(max(min(room, len(every)), 0))
        for position in others:
            dataset = every[(self._next + position) % len(every)]
            if dataset.view is None and dataset.status != "retired":
                due.setdefault(str(dataset.address), dataset)
        self._next += len(others)
        return list(due.values())

    def _look_at(self, datasets: Iterable[Dataset], closing: threading.Event | None) -> None:
        down: dict[tuple[str, str], SourceState] = {}
        for dataset in datasets:
            if closing is not None and closing.is_set():
                return
            place = (dataset.binding.connector, dataset.binding.uri)
            state = down.get(place) or self._look(dataset)
            if state.unreachable:  # nor will it answer for the next one
                down[place] = state
            with self._lock:
                self._seen[str(dataset.address)] = dataset
                self._looked[str(dataset.address)] = time.monotonic()
                self._states[str(dataset.address)] = self._kept(str(dataset.address), state)

    def _kept(self, address: str, state: SourceState) -> SourceState:
        """What was known of a source that does not answer is known still."""
        before = self._states.get(address)
        if state.unreachable and before is not None:
            return SourceState(before.lost, state.unreachable, before.unreadable)
        return state

    def _judge(self, known: _Known) -> None:
        with self._lock:
            if self._known is not known:
                return  # another catalogue has come, and is judged by who brought it
            healths = judged(known.graph, known.contracts, self._states, self._unfit)
            self.healths = healths
            self._standing.set(FINDER, self._notices(known, healths))
        if self._journal is not None:
            self._journal.note(healths.values())

    def _unfit(self, address: str) -> bool:
        said = self._standing.of(address)
        return any(n.severity is Severity.DENY and n.code != VIEW_BROKEN for n in said)

    def _notices(self, known: _Known, healths: Mapping[str, Health]) -> Iterator[Notice]:
        for address, state in self._states.items():
            if state.lost or state.unreadable:
                yield Notice(
                    address, SCHEMA_CHANGED, "its source is no longer as its contract says"
                )
        for address, health in healths.items():
            if health.level is Level.BROKEN:
                yield Notice(
                    address, VIEW_BROKEN, f"the view is broken: {health.kinds}", Severity.DENY
                )
            elif health.level is Level.DEGRADED:
                yield Notice(address, VIEW_DEGRADED, f"the view is degraded: {health.kinds}")
