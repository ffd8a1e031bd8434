"""PostgreSQL's JDBC driver in a real JVM: the checks in tests/clients/jdbc/src/meshgate/postgres."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from _pytest.mark import ParameterSet

from gateway.postgres_wire.listening import tls_context
from tests.clients.jdbc import project
from tests.clients.postgres_wire.conftest import KEY
from tests.clients.postgres_wire.serving import Served

CLIENT = f"pgjdbc {project.PGJDBC_VERSION}"
CHECKS = tuple(project.checks(project.POSTGRES))
SHOWS = {
    "writing": "refused: the gateway only reads",
    "transactions": "group statements, of no snapshot",
}
pytestmark = pytest.mark.timeout(240)


def _parameters() -> Iterator[ParameterSet]:
    for check in CHECKS:
        shows = SHOWS.get(check.feature or "", "yes")
        marks = [pytest.mark.feature(CLIENT, check.feature, shows=shows)] if check.feature else []
        yield pytest.param(check.name, id=check.name, marks=marks)


@pytest.fixture(scope="module")
def outcomes(
    served: Served, mesh: Path, java: None, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """What all checks have shown: they run once, in one JVM."""
    folder = tmp_path_factory.mktemp("pgjdbc")
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    for pem in certificate.cert_chain_pems:
        pem.write_to_path(folder / "chain.pem", append=True)
    authority.cert_pem.write_to_path(folder / "authority.pem")
    trustme.CA().cert_pem.write_to_path(folder / "stranger.pem")
    tls = Served(mesh, tls=tls_context(folder / "chain.pem", folder / "key.pem"))
    place = {
        "port": served.port,
        "tlsPort": tls.port,
        "token": KEY.sign(groups=["analysts"]),
        "authority": folder / "authority.pem",
        "stranger": folder / "stranger.pem",
    }
    try:
        return project.run_postgres(place)
    finally:
        tls.close()


@pytest.mark.parametrize("check", list(_parameters()))
def test_pgjdbc(outcomes: dict[str, str], check: str) -> None:
    assert check in outcomes, "the check has not run"
    assert not outcomes[check], outcomes[check]


def test_every_check_is_known_here(outcomes: dict[str, str]) -> None:
    assert set(outcomes) == {check.name for check in CHECKS}


def test_nothing_is_left_running(outcomes: dict[str, str], served: Served) -> None:
    assert served.service.admission.wait_idle(10)
