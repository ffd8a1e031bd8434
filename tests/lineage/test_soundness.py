"""What lineage does not name has no influence: changed values of it change nothing in an answer.

Random queries run on DataFusion, once over the tables as they are and once for each output over
tables in which everything that its lineage does not name has other values.

`MESHGATE_RANDOM_QUERIES` sets how many, for longer campaigns than a test run allows.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Collection, Mapping

import pyarrow as pa
import pytest
from datafusion import SessionContext

from gateway.languages import sql
from gateway.lineage.columns import lineage_of
from gateway.lineage.model import Lineage
from gateway.lineage.relation import Read, Stored
from gateway.plan.rewrite import rewritten
from gateway.plan.source import Columns
from tests.lineage.random_queries import TABLES, random_query

QUERIES = int(os.environ.get("MESHGATE_RANDOM_QUERIES", "120"))
ROWS = 7
READ: Read = {(name,): Stored(name, columns) for name, columns in TABLES.items()}
KNOWN: Columns = {(name,): columns for name, columns in TABLES.items()}

Names = Collection[tuple[str, str]]
"""Tables and their columns."""


def tables(chance: random.Random) -> dict[str, pa.Table]:
    """Few numbers, so that many are equal, and some NULLs."""
    return {
        name: pa.table({c: pa.array(_values(chance), pa.int64()) for c in columns})
        for name, columns in TABLES.items()
    }


def _values(chance: random.Random) -> list[int | None]:
    return [chance.choice((None, 0, 1, 1, 2, 2, 3)) for _ in range(ROWS)]


def changed(
    given: Mapping[str, pa.Table], kept: Names, chance: random.Random
) -> dict[str, pa.Table]:
    """The tables with other values in all columns but those that are kept."""
    return {
        name: pa.table(
            {
                c: table.column(c) if (name, c) in kept else pa.array(_values(chance), pa.int64())
                for c in table.column_names
            }
        )
        for name, table in given.items()
    }


def answer(text: str, given: Mapping[str, pa.Table]) -> pa.Table:
    context = SessionContext()
    for name, table in given.items():
        context.register_record_batches(name, [table.to_batches()])
    frame = context.sql(rewritten(sql.parse(text).tree, KNOWN) or text)
    batches = frame.collect()
    return pa.Table.from_batches(batches) if batches else frame.schema().empty_table()


def values(table: pa.Table, position: int) -> Counter[object]:
    return Counter(table.column(position).to_pylist())


def told(text: str, names: list[str]) -> Lineage:
    return lineage_of(sql.parse(text).tree, READ, names)


def named(lineage: Lineage, position: int) -> set[tuple[str, str]]:
    inputs = (*lineage.outputs[position].inputs, *lineage.whole)
    return {(i.dataset, i.column) for i in inputs}


@pytest.mark.parametrize("seed", range(QUERIES))
def test_what_is_not_named_has_no_influence(seed: int) -> None:
    chance = random.Random(seed)
    text, given = random_query(seed), tables(chance)
    before = answer(text, given)
    lineage = told(text, before.column_names)
    for position, output in enumerate(lineage.outputs):
        for _ in range(2):
            after = answer(text, changed(given, named(lineage, position), chance))
            assert values(after, position) == values(before, position), f"{output.name} of {text}"


def test_what_is_named_mostly_has_influence() -> None:
    """The test above sees what a lineage lacks: nearly every input matters for some values."""
    everything = {(name, c) for name, columns in TABLES.items() for c in columns}
    seen, all_inputs = 0, 0
    for seed in range(40):
        chance = random.Random(seed)
        text, given = random_query(seed), tables(chance)
        before = answer(text, given)
        lineage = told(text, before.column_names)
        for column in sorted(named(lineage, 0)):
            others = everything - {column}
            tries = (answer(text, changed(given, others, chance)) for _ in range(5))
            seen += any(values(after, 0) != values(before, 0) for after in tries)
            all_inputs += 1
    assert seen > all_inputs / 2, f"{seen} of {all_inputs}"
