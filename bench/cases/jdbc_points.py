"""One row by its key through JDBC, over 16 connections: the gateway and roapi."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from tempfile import TemporaryFile
from typing import IO
from urllib.parse import quote, urlsplit

import psutil

from bench import tpch
from bench.cases.large_result import parquet_gateway
from bench.mesh import USER
from bench.model import GATEWAY, PEER, Series, Settings, Target
from bench.peers.roapi import serving_table
from bench.server import Server, ServerError
from tests.clients.jdbc import project

CONNECTIONS = 16
SCALE, KEYS = 0.1, 15_000
QUERIES, QUICK_QUERIES = 960, 160
ROUNDS = 3

TABLE = "customer"
SQL = f"SELECT c_custkey, c_nationkey, c_acctbal FROM {TABLE} WHERE c_custkey = ?"


@dataclass(slots=True)
class Load:
    """A JVM with open connections to one server, and what its rounds have measured."""

    process: subprocess.Popen[str]
    log: IO[str]
    server: psutil.Process
    queries: int
    rounds: list[Mapping[str, float]] = field(default_factory=list)

    def run(self) -> Mapping[str, float]:
        """One round: p50 and p99 in ms, queries a second, and the server's CPU for one query."""
        before = self._cpu()
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{self.queries}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            raise ServerError(f"the JDBC client failed: {self.log.read()[-2000:]}")
        said = json.loads(line)
        cpu = self._cpu() - before
        return {
            "p50": said["p50"],
            "p99": said["p99"],
            "rate": said["queries"] / said["seconds"],
            "cpu": cpu / said["queries"] * 1e6,
        }

    def _cpu(self) -> float:
        times = self.server.cpu_times()
        return float(times.user + times.system)


class JdbcPoints:
    """A point query by 16 JDBC connections at once, on the same Parquet file.

    roapi takes no parameters: it always gets the key in the text.
    """

    name = "jdbc-points"
    summary = "one row by its key through JDBC, 16 connections, against roapi"

    @contextmanager
    def open(self, settings: Settings) -> Iterator[Iterator[Series]]:
        """Start the servers."""
        folder = tpch.generate(SCALE, [TABLE])
        file = folder / f"{TABLE}.parquet"
        with (
            parquet_gateway(folder) as own,
            serving_table(TABLE, file) as loaded,
            serving_table(TABLE, file, in_memory=False) as reading,
        ):
            yield self._series(own, loaded, reading, settings)

    def _series(
        self, own: Server, loaded: Server, reading: Server, settings: Settings
    ) -> Iterator[Series]:
        queries = QUICK_QUERIES if settings.quick else QUERIES
        rounds = 1 if settings.quick else settings.rounds or ROUNDS
        for name, mode, peer in (
            ("prepared, roapi in memory", "prepared", loaded),
            ("prepared, roapi from the file", "prepared", reading),
            ("literal text, roapi from the file", "literal", reading),
        ):
            with (
                _load(own, mode, USER, queries) as ours,
                _load(peer, "literal", None, queries) as theirs,
            ):
                yield from _measured(name, {GATEWAY: ours, PEER: theirs}, rounds)
            if settings.quick:
                return


def _measured(name: str, loads: Mapping[str, Load], rounds: int) -> Iterator[Series]:
    """Every round measures everything: the first series runs it, the others tell the rest."""

    def running(load: Load) -> Callable[[], float]:
        def work() -> float:
            load.rounds.append(load.run())
            return load.rounds[-1]["p50"]

        return work

    def telling(load: Load, what: str) -> Callable[[], float]:
        values = iter(load.rounds[-rounds:])
        return lambda: next(values)[what]

    target = Target(1.0)
    works = {contender: running(load) for contender, load in loads.items()}
    yield Series(f"{name}: p50", "ms", works, target, rounds=rounds, warmups=1)
    for quantity, unit, what, goal in (
        ("p99", "ms", "p99", None),
        ("throughput", "queries/s", "rate", None),
        ("server CPU of a query", "µs", "cpu", target),
    ):
        told = {contender: telling(load, what) for contender, load in loads.items()}
        yield Series(f"{name}: {quantity}", unit, told, goal, rounds=rounds, warmups=0)


@contextmanager
def _load(server: Server, mode: str, user: tuple[str, str] | None, queries: int) -> Iterator[Load]:
    url = f"jdbc:arrow-flight-sql://{urlsplit(server.uri).netloc}/?useEncryption=false"
    if user is not None:
        url += f"&user={quote(user[0])}&password={quote(user[1])}"
    arguments = (url, mode, SQL, str(KEYS), str(CONNECTIONS))
    command = project.java(project.built(), project.NEWEST, "meshgate.jdbc.Points", *arguments)
    with TemporaryFile("w+") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        )
        try:
            assert process.stdout is not None
            if process.stdout.readline().strip() != "ready":
                log.seek(0)
                raise ServerError(f"the JDBC client failed: {log.read()[-2000:]}")
            yield Load(process, log, psutil.Process(server.pid), queries)
        finally:
            process.kill()
            process.communicate()
