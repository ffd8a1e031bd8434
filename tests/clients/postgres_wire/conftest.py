"""A small mesh over tables in memory, served by the PostgreSQL front."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import trustme
import yaml

from bench.mesh import Product, govern, publish
from connectors import memory
from gateway.postgres_wire.listening import tls_context
from tests import services
from tests.clients.postgres_wire.serving import (
    ALICE,
    BOB,
    KINDS,
    MANY,
    MILLION,
    ORDERS,
    PEOPLE,
    Served,
)
from tests.conftest import _server
from tests.identity.issuing import SETTINGS, Signer, write_keys

KEY = Signer("key", "ES256")
"""Of the issuer whose tokens are believed."""

POLICIES = """\
p,all/reader,*,*,discover|read,*,*,*,allow
p,all/reader,*,mesh://sales/keyed/*,discover|read,reporting,*,*,allow
p,sales/reader,sales,mesh://sales/*/*,discover|read,*,*,*,allow
p,all/reader,*,mesh://sales/*/*,read,reporting,*,*,allow
"""


@pytest.fixture(scope="session")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("mesh")
    sources = {
        ("sales", "shop"): memory.register(
            "wire-sales", {"orders": ORDERS, "many": MANY, "million": MILLION}
        ),
        ("sales", "types"): memory.register("wire-types", {"kinds": KINDS}),
        ("hr", "staff"): memory.register("wire-staff", {"people": PEOPLE}),
    }
    with sqlite3.connect(folder / "keyed.db") as database:
        database.execute("CREATE TABLE items (id INTEGER NOT NULL PRIMARY KEY, name TEXT)")
        database.execute(
            "CREATE TABLE lines (id INTEGER NOT NULL PRIMARY KEY,"
            " item INTEGER REFERENCES items (id))"
        )
    database.close()
    publish(folder, "sales", Product("keyed", "sqlite", str(folder / "keyed.db")))
    _declare_key(folder)
    for (domain, product), uri in sources.items():
        publish(folder, domain, Product(product, "memory", uri))
    govern(folder, POLICIES, {ALICE: ["all/reader"], BOB: ["sales/reader"]})
    (folder / "identity.toml").write_text(SETTINGS)
    write_keys(folder, KEY)
    yield folder
    for name in ("wire-sales", "wire-types", "wire-staff"):
        memory.forget(name)


@pytest.fixture(scope="module")
def served(mesh: Path) -> Iterator[Served]:
    served = Served(mesh)
    yield served
    served.close()


@dataclass(frozen=True, slots=True)
class Encrypted:
    """The front within TLS: whose `authority` is to be trusted, and who is a `stranger`."""

    served: Served
    authority: Path
    stranger: Path


@pytest.fixture(scope="module")
def encrypted(mesh: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Encrypted]:
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    for pem in certificate.cert_chain_pems:
        pem.write_to_path(folder / "chain.pem", append=True)
    authority.cert_pem.write_to_path(folder / "authority.pem")
    trustme.CA().cert_pem.write_to_path(folder / "stranger.pem")
    served = Served(mesh, tls=tls_context(folder / "chain.pem", folder / "key.pem"))
    yield Encrypted(served, folder / "authority.pem", folder / "stranger.pem")
    served.close()


@pytest.fixture
def connection(served: Served) -> Iterator[psycopg.Connection]:
    with psycopg.connect(served.dsn(), autocommit=True) as connection:
        yield connection


def _declare_key(folder: Path) -> None:
    """Let the contracts say that ids are keys, and that lines are of items."""
    (lines,) = folder.glob("products/sales/keyed/lines-*.odcs.yaml")
    (items,) = folder.glob("products/sales/keyed/items-*.odcs.yaml")
    for contract in (lines, items):
        declared = yaml.safe_load(contract.read_text())
        for column in declared["schema"][0]["properties"]:
            if column["name"] == "id":
                column |= {"primaryKey": True, "primaryKeyPosition": 1}
            if column["name"] == "item":
                target = f"{items.name}#/schema/items/properties/id"
                column["relationships"] = [{"type": "foreignKey", "to": target}]
        contract.write_text(yaml.safe_dump(declared, sort_keys=False))


def program(name: str) -> str:
    """A program of this machine; on CI it has to be there."""
    return _server(lambda: services.program(name))
