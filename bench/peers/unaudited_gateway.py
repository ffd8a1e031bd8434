"""The gateway of a mesh folder without its audit log.

python -m bench.peers.unaudited_gateway MESH
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path

from bench.peers.listening import serve
from gateway.flight.authentication import Authenticator
from gateway.flight.server import FlightServer
from gateway.flight.service import FlightSql
from gateway.identity.identity import Identity
from gateway.pipeline import Gateway


def _server(location: str) -> FlightServer:
    mesh = Path(sys.argv[1])
    service = FlightSql(Gateway.open(mesh, audited=False))
    server = FlightServer(location, service, Authenticator(Identity(mesh)))
    gc.collect()
    gc.freeze()  # as `meshgate serve` does
    return server


if __name__ == "__main__":
    serve(_server)
