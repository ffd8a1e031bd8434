"""The comparison that judges the demo: it accepts equal answers, and finds every difference."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest

from gateway.demo.reference import difference

BASE = pa.table({"name": ["a", "b", None], "count": [1, 2, 3], "mean": [0.1, 0.2, None]})


def test_equal_tables_have_no_difference() -> None:
    assert difference(BASE, BASE, ordered=True) == ""


def test_the_order_of_rows_counts_only_when_asked() -> None:
    turned = BASE.take([2, 0, 1])
    assert difference(turned, BASE, ordered=False) == ""
    assert "row 1" in difference(turned, BASE, ordered=True)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("name", ["a", "B", None]),
        ("name", ["a", "b", ""]),
        ("count", [1, 2, 4]),
        ("count", [1, None, 3]),
        ("mean", [0.1, 0.2001, None]),
        ("mean", [0.1, 0.2, 0.0]),
        ("mean", [0.1, float("nan"), None]),
    ],
)
@pytest.mark.parametrize("ordered", [True, False])
def test_a_changed_value_is_found(column: str, values: list[object], ordered: bool) -> None:
    position = BASE.column_names.index(column)
    changed = BASE.set_column(position, column, pa.array(values, BASE[column].type))
    assert difference(changed, BASE, ordered=ordered) != ""


def test_a_row_too_few_too_many_or_twice_is_found() -> None:
    assert "2 rows instead of 3" in difference(BASE.slice(1), BASE, ordered=False)
    assert "4 rows" in difference(pa.concat_tables([BASE, BASE.slice(2)]), BASE, ordered=False)
    assert difference(BASE.take([0, 0, 2]), BASE, ordered=False) != ""


def test_other_columns_are_found() -> None:
    assert "columns" in difference(BASE.rename_columns(["x", "count", "mean"]), BASE, ordered=True)
    assert "columns" in difference(BASE.select(["count", "name", "mean"]), BASE, ordered=True)


def test_types_may_differ_where_values_are_equal() -> None:
    wide = pa.table({"n": pa.array([1, 2], pa.int64()), "s": pa.array([0.5, 1.5])})
    other = pa.table({"n": pa.array([Decimal(2), Decimal(1)]), "s": pa.array([1.5, 0.5 + 1e-13])})
    assert difference(wide, other, ordered=False) == ""


def test_a_time_with_a_zone_is_not_one_without() -> None:
    moment = dt.datetime(2013, 1, 1, 5)
    plain = pa.table({"t": pa.array([moment], pa.timestamp("us"))})
    zoned = pa.table({"t": pa.array([moment], pa.timestamp("us", "UTC"))})
    later = pa.table({"t": pa.array([dt.datetime(2013, 1, 1, 6)], pa.timestamp("us", "UTC"))})
    assert difference(plain, zoned, ordered=True) != ""
    assert difference(later, zoned, ordered=True) != ""
    assert difference(zoned, zoned, ordered=True) == ""
