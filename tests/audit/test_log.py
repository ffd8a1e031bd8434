"""Recording: durable when acknowledged, in order, private, and refused when it can not be."""

from __future__ import annotations

import itertools
import sqlite3
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.audit import AuditLog, AuditReader, DatasetUse, Outcome, Record
from gateway.audit import writer as writer_module
from gateway.audit.files import DATABASE, HEAD, key_file, read_key
from gateway.audit.verification import verify_log
from gateway.errors import AuditBroken, AuditUnavailable
from tests.audit.logs import KEY, LINES, database, decision, fill


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "audit"


def test_what_is_recorded_is_read_back(folder: Path) -> None:
    made = datetime(2026, 1, 31, 12, 0, 0, 123, tzinfo=UTC)
    record = Record(
        id="q1",
        principal="user:ana",
        verdict="denied",
        roles=("sales/analyst", "b"),
        region="EU",
        purpose="billing",
        door="sql",
        action="read",
        text="SELECT 1 FROM nowhere",
        datasets=(LINES, DatasetUse("nowhere")),
        policy_version="v7",
        reason='no row allows "it"\nünïcode \x1b[31m',
        code="UNKNOWN_DATASET",
        time=made,
    )
    with AuditLog.open(folder, KEY) as log:
        log.record(record).wait()
    with AuditReader(folder) as reader:
        (entry,) = reader.queries()
    assert entry.seq == 1
    assert entry.outcome is None
    assert entry.record == Record(
        **{name: getattr(record, name) for name in Record.__slots__ if name != "text"},
        text="SELECT ? FROM nowhere",
    )


def test_an_acknowledged_record_is_there_for_another_connection(folder: Path) -> None:
    with AuditLog.open(folder, KEY) as log:
        receipt = log.record(decision(1))
        receipt.wait()
        with AuditReader(folder) as reader:
            assert [e.record.id for e in reader.queries()] == ["q1"]
        assert receipt.seq == 1


def test_an_outcome_belongs_to_its_decision_even_when_a_handle_is_executed_twice(
    folder: Path,
) -> None:
    with AuditLog.open(folder, KEY) as log:
        first, second = log.record(decision(1)), log.record(decision(1))
        log.outcome(second, Outcome("failed: SOURCE_TIMEOUT", 0, 0, 1.25))
        log.outcome(first, Outcome("completed", 7, 56, 0.000_001))
    with AuditReader(folder) as reader:
        outcomes = [entry.outcome for entry in reader.queries()]
    assert [(o.outcome, o.rows, o.bytes, o.seconds) for o in outcomes if o] == [
        ("completed", 7, 56, 0.000_001),
        ("failed: SOURCE_TIMEOUT", 0, 0, 1.25),
    ]


def test_many_threads_lose_nothing_and_outcomes_follow_their_decisions(folder: Path) -> None:
    def work(worker: int) -> None:
        for number in range(50):
            receipt = log.record(decision(1000 * worker + number))
            if number % 3:
                receipt.wait()
            log.outcome(receipt, Outcome("completed"))

    with AuditLog.open(folder, KEY) as log, ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    found = verify_log(folder, KEY)
    assert (found.intact, found.records) == (True, 800)
    with database(folder) as connection:
        pairs = connection.execute(
            "SELECT d.seq, o.seq, d.query, o.query"
            " FROM record d JOIN record o ON o.decision = d.seq"
        ).fetchall()
    assert len(pairs) == 400
    assert all(before < after and q == p for before, after, q, p in pairs)


def test_files_are_private(folder: Path) -> None:
    with AuditLog.open_in(folder.parent.parent, "state/audit") as log:
        log.record(decision(1)).wait()
        files = [*folder.iterdir(), key_file(folder)]
        assert {f.name for f in files} >= {DATABASE, f"{DATABASE}-wal", HEAD, "audit.key"}
        assert {stat.S_IMODE(f.stat().st_mode) for f in files} == {0o600}
        assert {stat.S_IMODE(f.stat().st_mode) for f in (folder, folder.parent)} == {0o700}


def test_the_key_is_made_once(tmp_path: Path) -> None:
    path = key_file(tmp_path / "state" / "audit")
    assert read_key(path) is None
    AuditLog.open_in(tmp_path, "state/audit").close()
    key = read_key(path)
    assert key is not None
    assert len(key) == 32
    AuditLog.open_in(tmp_path, "state/audit").close()
    assert read_key(path) == key


def test_a_lost_key_is_not_replaced(tmp_path: Path) -> None:
    AuditLog.open_in(tmp_path, "state/audit").close()
    key_file(tmp_path / "state" / "audit").unlink()
    with pytest.raises(AuditBroken, match="is gone"):
        AuditLog.open_in(tmp_path, "state/audit")


def test_a_key_file_without_a_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    key_file(tmp_path / "state" / "audit").write_text("secret\n")
    with pytest.raises(AuditBroken, match="64 hexadecimal digits"):
        AuditLog.open_in(tmp_path, "state/audit")


