"""A Flight SQL client in plain pyarrow: the same code asks the gateway and its peers."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.flight as fl

STATEMENT = b"type.googleapis.com/arrow.flight.protocol.sql.CommandStatementQuery"
CALL_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Drained:
    """An answer that was read to its end and thrown away."""

    rows: int
    bytes: int
    seconds: float


def descriptor(sql: str) -> fl.FlightDescriptor:
    """The Flight SQL command for a statement: CommandStatementQuery inside google.protobuf.Any."""
    statement = _field(1, sql.encode())
    return fl.FlightDescriptor.for_command(_field(1, STATEMENT) + _field(2, statement))


def _field(number: int, value: bytes) -> bytes:
    """A length-delimited protobuf field."""
    size, length = len(value), bytearray()
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    length.append(size)
    return bytes([number << 3 | 2]) + bytes(length) + value


class Client:
    """One connection to a Flight server; `user` logs in and the token is sent with every call."""

    def __init__(self, uri: str, user: tuple[str, str] | None = None) -> None:
        self._client = fl.connect(uri)
        headers = [self._client.authenticate_basic_token(*user)] if user else []
        self._options = fl.FlightCallOptions(headers=headers, timeout=CALL_SECONDS)

    def open(self, sql: str) -> fl.FlightStreamReader:
        """GetFlightInfo, then DoGet of the only endpoint."""
        info = self._client.get_flight_info(descriptor(sql), self._options)
        (endpoint,) = info.endpoints
        return self._client.do_get(endpoint.ticket, self._options)

    def table(self, sql: str) -> pa.Table:
        """The whole answer."""
        return self.open(sql).read_all()

    def drain(self, sql: str) -> Drained:
        """Read the answer batch by batch and keep nothing."""
        start = time.perf_counter()
        rows = size = 0
        for chunk in self.open(sql):
            rows += chunk.data.num_rows
            size += chunk.data.nbytes
        return Drained(rows, size, time.perf_counter() - start)

    def report(self) -> dict[str, Any]:
        """What the gateway says that the latest query of this user did."""
        (answer,) = self._client.do_action(fl.Action("meshgate.report", b""), self._options)
        report: dict[str, Any] = json.loads(answer.body.to_pybytes())
        return report

    def close(self) -> None:
        """Drop the connection."""
        self._client.close()
