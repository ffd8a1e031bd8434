"""The keys of the example mesh, as each of its users may know them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.demo.mesh import USERS
from gateway.flight import keys
from gateway.flight.wire import flightsql_pb2 as sql
from gateway.model import Principal
from gateway.pipeline import Gateway

EXAMPLE = Path(__file__).parents[2] / "examples" / "demo"
FLIGHTS = sql.CommandGetImportedKeys(table="flights")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    mesh = tmp_path_factory.mktemp("example") / "mesh"
    shutil.copytree(EXAMPLE, mesh)
    gateway = Gateway.open(mesh, audited=False)
    yield gateway
    gateway.close()


def imported(gateway: Gateway, user: str, purpose: str = "") -> list[str]:
    who = USERS[user]
    principal = Principal(f"user:{user}", (who.role,), region=who.region)
    rows = keys.imported_keys(FLIGHTS, gateway.browsing.visible(principal, purpose)).to_pylist()
    form = "{fk_column_name} {pk_catalog_name}.{pk_db_schema_name}.{pk_table_name}.{pk_column_name}"
    return [form.format(**row) for row in rows]


CARRIER = "carrier aviation.carriers.airlines.carrier"
AIRPORTS = ["dest aviation.registry.airports.faa", "origin aviation.registry.airports.faa"]
PLANE = "tailnum aviation.registry.planes.tailnum"
WEATHER = [
    "origin climate.observations.weather.origin",
    "time_hour climate.observations.weather.time_hour",
]


@pytest.mark.parametrize(
    ("user", "purpose", "shown"),
    [
        ("ana", "", [CARRIER, *AIRPORTS, PLANE, *WEATHER]),
        ("omar", "", [CARRIER, *AIRPORTS, *WEATHER]),
        ("eva", "", [CARRIER, *WEATHER]),
        ("eva", "safety", [CARRIER, *AIRPORTS, PLANE, *WEATHER]),
    ],
)
def test_a_key_is_shown_to_who_may_know_both_ends(
    gateway: Gateway, user: str, purpose: str, shown: list[str]
) -> None:
    assert imported(gateway, user, purpose) == shown


def test_a_column_that_is_denied_takes_its_keys_along(tmp_path: Path) -> None:
    mesh = tmp_path / "mesh"
    shutil.copytree(EXAMPLE, mesh)
    rules = mesh / "policies" / "demo.csv"
    denied = "p,aviation/analyst,aviation,*,discover|read,*,*,registration,deny"
    rules.write_text(f"{rules.read_text()}\n{denied}\n")
    narrow = Gateway.open(mesh, audited=False)
    try:
        assert imported(narrow, "ana") == [CARRIER, *AIRPORTS, *WEATHER]
        who = Principal("user:ana", ("aviation/analyst",), region="US")
        found = {d.address.dataset: d.foreign_keys for d in narrow.browsing.visible(who)}
        assert all("tailnum" not in key.columns for key in found["flights"])
        assert len(found["flights"]) == 4
    finally:
        narrow.close()
