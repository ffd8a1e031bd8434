"""Push or pull over real sources: the same rows either way, and the choices for TPC-H."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from bench import tpch
from bench.layouts import ALL_IN_POSTGRES, Layout, laid_out
from gateway.config import Config
from gateway.errors import Cancelled, Kind
from gateway.model import QueryOptions, Request
from gateway.pipeline import Gateway
from gateway.plan.plan import Plan
from gateway.verification.comparison import difference
from tests.queries import corpus
from tests.queries.meshes import PRINCIPAL, Mesh
from tests.queries.placements import MIXED, SINGLE, Placement, sampled
from tests.queries.reference import DuckDb
from tests.services import Postgres

PULL = QueryOptions(placement="pull")
SCALE = 0.1
CHOICES = {"q13": "pulled", "q16": "pulled", "q18": "pulled", "q08": "whole", "q03": "whole"}


@pytest.mark.parametrize(
    ("query", "placement"), sampled(corpus.queries(), [*SINGLE[:3], MIXED[2]]), ids=str
)
def test_pulled_queries_give_the_rows_of_the_reference(
    query: corpus.Query, placement: Placement, mesh: Mesh, duckdb: DuckDb
) -> None:
    """Pushed ones are those of test_corpus: tables this small are pushed unless asked for."""
    sql = placement.apply(query.sql)
    answer = mesh.answer(sql, PULL)
    if not isinstance(answer, pa.Table):
        assert query.may_refuse and answer.kind is Kind.USER, f"{answer}\n{sql}"
        return
    wrong = difference(answer, duckdb.answer(query.reference_sql), ordered=query.ordered)
    assert wrong is None, f"{wrong}\n{sql}"


@pytest.fixture(scope="module")
def layout(postgres: Postgres) -> Iterator[Layout]:
    """All tables of TPC-H in PostgreSQL."""
    with laid_out(ALL_IN_POSTGRES, SCALE) as layout:
        yield layout


@pytest.fixture(scope="module")
def gateway(layout: Layout) -> Iterator[Gateway]:
    """Statistics are waited for, whatever the machine does."""
    gateway = Gateway.open(layout.mesh, Config(statistics_wait_seconds=60))
    yield gateway
    gateway.close()


def planned(gateway: Gateway, sql: str, options: QueryOptions) -> Plan:
    return gateway.prepare(Request(PRINCIPAL, sql, options=options)).plan


@pytest.mark.parametrize("name", CHOICES)
def test_the_choice_for_tpch(name: str, gateway: Gateway) -> None:
    plan = planned(gateway, tpch.queries()[name], QueryOptions())
    assert ("whole" if plan.whole else "pulled") == CHOICES[name]


MANY_ITEMS = """
SELECT c_name, o_orderkey, sum(l_quantity) AS quantity
FROM customer, orders, lineitem
WHERE o_orderkey IN (
    SELECT l_orderkey FROM lineitem GROUP BY l_orderkey HAVING sum(l_quantity) > {}
) AND c_custkey = o_custkey AND o_orderkey = l_orderkey
GROUP BY c_name, o_orderkey
"""


def answer(gateway: Gateway, sql: str, options: QueryOptions) -> pa.Table:
    prepared = gateway.prepare(Request(PRINCIPAL, sql, options=options))
    result = gateway.execute(prepared)
    return pa.Table.from_batches(list(result.batches), result.schema)


@pytest.mark.parametrize("least", [250, 1_000])
def test_groups_that_are_pulled_reduce_what_is_pushed(least: int, gateway: Gateway) -> None:
    sql = MANY_ITEMS.format(least)
    plan = planned(gateway, sql, QueryOptions())
    joined, groups, scan = plan.fragments
    assert groups.computed and not joined.computed and not scan.computed
    assert "JOIN" in joined.text and "GROUP BY" not in scan.text
    prepared = gateway.prepare(Request(PRINCIPAL, sql))
    result = gateway.execute(prepared)
    rows = pa.Table.from_batches(list(result.batches), result.schema)
    for forced in ("push", "pull"):
        assert (
            difference(rows, answer(gateway, sql, QueryOptions(placement=forced)), ordered=False)
            is None
        )
    sent = {f.text: f.rows for f in result.report.fragments}
    assert sent[scan.text] == 600_572
    reduced = [f for f in result.report.fragments if f.text != scan.text]
    if least == 250:
        (reduced,) = reduced
        assert 0 < rows.num_rows < reduced.rows < 10_000
        assert reduced.keys == rows.num_rows
    else:
        assert rows.num_rows == 0 and not reduced  # without keys there is nothing to ask for


def test_groups_that_are_no_keys_are_not_waited_for(layout: Layout) -> None:
    """Nearly all groups are left: what was planned for few of them is planned anew."""
    gateway = Gateway.open(layout.mesh, Config(statistics_wait_seconds=60, reduction_keys=100))
    try:
        sql = MANY_ITEMS.format(200)
        assert planned(gateway, sql, QueryOptions()).groups
        result = gateway.execute(gateway.prepare(Request(PRINCIPAL, sql)))
        rows = pa.Table.from_batches(list(result.batches), result.schema)
        assert rows.num_rows > 100
        assert any(f.rows == 600_572 for f in result.report.fragments)  # what was read in vain
        assert not planned(gateway, sql, QueryOptions()).groups  # and is not read again
        assert (
            difference(rows, answer(gateway, sql, QueryOptions(placement="push")), ordered=False)
            is None
        )
    finally:
        gateway.close()


def test_a_grouping_that_is_cancelled_ends(gateway: Gateway) -> None:
    prepared = gateway.prepare(Request(PRINCIPAL, MANY_ITEMS.format(250)))
    with pytest.raises(Cancelled):
        list(gateway.execute(prepared, lambda: True).batches)
    assert answer(gateway, MANY_ITEMS.format(250), QueryOptions()).num_rows
