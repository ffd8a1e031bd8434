"""SQLite's indexes serve equality, and values of another type are still an error when read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest
from sqlglot import exp

from connectors.interface import PHYSICAL_TYPE, SourceError, SourceErrorCode
from connectors.operands import Operand
from connectors.sqlite import SqliteConnector
from gateway.catalogue import Catalogue
from gateway.cli import main
from gateway.errors import GatewayError
from gateway.model import Principal, Request
from gateway.pipeline import Gateway

NUMBER = pa.schema([("c0", pa.int64())])


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.executescript(
            """
            CREATE TABLE t (n INT, s TEXT, c VARCHAR(9) COLLATE NOCASE, u UUID, d DATE);
            CREATE INDEX by_n ON t (n);
            CREATE INDEX by_s ON t (s);
            CREATE TABLE other (n BIGINT, s VARCHAR(20));
            INSERT INTO t VALUES (5, 'a', 'Ab', 'u1', '2024-01-01'), (6, 'A', 'ab', 'u2', NULL);
            INSERT INTO other VALUES (5, 'A'), (7, 'b');
            """
        )
        yield connection


@pytest.fixture
def connector(database: sqlite3.Connection, tmp_path: Path) -> Iterator[SqliteConnector]:
    opened = SqliteConnector(str(tmp_path / "shop.db"), {})
    yield opened
    opened.close()


def column(connector: SqliteConnector, table: str, name: str) -> Operand:
    field = connector.schema(table).field(name)
    bare = exp.column(name, table=table, quoted=True)
    dialect = connector.dialect
    return Operand(dialect.read(bare.copy(), field), field.type, native=dialect.native(bare, field))


def constant(connector: SqliteConnector, value: object, data_type: pa.DataType) -> Operand:
    return Operand(connector.dialect.literal(value, data_type), data_type, value, is_literal=True)


def compared(connector: SqliteConnector, name: str, left: Operand, right: Operand) -> str:
    tree = connector.dialect.call(name, (left, right), pa.bool_())
    return tree.sql(dialect="sqlite")


def plan(database: sqlite3.Connection, text: str) -> str:
    return " ".join(row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {text}"))


def numbers(connector: SqliteConnector, text: str) -> list[int]:
    stream = connector.query(text, NUMBER)
    return [value for batch in stream for value in batch.column(0).to_pylist()]


@pytest.mark.parametrize(
    ("name", "value", "data_type"), [("n", 5, pa.int64()), ("s", "a", pa.string())]
)
def test_an_index_serves_equality_with_a_constant(
    connector: SqliteConnector,
    database: sqlite3.Connection,
    name: str,
    value: object,
    data_type: pa.DataType,
) -> None:
    test = compared(
        connector, "equal", column(connector, "t", name), constant(connector, value, data_type)
    )
    text = f"SELECT t.n FROM t WHERE {test}"
    assert f"INDEX by_{name}" in plan(database, text)
    assert numbers(connector, text) == [5]


@pytest.mark.parametrize("name", ["n", "s"])
def test_an_index_serves_a_join(
    connector: SqliteConnector, database: sqlite3.Connection, name: str
) -> None:
    test = compared(
        connector, "equal", column(connector, "t", name), column(connector, "other", name)
    )
    text = f"SELECT t.n FROM other CROSS JOIN t ON {test}"
    assert f"INDEX by_{name}" in plan(database, text)
    assert numbers(connector, text) == ([5] if name == "n" else [6])


def test_a_collation_of_the_column_does_not_decide_what_is_equal(
    connector: SqliteConnector,
) -> None:
    test = compared(
        connector, "equal", column(connector, "t", "c"), constant(connector, "ab", pa.string())
    )
    assert numbers(connector, f"SELECT t.n FROM t WHERE {test}") == [6]


def test_a_column_whose_affinity_is_not_its_type_keeps_its_guard(
    connector: SqliteConnector, database: sqlite3.Connection
) -> None:
    for name in ("u", "d"):
        assert column(connector, "t", name).native is None
    database.execute("INSERT INTO t (n, u) VALUES (9, '123')")  # kept as a number: UUID is NUMERIC
    database.commit()
    test = compared(
        connector, "equal", column(connector, "t", "u"), constant(connector, "123", pa.string())
    )
    with pytest.raises(SourceError) as caught:
        numbers(connector, f"SELECT count(*) FROM t WHERE {test}")
    assert caught.value.code is SourceErrorCode.VALUE_UNEXPECTED


def test_only_the_key_that_is_the_rowid_is_fixed_to_integers(
    connector: SqliteConnector, database: sqlite3.Connection
) -> None:
    database.executescript(
        """
        CREATE TABLE rowid_key (k INTEGER PRIMARY KEY);
        CREATE TABLE loose_key (k INTEGER PRIMARY KEY DESC);
        INSERT INTO loose_key VALUES (NULL), ('five');
        CREATE TABLE own_key (k INTEGER PRIMARY KEY) WITHOUT ROWID;
        """
    )
    fixed = {t: connector.schema(t).field("k") for t in ("rowid_key", "loose_key", "own_key")}
    assert {t: f.metadata[PHYSICAL_TYPE].decode() for t, f in fixed.items()} == {
        "rowid_key": "INTEGER STRICT",
        "loose_key": "INTEGER",
        "own_key": "INTEGER",
    }
    assert [t for t, f in fixed.items() if not f.nullable] == ["rowid_key", "own_key"]


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("SELECT s FROM {t} WHERE n = 5", ["a"]),
        ("SELECT s FROM {t} WHERE n IN (5, 6) ORDER BY s", ["A", "a"]),
        ("SELECT count(*) FROM {t} WHERE n = 5.0", None),
        ("SELECT count(*) FROM {t} WHERE n <> 5", None),
        ("SELECT count(*) FROM {t} WHERE n > 5", None),
        ("SELECT n FROM {t}", None),
        ("SELECT n, count(*) FROM {t} GROUP BY n", None),
        ("SELECT count(*) FROM {t} GROUP BY n", None),
        ("SELECT DISTINCT n FROM {t}", None),
    ],
)
def test_a_value_of_another_type_matches_nothing_and_is_an_error_where_it_is_read(
    database: sqlite3.Connection, tmp_path: Path, query: str, answer: list[str] | None
) -> None:
    database.execute("INSERT INTO t (n, s) VALUES ('five', 'x')")
    database.commit()
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "all.csv").write_text("p,*,shop,mesh://shop/shop/*,read,*,*,*,allow\n")
    arguments = ("--domain", "shop", "--product", "shop", "--connector", "sqlite")
    assert main(["publish", "--mesh", str(tmp_path), *arguments, "--uri", "shop.db"]) == 0
    assert len(Catalogue.load(tmp_path).datasets) == 2
    gateway = Gateway.open(tmp_path)
    try:
        request = Request(Principal("user:a"), query.format(t="shop.shop.t"))
        if answer is None:
            with pytest.raises(GatewayError, match=r"not of its declared type|another kind"):
                list(gateway.execute(gateway.prepare(request)).batches)
            return
        batches = list(gateway.execute(gateway.prepare(request)).batches)
        assert [v for b in batches for v in b.column(0).to_pylist()] == answer
    finally:
        gateway.close()
