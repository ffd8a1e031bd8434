"""The types only one source has: mapped exactly, or named in an error."""

from __future__ import annotations

import datetime as dt
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from sqlglot import exp

from connectors import memory, open_connector
from connectors.interface import Binding, SourceError, SourceErrorCode
from tests import services


def read(connector: Any, name: str) -> list[dict[str, object]]:
    """All rows of an object, as the planner reads them."""
    schema = connector.schema(name)
    outputs = [
        exp.alias_(connector.dialect.read(exp.column(f.name, "t0", quoted=True), f), f"c{i}")
        for i, f in enumerate(schema)
    ]
    query = exp.select(*outputs).from_(exp.alias_(connector.table(name), "t0", table=True))
    stream = connector.query(connector.render(query, schema), schema)
    return [row for batch in stream for row in batch.to_pylist()]


POSTGRES = {
    "numeric(15,2)": (pa.decimal128(15, 2), "1.25", Decimal("1.25")),
    "numeric(50,3)": (pa.decimal256(50, 3), "1.25", Decimal("1.250")),
    "numeric(3,-2)": (pa.decimal128(5, 0), "1234", Decimal("1200")),
    "numeric": (pa.decimal128(38, 3), "1.125", Decimal("1.125")),
    "char(5)": (pa.string(), "'ab'", "ab"),
    "varchar(5)": (pa.string(), "'ab '", "ab "),
    '"char"': (pa.string(), "'x'", "x"),
    "oid": (pa.int64(), "4000000000", 4_000_000_000),
    "uuid": (
        pa.string(),
        "'00000000-0000-0000-0000-00000000000A'",
        "00000000-0000-0000-0000-00000000000a",
    ),
    "jsonb": (pa.string(), """'{"a":1}'""", '{"a": 1}'),
    "json": (pa.string(), """'{"a":1}'""", '{"a":1}'),
    "mood": (pa.string(), "'ok'", "ok"),
    "positive": (pa.decimal128(9, 3), "1.5", Decimal("1.500")),
    "inet": (pa.string(), "'10.0.0.0/8'", "10.0.0.0/8"),
    "real": (pa.float32(), "1.5", 1.5),
    "time": (pa.time64("us"), "'10:30'", dt.time(10, 30)),
    "int[]": (pa.list_(pa.int32()), "'{1,NULL}'", [1, None]),
    "text[]": (pa.list_(pa.string()), "'{a,b}'", ["a", "b"]),
    "numeric(5,1)[]": (pa.list_(pa.decimal128(5, 1)), "'{1.5}'", [Decimal("1.5")]),
    "mood[]": (pa.list_(pa.string()), "'{sad}'", ["sad"]),
    "timestamptz": (
        pa.timestamp("us", "UTC"),
        "'2024-06-01 12:00+02'",
        dt.datetime(2024, 6, 1, 10, tzinfo=dt.UTC),
    ),
}


def test_postgres_types_are_mapped_exactly(postgres: services.Postgres) -> None:
    with postgres.database() as uri:
        columns = ", ".join(f"c{i} {name}" for i, name in enumerate(POSTGRES))
        values = ", ".join(text for _, text, _ in POSTGRES.values())
        execute(
            postgres,
            uri,
            "CREATE TYPE mood AS ENUM ('sad', 'ok')",
            "CREATE DOMAIN positive AS numeric(9,3) CHECK (value > 0)",
            f"CREATE TABLE t ({columns})",
            f"INSERT INTO t VALUES ({values})",
            "COMMENT ON TABLE t IS 'all of them'",
            "COMMENT ON COLUMN t.c0 IS 'money'",
        )
        connector = open_connector(Binding("postgres", uri, "t"))
        schema = connector.schema("t")
        assert schema.types == [kind for kind, _, _ in POSTGRES.values()]
        assert schema.field("c0").metadata[b"mesh.physicalType"] == b"numeric(15,2)"
        assert schema.field("c0").metadata[b"mesh.comment"] == b"money"
        (row,) = read(connector, "t")
        assert list(row.values()) == [value for _, _, value in POSTGRES.values()]
        (listed,) = connector.objects()  # type: ignore[attr-defined]
        assert listed.comment == "all of them"
        connector.close()


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        ("date", "'infinity'"),
        ("timestamp", "'-infinity'"),
        ("timestamptz", "'infinity'"),
        ("timestamp", "'294276-12-31'"),
        ("time", "'24:00'"),
        ("numeric(5,2)", "'NaN'"),
        ("int[]", "'{{1,2},{3,4}}'"),
    ],
)
def test_postgres_value_arrow_can_not_hold_is_an_error(
    postgres: services.Postgres, declared: str, value: str
) -> None:
    with postgres.database() as uri:
        execute(postgres, uri, f"CREATE TABLE t (x {declared})", f"INSERT INTO t VALUES ({value})")
        connector = open_connector(Binding("postgres", uri, "t"))
        with pytest.raises(SourceError) as caught:
            read(connector, "t")
        assert caught.value.code is SourceErrorCode.VALUE_UNEXPECTED
        connector.close()


