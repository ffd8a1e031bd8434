"""INTERSECT and EXCEPT, which DataFusion hands over as semi and anti joins of distinct rows.

Written as set operations a source sorts or hashes them; as EXISTS with null-safe equality
PostgreSQL compares every row with every row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sqlglot import exp
from substrait.proto import Expression, Rel

from connectors.capabilities import NotPushable, Relation
from connectors.operands import Operand
from gateway.plan import relations
from gateway.plan.block import Aliases, Block, Joined, nest

_WORDS: Mapping[str, tuple[type[exp.SetOperation], Relation]] = {
    "SEMI": (exp.Intersect, Relation.INTERSECT),
    "ANTI": (exp.Except, Relation.EXCEPT),
}


def as_set_operation(
    rel: Rel, left: Block, right: Block, functions: Mapping[int, str], aliases: Aliases
) -> Block | None:
    """The block of a join that is INTERSECT or EXCEPT; None for any other join."""
    side, _, word = relations.join_type(rel).partition("_")
    if word not in _WORDS:
        return None
    node, relation = _WORDS[word]
    kept, tested = (left, right) if side == "LEFT" else (right, left)
    if not _distinct(kept) or tested.minimum_rows is not None:
        return None
    pairs = _null_safe_pairs(rel.join.expression, functions)
    if pairs is None:
        return None
    width = len(left.columns)
    order = _partners(pairs, width, swapped=side == "RIGHT", columns=len(kept.columns))
    if order is None or any(i >= len(tested.columns) for i in order):
        return None
    dialect = kept.source.dialect
    partners = tuple(tested.columns[i] for i in order)
    try:
        dialect.require(relation)
        for one, other in zip(kept.columns, partners, strict=True):
            if one.type != other.type or one.seal is not None or other.seal is not None:
                return None
            dialect.require_kind("DISTINCT over", dialect.capabilities.groups, one.type)
    except NotPushable:
        return None
    tested = replace(tested, columns=partners)
    if tested.order or tested.bounded:
        tested = nest(tested, aliases)
    keys = tuple(
        replace(c, sql=dialect.sort_key(replace(c, sql=c.sql.copy()))) for c in kept.columns
    )
    tree = node(
        this=replace(kept, columns=keys, groups=kept.groups if kept.having else None).select(),
        expression=tested.select(),
        distinct=True,
    )
    alias = aliases.next()
    derived = exp.Subquery(this=tree, alias=exp.TableAlias(this=exp.to_identifier(alias)))
    columns = tuple(
        Operand(exp.column(f"c{i}", table=alias), column.type)
        for i, column in enumerate(kept.columns)
    )
    return Block(kept.source, columns, (Joined(derived),))


def _distinct(block: Block) -> bool:
    """True for a block that is grouped by its columns and computes nothing else."""
    if not block.groups or not block.filterable:
        return False
    keys = [column.group_key for column in block.columns]
    return all(key in block.groups for key in keys) and all(g in keys for g in block.groups)


def _null_safe_pairs(
    condition: Expression, functions: Mapping[int, str]
) -> list[tuple[int, int]] | None:
    """The pairs of columns of a condition that is nothing but null-safe equalities of them."""
    if condition.WhichOneof("rex_type") != "scalar_function":
        return None
    call = condition.scalar_function
    arguments = [a.value for a in call.arguments]
    match functions[call.function_reference]:
        case "and":
            parts = [_null_safe_pairs(a, functions) for a in arguments]
            return None if None in parts else [pair for part in parts for pair in part or ()]
        case "is_not_distinct_from":
            fields = [_field(a) for a in arguments]
            one, other = fields
            return None if one is None or other is None else [(one, other)]
    return None


def _field(expression: Expression) -> int | None:
    segment = expression.selection.direct_reference
    if expression.WhichOneof("rex_type") != "selection" or not segment.HasField("struct_field"):
        return None
    field = segment.struct_field
    return None if field.HasField("child") else int(field.field)


def _partners(
    pairs: list[tuple[int, int]], width: int, *, swapped: bool, columns: int
) -> list[int] | None:
    """For each kept column the tested one it is compared with; None unless each has just one."""
    found: dict[int, int] = {}
    for one, other in pairs:
        left, right = min(one, other), max(one, other) - width
        if left >= width or right < 0:
            return None
        kept, tested = (right, left) if swapped else (left, right)
        if kept in found:
            return None
        found[kept] = tested
    return [found[i] for i in range(columns)] if len(found) == columns else None
