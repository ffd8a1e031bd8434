"""Several gateways on one mesh: a log for each, and one view over all of them."""

from __future__ import annotations

import json
import shutil
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.audit import AuditLog, AuditLogs, Filter
from gateway.audit.files import LOGS, log_numbers
from gateway.audit.verification import verify_log
from gateway.cli import main
from gateway.demo.server import ServerProcess
from gateway.errors import AuditBroken, AuditUnavailable
from gateway.flight.client import Client
from tests.audit.logs import database, decision
from tests.commands.governed import governed_mesh, meshgate

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
FOLDER = "state/audit"


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Decisions q0 to q5, by turns in log 1 and log 2."""
    with AuditLog.open_in(tmp_path, FOLDER) as first, AuditLog.open_in(tmp_path, FOLDER) as second:
        for number in range(6):
            log = (first, second)[number % 2]
            log.record(decision(number, time=NOON + timedelta(hours=number))).wait()
    return tmp_path


def test_the_first_free_log_is_used_again(tmp_path: Path) -> None:
    with AuditLog.open_in(tmp_path, FOLDER), AuditLog.open_in(tmp_path, FOLDER) as second:
        with AuditLog.open_in(tmp_path, FOLDER):
            assert log_numbers(tmp_path / FOLDER) == (1, 2, 3)
        second.close()
        with AuditLog.open_in(tmp_path, FOLDER) as again:
            again.record(decision(7)).wait()
    assert log_numbers(tmp_path / FOLDER) == (1, 2, 3)
    assert [verify_log(tmp_path / f"state/audit-{n}", None).records for n in (2, 3)] == [1, 0]


def test_there_is_an_end_to_it(tmp_path: Path) -> None:
    with ExitStack() as stack:
        for _ in LOGS:
            stack.enter_context(AuditLog.open_in(tmp_path, FOLDER))
        with pytest.raises(AuditUnavailable, match="16 gateways"):
            AuditLog.open_in(tmp_path, FOLDER)


def test_all_logs_are_read_as_one(two: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with AuditLogs(two / FOLDER) as logs:
        assert [(e.record.id, e.log) for e in logs.queries()] == [
            (f"q{n}", 1 + n % 2) for n in range(6)
        ]
        newest = logs.entries(Filter(), 3, newest_first=True)
        assert [e.record.id for e in newest] == ["q5", "q4", "q3"]
        since = logs.queries(NOON + timedelta(hours=4))
        assert [e.record.id for e in since] == ["q4", "q5"]
    assert main(["audit", "list", "--json", "--mesh", str(two)]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["id"], line["log"]) for line in lines[:2]] == [("q5", 2), ("q4", 1)]


def test_every_log_is_verified(two: Path, capsys: pytest.CaptureFixture[str]) -> None:
    verify = ["audit", "verify", "--mesh", str(two)]
    assert main(verify) == 0
    said = capsys.readouterr().out
    assert "log 1: 3 records, 1 to 3; seals checked" in said
    assert "log 2: 3 records, 1 to 3; seals checked" in said
    with database(two / "state/audit-2") as connection:
        connection.execute("UPDATE record SET body = replace(body, 'ana', 'eve') WHERE seq = 2")
    assert main(verify) == 1
    assert "log 2: broken: record 2" in capsys.readouterr().out


def test_a_log_that_is_gone_is_missed(two: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(two / FOLDER)
    assert main(["audit", "verify", "--mesh", str(two)]) == 1
    said = capsys.readouterr().out
    assert f"missing: {two / FOLDER} is gone" in said
    assert "log 2: 3 records" in said


def test_no_log_passes_for_another(two: Path) -> None:
    shutil.rmtree(two / FOLDER)
    (two / "state/audit-2").rename(two / FOLDER)
    assert main(["audit", "verify", "--mesh", str(two)]) == 1
    with pytest.raises(AuditBroken):
        AuditLog.open_in(two, FOLDER)


def test_a_lost_key_is_missed_by_whichever_log_is_left(two: Path) -> None:
    shutil.rmtree(two / FOLDER)
    (two / "state/audit.key").unlink()
    with pytest.raises(AuditBroken, match="is gone"):
        AuditLog.open_in(two, FOLDER)


def test_an_export_holds_all_logs_and_none_can_hide_in_another(
    two: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "all.jsonl"
    key = ["--key", str(two / "state/audit.key")]
    assert main(["audit", "export", "--mesh", str(two), "-o", str(file)]) == 0
    lines = file.read_text().splitlines()
    assert [json.loads(line)["body"]["id"] for line in lines] == [f"q{n}" for n in range(6)]
    assert main(["audit", "verify", str(file), *key]) == 0
    assert "log 2: 3 records, 1 to 3; seals checked" in capsys.readouterr().out
    # The end of log 1 under the name of a log that may begin anywhere: what is between is gone.
    first = [line for line in lines if line.startswith('{"log":1,')]
    file.write_text("\n".join([first[0], first[2].replace('"log":1', '"log":3', 1)]) + "\n")
    assert main(["audit", "verify", str(file), *key]) == 1
    file.write_text(lines[0].replace('"log":1', '"log":17', 1) + "\n")
    assert main(["audit", "verify", str(file), *key]) == 1


def test_two_gateways_serve_one_mesh(tmp_path: Path) -> None:
    mesh = governed_mesh(tmp_path)
    servers = [ServerProcess(mesh, "grpc://127.0.0.1:0", "") for _ in range(2)]
    try:
        for number, server in enumerate(servers):
            with Client(server.uri, "ana", "a") as client:
                text = f"SELECT id, {number} AS n FROM sales.orders.lines ORDER BY id"
                assert [row["id"] for row in client.query(text).to_pylist()] == [1, 3]
        listed = meshgate("audit", "list", "--json", "--mesh", mesh)
        records = [json.loads(line) for line in listed.stdout.splitlines()]
        assert {r["log"] for r in records if r["verdict"] == "allowed"} == {1, 2}
        assert records == sorted(records, key=lambda r: r["time"], reverse=True)
        verified = meshgate("audit", "verify", "--mesh", mesh)
        assert verified.returncode == 0, verified.stdout
        assert "log 2: " in verified.stdout
    finally:
        for server in servers:
            server.stop()
