"""The released JDBC driver in a real JVM: its newest version in full, older ones in short."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from _pytest.mark import ParameterSet

from tests.clients.jdbc import matrix, project
from tests.clients.jdbc.conftest import Place
from tests.flight.sources import RECORDER

CLIENT = f"JDBC {project.NEWEST}"
CHECKS = tuple(project.checks())
SHORT = ("every-driver",)
SHOWS = {
    "arrays of parameters": "refused: the gateway only reads",
    "transactions": "commit and rollback change nothing",
    "writing": "refused: the gateway only reads",
}
"""What a feature's checks show when they pass, where it is not "yes"."""


def _parameters() -> Iterator[ParameterSet]:
    for check in CHECKS:
        shows = SHOWS.get(check.feature or "", "yes")
        marks = [pytest.mark.feature(CLIENT, check.feature, shows=shows)] if check.feature else []
        yield pytest.param(check.name, id=check.name, marks=marks)


@pytest.fixture(scope="module")
def newest(place: Place, java: None) -> dict[str, str]:
    RECORDER.clear()
    return project.run(project.NEWEST, (), place.properties)


@pytest.mark.parametrize("check", list(_parameters()))
def test_the_newest_driver(newest: dict[str, str], check: str) -> None:
    assert check in newest, "the check has not run"
    assert not newest[check], newest[check]


def test_every_check_is_known_here(newest: dict[str, str]) -> None:
    assert set(newest) == {check.name for check in CHECKS}


def test_what_was_cancelled_has_stopped_in_its_source(newest: dict[str, str]) -> None:
    RECORDER.wait("endless", "stopped", 5)
    RECORDER.wait("blocked", "stopped", 5)


def test_a_connection_of_a_catalog_has_ended_its_session(
    newest: dict[str, str], place: Place
) -> None:
    assert "user:ana" in place.ended


@pytest.mark.parametrize("version", project.VERSIONS)
def test_the_matrix_of_versions(
    version: str,
    place: Place,
    java: None,
    request: pytest.FixtureRequest,
) -> None:
    if version == project.NEWEST:
        outcomes = request.getfixturevalue("newest")
    else:
        outcomes = project.run(version, SHORT, place.properties)
    short = [check.name for check in CHECKS if check.for_every_driver]
    found = {name: not outcomes.get(name, "not run") for name in short}
    if request.config.getoption("--write-features"):
        matrix.write(version, found)
    documented = matrix.read()[version]
    wrong = {
        name: outcomes.get(name) for name, passed in found.items() if documented[name] != passed
    }
    assert not wrong, "\n".join(f"{name}: {trace}" for name, trace in wrong.items())
