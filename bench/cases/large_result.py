"""A large answer: the gateway over Parquet against a server that only streams the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import tpch
from bench.client import Client
from bench.mesh import USER, Product, build
from bench.model import GATEWAY, PEER, Series, Settings, Target
from bench.server import Server, gateway, python_module, serving

SCALE = 1.667
QUICK_SCALE = 0.1667
SQL = "SELECT * FROM bench.files.lineitem"


def lineitem(quick: bool) -> Path:
    """A folder with TPC-H lineitem of 10 M rows (quick: 1 M) in one Parquet file."""
    return tpch.generate(QUICK_SCALE if quick else SCALE, ["lineitem"])


@contextmanager
def parquet_gateway(folder: Path) -> Iterator[Server]:
    """A gateway on a mesh whose one product is the folder of Parquet files."""
    with TemporaryDirectory() as scratch:
        mesh = build(Path(scratch), "bench", [Product("files", "files", str(folder))])
        with serving(gateway(mesh)) as server:
            yield server


class LargeResult:
    """Throughput of SELECT * as rows of a second, and what the servers' memory grows to."""

    name = "large-result"
    summary = "SELECT * over 10 M rows of Parquet (quick: 1 M), against a raw pyarrow Flight server"

    @contextmanager
    def open(self, settings: Settings) -> Iterator[Iterator[Series]]:
        """Start both servers on the same file."""
        folder = lineitem(settings.quick)
        peer = python_module("bench.peers.parquet_server", str(folder / "lineitem.parquet"))
        with parquet_gateway(folder) as own, serving(peer) as raw:
            yield self._series(own, raw)

    def _series(self, own: Server, raw: Server) -> Iterator[Series]:
        clients = {
            GATEWAY: (own, Client(own.uri, USER)),
            PEER: (raw, Client(raw.uri)),
        }
        yield Series(
            "throughput",
            "rows/s",
            {name: _throughput(client) for name, (_, client) in clients.items()},
            Target(0.9, at_least=True),
        )
        yield Series(
            "peak memory of the server",
            "MiB",
            {name: _peak(server, client) for name, (server, client) in clients.items()},
            rounds=1,
            warmups=0,
        )


def _throughput(client: Client) -> Callable[[], float]:
    def work() -> float:
        answer = client.drain(SQL)
        return answer.rows / answer.seconds

    return work


def _peak(server: Server, client: Client) -> Callable[[], float]:
    def work() -> float:
        memory = server.watch_memory()
        client.drain(SQL)
        return memory.stop() / 2**20

    return work
