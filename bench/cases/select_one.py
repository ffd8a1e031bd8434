"""The smallest query: what the gateway adds to two Flight calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench import tpch
from bench.cases.large_result import parquet_gateway
from bench.client import Client
from bench.mesh import USER
from bench.model import GATEWAY, PEER, Series, Settings, Target
from bench.server import python_module, serving

SQL = "SELECT 1"
CALLS = 50


class SelectOne:
    """`SELECT 1` on a connection that is open already: GetFlightInfo and DoGet."""

    name = "select-1"
    summary = "SELECT 1 end to end, against an empty pyarrow Flight server answering a constant"

    @contextmanager
    def open(self, settings: Settings) -> Iterator[Iterator[Series]]:
        """Start both servers and connect."""
        peer = python_module("bench.peers.constant_server")
        folder = tpch.generate(0.01, ["lineitem"])
        with parquet_gateway(folder) as own, serving(peer) as constant:
            clients = {GATEWAY: Client(own.uri, USER), PEER: Client(constant.uri)}
            works = {name: _milliseconds(client) for name, client in clients.items()}
            yield iter([Series("round trip", "ms", works, Target(2.5), rounds=20, warmups=3)])


def _milliseconds(client: Client) -> Callable[[], float]:
    def work() -> float:
        start = time.perf_counter()
        for _ in range(CALLS):
            client.drain(SQL)
        return (time.perf_counter() - start) / CALLS * 1000

    return work