def test_postgres_objects_of_every_kind_are_listed(postgres: services.Postgres) -> None:
    with postgres.database() as uri:
        execute(
            postgres,
            uri,
            "CREATE SCHEMA other",
            "CREATE TABLE t (b int, a int, PRIMARY KEY (a, b))",
            "CREATE VIEW v AS SELECT a FROM t",
            "CREATE MATERIALIZED VIEW mv AS SELECT a FROM t",
            "CREATE TABLE p (a int) PARTITION BY RANGE (a)",
            "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10)",
            'CREATE TABLE other."a.B" (x int)',
            "CREATE TABLE money (x money)",
        )
        connector = open_connector(Binding("postgres", uri, "t"))
        found = {o.name: o for o in connector.objects()}  # type: ignore[attr-defined]
        assert list(found) == ["money", "mv", 'other."a.B"', "p", "t", "v"]
        assert found["t"].primary_key == ("a", "b")
        assert found["mv"].kind == "materialised view"
        assert "'x'" in found["money"].problem
        assert "money" in found["money"].problem
        assert connector.schema('other."a.B"').names == ["x"]
        with pytest.raises(SourceError) as caught:
            connector.schema("money")
        assert caught.value.code is SourceErrorCode.TYPE_UNSUPPORTED
        connector.close()


def test_postgres_text_that_ignores_case_compares_by_its_bytes(
    postgres: services.Postgres,
) -> None:
    with postgres.database() as uri:
        execute(
            postgres,
            uri,
            "CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', "
            "deterministic = false)",
            "CREATE TABLE t (x text COLLATE loose)",
            "INSERT INTO t VALUES ('a'), ('A')",
        )
        connector: Any = open_connector(Binding("postgres", uri, "t"))
        field = connector.schema("t").field("x")
        column = connector.dialect.read(exp.column("x", "t0", quoted=True), field)
        query = exp.select(exp.alias_(column, "c0")).from_(
            exp.alias_(connector.table("t"), "t0", table=True)
        )
        query = query.where(exp.EQ(this=column.copy(), expression=exp.Literal.string("a")))
        schema = pa.schema([("c0", pa.string())])
        stream = connector.query(connector.render(query, schema), schema)
        assert [r["c0"] for batch in stream for r in batch.to_pylist()] == ["a"]
        connector.close()


MARIADB = {
    "tinyint(1)": (pa.int8(), "2", 2),
    "smallint unsigned": (pa.uint16(), "65535", 65_535),
    "bigint unsigned": (pa.uint64(), "18446744073709551615", 2**64 - 1),
    "decimal(65,30)": (pa.decimal256(65, 30), "1.5", Decimal("1.5")),
    "bit(1)": (pa.bool_(), "b'1'", True),
    "bit(10)": (pa.uint64(), "b'1010101010'", 682),
    "year": (pa.int16(), "2024", 2024),
    "float": (pa.float32(), "0.5", 0.5),
    "enum('x','y')": (pa.string(), "'y'", "y"),
    "json": (pa.string(), """'{"a":1}'""", '{"a":1}'),
    "uuid": (
        pa.string(),
        "'00000000-0000-0000-0000-00000000000a'",
        "00000000-0000-0000-0000-00000000000a",
    ),
    "time": (pa.string(), "'-100:30:00'", "-100:30:00"),
    "binary(3)": (pa.binary(), "'ab'", b"ab\x00"),
    "longtext": (pa.string(), "'x'", "x"),
    "datetime(6)": (
        pa.timestamp("us"),
        "'2024-01-01 10:00:00.000001'",
        dt.datetime(2024, 1, 1, 10, 0, 0, 1),
    ),
}


