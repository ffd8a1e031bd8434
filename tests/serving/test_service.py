"""One service under several fronts: they count, stop and report together."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from connectors import memory
from gateway.errors import Busy, Cancelled
from gateway.flight import commands
from gateway.flight.service import FlightSql
from gateway.flight.wire import flightsql_pb2 as sql
from gateway.model import Request
from gateway.serving.callers import Caller
from gateway.serving.executions import Running
from gateway.serving.service import Service
from gateway.serving.statements import Statement
from gateway.serving.streams import QueryStream
from tests.gateways import ANA, gateway, in_memory

TEXT = "SELECT id FROM shop.memory.numbers"
STORE = "serving"
CALLER = Caller(ANA)
COMMAND = commands.encode(sql.CommandStatementQuery(query=TEXT))


@pytest.fixture
def service() -> Iterator[Service]:
    made = gateway(in_memory({"numbers": pa.table({"id": range(10)})}, STORE))
    yield Service(made, streams=1)
    made.close()
    memory.forget(STORE)


def begun(service: Service) -> QueryStream:
    """A query of some other front, that has not been read."""
    statement = Statement(service.gateway, Request(ANA, TEXT))
    of = Running(ANA.name, statement)
    return service.executions.start(statement.take(ANA), of, lambda: False)


def test_a_query_of_one_front_takes_the_place_of_another_fronts(service: Service) -> None:
    flight = FlightSql(service.gateway, shared=service)
    ticket = flight.flight(CALLER, COMMAND).ticket
    stream = begun(service)
    with pytest.raises(Busy, match="as many as it may"):
        flight.stream(CALLER, ticket, lambda: False)
    assert sum(batch.num_rows for batch in stream) == 10
    assert flight.reports.get(ANA.name).rows == 10
    answer = flight.stream(CALLER, flight.flight(CALLER, COMMAND).ticket, lambda: False)
    assert sum(batch.num_rows for batch in answer) == 10


def test_draining_stops_what_any_front_runs_and_refuses_what_comes(service: Service) -> None:
    flight = FlightSql(service.gateway, shared=service)
    stream = begun(service)
    service.drain(0.0)
    with pytest.raises(Cancelled, match="the gateway is stopping"):
        next(stream)
    assert service.admission.running == 0
    with pytest.raises(Busy, match="shutting down"):
        flight.flight(CALLER, COMMAND)
