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
from tests.clients.postgres_wire.conftest import KEY, Encrypted
from tests.clients.postgres_wire.python_places import DIALECTS
from tests.clients.postgres_wire.serving import Served
from tests.environments import LISTS, ROOT, environment, python_of

VERSIONS = dict(re.findall(r"^([\w-]+)==(\S+)$", (LISTS / "postgres.txt").read_text(), re.M))
PACKAGES = {"psycopg2": "psycopg2-binary", "pg8000": "pg8000"}
SHOWS = {"transactions": "they only group", "writing": "refused: the gateway only reads"}
OF_ROWS = {
    "psycopg2": "by execute_values",
    **{f"postgresql+{dialect}": "run, and no rows given" for dialect in DIALECTS},
    "pg8000": "the last one's rows",
    "postgresql+pg8000": "the last one's rows",
}
"""What comes of a query that is run with several rows of parameters."""

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
            if feature == "arrays of parameters":
                shows = OF_ROWS[client]
            if feature == "schema before rows" and client not in PACKAGES:
                shows = "of its driver's connection"
            mark = pytest.mark.feature(_named(client), feature, shows=shows)
            yield pytest.param(client, feature, marks=mark)


@pytest.fixture(scope="module")
def outcomes(served: Served, encrypted: Encrypted) -> dict[tuple[str, str], str]:
    """What all checks have shown: they run once, in one process."""
    python = python_of(environment("postgres"))
    place: list[object] = [served.port, encrypted.served.port]
    place += [encrypted.authority, encrypted.stranger, KEY.sign(groups=["analysts"])]
    done = subprocess.run(
        [str(python), "-m", python_clients.__name__, *map(str, place)],
        cwd=ROOT,
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
    assert tuple(urls) == DIALECTS


def test_nothing_is_left_running(outcomes: dict[tuple[str, str], str], served: Served) -> None:
    assert served.service.admission.wait_idle(10)
