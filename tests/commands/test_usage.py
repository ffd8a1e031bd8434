"""`meshgate usage`: sums of what was asked, as a table and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.audit import AuditLog, DatasetUse, Outcome
from gateway.cli import main
from gateway.memory.store import open_store
from tests.memory.journal import LINES, ask, take


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    with AuditLog.open_in(tmp_path, "state/audit") as log:
        for number in range(3):
            ask(log, number, Outcome("completed", 10, 80, 0.5), purpose="billing")
        ask(log, 3, Outcome("failed: TIMEOUT", 0, 0, 2.0), principal="user:bob", roles=("hr/x",))
        ask(log, 4, None, verdict="denied", datasets=(DatasetUse("hr.staff.salaries"),))
    store = open_store(tmp_path)
    take(store, tmp_path / "state" / "audit")
    store.close()
    return tmp_path


def found(mesh: Path, capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, object]]:
    assert main(["usage", "--mesh", str(mesh), "--json", *words]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    ("by", "runs"),
    [
        ("team", {("sales",): 3, ("hr",): 1}),
        ("principal", {("user:ana",): 3, ("user:bob",): 1}),
        ("purpose", {("billing",): 3, ("",): 1}),
        ("product", {("sales/orders",): 4, ("",): 0}),
        ("dataset", {(LINES,): 4, ("hr.staff.salaries",): 0}),
        ("column", {(LINES, "email"): 4, (LINES, "id"): 4}),
    ],
)
def test_sums(
    mesh: Path, capsys: pytest.CaptureFixture[str], by: str, runs: dict[tuple[str, ...], int]
) -> None:
    rows = found(mesh, capsys, "--by", by)
    keys = ("dataset", "column") if by == "column" else (by,)
    assert {tuple(row[key] for key in keys): row["runs"] for row in rows} == runs
    assert [row["runs"] for row in rows] == sorted(runs.values(), reverse=True)


def test_what_is_summed(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (first, second) = found(mesh, capsys, "--by", "dataset")
    assert first == {
        "dataset": LINES,
        "runs": 4,
        "failed": 1,
        "denied": 0,
        "rows": 30,
        "bytes": 240,
        "mean_seconds": 0.875,
        "slowest_seconds": 2.0,
    }
    assert (second["runs"], second["denied"]) == (0, 1)
    assert found(mesh, capsys, "--since", "2999-01-01") == []
    assert len(found(mesh, capsys, "--limit", "1")) == 1


def test_a_table_for_people(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["usage", "--mesh", str(mesh), "--by", "team"]) == 0
    said = capsys.readouterr().out
    assert "sales" in said and "2 rows" in said


def test_a_mesh_nobody_has_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["usage", "--mesh", str(tmp_path)]) == 1
    assert "nothing is remembered" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
