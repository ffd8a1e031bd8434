"""How many rows a join has: |L| |R| over the larger number of key values (Selinger et al. 1979)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from substrait.proto import Expression

from gateway.plan.estimate import ColumnEstimate, Estimate
from gateway.plan.selectivity import Selectivity, call_of, conjuncts, field_of

UNMATCHED = 0.05
"""At least this share of rows is believed to stay in an anti join."""

UNKNOWN_MATCH = 0.5
"""The share of rows that find a partner where nothing is known of the keys."""


@dataclass(frozen=True, slots=True)
class JoinKeys:
    """The equalities between the two sides, by positions, and what else is asked of a pair.

    `pairs` look through casts; `plain` are those without any, which alone may say that a row has
    one partner: a cast can make values the same.
    """

    pairs: tuple[tuple[int, int], ...]
    plain: tuple[tuple[int, int], ...]
    rest: tuple[Expression, ...]

    @property
    def flipped(self) -> JoinKeys:
        """The same with the sides exchanged."""
        pairs = tuple((theirs, mine) for mine, theirs in self.pairs)
        plain = tuple((theirs, mine) for mine, theirs in self.plain)
        return JoinKeys(pairs, plain, self.rest)


def join_keys(
    functions: Mapping[int, str], condition: Expression | None, left_width: int
) -> JoinKeys:
    """Split a join's condition; right positions count from the right side's first column."""
    pairs, plain, rest = [], [], []
    for part in conjuncts(functions, condition) if condition is not None else ():
        name, args = call_of(functions, part)
        if name in {"equal", "is_not_distinct_from"} and len(args) == 2:
            one, other = field_of(args[0]), field_of(args[1])
            if one is not None and other is not None:
                low, high = min(one, other), max(one, other)
                if low < left_width <= high:
                    pairs.append((low, high - left_width))
                    if all(arg.WhichOneof("rex_type") == "selection" for arg in args):
                        plain.append(pairs[-1])
                    continue
        rest.append(part)
    return JoinKeys(tuple(pairs), tuple(plain), tuple(rest))


def join_estimate(
    functions: Mapping[int, str],
    kind: str,
    left: Estimate,
    right: Estimate,
    condition: Expression | None,
) -> Estimate:
    """The output of a join; `kind` as in `relations.join_type`."""
    keys = join_keys(functions, condition, len(left.columns))
    both = (*left.columns, *right.columns)
    selectivity = Selectivity(functions, both)
    rest = selectivity.keep(keys.rest)
    if kind.startswith("RIGHT_"):
        return _one_sided(kind.removeprefix("RIGHT_"), right, left, keys.flipped, rest)
    if kind.startswith("LEFT_"):
        return _one_sided(kind.removeprefix("LEFT_"), left, right, keys, rest)
    pairs = left.rows * right.rows / _domain(left, right, keys) * rest
    rows = max(pairs, 1.0)
    if kind in {"LEFT", "OUTER"}:
        rows = max(rows, pairs + left.rows * (1 - _match(left, right, keys, rest)), left.rows)
    if kind in {"RIGHT", "OUTER"}:
        rows = max(
            rows, pairs + right.rows * (1 - _match(right, left, keys.flipped, rest)), right.rows
        )
    columns = list(selectivity.columns if kind in {"INNER", "CROSS"} else both)
    if kind == "INNER":
        for mine, theirs in keys.pairs:
            one, two = _equated(columns[mine], columns[len(left.columns) + theirs])
            columns[mine], columns[len(left.columns) + theirs] = one, two
    return Estimate(
        rows,
        tuple(column.within(rows) for column in columns),
        _unique(kind, left, right, keys),
    )


def _one_sided(kind: str, kept: Estimate, other: Estimate, keys: JoinKeys, rest: float) -> Estimate:
    """Semi, anti, mark and single joins: at most one row for each of the kept side."""
    match = _match(kept, other, keys, rest)
    if kind == "MARK":
        return replace(kept, columns=(*kept.columns, ColumnEstimate(2.0, 1.0)))
    if kind == "SINGLE":
        columns = tuple(c.within(kept.rows) for c in other.columns)
        return replace(kept, columns=(*kept.columns, *columns))
    share = match if kind == "SEMI" else max(1 - match, UNMATCHED)
    rows = max(kept.rows * share, 1.0)
    left = [column.thinned(kept.rows, rows) for column in kept.columns]
    if kind == "SEMI":
        for mine, theirs in keys.pairs:
            fewer = min(left[mine].distinct, other.column(theirs).distinct)
            left[mine] = replace(left[mine], distinct=max(fewer, 1.0))
    return Estimate(rows, tuple(left), kept.unique)


def _match(kept: Estimate, other: Estimate, keys: JoinKeys, rest: float) -> float:
    """The share of rows of one side that have a partner on the other."""
    if not keys.pairs:
        return 1.0 - math.pow(1.0 - min(rest, 1.0), min(other.rows, 1e6))
    share = 1.0
    partners = 1.0
    for mine, theirs in keys.pairs:
        one, two = kept.column(mine), other.column(theirs)
        if one.known and two.known:
            found = min(1.0, two.distinct / max(one.distinct, 1.0))
            partners = max(partners, other.rows / max(two.distinct, 1.0))
        else:
            found = UNKNOWN_MATCH
        share = min(share, found * (1.0 - one.null_share))
    if keys.rest:
        share *= 1.0 - math.pow(1.0 - min(rest, 1.0), partners)
    return share


def _domain(left: Estimate, right: Estimate, keys: JoinKeys) -> float:
    """Of how many values of the key a pair has to agree in one."""
    if not keys.pairs:
        return 1.0
    larger = [_larger(left, right, *pair) for pair in keys.pairs]
    domain = math.prod(larger)
    ceiling = max(left.rows, right.rows, 1.0)
    if len(keys.pairs) > 1:
        domain = min(domain, max(ceiling, max(larger)))
    for side, other in ((0, left), (1, right)):
        mine = {pair[side] for pair in keys.pairs}
        if other.identified_by(mine):
            # the key before filters: the other side may still have what they took away
            grown = max(
                value / max(other.column(pair[side]).distinct, 1.0)
                for value, pair in zip(larger, keys.pairs, strict=True)
            )
            domain = min(domain, max(other.rows * max(grown, 1.0), 1.0))
    return max(domain, 1.0)


def _larger(left: Estimate, right: Estimate, mine: int, theirs: int) -> float:
    """The values of one key on the side that has more; a foreign key where none are known."""
    one, two = left.column(mine), right.column(theirs)
    known = [c.distinct for c in (one, two) if c.known]
    return max(known) if known else max(min(left.rows, right.rows), 1.0)


def _equated(one: ColumnEstimate, two: ColumnEstimate) -> tuple[ColumnEstimate, ColumnEstimate]:
    """Two columns that are equal in every row: the values both have."""
    distinct = max(min(one.distinct, two.distinct), 1.0)
    known = one.known or two.known
    least = [c.least for c in (one, two) if c.least is not None]
    greatest = [c.greatest for c in (one, two) if c.greatest is not None]
    common = ColumnEstimate(
        distinct,
        known=known,
        least=max(least, default=None),
        greatest=min(greatest, default=None),
    )
    return replace(common, width=one.width), replace(common, width=two.width)


def _unique(
    kind: str, left: Estimate, right: Estimate, keys: JoinKeys
) -> frozenset[frozenset[int]]:
    """The keys of the pairs, from the keys of the sides."""
    width = len(left.columns)
    shifted = frozenset(frozenset(i + width for i in key) for key in right.unique)
    one_right = right.identified_by({theirs for _, theirs in keys.plain})
    one_left = left.identified_by({mine for mine, _ in keys.plain})
    found: set[frozenset[int]] = set()
    if kind in {"INNER", "CROSS", "LEFT"} and one_right:
        found |= left.unique
    if kind in {"INNER", "CROSS", "RIGHT"} and one_left:
        found |= shifted
    if kind in {"INNER", "CROSS"} and not found:
        found |= {one | other for one in left.unique for other in shifted}
    return frozenset(found)
