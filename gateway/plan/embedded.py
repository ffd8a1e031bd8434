"""Which parts of a query over files are worth the embedded engine.

Measured on TPC-H at scale 1 (two cores): joins and aggregates over Parquet take DuckDB about 0.65
times the engine's time. The rows of a bare scan would only be carried over from one to the other.
"""

from __future__ import annotations

from sqlglot import exp

from gateway.plan.block import Block
from gateway.plan.fragment import Fragment
from gateway.plan.source import Table, Tables


def pays(block: Block, *, whole: bool = False) -> bool:
    """Whether a block is worth its source. Only the embedded engine's may be not.

    Below a remainder the block must come down to few rows, or its rows are carried over.
    """
    if not block.source.embedded:
        return True
    tree = block.select()
    reduces = tree.find(exp.AggFunc, exp.Group, exp.Limit) is not None
    return reduces or (whole and tree.find(exp.Join) is not None)


def elsewhere(tables: Tables) -> bool:
    """True when some table has a source that is not the embedded engine."""
    return any(t.source is not None and not t.source.embedded for t in tables.values())


def read_by_engine(table: Table) -> bool:
    """True for a table that the engine reads itself wherever no fragment does."""
    return table.source is None or table.source.embedded


def is_embedded(fragment: Fragment, tables: Tables) -> bool:
    """True for a fragment that the embedded engine answers."""
    return any(
        t.source is not None and t.source.embedded and t.source.key == fragment.source
        for t in tables.values()
    )
