"""Serving until SIGTERM, on a free loopback port that is printed."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pyarrow.flight as fl


def serve(make: Callable[[str], fl.FlightServerBase]) -> None:
    """Start the server, print ``listening on URI``, and wait for SIGTERM or SIGINT."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    server = make("grpc://127.0.0.1:0")
    print(f"listening on grpc://127.0.0.1:{server.port}", flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    server.shutdown()
