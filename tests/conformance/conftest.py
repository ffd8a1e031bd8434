"""One filled source of every SQL kind, for the whole run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.reference import Reference
from tests.conformance.specs import OPENERS, SQL_SOURCES, Source


@pytest.fixture(scope="session", params=SQL_SOURCES)
def source(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Source]:
    """A source that holds the canonical table."""
    name = request.param
    if name in {"postgres", "mariadb"}:
        request.getfixturevalue(name)  # skips, or fails on CI, when the server is missing
    with OPENERS[name](tmp_path_factory.mktemp(name)) as opened:
        yield opened


@pytest.fixture(scope="session")
def reference(source: Source) -> Reference:
    """DataFusion over the rows the source holds."""
    return Reference(source.rows)
