"""A block with fewer rows: those whose values other sources have sent keys for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from connectors.capabilities import Kind, NotPushable, Relation, kind_of
from connectors.dialect import SqlDialect
from connectors.keys import duckdb_key_table
from connectors.operands import Operand
from connectors.trees import paren
from gateway.plan.block import Aliases, Block, Joined, filtered, nest

MOST_STEPS = 2
"""A range takes the place of a list when it holds at most so many values a key."""

Writer = Callable[[int, Operand], exp.Expr | Joined]
"""How a column is restricted: by a condition, or by a table of keys that is joined, each once."""


def takes_keys(block: Block, position: int) -> bool:
    """True when a condition on the output column is total, and the source takes lists of keys.

    Total is a column as it is read, also from inside a derived table. A source may compute
    conditions in any order, so one over an expression could fail for rows another one removes.
    """
    dialect = block.source.dialect
    column = block.columns[position]
    if dialect.keys is None or column.seal is not None or block.minimum_rows is not None:
        return False
    if Relation.FILTER not in dialect.capabilities.relations:
        return False
    if column.kind not in dialect.capabilities.functions.get("equal", frozenset()):
        return False
    tables = [item.table for item in block.tables]
    return column.native is not None or _is_read(column.sql, tables)


def reduced(block: Block, keys: Mapping[int, pa.Array], most: int) -> Block | None:
    """The block without rows whose value in a column is none of its `keys`.

    Keys are distinct, not NULL and of the columns' own types. None when the source can not be told
    exactly, and for more than `most` keys that make no range.
    """
    dialect = block.source.dialect
    written = {i: _condition(dialect, block.columns[i], values, most) for i, values in keys.items()}
    if any(condition is None for condition in written.values()):
        return None

    def write(position: int, column: Operand) -> exp.Expr | Joined:
        values = keys[position]
        if block.source.embedded and _range(values, dense=len(values) > most) is None:
            table = duckdb_key_table(values, f"keys_{position}")
            if table is not None:
                key = exp.column("k", table=table.alias)
                return Joined(table, "inner", exp.EQ(this=column.sql.copy(), expression=key))
        return _condition(dialect, column, values, most) or exp.false()

    return _restricted(block, keys, write)


def described(block: Block, words: Mapping[int, str]) -> Block:
    """The reduced block as people read it, with words in the place of each column's keys."""

    def write(position: int, column: Operand) -> exp.Expr:
        keys = exp.Var(this=words[position])
        return paren(exp.In(this=column.sql.copy(), expressions=[keys]))

    return _restricted(block, words, write)


def _restricted(block: Block, positions: Mapping[int, object], write: Writer) -> Block:
    """The block with a condition on each of the output columns.

    A condition on a group's key holds for all rows of the group or for none, so it stands before
    the grouping. Whatever else a block does with its rows is done first.
    """
    before = []
    if block.groups and block.filterable:
        before = [i for i in positions if _is_group_key(block, i)]
        conditions, joined = _apart(write(i, block.columns[i]) for i in before)
        tables = (*block.tables, *joined)
        block = replace(block, tables=tables, where=(*block.where, *conditions))
    after = [i for i in positions if i not in before]
    if not after:
        return block
    if not block.open:
        block = nest(block, Aliases("reduced"))
    conditions, joined = _apart(write(i, block.columns[i]) for i in after)
    return replace(filtered(block, conditions), tables=(*block.tables, *joined))


def _apart(written: Iterable[exp.Expr | Joined]) -> tuple[list[exp.Expr], list[Joined]]:
    found = list(written)
    joined = [item for item in found if isinstance(item, Joined)]
    return [item for item in found if not isinstance(item, Joined)], joined


def _is_group_key(block: Block, position: int) -> bool:
    key = block.columns[position].group_key
    return any(key == group for group in block.groups or ())


def _condition(
    dialect: SqlDialect, column: Operand, values: pa.Array, most: int
) -> exp.Expr | None:
    span = _range(values, dense=len(values) > most)
    try:
        if span is not None:
            low, high = (dialect.literal(bound, column.type) for bound in span)
            sql = column.native.sql if column.native else column.sql
            return paren(exp.Between(this=sql.copy(), low=low, high=high))
        if len(values) > most or dialect.keys is None:
            return None
        return dialect.keys(column, values)
    except NotPushable:
        return None


def _range(values: pa.Array, *, dense: bool) -> tuple[object, object] | None:
    """The least and greatest key where they say the same as the list, or nearly if `dense`."""
    if kind_of(values.type) not in {Kind.INTEGER, Kind.DATE} or len(values) < 2:
        return None
    whole = values.cast(pa.int32() if kind_of(values.type) is Kind.DATE else values.type)
    ends = pc.min_max(whole).as_py()
    steps = ends["max"] - ends["min"] + 1
    if steps > len(values) * (MOST_STEPS if dense else 1):
        return None
    bounds = pa.array([ends["min"], ends["max"]], whole.type).cast(values.type)
    try:
        low, high = bounds.to_pylist()
    except (ValueError, OverflowError):  # a date beyond Python's
        return None
    return low, high


_TRANSPARENT = (exp.Paren, exp.Collate)
_WHOLE_OR_TEXT = frozenset({"TEXT", "CHAR", "VARCHAR", "BIGINT", "CHARACTER_SET"})


def _is_read(tree: exp.Expr, tables: Sequence[exp.Expr]) -> bool:
    """True when an expression over tables is a column of one, as its source reads it."""
    while True:
        if isinstance(tree, _TRANSPARENT) or (isinstance(tree, exp.Cast) and _whole_or_text(tree)):
            tree = tree.this
        else:
            break
    if not isinstance(tree, exp.Column):
        return False
    table = next((table for table in tables if table.alias == tree.table), None)
    if isinstance(table, exp.Subquery):
        position = int(tree.name.removeprefix("c"))  # a derived table's columns are numbered
        return all(_is_read(_output(s, position), _read_by(s)) for s in _selects(table.this))
    return isinstance(table, exp.Table)


def _whole_or_text(cast: exp.Cast) -> bool:
    """True for the casts of columns that have a result for every value."""
    return cast.to.this.name in _WHOLE_OR_TEXT


def _read_by(query: exp.Select) -> list[exp.Expr]:
    source = query.args.get("from_")
    joins = query.args.get("joins") or ()
    return [item.this for item in (source, *joins) if item is not None]


def _selects(query: exp.Expr) -> list[exp.Select]:
    if isinstance(query, exp.Union):
        return [*_selects(query.this), *_selects(query.expression)]
    return [query] if isinstance(query, exp.Select) else []


def _output(query: exp.Select, position: int) -> exp.Expr:
    output: exp.Expr = query.expressions[position].unalias()
    return output
