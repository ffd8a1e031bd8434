"""The comparer finds what it is there to find."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest

from gateway.verification.comparison import difference

ONE, TWO = pa.table({"a": [1, 2]}), pa.table({"a": [2, 1]})


def column(*values: object, type: pa.DataType | None = None) -> pa.Table:  # noqa: A002
    return pa.table({"a": pa.array(values, type)})


def test_order_matters_only_when_asked_for() -> None:
    assert difference(ONE, TWO, ordered=False) is None
    assert difference(ONE, TWO, ordered=True) is not None


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (column(1, 1, 2), column(1, 2, 2)),
        (column(1), column(1, 1)),
        (column(None, type=pa.int64()), column(0)),
        (column("a"), column("a ")),
        (column("a"), column("A")),
        (column(Decimal("1.10")), column(Decimal("1.11"))),
        (column(True), column(1)),
        (column(1.0), column(1.000001)),
        (column(Decimal("0.333")), column(0.335)),
        (column(dt.datetime(2024, 1, 1, 0, 0, 0, 1)), column(dt.datetime(2024, 1, 1))),
        (column(dt.date(2024, 1, 1)), column(dt.datetime(2024, 1, 1))),
        (column(float("nan")), column(1.0)),
        (pa.table({"a": [1], "b": [1]}), column(1)),
    ],
)
def test_other_rows_are_a_difference(answer: pa.Table, expected: pa.Table) -> None:
    assert difference(answer, expected, ordered=False) is not None


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (column(1, type=pa.int32()), column(1, type=pa.int64())),
        (column(Decimal("1.10")), column(Decimal("1.1"))),
        (column(Decimal("0.333")), column(1 / 3)),
        (column(0.1 + 0.2), column(0.3)),
        (column(0.0), column(-0.0)),
        (column(float("nan")), column(float("nan"))),
    ],
)
def test_the_same_values_in_other_types_are_no_difference(
    answer: pa.Table, expected: pa.Table
) -> None:
    assert difference(answer, expected, ordered=False) is None
