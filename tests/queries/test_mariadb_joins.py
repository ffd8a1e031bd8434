"""Joins that MariaDB does without an index: by a hash, of texts where their bytes agree."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pyarrow as pa
import pytest

from bench.mesh import Product, build
from bench.stores import without_password
from connectors.mariadb import MariaDbConnector
from gateway.config import Config
from gateway.model import QueryOptions, Request
from gateway.pipeline import Gateway
from tests.queries.meshes import PRINCIPAL, Mesh
from tests.services import MariaDb

COLLATIONS = {
    "general": "CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
    "unicode": "CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
    "old": "CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci",
    "latin1": "CHARACTER SET latin1",
    "cp1250": "CHARACTER SET cp1250",
    "nopad": "CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin",
}
WORDS = ["a", "A", "a ", "ä", "Ä", "ss", "ß", "", " ", None, "a", "é", "ß"]
JOINS = {
    "inner": "JOIN {other} u ON t.s = u.s",
    "left": "LEFT JOIN {other} u ON t.s = u.s AND t.i <= u.i",
    "numbers": "JOIN {other} u ON t.n = u.n",
    "left numbers": "LEFT JOIN {other} u ON t.n = u.n",
    "outer numbers computed": "LEFT JOIN {other} u ON t.n = u.n + 1",
    "both": "JOIN {other} u ON t.s = u.s AND t.n = u.n",
    "semi": "WHERE EXISTS (SELECT 1 FROM {other} u WHERE u.s = t.s AND u.n <> t.n)",
    "anti": "WHERE NOT EXISTS (SELECT 1 FROM {other} u WHERE u.s = t.s AND u.n <> t.n)",
    "in": "WHERE t.s IN (SELECT u.s FROM {other} u WHERE u.n > 1)",
    "not in": "WHERE t.s NOT IN (SELECT u.s FROM {other} u WHERE u.s IS NOT NULL AND u.n > 2)",
}


def of(table: str, other: str, join: str) -> str:
    columns = "t.i, t.s, t.n" + (", u.i AS ui, u.s AS us" if "JOIN" in JOINS[join] else "")
    tables = {"other": f"test.my.{other}"}
    return f"SELECT {columns} FROM test.my.{table} t {JOINS[join].format(**tables)}"


@pytest.fixture(scope="module")
def gateway(mariadb: MariaDb, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("mariadb-joins")
    rows = ", ".join(
        f"({i}, {'NULL' if w is None else repr(w)}, {'NULL' if i % 5 == 0 else i % 4})"
        for i, w in enumerate(WORDS)
    )
    with mariadb.database() as name:
        for table, kind in {**COLLATIONS, "changing": COLLATIONS["general"]}.items():
            for copy in (table, f"{table}_2"):
                mariadb.execute(
                    f"CREATE TABLE {copy} (i bigint PRIMARY KEY, s varchar(20), n int) {kind}",
                    f"INSERT INTO {copy} VALUES {rows}",
                    f"ANALYZE TABLE {copy}",
                    database=name,
                )
        uri = mariadb.uri(name)
        product = Product("my", "mariadb", without_password(uri, folder / "password"), uri)
        opened = Gateway.open(build(folder / "mesh", "test", [product]), Config(), audited=False)
        yield opened
        opened.close()


@pytest.mark.parametrize("join", JOINS)
@pytest.mark.parametrize(
    ("table", "other"),
    [
        *((name, f"{name}_2") for name in COLLATIONS),
        *itertools.permutations(("general", "unicode", "latin1"), 2),
    ],
)
def test_pushed_joins_give_the_rows_of_pulled_ones(
    gateway: Gateway, table: str, other: str, join: str
) -> None:
    mesh, sql = Mesh(gateway), of(table, other, join)
    pushed = mesh.answer(sql, QueryOptions(placement="push"))
    pulled = mesh.answer(sql, QueryOptions(placement="pull"))
    assert isinstance(pushed, pa.Table), pushed
    assert isinstance(pulled, pa.Table), pulled
    assert rows(pushed) == rows(pulled)
    assert pushed.num_rows


def rows(table: pa.Table) -> list[str]:
    return sorted(map(str, table.to_pylist()))


@pytest.mark.parametrize("join", ["inner", "numbers", "left numbers", "both"])
@pytest.mark.parametrize("table", ["general", "old", "nopad"])
def test_the_server_finds_partners_by_a_hash(gateway: Gateway, table: str, join: str) -> None:
    request = Request(
        PRINCIPAL, of(table, f"{table}_2", join), options=QueryOptions(placement="push")
    )
    plan = gateway.prepare(request).plan
    assert plan.whole
    connector = next(iter(plan.tables.values())).connector
    assert isinstance(connector, MariaDbConnector)
    steps = connector._rows(f"EXPLAIN {plan.fragments[0].text}")
    assert any("BNLH" in str(step["Extra"]) for step in steps), steps


def test_another_collation_is_noticed_when_the_server_rejects_a_join(
    gateway: Gateway, mariadb: MariaDb
) -> None:
    mesh, sql, push = Mesh(gateway), of("changing", "changing_2", "inner"), "push"
    before = mesh.answer(sql, QueryOptions(placement=push))
    assert isinstance(before, pa.Table), before
    (table, *_) = gateway.prepare(Request(PRINCIPAL, sql)).plan.tables.values()
    assert isinstance(table.connector, MariaDbConnector)
    mariadb.execute(
        f"ALTER TABLE changing_2 MODIFY s varchar(20) {COLLATIONS['unicode']}",
        database=table.connector.source_key.location.rpartition("/")[2],
    )
    mesh.answer(sql, QueryOptions(placement=push))  # may be rejected, by a plan from before
    after = mesh.answer(sql, QueryOptions(placement=push))
    assert isinstance(after, pa.Table), after
    assert rows(after) == rows(before)
