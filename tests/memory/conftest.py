"""A store to test with: in a SQLite file, and in a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gateway.memory.store import Store, open_store
from tests.services import Postgres


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty one."""
    with ExitStack() as closing:
        address = ""
        if request.param == "postgres":
            postgres: Postgres = request.getfixturevalue("postgres")
            address = closing.enter_context(postgres.database())
        opened = open_store(tmp_path / "store", address)
        closing.callback(opened.close)
        yield opened
