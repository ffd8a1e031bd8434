"""The lineage of the 22 queries of TPC-H is what reading them says, wherever the tables are."""

from __future__ import annotations

import pytest

from bench import tpch
from gateway.config import Config
from gateway.languages import sql
from gateway.plan.planner import Query, plan_query
from tests.lineage import truth
from tests.plans import tpch as tables

TRUTHS = truth.read("tpch.truth")
PREFIXES = {
    "r": "region",
    "n": "nation",
    "s": "supplier",
    "c": "customer",
    "p": "part",
    "ps": "partsupp",
    "o": "orders",
    "l": "lineitem",
}
PLACES = {
    "files": dict.fromkeys(tpch.TABLES, "local"),
    "duckdb": dict.fromkeys(tpch.TABLES, "duckdb"),
    "mixed": {
        name: ("postgres", "sqlite", "local", "duckdb")[i % 4] for i, name in enumerate(tpch.TABLES)
    },
}


@pytest.mark.parametrize("places", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("query", TRUTHS, ids=str)
def test_the_lineage_of_tpch(query: truth.Truth, places: dict[str, str]) -> None:
    def address(name: str) -> str:
        return f"mesh://tpch/{places[name]}/{name}@1.0.0"

    def column(name: str) -> tuple[str, str]:
        return address(PREFIXES[name.partition("_")[0]]), name

    statement = sql.parse(tpch.queries()[query.name])
    plan = plan_query(Query(statement.text, statement.tree, {}), tables.tables(places), Config())
    assert plan.lineage is not None
    expected = query.lineage(column, address)
    assert truth.written(plan.lineage) == truth.written(expected)
    assert plan.lineage == expected


def test_every_query_has_its_truth() -> None:
    assert [query.name for query in TRUTHS] == sorted(tpch.queries())
