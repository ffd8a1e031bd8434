"""Measured history over real sources: the same rows in either form, and what a gateway learns."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from gateway.config import Config
from gateway.errors import Cancelled, GatewayError, Kind
from gateway.model import QueryOptions, Request
from gateway.pipeline import Gateway
from gateway.plan import history as histories
from gateway.plan import placement as placements
from gateway.plan.history import History, Run
from gateway.prepared import Prepared
from gateway.query_report import QueryReport
from gateway.verification.comparison import difference
from tests.queries import corpus
from tests.queries.meshes import PRINCIPAL, Mesh
from tests.queries.placements import SINGLE, Placement, sampled
from tests.queries.reference import DuckDb

WATCHED = [placement for placement in SINGLE if placement.name in {"postgres", "mariadb"}]
JOINED = """
SELECT p.city, count(*) AS n FROM test.postgres."people" p
JOIN test.postgres."orders" o ON p.id = o.person GROUP BY p.city ORDER BY n, p.city
"""


@pytest.fixture(autouse=True)
def nothing_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test tables are, and are tried all the same; so are queries of one table."""
    monkeypatch.setattr(histories, "LEAST_BYTES", 0)
    monkeypatch.setattr(placements, "CLEARLY", math.inf)


@pytest.fixture(scope="module")
def learning(mesh_folder: Path) -> Iterator[Gateway]:
    """Statistics are waited for, whatever the machine does."""
    opened = Gateway.open(mesh_folder, Config(statistics_wait_seconds=60), audited=False)
    yield opened
    opened.close()


@pytest.fixture
def learner(mesh_folder: Path) -> Iterator[Gateway]:
    opened = Gateway.open(mesh_folder, Config(statistics_wait_seconds=60), audited=False)
    yield opened
    opened.close()


def prepared(gateway: Gateway, sql: str, **options: object) -> Prepared:
    return gateway.prepare(Request(PRINCIPAL, sql, options=QueryOptions(**options)))  # type: ignore[arg-type]


def ran(gateway: Gateway, sql: str, **options: object) -> tuple[pa.Table, QueryReport]:
    result = gateway.execute(prepared(gateway, sql, **options))
    return pa.Table.from_batches(list(result.batches), result.schema), result.report


def slow(gateway: Gateway, sql: str) -> None:
    """Let the gateway believe that pushing a query took long."""
    plan = prepared(gateway, sql).plan
    history = gateway.plans.history
    assert history is not None and plan.watch is not None and plan.whole
    assert not history.learn(plan.watch, Run(1_000.0))
    assert history.learn(plan.watch, Run(1_000.0))
    gateway.plans.forget()


def placed(gateway: Gateway, sql: str) -> list[str]:
    return [choice.reason for choice in prepared(gateway, sql).plan.placement]


@pytest.mark.parametrize(("query", "placement"), sampled(corpus.queries(), WATCHED), ids=str)
def test_queries_that_history_pulls_give_the_rows_of_the_reference(
    query: corpus.Query, placement: Placement, learning: Gateway, duckdb: DuckDb
) -> None:
    """What was pushed before, and is pulled now, against what the reference answers."""
    learning.plans.history = History(60.0, 1e12)  # some texts of the corpus have one shape
    sql, mesh = placement.apply(query.sql), Mesh(learning)
    pushed = mesh.answer(sql, QueryOptions(placement="push"))
    try:
        plan = prepared(learning, sql).plan
    except GatewayError:
        plan = None
    if plan is not None and plan.watch is not None and not plan.tried:
        slow(learning, sql)
    pulled = mesh.answer(sql)
    for answer in (pushed, pulled):
        if not isinstance(answer, pa.Table):
            assert query.may_refuse and answer.kind is Kind.USER, f"{answer}\n{sql}"
            continue
        wrong = difference(answer, duckdb.answer(query.reference_sql), ordered=query.ordered)
        assert wrong is None, f"{wrong}\n{sql}"
    assert isinstance(pushed, pa.Table) == isinstance(pulled, pa.Table)


def test_most_of_the_corpus_is_pulled_by_it(learning: Gateway) -> None:
    """Else the test above would compare pushed rows only."""
    tried = 0
    learning.plans.history = History(60.0, 1e12)
    for query in corpus.queries()[::7]:
        try:
            plan = prepared(learning, WATCHED[0].apply(query.sql)).plan
        except GatewayError:
            continue
        if plan.watch is not None and not plan.tried:
            slow(learning, WATCHED[0].apply(query.sql))
            plan = prepared(learning, WATCHED[0].apply(query.sql)).plan
        tried += plan.tried
    assert tried > 10


