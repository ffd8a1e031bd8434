"""Measured history: when a query is tried in its other form, and which form is kept."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from sqlglot import exp

from connectors.interface import SourceKey
from connectors.postgres import PostgresConnector
from gateway.config import Config
from gateway.languages.sql import parse
from gateway.plan import placement as placements
from gateway.plan.explain import explain
from gateway.plan.history import BYTES_PER_SECOND, SHAPES, History, Run, Verdict, Watch, shape_of
from gateway.plan.plan import Plan
from gateway.plan.planner import Query, plan_query
from gateway.plan.security import Security
from gateway.plan.source import Table
from tests.plans.tables import tables
from tests.plans.test_placement import STATISTICS

AGE = 60.0
SOURCE = SourceKey("postgres", "host/shop")


class Clock:
    """Seconds that pass only when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def history(clock: Clock) -> History:
    return History(AGE, 1e9, clock)


def watch(text: str = "SELECT 1 FROM t", cost: float | None = None, size: float = 1e6) -> Watch:
    """`cost` is that of a text that ends in no digit; else it is the text's last number."""
    return Watch(SOURCE, lambda: text, lambda of: cost and float(of.split()[-1]), lambda: size)


def pulled(of: Watch) -> Watch:
    return replace(of, pulled=True)


def pushed(history: History, of: Watch, *runs: Run) -> bool:
    """Tell of pushed runs, of one twice. Whether the last of them changed anything."""
    for run in runs * (3 - len(runs)):
        changed = history.learn(of, run)
    return changed


def chosen(history: History, of: Watch) -> Verdict:
    verdict = history.verdict(of)
    assert verdict is not None
    return verdict


def test_a_slow_query_is_pulled_once_to_be_measured(history: History) -> None:
    assert history.verdict(watch()) is None
    assert pushed(history, watch(), Run(3.3, 5, 100))
    verdict = chosen(history, watch())
    assert verdict.pulled
    assert verdict.reason == "pulled: to be measured, since pushing it took long"
    assert verdict.numbers == "pushed 3.30 s for 5 rows of 0.0 MB, expected 0.02 s"
    assert verdict.patience == 3.3


@pytest.mark.parametrize("first", [9.0, 3.0])
def test_the_faster_of_two_pushed_runs_counts(first: float, history: History) -> None:
    """The first run connects and fills caches: what it took is not what pulling is worth."""
    assert not history.learn(watch(), Run(first))
    assert history.verdict(watch()) is None
    assert history.learn(watch(), Run(12.0 - first))
    assert chosen(history, watch()).patience == 3.0
    history.learn(pulled(watch()), Run(2.5))
    assert not chosen(history, watch()).pulled


def test_one_slow_run_leads_to_no_trial(history: History) -> None:
    for seconds in (3.0, 0.4) * 3:
        assert not history.learn(watch(), Run(seconds))
        assert history.verdict(watch()) is None
    assert not history.learn(watch(), Run(3.0))
    assert history.learn(watch(), Run(3.0))


def test_two_slow_runs_of_unlike_texts_lead_to_no_trial(history: History) -> None:
    few, many = (watch(f"SELECT 1 FROM t WHERE a > {n}", 1.0) for n in (100, 1000))
    for of in (few, many, few, many):
        assert not history.learn(of, Run(3.0))
    assert history.verdict(few) is None and history.verdict(many) is None
    assert history.learn(many, Run(3.0))


def test_a_second_run_that_pulling_would_not_beat_leads_to_no_trial(history: History) -> None:
    of = watch(size=BYTES_PER_SECOND)
    assert not pushed(history, of, Run(3.0), Run(1.2))
    assert history.verdict(of) is None


@pytest.mark.parametrize(
    ("seconds", "kept"), [(0.1, True), (2.6, True), (2.7, False), (3.3, False), (9.0, False)]
)
def test_the_form_that_is_clearly_faster_is_kept(
    seconds: float, kept: bool, history: History
) -> None:
    pushed(history, watch(), Run(3.3))
    assert history.learn(pulled(watch()), Run(seconds, 1_000, 2_000_000))
    verdict = chosen(history, watch())
    assert verdict.pulled == kept
    assert "measured" in verdict.reason
    assert f"pulled {seconds:.2f} s for 1000 rows of 2.0 MB, pushed 3.30 s" in verdict.numbers


def test_what_is_kept_does_not_flap(history: History) -> None:
    pushed(history, watch(), Run(3.0))
    history.learn(pulled(watch()), Run(2.9))
    for seconds in (9.0, 0.6, 30.0):
        assert not history.learn(watch(), Run(seconds))
        assert not history.learn(pulled(watch()), Run(0.1))  # one that was under way
        assert not chosen(history, watch()).pulled


