"""Queries over Parquet files by the embedded DuckDB: the engine's rows, or the engine itself."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.embedded_duckdb import EmbeddedDuckDb
from connectors.files import FilesConnector
from connectors.interface import Binding, SourceError, SourceErrorCode
from gateway.config import Config
from gateway.model import Dataset, Request
from gateway.pipeline import Gateway
from tests.gateways import ANA, EVERYTHING, ask, dataset, gateway

ENGINE = "embedded duckdb:files"
PLAIN = Config(embedded_duckdb=False)


def write(folder: Path, name: str, table: pa.Table) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, folder / name, row_group_size=10)


def datasets(folder: Path, names: Sequence[str], **more: object) -> list[Dataset]:
    files = FilesConnector(str(folder), {})
    return [
        dataset(
            "files", n.partition(".")[0], Binding("files", str(folder), n), files.schema(n), **more
        )
        for n in names
    ]


def fragments(mesh: Gateway, sql: str) -> list[str]:
    """The sources EXPLAIN names for the fragments."""
    rows = ask(mesh, f"EXPLAIN {sql}").to_pylist()
    return [row["source"] for row in rows if row["item"].startswith("fragment")]


def ran(mesh: Gateway, sql: str) -> tuple[pa.Table, list[str]]:
    """The answer, and the sources that really gave rows for it."""
    result = mesh.execute(mesh.prepare(Request(ANA, sql)))
    answer = pa.Table.from_batches(list(result.batches), schema=result.schema)
    return answer, [fragment.source for fragment in result.report.fragments]


@pytest.fixture
def sales(tmp_path: Path) -> Path:
    chance = range(60)
    write(
        tmp_path,
        "sales.parquet",
        pa.table(
            {
                "id": pa.array(chance, pa.int64()),
                "shop": pa.array([n % 5 if n % 7 else None for n in chance], pa.int32()),
                "amount": pa.array(
                    [Decimal(n * 37 % 101) / 100 for n in chance], pa.decimal128(15, 2)
                ),
                "rate": pa.array([math.nan if n % 9 == 0 else n / 8 for n in chance], pa.float64()),
                "word": ["é" * (n % 3) + "b" for n in chance],
            }
        ),
    )
    write(tmp_path, "shops.parquet", pa.table({"shop": pa.array([0, 1, 2, 9], pa.int32())}))
    return tmp_path


QUERIES = (
    "SELECT shop, count(*), sum(amount), avg(amount), min(word), max(word) FROM shop.files.sales"
    " GROUP BY shop ORDER BY shop",
    "SELECT s.shop, sum(s.amount * (1 - s.amount)) FROM shop.files.sales s"
    " JOIN shop.files.shops o ON s.shop = o.shop GROUP BY s.shop ORDER BY s.shop",
    "SELECT o.shop, count(s.id), avg(s.amount) FROM shop.files.shops o"
    " LEFT JOIN shop.files.sales s ON s.shop = o.shop AND s.word <> 'b' GROUP BY o.shop"
    " ORDER BY o.shop",
    "SELECT avg(amount), sum(amount) FROM shop.files.sales WHERE id < 0",
    "SELECT count(*) FROM shop.files.shops WHERE shop NOT IN (SELECT shop FROM shop.files.sales)",
    "SELECT id, amount FROM shop.files.sales ORDER BY amount DESC, id LIMIT 7",
)


@pytest.mark.parametrize("sql", QUERIES)
def test_rows_and_types_are_those_of_the_engine(sales: Path, sql: str) -> None:
    given = datasets(sales, ["sales.parquet", "shops.parquet"])
    answer, sources = ran(gateway(given), sql)
    assert sources == [ENGINE]
    expected, none = ran(gateway(given, config=PLAIN), sql)
    assert none == []
    assert answer.schema == expected.schema
    assert answer.to_pylist() == expected.to_pylist()


FORMS = (
    (
        "SELECT sum(s.amount) / 7.0 FROM shop.files.sales s"
        " JOIN shop.files.shops o ON s.shop = o.shop WHERE s.amount <"
        " (SELECT 1.3 * avg(i.amount) FROM shop.files.sales i WHERE i.shop = o.shop)",
        "(SELECT CAST((CAST(CAST(ROUND((CAST('1.3'",
    ),
    (
        "SELECT s.id FROM shop.files.sales s WHERE s.id >"
        " (SELECT 0.9 * max(i.id) FROM shop.files.sales i WHERE i.shop = s.shop) ORDER BY s.id",
        'MAX("i"."id")',
    ),
    (
        "WITH t AS (SELECT shop, sum(amount) AS total FROM shop.files.sales GROUP BY shop)"
        " SELECT t.shop, t.total FROM t JOIN shop.files.shops o ON o.shop = t.shop"
        " WHERE t.total < (SELECT max(total) FROM t) ORDER BY t.shop",
        'WITH "t" AS',
    ),
)
"""Queries whose own form is better than the plan's, and what only that form has."""


