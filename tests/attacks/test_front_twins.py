"""What bob may not know of: two served meshes that differ in nothing else answer alike, byte by byte.

`whole` has a domain, a product, a dataset, a column and a foreign key that bob may not discover;
`bare` has none of them. Both fronts are asked, by names of what is hidden and of what never was.
"""

from __future__ import annotations

import re
import socket
import sqlite3
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.flight as fl
import pytest
import yaml
from google.protobuf.message import Message

from connectors import memory
from gateway.cli import main
from gateway.flight import commands
from gateway.flight.authentication import Authenticator
from gateway.flight.server import FlightServer
from gateway.flight.service import FlightSql
from gateway.flight.wire import flight_pb2 as wire
from gateway.flight.wire import flightsql_pb2 as sql
from gateway.identity.identity import Identity
from gateway.identity.users import add_user
from gateway.pipeline import Gateway
from gateway.postgres_wire.listening import Address
from gateway.postgres_wire.queries import Engine
from gateway.postgres_wire.server import PostgresServer

pytestmark = pytest.mark.timeout(300)

BOB = ("bob", "builder")
ORDERS = pa.table({"id": [1, 2, 3], "note": ["a", "b", "c"], "secret": ["s", "s", "s"]})
PEOPLE = pa.table({"id": [1, 2], "name": ["Ada", "Grace"]})
POLICIES = """\
p,sales/reader,sales,mesh://sales/shop/*,discover|read,*,*,*,allow
p,sales/reader,sales,mesh://sales/keyed/lines,discover|read,*,*,*,allow
p,sales/reader,sales,mesh://sales/shop/*,discover|read,*,*,hush,deny
"""


class Mesh:
    """One of the two, served by both fronts."""

    def __init__(self, folder: Path, *, whole: bool) -> None:
        folder.mkdir()
        publish(folder, "sales", "shop", memory.register("front-twins", {"orders": ORDERS}))
        if whole:
            people = {"people": PEOPLE, "orders": PEOPLE, "kunden": PEOPLE}
            publish(folder, "hr", "staff", memory.register("front-twins-hr", people))
            publish(folder, "sales", "inner", memory.register("front-twins-inner", people))
        with sqlite3.connect(folder.parent / "keyed.db") as database:
            database.execute("CREATE TABLE IF NOT EXISTS lines (id INTEGER PRIMARY KEY, item INT)")
            database.execute("CREATE TABLE IF NOT EXISTS items (id INTEGER PRIMARY KEY, name TEXT)")
        database.close()
        publish(folder, "sales", "keyed", str(folder.parent / "keyed.db"), "sqlite")
        self._contracts(folder, whole=whole)
        (folder / "policies").mkdir()
        (folder / "policies" / "access.csv").write_text(POLICIES)
        add_user(folder, BOB[0], ["sales/reader"], BOB[1])
        self.gateway = Gateway.open(folder)
        service, identity = FlightSql(self.gateway), Identity(folder)
        engine = Engine(self.gateway, service.executions, service.admission)
        self.wire = PostgresServer(Address("127.0.0.1", 0), engine, identity)
        self.flight = FlightServer("grpc://127.0.0.1:0", service, Authenticator(identity))

    def _contracts(self, folder: Path, *, whole: bool) -> None:
        """Let only one of the two have the secret column and the foreign key."""
        (items,) = folder.glob("products/sales/keyed/items-*.odcs.yaml")
        (lines,) = folder.glob("products/sales/keyed/lines-*.odcs.yaml")
        (contract,) = folder.glob("products/sales/shop/orders-*.odcs.yaml")
        with edited(contract) as declared:
            secret = declared.pop()
            assert secret["name"] == "secret"
            if whole:
                declared.append({**secret, "tags": ["hush"]})
        with edited(items) as declared:
            declared[0] |= {"primaryKey": True, "primaryKeyPosition": 1}
        with edited(lines) as declared:
            declared[0] |= {"primaryKey": True, "primaryKeyPosition": 1}
            if whole:
                target = f"{items.name}#/schema/items/properties/id"
                declared[1]["relationships"] = [{"type": "foreignKey", "to": target}]

    def close(self) -> None:
        self.wire.close()
        self.flight.drain(0.0)
        self.gateway.close()


