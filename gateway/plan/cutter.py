"""Cuts an optimised plan into one fragment per source region, leaving the remainder behind.

Bottom up, every operator tries to extend what its inputs ask of their source; where it can not, the
inputs become fragments. So each fragment is as large as its source's allow-list permits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa
from substrait.proto import Plan, Rel

from connectors.capabilities import NotPushable
from gateway.plan import relations
from gateway.plan.block import Aliases, Block
from gateway.plan.embedded import pays
from gateway.plan.limits import is_unordered, push_limits
from gateway.plan.placement import Placement, aggregate_of, is_scan
from gateway.plan.source import TableName, Tables
from gateway.plan.sql_writer import SqlWriter
from gateway.plan.types import named_struct

FRAGMENT_TABLE = "__fragment_{}"


@dataclass(frozen=True, slots=True)
class NotPushed:
    """One operator that stayed in the remainder although its input is one source's, and why."""

    source: str
    operator: str
    reason: str


@dataclass(frozen=True, slots=True)
class Cut:
    """The outcome: blocks to send, in the order of their numbers, and what was not pushed.

    `whole` means that the single block is the whole query. Otherwise the plan has been changed in
    place: each block's subtree is now a read of the table `__fragment_<number>`.
    """

    blocks: tuple[Block, ...]
    whole: bool
    not_pushed: tuple[NotPushed, ...]
    origins: tuple[Rel, ...] = ()
    """What each block stands for."""
    scans: Mapping[int, Block] = field(default_factory=dict)
    """By positions of blocks: what the engine fetches in their places, to group it itself."""


