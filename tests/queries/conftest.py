"""The references, and the test tables in every source behind one gateway."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.mesh import Product, build
from bench.stores import STORES, stored
from connectors import memory
from gateway.config import Config
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
def mesh_folder(postgres: Postgres, mariadb: MariaDb) -> Iterator[Path]:
    """Every table in every source, published."""
    uri = memory.register(MEMORY_STORE, {table.name: table.rows for table in tables()})
    with stored(dict.fromkeys(STORES, tables())) as (folder, products):
        published = [*products.values(), Product("memory", "memory", uri)]
        yield build(folder / "mesh", DOMAIN, published)
    memory.forget(MEMORY_STORE)


@pytest.fixture(scope="session")
def mesh(mesh_folder: Path) -> Iterator[Mesh]:
    """The mesh behind a gateway that runs in this process."""
    gateway = Gateway.open(mesh_folder)
    yield Mesh(gateway)
    gateway.close()


@pytest.fixture(scope="session")
def reducing_mesh(mesh_folder: Path) -> Iterator[Mesh]:
    """The same, where keys go from fragment to fragment whatever they save."""
    config = Config(reduction_least_rows=0, reduction_rows_per_key=0.0)
    gateway = Gateway.open(mesh_folder, config, audited=False)
    yield Mesh(gateway)
    gateway.close()
