"""Policies in a real PostgreSQL: every row comes back whole, and no change goes unseen."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import pytest

from policies import Authoriser, PolicyError, Snapshot, StoreError, open_store
from policies.postgres_store import PostgresStore
from tests.policies.asking import may, resource
from tests.services import postgres_database

ALLOW = ("p", "user:alice", "*", "*", "read", "*", "*", "*", "allow")
DENY = ("p", "user:alice", "*", "*", "read", "*", "*", "*", "deny")
TABLE = "public.meshgate_policies"


@pytest.fixture
def uri() -> Iterator[str]:
    with postgres_database() as database:
        yield database


@pytest.fixture
def store(uri: str) -> Iterator[PostgresStore]:
    made = PostgresStore(uri)
    made.create()
    yield made
    made.close()


def execute(uri: str, *statements: str) -> None:
    with adbc.connect(uri, autocommit=True) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def literal(values: tuple[str, ...]) -> str:
    return "ARRAY[" + ",".join("'" + value.replace("'", "''") + "'" for value in values) + "]"


def insert(*row: str) -> str:
    return f"INSERT INTO {TABLE} (ptype, columns) VALUES ('{row[0]}', {literal(row[1:])}::text[])"


def test_rows_come_back_whole_and_in_order(uri: str, store: PostgresStore) -> None:
    long = "|".join(f"tag-{n:04}" for n in range(300))  # H14
    written = [
        ALLOW,
        ("p", "user:bob", "*", "*", "read", "*", 'EU, West\'s "x"|{a}', long, "deny"),
        ("p2", "*", "*", "*", "*", "permissive", "eu_only", "allow", "until=2027-01-01"),
        ("p3", "*", "*", "*", "pii", "*", "hash", "allow"),
        ("g", "user:alice", "sales/analyst"),
        ("g2", "fraud", "security"),
    ]
    execute(uri, *(insert(*row) for row in written))
    rows = store.load().rows
    assert [(row.ptype, *row.columns) for row in rows] == [
        row[:8] if row[0] == "p2" else row for row in written
    ]
    assert [(row.file, row.line) for row in rows] == [("postgresql:policy", n) for n in range(1, 7)]
    assert rows[2].limited
    policies = Authoriser(Snapshot(store.load()))
    assert may(policies)
    assert not may(policies, "user:bob", resource(tags="tag-0299"))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (insert("p", *DENY[1:-1], "Deny"), "'Deny' is neither"),
        (insert("q", "x"), "unknown row type 'q'"),
        (insert("p", *DENY[1:-1]), "8 columns instead of 9"),
        (f"INSERT INTO {TABLE} (ptype, columns) VALUES ('g', ARRAY['user:a', NULL])", "NULL"),
        (f"INSERT INTO {TABLE} (ptype, columns) VALUES ('g', '{{}}')", "1 columns instead of 3"),
        (insert("g", "user:a", "b", "until=soon"), "is not an instant"),
    ],
)
def test_a_wrong_row_is_refused_with_its_id(
    uri: str, store: PostgresStore, row: str, reason: str
) -> None:
    execute(uri, insert(*ALLOW), row)
    with pytest.raises(PolicyError, match=r"postgresql:policy:2: ") as caught:
        store.load()
    assert reason in caught.value.reason
    assert not isinstance(caught.value, StoreError)


def test_every_change_is_seen(uri: str, store: PostgresStore) -> None:
    seen = [store.stamp()]
    assert store.stamp() == seen[0]
    for change in (
        insert(*ALLOW),
        insert(*DENY),
        f"UPDATE {TABLE} SET columns[8] = 'allow' WHERE id = 2",
        f"DELETE FROM {TABLE} WHERE id = 1",
        # As many rows as before, and no greater id.
        f"INSERT INTO {TABLE} (id, ptype, columns) OVERRIDING SYSTEM VALUE"
        f" VALUES (1, 'p', {literal(DENY[1:])}::text[])",
        f"TRUNCATE {TABLE}",
        f"COPY {TABLE} (ptype, columns) FROM PROGRAM 'printf \"g\\t{{user:a,b}}\\n\"'",
        "SET session_replication_role = replica",
        f"DROP TABLE {TABLE}",
    ):
        if change.startswith("SET"):
            execute(uri, change, insert(*DENY))
        else:
            execute(uri, change)
        if change.startswith("DROP"):
            with pytest.raises(StoreError):
                store.stamp()
            store.create()
        seen.append(store.stamp())
    assert len(set(map(str, seen))) == len(seen)


def test_a_change_counts_when_it_is_committed(uri: str, store: PostgresStore) -> None:
    before = store.stamp()
    with adbc.connect(uri) as connection:
        with connection.cursor() as cursor:
            cursor.execute(insert(*ALLOW))
        assert store.stamp() == before
        assert store.load().rows == ()
        connection.commit()
    assert store.stamp() != before
    assert len(store.load().rows) == 1
    after = store.stamp()
    with adbc.connect(uri) as connection:
        with connection.cursor() as cursor:
            cursor.execute(insert(*DENY))
        connection.rollback()
    assert store.stamp() == after


@pytest.mark.parametrize(
    "harm",
    [
        f"ALTER TABLE {TABLE} DISABLE TRIGGER meshgate_policies_changed",
        f"ALTER TABLE {TABLE} ENABLE TRIGGER meshgate_policies_changed",
        f"DROP TRIGGER meshgate_policies_changed ON {TABLE}",
        "DELETE FROM public.meshgate_policies_version",
    ],
)
def test_without_the_count_of_changes_there_is_no_stamp(
    uri: str, store: PostgresStore, harm: str
) -> None:
    execute(uri, insert(*ALLOW), harm)
    with pytest.raises(StoreError):
        store.stamp()
    store.create()
    assert store.stamp()
    assert len(store.load().rows) == 1


def test_creating_it_twice_and_at_once_changes_nothing(uri: str, store: PostgresStore) -> None:
    execute(uri, insert(*ALLOW))
    stamp, failures = store.stamp(), []

    def create() -> None:
        other = PostgresStore(uri)
        try:
            other.create()
        except PolicyError as error:
            failures.append(error)
        finally:
            other.close()

    threads = [threading.Thread(target=create) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert store.stamp() == stamp


def test_a_mesh_can_name_the_store(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLICY_DATABASE", uri)
    execute(uri, "CREATE SCHEMA governance")
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "store.toml").write_text(
        "[postgres]\nuri = '${POLICY_DATABASE}'\nschema = 'governance'\ncreate = true\n"
    )
    store = open_store(tmp_path)
    execute(uri, insert(*ALLOW).replace("public.", "governance."))
    assert len(store.load().rows) == 1
    store.close()


def test_a_lost_connection_is_made_again(uri: str, store: PostgresStore) -> None:
    execute(uri, insert(*ALLOW))
    stamp = store.stamp()
    execute(
        uri,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'meshgate' AND datname = current_database()",
    )
    with pytest.raises(StoreError):
        store.stamp()
    assert store.stamp() == stamp


def test_errors_tell_no_password(uri: str) -> None:
    password = uri.split(":")[2].split("@")[0]
    for broken in (
        uri.replace(uri.split("@")[1].split("/")[0], "127.0.0.1:1"),
        uri.replace(uri.rsplit("/", 1)[1], "no_such_database"),
        uri,  # no table
    ):
        with pytest.raises(StoreError) as caught:
            PostgresStore(broken).load()
        text = str(caught.value)
        assert password not in text
        assert "\n" not in text
        chain: Any = caught.value.__cause__
        assert chain is None
