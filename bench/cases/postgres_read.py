"""One large PostgreSQL table, read through the gateway and by one plain ADBC stream."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import adbc_driver_postgresql.dbapi as postgres

from bench import tpch
from bench.client import Client
from bench.mesh import USER, build
from bench.model import GATEWAY, PEER, Series, Settings, Target
from bench.server import gateway, serving
from bench.stores import STORES

SCALE = 1.0
QUICK_SCALE = 0.1

SHAPES: Mapping[str, str] = {
    "all columns": "SELECT * FROM {table}",
    "integers": "SELECT l_orderkey, l_partkey, l_suppkey, l_linenumber FROM {table}",
    "integers and numerics": (
        "SELECT l_orderkey, l_quantity, l_extendedprice, l_discount, l_tax FROM {table}"
    ),
    "padded text": (
        "SELECT l_returnflag, l_linestatus, l_shipinstruct, l_shipmode, l_comment FROM {table}"
    ),
    "one row in seven": (
        "SELECT l_orderkey, l_extendedprice, l_shipmode FROM {table} WHERE l_linenumber = 4"
    ),
}
"""Scans by name: what is read decides whether the server, the driver or the way out is busiest."""


class PostgresRead:
    """Throughput of a scan of lineitem as rows of a second, for scans of several shapes."""

    name = "postgres-read"
    summary = "a scan of lineitem in PostgreSQL, SF 1 (quick: 0.1), against one ADBC stream of it"

    @contextmanager
    def open(self, settings: Settings) -> Iterator[Iterator[Series]]:
        """Load PostgreSQL, serve it, and connect both ways."""
        table = tpch.table("lineitem", QUICK_SCALE if settings.quick else SCALE)
        with TemporaryDirectory() as scratch, STORES["postgres"](Path(scratch), [table]) as product:
            del table
            mesh = build(Path(scratch) / "mesh", "bench", [product])
            with (
                serving(gateway(mesh)) as server,
                postgres.connect(product.direct) as direct,
            ):
                yield self._series(Client(server.uri, USER), direct)

    def _series(self, client: Client, direct: postgres.Connection) -> Iterator[Series]:
        for name, scan in SHAPES.items():
            contenders = {
                GATEWAY: _through(client, scan.format(table="bench.postgres.lineitem")),
                PEER: _direct(direct, scan.format(table="lineitem")),
            }
            target = Target(1.5, at_least=True) if name == "all columns" else None
            yield Series(name, "rows/s", contenders, target)


def _through(client: Client, sql: str) -> Callable[[], float]:
    def work() -> float:
        answer = client.drain(sql)
        return answer.rows / answer.seconds

    return work


def _direct(connection: postgres.Connection, sql: str) -> Callable[[], float]:
    def work() -> float:
        start = time.perf_counter()
        with connection.cursor() as cursor:
            cursor.execute(sql)
            rows = sum(batch.num_rows for batch in cursor.fetch_record_batch())
        return rows / (time.perf_counter() - start)

    return work
