"""Usage, lineage, events and quality by SQL: one sees its own; stewards and overseers more."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.errors import UnknownDataset
from gateway.memory import usage
from gateway.memory.quality_results import Result, Verdict, save
from gateway.model import Principal, View
from gateway.pipeline import Gateway
from tests.system.meshes import ALL, HIDDEN, NOBODY, POLICIES, SALES, SHOWN, STEWARD, ask, mesh

OFFICER = Principal("user:olga")
WIDE = Principal("user:wide")

LINES, SALARIES = str(SHOWN[0].address), str(HIDDEN[0].address)
LENDING = replace(
    SHOWN[3], view=View("SELECT id, customer, margin FROM hr.people.salaries", "owner", True)
)

RIGHTS = (
    *POLICIES,
    ("p", "user:olga", "system", "mesh://system/usage/*", "read", "*", "*", "*", "allow"),
    ("p", "user:olga", "system", "mesh://system/lineage/*", "read", "*", "*", "*", "allow"),
    ("p", "user:olga", "sales", "mesh://sales/*/*", "discover", "*", "*", "*", "allow"),
    ("p", "user:wide", "*", "*", "read", "*", "*", "*", "allow"),
    ("p", "owner", "hr", "mesh://hr/people/*", "read|publish", "*", "*", "*", "allow"),
)


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """What six runs have left behind."""
    folder: Path = tmp_path_factory.mktemp("mesh")
    opened = mesh([*SHOWN[:3], LENDING, *HIDDEN], RIGHTS, folder)
    assert ask(opened, "SELECT id FROM sales.orders.order_lines WHERE id < 3 AND 'x' = 'x'", SALES)
    assert ask(opened, "SELECT max(margin) AS private FROM sales.orders.order_lines", ALL)
    assert ask(opened, "SELECT count(id) FROM hr.people.salaries", ALL)
    assert ask(opened, "SELECT id FROM sales.stock.busy", SALES)
    with pytest.raises(UnknownDataset):
        ask(opened, "SELECT id FROM hr.people.salaries", SALES)
    beside = "SELECT o.id FROM sales.orders.lines o, system.catalogue.products p LIMIT 4"
    assert len(ask(opened, beside, SALES)) == 4
    assert opened.mesh.memory is not None
    store = opened.mesh.memory.store
    end = time.monotonic() + 20
    while len(usage.runs(store)) < 6 or not all(
        r["ended"] or r["verdict"] == "denied" for r in usage.runs(store).to_pylist()
    ):
        assert time.monotonic() < end, usage.runs(store).to_pylist()
        time.sleep(0.05)
    yield opened
    opened.close()


def runs(gateway: Gateway, who: Principal) -> list[tuple[object, ...]]:
    sql = """SELECT principal, verdict, rows, statement IS NOT NULL FROM system.usage.runs
        WHERE NOT statement LIKE '%system%' OR statement IS NULL ORDER BY principal, time"""
    return [row for row in ask(gateway, sql, who) if row[0] in ("user:all", "user:sally")]


MINE = [("user:sally", "allowed", 2, True), ("user:sally", "allowed", 3, True)]
DENIED = ("user:sally", "denied", 0, True)


def test_everybody_sees_its_own_runs_and_no_others(used: Gateway) -> None:
    assert runs(used, SALES) == [*MINE, DENIED]
    assert runs(used, ALL) == [("user:all", "allowed", 1, True)] * 2
    assert runs(used, NOBODY) == runs(used, WIDE) == []


def test_a_steward_sees_runs_over_what_it_administers_without_their_text(used: Gateway) -> None:
    assert runs(used, STEWARD) == [
        ("user:all", "allowed", 1, False),
        ("user:sally", "allowed", 2, False),
        ("user:sally", "allowed", 4, False),  # a system table beside it hides nothing
    ]


def test_an_overseer_sees_runs_over_what_it_may_know_of(used: Gateway) -> None:
    sql = "SELECT run FROM system.usage.runs"
    theirs = set(ask(used, sql, OFFICER))
    assert set(ask(used, sql, SALES)) - theirs  # of the view that stands on what is hidden
    assert theirs & set(ask(used, sql, SALES))
    over = f"SELECT run FROM system.usage.reads WHERE dataset = '{SALARIES}'"
    assert len(ask(used, over, ALL)) == 1
    assert not theirs & set(ask(used, over, ALL))


def reads(gateway: Gateway, who: Principal) -> set[tuple[object, ...]]:
    sql = 'SELECT principal, dataset, "columns" FROM system.usage.reads'
    return {row for row in ask(gateway, sql, who) if not str(row[1]).startswith("mesh://system")}


def test_reads_tell_of_no_dataset_and_no_column_one_may_not_know_of(used: Gateway) -> None:
    view = str(LENDING.address)
    other = str(SHOWN[1].address)
    mine = {
        (SALES.name, LINES, "id"),
        (SALES.name, view, "id, customer"),
        (SALES.name, other, "id"),
    }
    assert reads(used, SALES) == mine  # not what is below the view, nor what was denied
    assert reads(used, ALL) == {("user:all", LINES, "margin"), ("user:all", SALARIES, "id")}
    assert reads(used, STEWARD) == mine | {("user:all", LINES, "margin")}
    assert reads(used, OFFICER) == reads(used, STEWARD)
    assert reads(used, NOBODY) == reads(used, WIDE) == set()


def test_sums_by_caller_dataset_and_column(used: Gateway) -> None:
    callers = "SELECT principal, sum(runs), sum(denied) FROM system.usage.callers GROUP BY 1"
    own = dict(row[:2] for row in ask(used, callers, SALES))
    assert own.keys() == {"user:sally"}
    assert own["user:sally"] >= 2
    assert {"user:sally", "user:all"} <= {row[0] for row in ask(used, callers, OFFICER)}
    datasets = f"SELECT principal, runs, rows FROM system.usage.datasets WHERE dataset = '{LINES}'"
    assert ask(used, datasets, SALES) == [("user:sally", 1, 2)]
    both = [("user:all", 1, 1), ("user:sally", 1, 2)]
    assert sorted(ask(used, datasets, STEWARD)) == both  # type: ignore[type-var]
    columns = """SELECT principal, "column", masked FROM system.usage.columns
        WHERE dataset LIKE 'mesh://sales/orders/%'"""
    assert set(ask(used, columns, SALES)) == {("user:sally", "id", False)}
    assert ("user:all", "margin", False) in ask(used, columns, STEWARD)
    assert ask(used, "SELECT * FROM system.usage.datasets", WIDE) == []


def edges(gateway: Gateway, who: Principal) -> set[tuple[object, ...]]:
    sql = 'SELECT output, dataset, "column", subtype FROM system.lineage.edges'
    return {row for row in ask(gateway, sql, who) if not str(row[1]).startswith("mesh://system")}


def test_lineage_is_of_own_runs_or_of_what_one_administers(used: Gateway) -> None:
    mine = edges(used, SALES)
    assert ("id", LINES, "id", "IDENTITY") in mine
    assert {row[1] for row in mine} <= {LINES, str(LENDING.address), str(SHOWN[1].address)}
    assert "margin" not in str(mine)
    theirs = edges(used, STEWARD)
    assert (None, LINES, "margin", "AGGREGATION") in theirs  # what others call it is their text
    assert "private" not in str(theirs)
    assert ("private", LINES, "margin", "AGGREGATION") in edges(used, ALL)
    assert SALARIES not in str(theirs | edges(used, OFFICER))
    assert edges(used, NOBODY) == edges(used, WIDE) == set()
    sql = """SELECT e."column" FROM system.lineage.runs r JOIN system.lineage.edges e
        ON e.shape = r.shape WHERE r.principal = 'user:all' AND e.output = 'private'"""
    assert ask(used, sql, ALL) == [("margin",)]
    assert ask(used, sql, SALES) == []


def test_results_of_quality(used: Gateway) -> None:
    assert used.mesh.memory is not None
    found = [
        Result(LINES, "rule", name, "f", "r", 1.0, columns, "nulls", 7.0, "must be 0", verdict)
        for name, columns, verdict in (
            ("ids", ("id",), Verdict.FAIL),
            ("margins", ("margin",), Verdict.PASS),
        )
    ]
    with used.mesh.memory.store.writing() as transaction:
        save(transaction, [*found, replace(found[0], dataset=SALARIES)])
    sql = (
        "SELECT address, rule, verdict, value, threshold FROM system.quality.results"
        " WHERE kind = 'rule' ORDER BY 1, 2"
    )
    assert ask(used, sql, SALES) == [(LINES, "ids", "fail", None, None)]
    assert ask(used, sql, STEWARD) == [
        (LINES, "ids", "fail", 7.0, "must be 0"),
        (LINES, "margins", "pass", 7.0, "must be 0"),
    ]
    assert [row[0] for row in ask(used, sql, ALL)] == [SALARIES, LINES, LINES]
    assert ask(used, sql, NOBODY) == []


def test_events_of_the_life_cycle(used: Gateway) -> None:
    sql = "SELECT DISTINCT address FROM system.catalogue.events ORDER BY 1"
    end = time.monotonic() + 20
    while len(ask(used, sql, ALL)) < 7:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert {row[0] for row in ask(used, sql, SALES)} == {
        str(each.address) for each in (*SHOWN[:3], LENDING)
    }
    assert ask(used, sql, NOBODY) == []


def test_without_a_memory_there_are_no_rows() -> None:
    opened = mesh(SHOWN)
    for table in ("usage.runs", "usage.reads", "usage.callers", "usage.datasets", "usage.columns"):
        assert ask(opened, f"SELECT * FROM system.{table}") == []
    for table in ("lineage.edges", "lineage.runs", "quality.results", "catalogue.events"):
        assert ask(opened, f"SELECT * FROM system.{table}") == []
    opened.close()
