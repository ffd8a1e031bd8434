"""The doors of a gateway: every way something may come out of it, and what came."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import adbc_driver_flightsql.dbapi as adbc
import adbc_driver_manager
import pyarrow as pa
import pyarrow.flight as fl
from google.protobuf.message import Message

from gateway.cli import main as meshgate
from gateway.config import Config
from gateway.flight import commands
from gateway.flight.authentication import Authenticator
from gateway.flight.client import ServerError
from gateway.flight.server import FlightServer
from gateway.flight.service import FlightSql, Limits
from gateway.flight.wire import flightsql_pb2 as sql
from gateway.identity.identity import Identity
from gateway.pipeline import Gateway
from tests.attacks.world import CALM, CANARIES, GOVERNED

User = tuple[str, str]

STATEMENT, PREPARED, ADBC = "statement", "prepared", "adbc"
EXPLAIN, VERBOSE, ANALYZE = "explain", "explain verbose", "explain analyze"
ROWS = (STATEMENT, PREPARED, ADBC)
PLANS = (EXPLAIN, VERBOSE, ANALYZE)


@dataclass(frozen=True, slots=True)
class Came:
    """What came out of a door: rows, or the code of an error; and all of its text."""

    rows: pa.Table | None
    code: str = ""
    message: str = ""
    text: str = field(default="", repr=False)

    @property
    def refused(self) -> bool:
        return self.rows is None


def leaks(came: Came, known: str = "") -> list[str]:
    """Secrets in what came that are not in what was sent."""
    return sorted({s for s in CANARIES.findall(came.text) if s not in known})


class House:
    """A served mesh with the callers that are logged in to it."""

    def __init__(self, mesh: Path, config: Config | None = None) -> None:
        self.mesh = mesh
        self.gateway = Gateway.open(mesh, config)
        access = self.gateway.mesh.access
        keys = access.product_key  # the calm world has the hashes of the governed one
        access.product_key = lambda domain, product: keys(
            GOVERNED if domain == CALM else domain, product
        )
        limits = Limits(tickets_per_principal=100_000, prepared_per_principal=10_000)
        self.service = FlightSql(self.gateway, limits)
        self.authenticator = Authenticator(Identity(mesh))
        self.server = FlightServer("grpc://127.0.0.1:0", self.service, self.authenticator)
        self.uri = f"grpc://127.0.0.1:{self.server.port}"
        self._callers: dict[tuple[User, str], Visitor] = {}

    def visitor(self, user: User, purpose: str = "") -> Visitor:
        """Somebody at the doors, logged in once."""
        known = self._callers.get((user, purpose))
        if known is None:
            known = self._callers[user, purpose] = Visitor(self, user, purpose)
        return known

    def close(self) -> None:
        for caller in self._callers.values():
            caller.close()
        assert self.server.drain(0.0)
        self.gateway.close()


class Visitor:
    """One user at every door."""

    def __init__(self, house: House, user: User, purpose: str = "") -> None:
        self.house = house
        self.user = user
        self.purpose = purpose
        self.flight = fl.FlightClient(house.uri)
        self._login = self.flight.authenticate_basic_token(*user)
        self.options = self.with_headers(*self._purpose_headers())
        self._adbc: adbc.Connection | None = None

    def _purpose_headers(self) -> list[tuple[bytes, bytes]]:
        return [(b"x-meshgate-purpose", self.purpose.encode())] if self.purpose else []

    def with_headers(self, *headers: tuple[bytes, bytes]) -> fl.FlightCallOptions:
        return fl.FlightCallOptions(headers=[self._login, *headers], timeout=60)

    def close(self) -> None:
        if self._adbc is not None:
            self._adbc.close()
        self.flight.close()

    # --- rows ------------------------------------------------------------------------------------

    def ask(self, query: str, door: str = STATEMENT) -> Came:
        """The answer to a query through one of ROWS or PLANS."""
        if door in PLANS:
            return self.ask(f"{door} {query}")
        if door == ADBC:
            return self._through_adbc(query)
        if door == PREPARED:
            return self.came(lambda: self._prepared(query))
        return self.command(sql.CommandStatementQuery(query=query))

    def command(self, command: Message) -> Came:
        """What a Flight SQL command gives: GetFlightInfo, then DoGet."""
        return self.came(lambda: self._answer(descriptor(command)))

    def path(self, *parts: str) -> Came:
        """A dataset by its path."""
        return self.came(lambda: self._answer(fl.FlightDescriptor.for_path(*parts)))

    def schema(self, described: fl.FlightDescriptor) -> Came:
        """GetSchema."""

        def answer() -> Iterable[object]:
            yield from schema_texts(self.flight.get_schema(described, self.options).schema)

        return self.came(answer)

    def action(self, name: str, body: bytes = b"") -> Came:
        """An action's results as they are."""

        def answer() -> Iterable[object]:
            for result in self.flight.do_action(fl.Action(name, body), self.options):
                yield result.body.to_pybytes()

        return self.came(answer)

    def listed(self, criteria: bytes = b"") -> Came:
        """ListFlights: descriptors and schemas."""

        def answer() -> Iterable[object]:
            for info in self.flight.list_flights(criteria, self.options):
                yield info.descriptor.path
                yield from schema_texts(info.schema)

        return self.came(answer)

    def report(self) -> Came:
        """The report of the latest query."""
        return self.action("meshgate.report")

    def meshgate(self, *arguments: str) -> Came:
        """The command line: what it prints to either stream."""
        return run_command(*arguments)

    def connected(self, command: str, query: str, *more: str) -> Came:
        """`meshgate query` or `explain` against this house, as this user."""
        arguments = ["--connect", self.house.uri, "--user", self.user[0], "--password-stdin"]
        return run_command(command, query, *arguments, *more, stdin=self.user[1])

    def _answer(self, described: fl.FlightDescriptor) -> Iterable[object]:
        info = self.flight.get_flight_info(described, self.options)
        yield from schema_texts(info.schema)
        yield info.app_metadata
        ticket = info.endpoints[0].ticket
        yield ticket.ticket
        reader = self.flight.do_get(ticket, self.options)
        yield from schema_texts(reader.schema)
        batches = []
        while True:
            try:
                chunk = reader.read_chunk()
            except StopIteration:
                break
            batches.append(chunk.data)
            yield from buffers(chunk.data)
            if chunk.app_metadata is not None:
                yield chunk.app_metadata.to_pybytes()
        yield pa.Table.from_batches(batches, reader.schema)

    def _prepared(self, query: str) -> Iterable[object]:
        body = commands.encode(sql.ActionCreatePreparedStatementRequest(query=query))
        (result,) = self.flight.do_action(fl.Action("CreatePreparedStatement", body), self.options)
        envelope = commands.Any.FromString(result.body.to_pybytes())
        made = sql.ActionCreatePreparedStatementResult.FromString(envelope.value)
        yield from schema_texts(pa.ipc.read_schema(pa.py_buffer(made.dataset_schema)))
        handle = made.prepared_statement_handle
        command = sql.CommandPreparedStatementQuery(prepared_statement_handle=handle)
        yield from self._answer(descriptor(command))
        close = sql.ActionClosePreparedStatementRequest(prepared_statement_handle=handle)
        list(
            self.flight.do_action(
                fl.Action("ClosePreparedStatement", commands.encode(close)), self.options
            )
        )

    def _through_adbc(self, query: str) -> Came:
        if self._adbc is None:
            login = {"username": self.user[0], "password": self.user[1]}
            for name, value in self._purpose_headers():
                key = f"adbc.flight.sql.rpc.call_header.{name.decode()}"
                login[key] = value.decode()
            self._adbc = adbc.connect(self.house.uri, db_kwargs=login, autocommit=True)

        def answer() -> Iterable[object]:
            assert self._adbc is not None
            with self._adbc.cursor() as cursor:
                cursor.execute(query)
                table = cursor.fetch_arrow_table()
                yield from schema_texts(table.schema)
                yield table

        return self.came(answer)

    def came(self, answer: Callable[[], Iterable[object]]) -> Came:
        """Everything an answer was made of, or the error in its place."""
        texts: list[str] = []
        rows = pa.table({})
        try:
            for piece in answer():
                if isinstance(piece, pa.Table):
                    rows = piece
                    texts.append(str(values(piece)))
                else:
                    texts.append(_text(piece))
        except adbc_driver_manager.Error as error:
            texts += [str(error), repr(error.details)]
            return _refusal(str(error).partition("] ")[2] or str(error), texts)
        except (fl.FlightError, pa.ArrowException, OSError) as error:
            texts += [str(error), _text(getattr(error, "extra_info", b""))]
            return _refusal(str(error), texts)
        return Came(rows, text="\n".join(texts))