def test_pulling_is_given_up_for_good_when_it_becomes_slower(history: History) -> None:
    pushed(history, watch(), Run(3.0))
    history.learn(pulled(watch()), Run(1.0))
    assert not history.learn(pulled(watch()), Run(3.6))  # no more than chance
    assert chosen(history, watch()).pulled
    assert history.learn(pulled(watch()), Run(3.9))
    assert not history.learn(pulled(watch()), Run(1.0))
    assert not chosen(history, watch()).pulled


def test_after_its_age_all_begins_anew(history: History, clock: Clock) -> None:
    pushed(history, watch(), Run(3.0))
    clock.now = AGE / 2
    history.learn(pulled(watch()), Run(9.0))
    assert not chosen(history, watch()).pulled
    clock.now = AGE + 1  # of the first run, whatever was learnt since
    assert history.verdict(watch()) is None
    assert not pushed(history, watch(), Run(3.0))  # by what reading this source took
    clock.now = 2 * AGE
    assert pushed(history, watch(), Run(3.0))
    assert chosen(history, watch()).pulled


@pytest.mark.parametrize(
    ("run", "size"),
    [
        (Run(0.5), 1e6),
        (Run(3.0), 499_999.0),
        (Run(3.0, complete=False), 1e6),
        (Run(3.0, held=0.31), 1e6),
        (Run(3.0), 2.5 * BYTES_PER_SECOND),
        (Run(300.0), 1e9 + 1),
    ],
    ids=["fast", "small", "cancelled", "held by its reader", "much to read", "more than memory"],
)
def test_runs_that_lead_to_no_trial(run: Run, size: float, history: History) -> None:
    assert not pushed(history, watch(size=size), run)
    assert history.verdict(watch(size=size)) is None


def test_pulling_that_does_not_end_in_time_is_given_up(history: History) -> None:
    pushed(history, watch(), Run(3.0))
    assert not history.learn(pulled(watch()), Run(2.9, complete=False))
    assert not history.learn(pulled(watch()), Run(9.0, held=6.5))
    assert chosen(history, watch()).reason.startswith("pulled: to be measured")
    assert history.learn(pulled(watch()), Run(3.1, complete=False))
    assert not chosen(history, watch()).pulled


def test_pulling_that_fails_is_given_up(history: History) -> None:
    pushed(history, watch(), Run(3.0))
    assert history.give_up(pulled(watch()))
    assert not history.give_up(pulled(watch()))
    verdict = chosen(history, watch())
    assert (verdict.pulled, verdict.reason) == (False, "pushed: pulling failed or took longer")


def test_what_was_read_tells_what_can_be_read(history: History) -> None:
    """Of a source that turned out slow no other query is tried."""
    pushed(history, watch("SELECT 1 FROM t"), Run(3.0))
    history.learn(pulled(watch("SELECT 1 FROM t")), Run(2.0, 10, 200))  # by the scans' megabyte
    assert not pushed(history, watch("SELECT 1 FROM u", size=3e6), Run(3.0))
    assert pushed(history, watch("SELECT 1 FROM u", size=1.1e6), Run(3.0))


def test_constants_are_alike_while_the_source_expects_like_costs(history: History) -> None:
    pushed(history, watch("SELECT 1 FROM t WHERE a > 1000", 1.0), Run(3.0))
    for cost, expected in ((801, True), (1249, True), (799, False), (1251, False)):
        verdict = history.verdict(watch(f"SELECT 1 FROM t WHERE a > {cost}", 1.0))
        assert (verdict is not None) == expected
    assert history.verdict(watch("SELECT 1 FROM t WHERE a > 1001")) is None  # it can not tell
    assert history.verdict(watch("SELECT 1 FROM t WHERE b > 1000", 1.0)) is None


def test_shapes_are_bounded(history: History) -> None:
    for n in range(SHAPES + 10):
        pushed(history, watch(f"SELECT 1 FROM t{n}"), Run(3.0))
    assert history.verdict(watch("SELECT 1 FROM t0")) is None
    assert chosen(history, watch(f"SELECT 1 FROM t{SHAPES + 9}")).pulled


def test_a_shape_is_a_text_without_constants() -> None:
    one = shape_of("""SELECT "c 1", `2` FROM t1 WHERE a = 'it''s 3' AND b IN (4, 5.5, -6e-7)""")
    assert one == """SELECT "c 1", `2` FROM t1 WHERE a = ? AND b IN (?, ?, -?)"""


