"""A small Flight SQL client over pyarrow: what the command line and the demo talk with."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.flight as fl

from gateway.errors import GatewayError, Position
from gateway.flight import commands
from gateway.flight.wire import flightsql_pb2 as sql
from gateway.model import SYSTEM
from gateway.serving.notices import notices_in
from gateway.serving.options import HEADER

CANCEL_SECONDS = 2.0
PROBE_SECONDS = 5.0

_ANSWER = re.compile(
    r"\[(?P<code>[A-Z_]+)\] (?P<message>.*?)"
    r"(?: \(line (?P<line>\d+), column (?P<column>\d+)\))?(?: Hint: (?P<hint>.*))?",
    re.DOTALL,
)
"""A GatewayError as text, which is all that every status carries."""


class ServerError(GatewayError):
    """What the server answered instead of data, with the server's own code, position and hint."""

    code = "SERVER_ERROR"

    @classmethod
    def parse(cls, text: str) -> ServerError:
        """The error from its text; one not written by a gateway is kept as it is."""
        found = _ANSWER.fullmatch(text)
        if found is None:
            return cls(text)
        position = Position(int(found["line"]), int(found["column"])) if found["line"] else None
        return cls(found["message"], code=found["code"], position=position, hint=found["hint"])


class Rows:
    """A result on its way: `schema` at once, then batches. Leaving the `with` cancels the rest.

    `notices` are what its reader should know: mappings with dataset, code, message, severity.
    """

    def __init__(self, reader: fl.FlightStreamReader) -> None:
        self._reader = reader
        self.schema: pa.Schema = _answered(lambda: reader.schema, reader.cancel)
        self.notices = notices_in(self.schema)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        while True:
            try:
                chunk = _answered(self._reader.read_chunk, self._reader.cancel)
            except StopIteration:
                return
            yield chunk.data

    def read_all(self) -> pa.Table:
        return pa.Table.from_batches(list(self), self.schema)

    def cancel(self) -> None:
        self._reader.cancel()

    def __enter__(self) -> Rows:
        return self

    def __exit__(self, *_: object) -> None:
        self.cancel()


class Client:
    """A logged-in connection to a gateway. Raises ServerError when the server says no.

        with Client("grpc://localhost:8815", "alice", password) as client:
            table = client.query("SELECT count(*) FROM travel.flights.flights")

    `tls_roots` is a PEM file's content to trust instead of the system's certificates. With a
    `token` (a JSON Web Token) nobody logs in. `purpose` and `options`
    (`gateway.serving.options`) are sent with every call.
    """

    def __init__(
        self,
        uri: str,
        user: str = "",
        password: str = "",
        tls_roots: bytes | None = None,
        *,
        token: str | None = None,
        purpose: str = "",
        options: Mapping[str, str] | None = None,
    ) -> None:
        self._flight = _answered(lambda: fl.FlightClient(uri, tls_root_certs=tls_roots))
        headers = [(HEADER.format("purpose").encode(), purpose.encode())] if purpose else []
        for name, value in (options or {}).items():
            headers.append((HEADER.format(name).encode(), value.encode()))
        try:
            if token is None:
                login = _answered(lambda: self._flight.authenticate_basic_token(user, password))
            else:
                login = (b"authorization", b"Bearer " + token.encode())
            self._options = fl.FlightCallOptions(headers=[login, *headers])
            if token is not None:
                _answered(lambda: self._flight.list_actions(self._options))
        except ServerError as error:
            raise _not_reached(self._flight, uri, error) from error

    def query(self, text: str) -> pa.Table:
        """The whole answer to a SQL query."""
        return self.stream(text).read_all()

    def stream(self, text: str) -> Rows:
        """The answer to a SQL query, batch by batch."""
        return self._get(sql.CommandStatementQuery(query=text))

    def report(self, query_id: str = "") -> dict[str, Any]:
        """What a query of ours did; the latest, when no id is given.

        Keys: query_id, outcome, rows, bytes, seconds, fragments (a list of objects with source,
        text, rows, bytes, seconds) and reads (objects with source, text: what the gateway's
        engine read itself). ServerError when there is none.
        """
        action = fl.Action("meshgate.report", query_id.encode())
        results = _answered(lambda: list(self._flight.do_action(action, self._options)))
        report: dict[str, Any] = json.loads(results[0].body.to_pybytes())
        return report

    def datasets(self) -> list[str]:
        """The datasets of the mesh we may discover, as ``domain.product.dataset``."""
        rows = self._get(sql.CommandGetTables()).read_all().to_pylist()
        names = ((r["catalog_name"], r["db_schema_name"], r["table_name"]) for r in rows)
        return [".".join(name) for name in names if name[0] != SYSTEM]

    def close(self) -> None:
        self._flight.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _get(self, command: Any) -> Rows:
        descriptor = fl.FlightDescriptor.for_command(commands.encode(command))
        info = _answered(lambda: self._flight.get_flight_info(descriptor, self._options))
        ticket = info.endpoints[0].ticket
        return Rows(_answered(lambda: self._flight.do_get(ticket, self._options)))


def _answered(call: Callable[[], Any], cancel: Callable[[], None] | None = None) -> Any:
    """The result of a blocking call. Ctrl-C interrupts the wait for it, and calls `cancel`.

    Python acts upon a signal between its own instructions only, and a call into gRPC may take as
    long as the slowest source: in the main thread another one makes the call.
    """
    if threading.current_thread() is not threading.main_thread():
        return _translated(call)
    answer: Future[Any] = Future()

    def work() -> None:
        try:
            answer.set_result(_translated(call))
        except BaseException as error:
            answer.set_exception(error)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    try:
        return answer.result()
    except KeyboardInterrupt:
        if cancel is not None:
            cancel()
            worker.join(CANCEL_SECONDS)
        raise


def _translated(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except (fl.FlightError, pa.ArrowException, OSError) as error:
        text = str(error).partition(". gRPC client debug context")[0].partition(". Detail: ")[0]
        raise ServerError.parse(text.removeprefix("Flight error: ")) from error


def _resolves(host: str) -> bool:
    try:
        return bool(socket.getaddrinfo(host, None))
    except (OSError, UnicodeError):
        return False


def _not_reached(flight: fl.FlightClient, uri: str, error: ServerError) -> ServerError:
    """Why nobody could log in: the gateway's own refusal, or what is wrong on the way to it."""
    if error.code != ServerError.code:
        return error
    host = urlsplit(uri).hostname
    if host and not _resolves(host):
        return ServerError(
            f"no address is known for {host}: the name does not resolve",
            hint="is it spelt right, and can this machine look names up?",
        )
    try:  # a failed log-in does not say why; any other call does
        options = fl.FlightCallOptions(timeout=PROBE_SECONDS)
        _answered(lambda: flight.get_schema(fl.FlightDescriptor.for_command(b""), options))
    except ServerError as probe:
        if "certificate verify failed" in probe.message:
            return ServerError(
                f"the certificate of {uri} is not trusted",
                hint="pass the authority that issued it with --tls-roots PEM",
            )
        if "is not in peer certificate" in probe.message:
            return ServerError(
                f"the certificate of {uri} is for another name",
                hint="connect to the name that it was issued for",
            )
    other = "grpc://" if uri.startswith("grpc+tls://") else "grpc+tls://"
    hint = f"does it run there, and is it {other}?"
    return ServerError(f"no gateway answers at {uri}", hint=hint)
