"""Running cases: contenders take turns, so that a slow moment of the machine hits all of them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from bench.cases import REGISTRY
from bench.model import GATEWAY, RATIO, Derived, Series, SeriesResult, Settings, Total, Withdrawn


class Case(Protocol):
    """A benchmark: a name, one line of summary, and series that live as long as it is open."""

    name: str
    summary: str

    def open(
        self, settings: Settings
    ) -> AbstractContextManager[Iterator[Series | Total | Derived]]:
        """Start what the case needs; leaving the context stops it."""
        ...


def load(name: str) -> Case:
    """The case registered as `name`. Raises KeyError for an unknown one."""
    module, _, class_name = REGISTRY[name].partition(":")
    case: Case = getattr(importlib.import_module(module), class_name)()
    return case


def run(
    case: Case, settings: Settings, progress: Callable[[str], None] = lambda _: None
) -> Iterator[SeriesResult]:
    """Measure every series of the case, one after the other, and close it."""
    done: list[SeriesResult] = []
    with case.open(settings) as series:
        for one in series:
            progress(f"{case.name}: {one.name}")
            if isinstance(one, Total):
                result = _total(case.name, one, done)
            elif isinstance(one, Derived):
                values = one.values(done)
                if values is None:
                    continue
                samples = {name: (value,) for name, value in values.items()}
                compared = one.unit == RATIO or len(values) > 1
                target = one.target if compared else None  # nobody to be compared with
                result = SeriesResult(case.name, one.name, one.unit, samples, target)
            else:
                withdrawn: dict[str, str] = {}
                samples = measure(one, settings.rounds, withdrawn)
                if not samples:
                    continue
                result = SeriesResult(case.name, one.name, one.unit, samples, one.target, withdrawn)
            done.append(result)
            yield result


def _total(case: str, total: Total, parts: Sequence[SeriesResult]) -> SeriesResult:
    first = parts[0]
    samples = {
        name: tuple(map(sum, zip(*(part.samples[name] for part in parts), strict=True)))
        for name in first.samples
    }
    return SeriesResult(case, total.name, first.unit, samples, total.target)


def measure(
    series: Series, rounds: int | None = None, withdrawn: dict[str, str] | None = None
) -> dict[str, tuple[float, ...]]:
    """Warm up, then let the contenders take turns: A B A B ...; samples in the series' unit.

    A contender that withdraws has no samples; the reason goes into `withdrawn`. Nobody is measured
    once the gateway has.
    """
    samples: dict[str, list[float]] = {name: [] for name in series.contenders}
    reasons = {} if withdrawn is None else withdrawn
    for number in range(series.warmups + (rounds or series.rounds)):
        for name in list(samples):
            try:
                value = series.contenders[name]()
            except Withdrawn as reason:
                reasons[name] = str(reason)
                del samples[name]
                if name == GATEWAY:
                    return {}
                continue
            if number >= series.warmups:
                samples[name].append(value)
    return {name: tuple(values) for name, values in samples.items()}
