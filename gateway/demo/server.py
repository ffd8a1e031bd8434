"""The demo's gateway: `meshgate serve` in a process of its own."""

from __future__ import annotations

import queue
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import IO

from gateway.errors import ResourceError

PORT = 8815
START_SECONDS = 60.0
STOP_SECONDS = 15.0


def free_address() -> str:
    """The usual address, or one with the next free port."""
    for port in range(PORT, PORT + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return f"grpc://127.0.0.1:{port}"
    return "grpc://127.0.0.1:0"


class ServerProcess:
    """`meshgate serve` on a mesh folder, from `with` to its end; `uri` is where it listens."""

    def __init__(self, mesh: Path, listen: str, region: str) -> None:
        self._log: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        command = [sys.executable, "-m", "gateway.cli", "serve", "--mesh", str(mesh)]
        # A session of its own: Ctrl-C is for the demo, which then stops the server in order.
        self._process = subprocess.Popen(
            [*command, "--listen", listen, "--region", region, "--drain-seconds", "2"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            start_new_session=True,
        )
        try:
            self.uri = self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def wait(self) -> None:
        """Return when the server has ended by itself."""
        self._process.wait()

    def stop(self) -> None:
        """End the server: politely, and after a while by force."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(STOP_SECONDS)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._log.close()

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _wait_until_ready(self) -> str:
        lines: queue.Queue[str] = queue.Queue()
        # A thread reads, because a pipe can not be read with a time limit.
        threading.Thread(target=self._pass_on, args=(lines,), daemon=True).start()
        try:
            while line := lines.get(timeout=START_SECONDS):
                if line.startswith("listening on "):
                    return line.removeprefix("listening on ").strip()
        except queue.Empty:
            raise ResourceError(f"the gateway was not ready after {START_SECONDS:g} s") from None
        self._log.seek(0)
        last = self._log.read().strip().splitlines()[-8:]
        raise ResourceError("the gateway did not start:\n  " + "\n  ".join(last))

    def _pass_on(self, lines: queue.Queue[str]) -> None:
        pipe = self._process.stdout
        if pipe is not None:
            for line in pipe:
                lines.put(line)
        lines.put("")
