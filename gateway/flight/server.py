"""Arrow Flight over pyarrow: a thin coat around `gateway.flight.service`.

Every handler is guarded, so that nothing but what `gateway.flight.errors` made gets out. The
stream of a query is guarded batch by batch.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.flight as fl

from gateway.errors import LimitExceeded, Unsupported, UserError
from gateway.flight import actions
from gateway.flight.authentication import Authenticator, authorization
from gateway.flight.errors import translate
from gateway.flight.service import Flight, FlightSql
from gateway.serving.callers import Caller
from gateway.serving.notices import as_values
from gateway.serving.options import Headers
from gateway.serving.plain_types import plain_schema
from gateway.serving.streams import MAX_BATCH_BYTES, QueryStream, bounded

AUTHENTICATION = "authentication"
UNKNOWN_SIZE = -1
SHUTDOWN_SECONDS = 2.0

Handler = TypeVar("Handler", bound=Callable[..., Any])


def guarded(handler: Handler) -> Handler:
    """Let nothing but translated errors leave a handler, Rust panics included."""

    @wraps(handler)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return handler(*args, **kwargs)
        except BaseException as error:
            raise translate(error) from None

    return call  # type: ignore[return-value]


class _Call(fl.ServerMiddleware):  # type: ignore[misc]
    """What authentication found out about one call: the caller, or the headers to go on with."""

    def __init__(self, caller: Caller | None, headers: Headers, token: str | None = None) -> None:
        self.caller = caller
        self.headers = headers
        self._token = token

    def sending_headers(self) -> dict[str, str]:
        return {"authorization": self._token} if self._token else {}


class _Authentication(fl.ServerMiddlewareFactory):  # type: ignore[misc]
    """The one middleware: who calls is settled before any handler runs."""

    def __init__(self, authenticator: Authenticator, service: FlightSql) -> None:
        super().__init__()
        self._authenticator = authenticator
        self._service = service

    @guarded
    def start_call(self, info: fl.CallInfo, headers: dict[str, list[str]]) -> _Call:
        if info.method == fl.FlightMethod.HANDSHAKE:
            self._service.admission.check()
            token = self._authenticator.open_session(authorization(headers))
            return _Call(None, headers, token)
        return _Call(self._authenticator.caller(headers), headers)


class _Certified(fl.ServerMiddlewareFactory):  # type: ignore[misc]
    """Keeps the headers: the certificate of a connection is shown to handlers only."""

    @guarded
    def start_call(self, info: fl.CallInfo, headers: dict[str, list[str]]) -> _Call:
        return _Call(None, headers)


class _Handshake(fl.ServerAuthHandler):  # type: ignore[misc]
    """Only lets the Handshake call exist; the middleware has done the work."""

    def authenticate(self, outgoing: Any, incoming: Any) -> None:
        pass

    def is_valid(self, token: bytes) -> bytes:
        return b""


class _Outgoing:
    """The batches of a running query, guarded; dropping it closes the query."""

    def __init__(self, stream: QueryStream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return self

    def __next__(self) -> pa.RecordBatch:
        try:
            return next(self._stream)
        except StopIteration:
            raise
        except BaseException as error:
            raise translate(error) from None

    def __del__(self) -> None:
        try:
            self._stream.close()
        except BaseException as error:
            translate(error)  # for the log: nobody is left to tell


@dataclass(frozen=True, slots=True)
class Tls:
    """The server's certificate chain and private key, PEM."""

    certificate: bytes
    key: bytes


