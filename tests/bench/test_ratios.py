"""What many queries come to: means, totals and sums, with peers that did not answer them all."""

from __future__ import annotations

import math

import pytest

from bench import ratios
from bench.model import GATEWAY, SeriesResult


def result(name: str, gateway: float, **peers: float) -> SeriesResult:
    samples = {GATEWAY: (gateway,)} | {peer: (value,) for peer, value in peers.items()}
    return SeriesResult("case", name, "ms", samples)


DONE = [
    result("a", 10, one=20, two=5),
    result("b", 30, one=20),
    result("c", 10, two=10),
    result("other", 1000, one=1, two=1),
]


def chosen(done: SeriesResult) -> bool:
    return done.name != "other"


@pytest.mark.parametrize(
    ("peers", "ratios_of_queries"),
    [
        (("one",), (0.5, 1.5)),
        (("two",), (2, 1)),
        (("one", "two"), (2, 1.5, 1)),  # the better peer is the one to which the ratio is larger
    ],
)
def test_mean_is_geometric_over_the_queries_a_peer_answered(
    peers: tuple[str, ...], ratios_of_queries: tuple[float, ...]
) -> None:
    values = ratios.geometric_mean(chosen, peers)(DONE)
    expected = math.prod(ratios_of_queries) ** (1 / len(ratios_of_queries))
    assert values == {GATEWAY: pytest.approx(expected)}


def test_there_is_no_mean_to_a_peer_that_answered_nothing() -> None:
    assert ratios.geometric_mean(chosen, ("absent",))(DONE) is None
    assert ratios.geometric_mean(chosen, ("one", "absent"))(DONE) is None


def test_totals_are_over_the_same_queries() -> None:
    assert ratios.total(chosen, "one")(DONE) == {GATEWAY: 40, "one": 40}
    assert ratios.total(chosen, "absent")(DONE) is None


def test_the_worst_query() -> None:
    assert ratios.worst(chosen, "one")(DONE) == {GATEWAY: 1.5}


def test_only_peers_that_answered_everything_have_a_sum() -> None:
    assert ratios.sums(chosen)(DONE) == {GATEWAY: 50}
    assert ratios.sums(lambda r: r.name == "a")(DONE) == {GATEWAY: 10, "one": 20, "two": 5}