def test_mariadb_types_are_mapped_exactly(mariadb: services.MariaDb) -> None:
    with mariadb.database() as name:
        columns = ", ".join(f"c{i} {declared}" for i, declared in enumerate(MARIADB))
        values = ", ".join(text for _, text, _ in MARIADB.values())
        mariadb.execute(
            f"CREATE TABLE t ({columns})", f"INSERT INTO t VALUES ({values})", database=name
        )
        connector = open_connector(Binding("mariadb", mariadb.uri(name), "t"))
        assert connector.schema("t").types == [kind for kind, _, _ in MARIADB.values()]
        (row,) = read(connector, "t")
        assert list(row.values()) == [value for _, _, value in MARIADB.values()]
        connector.close()


@pytest.mark.parametrize(
    ("declared", "value", "options"),
    [
        ("date", "'0000-00-00'", {}),
        ("datetime", "'2024-02-00'", {}),
        ("longtext", "repeat('x', 200)", {"max_text_bytes": "100"}),
    ],
)
def test_mariadb_value_that_can_not_be_read_is_an_error(
    mariadb: services.MariaDb, declared: str, value: str, options: dict[str, str]
) -> None:
    with mariadb.database() as name:
        mariadb.execute(
            "SET SESSION sql_mode = ''",
            f"CREATE TABLE t (x {declared})",
            f"INSERT INTO t VALUES ({value})",
            database=name,
        )
        connector = open_connector(Binding("mariadb", mariadb.uri(name), "t", options))
        with pytest.raises(SourceError) as caught:
            read(connector, "t")
        assert caught.value.code is SourceErrorCode.VALUE_UNEXPECTED
        connector.close()


def test_mariadb_type_without_a_counterpart_is_named(mariadb: services.MariaDb) -> None:
    with mariadb.database() as name:
        mariadb.execute("CREATE TABLE t (place point)", database=name)
        connector = open_connector(Binding("mariadb", mariadb.uri(name), "t"))
        with pytest.raises(SourceError) as caught:
            connector.schema("t")
        assert caught.value.code is SourceErrorCode.TYPE_UNSUPPORTED
        assert "place" in caught.value.message
        assert "point" in caught.value.message
        connector.close()


DUCKDB = {
    "hugeint": (pa.decimal128(38, 0), "10 ** 20", Decimal(10) ** 20),
    "utinyint": (pa.uint8(), "255", 255),
    "uuid": (
        pa.string(),
        "'00000000-0000-0000-0000-00000000000a'",
        "00000000-0000-0000-0000-00000000000a",
    ),
    "json": (pa.string(), """'{"a":1}'""", '{"a":1}'),
    "enum('x', 'y')": (pa.string(), "'y'", "y"),
    "integer[]": (pa.list_(pa.int32()), "[1, 2]", [1, 2]),
    "integer[2]": (pa.list_(pa.int32()), "[1, 2]", [1, 2]),
    "struct(a integer)": (pa.struct([("a", pa.int32())]), "{'a': 1}", {"a": 1}),
    "timestamp_s": (pa.timestamp("s"), "'2024-01-01'", dt.datetime(2024, 1, 1)),
}


