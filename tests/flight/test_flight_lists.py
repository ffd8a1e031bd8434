"""A list bound to one placeholder, ``= ANY(?)``, through ADBC."""

from __future__ import annotations

import decimal
from collections.abc import Iterator
from typing import Any

import adbc_driver_flightsql.dbapi as adbc
import pyarrow as pa
import pytest

from tests.flight.serving import Served
from tests.flight.test_flight_adbc import connect


@pytest.fixture
def cursor(served: Served) -> Iterator[Any]:
    with connect(served) as connection, connection.cursor() as cursor:
        yield cursor


@pytest.fixture
def connection(served: Served) -> Iterator[Any]:
    with connect(served) as connection:
        yield connection


def ids(connection: Any, condition: str, *lists: pa.Array) -> list[object]:
    """The orders of a condition, each of whose placeholders is given one list."""
    values = pa.record_batch(list(lists), names=[str(n) for n in range(1, len(lists) + 1)])
    text = f"SELECT id FROM orders WHERE {condition} ORDER BY id"
    with connection.cursor() as cursor:
        cursor.execute(text, values) if lists else cursor.execute(text)
        return [row[0] for row in cursor.fetchall()]


def one(values: list[object] | None, kind: pa.DataType) -> pa.Array:
    return pa.array([values], pa.list_(kind))


def test_the_type_told_is_a_list_of_what_it_is_compared_with(cursor: Any) -> None:
    text = "SELECT id FROM orders WHERE id = ANY(?) AND customer <> ALL(?) AND amount = ANY(?)"
    kinds = [pa.int64(), pa.string(), pa.decimal128(12, 2)]
    assert cursor.adbc_prepare(text).types == [pa.list_(kind) for kind in kinds]
    text = "SELECT id FROM orders WHERE abs(id) = ANY($1::smallint[])"
    assert pa.types.is_list(cursor.adbc_prepare(text).types[0])


def test_a_cast_of_the_list_is_one_of_its_members(connection: Any) -> None:
    amount = decimal.Decimal
    kind = pa.decimal128(12, 4)
    for cast, value, found in (
        ("integer", "1.25", [5]),  # the amounts are a quarter of the id less one
        ("numeric(9,1)", "1.04", [5]),
        ("numeric(9,2)", "1.0049", [5]),
        ("numeric", "1.0001", []),
    ):
        given = one([amount(value)], kind)
        for written in ("$1", "?"):
            assert ids(connection, f"amount = ANY({written}::{cast}[])", given) == found
            assert ids(connection, f"amount = {written}::{cast}", pa.array([amount(value)])) == (
                found
            )


def test_a_list_is_bound_again_and_again(connection: Any) -> None:
    for kind in (pa.int64(), pa.int8(), pa.string()):
        for low in range(1, 5):
            values = [low, low + 2] if kind != pa.string() else [str(low), str(low + 2)]
            assert ids(connection, "id = ANY(?)", one(values, kind)) == [low, low + 2]
    texts = one(["customer 1", "it's", None], pa.string())
    assert len(ids(connection, "customer = ANY ($1)", texts)) == len(
        ids(connection, "customer = 'customer 1'")
    )
    assert ids(
        connection, "id = ANY(?) AND id <> ALL(?)", one([1, 2, 3], pa.int64()), one([2], pa.int64())
    ) == [1, 3]
    assert ids(connection, "id = ANY($1) OR id + 1 = ANY($1)", one([2], pa.int64())) == [1, 2]


def test_null_and_empty_lists_follow_three_valued_logic(connection: Any) -> None:
    every, none = ids(connection, "TRUE"), list[object]()
    kind = pa.int64()
    for values, inside, outside in (
        ([], none, every),
        (None, none, none),
        ([None], none, none),
        ([1, None], [1], none),
    ):
        given = one(values, kind)
        assert ids(connection, "id = ANY(?)", given) == inside
        assert ids(connection, "NOT id <> ALL(?)", given) == inside
        assert ids(connection, "id <> ALL(?)", given) == outside
        assert ids(connection, "NOT id = ANY(?)", given) == outside
    assert ids(connection, "NULLIF(id, id) = ANY(?) IS NULL", one([], kind)) == none
    assert ids(connection, "NULLIF(id, id) <> ALL(?)", one([], kind)) == every


def test_numbers_that_do_not_fit_are_compared_as_they_are(connection: Any) -> None:
    exact = pa.decimal128(12, 3)
    given = one([decimal.Decimal("1.005"), decimal.Decimal("2.000")], exact)
    assert ids(connection, "id = ANY(?)", given) == [2]


def test_a_list_has_an_end(connection: Any) -> None:
    assert len(ids(connection, "id = ANY(?)", one([*range(50), *range(9_000)], pa.int64()))) == 100
    with pytest.raises(adbc.Error, match=r"LIMIT_EXCEEDED.*a list of 40001 values"):
        ids(connection, "id = ANY(?)", one([1] * 40_001, pa.int64()))


def test_a_list_in_place_of_a_value_says_what_to_write(connection: Any) -> None:
    with pytest.raises(adbc.Error, match=r"can not be a list.*= ANY\(\?\)"):
        ids(connection, "id IN (?)", one([1], pa.int64()))
    with pytest.raises(adbc.Error, match=r"can not be a list.*= ANY\(\?\)"):
        ids(connection, "customer IN (?)", one(["x"], pa.string()))
    with pytest.raises(adbc.Error, match="is a list, and can not be one int64"):
        ids(connection, "id = ANY(?)", pa.array([1]))
    with pytest.raises(adbc.Error, match="a list in one place and a value in another"):
        ids(connection, "id = ANY($1) OR id = $1", one([1], pa.int64()))
    for refused in ("id > ANY(?)", "id <> ANY(?)", "id = ALL(?)", "customer LIKE ANY(?)"):
        with pytest.raises(adbc.Error, match="over a list is not offered"):
            ids(connection, refused, one([1], pa.int64()))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("id = ANY(ARRAY[1, 2])", [1, 2]),
        ("id = ANY (ARRAY[1, NULL, least(2, 3)]::bigint[])", [1, 2]),
        ("id = ANY('{1,2}')", [1, 2]),
        ("id = SOME('{1,2}'::int[])", [1, 2]),
        ("id = ANY(CAST('{1,NULL}' AS bigint[]))", [1]),
        ("id <> ALL('{1,NULL}'::int[])", []),
        ("id = ANY('{}')", []),
        ("id = ANY(ARRAY[]::bigint[])", []),
        ("id <> ALL('{}') AND id < 3", [1, 2]),
        ("NOT id = ANY('{}') AND id < 3", [1, 2]),
        ("(id = ANY('{}')) IS NULL", []),
        ("id = ANY(NULL) OR id <> ALL(NULL::int[])", []),
    ],
)
def test_lists_that_stand_in_the_text(connection: Any, condition: str, expected: list[int]) -> None:
    assert ids(connection, condition) == expected


def test_a_place_in_a_text_after_a_list_is_the_clients(connection: Any) -> None:
    with pytest.raises(adbc.Error, match="line 1, column 54"):
        ids(connection, "id = ANY(ARRAY[1,2]) AND nothing = 1")
    with pytest.raises(adbc.Error, match="no list"):
        ids(connection, "id = ANY('1,2')")
