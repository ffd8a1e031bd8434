"""From a block to the fragment that is sent: the one place where rows are let out of a source."""

from __future__ import annotations

import pyarrow as pa
from sqlglot import exp

from gateway.plan.block import Block
from gateway.plan.fragment import Fragment
from gateway.plan.residency import violation
from gateway.plan.secured_read import seals, shows_policies, unsealed, without_policies
from gateway.plan.shared_groups import with_shared_groups


def fragment_of(
    number: int, block: Block, schema: pa.Schema, tree: exp.Query | None = None
) -> Fragment:
    """The fragment that asks a block's source for the block, or for `tree`, which means the same.

    Raises ResidencyViolation for a block that still holds rows bound to their region.
    """
    if block.minimum_rows is not None:
        raise violation(block.minimum_rows)
    connector = block.source.connector
    if tree is None:
        tree = block.select()
        if block.source.embedded:
            tree = with_shared_groups(tree)
    text = connector.render(tree, schema)
    hides = shows_policies(tree)
    shown = connector.render(without_policies(tree), schema) if hides else text
    masks = seals(block)
    return Fragment(
        number,
        block.source.key,
        text,
        schema,
        lambda asked: unsealed(connector.query(asked, schema), masks),
        shown,
    )
