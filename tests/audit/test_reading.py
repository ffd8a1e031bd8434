"""Listing, filtering and exporting, and the command that does it."""

from __future__ import annotations

import csv
import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from gateway.audit import AuditLog, AuditReader, DatasetUse, Filter, Outcome
from gateway.audit.export import SCHEMA
from gateway.audit.files import DATABASE
from gateway.catalogue.catalogue import Catalogue
from gateway.cli import main
from tests.audit.logs import KEY, LINES, database, decision

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    """Four decisions, one a day; the third is denied, the last one runs."""
    pay = DatasetUse("mesh://hr/pay/roll@2.0.0", ("id",))
    older = DatasetUse("mesh://sales/orders/lines@0.9.0")
    records = [
        decision(1, time=NOON, purpose="billing", text="SELECT id FROM x WHERE a = 'secret'"),
        decision(2, time=NOON + timedelta(days=1), principal="user:omar", datasets=(older, pay)),
        decision(
            3,
            time=NOON + timedelta(days=2),
            verdict="denied",
            code="UNKNOWN_DATASET",
            reason="no\x1b[31m such\ndataset",
            text="SELECT 'secret' FROM \"\x1b[31mnowhere\"",
            datasets=(DatasetUse("=nowhere\x1b[31m"),),
        ),
        decision(4, time=NOON + timedelta(days=3), datasets=(LINES, LINES)),
    ]
    for record in records:  # an outcome may be written after the next decision, unless that waits
        with AuditLog.open_in(tmp_path, "state/audit") as log:
            receipt = log.record(record)
            receipt.wait()
            if record.id in ("q1", "q2"):
                log.outcome(receipt, Outcome("completed", 3, 24, 0.5, record.time))
    return tmp_path


@pytest.mark.parametrize(
    ("which", "found"),
    [
        (Filter(), [1, 2, 3, 4]),
        (Filter(since=NOON + timedelta(days=1)), [2, 3, 4]),
        (Filter(principal="user:omar"), [2]),
        (Filter(verdict="denied"), [3]),
        (Filter(dataset="mesh://sales/orders/lines"), [1, 2, 4]),
        (Filter(dataset="mesh://sales/orders/lines@1.0.0"), [1, 4]),
        (Filter(dataset="mesh://sales/orders/line"), []),
        (Filter(dataset="=nowhere\x1b[31m"), [3]),
        (Filter(principal="user:ana", verdict="allowed", since=NOON + timedelta(hours=1)), [4]),
        (Filter(principal="' OR 1=1 --"), []),
    ],
)
def test_filters(mesh: Path, which: Filter, found: list[int]) -> None:
    with AuditReader(mesh / "state/audit") as reader:
        assert [e.record.id for e in reader.entries(which)] == [f"q{n}" for n in found]
        newest = [e.record.id for e in reader.entries(which, 2, newest_first=True)]
    assert newest == [f"q{n}" for n in reversed(found)][:2]


def test_filters_use_the_indexes(mesh: Path) -> None:
    plans = {}
    with database(mesh / "state/audit") as connection:
        for which in (Filter(since=NOON), Filter(principal="a"), Filter(dataset="b")):
            condition, values = which.sql()
            rows = connection.execute(
                f"EXPLAIN QUERY PLAN SELECT body FROM record WHERE {condition}", values
            )
            plans[condition] = " ".join(row[3] for row in rows)
    assert all("SEARCH record" in plan for plan in plans.values()), plans


def test_long_logs_are_read_page_by_page(tmp_path: Path) -> None:
    with AuditLog.open(tmp_path, KEY) as log:
        receipts = [log.record(decision(n)) for n in range(1234)]
        receipts[-1].wait()
    with AuditReader(tmp_path) as reader:
        assert [e.record.id for e in reader.queries()] == [f"q{n}" for n in range(1234)]
        newest = reader.entries(Filter(), 700, newest_first=True)
        assert [e.seq for e in newest] == list(range(1234, 534, -1))


def test_list_is_for_people(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "list", "--mesh", str(mesh)]) == 0
    shown = capsys.readouterr().out
    assert shown.index("2026-02-03") < shown.index("2026-01-31")
    assert "UNKNOWN_DATASET" in shown
    assert "reason" in shown
    assert "secret" not in shown
    assert "\x1b" not in shown


def test_list_leaves_out_what_is_empty(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "list", "--mesh", str(mesh), "--principal", "user:omar"]) == 0
    shown = capsys.readouterr().out
    assert "outcome" in shown
    assert "reason" not in shown
    assert "purpose" not in shown


def test_list_as_json_is_whole(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["audit", "list", "--mesh", str(mesh), "--json"]
    assert main([*command, "--dataset", "sales.orders.lines", "--limit", "2"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["id"] for line in lines] == ["q4", "q2"]
    assert lines[1]["outcome"]["rows"] == 3
    assert lines[0]["datasets"][0]["masks"] == [["email", "hash"]]
    assert main([*command, "--since", "2026-02-02", "--verdict", "denied"]) == 0
    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert line["statement"] == 'SELECT ? FROM "?"'
    assert line["reason"] == "no\x1b[31m such\ndataset"


def test_since_is_a_span_or_a_time(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "list", "--mesh", str(mesh), "--json", "--since", "1d"]) == 0
    with pytest.raises(SystemExit):
        main(["audit", "list", "--mesh", str(mesh), "--since", "yesterday"])
    assert "neither 7d nor" in capsys.readouterr().err


def test_verify_says_intact_or_what_is_wrong(
    mesh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "verify", "--mesh", str(mesh)]) == 0
    said = capsys.readouterr().out
    assert "6 records, 1 to 6; seals checked" in said
    assert said.endswith("intact\n")
    with database(mesh / "state/audit") as connection:
        connection.execute("UPDATE record SET body = replace(body, 'omar', 'eve') WHERE seq = 3")
    assert main(["audit", "verify", "--mesh", str(mesh)]) == 1
    assert "broken: record 3" in capsys.readouterr().out


