"""One mesh of the small tables for all tests of dialects."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.pipeline import Gateway
from tests.dialects.tables import mesh as small_mesh


@pytest.fixture(scope="session")
def mesh() -> Iterator[Gateway]:
    opened = small_mesh()
    yield opened
    opened.close()
