"""When rules are checked, with a clock moved by hand, by one gateway or by several on one store."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from gateway.memory.quality_results import Verdict, claim, latest, results
from gateway.memory.store import Store, open_store
from gateway.pipeline import Gateway
from gateway.quality.quality import LEASE_SECONDS, Quality
from tests.catalogue.meshes import custom
from tests.quality.world import ROWS, Clock, lines, mesh, opened, parquet, quality_of, sqlite
from tests.services import Postgres

FEW = {"metric": "rowCount", "mustBeLessThan": 8}
ADDRESS = "mesh://sales/orders/lines@1.2.0"
HOUR = 3600.0


def store_of(gateway: Gateway) -> Store:
    assert gateway.mesh.memory is not None
    return gateway.mesh.memory.store


def keep(quality: Quality) -> None:
    quality.keep(threading.Event())


def runs(gateway: Gateway) -> int:
    return len(results(store_of(gateway)))


def world(folder: Path, *rules: dict[str, Any], **more: Any) -> Path:
    return mesh(folder / "mesh", sqlite(folder / "data"), list(rules), **more)


def test_without_a_schedule_a_rule_is_checked_at_the_gateways_interval(tmp_path: Path) -> None:
    gateway, clock = opened(world(tmp_path, FEW)), Clock()
    try:
        quality = quality_of(gateway, clock)
        keep(quality)
        assert runs(gateway) == 1
        keep(quality)
        clock.now += HOUR - 1
        keep(quality)
        assert runs(gateway) == 1
        clock.now += 1
        keep(quality)
        assert runs(gateway) == 2
        assert [n.code for n in gateway.mesh.standing.of(ADDRESS)] == ["QUALITY_FAILED"]
    finally:
        gateway.close()


def test_an_interval_of_zero_checks_nothing_and_follows_what_others_find(tmp_path: Path) -> None:
    gateway, clock = opened(world(tmp_path, FEW)), Clock()
    try:
        quiet, busy = quality_of(gateway, clock, quality_seconds=0.0), quality_of(gateway, clock)
        keep(quiet)
        assert runs(gateway) == 0
        keep(busy)
        gateway.mesh.standing.set("quality", ())
        keep(quiet)
        assert runs(gateway) == 1
        assert [n.code for n in gateway.mesh.standing.of(ADDRESS)] == ["QUALITY_FAILED"]
    finally:
        gateway.close()


def test_a_cron_line_is_kept_in_utc(tmp_path: Path) -> None:
    rule = {**FEW, "scheduler": "cron", "schedule": "30 9 * * *"}  # the clock starts at 8:00
    gateway, clock = opened(world(tmp_path, rule)), Clock()
    try:
        quality = quality_of(gateway, clock)
        found = []
        for minutes in (0, 89, 1, 1, 24 * 60 - 2, 1, 60):
            clock.now += 60 * minutes
            keep(quality)
            found.append(runs(gateway))
        assert found == [1, 1, 2, 2, 2, 3, 3]
    finally:
        gateway.close()


def test_what_could_not_be_told_is_tried_again_soon(tmp_path: Path) -> None:
    gateway, clock = opened(world(tmp_path, FEW)), Clock()
    try:
        (tmp_path / "data/lines.db").rename(tmp_path / "away.db")
        quality = quality_of(gateway, clock)
        keep(quality)
        clock.now += 59
        keep(quality)
        assert [r.verdict for r in results(store_of(gateway))] == [Verdict.ERROR]
        sqlite(tmp_path / "data")
        clock.now += 1
        keep(quality)
        assert [r.verdict for r in results(store_of(gateway))] == [Verdict.FAIL, Verdict.ERROR]
    finally:
        gateway.close()


def test_unchecked_rules_are_told_of_once(tmp_path: Path) -> None:
    gateway, clock = opened(world(tmp_path, {"type": "text", "description": "seen"})), Clock()
    try:
        quality = quality_of(gateway, clock)
        for _ in range(3):
            keep(quality)
            clock.now += HOUR
        assert [r.verdict for r in results(store_of(gateway))] == [Verdict.SKIPPED]
    finally:
        gateway.close()


def test_rules_that_are_gone_say_nothing_any_more(tmp_path: Path) -> None:
    gateway, clock = opened(world(tmp_path, FEW)), Clock()
    keep(quality_of(gateway, clock))
    assert gateway.mesh.standing.of(ADDRESS)
    gateway.close()
    gateway = opened(world(tmp_path))
    try:
        assert gateway.mesh.standing.of(ADDRESS) == ()
    finally:
        gateway.close()


def test_old_results_are_forgotten(tmp_path: Path) -> None:
    gateway, clock = opened(world(tmp_path, FEW)), Clock()
    try:
        quality = quality_of(gateway, clock)
        keep(quality)
        clock.now += 91 * 24 * HOUR
        keep(quality)
        assert [r.time for r in results(store_of(gateway))] == [clock.now]
        assert [r.time for r in latest(store_of(gateway))] == [clock.now]
    finally:
        gateway.close()


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The setting ``store`` of two gateways that share one."""
    with ExitStack() as closing:
        if request.param == "sqlite":
            yield ""
        else:
            server: Postgres = request.getfixturevalue("postgres")
            yield closing.enter_context(server.database())