def _refusal(text: str, texts: list[str]) -> Came:
    start = text.find("[")
    for mark in (". gRPC client debug context", ". Detail: ", "; ExecuteQuery", "; Prepare"):
        text = text.partition(mark)[0]
    error = ServerError.parse(text[max(start, 0) :])
    return Came(None, error.code, str(error), "\n".join(texts))


def run_command(*arguments: str, stdin: str = "") -> Came:
    """`meshgate ...` in this process."""
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        _stdin(stdin),
    ):
        code = meshgate(list(arguments))
    text = out.getvalue() + err.getvalue()
    if code:
        return _refusal(err.getvalue().strip(), [text])
    return Came(pa.table({}), text=text)


@contextlib.contextmanager
def _stdin(text: str) -> Any:
    import sys

    before, sys.stdin = sys.stdin, io.StringIO(text + "\n")
    try:
        yield
    finally:
        sys.stdin = before


def descriptor(message: Message) -> fl.FlightDescriptor:
    return fl.FlightDescriptor.for_command(commands.encode(message))


def schema_texts(schema: pa.Schema) -> Iterable[str]:
    """All that a schema says: names, types, metadata of fields at every depth."""
    yield schema.to_string(show_field_metadata=True, truncate_metadata=False)
    yield repr(schema.metadata)


def buffers(batch: pa.RecordBatch) -> Iterable[bytes]:
    """The raw bytes of a batch: also what its offsets, lengths and indices leave out."""
    for column in batch.columns:
        yield from _buffers(column)


def _buffers(array: pa.Array) -> Iterable[bytes]:
    for buffer in array.buffers():
        if buffer is not None:
            yield buffer.to_pybytes()
    if isinstance(array, pa.DictionaryArray):
        yield from _buffers(array.dictionary)


def values(table: pa.Table) -> list[dict[str, Any]]:
    """The rows; times print as ISO text."""
    return [
        {k: v.isoformat() if isinstance(v, (dt.date, dt.datetime)) else v for k, v in row.items()}
        for batch in table.to_batches()
        for row in batch.to_pylist()
    ]


def _text(piece: object) -> str:
    if isinstance(piece, bytes):
        return piece.decode("latin-1")
    if isinstance(piece, Mapping):
        return json.dumps(piece)
    return str(piece)
