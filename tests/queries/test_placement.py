"""Push or pull over real sources: the same rows either way, and the choices for TPC-H."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from bench import tpch
from bench.layouts import ALL_IN_POSTGRES, laid_out
from gateway.config import Config
from gateway.errors import Kind
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
def gateway(postgres: Postgres) -> Iterator[Gateway]:
    """All tables of TPC-H in PostgreSQL; statistics are waited for, whatever the machine does."""
    with laid_out(ALL_IN_POSTGRES, SCALE) as layout:
        gateway = Gateway.open(layout.mesh, Config(statistics_wait_seconds=60))
        yield gateway
        gateway.close()


def planned(gateway: Gateway, sql: str, options: QueryOptions) -> Plan:
    return gateway.prepare(Request(PRINCIPAL, sql, options=options)).plan


@pytest.mark.parametrize("name", CHOICES)
def test_the_choice_for_tpch(name: str, gateway: Gateway) -> None:
    plan = planned(gateway, tpch.queries()[name], QueryOptions())
    assert ("whole" if plan.whole else "pulled") == CHOICES[name]
