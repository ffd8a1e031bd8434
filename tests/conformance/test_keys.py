"""Lists of keys: each source gives the rows that Arrow finds, whatever the keys are."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from bench.sources import Column
from bench.sources import Table as Loaded
from bench.stores import STORES, stored
from connectors import open_connector
from connectors.embedded_duckdb import EmbeddedDuckDb
from connectors.files import FilesConnector
from connectors.interface import Binding
from connectors.keys import LONG_LIST
from connectors.statistics import UNKNOWN
from gateway.model import Address, Dataset
from gateway.plan.block import Aliases, Block, fetched, nest
from gateway.plan.reduced_block import reduced, takes_keys
from gateway.plan.secured_read import read_block
from gateway.plan.security import Security
from gateway.plan.sending import fragment_of
from gateway.plan.source import Source, Table

STORED = ("postgres", "mariadb", "sqlite", "duckdb")
FILES = "files"
"""A Parquet file, of which the embedded DuckDB is asked."""

SQL_SOURCES = (*STORED, FILES)
MOST = 50_000

WORDS = [
    *("", " ", "a", "A", "a ", "a  ", " a", "ä", "a\u0308", "ß", "ss", "é", "e", "日本", "🙂", "Ω"),
    *("it's", 'say "x"', "a\\b", "\\", "\\'", "'", '"', "{a,b}", "a,b", "NULL", "null", "%", "_"),
    *("line\nbreak", "tab\t", "\r", "--", "; drop", "$1", "?", ":x", "{}", "\x01", None),
]
NUMBERS = [0, -1, 1, 2, 3, 2**63 - 1, -(2**63), 2**53 + 1, -(2**53) - 1, 10**18, None]
SMALL = [0, -1, 1, 2, 2**31 - 1, -(2**31), 7, None]
DAYS = [
    *(dt.date(1, 1, 1), dt.date(9999, 12, 31), dt.date(1969, 12, 31), dt.date(1970, 1, 1)),
    *(dt.date(2024, 2, 29), dt.date(1582, 10, 10), dt.date(2000, 1, 1), None),
]
EXACT = [Decimal(n) / 10_000 for n in (0, 1, -1, 25_000, -25_000, 99_999_999, 12_345)] + [None]
COLUMNS = {
    "big": ("BIGINT", pa.int64(), NUMBERS),
    "small": ("INTEGER", pa.int32(), SMALL),
    "word": ("VARCHAR(40)", pa.string(), WORDS),
    "padded": ("CHAR(6)", pa.string(), ["a", "ab", "", "A", "abcdef", "ä", None]),
    "day": ("DATE", pa.date32(), DAYS),
    "exact": ("DECIMAL(12,4)", pa.decimal128(12, 4), EXACT),
}


def rows() -> pa.Table:
    """Every column's values in turn."""
    count = 400
    columns = {"id": pa.array(range(count), pa.int32())}
    for name, (_, data_type, values) in COLUMNS.items():
        columns[name] = pa.array([values[i % len(values)] for i in range(count)], data_type)
    return pa.table(columns)


@pytest.fixture(scope="module")
def opened() -> Iterator[dict[str, Table]]:
    """The rows in every source that speaks SQL."""
    declared = (
        Column("id", "INTEGER", nullable=False),
        *(Column(name, sql, nullable=True) for name, (sql, _, _) in COLUMNS.items()),
    )
    loaded = Loaded("keyed", declared, ("id",), rows())
    tables: dict[str, Table] = {}
    with stored({name: [loaded] for name in STORES if name in STORED}) as (folder, products):
        for name, product in products.items():
            binding = Binding(product.connector, product.direct or product.uri, "keyed")
            connector = open_connector(binding)
            schema = connector.schema("keyed")
            dataset = Dataset(Address("d", "p", "keyed", "1.0.0"), schema, binding)
            source = Source(connector.source_key, connector)  # type: ignore[arg-type]
            tables[name] = Table(dataset, connector, source, Security(schema), statistics=UNKNOWN)
        engine = EmbeddedDuckDb(1 << 30, 2)
        tables[FILES] = of_file(engine, folder)
        yield tables
        for table in tables.values():
            table.connector.close()
        engine.close()


def of_file(engine: EmbeddedDuckDb, folder: Path) -> Table:
    """The rows in a file, which the embedded engine answers for."""
    pq.write_table(rows(), folder / "keyed.parquet", row_group_size=64)
    files = FilesConnector(str(folder), {})
    schema = files.schema("keyed.parquet")
    offered = engine.offer(files, "keyed.parquet", schema)
    assert offered is not None
    dataset = Dataset(
        Address("d", "p", "keyed", "1.0.0"), schema, Binding("files", "", "keyed.parquet")
    )
    source = Source(offered.source_key, offered, embedded=True)
    return Table(dataset, files, source, Security(schema), statistics=UNKNOWN)


def block_of(table: Table) -> Block:
    assert table.source is not None
    return read_block(table, table.source, ["id", *COLUMNS], Aliases())


def answer(block: Block) -> pa.Table:
    schema = pa.schema([pa.field(f"c{i}", c.type) for i, c in enumerate(block.columns)])
    fragment = fragment_of(1, block, schema)
    stream = fragment.open(fragment.text)
    try:
        return pa.Table.from_batches(list(stream), schema).sort_by("c0")
    finally:
        stream.close()


