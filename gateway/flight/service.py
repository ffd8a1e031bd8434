"""Flight SQL without a transport: commands and tickets in, schemas and streams out.

Nothing here knows pyarrow.flight. Every method takes who calls, and raises
GatewayError; `gateway.flight.server` carries it over the network, `gateway.flight.errors`
translates what was raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa
from google.protobuf.message import Message

from gateway.errors import GatewayError, NotFound, Unsupported, UserError
from gateway.flight import commands, metadata
from gateway.flight.handles import Handles
from gateway.flight.parameters import PreparedStatement
from gateway.flight.tickets import Tickets
from gateway.flight.tickets import name as ticket_name
from gateway.flight.wire import flightsql_pb2 as sql
from gateway.model import Address, Dataset
from gateway.notices import Notice
from gateway.serving.callers import Caller
from gateway.serving.executions import Running
from gateway.serving.plain_types import Types, plain_schema
from gateway.serving.service import STREAMS, STREAMS_PER_PRINCIPAL, Service
from gateway.serving.statements import Statement
from gateway.serving.streams import QueryStream

if TYPE_CHECKING:
    from gateway.pipeline import Gateway

MAX_PATH_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one server and one principal may hold open."""

    streams: int = STREAMS
    streams_per_principal: int = STREAMS_PER_PRINCIPAL
    tickets_per_principal: int = 1000
    ticket_ttl_seconds: float = 300.0
    prepared_per_principal: int = 1000
    prepared_ttl_seconds: float = 3600.0


@dataclass(frozen=True, slots=True)
class Flight:
    """Where an answer can be read: the schema, the ticket for it, and the query it belongs to.

    `notices` are what its reader should know of the datasets.
    """

    schema: pa.Schema
    ticket: bytes
    query_id: str | None = None
    notices: tuple[Notice, ...] = ()


