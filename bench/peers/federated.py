"""The federating peers: what each needs, how it is started, and how it is asked."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryFile
from typing import IO

import pyarrow as pa

from bench.federation import Places
from bench.peers import chdb_sql, mysql_fdw, trino_sql, unpadded
from bench.peers.environment import debian_package, maven_archive, python_with

ROOT = Path(__file__).parents[2]
START_SECONDS = 180.0
QUERY_SECONDS = 120.0
STOP_SECONDS = 20.0


class PeerFailed(Exception):
    """The peer did not answer a query; the text says why."""


def _as_it_is(places: Places) -> Places:
    return places


def _none(_: bool) -> tuple[str, ...]:
    return ()


def _unchanged(sql: str, _: Places) -> str:
    return sql


@dataclass(frozen=True, slots=True)
class Peer:
    """One peer. `moves` says whether all that it moves can be seen on the way from the servers.

    `programs` has installed what no package of Python brings, if it may, and says what the module
    is to be called with; `prepare` makes what the peer needs in the stores; `text` is a query in
    its words.
    """

    name: str
    module: str
    requirements: tuple[str, ...] = ()
    moves: bool = True
    prepare: Callable[[Places], Places] = _as_it_is
    text: Callable[[str, Places], str] = _unchanged
    also_in_postgres: tuple[str, ...] = ()
    programs: Callable[[bool], tuple[str, ...]] = _none


def _mysql_fdw(install: bool) -> tuple[str, ...]:
    debian_package(mysql_fdw.PACKAGE, mysql_fdw.LIBRARY, install=install)
    return ()


def _trino(install: bool) -> tuple[str, ...]:
    java = trino_sql.java()
    home = maven_archive(trino_sql.ARTIFACT, trino_sql.VERSION, install=install)
    return str(java), str(home.absolute())


PEERS: Mapping[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer(
            "duckdb",
            "bench.peers.duckdb_attach",
            (
                "duckdb==1.5.5",
                "duckdb-extension-postgres-scanner==1.5.5",
                "duckdb-extension-mysql-scanner==1.5.5",
                "pyarrow==26.0.1",
            ),
        ),
        Peer(
            "chdb",
            "bench.peers.chdb_engine",
            ("chdb==4.4.0", "pyarrow==26.0.1"),
            prepare=unpadded.prepared,
            text=chdb_sql.text,
        ),
        Peer(
            "mysql-fdw",
            "bench.peers.postgres_direct",
            moves=False,
            programs=_mysql_fdw,
            prepare=mysql_fdw.prepared,
            also_in_postgres=("lineitem",),
        ),
        Peer(
            "trino",
            "bench.peers.trino_server",
            ("trino==0.340.0", "pyarrow==26.0.1"),
            programs=_trino,
            text=trino_sql.text,
        ),
        Peer("postgres", "bench.peers.postgres_direct"),
        Peer("datafusion", "bench.peers.plain_datafusion"),
    )
}


class Worker:
    """A running peer."""

    def __init__(self, peer: Peer, places: Places, command: Sequence[str]) -> None:
        self._peer, self._places, self._command = peer, places, command
        self._process: subprocess.Popen[str] | None = None
        self._errors: IO[str] | None = None

    def start(self) -> None:
        """Start the process and wait until it is connected. Raises PeerFailed."""
        self._errors = TemporaryFile("w+")  # noqa: SIM115 - lives as long as the process
        self._process = subprocess.Popen(
            list(self._command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self._exchange(asdict(self._places), START_SECONDS)

    def milliseconds(self, sql: str) -> float:
        """How long the peer takes for the whole answer, as it says itself. Raises PeerFailed."""
        return self._ask(sql, None) * 1000

    def answer(self, sql: str) -> pa.Table:
        """The rows. Raises PeerFailed."""
        with NamedTemporaryFile(suffix=".arrow") as file:
            self._ask(sql, file.name)
            with pa.OSFile(file.name) as source:
                return pa.ipc.open_file(source).read_all()

    def _ask(self, sql: str, save: str | None) -> float:
        if self._process is None:
            self.start()
        request = {"sql": self._peer.text(sql, self._places), "save": save}
        return float(self._exchange(request, QUERY_SECONDS)["seconds"])

    def _exchange(self, request: Mapping[str, object], seconds: float) -> Mapping[str, float]:
        process = self._process
        assert process is not None and process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            ready, _, _ = select.select([process.stdout], [], [], seconds)
            line = process.stdout.readline() if ready else None
        except OSError:
            line = ""
        if line is None:
            self.stop()
            raise PeerFailed(f"no answer within {seconds:g} s")
        if not line:
            said = self._said()
            self.stop()
            raise PeerFailed(f"it died: {said}")
        reply: Mapping[str, float] = json.loads(line)
        if "error" in reply:
            raise PeerFailed(str(reply["error"]))
        return reply

    def _said(self) -> str:
        assert self._errors is not None
        self._errors.seek(0)
        return self._errors.read()[-500:].strip()

    def stop(self) -> None:
        """End the process, and with it whatever it has started."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None and process.stdout is not None
        deadline = time.monotonic() + STOP_SECONDS
        try:
            process.stdin.close()
            process.wait(max(0.0, deadline - time.monotonic()))
        except (OSError, subprocess.TimeoutExpired):
            pass
        try:
            os.killpg(process.pid, signal.SIGKILL)  # its own group: it leads a session
        except ProcessLookupError:
            pass
        process.wait()
        process.stdout.close()
        if self._errors is not None:
            self._errors.close()


@contextmanager
def running(peer: Peer, places: Places, *, install: bool = True) -> Iterator[Worker]:
    """The peer over these places until the context ends. Raises PeerMissing or PeerFailed."""
    python = python_with(peer.requirements, install=install)
    arguments = peer.programs(install)
    places = peer.prepare(places)
    worker = Worker(peer, places, [python, "-m", peer.module, *arguments])
    try:
        worker.start()
        yield worker
    finally:
        worker.stop()
