"""Reading a request: from text to a statement and the datasets it names."""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench import tpch
from bench.micro.texts import always_new
from gateway.languages.sql import parse


@pytest.mark.parametrize(("name", "datasets"), [("q01", 1), ("q08", 7)])
def test_parse_tpch(benchmark: BenchmarkFixture, name: str, datasets: int) -> None:
    texts = always_new(tpch.queries()[name])
    assert len(benchmark(lambda: parse(next(texts))).references) == datasets


def test_parse_select_1(benchmark: BenchmarkFixture) -> None:
    texts = always_new("SELECT 1")
    assert benchmark(lambda: parse(next(texts))).references == ()
