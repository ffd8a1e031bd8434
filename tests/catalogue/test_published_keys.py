"""Foreign keys that sources declare, from their databases to what clients are shown."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow.flight as fl
import pytest
import sqlalchemy
import yaml

from gateway.catalogue import Catalogue
from gateway.cli import main
from gateway.flight.wire import flightsql_pb2 as sql
from gateway.identity.users import add_user
from tests.clients.postgres_wire.serving import Served as PostgresServed
from tests.flight.serving import ALICE, Served, descriptor
from tests.services import MariaDb, Postgres

TABLES = (
    "CREATE TABLE customers (id integer NOT NULL PRIMARY KEY, "
    " boss integer REFERENCES customers (id))",
    "CREATE TABLE places (country varchar(3) NOT NULL, city varchar(30) NOT NULL,"
    " PRIMARY KEY (country, city))",
    "CREATE TABLE orders (no integer NOT NULL PRIMARY KEY, customer integer NOT NULL,"
    " country varchar(3), city varchar(30),"
    " CONSTRAINT of_customer FOREIGN KEY (customer) REFERENCES customers (id),"
    " CONSTRAINT to_place FOREIGN KEY (country, city) REFERENCES places (country, city))",
)
KEYS = {
    ("customers", ("boss",), "customers", ("id",)),
    ("orders", ("customer",), "customers", ("id",)),
    ("orders", ("country", "city"), "places", ("country", "city")),
}


@contextmanager
def a_database(kind: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The tables in a database of this kind; its uri."""
    if kind == "sqlite":
        with closing(sqlite3.connect(folder / "shop.db")) as file, file:
            for statement in TABLES:
                file.execute(statement)
        yield str(folder / "shop.db")
    elif kind == "duckdb":
        with duckdb.connect(folder / "shop.duckdb") as database:
            for statement in TABLES:
                database.execute(statement)
        yield str(folder / "shop.duckdb")
    elif kind == "mariadb":
        mariadb: MariaDb = request.getfixturevalue("mariadb")
        with mariadb.database() as name:
            inline = "boss integer, FOREIGN KEY (boss) REFERENCES customers (id)"
            first = TABLES[0].replace("boss integer REFERENCES customers (id)", inline)
            assert inline in first
            mariadb.execute(first, *TABLES[1:], database=name)
            yield mariadb.uri(name)
    else:
        postgres: Postgres = request.getfixturevalue("postgres")
        with postgres.database() as uri:
            postgres.execute(*TABLES, database=uri.rsplit("/", 1)[-1].partition("?")[0])
            yield uri


@pytest.fixture(params=["sqlite", "duckdb", "postgres", "mariadb"])
def published(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., int]]:
    """Publishes a database of each kind into the mesh at `tmp_path`."""
    with a_database(request.param, tmp_path, request) as uri:
        monkeypatch.setenv("SHOP_URI", uri)

        def publish(*arguments: str) -> int:
            names = ("--mesh", str(tmp_path), "--domain", "sales", "--product", "shop")
            where = ("--connector", request.param, "--uri", "${SHOP_URI}")
            return main(["publish", *names, *where, *arguments])

        yield publish


def keys(mesh: Path) -> list[tuple[str, tuple[str, ...], str, tuple[str, ...]]]:
    return [
        (dataset.address.dataset, key.columns, key.target.dataset, key.target_columns)
        for dataset in Catalogue.load(mesh).datasets
        for key in dataset.foreign_keys
    ]


def test_keys_are_published_once(published: Callable[..., int], tmp_path: Path) -> None:
    assert published() == 0
    found = keys(tmp_path)
    assert len(found) == 3 and set(found) == KEYS
    before = {path: path.read_text() for path in tmp_path.rglob("*.yaml")}
    assert published() == 0
    assert {path: path.read_text() for path in tmp_path.rglob("*.yaml")} == before
    assert published("--version", "2.0.0") == 0
    assert len(keys(tmp_path)) == 6 and set(keys(tmp_path)) == KEYS


def shop(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / "shop.db")) as file, file:
        for statement in statements:
            file.execute(statement)


def publish(folder: Path, *arguments: str) -> int:
    names = ("--mesh", str(folder), "--domain", "sales", "--product", "shop")
    return main(["publish", *names, "--connector", "sqlite", "--uri", "shop.db", *arguments])