def same(block: Block, keys: dict[int, pa.Array]) -> None:
    """The reduced block has the rows that are left of the whole one."""
    whole = answer(block)
    for position, values in keys.items():
        whole = whole.filter(pc.is_in(whole.column(position), value_set=values))
    smaller = reduced(block, keys, MOST)
    assert smaller is not None
    assert answer(smaller).equals(whole)


@pytest.mark.parametrize("source", SQL_SOURCES)
@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("seed", range(3))
def test_keys_find_the_rows_that_arrow_finds(
    source: str, name: str, seed: int, opened: dict[str, Table]
) -> None:
    block = block_of(opened[source])
    position = 1 + list(COLUMNS).index(name)
    if not takes_keys(block, position):
        return  # which those are is for the next test to say
    _, data_type, values = COLUMNS[name]
    present = [v for v in values if v is not None]
    chance = random.Random(seed)
    chosen = chance.sample(present, len(present) // 2) if seed else present
    same(block, {position: pa.array(chosen, data_type)})


def test_every_source_takes_keys_of_the_usual_kinds(opened: dict[str, Table]) -> None:
    for source, table in opened.items():
        taken = {n for i, n in enumerate(COLUMNS, 1) if takes_keys(block_of(table), i)}
        least = {"big", "small", "word"} if source == "sqlite" else set(COLUMNS)
        assert least <= taken, source


@pytest.mark.parametrize("source", SQL_SOURCES)
def test_keys_nothing_is_equal_to(source: str, opened: dict[str, Table]) -> None:
    block = block_of(opened[source])
    same(block, {1: pa.array([4, 5, 77, -(2**62)], pa.int64())})
    same(block, {3: pa.array(["b", "a   ", "a\u200b", "AA", "\\\\"])})
    same(block, {1: pa.array(NUMBERS[:-1], pa.int64()), 3: pa.array(["a", "ß", "'"])})


@pytest.mark.parametrize("source", SQL_SOURCES)
def test_many_keys(source: str, opened: dict[str, Table]) -> None:
    block = block_of(opened[source])
    many = [*NUMBERS[:-1], *range(10**6, 10**6 + 5 * LONG_LIST, 5)]
    assert len(many) > LONG_LIST
    same(block, {1: pa.array(many, pa.int64())})
    same(block, {3: pa.array([*WORDS[:-1], *(f"word {n}" for n in range(LONG_LIST))])})


@pytest.mark.parametrize("source", SQL_SOURCES)
def test_keys_without_gaps_become_a_range(source: str, opened: dict[str, Table]) -> None:
    block = block_of(opened[source])
    keys = {2: pa.array(range(-1, 8), pa.int32())}
    smaller = reduced(block, keys, MOST)
    assert smaller is not None and "BETWEEN" in smaller.select().sql()
    same(block, keys)


def test_keys_of_files_are_joined(opened: dict[str, Table]) -> None:
    """Before a grouping as well as above what has to be done first, and never for few keys."""
    block = block_of(opened[FILES])
    keys = {1: pa.array([*NUMBERS[:-1], *range(10**6, 10**6 + 400, 4)], pa.int64())}
    grouped = replace(
        block, columns=(block.columns[1],), groups=(block.columns[1].group_key,), order=()
    )
    for each, taken in ((block, keys), (fetched(block, 0, 50), keys), (grouped, {0: keys[1]})):
        smaller = reduced(each, taken, MOST)
        assert smaller is not None
        assert "JOIN (SELECT CAST(UNNEST(" in smaller.select().sql()
    same(block, keys)
    same(grouped, {0: keys[1]})
    few = reduced(block, {1: keys[1][:5]}, MOST)
    assert few is not None and "JOIN" not in few.select().sql()


def test_more_keys_than_allowed_become_a_range_or_nothing(opened: dict[str, Table]) -> None:
    block = block_of(opened["postgres"])
    dense, sparse = pa.array(range(0, 40, 2), pa.int32()), pa.array(range(0, 400, 20), pa.int32())
    smaller = reduced(block, {2: dense}, most=10)
    assert smaller is not None and "BETWEEN" in smaller.select().sql()
    assert reduced(block, {2: sparse}, most=10) is None


@pytest.mark.parametrize("source", SQL_SOURCES)
def test_a_limited_block_is_limited_first(source: str, opened: dict[str, Table]) -> None:
    block = block_of(opened[source])
    ordered = answer(fetched(block, 0, 400)).slice(0, 400)
    assert ordered.num_rows == 400
    limited = fetched(block, 0, 5)
    smaller = reduced(limited, {1: pa.array([NUMBERS[0]], pa.int64())}, MOST)
    assert smaller is not None
    text = smaller.select().sql()
    assert text.index("LIMIT 5") < text.index("WHERE")


@pytest.mark.parametrize("source", SQL_SOURCES)
def test_keys_of_a_derived_table(source: str, opened: dict[str, Table]) -> None:
    block = nest(block_of(opened[source]), Aliases("below"))
    for position in (1, 2, 3):
        if takes_keys(block, position):
            values = list(COLUMNS.values())[position - 1]
            same(block, {position: pa.array([v for v in values[2] if v is not None], values[1])})
