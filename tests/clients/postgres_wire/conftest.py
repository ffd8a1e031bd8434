"""A small mesh over tables in memory, served by the PostgreSQL front."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from connectors import memory
from gateway.cli import main
from gateway.identity.users import add_user
from tests.clients.postgres_wire.serving import (
    ALICE,
    BOB,
    KINDS,
    MANY,
    ORDERS,
    PEOPLE,
    Served,
)

POLICIES = """\
p,all/reader,*,*,discover|read,*,*,*,allow
p,sales/reader,sales,mesh://sales/*/*,discover|read,*,*,*,allow
"""


@pytest.fixture(scope="session")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("mesh")
    sources = {
        ("sales", "shop"): memory.register("wire-sales", {"orders": ORDERS, "many": MANY}),
        ("sales", "types"): memory.register("wire-types", {"kinds": KINDS}),
        ("hr", "staff"): memory.register("wire-staff", {"people": PEOPLE}),
    }
    for (domain, product), uri in sources.items():
        names = ["--domain", domain, "--product", product]
        source = ["--connector", "memory", "--uri", uri]
        assert main(["publish", "--mesh", str(folder), *names, *source]) == 0
    (folder / "policies").mkdir()
    (folder / "policies" / "access.csv").write_text(POLICIES)
    add_user(folder, ALICE[0], ["all/reader"], ALICE[1])
    add_user(folder, BOB[0], ["sales/reader"], BOB[1])
    yield folder
    for name in ("wire-sales", "wire-types", "wire-staff"):
        memory.forget(name)


@pytest.fixture(scope="module")
def served(mesh: Path) -> Iterator[Served]:
    served = Served(mesh)
    yield served
    served.close()


@pytest.fixture
def connection(served: Served) -> Iterator[psycopg.Connection]:
    with psycopg.connect(served.dsn(), autocommit=True) as connection:
        yield connection
