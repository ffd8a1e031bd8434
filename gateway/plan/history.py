"""Measured history: what whole queries took that a source answered, and that the engine answered.

A query that one source answers alone may be pushed, or its scans may be pulled. What it took is
remembered by its source and its shape, the text without its constants. One that took long twice in
a row when it was pushed, though its scans could be read in clearly less time, is pulled the next
time it is planned; from then on the form that was measured to be faster is kept, for as long as an
age. It is the faster of the two that counts: the first may have opened connections and filled the
memory of the source, and pulling would be compared with that.
"""

from __future__ import annotations

import math
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cachetools import TTLCache

from connectors.interface import SourceKey

SLOW_SECONDS = 0.5
"""What is answered sooner is not worth a trial."""

CLEARLY = 0.8
"""The other form must take at most this share of the time: no two runs take the same."""

ALIKE = 1.25
"""Constants count as alike while the source expects the texts to cost it so much at most, or at
least one part in so much, of each other."""

BYTES_PER_SECOND = 50e6
"""Of scans, that a source sends and the engine works on, while nothing has been measured."""

LEAST_BYTES = 500_000
"""A query of smaller scans that took long did so by chance, and is never tried."""

SHAPES = 1024
"""So many are remembered; beyond them the least recently used are forgotten."""

HELD_SHARE = 0.1
"""A run whose reader took more than this share of its time tells nothing of either form."""

_CONSTANT = re.compile(
    r""""(?:[^"]|"")*"|`(?:[^`]|``)*`|('(?:[^']|'')*'|\b[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)"""
)


@dataclass(frozen=True, slots=True)
class Watch:
    """A whole query as one plan answers it: `pulled`, or by its `source` alone.

    `text` is what the source is asked when it is pushed. `cost` is what the source expects of a
    text, None where it can not tell. `size` is the bytes that its scans are expected to send.
    After `patience` seconds without a row pulling it has lost, and it is pushed.
    """

    source: SourceKey
    text: Callable[[], str] = field(repr=False, compare=False)
    cost: Callable[[str], float | None] = field(repr=False, compare=False)
    size: Callable[[], float] = field(repr=False, compare=False)
    pulled: bool = False
    patience: float = math.inf


