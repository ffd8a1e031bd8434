"""Reading a request: from text to a statement and the datasets it names."""

from __future__ import annotations

from pytest_benchmark.fixture import BenchmarkFixture

from bench import tpch
from gateway.languages.sql import parse


def test_parse_select_1(benchmark: BenchmarkFixture) -> None:
    assert benchmark(parse, "SELECT 1").references == ()


def test_parse_tpch_q01(benchmark: BenchmarkFixture) -> None:
    assert len(benchmark(parse, tpch.queries()["q01"]).references) == 1


def test_parse_tpch_q08(benchmark: BenchmarkFixture) -> None:
    assert len(benchmark(parse, tpch.queries()["q08"]).references) == 7
