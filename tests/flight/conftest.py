"""A small mesh over tables in memory and a recording source, served on localhost."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.mesh import Product, govern, publish
from connectors import memory
from gateway.flight.client import Client
from tests.flight.serving import ALICE, BOB, ORDERS, PEOPLE, TEXTS, Served
from tests.flight.sources import RECORDER, Recorder, recording

POLICIES = """\
p,all/reader,*,*,discover|read,*,*,*,allow
p,sales/reader,sales,mesh://sales/*/*,discover|read,*,*,*,allow
"""


@pytest.fixture(scope="session")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("mesh")
    sales = memory.register("flight-sales", {"orders": ORDERS, "texts": TEXTS})
    staff = memory.register("flight-staff", {"people": PEOPLE})
    with recording(folder / "probe.db", "broken", "plain") as probe:
        with sqlite3.connect(folder / "probe.db") as connection:
            connection.execute("INSERT INTO plain VALUES (1), (2), (3)")
        connection.close()
        publish(folder, "sales", Product("shop", "memory", sales))
        publish(folder, "hr", Product("staff", "memory", staff))
        publish(folder, "ops", probe)
        govern(folder, POLICIES, {ALICE: ["all/reader"], BOB: ["sales/reader"]})
        yield folder
    memory.forget("flight-sales")
    memory.forget("flight-staff")


@pytest.fixture(scope="module")
def served(mesh: Path) -> Iterator[Served]:
    served = Served(mesh)
    yield served
    served.close()


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    with served.client() as client:
        yield client


@pytest.fixture
def recorder() -> Recorder:
    RECORDER.clear()
    return RECORDER
