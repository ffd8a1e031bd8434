"""Quality of the datasets of a mesh: checked on time, once over all gateways, and told to readers.

Results are in the store. What is known here is the latest of each rule: read when the gateway
opens, before it answers, and again each time the task runs, so that what one gateway finds the
others know within `LOOK_SECONDS`.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from gateway.config import Config
from gateway.errors import Cancelled, MemoryUnavailable, ResidencyViolation
from gateway.memory import quality_results as kept
from gateway.memory.quality_results import Result, Verdict
from gateway.memory.store import Store
from gateway.model import Address, Dataset
from gateway.notices import Notice, Standing
from gateway.quality.asking import Asking, Engine
from gateway.quality.checks import Run
from gateway.quality.due import (
    RETRY_SECONDS,
    Item,
    Key,
    columns_of,
    is_due,
    is_wanted,
    key,
    keyed,
)
from gateway.quality.promises import WINDOW_SECONDS
from gateway.quality.telling import notices
from gateway.upkeep import Task

_log = logging.getLogger(__name__)

FINDER = "quality"
"""Under which name what is found stands."""

LOOK_SECONDS = 15.0
"""How often it is looked for what is due, and for what other gateways have found."""

LEASE_SECONDS = 60.0
"""How much longer than its checks may take a claim on a dataset holds, should its gateway die."""

PRUNE_SECONDS = 3600.0
RETIRED = "retired"
_UNFIT = (Verdict.FAIL, Verdict.ERROR)
_ELSEWHERE = "its rows may not come to this gateway"
WAIT_SECONDS = 0.05
"""How often an answer looks whether the gateway that checks its dataset is done."""


class Mesh(Protocol):
    """A catalogue: replaced as a whole, never changed. A dataset is made when it is asked for."""

    @property
    def datasets(self) -> Sequence[Dataset]: ...

    def positions(self, parts: tuple[str, ...]) -> Sequence[int]:
        """Those of every version of a dataset, by domain, product and dataset."""
        ...


def _declared(mesh: Mesh, address: str) -> Dataset | None:
    """The dataset at an address, if there still is one."""
    named = Address.parse(address)
    for position in mesh.positions((named.domain, named.product, named.dataset)):
        dataset = mesh.datasets[position]
        if dataset.address == named:
            return dataset
    return None


Wanted = Callable[[Item, Result | None], bool]


class Quality:
    """Checks what contracts say. Safe to use from many threads.

    `catalogue` gives the datasets as they are declared at that moment; `clock` seconds since 1970.
    """

    def __init__(
        self,
        catalogue: Callable[[], Mesh],
        engine: Engine,
        store: Store,
        standing: Standing,
        config: Config,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._catalogue = catalogue
        self._engine = engine
        self._store = store
        self._standing = standing
        self._interval = config.quality_seconds
        self._timeout = config.quality_timeout_seconds
        self._clock = clock
        self._owner = uuid.uuid4().hex
        self._lock = threading.Lock()
        self._latest: dict[Key, Result] = {}
        self._local: dict[Key, Result] = {}
        self._notices: dict[str, tuple[Notice, ...]] = {}
        self._checking: dict[str, threading.Lock] = {}
        self._watched: tuple[Mesh | None, tuple[Dataset, ...]] = (None, ())
        self._unable: dict[str, float] = {}
        self._pruned = 0.0
        self._closing = threading.Event()

    def load(self) -> None:
        """Take in what is in the store. Raises MemoryUnavailable."""
        catalogue = self._catalogue()
        with self._lock:  # what is found meanwhile comes after it
            found = {(r.dataset, r.kind, r.rule): r for r in kept.latest(self._store)}
            self._latest = found
            known = self._known()
            unfit = {r.dataset for r in known.values() if r.verdict in _UNFIT}
            declared = (_declared(catalogue, address) for address in unfit)
            self._notices = {
                str(dataset.address): tuple(notices(dataset, known))
                for dataset in declared
                if dataset is not None
            }
            self._tell()

    def task(self) -> Task:
        """What the gateway does beside its requests."""
        return Task(FINDER, LOOK_SECONDS, self.keep)

    def keep(self, stop: threading.Event) -> None:
        """Take in what others have found, and check what is due."""
        self.load()
        if self._interval <= 0:
            return
        for dataset in self.watched():
            if stop.is_set() or self._closing.is_set():
                return
            if self._able(dataset):
                self._scheduled(dataset)
        if self._clock() - self._pruned >= PRUNE_SECONDS:
            with self._store.writing() as writing:
                kept.prune(writing, self._clock())
            self._pruned = self._clock()

    def ensure(self, datasets: Iterable[Dataset]) -> None:
        """Check what answers over the datasets have to wait for. Returns when it is known.

        Raises MemoryUnavailable when the result of a gate that denies can not be told.
        """
        for dataset in datasets:
            if dataset.quality or dataset.promises:
                wanted = self._wanted(dataset, self._is_wanted)
                if wanted:
                    self._before_answer(dataset, wanted)

    def check(self, dataset: Dataset) -> list[Result]:
        """Check everything of one dataset now, whenever it was last. Raises GatewayError."""
        begun = self._clock()

        def old(item: Item, last: Result | None) -> bool:
            return last is None or last.time < begun or not item.checked

        found = self._awaited(dataset, old)
        return [found[name] for _, name in keyed(dataset) if name in found]

    def watched(self) -> tuple[Dataset, ...]:
        """The datasets whose contracts have something to check."""
        catalogue = self._catalogue()
        known, datasets = self._watched
        if known is not catalogue:
            live = (d for d in catalogue.datasets if d.status != RETIRED)
            datasets = tuple(d for d in live if d.quality or d.promises)
            self._watched = (catalogue, datasets)
        return datasets

    def close(self) -> None:
        """Let checks end: what they find from now on is not kept."""
        self._closing.set()

    def _able(self, dataset: Dataset) -> bool:
        return self._clock() >= self._unable.get(str(dataset.address), 0.0)

    def _is_wanted(self, item: Item, last: Result | None) -> bool:
        return is_wanted(item, last, self._clock)

    def _is_due(self, item: Item, last: Result | None) -> bool:
        return is_due(item, last, self._clock(), self._interval)

    def _wanted(self, dataset: Dataset, wanted: Wanted) -> list[Item]:
        latest = self._latest
        return [item for item, name in keyed(dataset) if wanted(item, latest.get(name))]

    def _scheduled(self, dataset: Dataset) -> None:
        if not self._wanted(dataset, self._is_due) or not self._claim(dataset):
            return
        try:
            self._run_claimed(dataset, self._is_due)
        except (ResidencyViolation, Cancelled):
            pass

    def _before_answer(self, dataset: Dataset, wanted: Sequence[Item]) -> None:
        denies = [item for item in wanted if item.timing.gate == "deny"]
        try:
            if self._able(dataset):
                self._awaited(dataset, self._is_wanted)
            else:
                self._unknown(dataset, denies, _ELSEWHERE)
        except ResidencyViolation:
            self._unknown(dataset, denies, _ELSEWHERE)
        except MemoryUnavailable:
            if denies:
                raise
            _log.warning("the quality of %s is not checked: no store", dataset.address)

    def _awaited(self, dataset: Dataset, wanted: Wanted) -> Mapping[Key, Result]:
        """Have what is wanted checked, here or by the gateway that has begun to."""
        end = time.monotonic() + self._timeout
        address = str(dataset.address)
        with self._lock:
            lock = self._checking.setdefault(address, threading.Lock())
        with lock:
            while self._wanted(dataset, wanted):
                if self._claim(dataset):
                    return self._run_claimed(dataset, wanted)
                if time.monotonic() >= end:
                    waiting = self._wanted(dataset, wanted)
                    self._unknown(dataset, waiting, "another gateway is still checking it")
                    break
                if self._closing.wait(WAIT_SECONDS):
                    raise Cancelled("the gateway is closing")
                self._refresh(dataset)
        return self._known()

    def _claim(self, dataset: Dataset) -> bool:
        now = self._clock()
        until = now + self._timeout + LEASE_SECONDS
        with self._store.writing() as writing:
            return kept.claim(writing, str(dataset.address), self._owner, now, until)

    def _run_claimed(self, dataset: Dataset, wanted: Wanted) -> Mapping[Key, Result]:
        """Check what is still wanted, keep what is found, and let go of the claim."""
        address = str(dataset.address)
        found: list[Result] = []
        try:
            self._refresh(dataset)  # another gateway may have been done with it just before
            found = self._found(dataset, self._wanted(dataset, wanted))
        except ResidencyViolation:  # for a gateway that is where the rows may be
            self._unable[address] = self._clock() + RETRY_SECONDS
            raise
        finally:
            if self._closing.is_set():
                found = []  # its sources may have been closed under it
            self._let_go(address, found)
        if self._closing.is_set():
            raise Cancelled("the gateway is closing")
        self._refresh(dataset)
        return self._known()

    def _found(self, dataset: Dataset, wanted: Sequence[Item]) -> list[Result]:
        deadline = time.monotonic() + self._timeout
        asking = Asking(self._engine, dataset.address, deadline, self._closing.is_set)
        now = self._clock()

        def share(answered: bool) -> float:
            with self._store.writing() as writing:
                kept.add_probe(writing, str(dataset.address), now, answered=answered)
                good, count = kept.probes(writing, str(dataset.address), now - WINDOW_SECONDS)
            return 100 * good / count

        return list(Run(uuid.uuid4().hex, now, dataset, asking, share).results(wanted))

    def _let_go(self, address: str, found: Sequence[Result]) -> None:
        with self._store.writing() as writing:
            if found and kept.holds(writing, address, self._owner):
                kept.save(writing, found)
            kept.release(writing, address, self._owner)

    def _unknown(self, dataset: Dataset, waiting: Sequence[Item], reason: str) -> None:
        """What a gate says whose result this gateway can not have: to itself, not to others."""
        now = self._clock()
        with self._lock:
            for item in waiting:
                name = key(dataset, item)
                self._local[name] = Result(
                    *name,
                    fingerprint=item.fingerprint,
                    run="",
                    time=now,
                    columns=columns_of(item),
                    metric="",
                    value=None,
                    threshold="",
                    verdict=Verdict.ERROR,
                    reason=reason,
                )
            self._renew(dataset)

    def _refresh(self, dataset: Dataset) -> None:
        """Take in what the store has of one dataset."""
        with self._lock:
            found = kept.latest_of(self._store, str(dataset.address))
            self._latest = {**self._latest, **{(r.dataset, r.kind, r.rule): r for r in found}}
            self._renew(dataset)

    def _renew(self, dataset: Dataset) -> None:
        self._notices[str(dataset.address)] = tuple(notices(dataset, self._known()))
        self._tell()

    def _known(self) -> Mapping[Key, Result]:
        """The latest results, and what stands for those this gateway can not have."""
        latest = self._latest
        for name, local in list(self._local.items()):
            stored = latest.get(name)
            if stored is not None and stored.fingerprint == local.fingerprint:
                self._local.pop(name, None)
        return {**latest, **self._local} if self._local else latest

    def _tell(self) -> None:
        self._standing.set(FINDER, (n for found in self._notices.values() for n in found))
