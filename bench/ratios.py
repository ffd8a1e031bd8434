"""Sums and means over many queries: what a layout comes to."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from bench.model import GATEWAY, SeriesResult

Values = Callable[[Sequence[SeriesResult]], Mapping[str, float] | None]
Chosen = Callable[[SeriesResult], bool]


def geometric_mean(chosen: Chosen, peers: Iterable[str]) -> Values:
    """The mean of the gateway's ratio to the best of the peers, query by query.

    Nothing when one of the peers answered none of the queries; a query counts that at least one
    of them answered.
    """
    names = tuple(peers)

    def values(done: Sequence[SeriesResult]) -> Mapping[str, float] | None:
        results = [result for result in done if chosen(result)]
        if not all(any(name in result.samples for result in results) for name in names):
            return None
        ratios = [max(filter(None, map(result.against, names)), default=0.0) for result in results]
        logs = [math.log(ratio) for ratio in ratios if ratio]
        return {GATEWAY: math.exp(sum(logs) / len(logs))} if logs else None

    return values


def total(chosen: Chosen, peer: str) -> Values:
    """Both sums over the queries that the peer answered."""

    def values(done: Sequence[SeriesResult]) -> Mapping[str, float] | None:
        results = [r for r in done if chosen(r) and peer in r.samples]
        if not results:
            return None
        return {name: sum(r.medians[name] for r in results) for name in (GATEWAY, peer)}

    return values


def worst(chosen: Chosen, peer: str) -> Values:
    """The largest ratio of any query."""

    def values(done: Sequence[SeriesResult]) -> Mapping[str, float] | None:
        ratios = [ratio for r in done if chosen(r) and (ratio := r.against(peer)) is not None]
        return {GATEWAY: max(ratios)} if ratios else None

    return values


def sums(chosen: Chosen) -> Values:
    """The gateway's sum over all queries, and that of every peer that answered all of them."""

    def values(done: Sequence[SeriesResult]) -> Mapping[str, float] | None:
        results = [result for result in done if chosen(result)]
        if not results:
            return None
        names = [n for n in results[0].samples if all(n in result.samples for result in results)]
        return {name: sum(result.medians[name] for result in results) for name in names}

    return values
