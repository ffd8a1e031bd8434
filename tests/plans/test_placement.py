"""Push or pull: what decides, what is shown of it, and where it is never left to chance."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlglot import exp

from connectors.interface import SourceError, SourceErrorCode
from connectors.postgres import PostgresConnector
from connectors.statistics import ColumnStatistics, TableStatistics
from gateway.config import Config
from gateway.languages.sql import parse
from gateway.plan import placement as placements
from gateway.plan.explain import explain
from gateway.plan.plan import Plan
from gateway.plan.planner import Query, plan_query
from gateway.plan.security import Security
from gateway.plan.source import Table
from tests.plans.tables import tables

STATISTICS = {
    "customers": TableStatistics(
        200_000.0,
        {"id": ColumnStatistics(200_000.0), "country": ColumnStatistics(30.0)},
        unique=(("id",),),
    ),
    "orders": TableStatistics(
        1_000_000.0,
        {"id": ColumnStatistics(1_000_000.0), "customer": ColumnStatistics(200_000.0)},
        unique=(("id",),),
    ),
}
MANY = (
    "SELECT c.id, count(o.id) AS n FROM {0}_customers c LEFT JOIN {0}_orders o"
    " ON c.id = o.customer GROUP BY c.id"
)
FEW = MANY.replace("c.id, count", "c.country, count").replace("BY c.id", "BY c.country")


@pytest.fixture
def costs(monkeypatch: pytest.MonkeyPatch) -> dict[bool, float]:
    """What PostgreSQL says: of a text with a JOIN (True), and of one without."""
    said = {True: 100.0, False: 40.0}
    monkeypatch.setattr(PostgresConnector, "cost", lambda _, text: said["JOIN" in text])
    monkeypatch.setattr(placements, "_COSTS", {})
    return said


def planned(sql: str, wanted: str = "auto", **security: Security) -> Plan:
    statement = parse(sql)
    opened: dict[tuple[str, ...], Table] = {}
    for reference in statement.references:
        table = tables()[reference.name]
        name = reference.name[0].split("_")[1]
        secured = security.get(name, table.security)
        opened[reference.name] = replace(table, statistics=STATISTICS[name], security=secured)
    return plan_query(Query(statement.text, statement.tree), opened, Config(), wanted)


def shown(plan: Plan) -> list[str]:
    rows = explain(plan, Config()).to_pylist()
    return [row["text"] for row in rows if row["item"] == "placement"]


def scanned(plan: Plan) -> bool:
    return not plan.whole and all("JOIN" not in f.text for f in plan.fragments)


def test_many_groups_that_cost_the_source_more_than_its_scans_are_pulled(
    costs: dict[bool, float],
) -> None:
    plan = planned(MANY.format("postgres"))
    assert scanned(plan)
    assert len(plan.fragments) == 2
    assert shown(plan) == [
        "pulled: the whole costs the source no less than its scans, and its groups are many"
        " (100 against 80, 200000 groups)"
    ]


def test_what_costs_less_than_its_scans_is_pushed(costs: dict[bool, float]) -> None:
    costs[True] = 79.0
    plan = planned(MANY.format("postgres"))
    assert plan.whole
    assert shown(plan)[0].startswith("pushed: the whole costs the source less")


def test_few_groups_are_pushed_and_the_source_is_not_asked(
    costs: dict[bool, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(FEW.format("postgres"))
    assert plan.whole
    assert not placements._COSTS
    assert shown(plan) == []


def test_a_source_that_does_not_answer_is_pushed_to(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(_: PostgresConnector, text: str) -> float:
        raise SourceError(SourceErrorCode.UNAVAILABLE, "not now")

    monkeypatch.setattr(PostgresConnector, "cost", silent)
    monkeypatch.setattr(placements, "_COSTS", {})
    assert planned(MANY.format("postgres")).whole


def test_a_cost_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def cost(_: PostgresConnector, text: str) -> float:
        asked.append(text)
        return 1.0

    monkeypatch.setattr(PostgresConnector, "cost", cost)
    monkeypatch.setattr(placements, "_COSTS", {})
    planned(MANY.format("postgres"))
    scans = [text for text in asked if "JOIN" not in text]
    planned(MANY.format("postgres"))
    assert [text for text in asked if "JOIN" not in text] == scans


def test_a_source_that_joins_slowly(costs: dict[bool, float]) -> None:
    assert scanned(planned(MANY.format("mariadb")))
    assert planned(FEW.format("mariadb")).whole


@pytest.mark.parametrize("source", ["sqlite", "duckdb"])
def test_sources_in_this_process_keep_their_work(source: str) -> None:
    assert planned(MANY.format(source)).whole


@pytest.mark.parametrize("source", ["postgres", "mariadb", "sqlite", "duckdb"])
def test_the_choice_can_be_forced(source: str, costs: dict[bool, float]) -> None:
    for sql in (MANY, FEW):
        pushed, pulled = (planned(sql.format(source), wanted) for wanted in ("push", "pull"))
        assert pushed.whole
        assert shown(pushed) == ["pushed: as asked for"]
        assert scanned(pulled)
        assert shown(pulled) == ["pulled: as asked for"]


def governed(**changes: object) -> Security:
    raw = tables()[("postgres_orders",)].security.raw
    return replace(Security(raw, row_filter=exp.true()), **changes)  # type: ignore[arg-type]


def test_nothing_is_decided_by_what_a_source_knows_of_hidden_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(placements, "_cost", lambda *_: pytest.fail("the source was asked"))
    assert shown(planned(MANY.format("postgres"), orders=governed())) == []
    assert shown(planned(MANY.format("mariadb"), orders=governed())) == []


def test_pulled_rows_of_a_governed_table_are_filtered_at_their_source() -> None:
    hidden = exp.column("id") > exp.Literal.number(7)
    plan = planned(MANY.format("postgres"), "pull", orders=governed(row_filter=hidden))
    (orders,) = (f for f in plan.fragments if '"orders"' in f.text)
    assert "> 7" in orders.text
    assert "> 7" not in orders.shown


def test_rows_bound_to_their_region_are_pushed_whatever_is_asked_for() -> None:
    bound = governed(row_filter=None, minimum_rows=10, rows_may_come=False)
    sql = "SELECT note, count(*) AS n FROM postgres_orders GROUP BY note"
    for wanted in ("auto", "push", "pull"):
        plan = planned(sql, wanted, orders=bound)
        assert plan.whole
        assert "COUNT" in plan.fragments[0].text


def test_numbers_are_not_shown_beside_what_policies_hide(costs: dict[bool, float]) -> None:
    plan = planned(MANY.format("postgres"))
    name = ("postgres_orders",)
    hides = {**plan.tables, name: replace(plan.tables[name], security=governed())}
    assert "against" not in shown(replace(plan, tables=hides))[0]
    tells = {**plan.tables, name: replace(plan.tables[name], security=governed(discloses=True))}
    assert "against" in shown(replace(plan, tables=tells))[0]


SELECTIVE = (
    "SELECT c.country, o.id FROM {0}_customers c JOIN {0}_orders o ON c.id = o.customer"
    " WHERE o.id IN (SELECT id FROM {0}_orders GROUP BY id HAVING count(note) > 3)"
)


def test_a_grouping_that_saves_nothing_is_pulled_alone(costs: dict[bool, float]) -> None:
    costs[True] = 120.0  # of three scans
    plan = planned(SELECTIVE.format("postgres"))
    (groups,) = plan.groups
    texts = {f.number: f.text for f in plan.fragments}
    assert "GROUP BY" not in texts[groups.scan.number]
    assert [f.number for f in plan.fragments if f.computed] == [groups.number]
    (joined,) = texts.keys() - {groups.number, groups.scan.number}
    assert "JOIN" in texts[joined]
    assert shown(plan)[0].startswith("pulled in part: ")


def test_a_grouping_stays_where_the_whole_costs_less(costs: dict[bool, float]) -> None:
    costs[True] = 119.0
    assert planned(SELECTIVE.format("postgres")).whole


@pytest.mark.parametrize("wanted", ["push", "pull"])
def test_no_grouping_is_pulled_alone_unless_it_may_be_chosen(
    wanted: str, costs: dict[bool, float]
) -> None:
    costs[True] = 500.0
    assert planned(SELECTIVE.format("postgres")).groups
    assert not planned(SELECTIVE.format("postgres"), wanted).groups
    assert not planned(SELECTIVE.format("postgres"), orders=governed()).groups
    assert not planned(SELECTIVE.format("mariadb")).groups


@pytest.mark.parametrize(
    "sql",
    [
        SELECTIVE.replace(" HAVING count(note) > 3", ""),
        SELECTIVE.replace("o.id IN", "o.id NOT IN"),
        SELECTIVE.replace("GROUP BY id", "GROUP BY id LIMIT 5").replace(
            " LIMIT 5 HAVING count(note) > 3", " HAVING count(note) > 3 ORDER BY id LIMIT 5"
        ),
    ],
    ids=["all-groups", "none-of-them", "some-of-them"],
)
def test_only_a_grouping_by_whose_keys_rows_stay_is_pulled_alone(
    sql: str, costs: dict[bool, float]
) -> None:
    costs[True] = 500.0
    assert not planned(sql.format("postgres")).groups
