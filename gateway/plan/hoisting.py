"""Filters of reads put above them, for tables that can not be handed any."""

from __future__ import annotations

from substrait.proto import Plan, Rel

from gateway.plan.relations import copied, kind, walk


def with_filters_above(remainder: bytes) -> bytes:
    """The plan with bare reads, and a filter over each that had one inside."""
    plan: Plan = Plan.FromString(remainder)
    reads = [r for r in walk(plan.relations[0].root.input) if kind(r) == "read"]
    for rel in reads:
        if rel.read.HasField("filter"):
            _hoist(rel)
    written: bytes = plan.SerializeToString()
    return written


def _hoist(rel: Rel) -> None:
    bare = copied(rel)
    condition = bare.read.filter
    above = Rel()
    above.filter.condition.CopyFrom(condition)
    bare.read.ClearField("filter")
    if bare.read.HasField("projection"):
        chosen = [item.field for item in bare.read.projection.select.struct_items]
        above.filter.common.emit.output_mapping.extend(chosen)
        bare.read.ClearField("projection")
    above.filter.input.CopyFrom(bare)
    rel.CopyFrom(above)
