"""What the gateway costs when one PostgreSQL could have answered the query alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import adbc_driver_postgresql.dbapi as postgres

from bench import tpch
from bench.client import Client
from bench.layouts import all_in_postgres
from bench.mesh import USER
from bench.model import GATEWAY, PEER, Series, Settings, Target, Total
from bench.server import gateway, serving

SCALE = 0.1
QUICK_SCALE = 0.01


class TpchPostgres:
    """The 22 TPC-H queries through the gateway by Flight SQL, and the same text by ADBC."""

    name = "tpch-postgres"
    summary = "22 TPC-H queries, SF 0.1 (quick: 0.01), all in PostgreSQL, against ADBC directly"

    @contextmanager
    def open(self, settings: Settings) -> Iterator[Iterator[Series | Total]]:
        """Load PostgreSQL, serve it, and connect both ways."""
        with (
            all_in_postgres(QUICK_SCALE if settings.quick else SCALE) as layout,
            serving(gateway(layout.mesh)) as server,
            postgres.connect(layout.postgres_uri) as direct,
        ):
            yield self._series(Client(server.uri, USER), direct, settings.quick)

    def _series(
        self, client: Client, direct: postgres.Connection, quick: bool
    ) -> Iterator[Series | Total]:
        for name, sql in tpch.queries().items():
            contenders = {GATEWAY: _through(client, sql), PEER: _direct(direct, sql)}
            yield Series(name, "ms", contenders, rounds=3 if quick else 5)
        # at the quick size the fixed cost of a request, not the query, is most of the time
        yield Total("all 22", None if quick else Target(1.15))


def _through(client: Client, sql: str) -> Callable[[], float]:
    def work() -> float:
        start = time.perf_counter()
        client.table(sql)
        return (time.perf_counter() - start) * 1000

    return work


def _direct(connection: postgres.Connection, sql: str) -> Callable[[], float]:
    def work() -> float:
        start = time.perf_counter()
        with connection.cursor() as cursor:
            cursor.execute(sql)
            cursor.fetch_arrow_table()
        return (time.perf_counter() - start) * 1000

    return work
