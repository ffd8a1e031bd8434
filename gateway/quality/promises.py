"""Promises: how old rows are, whether a source answers, and until when a dataset is there.

Of a date the last moment counts, and of a time without a zone that of UTC.
"""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from gateway.catalogue.promises import AGES, DATES
from gateway.model import Dataset, Promise
from gateway.quality import metrics
from gateway.quality.asking import Asking, CheckFailed
from gateway.quality.verdicts import number

AVAILABILITY = "availability"
WINDOW_SECONDS = 30 * 86_400.0
"""Over how long the share of answered probes is told."""

PROBE_SECONDS = 300.0
"""How often a source is asked whether it is there, at least."""

_DAY = 86_400.0
_SPANS = (("d", _DAY), ("h", 3600.0), ("min", 60.0), ("s", 1.0))


def is_checked(promise: Promise, dataset: Dataset) -> bool:
    """Whether the gateway can check it: a view has no source that could be asked."""
    return promise.checked and not (promise.kind == AVAILABILITY and dataset.view is not None)


def unchecked(promise: Promise, dataset: Dataset) -> str:
    """Why nothing checks a promise."""
    if promise.kind == AVAILABILITY:
        return "not checked: a view has no source of its own"
    if promise.element:
        return f"not checked: nothing is known of how to check {promise.name}"
    return f"not checked: nothing is known of how to check {promise.name} without a column"


def checked(
    promise: Promise, dataset: Dataset, now: float, asking: Asking, share: Callable[[bool], float]
) -> tuple[float | None, bool]:
    """What it comes to, and whether that keeps the promise. Raises as `Asking.row`.

    Ages are in seconds, shares in percent; of a date it is how long that is still away.
    """
    if promise.kind in DATES:
        left = promise.limit - now
        return left, left >= 0
    if promise.kind == AVAILABILITY:
        found = share(asking.probe(dataset))
        return found, found >= promise.limit
    row = asking.row(metrics.extremes(dataset, [promise.element]).sql("postgres"))
    oldest, newest = row["l0"], row["g0"]
    at = _seconds(newest if promise.kind in AGES else oldest)
    if at is None:  # no rows: nothing is too old, but nothing is new either
        return None, promise.kind not in AGES
    age = max(now - at, 0.0)
    return age, age <= promise.limit


def told(promise: Promise) -> str:
    """What is promised, as ``newest row at most 4 d old``."""
    if promise.kind in AGES:
        return f"newest row at most {span(promise.limit)} old"
    if promise.kind == "retention":
        return f"oldest row at most {span(promise.limit)} old"
    if promise.kind == AVAILABILITY:
        return f"at least {number(promise.limit)} % of probes answered in 30 d"
    if promise.kind in DATES:
        return f"until {promise.value}"
    return f"{promise.value} {promise.unit}".strip()


def span(seconds: float) -> str:
    """A time as people write it: ``4 d``, ``1.5 h``."""
    for unit, size in _SPANS:
        if seconds >= size:
            return f"{seconds / size:.4g} {unit}"
    return f"{seconds:.4g} s"


def _seconds(at: pa.Scalar) -> float | None:
    """A date or timestamp in seconds since 1970."""
    if not at.is_valid:
        return None
    if pa.types.is_date32(at.type):
        return (int(at.value) + 1) * _DAY
    if pa.types.is_date64(at.type):
        return int(at.value) / 1000 + _DAY
    if pa.types.is_timestamp(at.type):
        per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[at.type.unit]
        return int(at.value) / per_second
    raise CheckFailed("the column is not of dates or timestamps")