@dataclass(frozen=True, slots=True)
class Run:
    """What one execution took: `seconds` in all, of which its reader had `held` it for some.

    `rows` and `bytes` were sent by the source. One that is not `complete` was cancelled or failed.
    """

    seconds: float
    rows: int = 0
    bytes: int = 0
    held: float = 0.0
    complete: bool = True

    def __str__(self) -> str:
        return f"{self.seconds:.2f} s for {self.rows} rows of {self.bytes / 1e6:.1f} MB"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What history says of one query. `numbers` are what was measured; `patience` as of Watch."""

    pulled: bool
    reason: str
    numbers: str
    patience: float = math.inf


@dataclass(slots=True)
class _Entry:
    """One shape. `pushed` is the faster of two runs in a row once it is `confirmed`.

    `pulled` is None until that was tried; `pulls` is what is done from then on.
    """

    text: str
    pushed: Run
    size: float
    expected: float
    confirmed: bool
    pulled: Run | None = None
    pulls: bool = True

    def verdict(self) -> Verdict | None:
        if not self.confirmed:
            return None
        pushed = f"pushed {self.pushed}"
        if self.pulled is not None:
            numbers = f"pulled {self.pulled}, {pushed}"
            if self.pulls:
                return Verdict(True, "pulled: measured to be faster", numbers)
            return Verdict(False, "pushed: pulling was measured to be no faster", numbers)
        if self.pulls:
            reason = "pulled: to be measured, since pushing it took long"
            numbers = f"{pushed}, expected {self.expected:.2f} s"
            return Verdict(True, reason, numbers, self.pushed.seconds)
        return Verdict(False, "pushed: pulling failed or took longer", pushed)


class History:
    """What is remembered of the runs of one gateway, for `age_seconds`. Safe from any thread.

    Scans of more than `most_bytes` are never pulled by it.
    """

    def __init__(
        self,
        age_seconds: float,
        most_bytes: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._entries: TTLCache[tuple[SourceKey, str], _Entry] = TTLCache(
            SHAPES, age_seconds, clock
        )
        self._rates: TTLCache[SourceKey, float] = TTLCache(SHAPES, age_seconds, clock)

    def verdict(self, watch: Watch) -> Verdict | None:
        """What to do with a query that would be pushed; None when nothing is known of it."""
        with self._lock:
            known = self._has(watch.source, confirmed=True)
        if not known:
            return None
        text = watch.text()
        with self._lock:
            entry = self._entries.get((watch.source, shape_of(text)))
            if entry is None:
                return None
            said, measured = entry.verdict(), entry.text
        return said if said is not None and _alike(watch, text, measured) else None

    def learn(self, watch: Watch, run: Run) -> bool:
        """Remember a run. True if plans for its source are to be made anew.

        One that its reader held up, that was cancelled or that failed does not count; but if
        pulling took longer by then than pushing had, it is not waited for again.
        """
        if watch.pulled:
            return self._learn_pulled(watch, run)
        if not run.complete or run.held > HELD_SHARE * run.seconds:
            return False
        slow = run.seconds > SLOW_SECONDS
        with self._lock:
            if not slow and not self._has(watch.source, confirmed=False):
                return False
        text = watch.text()
        key = (watch.source, shape_of(text))
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and entry.confirmed:
                return False
            if not slow:
                self._entries.pop(key, None)
                return False
        size = watch.size()
        expected = self._expected(watch, size)
        again = entry is not None and _alike(watch, text, entry.text)
        if entry is not None and again:
            run = min(run, entry.pushed, key=lambda r: r.seconds)
        if expected > CLEARLY * run.seconds or not LEAST_BYTES <= size <= self._most_bytes:
            return False
        with self._lock:
            if self._entries.get(key) is not entry:  # another run was faster to be remembered
                return False
            self._entries[key] = _Entry(text, run, size, expected, again)
        return again

    def give_up(self, watch: Watch) -> bool:
        """Pulling failed or took longer: push, while it is remembered. True if that is new."""
        text = watch.text()
        with self._lock:
            entry = self._entries.get((watch.source, shape_of(text)))
            if entry is None or not entry.confirmed:
                return False
            changed = entry.pulls
            entry.pulls, entry.pulled = False, None
        return changed

    def _learn_pulled(self, watch: Watch, run: Run) -> bool:
        text = watch.text()
        working = run.seconds - run.held
        with self._lock:
            entry = self._entries.get((watch.source, shape_of(text)))
            if entry is None or not entry.confirmed or not entry.pulls:
                return False
            if not run.complete or run.held > HELD_SHARE * run.seconds:
                if working <= entry.pushed.seconds:
                    return False
                entry.pulled, entry.pulls = run, False
                return True
            known = self._rates.get(watch.source, BYTES_PER_SECOND)
            # The worst counts: a trial costs up to the pushed time once more, and what keys have
            # reduced in one query says nothing of the next.
            self._rates[watch.source] = min(known, entry.size / max(run.seconds, 1e-6))
            first = entry.pulled is None
            least = CLEARLY if first else 1 / CLEARLY
            entry.pulls = run.seconds <= least * entry.pushed.seconds
            if first or not entry.pulls:
                entry.pulled = run
            return first or not entry.pulls

    def _has(self, source: SourceKey, *, confirmed: bool) -> bool:
        """Whether a shape of the source is known by two pushed runs, or by one. With the lock."""
        entries = self._entries.items()
        return any(key[0] == source and entry.confirmed == confirmed for key, entry in entries)

    def _expected(self, watch: Watch, size: float) -> float:
        """The seconds that pulling so many bytes is expected to take."""
        with self._lock:
            rate = self._rates.get(watch.source, BYTES_PER_SECOND)
        return size / max(rate, 1.0)


def shape_of(text: str) -> str:
    """A text in SQL with ``?`` for each of its numbers and strings; quoted names stay."""
    return _CONSTANT.sub(lambda match: "?" if match[1] is not None else match[0], text)


def _alike(watch: Watch, text: str, measured: str) -> bool:
    """Whether what was measured holds for a text of the same shape with other constants."""
    if text == measured:
        return True
    now, then = watch.cost(text), watch.cost(measured)
    if now is None or then is None:
        return False
    return then <= ALIKE * now and now <= ALIKE * then