@pytest.mark.parametrize(("sql", "own"), FORMS)
def test_own_form_gives_the_rows_of_the_engine(sales: Path, sql: str, own: str) -> None:
    given = datasets(sales, ["sales.parquet", "shops.parquet"])
    mesh = gateway(given)
    assert any(own in row["text"] for row in ask(mesh, f"EXPLAIN {sql}").to_pylist())
    answer, sources = ran(mesh, sql)
    assert sources == [ENGINE]
    expected, none = ran(gateway(given, config=PLAIN), sql)
    assert none == []
    assert answer.schema == expected.schema
    assert answer.to_pylist() == expected.to_pylist() != []


SHARED = (
    "SELECT a.shop, a.total, b.most FROM"
    " (SELECT shop, sum(amount) AS total FROM shop.files.sales WHERE id > 3 GROUP BY shop) a JOIN"
    " (SELECT shop, max(amount) AS most, count(*) AS n FROM shop.files.sales WHERE id > 3"
    " GROUP BY shop HAVING count(*) > 9) b ON a.shop = b.shop ORDER BY a.shop",
    "SELECT x.shop FROM (SELECT shop, avg(amount) AS a FROM shop.files.sales GROUP BY shop) x"
    " LEFT JOIN (SELECT shop, avg(amount) AS a FROM shop.files.sales GROUP BY shop) y"
    " ON x.a < y.a WHERE y.shop IS NULL ORDER BY x.shop",
)
"""Queries whose plan has the same groups twice."""


@pytest.mark.parametrize("sql", SHARED)
def test_groups_of_two_uses_are_computed_once(sales: Path, sql: str) -> None:
    given = datasets(sales, ["sales.parquet", "shops.parquet"])
    mesh = gateway(given)
    (text,) = [
        row["text"]
        for row in ask(mesh, f"EXPLAIN {sql}").to_pylist()
        if row["item"].startswith("fragment")
    ]
    assert text.startswith("WITH shared_1 AS MATERIALIZED") and text.count("sales.parquet") == 1
    answer, sources = ran(mesh, sql)
    assert sources == [ENGINE]
    expected, none = ran(gateway(given, config=PLAIN), sql)
    assert none == []
    assert answer.to_pylist() == expected.to_pylist() != []


def test_nan_is_above_every_number_whatever_the_files_statistics_say(sales: Path) -> None:
    sql = "SELECT count(*) FROM shop.files.sales WHERE rate > 1000"
    answer, sources = ran(gateway(datasets(sales, ["sales.parquet"])), sql)
    assert sources == [ENGINE]
    rates = pq.read_table(sales / "sales.parquet")["rate"].to_pylist()
    assert answer.column(0)[0].as_py() == sum(map(math.isnan, rates)) > 0


def test_bare_rows_are_read_by_the_engine_itself(sales: Path) -> None:
    mesh = gateway(datasets(sales, ["sales.parquet", "shops.parquet"]))
    sql = "SELECT s.* FROM shop.files.sales s JOIN shop.files.shops o ON s.shop = o.shop"
    assert fragments(mesh, sql) == []
    assert fragments(mesh, "SELECT id FROM shop.files.sales WHERE id > 3") == []


def test_overflow_of_narrow_decimals_is_computed_by_the_engine(tmp_path: Path) -> None:
    large = pa.array([Decimal("9999999999999.99"), Decimal("-3.07")], pa.decimal128(15, 2))
    write(tmp_path, "t.parquet", pa.table({"a": large}))
    given = datasets(tmp_path, ["t.parquet"])
    sql = "SELECT max(a * a), count(*) FROM shop.files.t"
    mesh = gateway(given)
    assert fragments(mesh, sql) == [ENGINE]
    answer, sources = ran(mesh, sql)
    assert sources == []
    assert answer.equals(ask(gateway(given, config=PLAIN), sql))
    assert answer.column(0)[0].as_py() == Decimal("99999999999999800000000000.0001")


