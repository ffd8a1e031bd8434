"""A million rows through ADBC: what the client everybody uses leaves of plain Flight."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import adbc_driver_flightsql.dbapi as adbc

from bench.cases.large_result import SQL, lineitem, parquet_gateway
from bench.client import Client
from bench.mesh import USER
from bench.model import GATEWAY, PEER, Series, Settings, Target


class AdbcFetch:
    """`fetch_arrow_table` of ADBC's DBAPI against GetFlightInfo and DoGet, of one server."""

    name = "adbc-fetch"
    summary = "1 M rows as an Arrow table through ADBC, against plain Flight to the same gateway"

    @contextmanager
    def open(self, settings: Settings) -> Iterator[Iterator[Series]]:
        """Start the gateway, and connect twice."""
        with parquet_gateway(lineitem(quick=True)) as own:
            login = {"username": USER[0], "password": USER[1]}
            with adbc.connect(own.uri, db_kwargs=login, autocommit=True) as connection:
                works = {GATEWAY: _by_adbc(connection), PEER: _by_flight(Client(own.uri, USER))}
                target = Target(0.9, at_least=True)
                yield iter([Series("throughput", "rows/s", works, target, rounds=7, warmups=2)])


def _by_adbc(connection: adbc.Connection) -> Callable[[], float]:
    def work() -> float:
        start = time.perf_counter()
        with connection.cursor() as cursor:
            cursor.execute(SQL)
            rows: int = cursor.fetch_arrow_table().num_rows
        return rows / (time.perf_counter() - start)

    return work


def _by_flight(client: Client) -> Callable[[], float]:
    def work() -> float:
        start = time.perf_counter()
        rows: int = client.table(SQL).num_rows
        return rows / (time.perf_counter() - start)

    return work
