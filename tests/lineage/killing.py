"""Gateways that are killed under load, and an endpoint of OpenLineage that hears of their runs."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from gateway.flight.client import Client, ServerError

READY_SECONDS = 60.0
WORKERS = 3
FIRST_ANSWERS = 5

ENDS = frozenset({"COMPLETE", "FAIL", "ABORT"})


@dataclass(slots=True)
class Receiver:
    """What an endpoint has been told: the first body under each key, in order, and how often."""

    url: str = ""
    bodies: dict[str, bytes] = field(default_factory=dict)
    times: Counter[str] = field(default_factory=Counter)
    altered: list[tuple[bytes, bytes]] = field(default_factory=list)
    """What came again under its key with another body."""
    torn: int = 0
    """How many came in part only."""
    headers: dict[str, str] = field(default_factory=dict)
    """Those of the last event."""
    answers: list[int] = field(default_factory=list)
    """What to answer to the next ones instead: 0 is nothing at all, after it was taken."""
    clumsy: float = 0.0
    """How often an answer is lost, or none is given."""
    chance: random.Random = field(default_factory=lambda: random.Random(5))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, key: str, body: bytes, headers: dict[str, str]) -> int:
        """An event; the status to answer."""
        with self.lock:
            status = self.answers.pop(0) if self.answers else 201
            if self.clumsy and self.chance.random() < self.clumsy:
                status = self.chance.choice((0, 503))
            self.headers = headers
            if status in (0, 201):
                self.times[key] += 1
                first = self.bodies.setdefault(key, body)
                if first != body:
                    self.altered.append((first, body))
            return status

    def events(self) -> list[dict[str, Any]]:
        """Every event once, in the order in which they first came."""
        with self.lock:
            return [json.loads(body) for body in self.bodies.values()]

    @property
    def repeats(self) -> int:
        """How many came again."""
        return sum(self.times.values()) - len(self.times)


@contextmanager
def receiving(**how: Any) -> Iterator[Receiver]:
    """An endpoint on loopback."""
    receiver = Receiver(**how)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:  # whoever sent it was killed meanwhile: nobody takes half of it
                receiver.torn += 1
                self.close_connection = True
                return
            if self.path != "/api/v1/lineage":
                status = 404
            else:
                headers = dict(self.headers.items())
                status = receiver.take(self.headers["Idempotency-Key"], body, headers)
            if status == 0:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", "0")
            if status in (301, 302, 307, 308):
                self.send_header("Location", receiver.url + "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:  # who sends is killed now and then
            pass

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Served:
    """A `meshgate serve` of its own on a mesh folder."""

    def __init__(self, mesh: Path) -> None:
        self._log = (mesh / "serve.log").open("ab")
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gateway.cli", "serve"),
                *("--mesh", str(mesh), "--listen", "grpc://127.0.0.1:0"),
            ],
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if "listening on " not in line:
            raise RuntimeError((mesh / "serve.log").read_text()[-3000:])
        self.uri = line.partition("listening on ")[2].strip()

    def kill(self) -> None:
        """With SIGKILL."""
        self.process.kill()
        self._end()

    def stop(self) -> None:
        """With SIGTERM."""
        self.process.terminate()
        self._end()

    def _end(self) -> None:
        self.process.wait(READY_SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._log.close()


class Load:
    """Workers that ask one query after the other, and note which were answered."""

    def __init__(self) -> None:
        self.answered: set[str] = set()
        self.refused = 0
        self._lock = threading.Lock()

    def until_killed(self, served: Served, name: str, seconds: float) -> None:
        """Ask `served`, for so long after the first answers, and kill it while it works."""
        client = Client(served.uri, "ana", "a")
        token = client.query("SELECT 1 AS one")  # logged in, and working
        assert token.num_rows == 1
        workers = [
            threading.Thread(target=self._work, args=(served, f"{name}_{n}"), daemon=True)
            for n in range(WORKERS)
        ]
        before, deadline = len(self.answered), time.monotonic() + READY_SECONDS
        for worker in workers:
            worker.start()
        while len(self.answered) < before + FIRST_ANSWERS and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(seconds)
        served.kill()
        for worker in workers:
            worker.join(READY_SECONDS)

    def _work(self, served: Served, name: str) -> None:
        number = 0
        try:
            client = Client(served.uri, "ana", "a")
            while True:
                number += 1
                alias = f"q_{name}_{number}"
                if number % 5 == 2:
                    self._refused(client, alias)
                    continue
                client.query(f"SELECT id AS {alias} FROM sales.orders.lines WHERE id > 0")
                with self._lock:
                    self.answered.add(alias)
        except Exception:  # killed
            return

    def _refused(self, client: Client, alias: str) -> None:
        try:
            client.query(f"SELECT salary AS {alias} FROM hr.staff.salaries")
        except ServerError as error:
            if "UNKNOWN_DATASET" not in str(error):
                raise
            with self._lock:
                self.refused += 1
