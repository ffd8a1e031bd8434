"""The checks of one dataset: its rules and promises, each with what was found."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from gateway.catalogue.quality_rules import OBJECT, PROPERTY
from gateway.errors import Cancelled, ResidencyViolation
from gateway.memory.quality_results import Result, Verdict
from gateway.model import Dataset, Promise, QualityRule
from gateway.quality import metrics, promises
from gateway.quality.asking import Asking, CheckFailed
from gateway.quality.due import Item, columns_of, key
from gateway.quality.verdicts import met, told

_log = logging.getLogger(__name__)

DIALECT = "postgres"
"""What the gateway reads, as sqlglot calls it."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a check came to. `value` is a number, or None."""

    value: float | None
    verdict: Verdict
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """One run over a dataset, at `time` in seconds since 1970. `share` is of answered probes."""

    id: str
    time: float
    dataset: Dataset
    asking: Asking
    share: Callable[[bool], float]

    def results(self, items: Sequence[Item]) -> Iterator[Result]:
        """The result of each. Raises Cancelled, and ResidencyViolation where nothing may be read.

        Everything else that goes wrong is a verdict: it could not be told.
        """
        rules = [item for item in items if isinstance(item, QualityRule)]
        library = [rule for rule in rules if rule.kind == "library"]
        if library:
            yield from self._library(library)
        for rule in rules:
            if rule.kind == "sql":
                yield self._timed(rule, lambda rule=rule: self._sql(rule))  # type: ignore[misc]
            elif not rule.checked:
                yield self._result(rule, Found(None, Verdict.SKIPPED, unchecked(rule)), 0.0)
        promised = [item for item in items if isinstance(item, Promise)]
        yield from self._promises(promised)

    def _library(self, rules: Sequence[QualityRule]) -> Iterator[Result]:
        """All in one query; if that fails for what may be one rule's fault, each by itself."""
        started = time.perf_counter()
        try:
            row = self.asking.row(metrics.query(self.dataset, rules).sql(DIALECT))
            counts = {name: int(found.as_py()) for name, found in row.items()}
        except (Cancelled, ResidencyViolation):
            raise
        except Exception as error:
            seconds = time.perf_counter() - started
            failed = self._failed(error)
            if len(rules) > 1 and not failed[1]:
                for rule in rules:
                    yield from self._library([rule])
                return
            for rule in rules:
                yield self._result(rule, failed[0], seconds)
            return
        seconds = time.perf_counter() - started
        for number, rule in enumerate(rules):
            value = metrics.value(rule, number, counts)
            yield self._result(rule, _judged(rule, value), seconds)

    def _sql(self, rule: QualityRule) -> Found:
        return _judged(rule, self.asking.number(sql_text(rule, self.dataset)))

    def _promises(self, promised: Sequence[Promise]) -> Iterator[Result]:
        for promise in promised:
            if promises.is_checked(promise, self.dataset):
                yield self._timed(promise, lambda p=promise: self._kept(p))  # type: ignore[misc]
            else:
                found = Found(None, Verdict.SKIPPED, promises.unchecked(promise, self.dataset))
                yield self._result(promise, found, 0.0)

    def _kept(self, promise: Promise) -> Found:
        value, kept = promises.checked(promise, self.dataset, self.time, self.asking, self.share)
        return Found(value, Verdict.PASS if kept else Verdict.FAIL)

    def _timed(self, item: Item, check: Callable[[], Found]) -> Result:
        started = time.perf_counter()
        try:
            found = check()
        except (Cancelled, ResidencyViolation):
            raise
        except Exception as error:
            found, _ = self._failed(error)
        return self._result(item, found, time.perf_counter() - started)

    def _failed(self, error: Exception) -> tuple[Found, bool]:
        """The verdict of a check that went wrong, and whether all others would as well."""
        if isinstance(error, CheckFailed):
            return Found(None, Verdict.ERROR, error.reason), error.general
        # Its text may hold what was read.
        _log.error("a check of %s failed: %s", self.dataset.address, type(error).__name__)
        return Found(None, Verdict.ERROR, "INTERNAL"), False

    def _result(self, item: Item, found: Found, seconds: float) -> Result:
        if isinstance(item, QualityRule):
            metric = item.metric or item.kind
            unit = "%" if item.percent else ""
            threshold = told(item.threshold, unit) if item.threshold is not None else ""
        else:
            metric, threshold = item.kind or item.name, promises.told(item)
        return Result(
            *key(self.dataset, item),
            item.fingerprint,
            self.id,
            self.time,
            columns_of(item),
            metric,
            found.value,
            threshold,
            found.verdict,
            found.reason,
            seconds,
        )


def sql_text(rule: QualityRule, dataset: Dataset) -> str:
    """The query of an sql rule over the dataset and the column it is of."""
    whole = metrics.table(dataset.address).sql(DIALECT)
    column = metrics.column(rule.column).sql(DIALECT)
    return PROPERTY.sub(lambda _: column, OBJECT.sub(lambda _: whole, rule.query))


def unchecked(rule: QualityRule) -> str:
    """Why nothing checks a rule."""
    if rule.kind == "custom":
        return f"not checked: it is for the engine {rule.engine}"
    if rule.kind == "nested":
        return "not checked: it is of a part of a column"
    return "not checked: it is a text for people"


def _judged(rule: QualityRule, value: float) -> Found:
    assert rule.threshold is not None, "a rule that is checked has a threshold"
    return Found(value, Verdict.PASS if met(rule.threshold, value) else Verdict.FAIL)