class edited:  # noqa: N801  (read as a verb)
    """The columns of a contract, written back after they were changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._document = yaml.safe_load(path.read_text())

    def __enter__(self) -> list[dict[str, Any]]:
        columns: list[dict[str, Any]] = self._document["schema"][0]["properties"]
        return columns

    def __exit__(self, *_: object) -> None:
        self._path.write_text(yaml.safe_dump(self._document, sort_keys=False))


def publish(folder: Path, domain: str, product: str, uri: str, connector: str = "memory") -> None:
    names = ["--domain", domain, "--product", product, "--connector", connector, "--uri", uri]
    assert main(["publish", "--mesh", str(folder), *names]) == 0


@pytest.fixture(scope="module")
def meshes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Mesh, Mesh]]:
    folder = tmp_path_factory.mktemp("fronts")
    made = Mesh(folder / "whole", whole=True), Mesh(folder / "bare", whole=False)
    yield made
    for mesh in made:
        mesh.close()
    for name in ("front-twins", "front-twins-hr", "front-twins-inner"):
        memory.forget(name)


# --- PostgreSQL's protocol


class Wire:
    """A connection of bob's that keeps every byte but those of its own key."""

    def __init__(self, mesh: Mesh, database: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", mesh.wire.address.port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")
        body = f"user\0{BOB[0]}\0database\0{database}\0\0".encode()
        self._socket.sendall(struct.pack("!ii", len(body) + 8, 3 << 16) + body)
        self._message()
        self._send(b"p", BOB[1].encode() + b"\0")
        self.login = self._answer()

    def simple(self, text: str) -> list[tuple[bytes, bytes]]:
        self._send(b"Q", text.encode() + b"\0")
        return self._answer()

    def extended(self, text: str) -> list[tuple[bytes, bytes]]:
        self._send(b"P", b"\0" + text.encode() + b"\0\0\0")
        self._send(b"D", b"S\0")
        self._send(b"B", b"\0" * 8)
        self._send(b"E", b"\0" * 5)
        self._send(b"S", b"")
        return self._answer()

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def _send(self, letter: bytes, body: bytes) -> None:
        self._socket.sendall(letter + struct.pack("!i", len(body) + 4) + body)

    def _message(self) -> tuple[bytes, bytes] | None:
        head = self._file.read(5)
        if len(head) < 5:
            return None
        letter, length = struct.unpack("!ci", head)
        return letter, self._file.read(length - 4)

    def _answer(self) -> list[tuple[bytes, bytes]]:
        found = []
        while (message := self._message()) is not None:
            if message[0] != b"K":
                found.append(message)
            if message[0] == b"Z":
                break
        return found


HIDDEN = (
    *("hr.staff.people", '"hr.staff".people', "people", "staff.people", "hr.staff.nothing"),
    *("sales.inner.kunden", '"sales.inner".kunden', "kunden", "inner.orders", "orders"),
    *("sales.keyed.items", "keyed.items", "items"),
)
OF_A_TABLE = (
    *("SELECT * FROM {}", "SELECT nope FROM {}", "EXPLAIN SELECT * FROM {}", "TABLE {}"),
    *("SELECT '{}'::regclass", "SELECT to_regclass('{}')", "SELECT '{}'::regclass::oid"),
    *("SELECT has_table_privilege('{}', 'SELECT')", "SELECT obj_description('{}'::regclass)"),
    *("COPY {} TO STDOUT", "COPY (SELECT * FROM {}) TO STDOUT", "DELETE FROM {}", "LOCK TABLE {}"),
    *("WITH x AS (SELECT * FROM {}) SELECT * FROM sales.keyed.lines", "SELECT * FROM {}, pg_class"),
    *("SELECT * FROM {} FOR VERSION AS OF '1.0.0'", "SELECT 1 FROM sales.shop.orders JOIN {} x ON true"),
)  # fmt: skip
OF_A_COLUMN = (
    *("SELECT {} FROM sales.shop.orders", "SELECT id FROM sales.shop.orders WHERE {} = 's'"),
    *("SELECT o.{} FROM sales.shop.orders o", "SELECT id FROM sales.shop.orders ORDER BY {}"),
    "SELECT has_column_privilege('sales.shop.orders', '{}', 'SELECT')",
    "SELECT id AS secret FROM sales.shop.orders ORDER BY {}",
)
OF_ALL = (
    *(f"SELECT * FROM pg_catalog.{t}" for t in (
        *("pg_class", "pg_attribute", "pg_namespace", "pg_database", "pg_constraint", "pg_index"),
        *("pg_description", "pg_roles", "pg_tables", "pg_views", "pg_depend", "pg_stats"),
    )),
    *(f"SELECT * FROM information_schema.{t}" for t in (
        *("tables", "columns", "table_constraints", "key_column_usage", "schemata"),
        *("referential_constraints", "constraint_column_usage"),
    )),
    *(f"SELECT has_schema_privilege('{s}', 'USAGE')" for s in ("hr.staff", "sales.inner", "no")),
    *(f"SELECT '{s}'::regnamespace" for s in ('"hr.staff"', '"sales.inner"', "no")),
    *(f"SET search_path = '{s}'; SELECT * FROM people" for s in ("hr.staff", '"sales.inner"')),
    "SELECT * FROM sales.shop.orders", "SELECT o FROM sales.shop.orders o", "SHOW ALL",
    *(f"SELECT * FROM remote_query('{p}', 'SELECT 1')" for p in ("hr.staff", "no.such")),
)  # fmt: skip


