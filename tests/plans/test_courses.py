"""Which keys go into a fragment: those that keep most rows away first, and few ones anyway."""

from __future__ import annotations

import pytest
from sqlglot import exp

from connectors.interface import RunsSql
from gateway.config import Config
from gateway.plan.block import Block, Joined
from gateway.plan.key_paths import KeyPath, Place
from gateway.plan.reduction import FEW_KEYS, Course, Reducible, Reductions
from gateway.plan.source import Source
from tests.plans.tables import CONNECTORS

TAKER = 3


def block() -> Block:
    connector = CONNECTORS["mariadb"]
    assert isinstance(connector, RunsSql)
    return Block(Source(connector.source_key, connector), (), (Joined(exp.to_table("t")),))


def steps(
    keys: tuple[float, float],
    distinct: tuple[float, float],
    rows: float = 1e6,
    guessed: frozenset[int] = frozenset(),
) -> list[tuple[int, float]]:
    """The columns of a fragment that take keys, in order, with the rows that are left by each.

    Its first column is offered the first number of keys, its second one the second.
    """
    givers = {n: Reducible(n, block(), keys[n - 1], (keys[n - 1],), known=True) for n in (1, 2)}
    taker = Reducible(TAKER, block(), rows, distinct, known=True, guessed=guessed)
    paths = tuple(KeyPath(Place(n, 0), Place(TAKER, n - 1)) for n in (1, 2))
    course = Course(Reductions(paths, {**givers, TAKER: taker}), Config())
    for n in (1, 2):
        course.settle(n, {0: keys[n - 1]})
    return [(step.taker.column, step.left) for step in course.steps(TAKER)]


def test_keys_that_keep_most_rows_away_go_first() -> None:
    assert steps((100, 10), (1000, 1e5)) == [(1, 100.0)]
    assert steps((10, 100), (1e5, 1000)) == [(0, 100.0)]


def test_further_keys_go_where_enough_rows_are_left() -> None:
    assert steps((100, 1000), (1000, 2000)) == [(0, 1e5), (1, 5e4)]


@pytest.mark.parametrize("keys", [FEW_KEYS, FEW_KEYS + 1])
def test_few_keys_go_where_their_effect_is_a_guess(keys: float) -> None:
    """Of a column that may have as many values as keys there are, they may keep nothing away."""
    offered = (keys, 2.0)
    assert steps(offered, (keys, 2.0)) == []
    taken = [column for column, _ in steps(offered, (keys, 2.0), guessed=frozenset({0}))]
    assert taken == ([0] if keys <= FEW_KEYS else [])


def test_few_keys_do_not_go_into_few_rows() -> None:
    assert steps((10, 2), (10, 2), rows=100, guessed=frozenset({0, 1})) == []