def test_the_second_gateway_on_a_folder_is_told(folder: Path) -> None:
    with (
        AuditLog.open(folder, KEY),
        pytest.raises(AuditUnavailable, match=r"another gateway \(process \d+\)"),
    ):
        AuditLog.open(folder, KEY)
    AuditLog.open(folder, KEY).close()


def test_the_log_goes_on_where_it_ended(folder: Path) -> None:
    fill(folder, 3)
    fill(folder, 2)
    found = verify_log(folder, KEY)
    assert (found.intact, found.records, found.last) == (True, 10, 10)


def test_nothing_is_acknowledged_while_the_database_is_locked_and_outcomes_are_not_lost(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.audit.database.BUSY_SECONDS", 0.05)
    with AuditLog.open(folder, KEY) as log:
        good = log.record(decision(1))
        good.wait()
        with database(folder) as connection:
            connection.execute("BEGIN IMMEDIATE")
            log.outcome(good, Outcome("completed", 5))
            refused = log.record(decision(2))
            with pytest.raises(AuditUnavailable, match="could not be recorded") as caught:
                refused.wait()
            assert caught.value.retryable
            connection.rollback()
        recorded(log, decision(3))
    with AuditReader(folder) as reader:
        entries = list(reader.queries())
    assert [e.record.id for e in entries] == ["q1", "q3"]
    assert entries[0].outcome is not None
    assert entries[0].outcome.rows == 5
    assert verify_log(folder, KEY).intact


def test_a_full_disk_refuses_decisions_until_there_is_room(folder: Path) -> None:
    with AuditLog.open(folder, KEY) as log:
        log.record(decision(1)).wait()
        pages = log._connection.execute("PRAGMA page_count").fetchone()[0]
        log._connection.execute(f"PRAGMA max_page_count = {pages}")  # SQLITE_FULL from here on
        receipts = [log.record(decision(n, reason="x" * 5000)) for n in range(2, 20)]
        with pytest.raises(AuditUnavailable):
            for receipt in receipts:
                receipt.wait()
        log._connection.execute("PRAGMA max_page_count = 1000000")
        recorded(log, decision(99))
    assert verify_log(folder, KEY).intact


def test_closing_says_so_when_outcomes_could_not_be_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.audit.database.BUSY_SECONDS", 0.05)
    log = AuditLog.open(folder, KEY)
    log._writer.drain_seconds = 0.3
    receipt = log.record(decision(1))
    receipt.wait()
    with database(folder) as connection:
        connection.execute("BEGIN IMMEDIATE")
        log.outcome(receipt, Outcome("completed"))
        with pytest.raises(AuditUnavailable, match="1 outcomes"):
            log.close()
        connection.rollback()


def test_a_closed_log_takes_nothing(folder: Path) -> None:
    log = AuditLog.open(folder, KEY)
    receipt = log.record(decision(1))
    log.close()
    log.close()
    receipt.wait()
    with pytest.raises(AuditUnavailable, match="closed"):
        log.record(decision(2)).wait()
    with pytest.raises(AuditUnavailable, match="closed"):
        log.outcome(receipt, Outcome("completed"))


def test_a_bug_in_writing_fails_closed_and_is_got_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with AuditLog.open(folder, KEY) as log:
        good = log.record(decision(1))
        good.wait()
        with monkeypatch.context() as patched:
            patched.setattr(writer_module, "append_statement", lambda _: 7)
            log.outcome(good, Outcome("completed"))
            with pytest.raises(AuditUnavailable):
                log.record(decision(2)).wait()
        recorded(log, decision(3))
    found = verify_log(folder, KEY)
    assert (found.intact, found.records) == (True, 3)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_dead_writer_fails_closed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Dead:
        def __getattr__(self, name: str) -> None:
            raise SystemExit

    log = AuditLog.open(folder, KEY)
    monkeypatch.setattr(log._writer, "_connection", Dead())
    first = log.record(decision(1))
    with pytest.raises(AuditUnavailable):
        first.wait()
    log._thread.join(10)
    with pytest.raises(AuditUnavailable):
        log.record(decision(2)).wait(0.1)
    with pytest.raises(AuditUnavailable):
        log.outcome(first, Outcome("completed"))


def recorded(log: AuditLog, record: Record) -> None:
    """Record it as soon as the log can be written again."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return log.record(record).wait()
        except AuditUnavailable:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_one_record_that_can_not_be_written_takes_no_other_with_it(folder: Path) -> None:
    with AuditLog.open(folder, KEY) as log:
        for number in range(2):  # the second time the statement is known already
            bad = log.record(decision(1, roles=(object(),)))
            good = log.record(decision(number))
            good.wait()
            with pytest.raises(AuditUnavailable, match="can not be recorded"):
                bad.wait()
    found = verify_log(folder, KEY)
    assert (found.intact, found.records) == (True, 2)


def test_waiting_has_an_end(folder: Path) -> None:
    with AuditLog.open(folder, KEY) as log, database(folder) as connection:
        connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(AuditUnavailable, match=r"within 0\.1 s"):
            log.record(decision(1)).wait(0.1)
        connection.rollback()


def test_what_nobody_waits_for_is_written_all_the_same(folder: Path) -> None:
    with AuditLog.open(folder, KEY) as log, AuditReader(folder) as reader:
        for number in range(3):  # also after the writer has dozed off
            receipt = log.record(decision(number))
            log.outcome(receipt, Outcome("completed"))
            deadline = time.monotonic() + 10
            while len([e for e in reader.queries() if e.outcome]) <= number:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            time.sleep(0.7)


def test_decisions_that_pile_up_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "MAX_PENDING", 5)
    with AuditLog.open(folder, KEY) as log, database(folder) as connection:
        connection.execute("BEGIN IMMEDIATE")
        receipts = [log.record(decision(n)) for n in range(6)]
        with pytest.raises(AuditUnavailable, match="too many"):
            receipts[-1].wait(0.05)
        connection.rollback()
        receipts[0].wait()
        log.record(decision(7)).wait()


def test_outcomes_that_pile_up_make_their_bringer_wait(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "MAX_OUTCOMES", 4)
    monkeypatch.setattr(writer_module, "MAX_LATER", 0)
    with AuditLog.open(folder, KEY) as log:
        receipt = log.record(decision(1))
        receipt.wait()
        with database(folder) as connection:
            connection.execute("BEGIN IMMEDIATE")
            brought = itertools.count(1)
            done = 0

            def bring() -> None:
                nonlocal done
                for _ in range(12):
                    log.outcome(receipt, Outcome("completed"))
                    done = next(brought)

            thread = threading.Thread(target=bring)
            thread.start()
            time.sleep(0.3)
            assert thread.is_alive()
            assert done == 4
            connection.rollback()
        thread.join(20)
        assert done == 12
    assert verify_log(folder, KEY).records == 13


def test_readers_do_not_block_the_writer(folder: Path) -> None:
    fill(folder, 20)
    with AuditLog.open(folder, KEY) as log, AuditReader(folder) as reader:
        cursor = reader._connection.execute("SELECT body FROM record")
        cursor.fetchone()  # a read transaction that stays open
        log.record(decision(50)).wait()
        assert verify_log(folder, KEY).intact
        assert cursor.fetchone()


def test_recording_does_not_wait_for_the_disk(folder: Path) -> None:
    with AuditLog.open(folder, KEY) as log, database(folder) as connection:
        connection.execute("BEGIN IMMEDIATE")  # nothing can be committed now
        record = decision(1)
        for _ in range(1000):
            log.record(record)
        connection.rollback()


def test_a_damaged_database_is_refused(folder: Path) -> None:
    fill(folder, 1)
    (folder / DATABASE).write_bytes(b"not a database at all" * 500)
    with pytest.raises(AuditBroken, match="damaged"):
        AuditLog.open(folder, KEY)


def test_a_log_of_a_later_form_is_refused(folder: Path) -> None:
    fill(folder, 1)
    with database(folder) as connection:
        connection.execute("PRAGMA user_version = 9")
    with pytest.raises(AuditBroken, match="form 9"):
        AuditLog.open(folder, KEY)
    with pytest.raises(AuditBroken, match="form 9"):
        AuditReader(folder)


def test_a_folder_that_can_not_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(AuditUnavailable, match="can not make the folder"):
        AuditLog.open(tmp_path / "state" / "audit", KEY)


def test_without_a_folder_there_is_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(AuditUnavailable, match="there is no audit log"):
        AuditReader(tmp_path)


def test_equal_statements_have_equal_fingerprints_and_no_key_no_guessing(tmp_path: Path) -> None:
    def fingerprints(name: str, key: bytes | None) -> list[str]:
        with AuditLog.open(tmp_path / name, key) as log:
            for number, text in enumerate(["SELECT 1", "SELECT 1", "SELECT 2"]):
                log.record(decision(number, text=text)).wait()
        with AuditReader(tmp_path / name) as reader:
            return [entry.fingerprint for entry in reader.queries()]

    first, same, other = fingerprints("a", KEY)
    assert first == same != other
    assert fingerprints("b", KEY)[0] == first
    assert fingerprints("c", b"k" * 32)[0] != first
    assert fingerprints("d", None)[0] != fingerprints("e", None)[0]


def test_the_database_uses_the_settings_durability_rests_on(folder: Path) -> None:
    with AuditLog.open(folder, KEY) as log:
        ask = log._connection.execute
        assert ask("PRAGMA journal_mode").fetchone() == ("wal",)
        assert ask("PRAGMA synchronous").fetchone() == (2,)
    assert sqlite3.threadsafety == 3
