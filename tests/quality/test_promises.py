"""Promises: ages, availability and dates, against what they are by hand."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import DatasetUnfit
from gateway.memory.quality_results import PROMISE, Result, Verdict, results
from gateway.quality.promises import span
from tests.catalogue.meshes import custom
from tests.quality.world import (
    NOW,
    ROWS,
    Clock,
    ask,
    lines,
    mesh,
    opened,
    parquet,
    quality_of,
    sqlite,
    view,
)

HOUR, DAY = 3600.0, 86_400.0
ADDRESS = "mesh://sales/orders/lines@1.2.0"


def checked(folder: Path, *promises: dict[str, Any], rows: Any = ROWS) -> list[Result]:
    made = mesh(folder / "mesh", parquet(folder / "data", rows), slaProperties=list(promises))
    gateway = opened(made, Clock())
    try:
        assert gateway.mesh.quality is not None
        found = gateway.mesh.quality.check(lines(gateway))
        assert {result.kind for result in found} == {PROMISE}
        return found
    finally:
        gateway.close()


# The clock stands at 2026-01-05 08:00. The newest row is of 2026-01-05 00:00:00, of the day
# 2026-01-05; the oldest of 2026-01-01 10:00:00, of the day 2026-01-01.
@pytest.mark.parametrize(
    ("promise", "value", "verdict"),
    [
        ({"property": "latency", "value": 9, "unit": "h", "element": "noted"}, 8 * HOUR, "pass"),
        ({"property": "latency", "value": 8, "unit": "h", "element": "noted"}, 8 * HOUR, "pass"),
        ({"property": "latency", "value": 7, "unit": "h", "element": "noted"}, 8 * HOUR, "fail"),
        ({"property": "freshness", "value": 1, "unit": "min", "element": "day"}, 0.0, "pass"),
        ({"property": "frequency", "value": 1, "unit": "d", "element": "noted"}, 8 * HOUR, "pass"),
        ({"property": "retention", "value": 4, "unit": "d", "element": "noted"}, 94 * HOUR, "pass"),
        ({"property": "retention", "value": 3, "unit": "d", "element": "noted"}, 94 * HOUR, "fail"),
        ({"property": "retention", "value": 3, "unit": "d", "element": "day"}, 80 * HOUR, "fail"),
        ({"property": "endOfLife", "value": "2026-01-06"}, 16 * HOUR, "pass"),
        ({"property": "endOfSupport", "value": "2026-01-05T00:00:00-04:00"}, -4 * HOUR, "fail"),
    ],
)
def test_ages_and_dates(
    tmp_path: Path, promise: dict[str, Any], value: float, verdict: str
) -> None:
    (result,) = checked(tmp_path, promise)
    assert result.value == pytest.approx(value)
    assert result.verdict == verdict
    assert result.columns == ((promise["element"],) if "element" in promise else ())


def test_of_no_rows_none_is_too_old_and_none_is_new(tmp_path: Path) -> None:
    latency = {"property": "latency", "value": 1, "unit": "d", "element": "noted"}
    retention = {**latency, "property": "retention"}
    empty = [(*ROWS[0][:5], None)]
    found = checked(tmp_path, latency, retention, rows=empty)
    assert [(r.value, r.verdict) for r in found] == [(None, Verdict.FAIL), (None, Verdict.PASS)]


def test_a_promise_that_is_not_kept_is_told_and_may_deny(tmp_path: Path) -> None:
    late = {"property": "latency", "value": 7, "unit": "h", "element": "noted"}
    gate = {**late, "value": 2, "unit": "d", "customProperties": custom(gate="deny")}
    folder = mesh(tmp_path / "mesh", parquet(tmp_path / "data"), slaProperties=[late, gate])
    clock = Clock()
    gateway = opened(folder, clock)
    try:
        ask(gateway, "SELECT id FROM lines")
        assert gateway.mesh.quality is not None
        gateway.mesh.quality.keep(threading.Event())
        (notice,) = gateway.mesh.standing.of(ADDRESS)
        assert notice.code == "SLA_MISSED"
        assert notice.message == "the promise latency is not kept: newest row at most 7 h old"
        clock.now += 3 * DAY
        gateway.mesh.quality.keep(threading.Event())
        with pytest.raises(DatasetUnfit, match="newest row at most 2 d old"):
            ask(gateway, "SELECT id FROM lines")
    finally:
        gateway.close()


def test_availability_is_the_share_of_answered_probes_in_thirty_days(tmp_path: Path) -> None:
    promise = {"property": "availability", "value": 75, "unit": "percent"}
    folder = mesh(tmp_path / "mesh", sqlite(tmp_path / "data"), slaProperties=[promise])
    gateway, clock = opened(folder), Clock()
    try:
        quality = quality_of(gateway, clock)
        database, away = tmp_path / "data/lines.db", tmp_path / "away.db"
        found = []
        for answers in (True, True, True, False, False, True):
            if not answers and database.exists():
                database.rename(away)
            if answers and away.exists():
                away.rename(database)
            quality.keep(threading.Event())
            clock.now += 300
        assert gateway.mesh.memory is not None
        found = [(r.value, r.verdict) for r in reversed(results(gateway.mesh.memory.store))]
        assert found == [
            (100, "pass"),
            (100, "pass"),
            (100, "pass"),
            (75, "pass"),
            (60, "fail"),
            (pytest.approx(66.67, abs=0.01), "fail"),
        ]
        clock.now = NOW + 31 * DAY
        quality.keep(threading.Event())
        assert results(gateway.mesh.memory.store)[0].value == 100
    finally:
        gateway.close()


def test_what_is_not_checked_says_so(tmp_path: Path) -> None:
    found = checked(
        tmp_path,
        {"property": "timeOfAvailability", "value": "09:00-08:00", "element": "noted"},
        {"property": "latency", "value": 4, "unit": "d"},
    )
    assert [(r.verdict, r.reason) for r in found] == [
        ("skipped", "not checked: nothing is known of how to check timeOfAvailability"),
        ("skipped", "not checked: nothing is known of how to check latency without a column"),
    ]


def test_a_view_has_no_source_that_could_be_there(tmp_path: Path) -> None:
    folder = mesh(tmp_path / "mesh", parquet(tmp_path / "data"))
    schema = [{"name": "noted", "physicalType": "timestamp"}]
    view(folder, "SELECT noted FROM lines", "times", "sales", schema)
    file = folder / "products/times.odcs.yaml"
    promises = (
        "slaProperties:\n- {property: availability, value: 99}\n"
        "- {property: latency, value: 9, unit: h, element: noted}\n"
    )
    file.write_text(file.read_text() + promises)
    gateway = opened(folder, Clock())
    try:
        assert gateway.mesh.quality is not None
        times = next(d for d in gateway.catalogue.datasets if d.view is not None)
        found = gateway.mesh.quality.check(times)
        assert [(r.verdict, r.value) for r in found] == [("skipped", None), ("pass", 8 * HOUR)]
    finally:
        gateway.close()


@pytest.mark.parametrize(
    ("seconds", "text"), [(4 * DAY, "4 d"), (5400, "1.5 h"), (90, "1.5 min"), (0.5, "0.5 s")]
)
def test_spans(seconds: float, text: str) -> None:
    assert span(seconds) == text
