"""Tickets: signed, bound to who got them for what, and never a right of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from connectors import memory
from gateway.errors import NotFound
from gateway.flight import commands
from gateway.flight.service import FlightSql
from gateway.flight.tickets import TICKET_BYTES, Tickets
from gateway.flight.wire import flight_pb2 as wire
from gateway.flight.wire import flightsql_pb2 as sql
from gateway.model import Principal
from gateway.pipeline import Gateway
from gateway.serving.callers import Caller
from gateway.serving.options import Declared
from gateway.serving.streams import QueryStream
from policies.snapshot import Snapshot
from policies.store import PolicyRows, Row, load_folder
from tests.flight.purposes import STORE, build
from tests.flight.serving import Served
from tests.identity.clocks import Still

CARE = Declared("care")
ANN = Caller(Principal("user:ann", ("all/reader",)), CARE)
BEN = Caller(Principal("user:ben", ("all/reader",)), CARE)


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield build(tmp_path_factory.mktemp("clinic"))
    memory.forget(STORE)


@pytest.fixture
def gateway(mesh: Path) -> Iterator[Gateway]:
    gateway = Gateway.open(mesh)
    yield gateway
    gateway.close()


@pytest.fixture
def service(gateway: Gateway) -> FlightSql:
    return FlightSql(gateway)


def lasting(service: FlightSql, seconds: float, clock: Still) -> FlightSql:
    """The same with tickets that last so long by the clock."""
    service.tickets = Tickets(ttl_seconds=seconds, per_owner=100, clock=clock)
    return service


def query(text: str = "SELECT count(*) AS n FROM visits") -> bytes:
    return commands.encode(sql.CommandStatementQuery(query=text))


def handle_of(ticket: bytes) -> bytes:
    message = commands.decode(ticket)
    assert isinstance(message, sql.TicketStatementQuery)
    return message.statement_handle


def ticket_of(handle: bytes) -> bytes:
    return commands.encode(sql.TicketStatementQuery(statement_handle=handle))


def read(service: FlightSql, caller: Caller, ticket: bytes) -> pa.Table:
    stream = service.stream(caller, ticket, lambda: False)
    assert isinstance(stream, QueryStream)
    return pa.Table.from_batches(list(stream), stream.schema)


def refusal(action: Callable[[], object]) -> str:
    with pytest.raises(NotFound) as caught:
        action()
    return caught.value.to_json()


def test_a_ticket_is_read_more_than_once(service: FlightSql) -> None:
    ticket = service.flight(ANN, query()).ticket
    for _ in range(2):
        assert read(service, ANN, ticket).to_pydict() == {"n": [3]}
    assert len(handle_of(ticket)) == TICKET_BYTES


def test_every_changed_bit_is_noticed(service: FlightSql) -> None:
    handle = handle_of(service.flight(ANN, query()).ticket)
    unknown = refusal(lambda: read(service, ANN, ticket_of(b"x" * TICKET_BYTES)))
    for position in range(len(handle)):
        for bit in (1, 128):
            changed = bytearray(handle)
            changed[position] ^= bit
            ticket = ticket_of(bytes(changed))
            assert refusal(lambda t=ticket: read(service, ANN, t)) == unknown  # type: ignore[misc]
    for changed_length in (handle[:-1], handle + b"\0", handle[:18], handle[:26], b""):
        ticket = ticket_of(changed_length)
        assert refusal(lambda t=ticket: read(service, ANN, t)) == unknown  # type: ignore[misc]
    assert read(service, ANN, ticket_of(handle)).num_rows == 1


def test_the_signature_of_one_ticket_does_not_fit_another(service: FlightSql) -> None:
    first, second = (handle_of(service.flight(ANN, query()).ticket) for _ in range(2))
    for mixed in (first[:26] + second[26:], first[:18] + second[18:]):
        refusal(lambda m=mixed: read(service, ANN, ticket_of(m)))  # type: ignore[misc]


def test_somebody_elses_an_expired_and_an_unknown_ticket_look_the_same(gateway: Gateway) -> None:
    clock = Still()
    service = lasting(FlightSql(gateway), 10.0, clock)
    ticket = service.flight(ANN, query()).ticket
    assert read(service, ANN, ticket).num_rows == 1
    answers = {refusal(lambda: read(service, BEN, ticket))}
    answers.add(refusal(lambda: service.cancel(BEN, [ticket])))
    clock.now += 11
    answers.add(refusal(lambda: read(service, ANN, ticket)))
    answers.add(refusal(lambda: read(service, ANN, ticket_of(b"y" * TICKET_BYTES))))
    answers.add(refusal(lambda: service.cancel(ANN, [ticket_of(b"y" * TICKET_BYTES)])))
    other = lasting(FlightSql(gateway), 10.0, clock)  # another process has another key
    answers.add(refusal(lambda: read(other, ANN, ticket)))
    assert len(answers) == 1


def test_using_a_ticket_does_not_make_it_last_longer(gateway: Gateway) -> None:
    clock = Still()
    service = lasting(FlightSql(gateway), 10.0, clock)
    ticket = service.flight(ANN, query()).ticket
    for _ in range(3):
        assert read(service, ANN, ticket).num_rows == 1
        clock.now += 3
    assert read(service, ANN, ticket).num_rows == 1
    clock.now += 2
    refusal(lambda: read(service, ANN, ticket))


def test_a_renewed_ticket_lasts_longer(mesh: Path) -> None:
    served, clock = Served(mesh), Still()
    lasting(served.service, 10.0, clock)
    try:
        client, options = served.raw(("ann", "ann's"))
        text = sql.CommandStatementQuery(query="SELECT 1 AS n")
        descriptor = fl.FlightDescriptor.for_command(commands.encode(text))
        old = client.get_flight_info(descriptor, options).endpoints[0].ticket
        clock.now += 6
        request = wire.RenewFlightEndpointRequest()
        request.endpoint.ticket.ticket = old.ticket
        action = fl.Action("RenewFlightEndpoint", request.SerializeToString())
        (result,) = client.do_action(action, options)
        endpoint = wire.FlightEndpoint.FromString(result.body.to_pybytes())
        clock.now += 6
        with pytest.raises(pa.ArrowKeyError, match="NOT_FOUND"):
            client.do_get(old, options).read_all()
        renewed = fl.Ticket(endpoint.ticket.ticket)
        assert client.do_get(renewed, options).read_all().to_pydict() == {"n": [1]}
        bob, bobs = served.raw(("ben", "ben's"))
        with pytest.raises(pa.ArrowKeyError, match="NOT_FOUND"):
            list(bob.do_action(action, bobs))
    finally:
        served.close()


def test_a_ticket_keeps_its_purpose_whatever_its_reader_declares(service: FlightSql) -> None:
    ticket = service.flight(ANN, query()).ticket
    for purpose in ("", "billing"):
        later = Caller(ANN.principal, Declared(purpose))
        assert read(service, later, ticket).to_pydict() == {"n": [3]}


def test_roles_that_are_gone_are_gone_for_tickets_and_prepared_statements(
    service: FlightSql,
) -> None:
    ticket = service.flight(ANN, query()).ticket
    prepared = service.prepare(ANN, "SELECT * FROM visits").prepared_statement_handle
    command = commands.encode(sql.CommandPreparedStatementQuery(prepared_statement_handle=prepared))
    demoted = Caller(Principal(ANN.name, ()), CARE)
    elsewhere = Caller(Principal(ANN.name, ("all/reader",), purposes=()), CARE)
    for caller in (demoted, elsewhere):
        for use in (lambda c: read(service, c, ticket), lambda c: service.flight(c, command)):
            with pytest.raises(Exception, match=r"UNKNOWN_DATASET|PURPOSE_NOT_GRANTED"):
                use(caller)
    assert read(service, ANN, ticket).num_rows == 1


def test_policies_that_changed_are_asked_anew(
    gateway: Gateway, service: FlightSql, mesh: Path
) -> None:
    ticket = service.flight(ANN, query()).ticket
    prepared = service.prepare(ANN, "SELECT * FROM visits").prepared_statement_handle
    command = commands.encode(sql.CommandPreparedStatementQuery(prepared_statement_handle=prepared))
    rows = load_folder(mesh / "policies")
    everything = "mesh://clinic/ward/visits"
    denial = Row("p", ("user:ann", "*", everything, "read", "*", "*", "*", "deny"))
    access = gateway.mesh.access
    access.authoriser.swap(Snapshot(PolicyRows.checked([*rows.rows, denial])))
    for use in (lambda: read(service, ANN, ticket), lambda: service.flight(ANN, command)):
        with pytest.raises(Exception, match="UNKNOWN_DATASET"):
            read(service, ANN, use().ticket)  # type: ignore[attr-defined]
    access.authoriser.swap(Snapshot(rows))
    assert read(service, ANN, ticket).to_pydict() == {"n": [3]}


def test_a_running_query_is_cancelled_by_its_own_ticket_only(service: FlightSql) -> None:
    endless = "SELECT value FROM generate_series(1, 1000000000000)"
    ticket = service.flight(ANN, query(endless)).ticket
    stream = service.stream(ANN, ticket, lambda: False)
    assert isinstance(stream, QueryStream)
    next(stream)
    handle = bytearray(handle_of(ticket))
    handle[-1] ^= 1
    refusal(lambda: service.cancel(ANN, [ticket_of(bytes(handle))]))
    refusal(lambda: service.cancel(BEN, [ticket]))
    assert next(stream).num_rows
    assert service.cancel(ANN, [ticket])
    stream.close()
    refusal(lambda: read(service, ANN, ticket))


def test_reports_of_others_and_unknown_ones_look_the_same(service: FlightSql) -> None:
    flight = service.flight(ANN, query())
    read(service, ANN, flight.ticket)
    assert flight.query_id
    assert service.reports.get(ANN.name, flight.query_id).rows == 1
    answers = {
        refusal(lambda i=query_id: service.reports.get(BEN.name, i))  # type: ignore[misc]
        for query_id in (flight.query_id, "0" * 32, "")
    }
    assert len(answers) == 1


def test_expired_handles_of_callers_who_never_come_back_are_forgotten(gateway: Gateway) -> None:
    clock = Still()
    service = lasting(FlightSql(gateway), 10.0, clock)
    for number in range(20):
        caller = Caller(Principal(f"user:u{number}", ("all/reader",)), CARE)
        service.flight(caller, query("SELECT 1"))
    assert len(service.tickets) == 20
    clock.now += 11
    for _ in range(25):
        service.flight(ANN, query("SELECT 1"))
    assert len(service.tickets) <= 25
