"""The references, and the test tables in every source behind one gateway."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.mesh import Product, build
from bench.stores import STORES, stored
from connectors import memory
from gateway.pipeline import Gateway
from tests.queries.meshes import Mesh
from tests.queries.placements import DOMAIN
from tests.queries.reference import DuckDb, PlainDataFusion
from tests.queries.tables import tables
from tests.services import MariaDb, Postgres

MEMORY_STORE = "query-tests"


@pytest.fixture(scope="session")
def duckdb() -> Iterator[DuckDb]:
    reference = DuckDb().add(tables())
    yield reference
    reference.close()


@pytest.fixture(scope="session")
def datafusion() -> PlainDataFusion:
    return PlainDataFusion(tables())


@pytest.fixture(scope="session")
def mesh(postgres: Postgres, mariadb: MariaDb) -> Iterator[Mesh]:
    """Every table in every source, published; the gateway runs in this process."""
    uri = memory.register(MEMORY_STORE, {table.name: table.rows for table in tables()})
    with stored(dict.fromkeys(STORES, tables())) as (folder, products):
        published = [*products.values(), Product("memory", "memory", uri)]
        gateway = Gateway.open(build(folder / "mesh", DOMAIN, published))
        yield Mesh(gateway)
        gateway.close()
    memory.forget(MEMORY_STORE)
