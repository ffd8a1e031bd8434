"""Lineage of queries over the world of truths: exactly what reading them says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.model import Request
from gateway.pipeline import Gateway
from tests.lineage import truth, world

FILES = ("queries.truth", "governed.truth", "dialects.truth")
TRUTHS = [each for file in FILES for each in truth.read(file)]


@pytest.fixture(scope="module")
def mesh() -> Iterator[Gateway]:
    opened = world.opened()
    yield opened
    opened.close()


def column(name: str) -> tuple[str, str]:
    dataset, _, found = name.partition(".")
    return world.address(dataset), found


@pytest.mark.parametrize("query", TRUTHS, ids=str)
def test_the_lineage_of_a_query(query: truth.Truth, mesh: Gateway) -> None:
    request = Request(
        world.READERS[query.options.get("reader", "ana")],
        query.sql,
        language=query.options.get("language", "sql"),
        dialect=query.options.get("dialect", ""),
    )
    plan = mesh.prepare(request).plan
    expected = query.lineage(column, world.address)
    assert plan.lineage is not None
    assert truth.written(plan.lineage) == truth.written(expected)
    assert plan.lineage == expected
    assert [output.name for output in plan.lineage.outputs] == plan.schema.names


def test_there_is_enough_truth() -> None:
    names = [query.name for query in TRUTHS]
    assert len(names) == len(set(names)) >= 60
