"""The embedded engine under load: many queries at once, inputs that hang, more rows than memory."""

from __future__ import annotations

import random
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.embedded_duckdb import ENGINES, EmbeddedDuckDb, Rows
from connectors.files import FilesConnector
from connectors.interface import Binding, SourceError, SourceErrorCode
from connectors.sqlite import SqliteConnector
from gateway.config import Config
from gateway.model import Dataset, Request
from gateway.pipeline import Gateway
from tests.gateways import ANA, EVERYTHING, ask, dataset, gateway

ENGINE = "embedded duckdb"
PLAIN = Config(embedded_duckdb=False)
SALES, SHOPS = 3000, 40
HIDDEN_BELOW = 7
SCHEMA = pa.schema([("x", pa.int64())])


def given(folder: Path, *, governed: tuple[str, ...] = ()) -> list[Dataset]:
    """Sales and prices in Parquet files, shops in SQLite; of some, a policy hides rows."""
    files = FilesConnector(str(folder), {})
    filters = {"own": f"shop >= {HIDDEN_BELOW}"}
    found = [
        dataset(
            "files",
            name,
            Binding("files", str(folder), f"{name}.parquet"),
            files.schema(f"{name}.parquet"),
            **({"row_filters": filters} if name in governed else {}),
        )
        for name in ("sales", "prices")
    ]
    path = str(folder / "shops.sqlite")
    shops = SqliteConnector(path, {}).schema("shops")
    more = {"row_filters": filters} if "shops" in governed else {}
    return [*found, dataset("small", "shops", Binding("sqlite", path, "shops"), shops, **more)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    chance = random.Random(11)
    sales = {
        "id": range(SALES),
        "shop": [chance.choice([None, *range(SHOPS)]) for _ in range(SALES)],
        "amount": [chance.randint(-50, 50) for _ in range(SALES)],
    }
    prices = {"shop": [*range(SHOPS), *range(9)], "price": range(SHOPS + 9)}
    for name, columns in (("sales", sales), ("prices", prices)):
        table = pa.table({n: pa.array(v, pa.int64()) for n, v in columns.items()})
        pq.write_table(table, tmp_path / f"{name}.parquet", row_group_size=100)
    with sqlite3.connect(tmp_path / "shops.sqlite") as database:
        database.execute("CREATE TABLE shops (shop INTEGER PRIMARY KEY, town TEXT NOT NULL)")
        rows = [(n, f"town {n % 6}") for n in range(SHOPS + 5)]
        database.executemany("INSERT INTO shops VALUES (?, ?)", rows)
    database.close()
    return tmp_path


def drawn(seed: int) -> str:
    """A query over files and shops that comes down to few rows."""
    chance = random.Random(seed)
    kind = chance.choice(["JOIN", "LEFT JOIN", "RIGHT JOIN"])
    more = chance.choice(["", " JOIN shop.files.prices p ON p.shop = s.shop"])
    value = chance.choice(
        ["s.amount", "s.id", *(["p.price", "s.amount * p.price"] if more else [])]
    )
    condition = chance.choice(
        [
            "s.amount > 0",
            "o.shop IS NOT NULL",
            "s.shop IN (SELECT q.shop FROM shop.files.prices q WHERE q.price < 20)",
            "NOT EXISTS (SELECT 1 FROM shop.files.prices q WHERE q.shop = o.shop AND q.price > 40)",
            f"s.id < {chance.randint(0, SALES)}",
        ]
    )
    aggregate = chance.choice([f"sum({value})", f"max({value})", f"count({value})"])
    return (
        f"SELECT o.town, {aggregate}, count(*) FROM shop.files.sales s"
        f" {kind} shop.small.shops o ON s.shop = o.shop{more} WHERE {condition}"
        " GROUP BY o.town ORDER BY o.town"
    )


def ran(mesh: Gateway, sql: str) -> tuple[list[dict[str, object]], list[str]]:
    """The rows, and the sources that gave any for them."""
    result = mesh.execute(mesh.prepare(Request(ANA, sql)))
    rows = pa.Table.from_batches(list(result.batches), schema=result.schema).to_pylist()
    return rows, [f.source.partition(":")[0] for f in result.report.fragments]


def test_more_queries_at_once_than_there_are_engines(folder: Path) -> None:
    mesh, plain = gateway(given(folder)), gateway(given(folder), config=PLAIN)
    queries = [drawn(seed) for seed in range(4 * ENGINES)]
    expected = [ran(plain, sql)[0] for sql in queries]
    start = threading.Barrier(2 * ENGINES)

    def run(numbers: range) -> list[tuple[list[dict[str, object]], list[str]]]:
        start.wait()
        return [ran(mesh, queries[n]) for n in numbers]

    with ThreadPoolExecutor(2 * ENGINES) as pool:
        shares = [range(n, len(queries), 2 * ENGINES) for n in range(2 * ENGINES)]
        answers = list(pool.map(run, shares))
    embedded = 0
    for share, given_answers in zip(shares, answers, strict=True):
        for number, (rows, sources) in zip(share, given_answers, strict=True):
            assert rows == expected[number], queries[number]
            embedded += ENGINE in sources
    assert embedded > ENGINES


@pytest.mark.parametrize("governed", [("sales",), ("prices",), ("shops",), ("sales", "shops")])
def test_rows_that_a_policy_hides_are_not_seen(folder: Path, governed: tuple[str, ...]) -> None:
    """Each drawn query answers as if the hidden rows were not there at all."""
    rules = list(EVERYTHING)
    for name in governed:
        resource = f"mesh://shop/{'small' if name == 'shops' else 'files'}/{name}"
        rules.append(("p2", "*", "*", resource, "*", "restrictive", "own", "allow"))
    secured = gateway(given(folder, governed=governed), rules)
    open_to_all = gateway(given(folder), config=PLAIN)
    all_the_same = 0
    for seed in range(24):
        sql = drawn(seed)
        without = sql
        for name in governed:
            full = f"shop.{'small' if name == 'shops' else 'files'}.{name}"
            seen = f"(SELECT * FROM {full} WHERE shop >= {HIDDEN_BELOW})"
            without = without.replace(f"{full} ", f"{seen} ")
        rows, _ = ran(secured, sql)
        assert rows == ran(open_to_all, without)[0], sql
        all_the_same += rows == ran(open_to_all, sql)[0]
        shown = str(ask(secured, f"EXPLAIN {sql}").to_pylist())
        for name in governed:
            assert f'{name}.parquet" AS' not in shown, "a governed file is secured by the engine"
    assert all_the_same < 24, "no query would have seen a hidden row"


def test_cancel_while_inputs_are_loaded() -> None:
    """Whoever waits for rows that do not come is told, and the engine is free for the next."""
    engine = EmbeddedDuckDb(1 << 28, 1)
    loading, told, limit = threading.Event(), threading.Event(), 60

    def hangs() -> Iterator[pa.RecordBatch]:
        loading.set()
        assert told.wait(limit), "nobody has given up"
        yield from ()

    try:
        for _ in range(ENGINES + 1):
            loading.clear()
            told.clear()
            stream = engine.query('SELECT x FROM "a"', SCHEMA, {"a": Rows(SCHEMA, hangs, told.set)})

            def cancel(stream: object = stream) -> None:
                assert loading.wait(limit)
                stream.cancel()  # type: ignore[attr-defined]
                told.set()  # as the gateway does: it cancels the inputs of a query with it

            canceller = threading.Thread(target=cancel)
            canceller.start()
            with pytest.raises(SourceError) as caught:
                list(stream)
            assert caught.value.code is SourceErrorCode.CANCELLED
            canceller.join()
        one = pa.record_batch({"x": pa.array([1], pa.int64())})
        rows = Rows(SCHEMA, lambda: iter([one]), told.set)
        (batch,) = engine.query('SELECT x FROM "a"', SCHEMA, {"a": rows})
        assert batch.to_pylist() == [{"x": 1}]
    finally:
        told.set()
        engine.close()


def test_inputs_and_groups_that_do_not_fit_into_memory_are_spilled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """75 MB of rows and as many groups, in an engine of 40 MB."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    engine = EmbeddedDuckDb(40 << 20, 1)
    count, batches = 1 << 16, 40
    schema = pa.schema([("x", pa.int64()), ("y", pa.string())])
    spilled: list[int] = []

    def rows() -> Iterator[pa.RecordBatch]:
        for number in range(batches):
            values = range(number * count, (number + 1) * count)
            yield pa.record_batch(
                {"x": pa.array(values, pa.int64()), "y": pa.array([f"{v:012}" for v in values])}
            )
            spilled.append(sum(f.stat().st_size for f in tmp_path.rglob("*") if f.is_file()))

    text = (
        'SELECT CAST(count(*) AS BIGINT) AS x FROM (SELECT "a".x % 2000000 AS k, max("a".y) AS y'
        ' FROM "a" GROUP BY k ORDER BY y)'
    )
    try:
        given = {"a": Rows(schema, rows, lambda: None)}
        assert [b.to_pylist() for b in engine.query(text, SCHEMA, given)] == [[{"x": 2_000_000}]]
        assert max(spilled) > 0
    finally:
        engine.close()
    assert list(tmp_path.iterdir()) == [], "what was spilled is gone with the engine"
