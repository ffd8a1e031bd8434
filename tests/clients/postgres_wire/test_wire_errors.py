"""What is said of values, log-ins and options that are wrong: codes, hints, and PostgreSQL's own
word on dates."""

from __future__ import annotations

import datetime as dt

import psycopg
import pytest
from psycopg import errors

from tests import services
from tests.clients.postgres_wire.conftest import KEY
from tests.clients.postgres_wire.serving import ALICE, Served
from tests.clients.postgres_wire.test_wire_protocol import everything, message, raw, startup

KINDS = "SELECT k_int8 FROM sales.types.kinds WHERE"
DATES = [
    "2024-02-29",
    " 2024-2-29 ",
    "2024-02-29T23:30:00.000+02:00",
    "2024-02-29T00:30:00.000-11:00",
    "2024-02-29T23:30:00.000Z",
    "2024-02-29 12:00",
    "2024-02-29 24:00",
    "2024-02-29Z",
    "2024-02-29 +02",
    "0045-02-29",
    "0045-02-30 BC",
    "0000-01-01",
    "2023-02-29T00:00:00Z",
    "2024-02-29T25:00:00",
    "2024-02-29T24:00:01",
    "2024-02-29 noonish",
    "2024-02-29T",
    "5874898-01-01",
]


def sent(connection: psycopg.Connection, query: str, *values: str) -> psycopg.pq.abc.PGresult:
    """As node-postgres sends values: in text, of no type."""
    encoded = [value.encode() for value in values]
    return connection.pgconn.exec_params(query.encode(), encoded)


def field(result: psycopg.pq.abc.PGresult, name: psycopg.pq.DiagnosticField) -> str:
    return (result.error_field(name) or b"").decode()


@pytest.fixture(scope="module")
def real() -> psycopg.Connection:
    return psycopg.connect(services.postgres().uri(), autocommit=True)


@pytest.mark.parametrize("text", DATES)
def test_a_date_is_read_as_postgresql_reads_it(
    connection: psycopg.Connection, real: psycopg.Connection, text: str
) -> None:
    query = "SELECT $1::date"
    expected, found = sent(real, query, text), sent(connection, query, text)
    assert found.status == expected.status
    if expected.status == psycopg.pq.ExecStatus.TUPLES_OK:
        assert found.get_value(0, 0) == expected.get_value(0, 0)


@pytest.mark.parametrize("text", ["0044-03-15 00:00:00 BC", "12024-02-29", "5874897-12-31"])
@pytest.mark.parametrize("query", ["SELECT $1::date", f"{KINDS} k_date > $1"])
def test_a_date_that_not_everybody_has_is_refused(
    connection: psycopg.Connection, text: str, query: str
) -> None:
    result = sent(connection, query, text)
    assert field(result, psycopg.pq.DiagnosticField.SQLSTATE) == "0A000"
    assert "after 9999" in field(result, psycopg.pq.DiagnosticField.MESSAGE_PRIMARY)


def test_a_moment_finds_the_rows_of_its_date(connection: psycopg.Connection) -> None:
    found = sent(connection, f"{KINDS} k_date = $1", "9999-12-31T23:30:00.000-05:00")
    assert found.get_value(0, 0) == b"127"
    many = "{0001-01-01T00:00:00Z,2024-02-29}"
    assert sent(connection, f"{KINDS} k_date = ANY($1)", many).get_value(0, 0) == b"-128"
    typed = connection.execute(f"{KINDS} k_date = %s", (dt.date(1, 1, 1),)).fetchall()
    assert typed == [(-128,)]


