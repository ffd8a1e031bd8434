"""System tables through the fronts: browsed like any other, and each caller sees its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import adbc_driver_flightsql.dbapi as adbc
import psycopg
import pyarrow as pa
import pytest

from bench.mesh import Product, PublishError, govern, publish
from connectors import memory, open_connector
from connectors.interface import Binding, ListsObjects
from gateway.catalogue import Catalogue
from gateway.cli import main
from gateway.errors import CatalogueError
from gateway.flight.wire import flightsql_pb2 as sql
from gateway.serving.plain_types import Types, plain_schema
from gateway.system.tables import TABLES
from tests.catalogue import meshes
from tests.clients.postgres_wire import serving as wire
from tests.flight.serving import ALICE, BOB, Served

POLICIES = """\
p,all/reader,*,*,discover|read,*,*,*,allow
p,sales/reader,sales,mesh://sales/*/*,discover|read,*,*,*,allow
"""


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("mesh")
    rows = pa.table({"id": [1, 2], "name": ["a", "b"]})
    publish(folder, "sales", Product("shop", "memory", memory.register("s-shop", {"orders": rows})))
    publish(folder, "hr", Product("staff", "memory", memory.register("s-staff", {"orders": rows})))
    govern(folder, POLICIES, {ALICE: ["all/reader"], BOB: ["sales/reader"]})
    yield folder
    memory.forget("s-shop")
    memory.forget("s-staff")


@pytest.fixture(scope="module")
def flight(mesh: Path) -> Iterator[Served]:
    served = Served(mesh)
    yield served
    served.close()


@pytest.fixture(scope="module")
def postgres(mesh: Path) -> Iterator[wire.Served]:
    served = wire.Served(mesh)
    yield served
    served.close()


NAMES = sorted((table.product, table.name) for table in TABLES)


def test_flight_sql_lists_every_table_with_its_schema(flight: Served) -> None:
    with flight.client(BOB) as client:
        command = sql.CommandGetTables(include_schema=True, catalog="system")
        rows = client._get(command).read_all().to_pylist()
    assert [(row["db_schema_name"], row["table_name"]) for row in rows] == NAMES
    for row in rows:
        shown = pa.ipc.read_schema(pa.py_buffer(row["table_schema"]))
        (table,) = (
            t for t in TABLES if (t.product, t.name) == (row["db_schema_name"], row["table_name"])
        )
        expected = plain_schema(table.schema, Types.PLAIN)
        assert [(f.name, f.type) for f in shown] == [(f.name, f.type) for f in expected]


def test_adbc_searches_with_a_parameter(flight: Served) -> None:
    text = "SELECT domain FROM system.catalogue.search WHERE query = ? ORDER BY rank"
    for who, expected in ((ALICE, [("hr",), ("sales",)]), (BOB, [("sales",)])):
        options = {"username": who[0], "password": who[1]}
        with (
            adbc.connect(flight.uri, db_kwargs=options) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(text, ("ordres",))
            assert cursor.fetchall() == expected


def test_postgres_lists_every_table_and_column_in_the_database_system(
    postgres: wire.Served,
) -> None:
    tables = "SELECT table_schema, table_name FROM information_schema.tables ORDER BY 1, 2"
    with psycopg.connect(postgres.dsn(BOB, dbname="mesh")) as connection:
        assert {schema for schema, _ in connection.execute(tables).fetchall()} == {"sales.shop"}
    with psycopg.connect(postgres.dsn(BOB, dbname="system")) as connection:
        assert connection.execute(tables).fetchall() == NAMES
        for table in TABLES:
            columns = connection.execute(
                "SELECT column_name FROM information_schema.columns"
                " WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position",
                (table.product, table.name),
            ).fetchall()
            assert [name for (name,) in columns] == table.schema.names


def test_postgres_asks_in_both_databases(postgres: wire.Served) -> None:
    search = "SELECT domain FROM {} WHERE query = %s ORDER BY rank"
    for database, name in (
        ("mesh", '"system.catalogue".search'),
        ("mesh", "system.catalogue.search"),
        ("system", "catalogue.search"),
    ):
        for who, expected in ((wire.ALICE, [("hr",), ("sales",)]), (wire.BOB, [("sales",)])):
            with psycopg.connect(postgres.dsn(who, dbname=database)) as connection:
                found = connection.execute(search.format(name), ("ordres",)).fetchall()
                assert found == expected


def test_the_command_line_searches_the_folder_and_as_a_principal(
    mesh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def found(*more: str) -> list[str]:
        assert main(["catalogue", "--mesh", str(mesh), *more]) == 0
        return [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()[1:]]

    everything = ["hr.staff.orders", "sales.shop.orders"]
    assert found() == found("search", "ordres") == everything
    assert found("--as", "all/reader", "search", "ordres") == everything
    assert found("--as", "sales/reader") == ["sales.shop.orders"]
    assert found("--as", f"user:{BOB[0]}", "search", "ordres") == ["sales.shop.orders"]
    assert main(["catalogue", "--mesh", str(mesh), "search", "zzzz"]) == 1
    assert "nothing found" in capsys.readouterr().err


def test_the_command_line_searches_at_a_gateway(
    flight: Served, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESHGATE_PASSWORD", BOB[1])
    where = ["--connect", flight.uri, "--user", BOB[0], "--format", "json"]
    assert main(["catalogue", *where, "search", "it's", "ordres"]) == 1
    assert main(["catalogue", *where, "search", "ordres"]) == 0
    assert '"name": "sales.shop.orders"' in capsys.readouterr().out
    assert main(["catalogue", *where, "--as", "user:x"]) == 1
    assert "--as is for a mesh folder" in capsys.readouterr().err


def test_policies_name_system_tables(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = mesh / "draft"
    rows.mkdir()
    address = "mesh://system/usage/{},read,*,*,*,allow\n"
    lines = [f"p,all/reader,system,{address.format(name)}" for name in ("*", "rnus")]
    (rows / "access.csv").write_text("".join(lines))
    assert main(["policy", "check", "--mesh", str(mesh), str(rows)]) == 0
    (warning,) = (w for w in capsys.readouterr().out.splitlines() if "usage" in w)
    assert "rnus" in warning


def test_a_gateway_over_this_one_is_not_offered_its_system_tables(flight: Served) -> None:
    login = f"{ALICE[0]}:{ALICE[1]}@"
    binding = Binding("flightsql", flight.uri.replace("//", f"//{login}"), "")
    connector = open_connector(binding)
    assert isinstance(connector, ListsObjects)
    assert [o.name for o in connector.objects()] == ["hr.staff.orders", "sales.shop.orders"]
    connector.close()


def test_no_mesh_has_the_domain_system(tmp_path: Path) -> None:
    rows = memory.register("s-own", {"orders": pa.table({"id": [1]})})
    said = "domain: 'System' is the domain of the gateway's own tables"
    with pytest.raises(PublishError, match=said):
        publish(tmp_path, "System", Product("shop", "memory", rows))
    assert not list(tmp_path.rglob("*.yaml"))
    meshes.write(tmp_path, "a.odps.yaml", meshes.product(domain="System"))
    meshes.write(tmp_path, "a.odcs.yaml", meshes.contract())
    with pytest.raises(CatalogueError, match=said):
        Catalogue.load(tmp_path)
    memory.forget("s-own")