class FlightSql:
    """The Flight SQL of one gateway. Safe from any thread.

    `shared` is what it has in common with other fronts of the gateway; without any it makes its
    own, with as many streams as its limits say.
    """

    def __init__(
        self, gateway: Gateway, limits: Limits | None = None, shared: Service | None = None
    ) -> None:
        limits = limits or Limits()
        self._gateway = gateway
        self.shared = shared or Service(
            gateway,
            streams=limits.streams,
            streams_per_principal=limits.streams_per_principal,
        )
        self.admission = self.shared.admission
        self.reports = self.shared.reports
        self.executions = self.shared.executions
        self.tickets = Tickets(
            ttl_seconds=limits.ticket_ttl_seconds, per_owner=limits.tickets_per_principal
        )
        self.prepared: Handles[PreparedStatement] = Handles(
            "prepared statement",
            ttl_seconds=limits.prepared_ttl_seconds,
            per_owner=limits.prepared_per_principal,
        )

    @property
    def gateway(self) -> Gateway:
        """The gateway that answers."""
        return self._gateway

    def flight(self, caller: Caller, command: bytes) -> Flight:
        """Plan what a command asks for: a query, a prepared statement, or metadata."""
        self.admission.check()
        message = commands.decode(command)
        schema = metadata.schema(message)
        if schema is not None:
            return Flight(schema, command)
        return self._ticket(caller, self._statement(caller, message))

    def path_flight(self, caller: Caller, path: Sequence[bytes]) -> Flight:
        """Plan reading a whole dataset, named by a path."""
        self.admission.check()
        return self._ticket(caller, self._read(caller, path))

    def schema(self, caller: Caller, command: bytes) -> pa.Schema:
        """The columns of the answer to a command."""
        self.admission.check()
        message = commands.decode(command)
        schema = metadata.schema(message)
        if schema is None:
            schema = self._statement(caller, message).schema
        return schema

    def path_schema(self, caller: Caller, path: Sequence[bytes]) -> pa.Schema:
        """The columns of a dataset, named by a path."""
        self.admission.check()
        return self._read(caller, path).schema

    def purposes(self, caller: Caller) -> frozenset[str]:
        """The purposes the caller may declare."""
        return self._gateway.browsing.purposes(caller.principal)

    def refresh(self, caller: Caller, address: Address) -> list[dict[str, object]]:
        """Look at a dataset's source now: the views that stand on it, as JSON has them."""
        rows = self._gateway.browsing.refresh(caller.principal, address, caller.purpose)
        return [asdict(row) for row in rows]

    def check_namespace(self, caller: Caller, purpose: str, namespace: tuple[str, ...]) -> None:
        """Raise UserError for a catalog or schema the caller may not know of."""
        self._gateway.browsing.check_namespace(caller.principal, purpose, namespace)

    def datasets(self, caller: Caller, criteria: bytes = b"") -> list[Dataset]:
        """What the caller may discover; with criteria, those whose address contains them."""
        self.admission.check()
        wanted = _text(criteria)
        seen = self._gateway.browsing.visible(caller.principal, caller.purpose)
        return [
            dataset
            for dataset in seen
            if wanted in str(dataset.address) and dataset.status != "retired"
        ]

    def stream(
        self, caller: Caller, ticket: bytes, gone: Callable[[], bool]
    ) -> pa.Table | QueryStream:
        """The answer behind a ticket: a small table of metadata, or the running query.

        `gone` says whether the client has left; it is polled while the query runs, and never
        after the stream is closed.
        """
        self.admission.check()
        message = commands.decode(ticket)
        if metadata.schema(message) is not None:
            datasets = self._gateway.browsing.browsable(caller.principal, caller.purpose)
            return metadata.answer(message, datasets, caller.types)
        if not isinstance(message, sql.TicketStatementQuery):
            raise UserError("this is not a ticket", hint="take it from GetFlightInfo")
        handle = message.statement_handle
        self.executions.check_name(caller.name, caller.query)
        statement = self.tickets.get(caller.name, handle)
        prepared = statement.take(caller.principal)
        of = Running(caller.name, statement, ticket_name(handle), caller.query)
        return self.executions.start(prepared, of, gone, statement.more(caller.principal))

    def prepare(self, caller: Caller, text: str) -> sql.ActionCreatePreparedStatementResult:
        """Plan a statement and keep it under a handle."""
        self.admission.check()
        self.executions.check_name(caller.name, caller.query)
        return self._kept(caller, self._of_text(caller, text))

    def prepare_plan(
        self, caller: Caller, message: sql.ActionCreatePreparedSubstraitPlanRequest
    ) -> sql.ActionCreatePreparedStatementResult:
        """Plan a Substrait plan and keep it under a handle."""
        self.admission.check()
        self.executions.check_name(caller.name, caller.query)
        return self._kept(caller, self._of_plan(caller, message))

    def _kept(
        self, caller: Caller, statement: Statement
    ) -> sql.ActionCreatePreparedStatementResult:
        parameters = statement.parameters
        if caller.types is Types.JAVA:
            parameters = plain_schema(parameters, Types.JAVA_PARAMETERS)
        return sql.ActionCreatePreparedStatementResult(
            prepared_statement_handle=self.prepared.add(caller.name, PreparedStatement(statement)),
            dataset_schema=statement.schema.serialize().to_pybytes(),
            parameter_schema=parameters.serialize().to_pybytes(),
            is_update=False,
        )

    def check_upload(self, command: bytes) -> sql.CommandPreparedStatementQuery:
        """The command of an upload. Unsupported for any that would write."""
        message = commands.decode(command)
        if not isinstance(message, sql.CommandPreparedStatementQuery):
            raise Unsupported(
                f"{message.DESCRIPTOR.name} is not answered: the gateway only reads",
                hint="ask for rows (many rows of values may be bound to a query at once);"
                " change the data in its source",
            )
        return message

    def bind(
        self, caller: Caller, command: bytes, batches: Iterable[pa.RecordBatch], columns: int
    ) -> bytes:
        """Answer an upload: rows of values for a prepared statement, and nothing else, is taken."""
        message = self.check_upload(command)
        handle = message.prepared_statement_handle
        self.prepared.get(caller.name, handle).bind(batches, columns)
        result = sql.DoPutPreparedStatementResult(prepared_statement_handle=handle)
        return result.SerializeToString()

    def cancel(self, caller: Caller, tickets: Sequence[bytes]) -> bool:
        """Stop what runs for these tickets, and forget them. Whether it had stopped on return.

        NotFound for a ticket that is not the caller's.
        """
        stopped = True
        for ticket in tickets:
            message = commands.decode(ticket)
            if not isinstance(message, sql.TicketStatementQuery):
                continue  # metadata: nothing runs
            handle = message.statement_handle
            running = self.executions.named(caller.name, ticket_name(handle))
            for _, of in running:
                self.tickets.verify(caller.name, handle, of.statement)
            if not running:
                self.tickets.get(caller.name, handle)
            self.tickets.discard(caller.name, handle)
            for stream, _ in running:
                stopped = stream.cancel() and stopped
        return stopped

    def _read(self, caller: Caller, path: Sequence[bytes]) -> Statement:
        try:
            request = replace(caller.request(select_all(path)), dialect="")
            return Statement(self._gateway, request, types=caller.types)
        except GatewayError as error:
            error.position = None  # of a text the client has not written
            raise

    def _statement(self, caller: Caller, message: Message) -> Statement:
        self.executions.check_name(caller.name, caller.query)
        match message:
            case sql.CommandStatementQuery():
                if message.HasField("transaction_id"):
                    raise Unsupported("there are no transactions", hint="use autocommit")
                return self._of_text(caller, message.query)
            case sql.CommandStatementSubstraitPlan():
                return self._of_plan(caller, message)
            case sql.CommandPreparedStatementQuery():
                handle = message.prepared_statement_handle
                return self.prepared.get(caller.name, handle).once(caller.principal)
        raise Unsupported(f"{message.DESCRIPTOR.name} is not answered here")

    def _of_text(self, caller: Caller, text: str) -> Statement:
        request = caller.request(commands.sql_text(text))
        return Statement(self._gateway, request, types=caller.types)

    def _of_plan(
        self,
        caller: Caller,
        message: sql.CommandStatementSubstraitPlan | sql.ActionCreatePreparedSubstraitPlanRequest,
    ) -> Statement:
        if message.HasField("transaction_id"):
            raise Unsupported("there are no transactions", hint="use autocommit")
        made = self._gateway.of_plan(message.plan.plan)
        return Statement(
            self._gateway, caller.plan_request(made.text, made.columns), types=caller.types
        )

    def _ticket(self, caller: Caller, statement: Statement) -> Flight:
        handle = self.tickets.add(caller.name, statement)
        ticket = commands.encode(sql.TicketStatementQuery(statement_handle=handle))
        return Flight(statement.schema, ticket, statement.query_id, statement.notices)


def select_all(path: Sequence[bytes]) -> str:
    """The query a path stands for: ``domain/product/dataset`` in one part or in three."""
    if sum(map(len, path)) > MAX_PATH_BYTES:
        raise NotFound("there is no dataset of such a long name")
    parts = _text(b"/".join(path)).split("/")
    if len(parts) != 3 or not all(parts):
        raise UserError(
            f"{'/'.join(parts)!r} does not name a dataset", hint="write domain/product/dataset"
        )
    return "SELECT * FROM " + ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise UserError("a name has to be UTF-8 text") from error