def test_gateways_that_share_a_store_share_the_work(store: str, tmp_path: Path) -> None:
    """Many at once, over many rounds: each round is checked by exactly one of them."""
    folder = world(tmp_path, FEW)
    first, second = opened(folder, store=store), opened(folder, store=store)
    clock = Clock()
    try:
        qualities = [quality_of(gateway, clock) for gateway in (first, second, first, second)]
        for round_number in range(1, 6):
            threads = [threading.Thread(target=keep, args=(q,)) for q in qualities]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert runs(first) == round_number
            clock.now += HOUR
        assert store_of(first).rows("SELECT * FROM quality_claim") == []
        for gateway in (first, second):
            keep(quality_of(gateway, clock, quality_seconds=0.0))
            assert [n.code for n in gateway.mesh.standing.of(ADDRESS)] == ["QUALITY_FAILED"]
    finally:
        first.close()
        second.close()


def test_the_claim_of_a_gateway_that_died_runs_out(store: str, tmp_path: Path) -> None:
    gateway, clock = opened(world(tmp_path, FEW), store=store), Clock()
    try:
        quality = quality_of(gateway, clock)
        until = clock.now + LEASE_SECONDS
        with store_of(gateway).writing() as writing:
            assert claim(writing, ADDRESS, "somebody who died", clock.now, until)
        keep(quality)
        assert runs(gateway) == 0
        clock.now = until
        keep(quality)
        assert runs(gateway) == 1
    finally:
        gateway.close()


def test_a_result_that_came_too_late_for_its_claim_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, clock = opened(world(tmp_path, FEW)), Clock()
    try:
        quality = quality_of(gateway, clock)
        execute = gateway.execute

        def slow(prepared: Any, cancelled: Any) -> Any:
            with store_of(gateway).writing() as writing:  # the lease is over, another has it
                assert claim(writing, ADDRESS, "another", clock.now + 1e6, clock.now + 2e6)
            return execute(prepared, cancelled)

        monkeypatch.setattr(gateway, "execute", slow)
        keep(quality)
        assert runs(gateway) == 0
        owners = store_of(gateway).rows("SELECT owner FROM quality_claim")
        assert owners == [("another",)]
    finally:
        gateway.close()


def test_an_answer_waits_for_the_gateway_that_is_checking(tmp_path: Path) -> None:
    rule = {**FEW, "customProperties": custom(gate="deny")}
    folder = mesh(tmp_path / "mesh", sqlite(tmp_path / "data", ROWS[:3]), [rule])
    gateway, clock = opened(folder), Clock()
    other = open_store(folder)
    try:
        quality = quality_of(gateway, clock)
        with other.writing() as writing:
            assert claim(writing, ADDRESS, "another", clock.now, clock.now + 1000)
        done = threading.Event()

        def ensure() -> None:
            quality.ensure([lines(gateway)])
            done.set()

        waiting = threading.Thread(target=ensure)
        waiting.start()
        assert not done.wait(0.3)
        with other.writing() as writing:
            writing.execute("DELETE FROM quality_claim")
        waiting.join(20)
        assert done.is_set()
        assert [r.verdict for r in latest(other)] == [Verdict.PASS]
    finally:
        gateway.close()
        other.close()


def test_an_answer_does_not_wait_for_ever(tmp_path: Path) -> None:
    rule = {**FEW, "customProperties": custom(gate="deny")}
    gateway, clock = opened(world(tmp_path, rule)), Clock()
    try:
        quality = quality_of(gateway, clock, quality_timeout_seconds=0.2)
        with store_of(gateway).writing() as writing:
            assert claim(writing, ADDRESS, "another", clock.now, clock.now + 1000)
        begun = time.monotonic()
        quality.ensure([lines(gateway)])
        assert time.monotonic() - begun < 10
        (notice,) = gateway.mesh.standing.of(ADDRESS)
        assert "another gateway is still checking it" in notice.message
        assert notice.severity == "deny"
    finally:
        gateway.close()


def test_many_answers_at_once_have_it_checked_once(tmp_path: Path) -> None:
    rule = {**FEW, "customProperties": custom(gate="deny", check="query", maxAge=600)}
    folder = mesh(tmp_path / "mesh", parquet(tmp_path / "data"), [rule])
    gateway, clock = opened(folder), Clock()
    try:
        quality = quality_of(gateway, clock)
        threads = [
            threading.Thread(target=quality.ensure, args=([lines(gateway)],)) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert runs(gateway) == 1
    finally:
        gateway.close()


def test_the_time_of_a_run_is_bounded(tmp_path: Path) -> None:
    slow = {
        "type": "sql",
        "name": "slow",
        "query": "SELECT count(*) FROM generate_series(1, 100000000) a, generate_series(1, 1000) b",
        "mustBe": 0,
    }
    gateway = opened(world(tmp_path, FEW, slow, {**slow, "name": "later"}))
    try:
        quality = quality_of(gateway, Clock(), quality_timeout_seconds=1.0)
        begun = time.monotonic()
        found = {r.rule: r for r in quality.check(lines(gateway))}
        assert time.monotonic() - begun < 30
        assert found["rowCount"].verdict is Verdict.FAIL
        assert found["slow"].verdict is Verdict.ERROR
        assert found["later"].reason == "the time for its checks is over"
    finally:
        gateway.close()


def test_the_gateway_checks_by_itself(tmp_path: Path) -> None:
    gateway = opened(world(tmp_path, FEW), quality_seconds=3600.0)
    try:
        deadline = time.monotonic() + 30
        while not gateway.mesh.standing.of(ADDRESS) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert [n.code for n in gateway.mesh.standing.of(ADDRESS)] == ["QUALITY_FAILED"]
    finally:
        gateway.close()
