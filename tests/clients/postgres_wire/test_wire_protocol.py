"""Bytes no client of good will sends: the server says no, and goes on serving others."""

from __future__ import annotations

import random
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from gateway.postgres_wire.server import WireLimits
from tests.clients.postgres_wire.serving import ALICE, Served

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def small(mesh: Path) -> Iterator[Served]:
    limits = WireLimits(
        connections=8, connections_per_user=3, message_bytes=65_536, login_seconds=1, idle_seconds=2
    )
    served = Served(mesh, limits)
    yield served
    served.close()


def startup(**settings: str) -> bytes:
    body = b"".join(f"{k}\0{v}\0".encode() for k, v in settings.items()) + b"\0"
    return struct.pack("!ii", len(body) + 8, 3 << 16) + body


def message(letter: bytes, body: bytes) -> bytes:
    return letter + struct.pack("!i", len(body) + 4) + body


def everything(opened: socket.socket) -> bytes:
    """All that is sent until the server closes."""
    opened.settimeout(10)
    found = b""
    try:
        while piece := opened.recv(65_536):
            found += piece
    except (ConnectionError, TimeoutError):
        pass
    return found


def raw(served: Served) -> socket.socket:
    return socket.create_connection(("127.0.0.1", served.port), timeout=10)


def logged_in(served: Served) -> socket.socket:
    opened = raw(served)
    opened.sendall(startup(user=ALICE[0], database="mesh"))
    opened.recv(9)
    opened.sendall(message(b"p", ALICE[1].encode() + b"\0"))
    found = b""
    while not found.endswith(b"Z\0\0\0\x05I"):
        found += opened.recv(65_536)
    return opened


def alive(served: Served) -> None:
    with psycopg.connect(served.dsn(), autocommit=True) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (struct.pack("!ii", 2**31 - 1, 3 << 16), b"08P01"),
        (struct.pack("!ii", 4, 3 << 16), b"08P01"),
        (struct.pack("!ii", 8, 2 << 16), b"0A000"),
        (struct.pack("!ii", 9, 3 << 16) + b"x", b"08P01"),
        (b"GET / HTTP/1.1\r\n\r\n", b"08P01"),
        (startup(database="mesh"), b"28000"),
        (startup(user="alice", replication="database"), b"0A000"),
        (startup(user="alice") + message(b"Q", b"SELECT 1\0"), b"08P01"),
        (startup(user="alice") + b"p" + struct.pack("!i", 2**30), b"08P01"),
        (startup(user="nobody") + message(b"p", b"x\0"), b"28P01"),
    ],
)
def test_what_begins_no_session(served: Served, sent: bytes, said: bytes) -> None:
    with raw(served) as opened:
        opened.sendall(sent)
        assert said in everything(opened)
    alive(served)


def test_encryption_is_refused_where_there_is_none(served: Served) -> None:
    with raw(served) as opened:
        for code in (5679, 5680):
            opened.sendall(struct.pack("!ii", 8, (1234 << 16) | code))
            assert opened.recv(1) == b"N"
    with pytest.raises(psycopg.OperationalError, match="SSL"):
        psycopg.connect(served.dsn(sslmode="require"))


def test_a_newer_protocol_is_negotiated(served: Served) -> None:
    with raw(served) as opened:
        body = b"user\0alice\0_pq_.nothing\0x\0\0"
        opened.sendall(struct.pack("!ii", len(body) + 8, (3 << 16) | 9) + body)
        opened.recv(9)
        opened.sendall(message(b"p", ALICE[1].encode() + b"\0"))
        found = opened.recv(65_536)
        assert found[:1] == b"v"
        assert b"_pq_.nothing" in found


@pytest.mark.parametrize(
    "sent",
    [
        b"\xff" * 64,
        b"Q" + struct.pack("!i", 3),
        b"Q" + struct.pack("!i", 2**31 - 1),
        message(b"Q", b"SELECT 1"),
        message(b"Q", b"\xff\xfe\0"),
        message(b"B", b"\0\0" + struct.pack("!hhi", 0, 1, 2**30)),
        message(b"D", b"X\0"),
        message(b"F", b"\0"),
        message(b"p", b"again\0"),
    ],
)
def test_what_ends_a_session(served: Served, sent: bytes) -> None:
    with logged_in(served) as opened:
        opened.sendall(sent)
        assert b"FATAL" in everything(opened)
    alive(served)


def test_fuzzed_messages_never_hang_the_server(served: Served) -> None:
    random.seed(7)
    good = [
        message(b"P", b"\0SELECT $1::int\0\0\0"),
        message(b"B", b"\0\0" + struct.pack("!hhi", 0, 1, 1) + b"7" + struct.pack("!h", 0)),
        message(b"D", b"P\0"),
        message(b"E", b"\0" + struct.pack("!i", 0)),
        message(b"S", b""),
        message(b"Q", b"SELECT oid::regclass FROM pg_class LIMIT 1\0"),
    ]
    for _ in range(60):
        stream = bytearray(b"".join(random.choices(good, k=6)))
        for _ in range(random.randrange(1, 6)):
            stream[random.randrange(len(stream))] = random.randrange(256)
        with logged_in(served) as opened:
            opened.sendall(bytes(stream) + message(b"X", b""))
            opened.shutdown(socket.SHUT_WR)
            everything(opened)
    alive(served)
    assert served.service.admission.wait_idle(10)


def test_limits_of_connections_and_times(small: Served) -> None:
    with raw(small) as silent:
        assert everything(silent) == b""  # who says nothing is let go
    held = [logged_in(small) for _ in range(3)]
    with pytest.raises(psycopg.OperationalError, match="as many connections as one may"):
        psycopg.connect(small.dsn())
    with held[0] as opened:
        opened.sendall(message(b"Q", b"SELECT '" + b"x" * 70_000 + b"'\0"))
        assert b"08P01" in everything(opened)
    assert b"57P05" in everything(held[1])  # idle for too long
    for opened in held:
        opened.close()
    alive(small)


def test_who_does_not_read_takes_no_memory(served: Served) -> None:
    alive(served)
    process = psutil.Process()
    opened = [logged_in(served) for _ in range(4)]
    before = process.memory_info().rss
    for each in opened:
        each.sendall(message(b"Q", b"SELECT a.* FROM sales.shop.many a, sales.shop.orders b\0"))
    alive(served)
    assert process.memory_info().rss - before < 400 << 20
    for each in opened:
        each.close()
    assert served.service.admission.wait_idle(10)


def test_a_wrong_key_cancels_nothing(served: Served) -> None:
    with psycopg.connect(served.dsn(), autocommit=True) as connection:
        process = connection.info.backend_pid
        with raw(served) as opened:
            body = struct.pack("!ii", (1234 << 16) | 5678, process) + b"\0\0\0\0"
            opened.sendall(struct.pack("!i", len(body) + 4) + body)
            assert everything(opened) == b""
        assert connection.execute("SELECT count(*) FROM sales.shop.many").fetchone() == (200_000,)


def test_a_shutdown_ends_sessions_that_do_nothing(mesh: Path) -> None:
    served = Served(mesh)
    opened = logged_in(served)
    served.close()
    assert b"57P01" in everything(opened)
    opened.close()
