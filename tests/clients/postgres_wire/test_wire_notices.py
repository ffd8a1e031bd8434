"""Notices over PostgreSQL's protocol, as psql and psycopg show them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import psycopg
import pytest

from tests.clients.postgres_wire.conftest import program
from tests.clients.postgres_wire.serving import Served
from tests.lives import MAKER, READER, STRANGER, living_mesh

OLD = "SELECT id FROM sales.orders.lines FOR VERSION AS OF '1.1.0' ORDER BY id"
MESSAGE = (
    "mesh://sales/orders/lines@1.1.0: it is deprecated; its ids are not unique; it ends on"
    " 2999-01-31; read mesh://sales/orders/lines@2.0.0 instead"
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with living_mesh(tmp_path_factory.mktemp("lives")) as mesh:
        served = Served(mesh)
        yield served
        served.close()


class Heard:
    """A connection, and what it was sent: severities, states, messages."""

    def __init__(self, served: Served, user: tuple[str, str] = READER, **options: str) -> None:
        self.connection = psycopg.connect(served.dsn(user), autocommit=True, **options)
        self.said: list[tuple[str | None, ...]] = []
        self.connection.add_notice_handler(
            lambda d: self.said.append((d.severity, d.sqlstate, d.message_primary))
        )

    def taken(self) -> list[str | None]:
        """The messages since it was asked last."""
        messages = [message for *_, message in self.said]
        self.said.clear()
        return messages


@pytest.fixture
def heard(served: Served) -> Iterator[Heard]:
    heard = Heard(served)
    yield heard
    heard.connection.close()


def test_psql_shows_a_warning_before_the_rows(served: Served) -> None:
    address = ["-h", "127.0.0.1", "-p", str(served.port), "-U", READER[0], "-d", "mesh"]
    done = subprocess.run(
        [program("psql"), "-X", "-A", "-t", *address, "-c", OLD],
        env={**os.environ, "PGPASSWORD": READER[1]},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "1\n2\n3\n"
    assert done.stderr == f"WARNING:  {MESSAGE}\nDETAIL:  Meshgate: DEPRECATED\n"


def test_a_driver_hears_it_with_its_state(heard: Heard) -> None:
    assert heard.connection.execute(OLD).fetchall() == [(1,), (2,), (3,)]
    assert heard.said == [("WARNING", "01P01", MESSAGE)]


def test_each_execution_says_it_once(heard: Heard) -> None:
    text = "SELECT name FROM sales.orders.lines FOR VERSION AS OF '1.1.0' WHERE id = %s"
    for number, name in ((1, "a"), (2, "b")):
        found = heard.connection.execute(text, (number,), prepare=True).fetchall()
        assert found == [(name,)]
        assert heard.taken() == [MESSAGE]
    heard.connection.execute("SELECT * FROM sales.orders.lines").fetchall()
    heard.connection.execute("SHOW timezone").fetchall()
    heard.connection.execute("SELECT count(*) FROM pg_class").fetchall()
    assert heard.taken() == []


def test_a_cursor_says_it_with_its_first_rows(heard: Heard) -> None:
    with heard.connection.transaction(), heard.connection.cursor("c") as cursor:
        cursor.execute(OLD)
        assert cursor.fetchmany(1) == [(1,)]
        assert heard.taken() == [MESSAGE]
        assert cursor.fetchmany(2) == [(2,), (3,)]
        assert heard.taken() == []


def test_a_copy_says_it(heard: Heard) -> None:
    for kind in ("", " (FORMAT binary)"):
        with heard.connection.cursor().copy(f"COPY ({OLD}) TO STDOUT{kind}") as copy:
            assert b"".join(copy)
        assert heard.taken() == [MESSAGE]


def test_who_wants_errors_only_is_told_nothing_else(served: Served, heard: Heard) -> None:
    heard.connection.execute("SET client_min_messages TO error")
    assert len(heard.connection.execute(OLD).fetchall()) == 3
    assert heard.taken() == []
    heard.connection.execute("SET client_min_messages = warning")
    heard.connection.execute(OLD)
    assert heard.taken() == [MESSAGE]
    quiet = Heard(served, options="-c client_min_messages=error")
    quiet.connection.execute(OLD)
    assert quiet.taken() == []
    quiet.connection.close()


def test_nothing_is_told_of_what_is_below_lent_views(served: Served) -> None:
    stranger = Heard(served, STRANGER)
    assert len(stranger.connection.execute("SELECT * FROM views.all.lent").fetchall()) == 3
    assert not any("sales" in str(message) for message in stranger.taken())
    stranger.connection.close()


def test_what_is_retired_is_no_table(heard: Heard, served: Served) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable, match="is retired") as caught:
        heard.connection.execute("SELECT * FROM sales.orders.lines FOR VERSION AS OF '1.0.0'")
    assert caught.value.diag.message_hint == "read mesh://sales/orders/lines@2.0.0 instead"
    listed = "SELECT table_name FROM information_schema.tables WHERE table_name LIKE '%l%'"
    names = {name for (name,) in heard.connection.execute(listed)}
    assert {"lines", "lines@1.1.0", "old"} <= names
    assert not names & {"older", "oldest", "lines@1.0.0", "lines@3.0.0"}
    maker = Heard(served, MAKER)
    assert "lines@3.0.0" in {name for (name,) in maker.connection.execute(listed)}
    maker.connection.close()
