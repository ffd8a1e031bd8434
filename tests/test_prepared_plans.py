"""Plans of statements with parameters: kept no longer than they are right, typed whatever else."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pyarrow as pa
import pytest

from gateway import plans
from gateway.config import Config
from gateway.errors import Cancelled, GatewayError
from gateway.model import Request
from gateway.pipeline import Gateway
from gateway.plan.planner import plan_query
from gateway.prepared import Prepared
from gateway.serving.admission import Admission
from gateway.serving.executions import Executions
from gateway.serving.reports import Reports
from tests.gateways import ANA, gateway, in_memory, in_source

NUMBERS = pa.table({"id": pa.array(range(10), pa.int64()), "name": [f"n{i}" for i in range(10)]})


def run(gateway: Gateway, described: Prepared, *values: object) -> list[object]:
    prepared = gateway.bind(described, [pa.scalar(value) for value in values])
    return [row for b in gateway.execute(prepared).batches for row in b.column(0).to_pylist()]


def templates(gateway: Gateway) -> int:
    forms = gateway.plans._prepared._forms.values()
    return sum(form.template is not None for form in forms)


def test_a_gateway_that_keeps_no_plans_takes_values() -> None:
    shop = gateway(in_memory({"numbers": NUMBERS}, "no plans"), config=Config(cached_plans=0))
    described = shop.prepare(Request(ANA, "SELECT name FROM numbers WHERE id = ?"))
    assert [run(shop, described, i) for i in range(4)] == [[f"n{i}"] for i in range(4)]


def test_templates_of_a_source_that_rejects_one_are_made_anew(tmp_path: Path) -> None:
    file = tmp_path / "numbers.db"
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE numbers (id INTEGER PRIMARY KEY, name TEXT)")
        database.executemany("INSERT INTO numbers VALUES (?, ?)", [(i, f"n{i}") for i in range(9)])
    shop = gateway(in_source("sqlite", str(file), ["numbers"]))
    described = shop.prepare(Request(ANA, "SELECT name FROM numbers WHERE id = ?"))
    assert [run(shop, described, i) for i in (1, 2, 3)] == [["n1"], ["n2"], ["n3"]]
    assert templates(shop) == 1
    with sqlite3.connect(file) as database:
        database.execute("ALTER TABLE numbers RENAME COLUMN name TO called")
    with pytest.raises(GatewayError):
        run(shop, described, 4)
    assert templates(shop) == 0


def test_values_that_differ_each_time_keep_nothing() -> None:
    shop = gateway(in_memory({"numbers": NUMBERS}, "patterns"))
    described = shop.prepare(Request(ANA, "SELECT id FROM numbers WHERE name LIKE ?"))
    for i in range(5):
        assert run(shop, described, f"n{i}%") == [i]
    assert not shop.plans._prepared._forms


def test_one_parameter_without_a_type_leaves_the_others_theirs() -> None:
    shop = gateway(in_memory({"numbers": NUMBERS}, "many"))
    listed = ", ".join("?" * 150)
    text = f"SELECT ? AS said FROM numbers WHERE id IN ({listed}) AND name <> lower(?)"
    types = shop.prepare(Request(ANA, text)).parameters.types
    assert types == [pa.string(), *[pa.int64()] * 150, pa.string()]


def test_many_rows_of_values_stop_between_two_of_them() -> None:
    shop = gateway(in_memory({"numbers": NUMBERS}, "stopped"))
    described = shop.prepare(Request(ANA, "SELECT id FROM numbers WHERE id = ?"))
    made = []

    def more() -> object:
        for i in range(100, 200):
            made.append(i)
            yield shop.bind(described, [pa.scalar(i)])

    executions = Executions(shop, Admission(total=1, per_principal=1), Reports())
    first = shop.execute(shop.bind(described, [pa.scalar(1)]))
    rows = executions._following(first, more(), "user:ana", lambda: len(made) > 2)
    with pytest.raises(Cancelled):
        list(rows)
    assert len(made) == 3


def test_a_statement_is_planned_over_its_stand_ins_once(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = gateway(in_memory({"numbers": NUMBERS}, "once"))
    planned = []

    def plan(*arguments: object, **more: object) -> object:
        planned.append(arguments)
        return plan_query(*arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(plans, "plan_query", plan)
    described = shop.prepare(Request(ANA, "SELECT name FROM numbers WHERE id = ?"))
    assert len(planned) == 1
    assert run(shop, described, 1) == ["n1"]
    assert len(planned) == 2
    for i in (2, 3, 4):  # the template takes the least stand-in beside the greatest of before
        assert run(shop, described, i) == [f"n{i}"]
    assert len(planned) == 3 and templates(shop) == 1