@pytest.mark.parametrize(
    ("condition", "value", "hint"),
    [
        ("k_date = $1", "tomorrow", "2024-02-29"),
        ("k_time = $1", "noon", "12:30:00.5"),
        ("k_timestamp = $1", "soon", "2024-02-29 12:30:00.5"),
        ("k_instant = $1", "soon", "+01"),
        ("k_bool = $1", "maybe", "true or false"),
        ("k_int16 = $1", "40000", "16 bits"),
        ("k_int32 = $1", "1.5", "32 bits"),
        ("k_int64 = $1", "one", "64 bits"),
        ("k_float64 = $1", "one", "12.5"),
        ("k_decimal = $1", "one", "12.5"),
        ("k_bytes = $1", r"\x0", r"\x00ff"),
        ("k_int64 = ANY($1)", "1,2", "{1,2}, with"),
        ("k_int64 IN ($1)", "{1,2}", "= ANY($1) in place of IN ($1)"),
        ("k_date NOT IN ($1)", "{2024-02-29}", "<> ALL($1) in place of NOT IN ($1)"),
    ],
)
def test_the_wanted_form_of_a_value_is_said(
    connection: psycopg.Connection, condition: str, value: str, hint: str
) -> None:
    result = sent(connection, f"{KINDS} {condition}", value)
    assert field(result, psycopg.pq.DiagnosticField.SQLSTATE) == "22P02"
    assert hint in field(result, psycopg.pq.DiagnosticField.MESSAGE_HINT)


@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("token", "garbage"),
        ("token", KEY.sign(groups=["analysts"])[:-3]),
        ("token", KEY.sign(groups=["analysts"]).partition(".")[0]),
        ("alice", KEY.sign(groups=["analysts"]).rpartition(".")[0]),
        ("nobody", KEY.sign(groups=["analysts"]).rpartition(".")[0]),
    ],
)
def test_a_wrong_token_is_no_wrong_password(served: Served, user: str, password: str) -> None:
    with pytest.raises(psycopg.OperationalError, match=r"token is not accepted(?s:.)*new one"):
        psycopg.connect(served.dsn((user, password)))


@pytest.mark.parametrize("user", ["alice", "nobody"])
def test_a_wrong_password_is_called_one(served: Served, user: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="unknown user or wrong password"):
        psycopg.connect(served.dsn((user, "guess")))


@pytest.mark.parametrize(
    ("name", "value", "state", "code"),
    [
        ("meshgate.purpose", "espionage", "42501", "PURPOSE_NOT_GRANTED"),
        ("search_path", "nowhere", "3F000", ""),
        ("meshgate.timeout", "soon", "22023", "INVALID_REQUEST"),
        ("meshgate.nothing", "1", "42704", ""),
    ],
)
def test_an_option_is_refused_alike_when_connecting_and_later(
    served: Served, connection: psycopg.Connection, name: str, value: str, state: str, code: str
) -> None:
    with pytest.raises(psycopg.Error) as later:
        connection.execute(f"SET {name} = '{value}'")
    assert later.value.sqlstate == state
    detail = f"Meshgate: {code}" if code else str(later.value.diag.message_detail)
    assert later.value.diag.message_detail == detail
    with raw(served) as opened:
        opened.sendall(startup(user=ALICE[0], database="mesh", options=f"-c {name}={value}"))
        opened.sendall(message(b"p", ALICE[1].encode() + b"\0"))
        said = everything(opened)
    assert f"\0C{state}\0".encode() in said
    assert f"\0D{detail}\0".encode() in said


def test_the_time_limit_of_the_gateway_has_the_code_of_postgresqls(
    connection: psycopg.Connection,
) -> None:
    connection.execute("SET meshgate.timeout = '200ms'")
    with pytest.raises(errors.QueryCanceled) as caught:
        connection.execute(
            "SELECT count(*) FROM sales.shop.many a JOIN sales.shop.many b ON a.id < b.id"
        )
    assert caught.value.diag.message_detail == "Meshgate: TIMEOUT"


@pytest.mark.parametrize(
    ("text", "values", "state", "said"),
    [
        (
            "INSERT INTO sales.shop.orders (id) VALUES ($1)",
            ["7"],
            "25006",
            "the gateway only reads",
        ),
        ("SELECT 1", ["7"], "08P01", "1 values are bound; the statement takes 0"),
        ("SELECT id FROM sales.shop.orders WHERE id = $1", [], "08P01", "the statement takes 1"),
    ],
)
def test_values_of_what_takes_none_do_not_end_the_connection(
    connection: psycopg.Connection, text: str, values: list[str], state: str, said: str
) -> None:
    refused = sent(connection, text, *values)
    assert field(refused, psycopg.pq.DiagnosticField.SQLSTATE) == state
    assert said in field(refused, psycopg.pq.DiagnosticField.MESSAGE_PRIMARY)
    assert connection.execute("SELECT 1").fetchone() == (1,)
