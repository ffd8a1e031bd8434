"""Files that are replaced, damaged or taken away under a running gateway: the error says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.mesh import Product, build
from gateway.config import Config
from gateway.errors import GatewayError
from gateway.pipeline import Gateway
from tests.queries.meshes import Mesh

ROWS = pa.table(
    {"k": pa.array([1, 2, 2], pa.int32()), "v": pa.array([10, 20, 30], pa.int64())},
)
QUERIES = (
    "SELECT k, sum(v) AS s, count(*) AS n FROM t.f.fact GROUP BY k ORDER BY k",
    "SELECT k, v FROM t.f.fact WHERE k > 1",
    "SELECT a.k, count(*) FROM t.f.fact a JOIN t.f.fact b ON a.k = b.k GROUP BY a.k",
)


@pytest.fixture
def fact(tmp_path: Path) -> Path:
    (tmp_path / "files").mkdir()
    pq.write_table(ROWS, tmp_path / "files" / "fact.parquet")
    return tmp_path / "files" / "fact.parquet"


@pytest.fixture(params=[True, False], ids=["embedded", "engine"])
def mesh(request: pytest.FixtureRequest, fact: Path, tmp_path: Path) -> Iterator[Mesh]:
    product = Product("f", "files", str(fact.parent))
    config = Config(embedded_duckdb=request.param)
    gateway = Gateway.open(build(tmp_path / "mesh", "t", [product]), config, audited=False)
    yield Mesh(gateway)
    gateway.close()


@pytest.mark.parametrize("sql", QUERIES)
def test_a_column_of_another_type_is_drift(mesh: Mesh, fact: Path, sql: str) -> None:
    assert isinstance(mesh.answer(sql), pa.Table)
    changed = ROWS.set_column(0, "k", pa.array(["a", "b", "c"]))
    pq.write_table(changed, fact.with_suffix(".new"))
    fact.with_suffix(".new").replace(fact)
    answer = mesh.answer(sql)
    assert isinstance(answer, GatewayError), answer
    assert answer.code == "SCHEMA_DRIFT"


@pytest.mark.parametrize("sql", QUERIES)
@pytest.mark.parametrize("text", ["{}", "EXPLAIN {}"])
def test_a_damaged_file_is_an_error_of_its_source(
    mesh: Mesh, fact: Path, sql: str, text: str
) -> None:
    assert isinstance(mesh.answer(sql), pa.Table)
    fact.write_bytes(b"PAR1garbagePAR1")
    answer = mesh.answer(text.format(sql))
    if not text.startswith("EXPLAIN"):
        assert isinstance(answer, GatewayError), answer
        assert answer.code.startswith("SOURCE_") or answer.code == "SCHEMA_DRIFT", answer


@pytest.mark.parametrize("sql", QUERIES)
@pytest.mark.parametrize("text", ["{}", "EXPLAIN {}"])
def test_a_file_that_is_gone_is_an_error_of_its_source(
    mesh: Mesh, fact: Path, sql: str, text: str
) -> None:
    assert isinstance(mesh.answer(sql), pa.Table)
    fact.unlink()
    answer = mesh.answer(text.format(sql))
    if not text.startswith("EXPLAIN"):
        assert isinstance(answer, GatewayError), answer
        assert answer.code.startswith("SOURCE_"), answer
