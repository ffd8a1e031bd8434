"""Shapes: texts that records name by their hash, kept once, and vouched for by the chain."""

from __future__ import annotations

import hashlib
import sqlite3
import time
from pathlib import Path

import pytest

from gateway.audit import AuditLog, AuditReader, Outcome
from gateway.audit.database import VERSION, shapes
from gateway.audit.verification import verify_log
from gateway.audit.writer import MAX_LATER
from gateway.errors import AuditUnavailable
from tests.audit.logs import KEY, database, decision, fill

TEXT = '{"made":"of this"}'
HASH = hashlib.sha256(TEXT.encode()).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "audit"


def outcomes(folder: Path) -> dict[str, str]:
    with AuditReader(folder) as reader:
        return {e.record.id: e.outcome.outcome if e.outcome else "" for e in reader.queries()}


def test_a_shape_is_kept_once_and_named_by_records(folder: Path) -> None:
    for _ in range(2):
        with AuditLog.open(folder, KEY) as log:
            for number in range(3):
                shape = log.shape(TEXT)
                log.record(decision(number, shape=shape)).wait()
                with database(folder) as connection:  # with the first that names it, or before
                    assert shapes(connection, {HASH, "none"}) == {HASH: TEXT}
    assert shape == HASH
    with AuditReader(folder) as reader:
        assert {e.record.shape for e in reader.queries()} == {HASH}
    with database(folder) as connection:
        assert connection.execute("SELECT count(*) FROM shape").fetchone() == (1,)
    assert verify_log(folder, KEY).intact


def test_a_shape_survives_a_commit_that_failed(folder: Path) -> None:
    with AuditLog.open(folder, KEY) as log, database(folder) as other:
        log.record(decision(0)).wait()
        other.execute("BEGIN IMMEDIATE")
        receipt = log.record(decision(1, shape=log.shape(TEXT)))
        with pytest.raises(AuditUnavailable):
            receipt.wait()
        other.rollback()
        for number in range(100):  # while it recovers
            receipt = log.record(decision(number + 2, shape=log.shape(TEXT)))
            try:
                receipt.wait()
                break
            except AuditUnavailable:
                time.sleep(0.05)
        assert shapes(other, {HASH}) == {HASH: TEXT}
    assert verify_log(folder, KEY).intact


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("DELETE FROM shape", "is gone"),
        ("UPDATE shape SET body = replace(body, 'this', 'that')", "is not what was written"),
        ("UPDATE shape SET hash = 'other'", "is gone"),
    ],
)
def test_a_shape_that_was_changed_or_taken_away_is_noticed(
    folder: Path, change: str, said: str
) -> None:
    with AuditLog.open(folder, KEY) as log:
        log.record(decision(0)).wait()
        log.record(decision(1, shape=log.shape(TEXT))).wait()
    assert verify_log(folder, KEY).intact
    with database(folder) as connection:
        connection.execute(change)
    found = verify_log(folder, KEY)
    assert any(p.kind == "shape" and said in p.text for p in found.problems)


def test_a_log_of_the_first_form_is_read_and_written_on(folder: Path) -> None:
    fill(folder, 2)
    with database(folder) as connection:
        connection.executescript(
            "DROP TABLE shape; DROP TABLE ended; PRAGMA user_version = 1; PRAGMA wal_checkpoint"
        )
    assert verify_log(folder, KEY).intact
    assert list(outcomes(folder).values()) == ["completed"] * 2
    with AuditLog.open(folder, KEY) as log:
        log.record(decision(9, shape=log.shape(TEXT))).wait()
    with database(folder) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert shapes(connection, {HASH}) == {HASH: TEXT}
    assert verify_log(folder, KEY).intact


def test_records_without_shape_and_version_are_read(folder: Path) -> None:
    fill(folder, 1)
    with AuditReader(folder) as reader:
        (entry,) = reader.queries()
    assert (entry.record.shape, entry.record.datasets[0].version) == ("", "")


def test_what_was_left_open_is_ended_once(folder: Path) -> None:
    with AuditLog.open(folder, KEY) as log:
        for number in range(6):
            receipt = log.record(decision(number, verdict="denied" if number == 5 else "allowed"))
            receipt.wait()
            if number < 2:
                log.outcome(receipt, Outcome("completed"))
    before = outcomes(folder)
    assert list(before.values()) == ["completed"] * 2 + [""] * 4
    for _ in range(3):
        AuditLog.open(folder, KEY).close()
        after = outcomes(folder)
        assert list(after.values()) == ["completed"] * 2 + ["abandoned"] * 3 + [""]
    with database(folder) as connection:
        assert connection.execute("SELECT count(*) FROM record").fetchone() == (6 + 2 + 3,)
    assert verify_log(folder, KEY).intact


def test_more_are_ended_than_are_put_off(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.audit.log.ENDED_AT_ONCE", 100)
    count = MAX_LATER + 150
    with AuditLog.open(folder, KEY) as log:
        for number in range(count):
            receipt = log.record(decision(number))
        receipt.wait()
    AuditLog.open(folder, KEY).close()
    assert set(outcomes(folder).values()) == {"abandoned"}
    assert len(outcomes(folder)) == count
    assert verify_log(folder, KEY).intact


def test_an_outcome_comes_after_its_decision_though_both_are_put_off(folder: Path) -> None:
    with AuditLog.open(folder, KEY) as log:
        for number in range(3 * MAX_LATER):
            receipt = log.record(decision(number), urgent=False)
            log.outcome(receipt, Outcome("completed", number))
    with database(folder) as connection:
        rows = connection.execute(
            "SELECT o.seq, d.seq FROM record o JOIN record d ON d.seq = o.decision"
        ).fetchall()
    assert len(rows) == 3 * MAX_LATER
    assert all(outcome > decided for outcome, decided in rows)
    assert set(outcomes(folder).values()) == {"completed"}
    assert verify_log(folder, KEY).intact


def test_a_record_that_can_not_be_written_down_does_not_stop_others(folder: Path) -> None:
    with AuditLog.open(folder, KEY) as log:
        bad = log.record(decision(1, datasets=(object(),)), urgent=False)
        log.outcome(bad, Outcome("completed"))
        with pytest.raises(AuditUnavailable):
            bad.wait()
        log.record(decision(2)).wait()
        assert bad.failed
    assert list(outcomes(folder)) == ["q2"]
    assert sqlite3.connect(folder / "audit.sqlite").execute(
        "SELECT count(*) FROM record"
    ).fetchone() == (1,)
