"""node-postgres in a real Node: the checks in node_postgres.js."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from tests.clients.postgres_wire.conftest import KEY, Encrypted, program
from tests.clients.postgres_wire.serving import Served
from tests.conftest import _server
from tests.environments import LISTS, node_modules

SCRIPT = Path(__file__).parent / "node_postgres.js"
PAGE = Path(__file__).parents[3] / "docs" / "clients" / "node-postgres.md"
PACKAGES = json.loads((LISTS / "node-postgres" / "package.json").read_text())["dependencies"]
CLIENT = f"node-postgres {PACKAGES['pg']}"
FEATURES = re.findall(r'^  (?:"([\w ]+)"|(\w+)): async \(\) => \{', SCRIPT.read_text(), re.M)
SHOWS = {
    "transactions": "they only group",
    "writing": "refused: the gateway only reads",
    "arrays of parameters": "in a pipeline",
}
pytestmark = pytest.mark.timeout(180)


def _parameters() -> Iterator[ParameterSet]:
    for feature in map("".join, FEATURES):
        shows = SHOWS.get(feature, "yes")
        mark = pytest.mark.feature(CLIENT, feature, shows=shows)
        yield pytest.param(feature, marks=mark)


@pytest.fixture(scope="module")
def outcomes(served: Served, encrypted: Encrypted) -> dict[str, str]:
    """What all checks have shown: they run once, in one process."""
    node = program("node")
    modules = _server(lambda: node_modules("node-postgres"))
    place = [served.port, encrypted.served.port, encrypted.authority, PAGE]
    done = subprocess.run(
        [node, str(SCRIPT), str(modules), *map(str, place), KEY.sign(groups=["analysts"])],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = [json.loads(line) for line in done.stdout.splitlines()]
    return {line["feature"]: line["failure"] for line in said}


@pytest.mark.parametrize("feature", list(_parameters()))
def test_node_postgres(outcomes: dict[str, str], feature: str) -> None:
    assert not outcomes[feature], outcomes[feature]


def test_every_check_is_known_here(outcomes: dict[str, str], served: Served) -> None:
    assert list(outcomes) == [*("".join(names) for names in FEATURES), "documented"]
    assert not outcomes["documented"], outcomes["documented"]
    assert served.service.admission.wait_idle(10)
