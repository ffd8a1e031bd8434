"""roapi: DataFusion behind Flight SQL, without rights, over one Parquet file."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

import yaml

from bench.server import START_SECONDS, Server, ServerError, stop
from tests.environments import environment
from tests.services import free_port

POLL_SECONDS = 0.05


@contextmanager
def serving_table(name: str, file: Path, *, in_memory: bool = True) -> Iterator[Server]:
    """A server whose one table is the file. ServiceMissing, ServerError.

    As it comes, roapi loads the rows when it starts; `in_memory=False` reads the file each time.
    """
    program = environment("bench") / "bin" / "roapi"
    flight = free_port()
    option = {"format": "parquet", "use_memory_table": in_memory}
    config = {
        "addr": {"http": f"127.0.0.1:{free_port()}", "postgres": f"127.0.0.1:{free_port()}"},
        "tables": [{"name": name, "uri": str(file), "option": option}],
    }
    with TemporaryDirectory() as folder, TemporaryFile("w+") as log:
        settings = Path(folder) / "roapi.yml"
        settings.write_text(yaml.safe_dump(config))
        address = f"127.0.0.1:{flight}"
        command = [str(program), "--config", str(settings), "--addr-flight-sql", address]
        process = subprocess.Popen(command, stdout=log, stderr=log, text=True)
        try:
            _wait(process, flight)
            yield Server(f"grpc://{address}", process.pid)
        finally:
            stop(process)


def _wait(process: subprocess.Popen[str], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(POLL_SECONDS)
    raise ServerError("roapi did not start")
