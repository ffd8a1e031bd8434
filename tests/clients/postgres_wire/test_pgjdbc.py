"""PostgreSQL's JDBC driver in a real JVM: tests/clients/jdbc/src/meshgate/postgres."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from tests.clients.jdbc import project
from tests.clients.postgres_wire.conftest import KEY, Encrypted
from tests.clients.postgres_wire.serving import Served

CLIENT = f"pgjdbc {project.PGJDBC_VERSION}"
PAGE = Path(__file__).parents[3] / "docs" / "clients" / "pgjdbc.md"
CHECKS = tuple(project.checks(project.POSTGRES))
SHOWS = {
    "writing": "refused: the gateway only reads",
    "transactions": "they only group",
    "arrays of parameters": "run, and no rows given",
}
pytestmark = pytest.mark.timeout(240)


def _parameters() -> Iterator[ParameterSet]:
    for check in CHECKS:
        shows = SHOWS.get(check.feature or "", "yes")
        marks = [pytest.mark.feature(CLIENT, check.feature, shows=shows)] if check.feature else []
        yield pytest.param(check.name, id=check.name, marks=marks)


@pytest.fixture(scope="module")
def outcomes(served: Served, encrypted: Encrypted, java: None) -> dict[str, str]:
    """What all checks have shown: they run once, in one JVM."""
    place = {
        "port": served.port,
        "tlsPort": encrypted.served.port,
        "token": KEY.sign(groups=["analysts"]),
        "authority": encrypted.authority,
        "stranger": encrypted.stranger,
        "page": PAGE,
    }
    return project.run_postgres(place)


@pytest.mark.parametrize("check", list(_parameters()))
def test_pgjdbc(outcomes: dict[str, str], check: str) -> None:
    assert check in outcomes, "the check has not run"
    assert not outcomes[check], outcomes[check]


def test_every_check_is_known_here(outcomes: dict[str, str]) -> None:
    assert set(outcomes) == {check.name for check in CHECKS}


def test_nothing_is_left_running(outcomes: dict[str, str], served: Served) -> None:
    assert served.service.admission.wait_idle(10)
