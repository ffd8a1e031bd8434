"""The relay that counts: it changes nothing and counts everything."""

from __future__ import annotations

import socket
import threading

import adbc_driver_postgresql.dbapi as adbc
import pytest

from bench.federation import Places, counted
from bench.proxy import CountingProxy
from tests.services import Postgres


def test_every_byte_passes_and_is_counted() -> None:
    sent, back = bytes(range(256)) * 10_000, b"x" * 3_000_000
    with socket.create_server(("127.0.0.1", 0)) as server:
        heard = bytearray()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                while chunk := connection.recv(65_536):  # until the client has said all
                    heard.extend(chunk)
                connection.sendall(back)

        thread = threading.Thread(target=serve)
        thread.start()
        with CountingProxy.open("127.0.0.1", server.getsockname()[1]) as proxy:
            with socket.create_connection(("127.0.0.1", proxy.port)) as client:
                client.sendall(sent)
                client.shutdown(socket.SHUT_WR)
                answer = b"".join(iter(lambda: client.recv(65_536), b""))
            thread.join()
            assert (bytes(heard), answer) == (sent, back)
            assert (proxy.sent, proxy.received) == (len(sent), len(back))


def test_a_server_that_refuses_looks_like_a_broken_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with (
        CountingProxy.open("127.0.0.1", port) as proxy,
        socket.create_connection(("127.0.0.1", proxy.port)) as client,
    ):
        assert client.recv(1) == b""


def test_a_server_without_a_port_can_not_be_observed() -> None:
    with (
        pytest.raises(RuntimeError, match="can not be observed"),
        CountingProxy.open("/run/socket", None),
    ):
        pass


def test_places_behind_proxies_hold_the_same_tables(postgres: Postgres) -> None:
    with postgres.database() as uri:
        places = Places({"t": "postgres", "f": "parquet"}, uri, "", "/files")
        with counted(places) as (watched, (proxy,)):
            assert (watched.tables, watched.parquet) == (places.tables, places.parquet)
            with adbc.connect(watched.postgres) as connection, connection.cursor() as cursor:
                before = proxy.received
                cursor.execute("SELECT repeat('x', 100000)")
                assert cursor.fetchone() == ("x" * 100_000,)
            assert 100_000 <= proxy.received - before < 110_000
