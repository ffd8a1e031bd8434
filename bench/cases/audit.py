"""What it costs that a decision is durable before its answer leaves."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from bench.model import GATEWAY, Series, Settings, Target
from gateway.audit import AuditLog, DatasetUse, Outcome, Receipt, Record

WAITERS = (1, 8, 64)
DATASET = DatasetUse(
    "mesh://sales/orders/lines@1.0.0",
    ("id", "amount", "email"),
    ("eu_only",),
    (("email", "hash"),),
    ("EU",),
    ("policies/p.csv:12", "policies/p.csv:14"),
)
TEXT = "SELECT id, amount, email FROM sales.orders.lines WHERE amount > {} ORDER BY id LIMIT 10"


class Audit:
    """Decisions with three columns, a row filter and a mask, of 1000 principals; 100 statements."""

    name = "audit"
    summary = "recording decisions: calling thread, until durable, and how many a second"

    @contextmanager
    def open(self, settings: Settings) -> Iterator[Iterator[Series]]:
        """Open a log in a temporary folder."""
        share = 10 if settings.quick else 1
        with (
            tempfile.TemporaryDirectory() as folder,
            AuditLog.open(Path(folder) / "audit", b"k" * 32) as log,
        ):
            yield iter(_series(log, share))


def _series(log: AuditLog, share: int) -> Iterator[Series]:
    numbers = count()
    calls = 500 // share
    yield Series(
        "record(), calling thread", "us", {GATEWAY: _recording(log, numbers, calls)}, Target(20)
    )
    yield Series("record() to durable", "ms", {GATEWAY: _latency(log, numbers, calls)})
    for waiters in WAITERS:
        work = _throughput(log, numbers, waiters, 2_000 * min(waiters, 8) // share)
        yield Series(f"decisions/s, {waiters} waiting", "decisions/s", {GATEWAY: work})
    work = _sustained(log, numbers, 40_000 // share)
    yield Series("decisions/s, sustained", "decisions/s", {GATEWAY: work}, Target(10_000, True))


def example(number: int) -> Record:
    """One of a hundred statements, by one of a thousand principals."""
    return Record(
        id=f"{number:032x}",
        principal=f"user:u{number % 1000}",
        verdict="allowed",
        roles=("sales/analyst",),
        region="EU",
        purpose="billing",
        text=TEXT.format(number % 100),
        datasets=(DATASET,),
        policy_version="0123456789abcdef",
    )


def _recording(log: AuditLog, numbers: Iterator[int], calls: int) -> Callable[[], float]:
    """Median of the call alone, with the log idle in between."""

    def work() -> float:
        times = []
        for _ in range(calls):
            record = example(next(numbers))
            start = time.perf_counter()
            receipt = log.record(record)
            times.append(time.perf_counter() - start)
            receipt.wait()
        return statistics.median(times) * 1e6

    return work


def _latency(log: AuditLog, numbers: Iterator[int], calls: int) -> Callable[[], float]:
    def work() -> float:
        times = []
        for _ in range(calls):
            record = example(next(numbers))
            start = time.perf_counter()
            log.record(record).wait()
            times.append(time.perf_counter() - start)
        return statistics.median(times) * 1e3

    return work


def _throughput(
    log: AuditLog, numbers: Iterator[int], waiters: int, total: int
) -> Callable[[], float]:
    """Each of the threads records, waits, and brings the outcome, as a query does."""

    def query(number: int) -> None:
        receipt = log.record(example(number))
        receipt.wait()
        log.outcome(receipt, Outcome("completed", 10, 800, 0.01))

    def work() -> float:
        with ThreadPoolExecutor(waiters) as pool:
            start = time.perf_counter()
            for _ in pool.map(query, [next(numbers) for _ in range(total)]):
                pass
            return total / (time.perf_counter() - start)

    return work


def _sustained(log: AuditLog, numbers: Iterator[int], total: int) -> Callable[[], float]:
    """What the writer can do: up to 2000 decisions are on their way at once."""

    def work() -> float:
        waiting: list[Receipt] = []
        start = time.perf_counter()
        for sent in range(total):
            waiting.append(log.record(example(next(numbers))))
            if sent >= 2_000:
                waiting[sent - 2_000].wait()
        waiting[-1].wait()
        return total / (time.perf_counter() - start)

    return work
