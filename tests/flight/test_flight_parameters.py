"""Parameters of prepared statements over the wire: described, bound once or often, checked."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Iterator
from typing import Any

import adbc_driver_flightsql.dbapi as adbc
import pyarrow as pa
import pyarrow.flight as fl
import pytest

from gateway.flight import commands
from gateway.flight.parameters import MAX_ROWS
from gateway.flight.wire import flightsql_pb2 as sql
from tests.flight.serving import BOB, ORDERS, Served, descriptor
from tests.flight.test_flight_adbc import connect


@pytest.fixture
def cursor(served: Served) -> Iterator[Any]:
    with connect(served) as connection, connection.cursor() as cursor:
        yield cursor


def asked(cursor: Any, text: str, values: Any) -> list[tuple[object, ...]]:
    cursor.execute(text, values)
    return list(cursor.fetchall())


def test_types_are_told_before_values_are_bound(cursor: Any) -> None:
    text = "SELECT id FROM orders WHERE id = ? AND amount > ? AND customer LIKE ? LIMIT ?"
    schema = cursor.adbc_prepare(text)
    assert schema.names == ["1", "2", "3", "4"]
    assert schema.types == [pa.int64(), pa.decimal128(12, 2), pa.string(), pa.int64()]


def test_values_are_bound(cursor: Any) -> None:
    text = "SELECT id, customer FROM orders WHERE id > $1 AND id <= $2 ORDER BY id"
    for low in range(5):
        expected = [(i, f"customer {(i - 1) % 7}") for i in range(low + 1, low + 4)]
        assert asked(cursor, text, (low, low + 3)) == expected
    assert asked(cursor, text, (None, 3)) == []


def test_outputs_need_no_names(cursor: Any) -> None:
    assert asked(cursor, "SELECT ?, ?, id FROM orders WHERE id = ?", ("x", "x", 5)) == [
        ("x", "x", 5)
    ]
    assert asked(cursor, "SELECT $2, $1, $1", ("x", "x")) == [("x", "x", "x")]
    text = "SELECT DISTINCT ? FROM orders UNION ALL SELECT ? UNION ALL SELECT lower(?) ORDER BY 1"
    assert asked(cursor, text, ("b", "a", "C")) == [("a",), ("b",), ("c",)]
    assert asked(
        cursor, "SELECT (SELECT ?), CASE WHEN ? THEN ? ELSE ? END AS x", ("a", True, "b", "c")
    ) == [("a", "b")]
    assert asked(cursor, "SELECT id FROM orders WHERE id IN (SELECT CAST(? AS INT))", (3,)) == [
        (3,)
    ]


def test_a_parameter_may_be_used_more_than_once(cursor: Any) -> None:
    text = "SELECT $2 AS b, $1 AS a, $2 || $1 AS ba"
    assert asked(cursor, text, ("x", "y")) == [("y", "x", "yx")]


@pytest.mark.parametrize(
    "value",
    [
        *(True, 5, -(2**63), 2.5, float("inf"), "it's ? and $1", "", "ä\n", b"\x00\xff", None),
        *(decimal.Decimal("-12.50"), dt.date(1999, 12, 31), dt.time(23, 59, 59, 999_999)),
        *(dt.datetime(2024, 2, 29, 12, 30, 1, 5), dt.datetime(2024, 1, 1, tzinfo=dt.UTC)),
    ],
)
def test_values_of_every_type_come_back(cursor: Any, value: object) -> None:
    kind = {
        bool: "BOOLEAN",
        int: "BIGINT",
        float: "DOUBLE",
        bytes: "BYTEA",
        decimal.Decimal: "DECIMAL(10, 2)",
        dt.date: "DATE",
        dt.time: "TIME",
        dt.datetime: "TIMESTAMP",
    }.get(type(value), "VARCHAR")
    [(given,)] = asked(cursor, f"SELECT CAST(? AS {kind}) AS x", (value,))
    if isinstance(value, dt.datetime):
        value, given = value.replace(tzinfo=None), given.replace(tzinfo=None)
    assert given == value


def test_every_row_of_values_has_its_answer(cursor: Any) -> None:
    table = pa.table({"id": [3, 99, 1000, 3]})
    text = "SELECT id, amount FROM orders WHERE id = ?"
    answer = [(3, decimal.Decimal("0.50")), (99, decimal.Decimal("24.50"))]
    assert asked(cursor, text, table) == [*answer, answer[0]]


def test_dense_unions_are_taken(cursor: Any) -> None:
    values = [pa.array([7]), pa.array(["8"])]
    union = pa.UnionArray.from_dense(
        pa.array([0, 1], pa.int8()), pa.array([0, 0], pa.int32()), values
    )
    batch = pa.record_batch([union], ["id"])
    assert asked(cursor, "SELECT id FROM orders WHERE id = ?", batch) == [(7,), (8,)]


@pytest.mark.parametrize(
    ("text", "values", "said"),
    [
        ("SELECT ? FROM orders", (1, 2), "values the statement takes: 1, given: 2"),
        ("SELECT 1", (1,), "none, given: 1|takes: 0, given: 1"),
        ("SELECT id FROM orders WHERE id = ?", None, "values the statement takes: 1, given: none"),
        ("SELECT id FROM orders WHERE id = ?", ("seven",), "parameter 1 is of type int64"),
        ("SELECT id FROM orders WHERE id = :id", None, "values have no names here: :id"),
        ("SELECT id FROM orders WHERE id = %s", (1,), "%s is no place .* column 34.* write \\?"),
        ("SELECT id FROM orders WHERE id = %(x)s", (1,), "no names here: %\\(x\\)s .* column 34"),
        ("SELECT id FROM orders WHERE id = :id OR id = ?", (1,), "no names here: :id"),
        ("SELECT id FROM orders WHERE id = ? OR id = %s", (1,), "%s is no place"),
        ("SELECT id FROM orders WHERE id = ? OR id = $1", (1,), "do not go together"),
        ("SELECT id FROM orders WHERE id = $2", (1, 2), "no \\$1"),
        ("SELECT id FROM orders WHERE id = ?\n AND nam = ?", None, "line 2, column 6"),
    ],
)
def test_what_is_wrong_is_said(cursor: Any, text: str, values: Any, said: str) -> None:
    with pytest.raises(adbc.Error, match=said):
        asked(cursor, text, values)


def test_too_many_rows_are_refused(cursor: Any) -> None:
    with pytest.raises(adbc.Error, match="bind them in several turns"):
        asked(cursor, "SELECT ?", pa.table({"x": [1] * (MAX_ROWS + 1)}))


def test_rights_are_asked_for_again(served: Served) -> None:
    with (
        connect(served, BOB) as connection,
        connection.cursor() as cursor,
        pytest.raises(adbc.Error, match="UNKNOWN_DATASET"),
    ):
        asked(cursor, "SELECT name FROM hr.staff.people WHERE id = ?", (1,))


def test_a_binding_stays_until_the_next(served: Served) -> None:
    client, options = served.raw()
    request = sql.ActionCreatePreparedStatementRequest(
        query="SELECT amount FROM orders WHERE id = ?"
    )
    action = fl.Action("CreatePreparedStatement", commands.encode(request))
    [result] = client.do_action(action, options)
    answer = sql.ActionCreatePreparedStatementResult()
    envelope = commands.parse(commands.Any, result.body.to_pybytes(), "an answer")
    answer.ParseFromString(envelope.value)
    command = sql.CommandPreparedStatementQuery(
        prepared_statement_handle=answer.prepared_statement_handle
    )
    for number in (5, 6):
        batch = pa.record_batch([pa.array([number])], ["1"])
        writer, reader = client.do_put(descriptor(command), batch.schema, options)
        with writer:
            writer.write_batch(batch)
            writer.done_writing()
            reader.read()
        for _ in range(2):
            info = client.get_flight_info(descriptor(command), options)
            table = client.do_get(info.endpoints[0].ticket, options).read_all()
            assert table.column(0).to_pylist() == [ORDERS.column("amount")[number - 1].as_py()]