def test_a_replaced_file_and_a_new_one_are_seen_at_once(tmp_path: Path) -> None:
    def numbers(*values: int) -> pa.Table:
        return pa.table({"x": pa.array(values, pa.int64())})

    write(tmp_path, "t/a.parquet", numbers(1, 2))
    mesh = gateway(datasets(tmp_path, ["t"]))
    sql = "SELECT sum(x), count(*) FROM shop.files.t"

    def seen() -> list[object]:
        answer, sources = ran(mesh, sql)
        assert sources == [ENGINE]
        return list(answer.to_pylist()[0].values())

    assert seen() == [3, 2]
    write(tmp_path, "t/a.parquet", numbers(5, 6))
    assert seen() == [11, 2]
    write(tmp_path, "t/b.parquet", numbers(7))
    assert seen() == [18, 3]
    (tmp_path / "t/a.parquet").unlink()
    assert seen() == [7, 1]


def test_hive_folders_and_columns_missing_in_a_file(tmp_path: Path) -> None:
    one = pa.table({"id": [1, 2], "note": ["a", None]})
    write(tmp_path, "t/year=2013/city=a b/1.parquet", one)
    write(tmp_path, "t/year=2014/city=c/1.parquet", one.drop_columns("note"))
    given = datasets(tmp_path, ["t"])
    sql = (
        "SELECT year, city, max(note), sum(id) FROM shop.files.t"
        " GROUP BY year, city ORDER BY year, city"
    )
    answer, sources = ran(gateway(given), sql)
    assert sources == [ENGINE]
    assert answer.equals(ask(gateway(given, config=PLAIN), sql))
    write(tmp_path, "t/year=2015/city=__HIVE_DEFAULT_PARTITION__/1.parquet", one)
    assert fragments(gateway(given), sql) == []


def test_columns_of_other_types_are_left_to_the_engine(tmp_path: Path) -> None:
    table = pa.table(
        {
            "id": pa.array([1, 2], pa.int64()),
            "fine": pa.array([1, 10**18 + 1], pa.timestamp("ns")),
            "many": pa.array([[1], None], pa.list_(pa.int64())),
        }
    )
    write(tmp_path, "t.parquet", table)
    mesh = gateway(datasets(tmp_path, ["t.parquet"]))
    assert fragments(mesh, "SELECT sum(id) FROM shop.files.t") == [ENGINE]
    sql = "SELECT max(fine), sum(id) FROM shop.files.t"
    assert fragments(mesh, sql) == []
    assert ask(mesh, sql).column(0).to_pylist() == [table["fine"][1].as_py()]


def test_governed_files_are_secured_by_the_engine(sales: Path) -> None:
    given = datasets(sales, ["sales.parquet"], row_filters={"own": "shop = 1"})
    rules = (*EVERYTHING, ("p2", "*", "*", "*", "*", "restrictive", "own", "allow"))
    mesh = gateway(given, rules)
    sql = "SELECT count(*) FROM shop.files.sales"
    assert fragments(mesh, sql) == []
    assert (
        ask(mesh, sql).to_pylist()
        == ask(gateway(datasets(sales, ["sales.parquet"])), f"{sql} WHERE shop = 1").to_pylist()
    )


def test_only_the_folders_of_the_mesh_can_be_read(tmp_path: Path) -> None:
    table = pa.table({"x": [1]})
    write(tmp_path, "mesh/t.parquet", table)
    write(tmp_path, "other/t.parquet", table)
    engine = EmbeddedDuckDb(1 << 28, 1)
    files = FilesConnector(str(tmp_path / "mesh"), {})
    assert engine.offer(files, "t.parquet", files.schema("t.parquet")) is not None
    schema = pa.schema([("x", pa.int64())])
    for text in (
        f"SELECT x FROM read_parquet('{tmp_path}/other/t.parquet')",
        f"ATTACH '{tmp_path}/other/new.db'",
        "SET memory_limit = '9GB'",
        "LOAD httpfs",
    ):
        with pytest.raises(SourceError) as caught:
            list(engine.query(text, schema))
        assert caught.value.code is SourceErrorCode.REJECTED, text
    assert [
        b.to_pylist() for b in engine.query(f'SELECT x FROM "{tmp_path}/mesh/t.parquet"', schema)
    ] == [[{"x": 1}]]
    engine.close()


def test_cancel_stops_a_running_statement() -> None:
    engine = EmbeddedDuckDb(1 << 28, 1)
    slow = (
        "SELECT count(*) FROM range(1000000) a, range(1000000) b"
        " WHERE (a.range * 7 + b.range) % 11 = 3"
    )
    stream = engine.query(slow, pa.schema([("c0", pa.int64())]))
    threading.Timer(0.3, stream.cancel).start()  # too early is as well
    with pytest.raises(SourceError) as caught:
        list(stream)
    assert caught.value.code is SourceErrorCode.CANCELLED
    engine.close()
