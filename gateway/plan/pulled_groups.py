"""A grouping the engine does for a source, while the source does the rest of the query.

A source that groups a whole table into nearly as many groups as it has rows, only for a HAVING to
leave few of them, saves no transfer by it and takes long. The engine fetches the table instead,
groups it, and the few keys that are left reduce what the source still has to do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from substrait.proto import Plan, Rel

from gateway.plan import guards, relations
from gateway.plan.block import Block
from gateway.plan.cutter import FRAGMENT_TABLE, Cut, block_schema
from gateway.plan.fragment import Fragment
from gateway.plan.placement import aggregate_of
from gateway.plan.sending import fragment_of
from gateway.plan.types import named_struct


@dataclass(frozen=True, slots=True)
class PulledGroups:
    """What the engine makes of a `scan` to answer the fragment of this number.

    `remainder` is a Substrait plan over the scan's fragment; its columns are those of the answer.
    """

    number: int
    scan: Fragment
    remainder: bytes


def groups_of(plan: Plan, cut: Cut) -> tuple[PulledGroups, ...]:
    """What the engine groups of a cut `plan`. The fragments of the scans come after all others."""
    places = sorted(cut.scans)
    return tuple(
        _grouped(place + 1, cut.origins[place], cut.scans[place], len(cut.blocks) + 1 + i, plan)
        for i, place in enumerate(places)
    )


def with_scans(
    fragments: tuple[Fragment, ...], groups: tuple[PulledGroups, ...]
) -> tuple[Fragment, ...]:
    """The fragments and those of the scans; what the engine groups asks its source for nothing."""
    scans = {g.number: g.scan for g in groups}
    made = (_computed(f, scans[f.number]) if f.number in scans else f for f in fragments)
    return (*made, *scans.values())


def _computed(fragment: Fragment, scan: Fragment) -> Fragment:
    shown = f"computed by the gateway over fragment {scan.number}: {fragment.shown}"
    return replace(fragment, shown=shown, computed=True)


def _grouped(number: int, origin: Rel, scan: Block, scan_number: int, plan: Plan) -> PulledGroups:
    schema = block_schema(scan, scan_number)
    over = Plan()
    over.CopyFrom(plan)
    del over.relations[:]
    root = over.relations.add().root
    root.input.CopyFrom(origin)
    root.names.extend(f"c{i}" for i in range(relations.width(origin)))
    read = relations.inputs(aggregate_of(root.input))[0]
    read.Clear()
    read.read.common.direct.SetInParent()
    read.read.base_schema.CopyFrom(named_struct(schema))
    read.read.named_table.names.append(FRAGMENT_TABLE.format(scan_number))
    guards.name_outputs(over)
    return PulledGroups(number, fragment_of(scan_number, scan, schema), over.SerializeToString())
