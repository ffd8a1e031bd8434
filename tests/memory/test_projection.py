"""What an audit log says is in the store once, whatever happens in between."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.audit import AuditLog, DatasetUse, Outcome
from gateway.audit.files import key_file, log_folder, make_key
from gateway.audit.reader import AuditReader
from gateway.errors import AuditBroken, MemoryUnavailable
from gateway.memory import projection as module
from gateway.memory import usage
from gateway.memory.journals import Journals
from gateway.memory.projection import Projection
from gateway.memory.store import Store, Writing
from gateway.memory.usage import Span
from tests.audit.logs import LINES as USE
from tests.audit.logs import database
from tests.memory.journal import LINES, ask, everything, journal, take


def kinds(store: Store) -> list[tuple[str, str]]:
    return store.rows(
        "SELECT run.id, kind FROM lineage_event e JOIN run ON run.log = e.log"
        " AND run.seq = e.decision ORDER BY e.seq"
    )


def test_runs_usage_lineage_and_events(store: Store, tmp_path: Path) -> None:
    with journal(tmp_path / "audit") as log:
        ask(log, 1)
        ask(log, 2, Outcome("failed: TIMEOUT", 1, 8, 2.0))
        ask(log, 3, Outcome("cancelled"), purpose="billing")
        ask(log, 4, None, verdict="denied", code="ACCESS_DENIED", shape="")
    assert take(store, tmp_path / "audit") == 7
    runs = usage.runs(store).to_pylist()
    assert [(r["run"], r["verdict"], r["outcome"], r["rows"]) for r in runs] == [
        ("q4", "denied", "", 0),
        ("q3", "allowed", "cancelled", 0),
        ("q2", "allowed", "failed: TIMEOUT", 1),
        ("q1", "allowed", "completed", 3),
    ]
    first = runs[-1]
    assert (first["principal"], first["roles"], first["team"]) == (
        "user:ana",
        ["sales/analyst"],
        "sales",
    )
    assert (first["statement"], first["seconds"]) == ("SELECT ?", 0.5)
    read = usage.readings(store).to_pylist()[-1]
    assert (read["run"], read["dataset"], read["product"]) == ("q1", LINES, "sales/orders")
    assert read["columns"] == ["id", "email"]
    assert read["masks"] == [{"column": "email", "mask": "hash"}]
    assert read["row_filters"] == ["eu_only"]
    assert kinds(store)[:3] == [("q1", "START"), ("q2", "START"), ("q3", "START")]
    assert kinds(store)[3:] == [("q1", "COMPLETE"), ("q2", "FAIL"), ("q3", "ABORT")]
    edges = store.rows("SELECT output, dataset, field, subtype, masking, policy FROM lineage_edge")
    assert sorted(edges) == [
        ("", LINES, "region", "FILTER", 0, 1),
        ("id", LINES, "id", "IDENTITY", 0, 0),
        ("who", LINES, "email", "TRANSFORMATION", 1, 0),
    ]
    assert store.rows("SELECT runs, first_run, last_run FROM lineage_use") == [(3, "q1", "q3")]


def test_usage_by_caller_dataset_and_column(store: Store, tmp_path: Path) -> None:
    with journal(tmp_path / "audit") as log:
        for number in range(5):
            ask(log, number)
        ask(log, 5, Outcome("failed: TIMEOUT", 0, 0, 2.0), principal="user:bob", roles=("hr/x",))
        ask(log, 6, None, verdict="denied", datasets=(DatasetUse("hr.staff.salaries"),))
    take(store, tmp_path / "audit")
    (bob, ana) = sorted(usage.by_caller(store).to_pylist(), key=lambda r: r["team"])
    assert (ana["principal"], ana["runs"], ana["failed"], ana["denied"]) == ("user:ana", 5, 0, 1)
    assert (ana["rows"], ana["bytes"], ana["seconds"], ana["slowest_seconds"]) == (
        15,
        120,
        2.5,
        0.5,
    )
    assert (bob["team"], bob["runs"], bob["failed"], bob["slowest_seconds"]) == ("hr", 1, 1, 2.0)
    datasets = usage.by_dataset(store).to_pylist()
    assert {
        (r["principal"], r["product"], r["dataset"], r["runs"], r["denied"]) for r in datasets
    } == {
        ("user:ana", "sales/orders", LINES, 5, 0),
        ("user:bob", "sales/orders", LINES, 1, 0),
        ("user:ana", "", "hr.staff.salaries", 0, 1),
    }
    columns = usage.by_column(store).to_pylist()
    assert {(r["principal"], r["column"], r["mask"], r["runs"]) for r in columns} == {
        ("user:ana", "id", "", 5),
        ("user:ana", "email", "hash", 5),
        ("user:bob", "id", "", 1),
        ("user:bob", "email", "hash", 1),
    }
    now = datetime.now(UTC)
    later = Span(since=now + timedelta(hours=2))
    assert [t.num_rows for t in (usage.by_caller(store, later), usage.runs(store, later))] == [0, 0]
    around = Span(now - timedelta(hours=1), now + timedelta(hours=1))
    assert usage.runs(store, around).num_rows == 7
    assert usage.readings(store, around, limit=2).num_rows == 2


def test_an_outcome_may_come_batches_later(store: Store, tmp_path: Path) -> None:
    projection = Projection(store)
    with journal(tmp_path / "audit") as log:
        receipt = ask(log, 1, None)
        receipt.wait()
        take(store, tmp_path / "audit", projection)
        assert usage.runs(store)["outcome"].to_pylist() == [""]
        assert usage.by_caller(store).num_rows == 0
        log.outcome(receipt, Outcome("completed", 9, 72, 1.0))
        log.outcome(receipt, Outcome("failed: TIMEOUT", 9, 72, 1.0))  # the first word counts
        ask(log, 2).wait()
    take(store, tmp_path / "audit", projection)
    assert usage.runs(store)["outcome"].to_pylist() == ["completed", "completed"]
    assert usage.by_dataset(store)["rows"].to_pylist() == [12]
    assert sorted(kinds(store)) == [
        ("q1", "COMPLETE"),
        ("q1", "START"),
        ("q2", "COMPLETE"),
        ("q2", "START"),
    ]


@pytest.mark.parametrize("batch", [1, 3, 1000])
def test_batches_of_any_size_and_any_reader_make_the_same(
    tmp_path: Path, store: Store, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", batch)
    monkeypatch.setattr(module, "SLICE", 2)
    with journal(tmp_path / "audit") as log:
        for number in range(7):
            ask(log, number).wait()
    whole = take(store, tmp_path / "audit")
    assert whole == 14
    before = everything(store)
    assert take(store, tmp_path / "audit") == 0
    assert everything(store) == before
    assert len(before["run"]) == 7 and len(before["lineage_event"]) == 14
    assert usage.by_caller(store)["runs"].to_pylist() == [7]


def test_a_transaction_that_fails_is_done_again_whole(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with journal(tmp_path / "audit") as log:
        for number in range(4):
            ask(log, number)
    projection = Projection(store)
    failing = _Failing(store, 6)
    monkeypatch.setattr(projection, "_store", failing)
    for _ in range(30):
        try:
            take(store, tmp_path / "audit", projection)
            break
        except MemoryUnavailable:
            assert store.rows("SELECT count(*) FROM run") == [(0,)]
            failing.after += 1
    fresh = take(store, tmp_path / "audit")
    assert fresh == 0
    assert [len(rows) for rows in everything(store).values()] == [1, 4, 4, 1, 2, 1, 3, 1, 8, 1, 1]


class _Failing:
    """A store whose transactions fail after so many insertions."""

    def __init__(self, store: Store, after: int) -> None:
        self._store, self.after = store, after - 5
        self.shared = store.shared
        self.rows = store.rows

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        left = self.after
        with self._store.writing() as transaction:
            inserted = transaction.insert

            def insert(*arguments: object) -> None:
                nonlocal left
                left -= 1
                if left < 0:
                    raise MemoryUnavailable("the store is gone")
                inserted(*arguments)  # type: ignore[arg-type]

            transaction.insert = insert  # type: ignore[method-assign]
            yield transaction


def test_two_that_take_over_at_once_do_it_once(store: Store, tmp_path: Path) -> None:
    with journal(tmp_path / "audit") as log:
        for number in range(50):
            ask(log, number)
    failures: list[Exception] = []

    def work() -> None:
        try:
            take(store, tmp_path / "audit")
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert usage.by_caller(store)["runs"].to_pylist() == [50]
    assert len(kinds(store)) == 100


def test_a_query_decided_upon_twice_is_two_runs(store: Store, tmp_path: Path) -> None:
    projection = Projection(store)
    with journal(tmp_path / "audit") as log:
        ask(log, 1)
        ask(log, 1).wait()
        take(store, tmp_path / "audit", projection)
        ask(log, 1)
    take(store, tmp_path / "audit", projection)
    ids = [id_ for (id_,) in store.rows("SELECT id FROM run ORDER BY seq")]
    assert len(set(ids)) == 3 and ids[0] == "q1"
    assert len(kinds(store)) == 6


def test_a_log_that_was_changed_is_not_taken_over(store: Store, tmp_path: Path) -> None:
    with journal(tmp_path / "audit") as log:
        for number in range(3):
            ask(log, number)
    take(store, tmp_path / "audit")
    with database(tmp_path / "audit") as connection:
        connection.execute("UPDATE record SET hash = ? WHERE seq = 6", ("00" * 32,))
    with pytest.raises(AuditBroken, match="record 6"):
        take(store, tmp_path / "audit")
    with database(tmp_path / "audit") as connection:
        connection.execute("UPDATE record SET hash = ? WHERE seq = 1", ("00" * 32,))
        connection.execute("DELETE FROM record WHERE seq = 3")
    with pytest.raises(AuditBroken, match="missing"):
        take(store, tmp_path / "audit")


def test_versions_of_what_was_read(store: Store, tmp_path: Path) -> None:
    first = DatasetUse(LINES, ("id",), version="7")
    second = DatasetUse(LINES, ("id",), version="8")
    with journal(tmp_path / "audit") as log:
        ask(log, 1, datasets=(first,))
        ask(log, 2, datasets=(second, USE))
    take(store, tmp_path / "audit")
    read = usage.readings(store).to_pylist()
    assert [(r["run"], r["columns"], r["version"]) for r in read] == [
        ("q2", ["id"], "8"),
        ("q2", ["id", "email"], ""),
        ("q1", ["id"], "7"),
    ]
    assert store.rows("SELECT count(*) FROM reading") == [(2,)]


def test_logs_of_gateways_that_are_no_more(store: Store, tmp_path: Path) -> None:
    first = tmp_path / "audit"
    key = make_key(key_file(first))
    own = AuditLog.open(first, key)
    dead = AuditLog.open(log_folder(first, 2), key, 2)
    live = AuditLog.open(log_folder(first, 3), key, 3)
    ask(dead, 1)
    ask(dead, 2, None)  # whose gateway will never say how it ended
    dead.close()
    ask(live, 3, None).wait()
    ask(own, 4).wait()
    journals = Journals(store, first, first)
    journals.run(threading.Event())
    runs = {r["run"]: r["outcome"] for r in usage.runs(store).to_pylist()}
    assert runs["q1"] == "completed" and runs["q2"] == "abandoned" and "q3" not in runs
    assert {r for r in kinds(store) if r[0] == "q2"} == {("q2", "START"), ("q2", "ABORT")}
    with AuditReader(log_folder(first, 2), 2) as reader:
        outcomes = [e.outcome.outcome for e in reader.queries() if e.outcome]
    assert outcomes == ["completed", "abandoned"]
    assert usage.by_caller(store)["runs"].to_pylist() == [2]  # what was abandoned was no use
    live.close()
    own.close()


def test_a_shared_store_has_the_records_themselves(store: Store, tmp_path: Path) -> None:
    with journal(tmp_path / "audit") as log:
        ask(log, 1)
    take(store, tmp_path / "audit")
    with database(tmp_path / "audit") as connection:
        records = connection.execute("SELECT seq, body, hash, seal FROM record").fetchall()
    copies = store.rows("SELECT seq, body, hash, seal FROM audit_record ORDER BY seq")
    assert copies == (records if store.shared else [])


def test_texts_postgresql_can_not_keep(store: Store, tmp_path: Path) -> None:
    odd = 'a "b" \\u0000 \u2028 ü %s ? {identity}'
    with journal(tmp_path / "audit") as log:
        ask(log, 1, region=odd)
        ask(log, 2, region="nul \0 in it")
    take(store, tmp_path / "audit")
    found = usage.runs(store)["region"].to_pylist()
    assert found[1] == odd
    assert found[0] == "nul  in it"