def test_duckdb_types_are_mapped_exactly(tmp_path: Path) -> None:
    path = str(tmp_path / "t.duckdb")
    with duckdb.connect(path) as connection:
        columns = ", ".join(f"c{i} {declared}" for i, declared in enumerate(DUCKDB))
        values = ", ".join(text for _, text, _ in DUCKDB.values())
        connection.execute(f"CREATE TABLE t ({columns})")
        connection.execute(f"INSERT INTO t VALUES ({values})")
        connection.execute("CREATE TABLE odd (x map(varchar, integer))")
        connection.execute("CREATE TABLE far (x date)")
        connection.execute("INSERT INTO far VALUES ('infinity')")
    connector = open_connector(Binding("duckdb", path, "t"))
    assert connector.schema("t").types == [kind for kind, _, _ in DUCKDB.values()]
    (row,) = read(connector, "t")
    assert list(row.values()) == [value for _, _, value in DUCKDB.values()]
    for name, code in (
        ("odd", SourceErrorCode.TYPE_UNSUPPORTED),
        ("far", SourceErrorCode.VALUE_UNEXPECTED),
    ):
        with pytest.raises(SourceError) as caught:
            read(connector, name)
        assert caught.value.code is code
    connector.close()


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        ("int", "'abc'"),
        ("int", "1.5"),
        ("text", "x'00'"),
        ("date", "'2024-1-1'"),
        ("date", "'2024-13-01'"),
        ("date", "20240101"),
        ("boolean", "2"),
        ("timestamp", "1700000000"),
        ("decimal(10,2)", "1.234"),
        ("decimal(10,2)", "'abc'"),
    ],
)
def test_sqlite_value_of_another_type_is_never_silent(
    tmp_path: Path, declared: str, value: str
) -> None:
    path = tmp_path / "t.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"CREATE TABLE t (x {declared})")
        connection.execute(f"INSERT INTO t VALUES ({value})")
    connector: Any = open_connector(Binding("sqlite", str(path), "t"))
    with pytest.raises(SourceError) as caught:
        read(connector, "t")
    assert caught.value.code is SourceErrorCode.VALUE_UNEXPECTED
    connector.close()


def test_sqlite_filter_does_not_pass_over_a_value_of_another_type(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE t (id integer primary key, x int)")
        connection.execute("INSERT INTO t (x) VALUES (1), ('abc')")
    connector: Any = open_connector(Binding("sqlite", str(path), "t"))
    field = connector.schema("t").field("x")
    column = connector.dialect.read(exp.column("x", quoted=True), field)
    query = exp.select(exp.alias_(exp.column("id"), "c0")).from_(connector.table("t"))
    query = query.where(exp.GT(this=column, expression=exp.Literal.number(0)))
    schema = pa.schema([("c0", pa.int64())])
    with pytest.raises(SourceError) as caught:
        list(connector.query(connector.render(query, schema), schema))
    assert caught.value.code is SourceErrorCode.VALUE_UNEXPECTED
    connector.close()


def test_sqlite_column_without_a_type_is_what_its_values_are(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE t (a, b, c)")
        connection.execute("INSERT INTO t VALUES (1, 'x', 1), (NULL, NULL, 'y')")
        connection.execute("CREATE VIEW v AS SELECT a * 2 AS twice FROM t")
    connector = open_connector(Binding("sqlite", str(path), "t"))
    assert connector.schema("v").types == [pa.int64()]
    with pytest.raises(SourceError) as caught:
        connector.schema("t")
    assert caught.value.code is SourceErrorCode.TYPE_UNSUPPORTED
    assert "'c'" in caught.value.message
    connector.close()


def test_memory_tables_are_found_under_their_store() -> None:
    table = pa.table({"x": [1, 2]})
    connector: Any = open_connector(
        Binding("memory", memory.register("conformance", {"t": table}), "t")
    )
    assert connector.schema("t") == table.schema
    assert connector.dataset("t").to_table() == table
    assert [o.name for o in connector.objects()] == ["t"]
    with pytest.raises(SourceError) as caught:
        connector.schema("nothing")
    assert caught.value.code is SourceErrorCode.OBJECT_NOT_FOUND
    memory.forget("conformance")


def execute(server: services.Postgres, uri: str, *statements: str) -> None:
    """Run statements in the database of a uri."""
    server.execute(*statements, database=uri.rpartition("/")[2].partition("?")[0])
