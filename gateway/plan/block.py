"""A SELECT in the making: what one source will be asked, built up operator by operator.

A `Block` is immutable. Each relational operator either extends the block of its input or, where
SQL's order of clauses forbids it, first nests that block as a derived table. `Block.select` writes
the finished statement with columns named c0, c1, ... by position.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from connectors.capabilities import NotPushable
from connectors.operands import Operand
from gateway.plan.source import Source
from gateway.plan.trees import adopted, named


@dataclass(frozen=True, slots=True)
class Joined:
    """One item of a FROM clause: a table or derived table, and how it is joined to those before."""

    table: exp.Expr
    side: str = ""  # "", "inner", "left", "right", "full" or "cross"; the first item has ""
    condition: exp.Expr | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """One SELECT over one source.

    `columns` are the output expressions with their planned Arrow types. `groups` is None for a
    plain query and a tuple (maybe empty) for an aggregation. `product` marks a join without any
    condition that connects its sides: it may only be sent where it is reduced again.
    `minimum_rows` is set while the block holds rows that may not leave their region: only groups
    of at least so many may. `bases` are the columns of such a dataset as they are read.
    `windows`: some column is computed over other rows of the block, so it must keep them all.
    """

    source: Source
    columns: tuple[Operand, ...]
    tables: tuple[Joined, ...]
    where: tuple[exp.Expr, ...] = ()
    groups: tuple[exp.Expr, ...] | None = None
    having: tuple[exp.Expr, ...] = ()
    order: tuple[exp.Ordered, ...] = ()
    limit: int | None = None
    offset: int = 0
    product: bool = False
    minimum_rows: int | None = None
    bases: frozenset[str] = frozenset()
    windows: bool = False

    @property
    def open(self) -> bool:
        """True while WHERE, joins and GROUP BY can still be added without nesting."""
        return self.groups is None and self.filterable

    @property
    def filterable(self) -> bool:
        """True while WHERE or HAVING can still be added without nesting."""
        return not self.order and not self.bounded and not self.windows

    @property
    def bounded(self) -> bool:
        """True when the block has a LIMIT or OFFSET."""
        return self.limit is not None or self.offset > 0

    @property
    def joins_only_inner(self) -> bool:
        """True when every table is joined by an inner or cross join: filters commute with all."""
        return all(item.side in {"", "inner", "cross"} for item in self.tables)

    def select(self) -> exp.Select:
        """The finished statement."""
        projections = [named(column.sql, f"c{i}") for i, column in enumerate(self.columns)] or [
            named(exp.Literal.number(1), "c0")
        ]
        query = exp.Select(expressions=projections)
        query.set("from_", exp.From(this=adopted(self.tables[0].table)))
        for item in self.tables[1:]:
            query.append("joins", _join(item))
        if self.where:
            query.set("where", exp.Where(this=_all(self.where)))
        if self.groups:
            query.set("group", exp.Group(expressions=[g.copy() for g in self.groups]))
        if self.having:
            query.set("having", exp.Having(this=_all(self.having)))
        if self.order:
            query.set("order", exp.Order(expressions=[o.copy() for o in self.order]))
        if self.limit is not None:
            query.set("limit", exp.Limit(expression=exp.Literal.number(self.limit)))
        if self.offset:
            query.set("offset", exp.Offset(expression=exp.Literal.number(self.offset)))
        return query


def strictest(blocks: Sequence[Block]) -> int | None:
    """The number of rows a group over all these blocks needs, None if none of them asks for any."""
    return max((b.minimum_rows for b in blocks if b.minimum_rows is not None), default=None)


def _join(item: Joined) -> exp.Join:
    join = exp.Join(this=adopted(item.table))
    if item.side == "cross" or item.condition is None:
        join.set("kind", "CROSS")
        return join
    join.set("on", adopted(item.condition))
    if item.side == "inner":
        join.set("kind", "INNER")
    else:
        join.set("side", item.side.upper())
    return join


def _all(conditions: Sequence[exp.Expr]) -> exp.Expr:
    tree = adopted(conditions[0])
    for condition in conditions[1:]:
        tree = exp.And(this=tree, expression=adopted(condition))
    return tree


class Aliases:
    """Table aliases t1, t2, ...: unique within one plan; those given come first."""

    def __init__(self, *given: str) -> None:
        self._names: Iterator[str] = itertools.chain(given, (f"t{i}" for i in itertools.count(1)))

    def next(self) -> str:
        """The next unused alias."""
        return next(self._names)


def nest(block: Block, aliases: Aliases, *, first: bool = False) -> Block:
    """The block as a derived table of a new one. An order without a limit means nothing inside.

    With `first` the source makes its rows before anything else: a limit keeps its planner out.
    """
    if not block.bounded:
        block = replace(block, order=())
    alias = exp.to_identifier(aliases.next())  # quoted if it must be
    select = block.select()
    if first and not block.bounded:
        select.set("limit", exp.Limit(expression=exp.Literal.number(-1)))
    derived = exp.Subquery(this=select, alias=exp.TableAlias(this=alias))
    columns = tuple(
        Operand(exp.column(f"c{i}", table=alias.copy()), column.type, seal=column.seal)
        for i, column in enumerate(block.columns)
    )
    return Block(
        block.source,
        columns,
        (Joined(derived),),
        product=block.product,
        minimum_rows=block.minimum_rows,
    )


def opened(block: Block, aliases: Aliases) -> Block:
    """The block itself while it can be extended, else nested."""
    return block if block.open else nest(block, aliases)


def filtered(block: Block, conditions: Sequence[exp.Expr]) -> Block:
    """The block with more conditions; `conditions` are written over the block's columns."""
    if not block.filterable:
        raise ValueError("nest before filtering a block that is ordered, limited or has windows")
    if block.groups is not None:
        return replace(block, having=(*block.having, *conditions))
    # a reader of files applies what it can of a filter, and the filter itself stays above it
    added = [c for c in conditions if c not in block.where]
    return replace(block, where=(*block.where, *added))


