"""Remainders over Parquet files and other sources' rows, computed by the embedded DuckDB."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.embedded_duckdb import EmbeddedDuckDb, EmbeddedFiles, Rows
from connectors.files import FilesConnector
from connectors.interface import Binding, SourceError, SourceErrorCode
from connectors.sqlite import SqliteConnector
from gateway.config import Config
from gateway.errors import GatewayError
from gateway.model import Dataset, Request
from gateway.pipeline import Gateway
from tests.gateways import ANA, ask, dataset, gateway

ENGINE = "embedded duckdb:files"
PLAIN = Config(embedded_duckdb=False)
SALES = 5000
FILE = "sales.parquet"


@pytest.fixture
def given(tmp_path: Path) -> list[Dataset]:
    """Sales in a Parquet file, shops and a table of oddities in SQLite."""
    numbers = range(SALES)
    sales = pa.table(
        {
            "id": pa.array(numbers, pa.int64()),
            "shop": pa.array([n % 41 if n % 7 else None for n in numbers], pa.int64()),
            "amount": pa.array([Decimal(n % 997) / 100 for n in numbers], pa.decimal128(15, 2)),
        }
    )
    pq.write_table(sales, tmp_path / FILE, row_group_size=500)
    path = tmp_path / "shops.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE shops (shop INTEGER PRIMARY KEY, town TEXT NOT NULL)")
        rows = [(n, ["Ürümqi", "Ulm", "it's", ""][n % 4]) for n in range(60)]
        database.executemany("INSERT INTO shops VALUES (?, ?)", rows)
    database.close()
    files, shops = FilesConnector(str(tmp_path), {}), SqliteConnector(str(path), {})
    return [
        dataset(
            "files",
            "sales",
            Binding("files", str(tmp_path), "sales.parquet"),
            files.schema("sales.parquet"),
        ),
        dataset("small", "shops", Binding("sqlite", str(path), "shops"), shops.schema("shops")),
    ]


JOIN = "FROM shop.files.sales s JOIN shop.small.shops o ON s.shop = o.shop"
WHOLE = (
    f"SELECT o.town, count(*), sum(s.amount) {JOIN} GROUP BY o.town ORDER BY o.town",
    f"SELECT s.id, o.town {JOIN} WHERE s.amount > 9 ORDER BY s.id DESC LIMIT 9",
    "SELECT o.town, count(s.id) FROM shop.small.shops o LEFT JOIN shop.files.sales s"
    " ON s.shop = o.shop GROUP BY o.town ORDER BY o.town",
    "SELECT count(*) FROM shop.files.sales s WHERE EXISTS"
    " (SELECT 1 FROM shop.small.shops o WHERE o.shop = s.shop AND o.town = 'Ulm')",
    "SELECT count(*) FROM shop.files.sales s WHERE NOT EXISTS"
    " (SELECT 1 FROM shop.small.shops o WHERE o.shop = s.shop)",
)
SQUARES = "sum(s.amount * s.amount)"
WHOLE_SQUARES = f"SELECT o.town, {SQUARES} {JOIN} GROUP BY o.town ORDER BY o.town"
PARTLY = f"SELECT o.town, {SQUARES} / count(*) {JOIN} GROUP BY o.town ORDER BY o.town"


def ran(mesh: Gateway, sql: str) -> tuple[pa.Table, list[str]]:
    """The answer, and the sources that gave rows for it."""
    result = mesh.execute(mesh.prepare(Request(ANA, sql)))
    answer = pa.Table.from_batches(list(result.batches), schema=result.schema)
    return answer, [fragment.source.partition(":")[0] for fragment in result.report.fragments]


@pytest.mark.parametrize("sql", [*WHOLE, WHOLE_SQUARES, PARTLY])
def test_rows_and_types_are_those_of_the_engine(given: list[Dataset], sql: str) -> None:
    answer, sources = ran(gateway(given), sql)
    assert sorted(sources) == ["embedded duckdb", "sqlite"]
    expected, plain = ran(gateway(given, config=PLAIN), sql)
    assert plain == ["sqlite"]
    assert answer.schema == expected.schema
    assert answer.to_pylist() == expected.to_pylist()


def test_explain_and_the_record_name_the_files(given: list[Dataset]) -> None:
    mesh = gateway(given)
    for sql in (WHOLE_SQUARES, PARTLY):
        rows = ask(mesh, f"EXPLAIN {sql}").to_pylist()
        assert [r["source"] for r in rows if r["item"].startswith("fragment")][-1] == ENGINE
        assert any("sales" in r["text"] for r in rows if r["item"] == "read")


def test_no_rows_at_all(given: list[Dataset]) -> None:
    sql = f"SELECT o.town, count(*) {JOIN} WHERE o.town = 'nowhere' GROUP BY o.town"
    answer, _ = ran(gateway(given), sql)
    assert answer.num_rows == 0


def test_a_failing_engine_is_done_without(
    given: list[Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    mesh = gateway(given)
    expected, _ = ran(gateway(given, config=PLAIN), WHOLE_SQUARES)

    def refuse(*_: object) -> None:
        raise SourceError(SourceErrorCode.REJECTED, "no memory left")

    monkeypatch.setattr(EmbeddedFiles, "query_over", refuse)
    answer, sources = ran(mesh, WHOLE_SQUARES)
    assert answer.to_pylist() == expected.to_pylist()
    assert sources == ["sqlite"]


def test_an_input_that_fails_is_the_error(given: list[Dataset], tmp_path: Path) -> None:
    """It is the source's, and nothing else is tried with what the source has not given."""
    mesh = gateway(given)
    ran(mesh, WHOLE_SQUARES)
    with sqlite3.connect(tmp_path / "shops.sqlite") as database:
        database.execute("UPDATE shops SET town = x'ff' WHERE shop = 3")
    database.close()
    with pytest.raises(GatewayError) as caught:
        ran(mesh, WHOLE_SQUARES)
    assert caught.value.code == "SOURCE_VALUE_UNEXPECTED"


def test_one_query_leaves_nothing_for_the_next(given: list[Dataset]) -> None:
    """The rows of a fragment are gone with its query, whatever its number."""
    mesh = gateway(given)
    first, _ = ran(mesh, f"SELECT {SQUARES} {JOIN} WHERE o.town = 'Ulm'")
    second, _ = ran(mesh, f"SELECT {SQUARES} {JOIN} WHERE o.shop < 9")
    again, _ = ran(mesh, f"SELECT {SQUARES} {JOIN} WHERE o.town = 'Ulm'")
    assert first.to_pylist() == again.to_pylist() != second.to_pylist()


def test_an_input_that_fails_does_not_wait_for_one_that_hangs() -> None:
    engine = EmbeddedDuckDb(2**28, 1)
    schema = pa.schema([("x", pa.int64())])
    told, limit = threading.Event(), 60

    def fails() -> Iterator[pa.RecordBatch]:
        raise ValueError("gone")
        yield

    def hangs() -> Iterator[pa.RecordBatch]:
        assert told.wait(limit), "nobody has given up"
        yield from ()

    rows = {"a": Rows(schema, fails, told.set), "b": Rows(schema, hangs, told.set)}
    try:
        with pytest.raises(SourceError):
            list(engine.query('SELECT a.x FROM "a" AS a, "b" AS b', schema, rows))
        assert told.is_set()
    finally:
        told.set()
        engine.close()
