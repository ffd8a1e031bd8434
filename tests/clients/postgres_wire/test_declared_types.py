"""Parameters whose place says nothing of their type: what the client has declared counts."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import psycopg
import pytest
from psycopg import errors

pytestmark = pytest.mark.timeout(60)
ZONED = dt.datetime(2024, 2, 29, 12, 30, tzinfo=dt.UTC)


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize(
    "value",
    [
        *(True, 7, 2**40, 2.5, b"\x00\xff", "text", None, Decimal("2.5"), dt.time(1, 2, 3)),
        *(dt.date(9999, 12, 31), dt.datetime(9999, 12, 31, 23, 59), ZONED, dt.timedelta(1, 5)),
    ],
    ids=repr,
)
def test_a_value_comes_back_as_it_went(
    connection: psycopg.Connection, value: object, binary: bool
) -> None:
    for text in (
        "SELECT %b" if binary else "SELECT %s",
        "SELECT given FROM (VALUES (%s)) v(given)",
        "SELECT CASE WHEN id = 1 THEN %s END FROM sales.shop.orders WHERE id = 1",
    ):
        (found,) = connection.execute(text, (value,), binary=binary).fetchone() or ()
        assert (type(found), found) == (type(value), value), text


def test_the_place_of_a_parameter_goes_first(connection: psycopg.Connection) -> None:
    text = "SELECT id FROM sales.shop.orders WHERE id = %s AND amount = %s"
    assert connection.execute(text, (Decimal(6), 1.25)).fetchall() == [(6,)]
    assert connection.execute("SELECT %s::text", (5,)).fetchall() == [("5",)]


def test_numbers_are_compared_as_numbers(connection: psycopg.Connection) -> None:
    text = "SELECT max(n) FROM (VALUES (%s), (%s)) v(n)"
    assert connection.execute(text, (9, 10)).fetchone() == (10,)
    assert connection.execute(text, (Decimal("9"), Decimal("10"))).fetchone() == (10,)


def test_equal_values_that_are_cast_are_columns_of_their_own(
    connection: psycopg.Connection,
) -> None:
    text = "SELECT %s::int, %s::numeric(10, 2), CAST(%s AS int), %s::int AS named, %s::text"
    cursor = connection.execute(text, (5, 5, 5, 5, 5))
    assert cursor.fetchall() == [(5, Decimal(5), 5, 5, "5")]
    assert [column.name for column in cursor.description or ()][3] == "named"


@pytest.mark.parametrize("wide", ["1.12345678901", "1e35"])
def test_a_decimal_that_has_no_room_is_refused(connection: psycopg.Connection, wide: str) -> None:
    with pytest.raises(errors.SyntaxErrorOrAccessRuleViolation, match="does not fit"):
        connection.execute("SELECT %s", (Decimal(wide),))
    cast = connection.execute("SELECT %s::numeric(60, 20)", (Decimal(wide),)).fetchone()
    assert cast == (Decimal(wide),)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("k_time", "24:00"),
        ("k_time", "10:99"),
        ("k_time", "noon"),
        ("k_timestamp", "2024-01-01 25:00"),
        ("k_timestamp", "2024-01-01 10:60:00"),
        ("k_timestamp", "2024-01-01 10:00:61"),
    ],
)
def test_what_is_no_time_is_refused(
    connection: psycopg.Connection, column: str, value: str
) -> None:
    with pytest.raises(errors.InvalidTextRepresentation):
        connection.execute(f"SELECT 1 FROM sales.types.kinds WHERE {column} = %s", (value,))


def test_bytes_as_postgresql_writes_them(connection: psycopg.Connection) -> None:
    text = r"SELECT k_int8 FROM sales.types.kinds WHERE k_bytes = '\x00ff'::bytea"
    assert connection.execute(text).fetchall() == [(-128,)]


def test_no_snapshot_is_promised(connection: psycopg.Connection) -> None:
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
        shown = connection.execute("SHOW default_transaction_isolation").fetchone()
        assert shown == ("read committed",)


@pytest.mark.parametrize(
    "condition",
    [
        r"k_bytes = '\x00ff'",
        r"'\x00ff' <> k.k_bytes",
        r"k_bytes IN ('a', '\x00ff')",
        r"k_bytes BETWEEN '\x00' AND 'z'",
    ],
)
def test_bytes_are_not_compared_with_what_may_be_meant_for_bytes(
    connection: psycopg.Connection, condition: str
) -> None:
    with pytest.raises(errors.SyntaxErrorOrAccessRuleViolation, match="compared with a text") as e:
        connection.execute(f"SELECT 1 FROM sales.types.kinds k WHERE {condition}")
    assert e.value.diag.message_hint == r"write '\x00ff'::bytea or X'00ff' for bytes"


def test_texts_may_look_like_bytes(connection: psycopg.Connection) -> None:
    text = r"SELECT count(*) FROM sales.types.kinds WHERE k_text = '\x00ff' OR k_bytes = 'x00'"
    assert connection.execute(text).fetchall() == [(0,)]