def fetched(block: Block, offset: int, count: int | None) -> Block:
    """The block cut to `count` rows after the first `offset`; consecutive cuts are merged."""
    if block.limit is not None:
        left = max(block.limit - offset, 0)
        count = left if count is None else min(count, left)
    product = block.product and count is None
    return replace(block, limit=count, offset=block.offset + offset, product=product)


def check_duplicable(columns: Sequence[Operand], uses: Sequence[int]) -> bool:
    """True when no computed column would be written twice by substituting it `uses` times."""
    return all(
        count <= 1 or isinstance(column.sql, exp.Column) or column.is_literal
        for column, count in zip(columns, uses, strict=True)
    )


def union_all(blocks: Sequence[Block], aliases: Aliases) -> Block:
    """UNION ALL of blocks of one source, as a derived table. Types must agree by position."""
    first = blocks[0]
    if any([c.type for c in b.columns] != [c.type for c in first.columns] for b in blocks):
        raise NotPushable("a union of different types")
    if any([c.seal for c in b.columns] != [c.seal for c in first.columns] for b in blocks):
        raise NotPushable("a union of columns that are masked in different ways")
    if any(b.order or b.bounded for b in blocks):
        blocks = [nest(b, aliases) if b.order or b.bounded else b for b in blocks]
    tree: exp.Query = blocks[0].select()
    for block in blocks[1:]:
        tree = exp.Union(this=tree, expression=block.select(), distinct=False)
    alias = aliases.next()
    derived = exp.Subquery(this=tree, alias=exp.TableAlias(this=exp.to_identifier(alias)))
    columns = tuple(
        Operand(exp.column(f"c{i}", table=alias), column.type, seal=column.seal)
        for i, column in enumerate(first.columns)
    )
    return Block(first.source, columns, (Joined(derived),), minimum_rows=strictest(blocks))
