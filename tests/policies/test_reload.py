"""Policies that follow their store: no change is missed, and nothing wrong ever counts."""

from __future__ import annotations

import itertools
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from policies import (
    Authoriser,
    Context,
    FolderStore,
    PolicyError,
    PolicyRows,
    Reloader,
    Snapshot,
    StoreError,
    Subject,
)
from policies.postgres_store import PostgresStore
from tests.policies.asking import PEOPLE, READ_ALL, allow, deny, may, rows
from tests.policies.test_postgres_store import ALLOW, DENY, execute, insert
from tests.services import postgres_database

NEVER = 3_600.0
"""An interval too long for the thread to look by itself."""


class Shelf:
    """A store in memory, to be changed between and during looks."""

    def __init__(self, content: PolicyRows) -> None:
        self.content: PolicyRows | Exception = content
        self.number = 0
        self.loads = 0
        self.unreachable: Exception | None = None
        self.while_loading: Callable[[], None] = lambda: None
        self.closed = False

    def put(self, content: PolicyRows | Exception) -> None:
        self.content = content
        self.number += 1

    def load(self) -> PolicyRows:
        self.loads += 1
        content = self.content
        self.while_loading()
        if isinstance(content, Exception):
            raise content
        return content

    def stamp(self) -> object:
        if self.unreachable is not None:
            raise self.unreachable
        return self.number

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(rows(READ_ALL))


@pytest.fixture
def policies(shelf: Shelf) -> Authoriser:
    return Authoriser(Snapshot(shelf.load()))


@pytest.fixture
def reloader(shelf: Shelf, policies: Authoriser) -> Iterator[Reloader]:
    made = Reloader(shelf, policies, NEVER)
    yield made
    made.close()
    assert shelf.closed


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_change_is_in_force_after_a_look(
    shelf: Shelf, policies: Authoriser, reloader: Reloader
) -> None:
    assert reloader.refresh() is False
    shelf.put(rows(READ_ALL, deny("user:alice")))
    assert may(policies)
    assert reloader.refresh() is True
    assert not may(policies)
    assert reloader.refresh() is False
    assert reloader.last_error is None


def test_rows_are_read_only_when_the_stamp_changes(shelf: Shelf, reloader: Reloader) -> None:
    reloader.refresh()
    loads = shelf.loads
    for _ in range(5):
        reloader.refresh()
    assert shelf.loads == loads


def test_equal_rows_keep_what_is_remembered(
    shelf: Shelf, policies: Authoriser, reloader: Reloader
) -> None:
    snapshot = policies.snapshot
    shelf.put(rows(READ_ALL))
    assert reloader.refresh() is False
    assert policies.snapshot is snapshot


def test_the_thread_looks_by_itself(shelf: Shelf, policies: Authoriser) -> None:
    reloader = Reloader(shelf, policies, 0.01)
    shelf.put(rows("g,user:x,y"))
    until(lambda: not may(policies))
    reloader.close()
    loads = shelf.loads
    shelf.put(rows(READ_ALL))
    time.sleep(0.05)
    assert shelf.loads == loads
    assert reloader.refresh() is False


def test_wrong_policies_leave_the_last_good_ones_in_force(
    shelf: Shelf, policies: Authoriser, caplog: pytest.LogCaptureFixture
) -> None:
    errors: list[Exception] = []
    reloader = Reloader(shelf, policies, NEVER, errors.append)
    shelf.put(PolicyError("a.csv", 7, "'Deny' is neither allow nor deny"))
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            assert reloader.refresh() is False
    assert may(policies)
    assert str(reloader.last_error) == "a.csv:7: 'Deny' is neither allow nor deny"
    assert errors == [reloader.last_error]
    assert [record.getMessage() for record in caplog.records] == [
        "the policies in force stay as they are: a.csv:7: 'Deny' is neither allow nor deny"
    ]
    loads = shelf.loads
    reloader.refresh()
    assert shelf.loads == loads  # wrong until it changes
    shelf.put(rows(deny("*")))
    assert reloader.refresh() is True
    assert reloader.last_error is None
    assert not may(policies)
    reloader.close()


def test_a_store_out_of_reach_is_tried_again(
    shelf: Shelf, policies: Authoriser, reloader: Reloader
) -> None:
    reloader.refresh()
    shelf.unreachable = StoreError("postgresql:policy", 0, "no connection")
    reloader.refresh()
    assert reloader.last_error is shelf.unreachable
    assert may(policies)
    shelf.unreachable = None
    reloader.refresh()
    assert reloader.last_error is None
    failing = StoreError("postgresql:policy", 0, "gone while reading")
    shelf.put(failing)
    reloader.refresh()
    assert reloader.last_error is failing
    shelf.content = rows(deny("*"))  # the same stamp as when it failed
    assert reloader.refresh() is True
    assert not may(policies)


def test_wrong_policies_are_still_wrong_after_the_store_was_away(
    shelf: Shelf, reloader: Reloader
) -> None:
    wrong = PolicyError("a.csv", 1, "wrong")
    shelf.put(wrong)
    reloader.refresh()
    shelf.unreachable = OSError("away")
    reloader.refresh()
    assert reloader.last_error is shelf.unreachable
    shelf.unreachable = None
    reloader.refresh()
    assert reloader.last_error is wrong


