"""Events of the life cycle: one for each change, whoever sees it and whoever is killed."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from connectors.interface import Binding
from gateway.catalogue import events as life_cycle
from gateway.catalogue.events import broken_notices, events, note
from gateway.memory.store import Store, open_store
from gateway.model import Address, Dataset, Deprecation
from tests.services import Postgres

BINDING = Binding("memory", "memory:x", "x")
SCHEMA = pa.schema([("id", pa.int32()), ("name", pa.string())])


def dataset(name: str = "lines", version: str = "1.0.0", **changes: object) -> Dataset:
    made = Dataset(Address("sales", "orders", name, version), SCHEMA, BINDING)
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    closing = ExitStack()
    if request.param == "sqlite":
        opened = open_store(tmp_path)
    else:
        postgres: Postgres = request.getfixturevalue("postgres")
        opened = open_store(tmp_path, closing.enter_context(postgres.database()))
    yield opened
    opened.close()
    closing.close()


def seen(store: Store, *datasets: Dataset) -> list[tuple[str, str]]:
    """Look at a mesh; the events this brings, with the last part of their address."""
    before = max((event.number for event in events(store)), default=0)
    note(store, datasets, f"v{random.random()}")
    found = events(store, after=before)
    return [(event.address.rpartition("/")[2], event.kind) for event in found]


def test_a_life_is_told_event_by_event(store: Store) -> None:
    first = dataset()
    assert seen(store, first) == [("lines@1.0.0", "registered")]
    assert seen(store, first) == []
    second = dataset(version="1.1.0", status="draft")
    assert seen(store, first, second) == [("lines@1.1.0", "version_added")]
    second = replace(second, status="active")
    assert seen(store, first, second) == [("lines@1.1.0", "activated")]
    end = Deprecation("slow", "mesh://sales/orders/lines@1.1.0", "2027-01-31")
    old = replace(first, status="deprecated", deprecation=end)
    assert seen(store, old, second) == [("lines@1.0.0", "deprecated")]
    (event,) = events(store, first.address)[-1:]
    assert event.detail == {
        "from": "active",
        "to": "deprecated",
        "reason": "slow",
        "successor": "mesh://sales/orders/lines@1.1.0",
        "ends": "2027-01-31",
    }
    later = replace(old, deprecation=replace(end, ends="2028-01-31"))
    assert seen(store, later, second) == [("lines@1.0.0", "deprecation_changed")]
    gone = replace(later, status="retired")
    assert seen(store, gone, second) == [("lines@1.0.0", "retired")]
    assert seen(store, second) == [("lines@1.0.0", "removed")]
    assert seen(store, second) == []
    assert seen(store, first, second) == [
        ("lines@1.0.0", "version_added"),
        ("lines@1.0.0", "activated"),
    ]
    assert [e.kind for e in events(store, Address("sales", "orders", "lines", "1.1.0"))] == [
        "version_added",
        "activated",
    ]
    every = events(store)
    assert events(store, Address("sales", "orders", "lines")) == every
    assert events(store, limit=2, newest_first=True) == every[:-3:-1]
    assert events(store, after=every[2].number, limit=1) == [every[3]]


def test_what_breaks_readers_under_the_same_version_is_told_until_it_is_undone(
    store: Store,
) -> None:
    whole = dataset()
    less = replace(whole, schema=pa.schema([SCHEMA.field("id")]))
    seen(store, whole)
    assert seen(store, less) == [("lines@1.0.0", "broken_in_place")]
    (change,) = events(store)[-1].detail["changes"]
    assert (change["kind"], change["place"], change["effect"]) == (
        *("column_removed", "name", "breaking"),
    )
    (notice,) = broken_notices(store)
    assert (notice.dataset, notice.code) == (str(whole.address), "CONTRACT_CHANGED")
    assert "name" not in notice.message.split("its readers")[0]
    more = replace(less, schema=less.schema.append(pa.field("city", pa.string())))
    assert seen(store, more) == [("lines@1.0.0", "schema_changed")]
    assert broken_notices(store) == [notice]  # what was promised is still not there
    assert seen(store) == [("lines@1.0.0", "removed")]
    assert broken_notices(store) == []
    assert ("lines@1.0.0", "registered") not in seen(store, more)
    assert [n.dataset for n in broken_notices(store)] == [str(whole.address)]
    back = replace(whole, schema=SCHEMA.append(pa.field("city", pa.string())))
    assert seen(store, back) == [("lines@1.0.0", "schema_changed")]
    assert broken_notices(store) == []


def test_what_promises_nothing_can_not_be_broken(store: Store) -> None:
    makers = [
        dataset("early", "0.3.0"),
        dataset("next", "2.0.0-rc.1"),
        dataset("draft", status="draft"),
        dataset("gone", status="retired"),
    ]
    seen(store, *makers)
    less = [replace(d, schema=pa.schema([SCHEMA.field("id")])) for d in makers]
    assert {kind for _, kind in seen(store, *less)} == {"schema_changed"}
    assert broken_notices(store) == []


def test_words_are_no_change_of_the_schema(store: Store) -> None:
    seen(store, dataset())
    assert seen(store, dataset(title="Order lines")) == [("lines@1.0.0", "contract_changed")]


def test_a_catalogue_that_was_seen_last_is_not_looked_at_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert note(store, [dataset()], "one") == 1
    monkeypatch.setattr(life_cycle, "facts_of", None)
    assert note(store, [dataset()], "one") == 0


def test_facts_that_a_newer_gateway_knows_are_no_event(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen(store, dataset())
    facts = life_cycle.facts_of
    monkeypatch.setattr(life_cycle, "facts_of", lambda d: {**facts(d), "colour": "red"})
    assert seen(store, dataset()) == []


def changing(step: int) -> Sequence[Dataset]:
    """A mesh of 60 datasets after so many changes, of which each takes every dataset further."""
    statuses = ("draft", "active", "deprecated", "retired")
    made = [dataset(f"d{n}", status=statuses[min(step, 3)]) for n in range(60)]
    return made if step < 4 else []


STORY = ["registered", "activated", "deprecated", "retired", "removed"]


def test_gateways_of_one_store_tell_each_event_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(life_cycle, "BATCH", 7)
    for step in range(5):
        threads = [
            threading.Thread(target=note, args=(store, changing(step), f"v{step}"))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    found = events(store)
    assert Counter(e.kind for e in found) == dict.fromkeys(STORY, 60)
    for n in range(60):
        address = str(Address("sales", "orders", f"d{n}", "1.0.0"))
        assert [e.kind for e in found if e.address == address] == STORY


def _note_slowly(mesh: str, step: int) -> None:
    life_cycle.BATCH = 3
    opened = open_store(Path(mesh))
    note(opened, changing(step), f"v{step}")
    opened.close()


def test_a_gateway_that_is_killed_loses_and_doubles_nothing(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    context = multiprocessing.get_context("fork")
    chance, killed = random.Random(7), 0
    for step in range(5):
        for attempt in range(4):
            process = context.Process(target=_note_slowly, args=(str(tmp_path), step))
            process.start()
            if attempt < 3:
                time.sleep(chance.uniform(0.0, 0.06))
                assert process.pid is not None
                os.kill(process.pid, signal.SIGKILL)
            process.join()
            killed += process.exitcode == -signal.SIGKILL
    opened = open_store(tmp_path)
    assert Counter(e.kind for e in events(opened)) == dict.fromkeys(STORY, 60)
    opened.close()
    assert killed >= 5
