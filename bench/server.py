"""Server processes of the benchmarks: started on a free port, watched, always stopped."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile

import psutil

READY = "listening on "
START_SECONDS = 60.0
STOP_SECONDS = 15.0
SAMPLE_SECONDS = 0.02


class ServerError(RuntimeError):
    """A server that did not start, or died."""


@dataclass(slots=True)
class PeakMemory:
    """The largest resident set of a process, sampled until `stop`. Bytes."""

    pid: int
    peak: int = 0
    _stopped: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> PeakMemory:
        """Sample from now on, on a thread."""
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> int:
        """The peak since `start`, in bytes."""
        self._stopped.set()
        if self._thread:
            self._thread.join()
        return self.peak

    def _sample(self) -> None:
        try:
            process = psutil.Process(self.pid)
            while True:
                self.peak = max(self.peak, process.memory_info().rss)
                if self._stopped.wait(SAMPLE_SECONDS):
                    return
        except psutil.NoSuchProcess:
            return


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: where it listens and which process it is."""

    uri: str
    pid: int

    def watch_memory(self) -> PeakMemory:
        """Start sampling the resident set of the process."""
        return PeakMemory(self.pid).start()


@contextmanager
def serving(command: Sequence[str]) -> Iterator[Server]:
    """Run a server that prints ``listening on URI`` when it is ready; stop it in the end.

    Raises ServerError, with the end of what it printed, when it does not become ready.
    """
    with TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            list(command), stdout=subprocess.PIPE, stderr=errors, text=True, bufsize=1
        )
        try:
            uri = _await_ready(process)
            if uri is None:
                errors.seek(0)
                raise ServerError(f"{command[0]} did not start: {errors.read()[-2000:].strip()}")
            yield Server(uri, process.pid)
        finally:
            stop(process)


def python_module(module: str, *arguments: str) -> list[str]:
    """The command that runs a module with this interpreter."""
    return [sys.executable, "-m", module, *arguments]


def gateway(mesh: Path) -> list[str]:
    """The command that serves a mesh folder on a free loopback port."""
    return python_module(
        "gateway.cli", "serve", "--mesh", str(mesh), "--listen", "grpc://127.0.0.1:0"
    )


def _await_ready(process: subprocess.Popen[str]) -> str | None:
    found: list[str] = []

    def read() -> None:
        for line in process.stdout or ():
            if READY in line and not found:
                found.append(line.partition(READY)[2].split()[0])
                ready.set()
        ready.set()  # the process closed its output: it will not become ready any more

    ready = threading.Event()
    threading.Thread(target=read, daemon=True).start()
    ready.wait(START_SECONDS)
    return found[0] if found else None


def stop(process: subprocess.Popen[str]) -> None:
    """End a server: asked first, then made to."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
