"""Texts for which a MariaDB column's character set has no word: no row has them, and no error."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from bench.mesh import Product, build
from bench.stores import without_password
from gateway.config import Config
from gateway.pipeline import Gateway
from tests.queries.meshes import Mesh
from tests.services import MariaDb, Postgres

ROWS = 6000
CHARACTER_SETS = ("latin1", "utf8mb3", "ascii", "ucs2", "cp1250", "utf8mb4")


@pytest.fixture(scope="module")
def mesh(
    postgres: Postgres, mariadb: MariaDb, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mesh]:
    folder = tmp_path_factory.mktemp("character-sets")
    with postgres.database() as first, mariadb.database() as two:
        postgres.execute(
            "CREATE TABLE words (i bigint PRIMARY KEY, s text)",
            "INSERT INTO words VALUES (1, 'w1'), (2, '€'), (3, '😀'), (4, 'ж'), (5, 'w2')",
            "ANALYZE",
            database=first.rpartition("/")[2],
        )
        for name in CHARACTER_SETS:
            mariadb.execute(
                f"CREATE TABLE {name}_t (i bigint PRIMARY KEY, s varchar(20)) CHARACTER SET {name}",
                f"INSERT INTO {name}_t SELECT seq, concat('w', seq % 3000) FROM seq_1_to_{ROWS}",
                f"ANALYZE TABLE {name}_t",
                database=two,
            )
        second = mariadb.uri(two)
        products = [
            Product("pg", "postgres", without_password(first, folder / "one"), first),
            Product("my", "mariadb", without_password(second, folder / "two"), second),
        ]
        config = Config(reduction_least_rows=0, reduction_rows_per_key=0.0)
        gateway = Gateway.open(build(folder / "mesh", "test", products), config, audited=False)
        yield Mesh(gateway)
        gateway.close()


@pytest.mark.parametrize("name", CHARACTER_SETS)
@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("t.s = '😀'", 0),
        ("t.s = 'w7'", 2),
        ("t.s IN ('ж', 'w1', '😀', 'ß')", 2),
        ("t.s NOT IN ('ж', 'w1')", ROWS - 2),
        ("t.s <> '€'", ROWS),
        ("t.s < '😀'", ROWS),
        ("t.s LIKE '😀%'", 0),
        ("t.s || 'ж' = 'w1ж'", 2),
        ("coalesce(nullif(t.s, '😀'), 'ж') = 'w1'", 2),
    ],
)
def test_constants(mesh: Mesh, name: str, condition: str, rows: int) -> None:
    answer = mesh.answer(f"SELECT count(*) AS n FROM test.my.{name}_t t WHERE {condition}")
    assert isinstance(answer, pa.Table), answer
    assert answer.to_pydict() == {"n": [rows]}


@pytest.mark.parametrize("name", CHARACTER_SETS)
def test_keys(mesh: Mesh, name: str) -> None:
    answer = mesh.answer(
        f"SELECT count(*) AS n FROM test.pg.words g JOIN test.my.{name}_t t ON g.s = t.s"
    )
    assert isinstance(answer, pa.Table), answer
    assert answer.to_pydict() == {"n": [4]}
