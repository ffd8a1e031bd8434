"""Everything wrong a client can send: a clear error each time, nothing leaks, life goes on."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.flight as fl
import pytest
from google.protobuf.any_pb2 import Any as Envelope

from gateway.errors import (
    AccessDenied,
    Busy,
    Cancelled,
    GatewayError,
    InternalError,
    LimitExceeded,
    NotFound,
    ParseError,
    Position,
    SourceFailure,
    Unauthenticated,
    UnknownDataset,
    Unsupported,
)
from gateway.flight import commands
from gateway.flight.client import Client, ServerError
from gateway.flight.errors import translate
from gateway.flight.wire import flight_pb2 as wire
from gateway.flight.wire import flightsql_pb2 as sql
from tests.flight.serving import Served, descriptor

INSIDES = re.compile(r"Traceback|File \"|\.py\b|site-packages|/home/|/root/|/work/|/tmp/")

ERRORS = (fl.FlightError, pa.ArrowException)


@pytest.fixture(autouse=True)
def alive(served: Served) -> Iterator[None]:
    """After every test the server still answers."""
    yield
    with served.client() as client:
        assert client.query("SELECT count(*) AS n FROM orders").to_pydict() == {"n": [100]}


def refused(call: Callable[[], Any]) -> Exception:
    """The error of a call, checked to show nothing of our insides."""
    with pytest.raises(ERRORS) as caught:
        call()
    text = str(caught.value) + repr(getattr(caught.value, "extra_info", ""))
    assert not INSIDES.search(text), text
    assert re.match(r"(Flight error: )?\[[A-Z_]+\] ", text), text
    return caught.value


def wrapped(type_url: str, value: bytes = b"") -> fl.FlightDescriptor:
    envelope = Envelope(type_url=type_url, value=value)
    return fl.FlightDescriptor.for_command(envelope.SerializeToString())


MALFORMED = {
    "not protobuf": fl.FlightDescriptor.for_command(b"\xff\xfe not protobuf"),
    "empty": fl.FlightDescriptor.for_command(b""),
    "text": fl.FlightDescriptor.for_command("SELECT 1"),
    "foreign type": wrapped("type.googleapis.com/google.protobuf.Duration"),
    "broken inside": wrapped(commands.TYPE_URL_PREFIX + "CommandStatementQuery", b"\xff\xff\xff"),
    "not utf-8": wrapped(commands.TYPE_URL_PREFIX + "CommandStatementQuery", b"\x0a\x02\xff\xfe"),
    "no path": fl.FlightDescriptor.for_path(),
    "short path": fl.FlightDescriptor.for_path("sales"),
    "long path": fl.FlightDescriptor.for_path("a", "b", "c", "d"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_descriptor_is_an_invalid_argument(served: Served, case: str) -> None:
    client, options = served.raw()
    error = refused(lambda: client.get_flight_info(MALFORMED[case], options))
    assert isinstance(error, pa.ArrowInvalid)
    refused(lambda: client.get_schema(MALFORMED[case], options))


@pytest.mark.parametrize("name", ["__doc__", "Any", "CommandNothing", "x" * 5000, ""])
def test_an_unknown_message_is_unimplemented(served: Served, name: str) -> None:
    client, options = served.raw()
    where = wrapped(commands.TYPE_URL_PREFIX + name)
    error = refused(lambda: client.get_flight_info(where, options))
    assert isinstance(error, pa.ArrowNotImplementedError)


@pytest.mark.parametrize(
    "command",
    [
        sql.CommandStatementUpdate(query="DELETE FROM orders"),
        sql.CommandStatementIngest(table="t"),
        sql.CommandStatementQuery(query="SELECT 1", transaction_id=b"1"),
        sql.TicketStatementQuery(statement_handle=b"x"),
    ],
)
def test_what_is_not_offered_says_so(served: Served, command: Any) -> None:
    client, options = served.raw()
    error = refused(lambda: client.get_flight_info(descriptor(command), options))
    assert isinstance(error, pa.ArrowNotImplementedError)


@pytest.mark.parametrize("megabytes", [2, 16])
def test_sql_that_is_too_long_is_refused_with_the_limit(served: Served, megabytes: int) -> None:
    client, options = served.raw()
    text = "SELECT '" + "x" * (megabytes << 20) + "'"
    query = descriptor(sql.CommandStatementQuery(query=text))
    error = refused(lambda: client.get_flight_info(query, options))
    assert "LIMIT_EXCEEDED" in str(error)
    assert str(commands.MAX_COMMAND_BYTES) in str(error)
    body = commands.encode(sql.ActionCreatePreparedStatementRequest(query=text))
    action = fl.Action("CreatePreparedStatement", body)
    error = refused(lambda: list(client.do_action(action, options)))
    assert "LIMIT_EXCEEDED" in str(error)


def test_sql_just_over_the_limit_counts_bytes_not_characters(client: Client) -> None:
    text = "SELECT '" + "é" * (commands.MAX_SQL_BYTES // 2) + "'"
    with pytest.raises(ServerError, match="LIMIT_EXCEEDED"):
        client.query(text)


@pytest.mark.parametrize("text", ["n" * 100_000, "ü" * 50_000, "a\nb\0c\r" * 100, '"' * 9999])
def test_a_huge_or_odd_name_in_an_error_still_reaches_the_client(served: Served, text: str) -> None:
    client, options = served.raw()
    query = sql.CommandStatementQuery(query='SELECT * FROM "' + text.replace('"', '""') + '"')
    refused(lambda: client.get_flight_info(descriptor(query), options))
    refused(lambda: list(client.do_action(fl.Action(text[:9000], b""), options)))
    refused(lambda: client.get_flight_info(fl.FlightDescriptor.for_path(text), options))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SELEC 1", "PARSE_ERROR"),
        ("SELECT FROM WHERE", "PARSE_ERROR"),
        ("SELECT * FROM nowhere", "UNKNOWN_DATASET"),
        ("SELECT nothing FROM orders", "UNKNOWN_COLUMN"),
        ("DROP TABLE orders", "UNSUPPORTED"),
        ("COPY orders TO 'x.csv'", "UNSUPPORTED"),
        ("SET a = 1", "UNSUPPORTED"),
        ("INSERT INTO orders VALUES (1)", "UNSUPPORTED"),
    ],
)
def test_wrong_sql_has_its_code(client: Client, text: str, code: str) -> None:
    with pytest.raises(ServerError, match=code):
        client.query(text)


def test_a_position_and_a_hint_reach_the_client(client: Client) -> None:
    with pytest.raises(ServerError) as caught:
        client.query("SELECT *\nFROM sales.shop.order")
    assert "(line 2, column 17)" in str(caught.value)
    assert "Hint: did you mean sales.shop.orders?" in str(caught.value)


def test_an_error_in_the_middle_of_a_stream_reaches_the_client(served: Served) -> None:
    client, options = served.raw()
    query = sql.CommandStatementQuery(query="SELECT id FROM ops.probe.broken")
    info = client.get_flight_info(descriptor(query), options)
    error = refused(client.do_get(info.endpoints[0].ticket, options).read_all)
    assert isinstance(error, fl.FlightUnavailableError)
    assert json.loads(error.extra_info)["code"] == "SOURCE_INTERRUPTED"


def test_an_error_in_the_remainder_reaches_the_client(client: Client) -> None:
    with pytest.raises(ServerError, match="ARITHMETIC_ERROR"):
        client.query("SELECT id / (id - 1) FROM orders")


@pytest.mark.parametrize("ticket", [b"", b"\xff\xff", b"x" * (2 << 20)])
def test_a_made_up_ticket_is_refused(served: Served, ticket: bytes) -> None:
    client, options = served.raw()
    refused(lambda: client.do_get(fl.Ticket(ticket), options).read_all())


def test_a_command_is_no_ticket(served: Served) -> None:
    client, options = served.raw()
    ticket = fl.Ticket(commands.encode(sql.CommandStatementQuery(query="SELECT 1")))
    assert "GetFlightInfo" in str(refused(lambda: client.do_get(ticket, options).read_all()))


def put(
    served: Served, where: fl.FlightDescriptor, schema: pa.Schema, rows: pa.RecordBatch | None
) -> None:
    client, options = served.raw()
    writer, _ = client.do_put(where, schema, options)
    if rows is not None:
        writer.write_batch(rows)
    writer.close()


ROWS = pa.record_batch({"x": [1]})


@pytest.mark.parametrize(
    "where",
    [
        MALFORMED["not protobuf"],
        MALFORMED["empty"],
        fl.FlightDescriptor.for_path("sales", "shop", "orders"),
        descriptor(sql.CommandStatementQuery(query="SELECT 1")),
        descriptor(sql.CommandPreparedStatementQuery(prepared_statement_handle=b"none")),
        descriptor(sql.CommandPreparedStatementUpdate(prepared_statement_handle=b"none")),
        descriptor(sql.CommandStatementUpdate(query="DELETE FROM orders")),
        descriptor(sql.CommandStatementIngest(table="orders")),
    ],
)
def test_an_upload_is_refused(served: Served, where: fl.FlightDescriptor) -> None:
    refused(lambda: put(served, where, ROWS.schema, ROWS))
    refused(lambda: put(served, where, pa.schema([]), None))


def test_an_exchange_is_refused(served: Served) -> None:
    client, options = served.raw()

    def exchange() -> None:
        writer, reader = client.do_exchange(fl.FlightDescriptor.for_command(b"x"), options)
        with writer:
            writer.done_writing()
            reader.read_all()

    assert isinstance(refused(exchange), pa.ArrowNotImplementedError)


@pytest.mark.parametrize("name", ["", "Nothing", "BeginTransaction", "EndTransaction"])
def test_an_action_that_is_not_offered_is_unimplemented(served: Served, name: str) -> None:
    client, options = served.raw()
    error = refused(lambda: list(client.do_action(fl.Action(name, b""), options)))
    assert isinstance(error, pa.ArrowNotImplementedError)


@pytest.mark.parametrize(
    "name",
    ["CreatePreparedStatement", "ClosePreparedStatement", "CancelQuery", "CancelFlightInfo"],
)
@pytest.mark.parametrize("body", [b"\xff\xff", b"x" * (17 << 20)], ids=["garbage", "17 MiB"])
def test_an_action_with_a_wrong_body_is_refused(served: Served, name: str, body: bytes) -> None:
    client, options = served.raw()
    refused(lambda: list(client.do_action(fl.Action(name, body), options)))


def test_cancelling_what_is_unknown_is_not_found(served: Served) -> None:
    client, options = served.raw()
    ticket = commands.encode(sql.TicketStatementQuery(statement_handle=b"unknown"))
    info = wire.FlightInfo(endpoint=[wire.FlightEndpoint(ticket=wire.Ticket(ticket=ticket))])
    body = wire.CancelFlightInfoRequest(info=info).SerializeToString()
    error = refused(lambda: list(client.do_action(fl.Action("CancelFlightInfo", body), options)))
    assert isinstance(error, pa.ArrowKeyError)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ParseError("no", position=Position(1, 2), hint="do"), pa.ArrowInvalid),
        (LimitExceeded("no"), pa.ArrowInvalid),
        (UnknownDataset("no"), pa.ArrowKeyError),
        (NotFound("no"), pa.ArrowKeyError),
        (Unsupported("no"), pa.ArrowNotImplementedError),
        (Unauthenticated("no"), fl.FlightUnauthenticatedError),
        (AccessDenied("no"), fl.FlightUnauthorizedError),
        (Busy("no"), fl.FlightUnavailableError),
        (Cancelled("no"), fl.FlightCancelledError),
        (SourceFailure("no", retryable=True), fl.FlightUnavailableError),
        (SourceFailure("no"), fl.FlightInternalError),
    ],
)
def test_every_kind_of_error_has_its_status(error: GatewayError, kind: type[Exception]) -> None:
    translated = translate(error)
    assert isinstance(translated, kind)
    assert str(translated).startswith(str(error)[:20])


class Panic(BaseException):
    """What a Rust panic looks like from Python."""


@pytest.mark.parametrize("bug", [ValueError, KeyboardInterrupt, SystemExit, Panic, InternalError])
def test_a_bug_shows_an_incident_and_logs_the_rest(
    bug: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        translated = translate(bug("secret detail"))
    assert isinstance(translated, fl.FlightInternalError)
    assert "secret detail" not in str(translated)
    (incident,) = re.findall(r"incident ([0-9a-f]{12})", str(translated))
    assert incident in caplog.text
    assert "secret detail" in caplog.text


@pytest.mark.parametrize("moment", ["prepare", "execute", "visible"])
def test_a_bug_behind_a_handler_does_not_leak(
    served: Served, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    def fail(*_: object) -> None:
        raise Panic(f"secret at {__file__}")

    client, options = served.raw()
    query = sql.CommandStatementQuery(query="SELECT 1")
    ticket = client.get_flight_info(descriptor(query), options).endpoints[0].ticket
    with monkeypatch.context() as patch:
        broken = served.gateway.browsing if moment == "visible" else served.gateway
        patch.setattr(broken, moment, fail)
        calls: dict[str, Callable[[], Any]] = {
            "prepare": lambda: client.get_flight_info(descriptor(query), options),
            "execute": lambda: client.do_get(ticket, options).read_all(),
            "visible": lambda: list(client.list_flights(options=options)),
        }
        error = refused(calls[moment])
    assert "INTERNAL" in str(error)
    assert "secret" not in str(error)


def test_an_error_about_a_path_names_no_position_of_a_text_nobody_wrote(served: Served) -> None:
    client, options = served.raw()
    with pytest.raises(KeyError) as caught:
        client.get_schema(fl.FlightDescriptor.for_path("sales", "shop", "nope"), options)
    assert "UNKNOWN_DATASET" in str(caught.value)
    assert "column" not in str(caught.value)
