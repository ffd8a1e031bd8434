"""`meshgate quality`: what it prints, and with what it exits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.cli import main
from tests.quality.world import ROWS, mesh, sqlite

RULES = [
    {"metric": "rowCount", "mustBeLessThan": 8, "name": "few rows"},
    {"type": "text", "description": "seen"},
]
NULLS = {"name": [{"metric": "nullValues", "mustBe": 1}]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return mesh(tmp_path / "mesh", sqlite(tmp_path / "data"), RULES, NULLS)


def test_a_broken_rule_is_shown_and_the_exit_code_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["quality", "--mesh", str(folder), "check"]) == 1
    shown = capsys.readouterr().out
    for word in ("few rows", "must be less than 8", "fail", "nullValues(name)", "pass", "skipped"):
        assert word in shown
    sqlite(folder.parent / "data", ROWS[:7])
    assert main(["quality", "check", "--mesh", str(folder), "sales.orders.lines"]) == 0


def test_json_has_one_object_a_result(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["quality", "check", "--mesh", str(folder), "--json"])
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(r["rule"], r["value"], r["verdict"]) for r in found] == [
        ("few rows", 8, "fail"),
        ("text", None, "skipped"),
        ("nullValues(name)", 1, "pass"),
    ]
    assert found[2]["columns"] == ["name"]
    assert found[0]["dataset"] == "mesh://sales/orders/lines@1.2.0"
    assert found[0]["time"].endswith("+00:00")


def test_results_are_those_of_all_checks_the_newest_first(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["quality", "results", "--mesh", str(folder)])
    assert "nothing was checked yet" in capsys.readouterr().err
    main(["quality", "check", "--mesh", str(folder)])
    sqlite(folder.parent / "data", ROWS[:3])
    main(["quality", "check", "--mesh", str(folder)])
    capsys.readouterr()
    address = "mesh://sales/orders/lines"
    assert main(["quality", "results", "--mesh", str(folder), "--json", address]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [r["value"] for r in found if r["rule"] == "few rows"] == [3, 8]
    main(["quality", "results", "--mesh", str(folder), "--json", "--limit", "1"])
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_an_unknown_dataset_is_told_with_the_nearest(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["quality", "check", "--mesh", str(folder), "sales.orders.line"]) == 1
    assert "did you mean sales.orders.lines?" in capsys.readouterr().err


def test_a_mesh_without_rules_has_nothing_to_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = mesh(tmp_path / "mesh", sqlite(tmp_path / "data"))
    assert main(["quality", "check", "--mesh", str(folder)]) == 0
    assert "no contract has anything to check" in capsys.readouterr().err
