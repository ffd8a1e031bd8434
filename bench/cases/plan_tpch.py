"""How long planning takes: parse, resolve, authorise, plan, for the 22 TPC-H queries."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from bench import tpch
from bench.layouts import all_in_postgres
from bench.mesh import ROLE, USER
from bench.micro.texts import always_new
from bench.model import GATEWAY, PEER, Series, Settings, Target
from gateway.catalogue.catalogue import Catalogue
from gateway.model import Principal, Request
from gateway.pipeline import Gateway

SCALE = 0.01
CACHED_CALLS = 20
FEW, MANY, QUICK_MANY = 100, 100_000, 10_000
PER_PRODUCT = 20

Times = Callable[[], Mapping[str, float]]


class PlanTpch:
    """`Gateway.prepare` in this process.

    Uncached, every text is new (a comment differs) and no plan is kept. Cached, it is asked again.
    """

    name = "plan-tpch"
    summary = "planning the 22 TPC-H queries over PostgreSQL: uncached, cached, in large catalogues"

    @contextmanager
    def open(self, settings: Settings) -> Iterator[Iterator[Series]]:
        """Load PostgreSQL and open the gateway in this process."""
        with all_in_postgres(SCALE) as layout:
            gateway = Gateway.open(layout.mesh)
            try:
                yield _series(gateway, QUICK_MANY if settings.quick else MANY)
            finally:
                gateway.close()


def _series(gateway: Gateway, many: int) -> Iterator[Series]:
    uncached, cached = _uncached(gateway), _cached(gateway)
    yield Series("median of 22", "ms", {GATEWAY: _median(uncached)}, Target(6))
    yield Series("slowest of 22", "ms", {GATEWAY: lambda: max(uncached().values())})
    yield Series("cached: median of 22", "ms", {GATEWAY: _median(cached)}, Target(0.3))
    sizes = {GATEWAY: many, PEER: FEW}
    catalogues = {name: larger(gateway.catalogue, size) for name, size in sizes.items()}
    gc.collect()
    gc.freeze()  # as `meshgate serve` does
    for label, times in (("median of 22", uncached), ("cached: median of 22", cached)):
        works = {
            name: _within(gateway, catalogue, _median(times))
            for name, catalogue in catalogues.items()
        }
        yield Series(f"{label}, {many:,} datasets : {FEW}", "ms", works, Target(1.2))


def larger(catalogue: Catalogue, size: int) -> Catalogue:
    """The catalogue with as many more datasets, twenty a product, as make it `size` large.

    They are what contracts would have made, without the contracts: loading is not measured.
    """
    (first, *_) = catalogue.datasets
    more = []
    for number in range(size - len(catalogue.datasets)):
        product, dataset = f"product_{number // PER_PRODUCT}", f"dataset_{number}"
        address = replace(first.address, domain="other", product=product, dataset=dataset)
        more.append(replace(first, address=address))
    return Catalogue([*catalogue.datasets, *more], f"{catalogue.version}-{size}")


def _within(
    gateway: Gateway, catalogue: Catalogue, work: Callable[[], float]
) -> Callable[[], float]:
    """The work over another catalogue of the same gateway."""

    def measured() -> float:
        before = gateway.catalogue
        gateway.mesh.watch.replace(catalogue)
        try:
            return work()
        finally:
            gateway.mesh.watch.replace(before)

    return measured


def _median(times: Times) -> Callable[[], float]:
    return lambda: statistics.median(times().values())


def _uncached(gateway: Gateway) -> Times:
    texts = {name: always_new(sql) for name, sql in tpch.queries().items()}

    def work() -> Mapping[str, float]:
        gateway.plans.forget()  # a text that differs by a comment has the same plan
        return {name: _milliseconds(gateway, next(text)) for name, text in texts.items()}

    return work


def _cached(gateway: Gateway) -> Times:
    """The mean of several calls with a text the gateway knows."""

    def again(sql: str) -> float:
        _milliseconds(gateway, sql)
        return statistics.mean(_milliseconds(gateway, sql) for _ in range(CACHED_CALLS))

    return lambda: {name: again(sql) for name, sql in tpch.queries().items()}


def _milliseconds(gateway: Gateway, sql: str) -> float:
    request = Request(Principal(f"user:{USER[0]}", (ROLE,)), sql)
    start = time.perf_counter()
    gateway.prepare(request)
    return (time.perf_counter() - start) * 1000
