"""Filtered Parquet files that give keys to another source: fewer rows come, the answer stays."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from connectors.files import FilesConnector
from connectors.interface import Binding
from connectors.sqlite import SqliteConnector
from gateway.config import Config
from gateway.engines import unchanged
from gateway.engines.fetching import Fetching
from gateway.engines.unchanged import FilesChanged
from gateway.model import Dataset, Request
from gateway.pipeline import Gateway
from tests.gateways import ANA, EVERYTHING, ask, dataset, gateway

ORDERS = 20_000
LINES = 60_000
NO_KEYS = Config(reduction_keys=0)
RULES = (
    *EVERYTHING,
    ("p2", "user:ana", "*", "mesh://shop/files/lines", "*", "restrictive", "later", "allow"),
)


@pytest.fixture
def given(tmp_path: Path) -> list[Dataset]:
    """Lines of orders in a Parquet file, the orders in SQLite; some lines are of no order."""
    numbers = range(LINES)
    lines = pa.table(
        {
            "order": pa.array([n // 2 if n % 11 else None for n in numbers], pa.int64()),
            "day": pa.array([n % 1000 for n in numbers], pa.int64()),
        }
    )
    pq.write_table(lines, tmp_path / "lines.parquet", row_group_size=5000)
    path = tmp_path / "orders.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, priority TEXT NOT NULL)")
        rows = [(n, ["1-URGENT", "2-HIGH", "3-LOW"][n % 3]) for n in range(ORDERS)]
        database.executemany("INSERT INTO orders VALUES (?, ?)", rows)
        database.execute("ANALYZE")
    database.close()
    files, orders = FilesConnector(str(tmp_path), {}), SqliteConnector(str(path), {})
    return [
        dataset(
            "files",
            "lines",
            Binding("files", str(tmp_path), "lines.parquet"),
            files.schema("lines.parquet"),
        ),
        dataset("old", "orders", Binding("sqlite", str(path), "orders"), orders.schema("orders")),
    ]


JOIN = 'FROM shop.files.lines l JOIN shop.old.orders o ON l."order" = o.id'
FEW = "l.day >= 3 AND l.day < 5"
QUERIES = (
    f"SELECT o.priority, count(*) {JOIN} WHERE {FEW} GROUP BY o.priority ORDER BY o.priority",
    f"SELECT o.id, l.day {JOIN} WHERE {FEW} ORDER BY o.id, l.day LIMIT 50",
    "SELECT o.priority, count(*) FROM shop.old.orders o WHERE EXISTS (SELECT 1"
    f' FROM shop.files.lines l WHERE l."order" = o.id AND {FEW})'
    " GROUP BY o.priority ORDER BY o.priority",
)
OUTER = (
    "SELECT o.priority, count(*), count(l.day) FROM shop.old.orders o LEFT JOIN"
    f' shop.files.lines l ON l."order" = o.id AND {FEW} GROUP BY o.priority ORDER BY o.priority',
    "SELECT count(*) FROM shop.old.orders o WHERE NOT EXISTS (SELECT 1"
    f' FROM shop.files.lines l WHERE l."order" = o.id AND {FEW})',
)


def ran(mesh: Gateway, sql: str) -> tuple[pa.Table, int]:
    """The answer, and how many rows SQLite has sent."""
    result = mesh.execute(mesh.prepare(Request(ANA, sql)))
    answer = pa.Table.from_batches(list(result.batches), schema=result.schema)
    sent = [f.rows for f in result.report.fragments if f.source.startswith("sqlite")]
    return answer, sum(sent)


@pytest.mark.parametrize("sql", QUERIES)
def test_a_filtered_file_gives_its_keys(given: list[Dataset], sql: str) -> None:
    answer, sent = ran(gateway(given), sql)
    expected, whole = ran(gateway(given, config=NO_KEYS), sql)
    assert answer.to_pylist() == expected.to_pylist()
    assert answer.num_rows
    assert whole == ORDERS
    assert 0 < sent < 200


@pytest.mark.parametrize("sql", OUTER)
def test_rows_without_a_partner_are_all_sent(given: list[Dataset], sql: str) -> None:
    answer, sent = ran(gateway(given), sql)
    expected, _ = ran(gateway(given, config=NO_KEYS), sql)
    assert answer.to_pylist() == expected.to_pylist()
    assert sent == ORDERS


@pytest.mark.parametrize("most", [100, 5_000])
def test_what_has_too_many_rows_gives_none(given: list[Dataset], most: int) -> None:
    """Few were expected and all come: a list of keys that was cut short is none."""
    sql = QUERIES[0].replace(FEW, "l.day % 1000 = l.day")
    config = Config(reduction_keys=most)
    (scan,) = probes(given, config, sql)
    assert f"LIMIT {most + 1}" in scan
    answer, sent = ran(gateway(given, config=config), sql)
    expected, _ = ran(gateway(given, config=NO_KEYS), sql)
    assert answer.to_pylist() == expected.to_pylist()
    assert sent == ORDERS


@pytest.mark.parametrize(
    "config",
    [
        Config(reduction_keys=20),
        Config(reduction_least_rows=ORDERS + 1),
        Config(reduction_rows_per_key=1_000.0),
    ],
)
def test_a_file_is_not_read_for_keys_that_the_settings_forbid(
    given: list[Dataset], config: Config
) -> None:
    assert probes(given, Config(), QUERIES[0])
    assert not probes(given, config, QUERIES[0])
    answer, sent = ran(gateway(given, config=config), QUERIES[0])
    assert answer.to_pylist() == ran(gateway(given), QUERIES[0])[0].to_pylist()
    assert sent == ORDERS


def probes(given: list[Dataset], config: Config, sql: str) -> list[str]:
    """The scans of files for their keys alone, as EXPLAIN shows them."""
    rows = ask(gateway(given, config=config), f"EXPLAIN {sql}").to_pylist()
    return [r["text"] for r in rows if r["item"] == "fragment 3"]


def test_no_rows_of_the_file_are_no_rows_of_the_source(given: list[Dataset]) -> None:
    sql = f"SELECT o.id {JOIN} WHERE l.day = 500 AND l.day = 501 - l.day"
    answer, _ = ran(gateway(given), sql)
    assert answer.num_rows == 0


def test_explain_shows_the_scan_and_its_keys(given: list[Dataset]) -> None:
    rows = ask(gateway(given), f"EXPLAIN {QUERIES[0]}").to_pylist()
    scans = [r for r in rows if r["item"] == "fragment 3"]
    assert [r["source"] for r in scans] == ["embedded duckdb:files"]
    assert "LIMIT" in scans[0]["text"]
    (reduction,) = [r for r in rows if r["item"] == "reduction"]
    assert reduction["text"].startswith("fragment 3.c0 -> fragment 1.c0: about")


def test_what_is_hidden_decides_nothing(given: list[Dataset]) -> None:
    """A file with hidden rows is no giver: by its statistics it was chosen, and they count all."""
    lines, orders = given
    hidden = [replace(lines, row_filters={"later": "day <> 3"}), orders]
    answer, sent = ran(gateway(hidden, RULES), QUERIES[0])
    expected, _ = ran(gateway(hidden, RULES, NO_KEYS), QUERIES[0])
    assert answer.to_pylist() == expected.to_pylist()
    assert answer.to_pylist() != ran(gateway(given), QUERIES[0])[0].to_pylist()
    assert sent == ORDERS


class Replaced:
    """Replaces the lines as soon as their keys are read, `times` times."""

    def __init__(self, folder: Path, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = times
        self.path = folder / "lines.parquet"
        probe = Fetching._probe

        def probed(fetching: Fetching, number: int) -> None:
            probe(fetching, number)
            if self.left:
                self.replace()

        monkeypatch.setattr(Fetching, "_probe", probed)

    def replace(self) -> None:
        """Put every line ten thousand orders further on."""
        self.left -= 1
        lines = pq.read_table(self.path)
        order = pc.add(lines["order"], 10_000)
        other = self.path.with_suffix(".new")
        pq.write_table(lines.set_column(0, "order", order), other, row_group_size=5000)
        other.rename(self.path)


@pytest.mark.parametrize("sql", QUERIES)
def test_a_file_replaced_after_its_keys_were_read_loses_no_rows(
    given: list[Dataset], tmp_path: Path, sql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = ran(gateway(given), sql)[0].to_pylist()
    replaced = Replaced(tmp_path, 1, monkeypatch)
    answer, _ = ran(gateway(given), sql)
    assert replaced.left == 0, "its keys were read"
    after, _ = ran(gateway(given, config=NO_KEYS), sql)
    assert answer.to_pylist() == after.to_pylist() != before


def test_files_replaced_after_the_first_row_fail_the_query(
    given: list[Dataset], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is let out can not be taken back: an error follows it, and no end of the answer."""
    guard = unchanged.ReadTwice.guard
    replaced = Replaced(tmp_path, 0, monkeypatch)

    def guarded(
        files: unchanged.ReadTwice, batches: Generator[pa.RecordBatch]
    ) -> Generator[pa.RecordBatch]:
        for batch in guard(files, batches):
            yield batch
            replaced.replace()

    monkeypatch.setattr(unchanged.ReadTwice, "guard", guarded)
    with pytest.raises(FilesChanged) as caught:
        ran(gateway(given), QUERIES[0])
    assert caught.value.retryable
