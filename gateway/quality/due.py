"""When a rule or a promise is to be checked again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from cronsim import CronSim

from gateway.memory.quality_results import PROMISE, RULE, Result, Verdict
from gateway.model import Dataset, Promise, QualityRule
from gateway.quality.promises import AVAILABILITY, PROBE_SECONDS

RETRY_SECONDS = 60.0
"""After this long what could not be told is tried again, if it is not due before."""

Item = QualityRule | Promise
Key = tuple[str, str, str]
"""A rule or promise: the dataset's address, RULE or PROMISE, its name."""


def key(dataset: Dataset, item: Item) -> Key:
    """Under what its results are kept."""
    kind = RULE if isinstance(item, QualityRule) else PROMISE
    return (str(dataset.address), kind, item.name)


def keyed(dataset: Dataset) -> Iterator[tuple[Item, Key]]:
    """All items, each with its key. Every request asks: the address is written once."""
    address = str(dataset.address)
    for rule in dataset.quality:
        yield rule, (address, RULE, rule.name)
    for promise in dataset.promises:
        yield promise, (address, PROMISE, promise.name)


def columns_of(item: Item) -> tuple[str, ...]:
    """The columns an item speaks of."""
    if isinstance(item, Promise):
        return (item.element,) if item.element else ()
    return item.columns or ((item.column,) if item.column else ())


def current(item: Item, last: Result | None) -> Result | None:
    """The last result, if it is one of the rule as it is now."""
    return last if last is not None and last.fingerprint == item.fingerprint else None


def is_due(item: Item, last: Result | None, now: float, interval: float) -> bool:
    """Whether the schedule wants a check now: the rule's own, or else every so many seconds."""
    last = current(item, last)
    if last is None:
        return True
    if not item.checked or last.verdict is Verdict.SKIPPED:
        return False
    if isinstance(item, Promise) and item.kind == AVAILABILITY:
        interval = min(interval, PROBE_SECONDS)
    if last.verdict is Verdict.ERROR and now >= last.time + min(interval, RETRY_SECONDS):
        return True
    if item.timing.schedule:
        at = datetime.fromtimestamp(last.time, UTC)
        return next(CronSim(item.timing.schedule, at)).timestamp() <= now
    return now >= last.time + interval


def is_wanted(item: Item, last: Result | None, clock: Callable[[], float]) -> bool:
    """Whether an answer has to wait for a check: its contract asks for a younger result.

    A gate that denies is never open unseen: it is checked before the first answer.
    """
    timing = item.timing
    if (timing.gate != "deny" and timing.max_age is None) or not item.checked:
        return False
    last = current(item, last)
    if last is None:
        return True
    return timing.max_age is not None and clock() - last.time > timing.max_age
