"""Two texts that mean the same to the engine, and two that do not."""

from __future__ import annotations

import pytest

from gateway.config import Config
from gateway.plan.reading import reading

AGREEING = [
    ("count(CASE WHEN x NOT IN (1, 2) THEN 1 END)", "count(CASE WHEN NOT x IN (1, 2) THEN 1 END)"),
    ("sum(CASE WHEN x IS NOT NULL THEN x END)", "sum(CASE WHEN NOT x IS NULL THEN x END)"),
    ("max(CASE WHEN x NOT IN (1, 2, 3, 4, 5) THEN x END)",
     "max(CASE WHEN NOT (x IN (1, 2, 3, 4, 5)) THEN x END)"),
]  # fmt: skip
DIFFERING = [
    ("count(CASE WHEN x NOT IN (1, 2) THEN 1 END)", "count(CASE WHEN x IN (1, 2) THEN 1 END)"),
    ("bool_and(NOT (x = 1 OR x = 2))", "bool_and(NOT x = 1 OR x = 2)"),
    ("count(CASE WHEN x NOT IN (1, 2) THEN 1 END)", "count(CASE WHEN NOT x IN (1, 3) THEN 1 END)"),
    ("max(x) FILTER (WHERE x NOT IN (1, 2))", "max(x) FILTER (WHERE x IN (1, 2))"),
    # of a window's FILTER Substrait says nothing
    ("max(x) FILTER (WHERE NOT x = 1) OVER ()", "max(x) FILTER (WHERE x = 1) OVER ()"),
    ("sum(x)", "sum(y)"),
]
OVER = "SELECT {} AS a FROM (VALUES (1), (2)) AS t(x)"


@pytest.mark.parametrize(("one", "other"), AGREEING)
def test_words_that_only_stand_elsewhere_do_not_matter(one: str, other: str) -> None:
    assert agree(one, other)


@pytest.mark.parametrize(("one", "other"), DIFFERING)
def test_what_means_something_else_does(one: str, other: str) -> None:
    assert not agree(one, other)


def agree(one: str, other: str) -> bool:
    """Whether the two measures are the same to the engine, asked either way round."""
    first, second = (reading(OVER.format(m), {}, {}, Config()) for m in (one, other))
    assert first.agrees(first) and second.agrees(second)
    assert first.agrees(second) == second.agrees(first)
    return first.agrees(second)
