"""NOT IN: which joins of a plan mean SQL's NULLs by it, marked inside the Substrait message.

Substrait has no word for it. DataFusion's plan text has, and lists joins in the order in which the
message holds them. The mark goes where a join goes; DataFusion does not read it.
"""

from __future__ import annotations

from collections.abc import Iterator

from substrait.proto import Plan, Rel

from gateway.plan.relations import kind, subqueries, walk

_MARK = "null_aware"


def mark_null_aware(plan_text: str, plan: Plan) -> int | None:
    """Mark the NOT IN joins of a plan, in place, and count them.

    `plan_text` is the same plan as DataFusion shows it. None, and nothing is marked, when the
    joins of text and message can not be matched.
    """
    lines = list(_join_lines(plan_text))
    positions = [i for i, line in enumerate(lines) if line.rstrip().endswith(_MARK)]
    if not positions:
        return 0
    rels = list(walk(plan.relations[0].root.input))
    joins = [rel for rel in rels if kind(rel) == "join"]
    if len(joins) != len(lines) or any(subqueries(rel) for rel in rels):
        return None
    for position in positions:
        joins[position].join.common.hint.alias = _MARK
    return len(positions)


def is_null_aware(rel: Rel) -> bool:
    """True for a join marked as a NOT IN: no row passes it where the comparison is unknown."""
    return bool(rel.WhichOneof("rel_type") == "join" and rel.join.common.hint.alias == _MARK)


def leaves_null_aware(plan: Plan) -> bool:
    """True when a plan still holds a NOT IN join, whose NULLs the engine would not see."""
    return any(is_null_aware(rel) for rel in walk(plan.relations[0].root.input))


def _join_lines(plan_text: str) -> Iterator[str]:
    """The lines of a plan text that are joins with a condition; cross joins are other relations."""
    for line in plan_text.splitlines():
        head = line.strip().split(":", 1)[0]
        if head.endswith(" Join") and head != "Cross Join":
            yield line