def test_a_change_during_a_look_is_found_by_the_next(
    shelf: Shelf, policies: Authoriser, reloader: Reloader
) -> None:
    shelf.put(rows(READ_ALL, allow("user:x")))
    shelf.while_loading = lambda: shelf.put(rows(deny("*")))
    reloader.refresh()
    shelf.while_loading = lambda: None
    assert may(policies)
    assert reloader.refresh() is True
    assert not may(policies)


def test_a_handler_that_fails_stops_nothing(shelf: Shelf, policies: Authoriser) -> None:
    def handler(error: Exception) -> None:
        raise RuntimeError(str(error))

    reloader = Reloader(shelf, policies, NEVER, handler)
    shelf.put(ValueError("whatever a store may raise"))
    assert reloader.refresh() is False
    shelf.put(rows(deny("*")))
    assert reloader.refresh() is True
    reloader.close()


def test_files_are_followed(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(f"{READ_ALL}\n")
    store = FolderStore(tmp_path, quiet_seconds=0.02)
    policies = Authoriser(Snapshot(store.load()))
    reloader = Reloader(store, policies, NEVER)
    file.write_text(f"{READ_ALL}\n{deny('user:alice')}\n")
    assert reloader.refresh() is True
    assert not may(policies)
    file.write_text(f"{READ_ALL}\np,user:alice,*,*,read,*,*,*,Deny\n")
    assert reloader.refresh() is False
    assert str(reloader.last_error).startswith("a.csv:2: ")
    assert not may(policies)
    file.write_text(f"# moved\n{READ_ALL}\n")
    assert reloader.refresh() is True
    assert may(policies)
    file.unlink()
    assert reloader.refresh() is True
    assert not may(policies, "user:bob")
    reloader.close()


def test_a_database_is_followed() -> None:
    with postgres_database() as uri:
        store = PostgresStore(uri)
        store.create()
        execute(uri, insert(*ALLOW))
        policies = Authoriser(Snapshot(store.load()))
        reloader = Reloader(store, policies, 0.02)
        assert may(policies)
        execute(uri, insert(*DENY))
        until(lambda: not may(policies))
        execute(uri, "DELETE FROM public.meshgate_policies WHERE id = 2")
        until(lambda: may(policies))
        execute(uri, insert("p", *DENY[1:-1], "Deny"))
        until(lambda: reloader.last_error is not None)
        assert may(policies)
        assert str(reloader.last_error).startswith("postgresql:policy:3: ")
        execute(uri, "TRUNCATE public.meshgate_policies")
        until(lambda: not may(policies))
        assert reloader.last_error is None
        reloader.close()


def test_eight_threads_decide_rightly_during_two_hundred_reloads(
    shelf: Shelf, policies: Authoriser, reloader: Reloader
) -> None:
    """Three policy sets with known answers, told apart by the version each decision carries."""
    base = [f"g,user:u{n},r{n % 5}" for n in range(50)] + ["g,r1,banned", "g,r2,masked"]
    common = [*base, READ_ALL, "p3,*,*,*,pii,*,hash,allow"]
    sets = [
        rows(*common, deny("banned")),
        rows(*common, "p2,masked,*,*,*,restrictive,no_vip,allow", deny("r3", tags="secret")),
        rows(*common, "p3,masked,*,*,pii,*,none,allow", deny("r4")),
    ]

    def answer(number: int, user: int) -> tuple[object, ...]:
        role = user % 5
        if (number, role) in {(0, 1), (2, 4)}:
            return (False, frozenset(), (), ())
        denied = frozenset({"ssn"} if (number, role) == (1, 3) else ())
        restrictive = ("no_vip",) if (number, role) == (1, 2) else ()
        if (number, role) == (2, 2):
            return (True, denied, restrictive, ())
        return (True, denied, restrictive, tuple((c, "hash") for c in PII if c not in denied))

    versions = {Snapshot(content).version: number for number, content in enumerate(sets)}
    policies.swap(Snapshot(sets[0]))
    stop = threading.Event()
    wrong: list[object] = []
    counts: list[int] = []

    def work(seed: int) -> None:
        rng = random.Random(seed)
        done = 0
        while not stop.is_set():
            user = rng.randrange(50)
            subject, context = Subject(f"user:u{user}"), Context(region=f"x{rng.randrange(3)}")
            got = policies.decide(subject, PEOPLE, "read", context)
            outcome = (got.allowed, got.denied_columns, got.restrictive, got.masks)
            if outcome != answer(versions[got.policy_version], user):
                wrong.append((user, got))
            done += 1
        counts.append(done)

    threads = [threading.Thread(target=work, args=(seed,), daemon=True) for seed in range(8)]
    for thread in threads:
        thread.start()
    swaps = 0
    try:
        for content in itertools.islice(itertools.cycle(sets), 1, 201):
            shelf.put(content)
            swaps += reloader.refresh()
    finally:  # threads left deciding would starve every test after this one
        stop.set()
    for thread in threads:
        thread.join(30)
    assert wrong == []
    assert swaps == 200
    assert len(counts) == 8
    assert min(counts) > 100


PII = ("email", "ssn")
