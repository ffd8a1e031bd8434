"""The actions of Flight SQL, and our own: a name and bytes in, bytes out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from gateway.errors import LimitExceeded, Unsupported, UserError
from gateway.flight import commands, session_actions
from gateway.flight.service import FlightSql
from gateway.flight.wire import flight_pb2 as wire
from gateway.flight.wire import flightsql_pb2 as sql
from gateway.model import Address
from gateway.serving import named_queries, reports
from gateway.serving.callers import Caller

MAX_BODY_BYTES = commands.MAX_COMMAND_BYTES * 2
"""A body may hold a whole FlightInfo: the command again, a ticket, a schema."""

Action = Callable[[FlightSql, Caller, bytes], list[bytes]]


def act(service: FlightSql, caller: Caller, name: str, body: bytes) -> list[bytes]:
    """Run one action; the results in order. Unsupported when there is none of that name."""
    action = ACTIONS.get(name)
    if action is None:
        raise Unsupported(
            f"there is no action {name[:80]!r}", hint="list the actions to see those there are"
        )
    if len(body) > MAX_BODY_BYTES:
        raise LimitExceeded(f"the body of {name} has {len(body)} bytes, more than any may")
    return action[1](service, caller, body)


def _create_prepared(service: FlightSql, caller: Caller, body: bytes) -> list[bytes]:
    message = commands.decode(body)
    if not isinstance(message, sql.ActionCreatePreparedStatementRequest):
        raise _wrong_body(message.DESCRIPTOR.name)
    if message.HasField("transaction_id"):
        raise Unsupported("there are no transactions", hint="use autocommit")
    return [commands.encode(service.prepare(caller, message.query))]


def _create_prepared_plan(service: FlightSql, caller: Caller, body: bytes) -> list[bytes]:
    message = commands.decode(body)
    if not isinstance(message, sql.ActionCreatePreparedSubstraitPlanRequest):
        raise _wrong_body(message.DESCRIPTOR.name)
    return [commands.encode(service.prepare_plan(caller, message))]


def _close_prepared(service: FlightSql, caller: Caller, body: bytes) -> list[bytes]:
    message = commands.decode(body)
    if not isinstance(message, sql.ActionClosePreparedStatementRequest):
        raise _wrong_body(message.DESCRIPTOR.name)
    service.prepared.discard(caller.name, message.prepared_statement_handle)
    return []


def _cancel_flight_info(service: FlightSql, caller: Caller, body: bytes) -> list[bytes]:
    request = commands.parse(wire.CancelFlightInfoRequest, body, "a CancelFlightInfoRequest")
    stopped = service.cancel(caller, [e.ticket.ticket for e in request.info.endpoint])
    status = wire.CANCEL_STATUS_CANCELLED if stopped else wire.CANCEL_STATUS_CANCELLING
    return [wire.CancelFlightInfoResult(status=status).SerializeToString()]


def _cancel_query(service: FlightSql, caller: Caller, body: bytes) -> list[bytes]:
    message = commands.decode(body)
    if not isinstance(message, sql.ActionCancelQueryRequest):
        raise _wrong_body(message.DESCRIPTOR.name)
    info = commands.parse(wire.FlightInfo, message.info, "a FlightInfo")
    stopped = service.cancel(caller, [e.ticket.ticket for e in info.endpoint])
    result = sql.ActionCancelQueryResult
    outcome = result.CANCEL_RESULT_CANCELLED if stopped else result.CANCEL_RESULT_CANCELLING
    return [commands.encode(result(result=outcome))]


def _renew_endpoint(service: FlightSql, caller: Caller, body: bytes) -> list[bytes]:
    request = commands.parse(wire.RenewFlightEndpointRequest, body, "a RenewFlightEndpointRequest")
    message = commands.decode(request.endpoint.ticket.ticket)
    if isinstance(message, sql.TicketStatementQuery):
        renewed = service.tickets.renew(caller.name, message.statement_handle)
        ticket = commands.encode(sql.TicketStatementQuery(statement_handle=renewed))
        request.endpoint.ticket.ticket = ticket
    return [request.endpoint.SerializeToString()]


def _report(service: FlightSql, caller: Caller, body: bytes) -> list[bytes]:
    query_id = body.decode(errors="replace")
    return [reports.to_json(service.reports.get(caller.name, query_id))]


def _cancel_named(service: FlightSql, caller: Caller, body: bytes) -> list[bytes]:
    name = named_queries.check_name(body.decode(errors="replace"))
    return [b"stopped" if service.executions.end_name(caller.name, name) else b"not running"]


def _refresh(service: FlightSql, caller: Caller, body: bytes) -> list[bytes]:
    address = Address.parse(body.decode(errors="replace"))
    return [json.dumps(service.refresh(caller, address)).encode()]


def _no_transactions(service: FlightSql, caller: Caller, body: bytes) -> list[bytes]:
    raise Unsupported("there are no transactions", hint="use autocommit: the gateway only reads")


def _wrong_body(name: str) -> UserError:
    return UserError(f"the body of the action is a {name}, not the request the action takes")


ACTIONS: Mapping[str, tuple[str, Action]] = {
    "CreatePreparedStatement": ("plan a statement and keep it", _create_prepared),
    "CreatePreparedSubstraitPlan": ("plan a Substrait plan and keep it", _create_prepared_plan),
    "ClosePreparedStatement": ("forget a prepared statement", _close_prepared),
    "CancelFlightInfo": ("stop a query", _cancel_flight_info),
    "CancelQuery": ("stop a query (older form)", _cancel_query),
    "RenewFlightEndpoint": ("another ticket for the same, which ends later", _renew_endpoint),
    "SetSessionOptions": (
        "set options of the session: purpose, catalog, timeout ...",
        session_actions.set_options,
    ),
    "GetSessionOptions": ("the options of the session", session_actions.get_options),
    "CloseSession": ("end a session", session_actions.close_session),
    "meshgate.report": ("what a query did, as JSON: its id, or nothing for the latest", _report),
    "meshgate.cancel": ("stop what runs by the name a client gave it", _cancel_named),
    "meshgate.refresh": (
        "look at a dataset's source now, by its address: the views on it as JSON; takes admin",
        _refresh,
    ),
    "BeginTransaction": ("refused: there are no transactions", _no_transactions),
    "EndTransaction": ("refused: there are no transactions", _no_transactions),
    "BeginSavepoint": ("refused: there are no transactions", _no_transactions),
    "EndSavepoint": ("refused: there are no transactions", _no_transactions),
}
"""Every action with its description."""
