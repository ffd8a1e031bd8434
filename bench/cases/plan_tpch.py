"""How long planning takes: parse, resolve, authorise, plan, for the 22 TPC-H queries."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from bench import tpch
from bench.layouts import all_in_postgres
from bench.mesh import ROLE, USER
from bench.micro.texts import always_new
from bench.model import GATEWAY, Series, Settings, Target
from gateway.config import Config
from gateway.model import Principal, Request
from gateway.pipeline import Gateway

SCALE = 0.01


class PlanTpch:
    """`Gateway.prepare` in this process. Every text is new: a comment differs from call to call."""

    name = "plan-tpch"
    summary = "planning the 22 TPC-H queries over PostgreSQL: median and slowest of the 22"

    @contextmanager
    def open(self, settings: Settings) -> Iterator[Iterator[Series]]:
        """Load PostgreSQL and open the gateway in this process."""
        with all_in_postgres(SCALE) as layout:
            gateway = Gateway.open(layout.mesh, Config(cached_plans=0))
            try:
                times = _planner(gateway)
                median = Series(
                    "median of 22",
                    "ms",
                    {GATEWAY: lambda: statistics.median(times().values())},
                    Target(10),
                )
                yield iter(
                    [
                        median,
                        Series("slowest of 22", "ms", {GATEWAY: lambda: max(times().values())}),
                    ]
                )
            finally:
                gateway.close()


def _planner(gateway: Gateway) -> Callable[[], Mapping[str, float]]:
    principal = Principal(f"user:{USER[0]}", (ROLE,))
    texts = {name: always_new(sql) for name, sql in tpch.queries().items()}

    def milliseconds(sql: str) -> float:
        request = Request(principal, sql)
        start = time.perf_counter()
        gateway.prepare(request)
        return (time.perf_counter() - start) * 1000

    def work() -> Mapping[str, float]:
        return {name: milliseconds(next(text)) for name, text in texts.items()}

    return work
