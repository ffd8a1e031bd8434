"""Rights that end while a client holds something: a cursor, a portal, a prepared statement."""

from __future__ import annotations

import shutil
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from gateway.identity.users import add_user, remove_user
from gateway.identity.watched import RELOAD_SECONDS
from tests.clients.postgres_wire.conftest import KEY
from tests.clients.postgres_wire.serving import ALICE, BOB, Served
from tests.clients.postgres_wire.test_wire_protocol import logged_in, message

pytestmark = pytest.mark.timeout(120)

SALES = "p,sales/reader,sales,mesh://sales/*/*,discover|read,*,*,*,allow\n"
MANY = "SELECT id FROM sales.shop.many"


class Changing(Served):
    """A served mesh whose policies and users the test changes."""

    def __init__(self, mesh: Path) -> None:
        super().__init__(mesh)
        self.mesh = mesh

    def policies(self, change: Callable[[str], str]) -> None:
        path = self.mesh / "policies" / "access.csv"
        path.write_text(change(path.read_text()))
        assert self.gateway.mesh._reloader is not None
        assert self.gateway.mesh._reloader.refresh()

    def identities(self, change: Callable[[Path], None]) -> None:
        change(self.mesh)
        time.sleep(RELOAD_SECONDS + 0.1)


@pytest.fixture
def changing(mesh: Path, tmp_path: Path) -> Iterator[Changing]:
    folder = tmp_path / "mesh"
    shutil.copytree(mesh, folder, ignore=shutil.ignore_patterns("state"))
    served = Changing(folder)
    yield served
    served.server.close()
    served.gateway.close()


def revoke(mesh: Path) -> None:
    (mesh / "revoked.toml").write_text('sub = ["user:bob"]\n')


def another_password(mesh: Path) -> None:
    add_user(mesh, BOB[0], ["sales/reader"], "another", replace=True)


CHANGES: dict[str, Callable[[Changing], None]] = {
    "read denied": lambda s: s.policies(lambda text: text.replace(SALES, "")),
    "a column denied": lambda s: s.policies(
        lambda text: text + "p,sales/reader,sales,mesh://sales/shop/many#id,read,*,*,*,deny\n"
    ),
    "role removed": lambda s: s.identities(
        lambda mesh: add_user(mesh, BOB[0], ["other/role"], BOB[1], replace=True)
    ),
    "user removed": lambda s: s.identities(lambda mesh: remove_user(mesh, BOB[0])),
    "user revoked": lambda s: s.identities(revoke),
    "password changed": lambda s: s.identities(another_password),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_cursor_gives_nothing_once_the_rights_are_gone(changing: Changing, change: str) -> None:
    with psycopg.connect(changing.dsn(BOB), autocommit=True) as connection:
        for name in ("read", "passed"):
            connection.execute(f"DECLARE {name} CURSOR WITH HOLD FOR {MANY}")
            assert len(connection.execute(f"FETCH 5 FROM {name}").fetchall()) == 5
        CHANGES[change](changing)
        for _ in range(2):  # nor does it look as if it had come to its end
            with pytest.raises(psycopg.Error):
                connection.execute("FETCH 5 FROM read")
            with pytest.raises(psycopg.Error):
                connection.execute("MOVE 5 FROM passed")
    assert changing.service.admission.wait_idle(10)


def test_a_change_of_policies_that_changes_nothing_for_it_ends_no_cursor(
    changing: Changing,
) -> None:
    with psycopg.connect(changing.dsn(BOB), autocommit=True) as connection:
        connection.execute(f"DECLARE c CURSOR WITH HOLD FOR {MANY}")
        connection.execute("FETCH 5 FROM c")
        changing.policies(lambda text: text + "p3,sales/reader,sales,*,pii,*,hash,allow\n")
        assert len(connection.execute("FETCH 5 FROM c").fetchall()) == 5  # nothing to it
        changing.policies(
            lambda text: text.replace(SALES, SALES.replace("sales/*/*", "sales/shop/many"))
        )
        assert len(connection.execute("FETCH 5 FROM c").fetchall()) == 5  # still its own


def test_a_suspended_portal_gives_nothing_once_the_rights_are_gone(changing: Changing) -> None:
    with logged_in(changing) as opened:  # as alice
        bound = message(b"P", b"\0" + MANY.encode() + b"\0\0\0") + message(b"B", b"p\0" + b"\0" * 7)
        more = message(b"E", b"p\0" + struct.pack("!i", 3)) + message(b"H", b"")
        opened.sendall(message(b"Q", b"BEGIN\0"))
        opened.recv(100)
        opened.sendall(bound + more)
        found = b""
        while not found.endswith(b"s\0\0\0\x04"):
            found += opened.recv(65_536)
        changing.policies(lambda text: text.replace("p,all/reader", "p,nobody/reader"))
        opened.sendall(more + message(b"S", b""))
        found = b""
        while not found.endswith(b"Z\0\0\0\x05E"):
            found += opened.recv(65_536)
        assert b"C42P01" in found
        assert not found.startswith(b"D")


def test_prepared_statements_are_of_the_rights_of_now(changing: Changing) -> None:
    with psycopg.connect(changing.dsn(BOB), autocommit=True) as connection:
        connection.execute(f"PREPARE p (bigint) AS {MANY} WHERE id < $1")
        for _ in range(3):
            assert len(connection.execute("EXECUTE p (3)").fetchall()) == 3
        changing.policies(lambda text: text.replace(SALES, ""))
        with pytest.raises(errors.UndefinedTable):
            connection.execute("EXECUTE p (3)")


def test_a_token_that_is_revoked_ends_a_cursor(changing: Changing) -> None:
    token = KEY.sign(groups=["analysts"], jti="one")
    with psycopg.connect(changing.dsn(("token", token)), autocommit=True) as connection:
        connection.execute(f"DECLARE c CURSOR WITH HOLD FOR {MANY}")
        assert len(connection.execute("FETCH 5 FROM c").fetchall()) == 5
        changing.identities(lambda mesh: (mesh / "revoked.toml").write_text('jti = ["one"]\n'))  # type: ignore[func-returns-value]
        with pytest.raises(errors.InvalidPassword):
            connection.execute("FETCH 5 FROM c")


def test_who_is_not_concerned_reads_on(changing: Changing) -> None:
    with psycopg.connect(changing.dsn(ALICE), autocommit=True) as connection:
        connection.execute(f"DECLARE c CURSOR WITH HOLD FOR {MANY}")
        connection.execute("FETCH 5 FROM c")
        CHANGES["read denied"](changing)
        assert connection.execute("FETCH 1 FROM c").fetchall() == [(5,)]
