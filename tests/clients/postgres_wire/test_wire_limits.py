"""How much one client may hold and how long it may keep the others waiting."""

from __future__ import annotations

import struct
import threading
import time
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from gateway.postgres_wire import session
from gateway.postgres_wire.server import WireLimits
from tests.clients.postgres_wire.conftest import KEY
from tests.clients.postgres_wire.serving import ALICE, Served
from tests.clients.postgres_wire.test_wire_protocol import (
    alive,
    everything,
    logged_in,
    message,
    raw,
)

pytestmark = pytest.mark.timeout(120)

SYNC = message(b"S", b"")


def answer(opened: object, sent: bytes) -> bytes:
    """What a session sends until it is ready again."""
    opened.sendall(sent)  # type: ignore[attr-defined]
    found = b""
    while found[-6:-1] != b"Z\0\0\0\x05":
        piece = opened.recv(65_536)  # type: ignore[attr-defined]
        assert piece, found
        found += piece
    return found


@pytest.mark.parametrize("letter", [b"Q", b"P"])
def test_a_text_beyond_the_limit_is_not_read_at_all(served: Served, letter: bytes) -> None:
    text = b"SELECT 1;" * 200_000
    body = text + b"\0" if letter == b"Q" else b"\0" + text + b"\0\0\0"
    with logged_in(served) as opened:
        found = answer(opened, message(letter, body) + (SYNC if letter == b"P" else b""))
        assert b"C54000" in found
        assert b"1048576 are allowed" in found
        assert b"SELECT 1\0" in answer(opened, message(b"Q", b"SELECT 1\0"))


