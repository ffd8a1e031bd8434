"""psycopg2, pg8000, and SQLAlchemy's dialects of PostgreSQL, from an environment of their own."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator

import pytest
from _pytest.mark import ParameterSet

from tests.clients.features import DOCS
from tests.clients.postgres_wire import python_clients
from tests.clients.postgres_wire.conftest import Encrypted
from tests.clients.postgres_wire.serving import Served
from tests.environments import LISTS, environment, python_of

VERSIONS = dict(re.findall(r"^([\w-]+)==(\S+)$", (LISTS / "postgres.txt").read_text(), re.M))
PACKAGES = {"psycopg2": "psycopg2-binary", "pg8000": "pg8000"}
SHOWS = {"transactions": "they only group"}
pytestmark = pytest.mark.timeout(240)


def _named(client: str) -> str:
    """The client as the table of features has it."""
    if client in PACKAGES:
        return f"{client} {VERSIONS[PACKAGES[client]]}"
    return f"SQLAlchemy {VERSIONS['sqlalchemy']}, {client}"


def _parameters() -> Iterator[ParameterSet]:
    for client, checks in python_clients.CHECKS.items():
        for feature in checks:
            shows = SHOWS.get(feature, "yes")
            mark = pytest.mark.feature(_named(client), feature, shows=shows)
            yield pytest.param(client, feature, marks=mark)


@pytest.fixture(scope="module")
def outcomes(served: Served, encrypted: Encrypted) -> dict[tuple[str, str], str]:
    """What all checks have shown: they run once, in one process."""
    python = python_of(environment("postgres"))
    place = [str(served.port), str(encrypted.served.port), str(encrypted.authority)]
    done = subprocess.run(
        [str(python), python_clients.__file__, *place],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = [json.loads(line) for line in done.stdout.splitlines()]
    return {(line["client"], line["feature"]): line["failure"] for line in said}


@pytest.mark.parametrize(("client", "feature"), list(_parameters()))
def test_python_client(outcomes: dict[tuple[str, str], str], client: str, feature: str) -> None:
    assert not outcomes[client, feature], outcomes[client, feature]


def test_the_page_has_each_dialect() -> None:
    text = (DOCS.parent / "psycopg.md").read_text()
    urls = re.findall(r"^postgresql\+(\w+)://alice:wonderland@127.0.0.1:5432/sales$", text, re.M)
    assert tuple(urls) == python_clients.DIALECTS


def test_nothing_is_left_running(outcomes: dict[tuple[str, str], str], served: Served) -> None:
    assert served.service.admission.wait_idle(10)
