"""Fixtures every test may use: real servers, each started when the first test asks for it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings

from tests import services
from tests.clients.features import Features, marked

if TYPE_CHECKING:
    from tests.distribution import Units

settings.register_profile(
    "meshgate", deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
settings.load_profile("meshgate")

Server = TypeVar("Server")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-features", action="store_true", help="put what clients could do into the docs"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "feature(client, feature, shows='yes'): a cell of the docs")
    if "PYTEST_XDIST_WORKER" not in os.environ:
        config.pluginmanager.register(Features(config.getoption("--write-features")))


@pytest.hookimpl(trylast=True)  # after pytest has put tests with equal fixtures together
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks go into the reports; in a worker, long units of work come first."""
    marked(items)
    if "PYTEST_XDIST_WORKER" in os.environ:
        from tests.distribution import rank_of

        items.sort(key=lambda item: rank_of(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Units:
    """Whole units go to a worker, whatever ``--dist`` says."""
    from tests.distribution import Units

    config.option.loadscopereorder = False
    return Units(config, log)


@pytest.fixture(autouse=True)
def _log_of_its_own() -> Iterator[None]:
    """A command run in this process sends its log to a stderr that is closed after the test."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def _server(start: Callable[[], Server]) -> Server:
    try:
        return start()
    except services.ServiceMissing as missing:
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(f"{missing} (on CI a missing service is a failure)", pytrace=False)
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def postgres() -> services.Postgres:
    """A real PostgreSQL."""
    return _server(services.postgres)


@pytest.fixture(scope="session")
def mariadb() -> services.MariaDb:
    """A real MariaDB."""
    return _server(services.mariadb)


@pytest.fixture(scope="session")
def s3() -> services.S3:
    """An S3-compatible server."""
    return _server(services.s3)


@pytest.fixture(scope="session")
def java() -> None:
    """A JDK, Maven, and the checks of the JDBC driver built with them."""
    from tests.clients.jdbc import project

    _server(project.built)
