"""Filters over tables with columns that Arrow's filters have no word for."""

from __future__ import annotations

import decimal
from collections.abc import Iterator

import pyarrow as pa
import pytest

from gateway.pipeline import Gateway
from tests.gateways import ask, gateway, in_memory

ODD = pa.table(
    {
        "id": [1, 2],
        "span": pa.array([1, 2], pa.duration("us")),
        "moment": pa.array([1, 2], pa.timestamp("ns")),
        "large": pa.array([decimal.Decimal(1), decimal.Decimal(2)], pa.decimal256(50, 2)),
        "word": pa.array(["a", "b"], pa.string_view()),
    }
)


@pytest.fixture(scope="module")
def odd() -> Iterator[Gateway]:
    opened = gateway(in_memory({"odd": ODD}, "unfilterable"))
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("span > INTERVAL '1.5 microseconds'", [2]),
        ("span IS NOT NULL", [1, 2]),
        ("moment > TIMESTAMP '1970-01-01 00:00:00'", [1, 2]),
        ("large = 2", [2]),
        ("word = 'b'", [2]),
        ("id = 1", [1]),
        ("id = NULL OR id = 2", [2]),
    ],
)
def test_they_are_filtered_by_the_engine(odd: Gateway, condition: str, expected: list[int]) -> None:
    answer = ask(odd, f"SELECT id FROM odd WHERE {condition} ORDER BY id")
    assert answer.column("id").to_pylist() == expected
