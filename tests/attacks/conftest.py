"""The world of the attacks, served once a session."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench.stores import stored
from tests.attacks import world
from tests.attacks.doors import House, Visitor
from tests.services import MariaDb, Postgres


@pytest.fixture(scope="session")
def house(
    postgres: Postgres, mariadb: MariaDb, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    mesh = tmp_path_factory.mktemp("attacks")
    with ExitStack() as stack:
        products = {}
        for domain, tables in (
            (world.GOVERNED, {s: world.governed_tables() for s in world.ALL_SOURCES}),
            (world.CALM, {s: world.calm_tables() for s in world.ALL_SOURCES}),
            (world.TWIN, {s: world.twin_tables(mesh, s) for s in world.ALL_SOURCES}),
            (world.BOUND, {s: world.bound_tables() for s in world.ALL_SOURCES}),
        ):
            _, products[domain] = stack.enter_context(stored(tables))
        house = House(world.build_mesh(Path(mesh), products))
        yield house
        house.close()


@pytest.fixture
def rita(house: House) -> Visitor:
    """Restricted: row filters, masks, a denied column, a denied dataset."""
    return house.visitor(world.RITA)


@pytest.fixture
def una(house: House) -> Visitor:
    """May read all of the twin."""
    return house.visitor(world.UNA)