def test_what_is_written_by_hand_stays_and_what_the_source_drops_goes(tmp_path: Path) -> None:
    shop(tmp_path, *TABLES)
    assert publish(tmp_path) == 0
    (path,) = tmp_path.rglob("orders-*.odcs.yaml")
    contract = yaml.safe_load(path.read_text())
    columns = {c["name"]: c for c in contract["schema"][0]["properties"]}
    own = {"id": "mine", "to": "orders.no"}
    again = {"to": "customers-1.0.0.odcs.yaml#/schema/customers/properties/id"}
    columns["customer"]["relationships"].append(again)
    columns["no"]["relationships"] = [own]
    path.write_text(yaml.safe_dump(contract))
    assert len(keys(tmp_path)) == 4  # one is said twice
    shop(
        tmp_path,
        "DROP TABLE orders",
        "CREATE TABLE orders (no integer NOT NULL PRIMARY KEY, customer integer NOT NULL,"
        " country varchar(3), city varchar(30))",
    )
    assert publish(tmp_path, "--force") == 0
    assert set(keys(tmp_path)) == {
        ("customers", ("boss",), "customers", ("id",)),
        ("orders", ("customer",), "customers", ("id",)),
        ("orders", ("no",), "orders", ("no",)),
    }


def test_keys_that_can_not_be_written_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop(
        tmp_path,
        "CREATE TABLE Customers (Id integer NOT NULL PRIMARY KEY, [odd name] integer UNIQUE)",
        "CREATE TABLE hidden (id integer NOT NULL PRIMARY KEY)",
        "CREATE TABLE orders (a integer REFERENCES customers, b integer REFERENCES hidden (id),"
        " c integer REFERENCES CUSTOMERS ([odd name]))",
    )
    assert publish(tmp_path, "--object", "[Co]*") == 0
    assert keys(tmp_path) == [("orders", ("a",), "Customers", ("Id",))]
    said = capsys.readouterr().err
    assert "left out the foreign key (b) of orders: hidden is not published in this version" in said
    assert "left out the foreign key (c) of orders: ODCS has no reference to 'odd name'" in said


def test_tables_published_one_by_one_refer_to_each_other(tmp_path: Path) -> None:
    shop(tmp_path, *TABLES)
    for name in ("places", "customers", "orders"):
        assert publish(tmp_path, "--object", name) == 0
    assert set(keys(tmp_path)) == KEYS
    assert publish(tmp_path, "--object", "orders") == 0
    assert set(keys(tmp_path)) == KEYS


def test_a_key_whose_column_its_source_has_dropped_breaks_no_mesh(tmp_path: Path) -> None:
    shop(tmp_path, *TABLES)
    assert publish(tmp_path) == 0
    shop(tmp_path, "ALTER TABLE customers RENAME COLUMN id TO number")
    assert publish(tmp_path, "--object", "customers", "--force") == 0
    assert ("orders", ("customer",), "customers", ("id",)) not in keys(tmp_path)
    assert ("customers", ("boss",), "customers", ("number",)) in keys(tmp_path)
    assert publish(tmp_path, "--force") == 0
    assert ("orders", ("customer",), "customers", ("number",)) in keys(tmp_path)


def test_clients_are_shown_the_keys_of_the_database(tmp_path: Path) -> None:
    shop(tmp_path, *TABLES)
    assert publish(tmp_path) == 0
    (tmp_path / "policies").mkdir()
    rows = "p,all/reader,*,*,discover|read,*,*,*,allow\n"
    (tmp_path / "policies" / "all.csv").write_text(rows)
    add_user(tmp_path, ALICE[0], ["all/reader"], ALICE[1])
    assert _over_flight(tmp_path) == {
        ("customer", "customers", "id"),
        ("country", "places", "country"),
        ("city", "places", "city"),
    }
    served = PostgresServed(tmp_path)
    try:
        engine = sqlalchemy.create_engine(
            "postgresql+psycopg://", creator=lambda: psycopg.connect(served.dsn(database="sales"))
        )
        found = sqlalchemy.inspect(engine).get_foreign_keys("orders", schema="shop")
        engine.dispose()
    finally:
        served.close()
    assert {(tuple(k["constrained_columns"]), k["referred_table"]) for k in found} == {
        (("customer",), "customers"),
        (("country", "city"), "places"),
    }


def _over_flight(mesh: Path) -> set[tuple[Any, ...]]:
    served = Served(mesh)
    try:
        client, options = served.raw()
        with client:
            info = client.get_flight_info(
                descriptor(sql.CommandGetImportedKeys(table="orders")), options
            )
            ticket: fl.Ticket = info.endpoints[0].ticket
            rows = client.do_get(ticket, options).read_all().to_pylist()
    finally:
        served.close()
    return {(r["fk_column_name"], r["pk_table_name"], r["pk_column_name"]) for r in rows}
