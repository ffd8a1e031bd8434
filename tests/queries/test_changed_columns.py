"""A column that becomes another type under a running gateway: an error, never rows in its order.

MariaDB is left out: its sums of whole numbers arrive as text too, and such a change is noticed only
when the contract is looked at again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb as duck
import pyarrow as pa
import pytest

from bench.mesh import Product, build
from bench.stores import without_password
from gateway.config import Config
from gateway.errors import GatewayError
from gateway.pipeline import Gateway
from tests.queries.meshes import Mesh
from tests.services import Postgres

NUMBERS = ", ".join(f"({n}, {n})" for n in range(20))
QUERIES = ("SELECT k FROM t.s.a ORDER BY k DESC LIMIT 3", "SELECT max(k) AS m FROM t.s.a")
Change = Callable[[], None]


@contextlib.contextmanager
def in_postgres(server: Postgres, folder: Path) -> Iterator[tuple[Product, Change]]:
    with server.database() as uri:
        name = uri.rpartition("/")[2]
        server.execute("CREATE TABLE a (k int, v bigint)", database=name)
        server.execute(f"INSERT INTO a VALUES {NUMBERS}", database=name)
        yield (
            Product("s", "postgres", without_password(uri, folder / "password"), uri),
            lambda: server.execute("ALTER TABLE a ALTER COLUMN k TYPE text", database=name),
        )


@contextlib.contextmanager
def in_duckdb(folder: Path) -> Iterator[tuple[Product, Change]]:
    path = folder / "s.duckdb"

    def fill(target: Path, kind: str) -> None:
        with duck.connect(str(target)) as connection:
            connection.execute(f"CREATE TABLE a (k {kind}, v BIGINT)")
            connection.execute(f"INSERT INTO a VALUES {NUMBERS}")

    def change() -> None:
        fill(folder / "other.duckdb", "VARCHAR")
        (folder / "other.duckdb").replace(path)

    fill(path, "INTEGER")
    yield Product("s", "duckdb", str(path)), change


@pytest.fixture(params=["postgres", "duckdb"])
def changing(
    request: pytest.FixtureRequest, postgres: Postgres, tmp_path: Path
) -> Iterator[tuple[Mesh, Change]]:
    opened = {
        "postgres": lambda: in_postgres(postgres, tmp_path),
        "duckdb": lambda: in_duckdb(tmp_path),
    }
    with opened[request.param]() as (product, change):
        gateway = Gateway.open(build(tmp_path / "mesh", "t", [product]), Config(), audited=False)
        yield Mesh(gateway), change
        gateway.close()


@pytest.mark.parametrize("sql", QUERIES)
def test_the_answer_is_an_error(changing: tuple[Mesh, Change], sql: str) -> None:
    mesh, change = changing
    before = mesh.answer(sql)
    assert isinstance(before, pa.Table), before
    assert before.column(0)[0].as_py() == 19
    change()
    answer = mesh.answer(sql)
    if isinstance(answer, pa.Table):  # a file that is still open is the one it was
        assert answer.equals(before)
    else:
        assert isinstance(answer, GatewayError)
        assert answer.code in {"SCHEMA_DRIFT", "SOURCE_VALUE_UNEXPECTED"}, answer
