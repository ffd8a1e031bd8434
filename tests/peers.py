"""A second gateway with a server of its own: what a gateway that chains talks to."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.flight.authentication import Authenticator
from gateway.flight.server import FlightServer
from gateway.flight.service import FlightSql
from gateway.identity.identity import Identity
from gateway.identity.users import add_user
from gateway.model import Dataset
from gateway.pipeline import Gateway
from tests.gateways import gateway

USER, PASSWORD = "peer", "between-gateways"

EVERYTHING = (("p", f"user:{USER}", "*", "*", "read", "*", "*", "*", "allow"),)


@dataclass(frozen=True, slots=True)
class Peer:
    """A gateway that is served, and the uri under which another one logs in to it."""

    gateway: Gateway
    port: int
    texts: list[str]
    """Every query it was asked, oldest first."""

    @property
    def uri(self) -> str:
        """With the login of the service account."""
        return f"grpc://{USER}:{PASSWORD}@127.0.0.1:{self.port}"


@contextmanager
def peer(
    folder: Path,
    datasets: Sequence[Dataset],
    policies: Sequence[tuple[str, ...]] = EVERYTHING,
    port: int = 0,
) -> Iterator[Peer]:
    """Serve the datasets, on a free port unless one is given, to one service account."""
    add_user(folder, USER, ["peers/reader"], PASSWORD)
    opened = gateway(datasets, policies)
    texts: list[str] = []
    lock = threading.Lock()
    prepare = opened.prepare

    def noted(request):  # type: ignore[no-untyped-def]
        with lock:
            texts.append(request.text)
        return prepare(request)

    opened.prepare = noted  # type: ignore[method-assign]
    identity = Authenticator(Identity(folder))
    server = FlightServer(f"grpc://127.0.0.1:{port}", FlightSql(opened, None), identity)
    try:
        yield Peer(opened, server.port, texts)
    finally:
        server.drain(0.0)
        opened.close()
