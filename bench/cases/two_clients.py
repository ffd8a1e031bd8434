"""Memory of the server while two clients read 10 M rows each at the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from bench.cases.large_result import SQL, lineitem, parquet_gateway
from bench.client import Client
from bench.mesh import USER
from bench.model import GATEWAY, Series, Settings
from bench.server import Server

CLIENTS = 2


class TwoClients:
    """Peak resident set, before and during."""

    name = "two-clients-memory"
    summary = "peak memory of the gateway under two clients reading 10 M rows each (quick: 1 M)"

    @contextmanager
    def open(self, settings: Settings) -> Iterator[Iterator[Series]]:
        """Start a fresh gateway: nothing read before counts into the peak."""
        with parquet_gateway(lineitem(settings.quick)) as server:
            yield self._series(server)

    def _series(self, server: Server) -> Iterator[Series]:
        idle = Series("idle", "MiB", {GATEWAY: _idle(server)}, rounds=1, warmups=0)
        yield idle
        yield Series("two clients", "MiB", {GATEWAY: _busy(server)}, rounds=1, warmups=0)


def _idle(server: Server) -> Callable[[], float]:
    def work() -> float:
        return server.watch_memory().stop() / 2**20

    return work


def _busy(server: Server) -> Callable[[], float]:
    def work() -> float:
        clients = [Client(server.uri, USER) for _ in range(CLIENTS)]
        memory = server.watch_memory()
        with ThreadPoolExecutor(CLIENTS) as pool:
            answers = list(pool.map(lambda client: client.drain(SQL), clients))
        peak = memory.stop()
        if len({answer.rows for answer in answers}) != 1:
            raise RuntimeError("the clients did not read the same number of rows")
        return peak / 2**20

    return work