@pytest.mark.parametrize("database", ["mesh", "sales"])
def test_the_postgresql_front_tells_nothing(meshes: tuple[Mesh, Mesh], database: str) -> None:
    connections = [Wire(mesh, database) for mesh in meshes]
    assert connections[0].login == connections[1].login
    asked = [form.format(name) for form in OF_A_TABLE for name in HIDDEN]
    asked += [form.format(name) for form in OF_A_COLUMN for name in ("secret", "secreto", "SECRET")]
    for text in (*asked, *OF_ALL):
        for way in (Wire.simple, Wire.extended):
            whole, bare = (way(connection, text) for connection in connections)
            assert whole == bare, (way.__name__, text)
            assert b"XX000" not in b"".join(body for _, body in whole), text
            for connection in connections if text.startswith("SET") else ():
                connection.simple("RESET ALL")
    for connection in connections:
        connection.close()


@pytest.mark.parametrize("database", ["hr", "inner", "nothing"])
def test_a_hidden_domain_is_no_database(meshes: tuple[Mesh, Mesh], database: str) -> None:
    whole, bare = (Wire(mesh, database) for mesh in meshes)
    assert whole.login == bare.login
    assert b"C3D000" in whole.login[0][1]
    whole.close()
    bare.close()


# --- Flight SQL

Asked = Callable[[fl.FlightClient, fl.FlightCallOptions], object]


def descriptor(message: Message) -> fl.FlightDescriptor:
    return fl.FlightDescriptor.for_command(commands.encode(message))


def read(message: Message) -> Asked:
    def ask(client: fl.FlightClient, options: fl.FlightCallOptions) -> object:
        info = client.get_flight_info(descriptor(message), options)
        table = client.do_get(info.endpoints[0].ticket, options).read_all()
        return str(table.schema), table.to_pydict()

    return ask


def option(name: str, value: str) -> Asked:
    request = wire.SetSessionOptionsRequest()
    request.session_options[name].string_value = value
    action = fl.Action("SetSessionOptions", request.SerializeToString())
    return lambda client, options: [
        bytes(result.body.to_pybytes()) for result in client.do_action(action, options)
    ]


def path(*parts: str) -> Asked:
    named = fl.FlightDescriptor.for_path("/".join(parts))
    return lambda client, options: str(client.get_flight_info(named, options).schema)


def questions() -> Iterator[tuple[str, Asked]]:
    for catalog in (None, "hr", "sales", "nothing", "%"):
        for schema in (None, "staff", "inner", "shop", "nothing", "%"):
            given = {"catalog": catalog, "db_schema_filter_pattern": schema}
            given = {name: value for name, value in given.items() if value is not None}
            yield f"schemas {given}", read(sql.CommandGetDbSchemas(**given))
            for table in (None, "people", "items", "l%", "nothing"):
                more = {"table_name_filter_pattern": table} if table else {}
                asked = sql.CommandGetTables(include_schema=True, **given, **more)
                yield f"tables {given} {more}", read(asked)
    yield "catalogs", read(sql.CommandGetCatalogs())
    for names in (
        *(("hr", "staff", "people"), ("sales", "inner", "kunden"), ("sales", "keyed", "items")),
        *(("sales", "keyed", "lines"), ("sales", "shop", "nothing")),
    ):
        named = dict(zip(("catalog", "db_schema", "table"), names, strict=True))
        for kind in (
            *(sql.CommandGetPrimaryKeys, sql.CommandGetImportedKeys, sql.CommandGetExportedKeys),
        ):
            yield f"{kind.__name__} {names}", read(kind(**named))
        yield f"path {names}", path(*names)
        pk = {f"pk_{name}": value for name, value in named.items()}
        fk = {"fk_catalog": "sales", "fk_db_schema": "keyed", "fk_table": "lines"}
        yield f"cross reference {names}", read(sql.CommandGetCrossReference(**pk, **fk))
    for form in OF_A_TABLE[:3]:
        for name in HIDDEN:
            text = form.format(name)
            yield text, read(sql.CommandStatementQuery(query=text))
    for criteria in (b"", b"hr", b"people", b"nothing"):
        yield (
            f"flights {criteria!r}",
            lambda client, options, given=criteria: sorted(
                str(info.descriptor.path) for info in client.list_flights(given, options)
            ),
        )
    for name, values in {"catalog": ("hr", "no"), "schema": ("staff", "inner", "no")}.items():
        for value in values:
            yield f"{name} {value}", option(name, value)


def answered(mesh: Mesh, ask: Asked) -> str:
    client = fl.FlightClient(f"grpc://127.0.0.1:{mesh.flight.port}")
    header = client.authenticate_basic_token(*BOB)
    try:
        said = str(ask(client, fl.FlightCallOptions(headers=[header], timeout=30)))
    except pa.ArrowException as error:
        said = f"{type(error).__name__} {error}"
    finally:
        client.close()
    return re.sub(r"127\.0\.0\.1:\d+", "ADDRESS", said)


def test_flight_sql_tells_nothing(meshes: tuple[Mesh, Mesh]) -> None:
    for name, ask in questions():
        whole, bare = (answered(mesh, ask) for mesh in meshes)
        assert whole == bare, name
        assert "INTERNAL" not in whole, name
