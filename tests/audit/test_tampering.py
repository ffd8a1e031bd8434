"""Whoever can write the files can not change what they say unnoticed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.audit import AuditLog
from gateway.audit.chain import Seals
from gateway.audit.database import SCHEMA
from gateway.audit.files import DATABASE, HEAD, PLACE, Head, HeadFile
from gateway.audit.verification import verify_log
from gateway.errors import AuditBroken
from tests.audit.logs import KEY, database, decision, fill


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Records 1 to 20."""
    fill(tmp_path / "audit", 10)
    return tmp_path / "audit"


def change_body(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE record SET body = replace(body, 'ana', 'eve') WHERE seq = 7")


def change_hash(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE record SET hash = ? WHERE seq = 7", ("0" * 64,))


def no_hash(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE record SET hash = 'none' WHERE seq = 7")


def binary_body(connection: sqlite3.Connection) -> None:
    connection.execute("DROP INDEX record_time")
    connection.execute("UPDATE record SET body = CAST(body AS BLOB) WHERE seq = 7")


def change_seal(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE record SET seal = ? WHERE seq = 7", ("0" * 64,))


def swap(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE record SET seq = -1 WHERE seq = 7")
    connection.execute("UPDATE record SET seq = 7 WHERE seq = 9")
    connection.execute("UPDATE record SET seq = 9 WHERE seq = -1")


def insert(connection: sqlite3.Connection) -> None:
    connection.execute("DROP TRIGGER record_datasets")
    for seq in range(20, 6, -1):
        connection.execute("UPDATE record SET seq = seq + 1 WHERE seq = ?", (seq,))
    connection.execute(
        "INSERT INTO record (seq, body, hash, seal)"
        " SELECT 7, body, hash, seal FROM record WHERE seq = 5"
    )


def another_body(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE record SET body = '{}' WHERE seq = 7")


CHANGES = [change_body, another_body, change_hash, no_hash, binary_body, change_seal, swap, insert]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_the_first_changed_record_is_named(
    folder: Path, change: Callable[[sqlite3.Connection], None]
) -> None:
    with database(folder) as connection:
        change(connection)
    found = verify_log(folder, KEY)
    assert found.broken == 7
    assert found.sealed


def test_a_body_torn_in_the_file_itself_is_named(folder: Path) -> None:
    content = (folder / DATABASE).read_bytes()
    assert content.count(b'"id":"q3","kind":"decision"') == 1
    (folder / DATABASE).write_bytes(content.replace(b'"id":"q3","kind":"decision"', b" " * 27))
    assert verify_log(folder, KEY).broken == 7


def rechain(connection: sqlite3.Connection, start: int, seal: Callable[[bytes], str]) -> str:
    """Compute the hashes anew, as somebody who has read the documentation would."""
    rows = connection.execute("SELECT seq, body, hash FROM record ORDER BY seq").fetchall()
    digest = bytes.fromhex(next((h for s, _, h in rows if s == start - 1), "00" * 32))
    for seq, body, _ in rows:
        if seq >= start:
            digest = hashlib.sha256(digest + body.encode()).digest()
            connection.execute(
                "UPDATE record SET hash = ?, seal = ? WHERE seq = ?",
                (digest.hex(), seal(digest), seq),
            )
    return digest.hex()


def test_computing_all_hashes_anew_does_not_help_without_the_key(folder: Path) -> None:
    with database(folder) as connection:
        change_body(connection)
        last = rechain(connection, 7, Seals.of(b"guess" * 8).record)
    assert verify_log(folder, KEY).broken == 7
    forged = HeadFile(folder, Seals.of(None))
    forged.write(Head(20, last))
    forged.write(Head(20, last))
    forged.close()
    found = verify_log(folder, KEY)
    assert found.broken == 7
    assert [p.kind for p in found.problems if p.seq == 0] == ["head"]


def test_without_a_key_the_hashes_alone_still_catch_a_plain_change(tmp_path: Path) -> None:
    fill(tmp_path, 5, key=None)
    assert verify_log(tmp_path, None).intact
    with database(tmp_path) as connection:
        change_body(connection)
    found = verify_log(tmp_path, None)
    assert (found.broken, found.sealed) == (7, False)


def test_removed_records_are_missing(folder: Path) -> None:
    with database(folder) as connection:
        connection.execute("DELETE FROM record WHERE seq IN (1, 7, 8)")
    found = verify_log(folder, KEY)
    texts = [p.text for p in found.problems if p.kind == "missing"]
    assert texts == ["records 1 to 1 are missing", "records 7 to 8 are missing"]
    assert found.broken is None


def test_a_cut_off_end_is_noticed_by_the_walk_and_by_the_next_gateway(folder: Path) -> None:
    with database(folder) as connection:
        connection.execute("DELETE FROM record WHERE seq > 17")
    (problem,) = (p for p in verify_log(folder, KEY).problems if p.kind == "truncated")
    assert problem.text == "records 18 to 20 were cut off"
    with pytest.raises(AuditBroken, match="does not hold its record 20"):
        AuditLog.open(folder, KEY)


def test_a_head_can_not_be_made_from_a_record(folder: Path) -> None:
    with database(folder) as connection:
        connection.execute("DELETE FROM record WHERE seq > 17")
        hash_, seal = connection.execute("SELECT hash, seal FROM record WHERE seq = 17").fetchone()
    text = json.dumps({"seq": 17, "hash": hash_, "seal": seal}).ljust(PLACE - 1) + "\n"
    (folder / HEAD).write_text(2 * text)
    assert not verify_log(folder, KEY).intact
    with pytest.raises(AuditBroken, match=r"audit\.head was changed"):
        AuditLog.open(folder, KEY)


@pytest.mark.parametrize("content", [None, "", "{}", "\x00" * 512])
def test_a_head_that_is_gone_or_nothing_is_noticed(folder: Path, content: str | None) -> None:
    (folder / HEAD).unlink()
    if content is not None:
        (folder / HEAD).write_text(content)
    assert [p.kind for p in verify_log(folder, KEY).problems] == ["head"]
    with pytest.raises(AuditBroken):
        AuditLog.open(folder, KEY)


def test_one_torn_place_of_the_head_does_no_harm(folder: Path) -> None:
    with AuditLog.open(folder, KEY) as log:
        log.record(decision(50)).wait()
    heads = (folder / HEAD).read_bytes()
    newest = max(range(2), key=lambda n: json.loads(heads[n * PLACE : (n + 1) * PLACE])["seq"])
    with (folder / HEAD).open("r+b") as file:
        file.seek(newest * PLACE + 30)
        file.write(b"#" * 40)
    assert verify_log(folder, KEY).intact
    AuditLog.open(folder, KEY).close()


def test_records_added_behind_the_head_are_checked_when_the_log_is_opened(folder: Path) -> None:
    with database(folder) as connection:
        connection.execute(
            "INSERT INTO record (seq, body, hash, seal)"
            " SELECT 21, body, hash, seal FROM record WHERE seq = 19"
        )
    with pytest.raises(AuditBroken, match="record 21"):
        AuditLog.open(folder, KEY)


def test_another_key_is_noticed(folder: Path) -> None:
    other = b"k" * 32
    assert verify_log(folder, other).broken == 1
    with pytest.raises(AuditBroken):
        AuditLog.open(folder, other)


def test_a_deleted_database_is_noticed(folder: Path) -> None:
    for file in folder.glob(f"{DATABASE}*"):
        file.unlink()
    with pytest.raises(AuditBroken, match="does not hold its record 20"):
        AuditLog.open(folder, KEY)


def test_the_table_of_datasets_can_not_hide_or_invent_a_use(folder: Path) -> None:
    with database(folder) as connection:
        connection.execute("DELETE FROM record_dataset WHERE seq = 5")
    assert [(p.kind, p.seq) for p in verify_log(folder, KEY).problems] == [("index", 5)]
    with database(folder) as connection:
        connection.execute(
            "INSERT INTO record_dataset VALUES ('mesh://sales/orders/lines@1.0.0', 5)"
        )
        connection.execute("INSERT INTO record_dataset VALUES ('mesh://hr/pay/roll@1.0.0', 6)")
    assert [(p.kind, p.seq) for p in verify_log(folder, KEY).problems] == [("index", 6)]


def test_overwritten_pages_are_a_problem_and_not_a_crash(tmp_path: Path, folder: Path) -> None:
    size = (folder / DATABASE).stat().st_size
    for start in range(4096, size, 4096):
        copy = tmp_path / f"copy{start}"
        shutil.copytree(folder, copy)
        with (copy / DATABASE).open("r+b") as file:
            file.seek(start)
            file.write(os.urandom(4096))
        assert not verify_log(copy, KEY).intact


def test_problems_are_counted_up_to_a_limit(tmp_path: Path) -> None:
    fill(tmp_path, 80)
    with database(tmp_path) as connection:
        connection.execute("UPDATE record SET body = replace(body, 'q', 'p')")
    found = verify_log(tmp_path, KEY)
    assert (found.broken, len(found.problems), found.records) == (1, 100, 160)


def test_the_schema_is_the_documented_one() -> None:
    documented = (Path(__file__).parents[2] / "docs" / "audit.md").read_text()
    for table in ("record", "record_dataset"):
        assert f"CREATE TABLE {table} (" in SCHEMA
        assert f"`{table}`" in documented
