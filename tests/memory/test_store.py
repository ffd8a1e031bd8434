"""The store: the same in a SQLite file and in a real PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gateway.errors import CatalogueError, MemoryUnavailable
from gateway.memory import schema
from gateway.memory.postgres_store import PostgresStore
from gateway.memory.schema import IDENTITY
from gateway.memory.store import DATABASE, Store, open_store
from tests.services import Postgres


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    closing = ExitStack()
    if request.param == "sqlite":
        opened = open_store(tmp_path)
    else:
        postgres: Postgres = request.getfixturevalue("postgres")
        opened = open_store(tmp_path, closing.enter_context(postgres.database()))
    with opened.writing() as transaction:
        transaction.execute(f"CREATE TABLE note (seq {IDENTITY}, word TEXT, size DOUBLE PRECISION)")
    yield opened
    opened.close()
    closing.close()


def add(store: Store, word: str) -> None:
    with store.writing() as transaction:
        transaction.execute("INSERT INTO note (word, size) VALUES (?, ?)", (word, 0.5))


def words(store: Store) -> list[str]:
    return [word for (word,) in store.rows("SELECT word FROM note ORDER BY seq")]


def test_a_transaction_is_kept_whole_or_not_at_all(store: Store) -> None:
    add(store, "first")
    with pytest.raises(KeyError), store.writing() as transaction:
        transaction.execute_many(
            "INSERT INTO note (word, size) VALUES (?, ?)", [("second", 1), ("third", 2)]
        )
        assert len(transaction.rows("SELECT * FROM note WHERE word LIKE '%r%'")) == 2
        raise KeyError
    assert words(store) == ["first"]


def test_reading_sees_one_state(store: Store) -> None:
    add(store, "first")
    with store.reading() as reading:
        assert reading.rows("SELECT count(*) FROM note") == [(1,)]
        add(store, "second")
        assert reading.rows("SELECT count(*) FROM note") == [(1,)]
    assert words(store) == ["first", "second"]


def test_writers_wait_for_each_other(store: Store) -> None:
    def increase() -> None:
        for _ in range(20):
            with store.writing() as transaction:
                (size,) = transaction.rows("SELECT max(size) FROM note")[0]
                transaction.execute("UPDATE note SET size = ?", (size + 1,))

    add(store, "counted")
    threads = [threading.Thread(target=increase) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.rows("SELECT size FROM note") == [(80.5,)]


def test_a_statement_that_fails_leaves_the_store_usable(store: Store) -> None:
    with pytest.raises(MemoryUnavailable), store.writing() as transaction:
        transaction.execute("INSERT INTO missing VALUES (1)")
    with pytest.raises(MemoryUnavailable):
        store.rows("SELECT * FROM missing")
    add(store, "later")
    assert words(store) == ["later"]


def test_numbers_are_never_given_twice(store: Store) -> None:
    add(store, "first")
    add(store, "second")
    with store.writing() as transaction:
        transaction.execute("DELETE FROM note WHERE word = 'second'")
    add(store, "third")
    assert store.rows("SELECT seq FROM note ORDER BY seq") == [(1,), (3,)]


def test_an_older_store_is_brought_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_store(tmp_path).close()
    more = (*schema.MIGRATIONS, ("CREATE TABLE added (word TEXT)",))
    monkeypatch.setattr("gateway.memory.store.MIGRATIONS", more)
    monkeypatch.setattr("gateway.memory.store.VERSION", len(more))
    for _ in range(2):
        opened = open_store(tmp_path)
        assert opened.rows("SELECT * FROM added") == []
        assert opened.rows("SELECT version FROM memory_version") == [(len(more),)]
        opened.close()


def test_a_newer_store_is_left_alone(tmp_path: Path) -> None:
    opened = open_store(tmp_path)
    with opened.writing() as transaction:
        transaction.execute("UPDATE memory_version SET version = version + 1")
    opened.close()
    with pytest.raises(MemoryUnavailable, match="it is of version"):
        open_store(tmp_path)


def test_a_damaged_file_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / DATABASE
    file.parent.mkdir(parents=True)
    file.write_bytes(b"this is no database" * 100)
    with pytest.raises(MemoryUnavailable, match=r"can not be (opened|used)"):
        open_store(tmp_path)


def test_only_postgresql_is_an_address(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="mysql"):
        open_store(tmp_path, "mysql://root:secret@host/db")


def test_an_unreachable_postgresql_is_an_error_without_its_password() -> None:
    with pytest.raises(MemoryUnavailable) as raised:
        PostgresStore("postgresql://reader:secret@127.0.0.1:1/none")
    assert "secret" not in str(raised.value)
