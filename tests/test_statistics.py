"""The cache of statistics: never in the way of a plan."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from connectors.interface import SourceError, SourceErrorCode
from connectors.memory import MemoryConnector
from connectors.statistics import UNKNOWN, TableStatistics
from gateway.statistics import StatisticsCache


class Told(MemoryConnector):
    """A connector that says what it is told to, when it is told to."""

    def __init__(self) -> None:
        super().__init__("memory://statistics-cache", {})
        self.answers: list[TableStatistics | Exception] = []
        self.may_answer = threading.Event()
        self.asked = threading.Semaphore(0)

    def statistics(self, object_name: str) -> TableStatistics:
        self.asked.release()
        self.may_answer.wait(30)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def source() -> Iterator[Told]:
    told = Told()
    yield told
    told.may_answer.set()


def until_arrived(cache: StatisticsCache) -> None:
    (entry,) = cache._entries.values()
    assert entry.arrived.wait(30)


def test_the_first_plan_waits_a_moment(source: Told) -> None:
    source.answers, cache = [TableStatistics(7.0)], StatisticsCache(300, 30)
    source.may_answer.set()
    known = cache.of("t", source, "t")
    assert (known.statistics.rows, known.version) == (7.0, 1)


def test_a_slow_source_is_planned_for_without(source: Told) -> None:
    source.answers, cache = [TableStatistics(7.0)], StatisticsCache(300, 0.01)
    assert cache.of("t", source, "t").statistics is UNKNOWN
    assert cache.of("t", source, "t").version == 0
    source.may_answer.set()
    until_arrived(cache)
    assert cache.of("t", source, "t").version == 1


def test_old_ones_are_used_until_newer_ones_have_come(source: Told) -> None:
    source.answers = [TableStatistics(7.0), TableStatistics(8.0)]
    cache = StatisticsCache(0.0, 30)
    source.may_answer.set()
    assert cache.of("t", source, "t").statistics.rows == 7.0
    assert source.asked.acquire(timeout=30)
    source.may_answer.clear()
    cache._entries["t"].arrived.clear()
    assert cache.of("t", source, "t").statistics.rows == 7.0
    assert source.asked.acquire(timeout=30)
    source.may_answer.set()
    until_arrived(cache)
    (entry,) = cache._entries.values()
    assert (entry.known.statistics.rows, entry.known.version) == (8.0, 2)


def test_equal_statistics_keep_their_version(source: Told) -> None:
    source.answers = [TableStatistics(7.0)] * 2
    cache = StatisticsCache(0.0, 30)
    source.may_answer.set()
    cache.of("t", source, "t")
    cache._entries["t"].arrived.clear()
    cache.of("t", source, "t")
    until_arrived(cache)
    assert cache._entries["t"].known.version == 1


@pytest.mark.parametrize(
    "failure", [SourceError(SourceErrorCode.UNAVAILABLE, "away"), RuntimeError("a fault")]
)
def test_a_failing_source_is_planned_for_without(source: Told, failure: Exception) -> None:
    source.answers, cache = [failure], StatisticsCache(300, 30)
    source.may_answer.set()
    assert cache.of("t", source, "t").statistics is UNKNOWN