def test_long_texts_are_read_beside_the_loop(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All sessions wait for what the loop's own thread does."""
    threads: dict[int, str] = {}
    read = session.read_commands

    def noted(text: str) -> list[session.Command]:
        threads[len(text)] = threading.current_thread().name
        return read(text)

    monkeypatch.setattr(session, "read_commands", noted)
    with psycopg.connect(served.dsn(), autocommit=True) as connection:
        short, long = "SELECT 1", "SELECT 1 -- " + "x" * 100_000
        connection.execute(short)
        connection.execute(long)
    assert threads[len(short)] == "postgres-wire"
    assert threads[len(long)] != "postgres-wire"


def test_prepared_statements_have_room_for_so_much_text(served: Served) -> None:
    comment = "x" * 1_000_000
    with psycopg.connect(served.dsn(), autocommit=True) as connection:
        with pytest.raises(errors.ProgramLimitExceeded, match="in all"):
            for number in range(20):
                connection.execute(f"PREPARE p{number} AS SELECT /* {comment} */ {number}")
        assert number == 8
        connection.execute("DEALLOCATE p0")
        connection.execute(f"PREPARE p AS SELECT /* {comment} */ 1")


def test_portals_have_room_for_so_many_values(served: Served) -> None:
    value = b"x" * 10_000_000
    with logged_in(served) as opened:
        answer(opened, message(b"Q", b"BEGIN\0"))
        opened.sendall(message(b"P", b"s\0SELECT $1::text\0\0\0"))
        bind = struct.pack("!hhi", 0, 1, len(value)) + value + struct.pack("!h", 0)
        binds = [message(b"B", b"p%d\0s\0" % n + bind) for n in range(4)]
        found = answer(opened, b"".join(binds) + SYNC)
        assert found.count(b"2\0\0\0\x04") == 3
        assert b"C54000" in found


def test_names_and_settings_have_a_length(served: Served) -> None:
    name = "n" * 300
    with psycopg.connect(served.dsn()) as connection:
        connection.execute("SELECT 1")
        for text in (
            f"PREPARE {name} AS SELECT 1",
            f"DECLARE {name} CURSOR FOR SELECT 1",
            f"SAVEPOINT {name}",
            f"SET app.{name} = 1",
        ):
            with pytest.raises(errors.NameTooLong):
                connection.execute(text)
            connection.rollback()
        with pytest.raises(errors.InvalidParameterValue, match="10000 characters"):
            connection.execute(f"SET application_name = '{'x' * 10_001}'")
        connection.rollback()
        with pytest.raises(errors.ProgramLimitExceeded, match="settings of its own"):
            for number in range(1000):
                connection.execute(f"SET app.x{number} = 'x'")
        assert number == 100
        connection.rollback()
        connection.execute("SET app.last = 'kept'")
        assert connection.execute("SHOW app.last").fetchone() == ("kept",)


def test_who_says_nothing_keeps_nobody_out(mesh: Path) -> None:
    served = Served(mesh, WireLimits(beginning=5))
    silent = [raw(served) for _ in range(20)]
    alive(served)
    silent[0].settimeout(5)
    assert silent[0].recv(1) == b""  # closed long before its time to log in is over
    silent[-1].settimeout(0.1)
    with pytest.raises(TimeoutError):
        silent[-1].recv(1)
    for each in silent[:-2]:
        each.close()
    alive(served)
    served.close()  # nor does it wait for who has not begun
    assert silent[-1].recv(1) == b""
    for each in silent[-2:]:
        each.close()


def test_connections_are_counted_by_who_has_logged_in(mesh: Path) -> None:
    """Everybody with a token may say that his name is `token`."""
    served = Served(mesh, WireLimits(connections_per_user=2))
    tokens = [KEY.sign(groups=["analysts"], sub=name) for name in ("one", "two")]
    held = [psycopg.connect(served.dsn((user, tokens[0]))) for user in ("token", "one")]
    with pytest.raises(psycopg.OperationalError, match="as many connections as one may"):
        psycopg.connect(served.dsn(("token", tokens[0])))
    psycopg.connect(served.dsn(("token", tokens[1]))).close()
    for each in held:
        each.close()
    served.close()


def test_rows_that_nobody_reads_are_let_go(mesh: Path) -> None:
    """A session that is busy with something else keeps them no longer than an idle one."""
    served = Served(mesh, WireLimits(cursor_idle_seconds=0.5))
    with psycopg.connect(served.dsn(), autocommit=True) as connection:
        for name in ("kept", "left"):
            connection.execute(
                f"DECLARE {name} CURSOR WITH HOLD FOR SELECT id FROM sales.shop.many"
            )
            connection.execute(f"FETCH 1 FROM {name}")
        assert served.service.admission.running == 2
        for _ in range(8):
            time.sleep(0.2)
            assert connection.execute("FETCH 1 FROM kept").fetchall()
        assert served.service.admission.running == 1
        with pytest.raises(errors.IdleSessionTimeout, match="not read for too long"):
            connection.execute("FETCH 1 FROM left")
    served.close()


def test_what_is_no_number_of_rows_is_said_to_be_none(served: Served) -> None:
    with psycopg.connect(served.dsn(), autocommit=True) as connection:
        for count in ("1.5", "9" * 5000):
            with pytest.raises(errors.SyntaxError):
                connection.execute(f"FETCH {count} FROM c")  # type: ignore[arg-type]


def test_options_that_are_not_closed_are_said_to_be(served: Served) -> None:
    with raw(served) as opened:
        body = b'user\0alice\0options\0-c "x\0\0'
        opened.sendall(struct.pack("!ii", len(body) + 8, 3 << 16) + body)
        opened.recv(9)
        opened.sendall(message(b"p", ALICE[1].encode() + b"\0"))
        said = everything(opened)
        assert b"C22023" in said
        assert b"quote" in said


CTES = {
    "SELECT 1 FROM (WITH sqlite_master AS (SELECT 1) SELECT 1) x, sqlite_master, pg_class": None,
    "WITH sqlite_master AS (SELECT * FROM sqlite_master)"
    " SELECT * FROM sqlite_master, pg_class": None,
    "WITH b AS (SELECT * FROM duckdb_tables), duckdb_tables AS (SELECT 1)"
    " SELECT * FROM b, pg_class": None,
    "WITH pg_class AS (SELECT relname || '!' AS r FROM pg_class WHERE relname = 'orders')"
    " SELECT r FROM pg_class": "orders!",
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3)"
    " SELECT max(r.n)::text || relname FROM r, pg_class WHERE relname = 'orders'"
    " GROUP BY relname": "3orders",
}  # fmt: skip


@pytest.mark.parametrize("text", CTES)
def test_tables_of_the_catalogues_engine_are_not_to_be_had(served: Served, text: str) -> None:
    """A name given in one part of a query is none in the others, nor does it reach its own."""
    expected = CTES[text]
    with psycopg.connect(served.dsn(), autocommit=True) as connection:
        if expected is None:
            with pytest.raises(errors.FeatureNotSupported, match="not both"):
                connection.execute(text)  # type: ignore[arg-type]
        else:
            assert connection.execute(text).fetchone() == (expected,)  # type: ignore[arg-type]
