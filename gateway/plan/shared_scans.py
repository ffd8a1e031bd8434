"""Fragments that ask for the same rows with fewer columns ask for the same columns as well.

A query that reads a table twice, such as one with its own total in a sub-query, seldom needs the
same columns both times. With the columns of the other, a fragment is that one's twin: its rows are
fetched once (`reducible.py`, `fetching.py`). What is more in them is dropped by the read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
from substrait.proto import Plan, Rel

from gateway.plan import relations
from gateway.plan.block import Block
from gateway.plan.cutter import FRAGMENT_TABLE, Cut, block_schema
from gateway.plan.relation_estimate import TEXT_WIDTH
from gateway.plan.renumbering import renumbered
from gateway.plan.types import named_struct

MOST_TIMES_WIDER = 2.0
"""Rows that turn out too many to be kept are fetched twice: they may not be much wider, then."""


def with_shared_scans(plan: Plan, cut: Cut) -> Cut:
    """The cut with blocks in place of narrower ones of the same rows; `plan` reads them so."""
    if len(cut.blocks) < 2:
        return cut
    blocks, origins = list(cut.blocks), list(cut.origins)
    rough: dict[tuple[object, ...], list[int]] = {}
    for index, block in enumerate(blocks):
        if _is_plain(block) and index not in cut.scans:
            key = (block.source.key, len(block.tables), len(block.where))
            rough.setdefault(key, []).append(index)
    for alike in rough.values():
        if len(alike) < 2:
            continue
        rows = {index: _rows(blocks[index]) for index in alike}
        widest = sorted(alike, key=lambda index: (-len(blocks[index].columns), index))
        for place, wide in enumerate(widest):
            for narrow in widest[place + 1 :]:
                if blocks[narrow] is blocks[wide] or rows[narrow] != rows[wide]:
                    continue
                positions = _positions(blocks[narrow], blocks[wide])
                if positions is None or not _read(plan, narrow + 1, blocks[wide], positions):
                    continue
                blocks[narrow], origins[narrow] = blocks[wide], origins[wide]
    if all(new is old for new, old in zip(blocks, cut.blocks, strict=True)):
        return cut
    return replace(cut, blocks=tuple(blocks), origins=tuple(origins))


def _is_plain(block: Block) -> bool:
    return bool(block.columns) and block.open and not block.source.embedded


def _rows(block: Block) -> str:
    """The rows a block has, whatever it tells of them."""
    tree = renumbered(replace(block, columns=()).select())
    return tree.sql(dialect=block.source.dialect.name)


def _positions(narrow: Block, wide: Block) -> list[int] | None:
    """Where each column of one block is in another of the same rows; None if one is not there."""
    if len(narrow.columns) == len(wide.columns) or _width(wide) > MOST_TIMES_WIDER * _width(narrow):
        return None
    there = {key: i for i, key in reversed(list(enumerate(_columns(wide))))}
    found = [there.get(key) for key in _columns(narrow)]
    known = [position for position in found if position is not None]
    return known if len(known) == len(found) else None


def _columns(block: Block) -> list[tuple[object, ...]]:
    """What each column is, under aliases that do not depend on the plan's other blocks."""
    dialect = block.source.dialect.name
    outputs = renumbered(block.select()).expressions
    return [
        (output.unalias().sql(dialect=dialect), column.type, column.seal)
        for output, column in zip(outputs, block.columns, strict=True)
    ]


def _width(block: Block) -> float:
    return sum(_bytes(column.type) for column in block.columns)


def _bytes(data_type: pa.DataType) -> float:
    try:
        return float(data_type.bit_width) / 8
    except ValueError:  # of variable width
        return TEXT_WIDTH


def _read(plan: Plan, number: int, block: Block, positions: Sequence[int]) -> bool:
    """Let the plan read these columns of a wider fragment. False where it does not read one."""
    name = (FRAGMENT_TABLE.format(number),)
    found = [r for r in relations.walk(plan.relations[0].root.input) if _reads(r, name)]
    if len(found) != 1:
        return False
    (rel,) = found
    wide = relations.copied(rel)
    wide.read.base_schema.CopyFrom(named_struct(block_schema(block, number)))
    rel.Clear()
    rel.project.input.CopyFrom(wide)
    rel.project.common.emit.output_mapping.extend(positions)
    return True


def _reads(rel: Rel, name: tuple[str, ...]) -> bool:
    return relations.table_name(rel) == name
