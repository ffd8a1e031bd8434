"""Planning: from a request to fragments and a remainder, over TPC-H in Parquet and SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench import tpch
from bench.mesh import ROLE, USER, Product, build
from bench.micro.texts import always_new
from bench.sources import load_sqlite
from gateway.config import Config
from gateway.model import Principal, Request
from gateway.pipeline import Gateway

SCALE = 0.01
PRINCIPAL = Principal(f"user:{USER[0]}", (ROLE,))
IN_SQLITE = ("nation", "region")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway over two sources."""
    folder = tmp_path_factory.mktemp("tpch")
    load_sqlite(folder / "small.sqlite", [tpch.table(name, SCALE) for name in IN_SQLITE])
    files = tuple(f"{name}.parquet" for name in tpch.TABLES if name not in IN_SQLITE)
    mesh = build(
        Path(folder / "mesh"),
        "tpch",
        [
            Product("small", "sqlite", str(folder / "small.sqlite")),
            Product("large", "files", str(tpch.generate(SCALE)), objects=files),
        ],
    )
    opened = Gateway.open(mesh, Config(cached_plans=0))
    yield opened
    opened.close()


@pytest.mark.parametrize("name", ["q01", "q05", "q08", "q21"])
def test_plan(benchmark: BenchmarkFixture, gateway: Gateway, name: str) -> None:
    texts = always_new(tpch.queries()[name])
    prepared = benchmark(lambda: gateway.prepare(Request(PRINCIPAL, next(texts))))
    assert prepared.schema.names


def test_plan_select_1(benchmark: BenchmarkFixture, gateway: Gateway) -> None:
    texts = always_new("SELECT 1")
    assert len(benchmark(lambda: gateway.prepare(Request(PRINCIPAL, next(texts)))).schema) == 1


def test_plan_asked_before(benchmark: BenchmarkFixture, gateway: Gateway) -> None:
    prepared = benchmark(lambda: gateway.prepare(Request(PRINCIPAL, tpch.queries()["q08"])))
    assert prepared.schema.names
