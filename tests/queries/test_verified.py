"""The option `verify` over the corpus: pushed and unpushed give the same, on every placement."""

from __future__ import annotations

import pyarrow as pa
import pytest

from gateway.errors import Kind
from gateway.model import QueryOptions
from gateway.plan import sql_writer
from tests.queries import corpus
from tests.queries.meshes import Mesh
from tests.queries.placements import MIXED, SINGLE, Placement, sampled

VERIFIED = QueryOptions(verify=True)


@pytest.mark.parametrize(
    ("query", "placement"), sampled(corpus.queries(), [*SINGLE[:4], *MIXED]), ids=str
)
def test_pushed_and_unpushed_agree(query: corpus.Query, placement: Placement, mesh: Mesh) -> None:
    sql = placement.apply(query.sql)
    answer = mesh.answer(sql, VERIFIED)
    if not isinstance(answer, pa.Table):
        inconclusive = answer.code == "VERIFICATION_INCONCLUSIVE"
        assert inconclusive or (query.may_refuse and answer.kind is Kind.USER), f"{answer}\n{sql}"


def test_a_wrong_pushdown_is_found(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    sql = SINGLE[0].apply("SELECT count(*) AS n FROM {people} WHERE id > 40")
    monkeypatch.setattr(sql_writer, "filtered", lambda block, conditions: block)
    answer = mesh.answer(sql, VERIFIED)
    assert not isinstance(answer, pa.Table)
    assert answer.code == "VERIFICATION_FAILED"
