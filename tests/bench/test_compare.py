"""`python -m bench compare`: what counts as worse."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.__main__ import main
from bench.compare import changes
from bench.model import GATEWAY, PEER, Report, Series, SeriesResult, Target, Withdrawn
from bench.runner import measure


def report(unit: str, gateway: float, peer: float | None = None) -> Report:
    samples = {GATEWAY: (gateway,)} | ({} if peer is None else {PEER: (peer,)})
    result = SeriesResult("case", "what", unit, samples, Target(2))
    return Report({}, {}, False, (result,))


def slowdown(old: Report, new: Report) -> float:
    (change,) = changes(old, new)
    return change.slowdown


def test_more_milliseconds_are_worse() -> None:
    assert slowdown(report("ms", 10), report("ms", 20)) == 2


def test_fewer_rows_a_second_are_worse() -> None:
    assert slowdown(report("rows/s", 100), report("rows/s", 50)) == 2


def test_a_slower_machine_is_no_change_when_the_peer_is_slower_too() -> None:
    assert slowdown(report("ms", 10, peer=5), report("ms", 20, peer=10)) == 1


def test_reports_survive_the_way_through_a_file(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(report("ms", 10, peer=5).to_json())
    assert Report.load(path) == report("ms", 10, peer=5)


@pytest.mark.parametrize(("new", "code"), [(11.0, 0), (20.0, 1)])
def test_exit_code_says_whether_the_threshold_was_passed(
    new: float, code: int, tmp_path: Path
) -> None:
    (tmp_path / "old").write_text(report("ms", 10).to_json())
    (tmp_path / "new").write_text(report("ms", new).to_json())
    assert main(["compare", str(tmp_path / "old"), str(tmp_path / "new")]) == code


def test_something_that_is_no_report_is_refused(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("{}")
    assert main(["compare", str(tmp_path / "old"), str(tmp_path / "old")]) == 2


def test_contenders_take_turns() -> None:
    calls: list[str] = []

    def work(name: str) -> float:
        calls.append(name)
        return 1.0

    contenders = {GATEWAY: lambda: work("A"), PEER: lambda: work("B")}
    samples = measure(Series("s", "ms", contenders, rounds=2, warmups=1))
    assert "".join(calls) == "ABABAB"
    assert samples == {GATEWAY: (1.0, 1.0), PEER: (1.0, 1.0)}


def test_cases_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    assert "select-1" in capsys.readouterr().out


def test_target_is_judged_by_the_ratio_where_there_is_a_peer() -> None:
    (result,) = report("ms", 10, peer=6).results
    assert result.met
    assert not report("ms", 10).results[0].met


def test_who_withdraws_leaves_the_others_to_go_on() -> None:
    def refuse() -> float:
        raise Withdrawn("no such function")

    reasons: dict[str, str] = {}
    contenders = {GATEWAY: lambda: 1.0, "able": lambda: 2.0, "unable": refuse}
    samples = measure(Series("what", "ms", contenders, rounds=2), withdrawn=reasons)
    assert samples == {GATEWAY: (1.0, 1.0), "able": (2.0, 2.0)}
    assert reasons == {"unable": "no such function"}


def test_the_best_of_several_peers_is_the_one_to_be_compared_with() -> None:
    result = SeriesResult("case", "what", "ms", {GATEWAY: (6.0,), "a": (3.0,), "b": (2.0,)})
    assert (result.peer, result.ratio, result.against("a")) == ("b", 3, 2)
