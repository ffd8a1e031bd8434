"""A small mesh over tables in memory and a recording source, served on localhost."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

import connectors
from connectors import memory
from gateway.cli import main
from gateway.flight.client import Client
from gateway.identity.users import add_user
from tests.flight.serving import ALICE, BOB, ORDERS, PEOPLE, TEXTS, Served
from tests.flight.sources import RECORDER, Recorder, RecordingConnector

POLICIES = """\
p,all/reader,*,*,discover|read,*,*,*,allow
p,sales/reader,sales,mesh://sales/*/*,discover|read,*,*,*,allow
"""


@pytest.fixture(scope="session")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("mesh")
    database = folder / "probe.db"
    with sqlite3.connect(database) as connection:
        for table in ("blocked", "endless", "broken", "plain"):
            connection.execute(f"CREATE TABLE {table} (id INTEGER NOT NULL PRIMARY KEY)")
        connection.execute("INSERT INTO plain VALUES (1), (2), (3)")
    connection.close()
    sales = memory.register("flight-sales", {"orders": ORDERS, "texts": TEXTS})
    staff = memory.register("flight-staff", {"people": PEOPLE})
    patch = pytest.MonkeyPatch()
    recording = f"{RecordingConnector.__module__}:RecordingConnector"
    patch.setitem(connectors.REGISTRY, "recording", recording)  # type: ignore[arg-type]
    for domain, product, connector, uri in (
        ("sales", "shop", "memory", sales),
        ("hr", "staff", "memory", staff),
        ("ops", "probe", "recording", str(database)),
    ):
        names = ["--domain", domain, "--product", product]
        source = ["--connector", connector, "--uri", uri]
        assert main(["publish", "--mesh", str(folder), *names, *source]) == 0
    (folder / "policies").mkdir()
    (folder / "policies" / "access.csv").write_text(POLICIES)
    add_user(folder, ALICE[0], ["all/reader"], ALICE[1])
    add_user(folder, BOB[0], ["sales/reader"], BOB[1])
    yield folder
    patch.undo()
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