def test_an_export_is_verified_without_the_log(
    mesh: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, part = tmp_path / "whole.jsonl", tmp_path / "part.jsonl"
    export = ["audit", "export", "--mesh", str(mesh), "-o"]
    assert main([*export, str(whole)]) == 0
    assert main([*export, str(part), "--since", "2026-02-01"]) == 0
    assert [len(f.read_text().splitlines()) for f in (whole, part)] == [6, 4]
    key = ["--key", str(mesh / "state/audit.key")]
    for file in (whole, part):
        assert main(["audit", "verify", str(file), *key]) == 0
        assert "seals checked" in capsys.readouterr().out
        assert main(["audit", "verify", str(file), "--mesh", str(tmp_path / "none")]) == 0
        assert "seals not" in capsys.readouterr().out
    lines = whole.read_text().splitlines()
    changed = {
        "body": [*lines[:2], lines[2].replace("omar", "eve"), *lines[3:]],
        "order": [lines[1], lines[0], *lines[2:]],
        "gap": [*lines[:2], *lines[3:]],
        "twice": [*lines[:2], lines[1], *lines[2:]],
        "start": [lines[0].replace("0" * 64, "1" * 64), *lines[1:]],
        "seal": [*lines[:-1], lines[-1].replace('"seal":"', '"seal":"0', 1)],
    }
    for name, content in changed.items():
        whole.write_text("\n".join(content) + "\n")
        assert main(["audit", "verify", str(whole), *key]) == 1, name
    whole.write_text("hello\n")
    assert main(["audit", "verify", str(whole)]) == 1
    assert "line 1 is not a line of an audit export" in capsys.readouterr().err


def test_an_export_is_verified_as_documented_without_our_code(mesh: Path, tmp_path: Path) -> None:
    file = tmp_path / "e.jsonl"
    assert main(["audit", "export", "--mesh", str(mesh), "-o", str(file)]) == 0
    previous = bytes(32)
    for line in file.read_text("utf-8").splitlines():
        row = json.loads(line)
        body = json.dumps(row["body"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert bytes.fromhex(row["previous"]) == previous
        previous = hashlib.sha256(previous + body.encode()).digest()
        assert row["hash"] == previous.hex()


def test_parquet_and_csv_have_the_same_columns(mesh: Path, tmp_path: Path) -> None:
    for kind in ("parquet", "csv"):
        output = str(tmp_path / kind)
        assert main(["audit", "export", "--mesh", str(mesh), "--format", kind, "-o", output]) == 0
    table = pq.read_table(tmp_path / "parquet")
    assert table.schema.equals(SCHEMA)
    rows = table.to_pylist()
    assert rows[0]["datasets"][0]["masks"] == [{"column": "email", "mask": "hash"}]
    assert rows[1]["decision"] == 1
    assert rows[1]["rows"] == 3
    assert json.loads(rows[0]["body"])["id"] == "q1"
    with (tmp_path / "csv").open(newline="") as file:
        texts = list(csv.DictReader(file))
    assert list(texts[0]) == SCHEMA.names
    assert [t["hash"] for t in texts] == [r["hash"] for r in rows]
    assert json.loads(texts[0]["datasets"])[0]["address"] == LINES.address
    assert (tmp_path / "csv").stat().st_mode & 0o777 == 0o600


def test_a_spreadsheet_sees_no_formula(tmp_path: Path) -> None:
    with AuditLog.open_in(tmp_path, "state/audit") as log:
        log.record(decision(1, purpose="=cmd|' /C calc'!A0")).wait()
    output = str(tmp_path / "e.csv")
    command = ["audit", "export", "--mesh", str(tmp_path), "--format", "csv", "-o", output]
    assert main(command) == 0
    with Path(output).open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["purpose"] == "'=cmd|' /C calc'!A0"


def test_an_export_of_a_broken_log_is_an_error_and_leaves_no_file(
    mesh: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with database(mesh / "state/audit") as connection:
        connection.execute("UPDATE record SET body = '{}' WHERE seq = 2")
    output = tmp_path / "out"
    output.mkdir()
    command = ["audit", "export", "--mesh", str(mesh), "--format", "parquet"]
    assert main([*command, "-o", str(output / "e")]) == 1
    assert "AUDIT_BROKEN" in capsys.readouterr().err
    assert not list(output.iterdir())
    assert main([*command, "-o", str(tmp_path / "none" / "e")]) == 1


def test_without_a_log_the_command_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for action in (["list"], ["verify"], ["export", "-o", str(tmp_path / "e")]):
        assert main(["audit", *action, "--mesh", str(tmp_path)]) == 1
        assert "there is no audit log" in capsys.readouterr().err


def test_reading_works_while_the_log_is_written(
    mesh: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with AuditLog.open_in(mesh, "state/audit") as log:
        log.record(decision(9)).wait()
        assert main(["audit", "list", "--mesh", str(mesh), "--json", "--limit", "1"]) == 0
        assert json.loads(capsys.readouterr().out)["id"] == "q9"
        assert main(["audit", "verify", "--mesh", str(mesh)]) == 0


def test_the_catalogue_does_not_mind_the_folder(mesh: Path) -> None:
    assert (mesh / "state/audit" / DATABASE).exists()
    assert Catalogue.load(mesh).datasets == ()