JOINED = (
    "SELECT c.country, count(o.id) AS n FROM {0}_customers c JOIN {0}_orders o"
    " ON c.id = o.customer WHERE o.id > {1} GROUP BY c.country"
)


@pytest.fixture(autouse=True)
def costs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PostgresConnector, "cost", lambda _, text: 100.0)
    monkeypatch.setattr(placements, "_COSTS", {})


def planned(
    history: History | None,
    source: str = "postgres",
    wanted: str = "auto",
    sql: str = JOINED,
    **security: Security,
) -> Plan:
    statement = parse(sql.format(source, 7))
    opened: dict[tuple[str, ...], Table] = {}
    for reference in statement.references:
        table = tables()[reference.name]
        name = reference.name[0].split("_")[1]
        secured = security.get(name, table.security)
        opened[reference.name] = replace(table, statistics=STATISTICS[name], security=secured)
    query = Query(statement.text, statement.tree)
    return plan_query(query, opened, Config(), wanted, history=history)


def shown(plan: Plan) -> list[str]:
    rows = explain(plan, Config()).to_pylist()
    return [row["text"] for row in rows if row["item"] == "placement"]


@pytest.mark.parametrize("source", ["postgres", "mariadb"])
def test_a_plan_follows_what_was_measured(source: str, history: History) -> None:
    before = planned(history, source)
    assert before.whole and before.watch is not None and not before.tried
    pushed(history, before.watch, Run(3.0))
    trial = planned(history, source)
    assert trial.tried and trial.watch is not None
    assert len(trial.fragments) == 2 and all("JOIN" not in f.text for f in trial.fragments)
    assert shown(trial)[0].startswith("pulled: to be measured, since pushing it took long (pushed")
    history.learn(trial.watch, Run(4.0))
    after = planned(history, source)
    assert after.whole and not after.tried
    assert shown(after) == [
        "pushed: pulling was measured to be no faster (pulled 4.00 s for 0 rows of 0.0 MB,"
        " pushed 3.00 s for 0 rows of 0.0 MB)"
    ]


def test_the_bytes_to_be_read_are_those_of_arrow(history: History) -> None:
    plan = planned(history)
    assert plan.watch is not None
    orders, customers = STATISTICS["orders"].rows, STATISTICS["customers"].rows
    assert orders and customers
    assert 8 * orders < plan.watch.size() < 40 * (orders + customers)


@pytest.mark.parametrize(("scan", "finite"), [(79.0, True), (81.0, False)])
def test_one_table_is_not_pulled_where_reading_it_is_all_the_work(
    scan: float, finite: bool, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cost(_: PostgresConnector, text: str) -> float:
        return 100.0 if "MAX(" in text else scan

    monkeypatch.setattr(PostgresConnector, "cost", cost)
    plan = planned(history, sql="SELECT max(o.id) AS last FROM {0}_orders o")
    assert plan.watch is not None and math.isfinite(plan.watch.size()) == finite
    assert pushed(history, plan.watch, Run(10.0)) == finite


@pytest.mark.parametrize("source", ["sqlite", "duckdb"])
def test_sources_in_this_process_are_not_watched(source: str, history: History) -> None:
    assert planned(history, source).watch is None


@pytest.mark.parametrize("wanted", ["push", "pull"])
def test_what_is_forced_is_not_measured(wanted: str, history: History) -> None:
    before = planned(history)
    assert before.watch is not None
    pushed(history, before.watch, Run(3.0))
    plan = planned(history, wanted=wanted)
    assert plan.watch is None and plan.whole == (wanted == "push")


def test_nothing_is_measured_where_policies_hide_something(history: History) -> None:
    before = planned(history)
    assert before.watch is not None
    pushed(history, before.watch, Run(3.0))
    raw = tables()[("postgres_orders",)].security.raw
    for secured in (
        Security(raw, row_filter=exp.true()),
        Security(raw, row_filter=exp.true(), discloses=True),
    ):
        plan = planned(history, orders=secured)
        assert plan.whole and plan.watch is None and shown(plan) == []


BY_NOTE = "SELECT o.note, count(*) AS n FROM {0}_orders o GROUP BY o.note"
PAIRED = BY_NOTE.replace(" GROUP BY", " JOIN {0}_orders p ON o.id = p.id GROUP BY")


def test_rows_bound_to_their_region_are_not_watched(history: History) -> None:
    raw = tables()[("postgres_orders",)].security.raw
    bound = Security(raw, minimum_rows=10, rows_may_come=False)
    plan = planned(history, sql=BY_NOTE, orders=bound)
    assert plan.whole and plan.watch is None
    assert planned(history, sql=PAIRED).watch is not None


def test_without_history_nothing_is_watched() -> None:
    assert planned(None).watch is None
