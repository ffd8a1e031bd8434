"""A small Flight SQL client over pyarrow: what the command line and the demo talk with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.flight as fl

from gateway.errors import GatewayError
from gateway.flight import commands
from gateway.flight.wire import flightsql_pb2 as sql


class ServerError(GatewayError):
    """What the server answered instead of data: its text, with code and hint in it already."""

    code = "SERVER_ERROR"

    def __str__(self) -> str:
        return self.message


class Rows:
    """A result on its way: `schema` at once, then batches. Leaving the `with` cancels the rest."""

    def __init__(self, reader: fl.FlightStreamReader) -> None:
        self._reader = reader
        self.schema: pa.Schema = _answered(lambda: reader.schema)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        while True:
            try:
                chunk = self._reader.read_chunk()
            except StopIteration:
                return
            except (fl.FlightError, pa.ArrowException) as error:
                raise _server_error(error) from error
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

    `tls_roots` is a PEM file's content to trust instead of the system's certificates.
    """

    def __init__(self, uri: str, user: str, password: str, tls_roots: bytes | None = None) -> None:
        self._flight = _answered(lambda: fl.FlightClient(uri, tls_root_certs=tls_roots))
        try:
            header = _answered(lambda: self._flight.authenticate_basic_token(user, password))
        except ServerError as error:
            if error.message.startswith("["):
                raise
            raise ServerError(
                f"no gateway answers at {uri} Hint: does it run there, and is it grpc+tls://?"
            ) from error
        self._options = fl.FlightCallOptions(headers=[header])

    def query(self, text: str) -> pa.Table:
        """The whole answer to a SQL query."""
        return self.stream(text).read_all()

    def stream(self, text: str) -> Rows:
        """The answer to a SQL query, batch by batch."""
        return self._get(sql.CommandStatementQuery(query=text))

    def report(self, query_id: str = "") -> dict[str, Any]:
        """What a query of ours did; the latest, when no id is given.

        Keys: query_id, outcome, rows, bytes, seconds, and fragments (a list of objects with
        source, text, rows, bytes, seconds). ServerError when there is none.
        """
        action = fl.Action("meshgate.report", query_id.encode())
        results = _answered(lambda: list(self._flight.do_action(action, self._options)))
        report: dict[str, Any] = json.loads(results[0].body.to_pybytes())
        return report

    def datasets(self) -> list[str]:
        """The datasets we may discover, as ``domain.product.dataset``."""
        rows = self._get(sql.CommandGetTables()).read_all().to_pylist()
        return [f"{r['catalog_name']}.{r['db_schema_name']}.{r['table_name']}" for r in rows]

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


def _answered(call: Any) -> Any:
    try:
        return call()
    except (fl.FlightError, pa.ArrowException) as error:
        raise _server_error(error) from error


def _server_error(error: Exception) -> ServerError:
    text = str(error).partition(". gRPC client debug context")[0]
    text = text.partition(". Detail: ")[0]
    return ServerError(text.removeprefix("Flight error: "))
