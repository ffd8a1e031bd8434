"""roapi: DataFusion behind Flight SQL, without rights, over a Parquet file it has in memory."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from bench.server import START_SECONDS, STOP_SECONDS, Server, ServerError
from tests.environments import environment

POLL_SECONDS = 0.05


@contextmanager
def serving_table(name: str, file: Path) -> Iterator[Server]:
    """A server whose one table is the file. ServiceMissing, ServerError."""
    program = environment("bench") / "bin" / "roapi"
    http, postgres, flight = _free_ports(3)
    command = [
        *(str(program), "--table", f"{name}={file}"),
        *("--addr-http", f"127.0.0.1:{http}", "--addr-postgres", f"127.0.0.1:{postgres}"),
        *("--addr-flight-sql", f"127.0.0.1:{flight}"),
    ]
    with TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, text=True)
        try:
            _wait(process, flight)
            yield Server(f"grpc://127.0.0.1:{flight}", process.pid)
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(process: subprocess.Popen[str], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(POLL_SECONDS)
    raise ServerError("roapi did not start")


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
