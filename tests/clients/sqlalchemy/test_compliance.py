"""SQLAlchemy's own dialect suite, of both versions, with what it reads coming through a gateway."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import services
from tests.clients.sqlalchemy import changing, compliance
from tests.clients.sqlalchemy.compliance import Run

ENVIRONMENTS = ("sqlalchemy14", "sqlalchemy2")


@pytest.fixture(scope="module")
def runs(postgres: services.Postgres, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """A run of each version, in a database of its own, side by side."""
    folders = [tmp_path_factory.mktemp(environment) for environment in ENVIRONMENTS]
    with ThreadPoolExecutor(len(ENVIRONMENTS)) as pool:
        found = pool.map(lambda *which: _run(postgres, *which), ENVIRONMENTS, folders)
        return dict(zip(ENVIRONMENTS, found, strict=True))


def _run(postgres: services.Postgres, environment: str, folder: Path) -> Run:
    with postgres.database() as uri:
        postgres.execute("CREATE SCHEMA test_schema", database=uri.rsplit("/", 1)[1])
        (folder / "database").write_text(uri)
        gateway = changing.ChangingGateway(folder / "mesh", folder / "database")
        try:
            return compliance.run_suite(environment, gateway, uri, folder)
        finally:
            gateway.close()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_nothing_fails(runs: dict[str, Run], environment: str) -> None:
    run = runs[environment]
    assert run.exit_code == 0, run.output
    assert run.outcomes["passed"] > 200
    assert not run.outcomes.get("failed")


def test_whatever_is_left_out_is_there(runs: dict[str, Run]) -> None:
    assert not frozenset.intersection(*(run.unused for run in runs.values()))


def test_the_docs_say_what_was_measured(
    runs: dict[str, Run], request: pytest.FixtureRequest
) -> None:
    measured = compliance.table(list(runs.values()))
    if request.config.getoption("--write-features"):
        compliance.document(measured)
    assert compliance.documented() == measured
