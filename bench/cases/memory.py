"""What it costs that every read is remembered: audit, lineage and usage; and an endpoint told."""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

from bench import tpch
from bench.cases.audit import example
from bench.client import Client
from bench.mesh import USER, Product, build
from bench.model import GATEWAY, PEER, Series, Settings, Target
from bench.server import gateway, python_module, serving
from gateway.audit import AuditLog, Outcome, Receipt
from gateway.lineage.model import Input, Lineage, Output, Subtype
from gateway.lineage.written import to_json
from gateway.memory.projection import Projection
from gateway.memory.store import open_store

SMALLEST = "SELECT 1"
KEY = "SELECT l_comment FROM bench.files.lineitem WHERE l_orderkey = 1 AND l_linenumber = 1"
SHAPES = 100
"""So many different lineages do the decisions have."""

ADDED = Target(0.3)
SHARE = Target(1.05)
SUSTAINED = Target(10_000, at_least=True)


class Memory:
    """A gateway that remembers everything and tells an endpoint, and one that does nothing so."""

    name = "memory"
    summary = "audit, lineage and usage of a trivial query; decisions a second, and taken over"

    @contextmanager
    def open(self, settings: Settings) -> Iterator[Iterator[Series]]:
        """Serve a small file twice, and open a log in a temporary folder."""
        folder = tpch.generate(0.01, ["lineitem"])
        product = Product("files", "files", str(folder))
        endpoint = python_module("bench.peers.lineage_endpoint")
        with tempfile.TemporaryDirectory() as scratch, serving(endpoint) as told:
            mesh, telling = (build(Path(scratch, n), "bench", [product]) for n in ("own", "told"))
            (telling / "gateway.toml").write_text(f'openlineage_url = "{told.uri}"\n')
            bare = python_module("bench.peers.unaudited_gateway", str(mesh))
            with (
                serving(gateway(mesh)) as own,
                serving(gateway(telling)) as teller,
                serving(bare) as peer,
            ):
                clients = [Client(server.uri, USER) for server in (own, teller, peer)]
                yield _series(*clients, Path(scratch), settings.quick)


def _series(
    own: Client, teller: Client, peer: Client, folder: Path, quick: bool
) -> Iterator[Series]:
    # First, while the servers have nothing to take over or to tell.
    with AuditLog.open(folder / "audit", b"k" * 32) as log:
        total = 4_000 if quick else 40_000
        work = _sustained(log, total)
        yield Series("decisions/s, sustained", "decisions/s", {GATEWAY: work}, SUSTAINED, 3)
    yield Series(
        "taken over/s", "decisions/s", {GATEWAY: lambda: _taken_over(folder)}, SUSTAINED, 3
    )
    calls, rounds = (50, 3) if quick else (200, 7)
    for name, sql, client, share, added in (
        (SMALLEST, SMALLEST, own, SHARE, ADDED),
        ("one row by key", KEY, own, None, None),
        (f"{SMALLEST}, an endpoint told", SMALLEST, teller, None, None),
    ):
        both = _Both(client, peer, sql, calls)
        works = {GATEWAY: both.gateway, PEER: both.peer}
        yield Series(f"{name}: p50", "ms", works, share, rounds)
        yield Series(f"{name}: added to p50", "ms", {GATEWAY: both.added}, added, rounds)


class _Both:
    """Calls of two servers by turns, so that a slow moment hits both."""

    def __init__(self, own: Client, peer: Client, sql: str, calls: int) -> None:
        self._own, self._peer, self._sql, self._calls = own, peer, sql, calls
        self._medians = (0.0, 0.0)

    def gateway(self) -> float:
        """Measures both, in milliseconds."""
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(self._calls):
            for client, taken in zip((self._own, self._peer), times, strict=True):
                taken.append(client.drain(self._sql).seconds * 1000)
        self._medians = statistics.median(times[0]), statistics.median(times[1])
        return self._medians[0]

    def peer(self) -> float:
        """What was measured with the gateway's."""
        return self._medians[1]

    def added(self) -> float:
        """The difference of the medians."""
        self.gateway()
        return self._medians[0] - self._medians[1]


def _sustained(log: AuditLog, total: int) -> Callable[[], float]:
    """Decisions with a lineage, and their outcomes: up to 2000 are on their way at once."""
    numbers = count()
    shapes = [to_json(_lineage(number)) for number in range(SHAPES)]

    def work() -> float:
        waiting: list[Receipt] = []
        start = time.perf_counter()
        for sent in range(total):
            number = next(numbers)
            shape = log.shape(shapes[number % SHAPES])
            waiting.append(log.record(replace(example(number), shape=shape)))
            if sent >= 2_000:
                waiting[sent - 2_000].wait()
                log.outcome(waiting[sent - 2_000], Outcome("completed", 10, 800, 0.01))
        waiting[-1].wait()
        return total / (time.perf_counter() - start)

    return work


def _taken_over(folder: Path) -> float:
    """The whole log into a new store."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        store = open_store(Path(place))
        start = time.perf_counter()
        Projection(store).take(folder / "audit", threading.Event())
        seconds = time.perf_counter() - start
        ((runs,),) = store.rows("SELECT count(*) FROM run")
        store.close()
    return int(runs) / seconds


def _lineage(number: int) -> Lineage:
    lines = "mesh://sales/orders/lines@1.0.0"
    columns = ("id", "amount", "email")
    outputs = [Output(name, (Input(lines, name, Subtype.IDENTITY),)) for name in columns]
    more = Output(f"of{number}", (Input(lines, "amount", Subtype.TRANSFORMATION),))
    return Lineage((*outputs, more), (Input(lines, "amount", Subtype.FILTER),), (lines,))
