"""Joins in SQLite over columns that need a guard: no pair of rows is compared by itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pyarrow as pa
import pytest

from bench.mesh import Product, build
from gateway.config import Config
from gateway.model import QueryOptions
from gateway.pipeline import Gateway
from tests.queries.meshes import Mesh

SMALL, LARGE = 300, 900
VERIFIED = QueryOptions(verify=True, placement="push")
JOINS = (
    "SELECT count(*), sum(b.id) FROM t.s.small a LEFT JOIN t.s.large b ON a.id = b.k",
    "SELECT count(*), sum(b.id) FROM t.s.large b RIGHT JOIN t.s.small a ON a.id = b.k",
    "SELECT count(*), sum(b.id) FROM t.s.small a LEFT JOIN t.s.large b ON a.id = b.k AND b.id > 9",
    "SELECT count(*), sum(b.id) FROM t.s.small a LEFT JOIN "
    "(SELECT x.k, y.id FROM t.s.large x JOIN t.s.large y ON x.id = y.id) b ON a.id = b.k",
    "SELECT count(*) FROM t.s.small a WHERE NOT EXISTS "
    "(SELECT 1 FROM t.s.large b WHERE a.id = b.k)",
    "SELECT count(*) FROM t.s.large a WHERE NOT EXISTS "
    "(SELECT 1 FROM t.s.large b WHERE a.k = b.id AND a.id = b.k)",
    "SELECT count(*) FROM t.s.large a WHERE NOT EXISTS "
    "(SELECT 1 FROM t.s.large b WHERE a.k = b.k AND a.id < b.id)",
    "SELECT count(*) FROM t.s.small a WHERE EXISTS (SELECT 1 FROM t.s.large b WHERE a.id = b.k)",
    "SELECT count(*) FROM t.s.small a WHERE a.id NOT IN (SELECT b.k FROM t.s.large b)",
    "SELECT count(*), sum(b.id) FROM t.s.small a JOIN t.s.large b ON a.id = b.k",
)


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    folder = tmp_path_factory.mktemp("sqlite-joins")
    with closing(sqlite3.connect(folder / "s.db")) as database:
        database.execute("CREATE TABLE small (id INTEGER PRIMARY KEY, k INT)")
        database.execute("CREATE TABLE large (id INTEGER PRIMARY KEY, k INT)")
        small = [(i, i % 100) for i in range(SMALL)]
        database.executemany("INSERT INTO small VALUES (?, ?)", small)
        large = [(i, i % 1000 if i % 50 else None) for i in range(LARGE)]
        database.executemany("INSERT INTO large VALUES (?, ?)", large)
        database.commit()
    gateway = Gateway.open(
        build(folder / "mesh", "t", [Product("s", "sqlite", str(folder / "s.db"))]),
        Config(),
        audited=False,
    )
    yield Mesh(gateway)
    gateway.close()


@pytest.mark.parametrize("sql", JOINS)
def test_a_pushed_join_gives_the_rows_of_the_engine(mesh: Mesh, sql: str) -> None:
    answer = mesh.answer(sql, VERIFIED)
    assert isinstance(answer, pa.Table), answer


@pytest.mark.parametrize("sql", JOINS)
def test_no_pair_of_rows_is_compared_by_itself(mesh: Mesh, sql: str) -> None:
    """SQLite says how it means to run a text: a scan below a scan without an index would be it."""
    explained = mesh.answer(f"EXPLAIN {sql}", QueryOptions(placement="push"))
    assert isinstance(explained, pa.Table), explained
    fragments = [r for r in explained.to_pylist() if r["item"].startswith("fragment")]
    for fragment in fragments:
        assert not _nests(fragment["text"])


def _nests(text: str) -> bool:
    with closing(sqlite3.connect(":memory:")) as database:
        database.create_function("MESH_UNFIT_VALUE", -1, lambda *_: None)
        for name in ("small", "large"):
            database.execute(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, k INT)")
        steps = database.execute(f"EXPLAIN QUERY PLAN {text}").fetchall()
    told = [str(step[-1]) for step in steps]
    scans = [step for step in told if step.startswith("SCAN")]
    nested = [s for s in told if s.startswith("SEARCH") or "LIST SUBQUERY" in s]
    return len(scans) > 1 and not nested and "MATERIALIZE" not in " ".join(told)


def test_what_would_nest_is_seen() -> None:
    nesting = "SELECT 1 FROM small a WHERE NOT EXISTS (SELECT 1 FROM large b WHERE a.k = b.k)"
    assert _nests(nesting)