def test_a_gateway_learns_from_its_own_runs(
    learner: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two runs lead to a trial; and one that takes less than pushing is what is kept."""
    monkeypatch.setattr(histories, "SLOW_SECONDS", 0.0)
    monkeypatch.setattr(histories, "BYTES_PER_SECOND", 1e12)
    monkeypatch.setattr(histories, "HELD_SHARE", 1.0)
    for _ in range(2):
        assert placed(learner, JOINED) == []
        first, report = ran(learner, JOINED)
        assert len(report.fragments) == 1
    assert placed(learner, JOINED) == ["pulled: to be measured, since pushing it took long"]
    learner.plans.history = History(60.0, 1e12)
    learner.plans.forget()
    slow(learner, JOINED)
    second, report = ran(learner, JOINED)
    assert len(report.fragments) == 2
    assert placed(learner, JOINED) == ["pulled: measured to be faster"]
    third, report = ran(learner, JOINED)
    assert len(report.fragments) == 2
    assert first.num_rows and first.equals(second) and second.equals(third)


@pytest.mark.parametrize("options", [{"verify": True}, {"placement": "push"}])
def test_runs_that_are_no_measurement(
    options: dict[str, object], learner: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(histories, "SLOW_SECONDS", 0.0)
    monkeypatch.setattr(histories, "BYTES_PER_SECOND", 1e12)
    monkeypatch.setattr(histories, "HELD_SHARE", 1.0)
    for _ in range(2):
        ran(learner, JOINED, **options)
    assert placed(learner, JOINED) == []


def test_a_reader_that_takes_its_time_is_not_measured(
    learner: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(histories, "SLOW_SECONDS", 0.0)
    monkeypatch.setattr(histories, "BYTES_PER_SECOND", 1e12)
    monkeypatch.setattr(histories, "HELD_SHARE", 0.0)  # and every reader takes some
    for _ in range(2):
        ran(learner, JOINED)
    assert placed(learner, JOINED) == []


def test_a_trial_that_is_cancelled_is_made_again(learner: Gateway) -> None:
    slow(learner, JOINED)
    with pytest.raises(Cancelled):
        list(learner.execute(prepared(learner, JOINED), lambda: True).batches)
    assert placed(learner, JOINED) == ["pulled: to be measured, since pushing it took long"]


def test_a_trial_that_finds_no_room_is_pushed_instead(mesh_folder: Path) -> None:
    """The caller gets the answer of the source, and there is no second trial."""
    config = Config(statistics_wait_seconds=60, memory_per_query_bytes=1)
    gateway = Gateway.open(mesh_folder, config, audited=False)
    try:
        gateway.plans.history = History(60.0, 1e12)
        with pytest.raises(GatewayError, match="more memory"):
            ran(gateway, JOINED, placement="pull")
        pushed, _ = ran(gateway, JOINED)
        slow(gateway, JOINED)
        assert prepared(gateway, JOINED).plan.tried
        answered, report = ran(gateway, JOINED)
        assert answered.equals(pushed)
        assert len(report.fragments) == 3  # what was read in vain is reported as well
        assert placed(gateway, JOINED) == ["pushed: pulling failed or took longer"]
        assert ran(gateway, JOINED)[0].equals(pushed)
    finally:
        gateway.close()


def stuck(schema: pa.Schema) -> Callable[[str], Stuck]:
    """What opens such a source, whatever it is asked."""
    return lambda text: Stuck(schema)


class Stuck:
    """A source that sends nothing until it is told to stop."""

    def __init__(self, schema: pa.Schema) -> None:
        self.schema = schema
        self._stopped = threading.Event()

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        self._stopped.wait()
        return iter(())

    def cancel(self) -> None:
        self._stopped.set()

    def close(self) -> None:
        self._stopped.set()


def test_a_trial_that_takes_longer_than_pushing_is_pushed_instead(learner: Gateway) -> None:
    pushed, _ = ran(learner, JOINED)
    slow(learner, JOINED)
    request = prepared(learner, JOINED)
    plan = request.plan
    assert plan.tried and plan.watch is not None and plan.watch.patience == 1_000
    fragments = tuple(replace(f, open=stuck(f.schema)) for f in plan.fragments)
    plan = replace(plan, fragments=fragments, watch=replace(plan.watch, patience=0.0))
    with pytest.raises(Cancelled):
        list(learner.execute(replace(request, plan=plan), lambda: True).batches)
    assert prepared(learner, JOINED).plan.tried  # it was the caller who stopped it
    request = prepared(learner, JOINED)
    result = learner.execute(replace(request, plan=plan))
    assert pa.Table.from_batches(list(result.batches), result.schema).equals(pushed)
    assert placed(learner, JOINED) == ["pushed: pulling failed or took longer"]


def test_history_can_be_turned_off(mesh_folder: Path) -> None:
    config = replace(Config(statistics_wait_seconds=60), history_age_seconds=0.0)
    gateway = Gateway.open(mesh_folder, config, audited=False)
    try:
        assert gateway.plans.history is None
        assert prepared(gateway, JOINED).plan.watch is None
        assert ran(gateway, JOINED)[0].num_rows
    finally:
        gateway.close()