class FlightServer(fl.FlightServerBase):  # type: ignore[misc]
    """Listens from construction on. `port` is the real one when the location says 0.

    With `client_authority` (PEM) only connections with a certificate of it come about, and the
    certificate says who calls. pyarrow can not offer that and log-ins at one address: a handler
    for the latter hides the certificate.
    """

    def __init__(
        self,
        location: str,
        service: FlightSql,
        authenticator: Authenticator,
        tls: Tls | None = None,
        client_authority: bytes | None = None,
    ) -> None:
        self._service = service
        self._authenticator = authenticator
        certified = client_authority is not None
        super().__init__(
            location,
            auth_handler=None if certified else _Handshake(),
            tls_certificates=[(tls.certificate, tls.key)] if tls else None,
            verify_client=certified,
            root_certificates=client_authority,
            middleware={
                AUTHENTICATION: _Certified()
                if certified
                else _Authentication(authenticator, service)
            },
        )

    @guarded
    def get_flight_info(
        self, context: fl.ServerCallContext, descriptor: fl.FlightDescriptor
    ) -> fl.FlightInfo:
        caller = self._caller(context)
        if descriptor.descriptor_type == fl.DescriptorType.PATH:
            flight = self._service.path_flight(caller, descriptor.path)
        else:
            flight = self._service.flight(caller, _command(descriptor))
        return _info(descriptor, flight)

    @guarded
    def get_schema(
        self, context: fl.ServerCallContext, descriptor: fl.FlightDescriptor
    ) -> fl.SchemaResult:
        caller = self._caller(context)
        if descriptor.descriptor_type == fl.DescriptorType.PATH:
            return fl.SchemaResult(self._service.path_schema(caller, descriptor.path))
        return fl.SchemaResult(self._service.schema(caller, _command(descriptor)))

    @guarded
    def list_flights(
        self, context: fl.ServerCallContext, criteria: bytes
    ) -> Iterator[fl.FlightInfo]:
        flights = []
        for dataset in self._service.datasets(self._caller(context), criteria):
            address = dataset.address
            path = fl.FlightDescriptor.for_path(address.domain, address.product, address.dataset)
            flights.append(
                fl.FlightInfo(plain_schema(dataset.schema), path, [], UNKNOWN_SIZE, UNKNOWN_SIZE)
            )
        return iter(flights)

    @guarded
    def do_get(self, context: fl.ServerCallContext, ticket: fl.Ticket) -> fl.FlightDataStream:
        answer = self._service.stream(self._caller(context), ticket.ticket, context.is_cancelled)
        if isinstance(answer, QueryStream):
            return fl.GeneratorStream(answer.schema, _Outgoing(answer))
        pieces = [b for batch in answer.to_batches() for b in bounded(batch, MAX_BATCH_BYTES)]
        return fl.RecordBatchStream(pa.Table.from_batches(pieces, answer.schema))

    @guarded
    def do_put(
        self,
        context: fl.ServerCallContext,
        descriptor: fl.FlightDescriptor,
        reader: fl.FlightStreamReader,
        writer: fl.FlightMetadataWriter,
    ) -> None:
        caller = self._caller(context)
        command = _command(descriptor)
        self._service.check_upload(command)
        try:
            columns = len(reader.schema)
        except (pa.ArrowException, OSError) as error:
            raise UserError("the upload is not a stream of Arrow batches") from error
        batches = (chunk.data for chunk in reader)
        result = self._service.bind(caller, command, batches, columns)
        writer.write(pa.py_buffer(result))

    @guarded
    def do_exchange(self, context: fl.ServerCallContext, *_: Any) -> None:
        self._caller(context)
        raise Unsupported("DoExchange is not offered", hint="read with DoGet")

    @guarded
    def list_actions(self, context: fl.ServerCallContext) -> list[fl.ActionType]:
        self._caller(context)
        return [fl.ActionType(name, text) for name, (text, _) in actions.ACTIONS.items()]

    @guarded
    def do_action(self, context: fl.ServerCallContext, action: fl.Action) -> Iterator[bytes]:
        caller = self._caller(context)
        body = action.body
        if body is not None and body.size > actions.MAX_BODY_BYTES:
            raise LimitExceeded(f"the body of the action has {body.size} bytes, more than it may")
        data = body.to_pybytes() if body is not None else b""
        results = actions.act(self._service, caller, action.type, data)
        cookie = self._authenticator.sessions.settle(caller)
        if cookie:
            context.add_header("set-cookie", cookie)
        return iter(results)

    def drain(self, seconds: float) -> bool:
        """`drain` for a server that is the only one of its service."""
        return drain([self], self._service, seconds)

    def _caller(self, context: fl.ServerCallContext) -> Caller:
        call = context.get_middleware(AUTHENTICATION)
        assert isinstance(call, _Call)
        if call.caller is not None:
            return call.caller
        return self._authenticator.certified(context.peer_identity(), call.headers)


def drain(servers: Sequence[FlightServer], service: FlightSql, seconds: float) -> bool:
    """Drain what they serve, as `Service.drain` does, and shut them down.

    Whether everything has ended: pyarrow waits without end for a client that does not read.
    """
    service.shared.drain(seconds)
    closing = [threading.Thread(target=server.shutdown, daemon=True) for server in servers]
    for thread in closing:
        thread.start()
    deadline = time.monotonic() + SHUTDOWN_SECONDS
    for thread in closing:
        thread.join(max(0.0, deadline - time.monotonic()))
    return not any(thread.is_alive() for thread in closing)


def _command(descriptor: fl.FlightDescriptor) -> bytes:
    command = descriptor.command
    if descriptor.descriptor_type != fl.DescriptorType.CMD or command is None:
        raise UserError("the descriptor is not a command", hint="send a Flight SQL command")
    return bytes(command)


def _info(descriptor: fl.FlightDescriptor, flight: Flight) -> fl.FlightInfo:
    about: dict[str, object] = {"query_id": flight.query_id} if flight.query_id else {}
    if flight.notices:
        about["notices"] = as_values(flight.notices)
    said = json.dumps(about) if about else ""
    endpoint = fl.FlightEndpoint(flight.ticket, [])
    return fl.FlightInfo(
        flight.schema, descriptor, [endpoint], UNKNOWN_SIZE, UNKNOWN_SIZE, False, said
    )
