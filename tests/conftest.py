"""Fixtures every test may use: real servers, each started when the first test asks for it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings

from tests import services

settings.register_profile(
    "meshgate", deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
settings.load_profile("meshgate")

Server = TypeVar("Server")


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
