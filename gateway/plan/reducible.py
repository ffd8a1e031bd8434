"""What may be reduced in a plan that has been cut: key paths, as far as sources and policies allow.

Keys are values of rows, and they leave the gateway for another source. So a dataset bound to a
region never gives any, whoever asks. Nor does a fragment take keys where its source would skip
rows by statistics that count hidden ones: what fails beside them would tell.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from substrait.proto import Plan, Rel

from connectors.statistics import UNKNOWN
from gateway.plan import relations
from gateway.plan.block import Block
from gateway.plan.cutter import Cut
from gateway.plan.estimates import Estimator
from gateway.plan.fragment import Fragment
from gateway.plan.key_paths import KeyPath, key_paths
from gateway.plan.reduced_block import takes_keys
from gateway.plan.reduction import Reducible, Reductions
from gateway.plan.relation_estimate import DEFAULT_ROWS, ColumnEstimate
from gateway.plan.renumbering import renumbered
from gateway.plan.source import Table, TableName, Tables

_log = logging.getLogger(__name__)


def reductions_of(
    plan: Plan, cut: Cut, fragments: Sequence[Fragment], tables: Tables
) -> Reductions:
    """The reductions of a remainder: `cut` has its blocks, `fragments` are made of them."""
    if not fragments or any(table.security.bound for table in tables.values()):
        return Reductions()
    origins = {f.number: rel for f, rel in zip(fragments, cut.origins, strict=True)}
    below = {number: _tables(rel, tables) for number, rel in origins.items()}
    blocks = {f.number: block for f, block in zip(fragments, cut.blocks, strict=True)}
    schemas = {f.number: f.schema for f in fragments}
    followed = key_paths(plan, schemas)
    takers = {
        place
        for place in {path.taker for path in followed}
        if _takes(blocks[place.fragment], below[place.fragment])
        and takes_keys(blocks[place.fragment], place.column)
    }
    givers = {number for number, opened in below.items() if _gives(opened)}
    paths = tuple(p for p in followed if p.taker in takers and p.giver.fragment in givers)
    estimator = Estimator(_estimable(tables), relations.function_names(plan))
    made = {
        number: _reducible(number, block, rel, below[number], estimator, number - 1 in cut.scans)
        for (number, block), rel in zip(blocks.items(), cut.origins, strict=True)
        if block.columns
    }
    made = _referring(made, paths, {n: _columns(estimator, origins[n]) for n in made})
    return Reductions(paths, made, _twins([f for f in fragments if f.number in made], blocks))


def _tables(rel: Rel, tables: Tables) -> list[Table]:
    names: set[TableName | None] = set()
    waiting = [rel]
    while waiting:
        one = waiting.pop()
        names.add(relations.table_name(one))
        waiting += relations.inputs(one)
        if relations.kind(one) != "read" or one.read.HasField("filter"):
            waiting += relations.subqueries(one)
    return [tables[name] for name in names if name is not None and name in tables]


def _gives(tables: Sequence[Table]) -> bool:
    return all(table.dataset.residency is None for table in tables)


def _takes(block: Block, tables: Sequence[Table]) -> bool:
    governed = any(table.security.governs for table in tables)
    return not (governed and block.source.dialect.believes_statistics)


def _estimable(tables: Tables) -> Tables:
    return {
        name: replace(table, statistics=UNKNOWN) if table.security.hides else table
        for name, table in tables.items()
    }


def _reducible(
    number: int,
    block: Block,
    rel: Rel,
    tables: Sequence[Table],
    estimator: Estimator,
    computed: bool,
) -> Reducible:
    known = all(t.statistics.rows is not None and not t.security.hides for t in tables)
    rows, distinct = DEFAULT_ROWS, tuple(DEFAULT_ROWS for _ in block.columns)
    guessed: frozenset[int] = frozenset()
    try:
        estimate = estimator.of(rel)
        rows, distinct = estimate.rows, tuple(column.distinct for column in estimate.columns)
        guessed = frozenset(i for i, column in enumerate(estimate.columns) if column.guessed)
    except Exception:  # an estimate is no reason to fail
        known = False
        _log.debug("no estimate for a fragment", exc_info=True)
    if (block.source.embedded or computed) and block.having:
        # Grouped close by, and no more than a guess: it is begun to see what comes of it.
        known, rows = False, min(rows, DEFAULT_ROWS)
    if len(distinct) != len(block.columns):
        known, distinct = False, tuple(rows for _ in block.columns)
    if block.limit is not None:
        rows = min(rows, float(block.limit))
    return Reducible(number, block, rows, tuple(min(d, rows) for d in distinct), known, guessed)


def _columns(estimator: Estimator, rel: Rel) -> tuple[ColumnEstimate, ...]:
    try:
        return estimator.of(rel).columns
    except Exception:  # the fragment is not known, then
        return ()


def _referring(
    made: Mapping[int, Reducible],
    paths: Sequence[KeyPath],
    columns: Mapping[int, Sequence[ColumnEstimate]],
) -> dict[int, Reducible]:
    """The fragments, their columns with no more values than keys that they may refer to."""
    distinct = {number: list(fragment.distinct) for number, fragment in made.items()}
    for path in paths:
        giver, taker = path.giver, path.taker
        if giver.fragment not in made or taker.fragment not in made:
            continue
        if not (made[giver.fragment].known and made[taker.fragment].known):
            continue
        given, taken = (columns[p.fragment][p.column] for p in (giver, taker))
        values = distinct[taker.fragment]
        values[taker.column] = min(values[taker.column], taken.beside(given))
    return {n: replace(fragment, distinct=tuple(distinct[n])) for n, fragment in made.items()}


def _twins(fragments: Sequence[Fragment], blocks: Mapping[int, Block]) -> dict[int, int]:
    """Fragments that ask one source for the same rows, each with the first that does.

    Their texts differ in the numbers of aliases at most; so may the constants of others, and
    therefore it is the trees that decide.
    """
    rough: dict[tuple[object, ...], list[Fragment]] = {}
    for fragment in fragments:
        types = tuple(fragment.schema.types)
        text = re.sub(r"\bt\d+\b", "t", fragment.text)
        rough.setdefault((fragment.source, types, text), []).append(fragment)
    twins: dict[int, int] = {}
    for alike in rough.values():
        if len(alike) < 2:
            continue
        first: dict[tuple[str, tuple[object, ...]], int] = {}
        for fragment in alike:
            block = blocks[fragment.number]
            tree = renumbered(block.select()).sql(dialect=block.source.dialect.name)
            same = first.setdefault((tree, tuple(c.seal for c in block.columns)), fragment.number)
            if same != fragment.number:
                twins[fragment.number] = same
    return twins