class Cutter:
    """One use per plan; `plan` is changed in place."""

    def __init__(
        self,
        plan: Plan,
        tables: Tables,
        placement: Placement | None = None,
        *,
        subqueries: bool,
        numbered_from: int = 1,
    ) -> None:
        """`subqueries`: whether expressions hold any. Without a `placement` all is pushed."""
        self._root: Rel = plan.relations[0].root.input
        self._tables = tables
        self._placement = placement
        self._first_number = numbered_from
        self._pays = pays
        self._blocks: dict[int, Block | None] = {}
        self._alive: list[Rel] = []  # keeps each message's Python object, and so its id, unique
        self._has_subqueries = subqueries
        self._fragments: list[Block] = []
        self._origins: list[Rel] = []
        self._apart: dict[int, Block] = {}  # scans of what the engine groups, by id of the grouping
        self._scans: dict[int, Block] = {}
        self._not_pushed: list[NotPushed] = []
        self._functions = relations.function_names(plan)
        self._writer = SqlWriter(
            functions=self._functions,
            aliases=Aliases(),
            subquery=lambda rel: self._blocks.get(id(rel)),
        )

    def cut(self) -> Cut:
        """Find the blocks and, unless one block is everything, put reads in their places."""
        self._build(self._root)
        whole = self._blocks[id(self._root)]
        split = whole is not None and self._split(self._root, whole, whole=True)
        pulled = whole is not None and not split and self._pulls(self._root, whole, whole=True)
        if whole is not None and not split and not pulled and pays(whole):
            return Cut((whole,), True, tuple(self._not_pushed))
        if not split and push_limits(self._root, self._functions, self._is_block):
            self._blocks.clear()
            self._not_pushed.clear()
            self._build(self._root)
        self._materialise(self._root, pulled=pulled)
        origins = tuple(self._origins)
        not_pushed = tuple(self._not_pushed)
        return Cut(tuple(self._fragments), False, not_pushed, origins, self._scans)

    def cut_scans(self) -> Cut:
        """Cut off the scans of single tables only, whether they are worth their source or not."""
        self._pays = lambda block: True
        self._build(self._root)
        self._materialise(self._root, pulled=True)
        origins = tuple(self._origins)
        return Cut(tuple(self._fragments), False, tuple(self._not_pushed), origins)

    def _pulls(self, rel: Rel, block: Block, *, whole: bool) -> bool:
        if self._placement is None:
            return False
        return self._placement.pulls(rel, block, self._block_of, whole=whole)

    def _split(self, rel: Rel, block: Block, *, whole: bool) -> bool:
        """Take a block apart above groupings that the engine does, if there are any that pay."""
        if self._placement is None:
            return False
        groups = self._placement.groups_apart(rel, block, self._block_of, whole=whole)
        for group in groups:
            scan = self._block_of(relations.inputs(aggregate_of(group))[0])
            assert scan is not None
            self._apart[id(group)] = scan
        return bool(groups) and self._take_apart(rel)

    def _take_apart(self, rel: Rel) -> bool:
        """Leave what is above a grouping of the engine's without a block. True if there is one."""
        if id(rel) in self._apart:
            return True
        found = [self._take_apart(child) for child in relations.inputs(rel)]
        if any(found):
            self._blocks[id(rel)] = None
        return any(found)

    def _block_of(self, rel: Rel) -> Block | None:
        return self._blocks.get(id(rel))

    def _is_block(self, rel: Rel) -> bool:
        return self._blocks.get(id(rel)) is not None

    def _build(self, rel: Rel) -> Block | None:
        self._alive.append(rel)
        children = [self._build(child) for child in relations.inputs(rel)]
        nested = [self._build(child) for child in self._subqueries(rel)]
        block = self._extend(rel, children, nested)
        self._blocks[id(rel)] = block
        return block

    def _extend(
        self, rel: Rel, children: Sequence[Block | None], nested: Sequence[Block | None]
    ) -> Block | None:
        try:
            name = relations.table_name(rel)
            if name is not None:
                return self._read(rel, name)
            if not children or any(c is None for c in children):
                return None
            blocks = [c for c in children if c is not None]
            keys = {b.source.key for b in (*blocks, *(n for n in nested if n is not None))}
            if len(keys) != 1:
                return None
            return self._writer.extend(rel, blocks)
        except NotPushable as refusal:
            source = self._source_of(rel, children)
            self._not_pushed.append(NotPushed(source, operator(rel), refusal.reason))
            return None

    def _subqueries(self, rel: Rel) -> list[Rel]:
        return relations.subqueries(rel) if self._has_subqueries else []

    def _read(self, rel: Rel, name: TableName) -> Block | None:
        table = self._tables.get(name)
        if table is not None and table.refusal:
            source = str(table.connector.source_key)
            self._not_pushed.append(NotPushed(source, operator(rel), table.refusal))
        if table is None or table.source is None:
            return None
        return self._writer.read(rel, table, table.source)

    def _source_of(self, rel: Rel, children: Sequence[Block | None]) -> str:
        for child in children:
            if child is not None:
                return str(child.source.key)
        name = relations.table_name(rel)
        table = self._tables.get(name) if name else None
        return str(table.source.key) if table and table.source else ""

    def _materialise(self, rel: Rel, *, pulled: bool) -> None:
        """Put reads in the places of blocks; where they are pulled, of their scans."""
        block = self._blocks[id(rel)]
        considered = block is not None and not pulled and id(rel) not in self._apart
        if block is not None and considered and self._split(rel, block, whole=False):
            block = None
        if block is not None and not block.product and self._pays(block):
            if id(rel) in self._apart:
                send = True
            elif pulled:
                send = is_scan(rel)
            else:
                pulled = self._pulls(rel, block, whole=False)
                send = not pulled
            if send and self._replace(rel, block):
                return
        for child in (*relations.inputs(rel), *self._subqueries(rel)):
            self._materialise(child, pulled=pulled)

    def _replace(self, rel: Rel, block: Block) -> bool:
        """Make `rel` a read of a new fragment. False when its inputs must be fragments instead."""
        ordered = block.order and not is_unordered(rel)
        if ordered and not self._top_n(rel, block):
            return False
        if ordered:
            return True
        try:
            self._send(rel, block)
        except NotPushable as refusal:
            reason = NotPushed(str(block.source.key), operator(rel), refusal.reason)
            self._not_pushed.append(reason)
            return False
        return True

    def _top_n(self, rel: Rel, block: Block) -> bool:
        """A sorted and limited block inside a plan: the engine does not know that it is sorted.

        So the sort stays in the remainder, over a fragment cut to the rows it can need.
        """
        below = rel
        while relations.kind(below) in {"project", "fetch"}:
            below = relations.inputs(below)[0]
        if relations.kind(below) != "sort" or block.limit is None:
            return False
        source = relations.inputs(below)[0]
        unsorted = self._blocks[id(source)]
        if unsorted is None or not unsorted.columns or unsorted.bounded or unsorted.order:
            return False
        ordered = self._blocks[id(below)]
        if ordered is None or ordered.bounded:
            return False
        needed = block.limit + block.offset
        limited = replace(unsorted, order=ordered.order, limit=needed, offset=0, product=False)
        try:
            self._send(source, limited)
        except NotPushable:
            return False
        return True

    def _send(self, rel: Rel, block: Block) -> None:
        number = self._first_number + len(self._fragments)
        schema = block_schema(block, number)
        base = named_struct(schema)  # may refuse a type before anything is changed
        width = len(block.columns)
        if id(rel) in self._apart:
            self._scans[len(self._fragments)] = self._apart[id(rel)]
        self._fragments.append(block)
        self._origins.append(relations.copied(rel))
        rel.Clear()
        read = rel.read
        if not width:  # count(*) needs rows, not columns
            rel.project.common.emit.SetInParent()
            read = rel.project.input.read
        read.common.direct.SetInParent()
        read.base_schema.CopyFrom(base)
        read.named_table.names.append(FRAGMENT_TABLE.format(number))


def operator(rel: Rel) -> str:
    """How EXPLAIN names an operator."""
    kind = relations.kind(rel)
    if kind in {"join", "cross"}:
        return f"{relations.join_type(rel).lower().replace('_', ' ')} join"
    name = relations.table_name(rel)
    return f"read of {'.'.join(name)}" if name else kind


def block_schema(block: Block, number: int) -> pa.Schema:
    """The planned schema of a fragment; a fragment without columns returns a 1.

    The engine knows the columns by names that are theirs alone: DataFusion 55 may move a filter
    to a join's other side when both sides have a column of one name.
    """
    types = [c.type for c in block.columns] or [pa.int64()]
    return pa.schema([pa.field(f"f{number}_c{i}", t) for i, t in enumerate(types)])
