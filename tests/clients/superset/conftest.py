"""One mesh and one Superset for all of these tests, and a browser for each that asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

from tests.clients.superset.browser import Screen, browsing
from tests.clients.superset.running import ADMIN, Api, Superset, running
from tests.clients.superset.served import Mesh, serving
from tests.conftest import _server


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("superset")


@pytest.fixture(scope="session")
def mesh(folder: Path) -> Iterator[Mesh]:
    with serving(folder / "mesh") as mesh:
        yield mesh


@pytest.fixture(scope="session")
def superset(folder: Path, mesh: Mesh) -> Iterator[Superset]:
    with ExitStack() as stack:
        yield _server(lambda: stack.enter_context(running(folder, mesh)))


@pytest.fixture
def log_in(
    superset: Superset, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Screen]]:
    """Opens a browser for a user."""
    pictures = tmp_path_factory.mktemp("pictures")
    print(f"screenshots are in {pictures}")
    with ExitStack() as stack:

        def open_browser(user: str) -> Screen:
            opened: AbstractContextManager[Screen] = browsing(superset, user, pictures)
            return _server(lambda: stack.enter_context(opened))

        yield open_browser


@pytest.fixture(scope="session")
def ana(superset: Superset) -> Api:
    return superset.api("ana")


@pytest.fixture(scope="session")
def jo(superset: Superset) -> Api:
    return superset.api("jo")


@pytest.fixture(scope="session")
def admin(superset: Superset) -> Api:
    return superset.api(ADMIN)


@pytest.fixture(autouse=True)
def _nothing_is_left_running(mesh: Mesh) -> Iterator[None]:
    yield
    assert mesh.service.admission.wait_idle(10)
