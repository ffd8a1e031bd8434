"""Which parts of a query over files are worth the embedded engine.

Measured on TPC-H at scale 1 (two cores): joins and aggregates over Parquet take DuckDB about 0.65
times the engine's time. The rows of a bare scan would only be carried over from one to the other.
"""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp
from substrait.proto import Rel

from gateway.plan.block import Block
from gateway.plan.fragment import Fragment
from gateway.plan.relations import table_name, walk
from gateway.plan.source import Table, Tables


def pays(block: Block) -> bool:
    """Whether a block is worth its source. Only the embedded engine's may be not.

    It must come down to fewer rows than it reads, or these are only carried over; and it must have
    read them all before the first comes out, as long as it may still fail.
    """
    if not block.source.embedded:
        return True
    tree = block.select()
    return tree.find(exp.AggFunc, exp.Group) is not None or bool(block.order and block.bounded)


def without(tables: Tables) -> Tables:
    """The tables without the embedded engine."""
    return {
        n: replace(t, source=None) if t.source is not None and t.source.embedded else t
        for n, t in tables.items()
    }


def reads_on(rel: Rel, tables: Tables) -> bool:
    """True when a remainder still reads files that the embedded engine might have read.

    Then it reads them alone: two engines over one set of files share no work.
    """
    names = (table_name(node) for node in walk(rel))
    tables_left = (tables.get(name) for name in names if name is not None)
    return any(t is not None and t.source is not None and t.source.embedded for t in tables_left)


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
