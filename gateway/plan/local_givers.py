"""Filtered local files as givers of keys: what they hold decides what a remote source sends.

Files are read by the remainder, where no fragment could take their keys from. But they cost no
transfer, so where few rows of one are expected, its key columns are read beforehand, up to as many
keys as may be given, and once more by the remainder. A bad estimate costs no more than that: what
has more rows is given up, and gives nothing.

    orders (PostgreSQL) ⋈ lineitem (Parquet) WHERE l_receiptdate ... AND l_shipmode IN ...
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from substrait.proto import Plan

from gateway.config import Config
from gateway.plan.cutter import Cut, Cutter, block_schema
from gateway.plan.fragment import Fragment
from gateway.plan.key_paths import KeyPath, Place
from gateway.plan.reducible import reductions_of
from gateway.plan.reduction import Reducible, Reductions, expected_steps
from gateway.plan.sending import fragment_of
from gateway.plan.source import Tables


def reductions_with_files(
    plan: Plan,
    cut: Cut,
    fragments: Sequence[Fragment],
    tables: Tables,
    first: int,
    config: Config,
    *,
    subqueries: bool,
) -> Reductions:
    """The reductions of the remainder `plan`, with local files as givers.

    `cut` has its blocks, `fragments` are made of them; `plan` is left as it is. Scans of
    files are numbered from `first`. A file with more rows than keys may be given gives none.
    """
    embedded = {n: t for n, t in tables.items() if t.source is not None and t.source.embedded}
    if not embedded or not fragments:
        return reductions_of(plan, cut, fragments, tables)
    shadow = Plan()
    shadow.CopyFrom(plan)
    files = Cutter(shadow, embedded, subqueries=subqueries, numbered_from=first).cut_scans()
    asked = [
        fragment_of(number, block, block_schema(block, number))
        for number, block in enumerate(files.blocks, start=first)
    ]
    both = replace(cut, blocks=(*cut.blocks, *files.blocks), origins=(*cut.origins, *files.origins))
    found = reductions_of(shadow, both, [*fragments, *asked], tables)
    return _without_taking(found, {f.number for f in asked}, config)


def _without_taking(found: Reductions, files: set[int], config: Config) -> Reductions:
    """The reductions with `files` that only give, and of them only what can be estimated."""
    paths: list[KeyPath] = []
    made: dict[int, Reducible] = {n: r for n, r in found.fragments.items() if n not in files}
    probes: dict[int, Fragment] = {}
    by_giver: dict[int, list[KeyPath]] = {}
    for path in found.paths:
        if path.taker.fragment not in files:
            by_giver.setdefault(path.giver.fragment, []).append(path)
    for number, given in by_giver.items():
        if number not in files:
            paths += given
            continue
        probe = found.fragments.get(number)
        if probe is None or not probe.known or not probe.block.open:
            continue
        columns = sorted({path.giver.column for path in given})
        made[number] = _narrowed(probe, columns, config.reduction_keys)
        block = made[number].block
        probes[number] = fragment_of(number, block, block_schema(block, number))
        paths += [
            KeyPath(Place(number, columns.index(path.giver.column)), path.taker) for path in given
        ]
    twins = {n: other for n, other in found.twins.items() if not {n, other} & files}
    return _without_idle(Reductions(tuple(sorted(paths)), made, twins, probes), config)


def _without_idle(found: Reductions, config: Config) -> Reductions:
    """The reductions without probes whose keys are not expected to pay."""
    steps = expected_steps(found, config)
    used = {place.fragment for step in steps for place in step.givers}
    idle = found.probes.keys() - used
    if not idle:
        return found
    return Reductions(
        tuple(path for path in found.paths if path.giver.fragment not in idle),
        {n: r for n, r in found.fragments.items() if n not in idle},
        found.twins,
        {n: f for n, f in found.probes.items() if n not in idle},
    )


def _narrowed(probe: Reducible, columns: Sequence[int], most: int) -> Reducible:
    """The scan with these columns only; of more than `most` rows, one more to tell that."""
    block = replace(
        probe.block,
        columns=tuple(probe.block.columns[i] for i in columns),
        limit=most + 1,
    )
    return replace(probe, block=block, distinct=tuple(probe.distinct[i] for i in columns))
