"""The tables of the test mesh, and a server of it in this process."""

from __future__ import annotations

import decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.flight as fl
from google.protobuf.message import Message

from gateway.flight import commands
from gateway.flight.authentication import Authenticator
from gateway.flight.client import Client
from gateway.flight.server import FlightServer
from gateway.flight.service import FlightSql, Limits
from gateway.identity.identity import Identity
from gateway.pipeline import Gateway

ALICE, BOB = ("alice", "wonderland"), ("bob", "builder")

ORDERS = pa.table(
    {
        "id": pa.array(range(1, 101), pa.int64()),
        "customer": pa.array([f"customer {i % 7}" for i in range(100)]),
        "amount": pa.array([decimal.Decimal(i) / 4 for i in range(100)], pa.decimal128(12, 2)),
    }
)
TEXTS = pa.table({"id": list(range(4000)), "body": [f"{i:04}" * 4000 for i in range(4000)]})
PEOPLE = pa.table({"id": [1, 2], "name": ["Ada", "Grace"]})


class Served:
    """A server in this process, with what a test needs to talk to it."""

    def __init__(self, mesh: Path, limits: Limits | None = None) -> None:
        self.gateway = Gateway.open(mesh)
        self.service = FlightSql(self.gateway, limits)
        self.authenticator = Authenticator(Identity(mesh))
        self.server = FlightServer("grpc://127.0.0.1:0", self.service, self.authenticator)
        self.uri = f"grpc://127.0.0.1:{self.server.port}"

    def client(self, user: tuple[str, str] = ALICE) -> Client:
        return Client(self.uri, *user)

    def raw(self, user: tuple[str, str] = ALICE) -> tuple[fl.FlightClient, fl.FlightCallOptions]:
        """A bare pyarrow client with the header of a session."""
        client = fl.FlightClient(self.uri)
        header = client.authenticate_basic_token(*user)
        return client, fl.FlightCallOptions(headers=[header], timeout=20)

    def close(self) -> None:
        assert self.server.drain(0.0)
        self.gateway.close()


def descriptor(message: Message) -> fl.FlightDescriptor:
    return fl.FlightDescriptor.for_command(commands.encode(message))
