"""Reading ahead: who is read first, what is kept, and what becomes of what goes wrong.

The sources are SQLite and DuckDB files: real ones, that answer SQL and can be looked into.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

import duckdb
import pyarrow as pa
import pytest

from connectors.interface import SourceError, SourceErrorCode
from gateway.config import Config
from gateway.engines.execution import run
from gateway.engines.fetching import Fetching
from gateway.errors import Cancelled, GatewayError
from gateway.model import Request
from gateway.pipeline import Gateway
from gateway.plan.fragment import FragmentReads
from gateway.plan.plan import Plan
from tests.gateways import ANA, gateway, in_source

EAGER = Config(reduction_least_rows=0, reduction_rows_per_key=0.0)
"""Keys are pushed whatever they save."""

ORDERS = 4_000


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Config], Gateway]]:
    """Customers in one file, orders in another, items in a third: each points to the one before."""
    folder = tmp_path_factory.mktemp("fetching")
    customers, orders, items = (str(folder / f"{n}.db") for n in ("customers", "orders", "items"))
    with closing(sqlite3.connect(customers)) as file:
        file.execute("CREATE TABLE customers (id INTEGER PRIMARY KEY, city TEXT NOT NULL)")
        rows = [(n, "Bonn" if n % 50 == 0 else "Kiel") for n in range(1, 501)]
        file.executemany("INSERT INTO customers VALUES (?, ?)", rows)
        file.commit()
    for path, table in ((orders, "orders"), (items, "items")):
        with duckdb.connect(path) as database:
            database.execute(
                f"CREATE TABLE {table} AS SELECT n AS id, n % 500 + 1 AS parent,"
                f" 'note ' || n AS note FROM range({ORDERS}) t(n)"
            )
    opened: list[Gateway] = []

    def made(config: Config) -> Gateway:
        datasets = [
            *in_source("sqlite", customers, ["customers"]),
            *in_source("duckdb", orders, ["orders"]),
            *(
                replace(d, address=replace(d.address, product="items"))
                for d in in_source("duckdb", items, ["items"])
            ),
        ]
        opened.append(gateway(datasets, config=config))
        return opened[-1]

    yield made
    for each in opened:
        each.close()


TWO = "SELECT c.id, o.note FROM customers c JOIN orders o ON o.parent = c.id WHERE c.city = '{}'"
CHAIN = (
    "SELECT c.id, o.note, i.note AS item FROM customers c JOIN orders o ON o.parent = c.id"
    " JOIN items i ON i.parent = o.id WHERE c.city = 'Bonn' AND c.id < 60 ORDER BY 1, 2, 3"
)


def asked(opened: Gateway, sql: str) -> tuple[pa.Table, dict[str, int], dict[str, int]]:
    """The answer, and by the fragments' sources the rows that came and the keys that went."""
    result = opened.execute(opened.prepare(Request(ANA, sql)))
    table = pa.Table.from_batches(list(result.batches), result.schema)
    fragments = result.report.fragments
    name = {f: f.source.rsplit("/", 1)[-1].removesuffix(".db") for f in fragments}
    rows = {name[f]: f.rows for f in fragments}
    return table, rows, {name[f]: f.keys for f in fragments}


def plan_of(opened: Gateway, sql: str) -> Plan:
    return opened.prepare(Request(ANA, sql)).plan


def test_keys_of_the_small_side_reduce_the_large_one(shop: Callable[[Config], Gateway]) -> None:
    table, rows, keys = asked(shop(EAGER), TWO.format("Bonn"))
    assert table.num_rows == 10 * ORDERS // 500
    assert rows == {"customers": 10, "orders": 80}
    assert keys == {"customers": 0, "orders": 10}


def test_what_was_reduced_reduces_the_next(shop: Callable[[Config], Gateway]) -> None:
    table, rows, keys = asked(shop(EAGER), CHAIN)
    plain, all_rows, _ = asked(shop(replace(EAGER, reduction_keys=-1, reduction_rows=-1)), CHAIN)
    assert table.equals(plain)
    assert rows["customers"] == 1 and rows["orders"] == 8
    assert rows["items"] < all_rows["items"] == ORDERS
    assert keys["orders"] == 1 and keys["items"] == 8


def test_without_any_key_the_other_source_is_not_asked(shop: Callable[[Config], Gateway]) -> None:
    table, rows, _ = asked(shop(EAGER), TWO.format("nowhere"))
    assert table.num_rows == 0
    assert rows == {"customers": 0}


def test_outer_rows_stay_when_there_are_no_keys(shop: Callable[[Config], Gateway]) -> None:
    sql = (
        "SELECT o.id, c.city FROM (SELECT * FROM orders WHERE id < 3) o"
        " LEFT JOIN (SELECT * FROM customers WHERE city = 'nowhere') c ON c.id = o.parent"
    )
    table, _, _ = asked(shop(EAGER), sql)
    assert table.num_rows == 3 and table["city"].null_count == 3


@pytest.mark.parametrize("bound", [{"reduction_rows": 5}, {"reduction_bytes": 50}])
def test_what_is_too_large_is_read_once_and_gives_no_keys(
    bound: dict[str, int], shop: Callable[[Config], Gateway]
) -> None:
    opened = shop(replace(EAGER, **bound))
    plan = plan_of(opened, TWO.format("Bonn"))
    # as if the estimate were wrong
    small = {
        n: replace(f, rows=1.0 if f.block.source.key.connector == "sqlite" else 9.0, known=True)
        for n, f in plan.reductions.fragments.items()
    }
    plan = replace(plan, reductions=replace(plan.reductions, fragments=small))
    reads = FragmentReads()
    batches = list(run(plan, replace(EAGER, **bound), reads, lambda: False, ""))
    assert sum(b.num_rows for b in batches) == 80
    assert {(r.rows, r.opened, r.fragment.keys) for r in reads.runs.values()} == {
        (10, 1, 0),
        (ORDERS, 1, 0),
    }


def test_a_reading_that_was_begun_is_released_when_nobody_reads_on(
    shop: Callable[[Config], Gateway],
) -> None:
    config = replace(EAGER, reduction_bytes=50)
    plan = plan_of(shop(config), TWO.format("Bonn"))
    reads = FragmentReads()
    fetching = Fetching(plan, config, reads)
    fetching.run(lambda: False)
    assert reads.open_streams
    fetching.close()
    assert not reads.open_streams


def test_kept_rows_can_be_read_again_and_begun_ones_from_the_source(
    shop: Callable[[Config], Gateway],
) -> None:
    config = replace(EAGER, reduction_bytes=50)
    plan = plan_of(shop(config), TWO.format("Bonn"))
    with closing(Fetching(plan, config, FragmentReads())) as fetching:
        fetching.run(lambda: False)
        for fragment in plan.fragments:
            first = list(fetching.read(fragment.number))
            again = list(fetching.read(fragment.number))
            assert pa.Table.from_batches(first) == pa.Table.from_batches(again)


def failing(plan: Plan, number: int) -> Plan:
    def refuse(text: str) -> object:
        raise SourceError(SourceErrorCode.UNAVAILABLE, "gone")

    fragments = [replace(f, open=refuse) if f.number == number else f for f in plan.fragments]
    return replace(plan, fragments=tuple(fragments))


@pytest.mark.parametrize("number", [1, 2])
def test_the_error_of_a_source_is_the_error_of_the_query(
    number: int, shop: Callable[[Config], Gateway]
) -> None:
    plan = failing(plan_of(shop(EAGER), TWO.format("Bonn")), number)
    reads = FragmentReads()
    taker = plan.reductions.paths[0].taker.fragment
    del taker
    try:
        list(run(plan, EAGER, reads, lambda: False, ""))
    except GatewayError as error:
        assert error.code == "SOURCE_UNAVAILABLE"
    else:  # the text with keys is made of the block: it does not pass by the broken opener
        assert number == 2


def test_a_cancelled_query_stops_waiting_for_keys(shop: Callable[[Config], Gateway]) -> None:
    plan = plan_of(shop(EAGER), TWO.format("Bonn"))
    entered, leave = threading.Event(), threading.Event()

    def slow(text: str) -> object:
        entered.set()
        leave.wait(60)
        raise SourceError(SourceErrorCode.CANCELLED, "the request was cancelled")

    slowed = tuple(replace(f, open=slow) for f in plan.fragments)
    try:
        with pytest.raises(Cancelled):
            list(run(replace(plan, fragments=slowed), EAGER, FragmentReads(), entered.is_set, ""))
    finally:
        leave.set()


def test_the_same_text_twice_is_read_once(shop: Callable[[Config], Gateway]) -> None:
    sql = (
        "SELECT count(*) AS n FROM (SELECT * FROM customers WHERE city = 'Bonn') a"
        " JOIN orders o ON o.parent = a.id"
        " JOIN (SELECT * FROM customers WHERE city = 'Bonn') b ON b.id = o.id"
        " WHERE a.city || o.note <> b.city || o.note || 'x'"
    )
    opened = shop(EAGER)
    plan = plan_of(opened, sql)
    assert plan.reductions.twins
    reads = FragmentReads()
    list(run(plan, EAGER, reads, lambda: False, ""))
    twins = {*plan.reductions.twins.keys(), *plan.reductions.twins.values()}
    assert sum(run.opened for n, run in reads.runs.items() if n in twins) == 1


def test_explain_and_report_name_the_keys(shop: Callable[[Config], Gateway]) -> None:
    opened = shop(EAGER)
    steps, _, _ = asked(opened, "EXPLAIN " + TWO.format("Bonn"))
    (line,) = [s["text"] for s in steps.to_pylist() if s["item"] == "reduction"]
    assert line.startswith("fragment 1.c0 -> fragment 2.c0:")
    result = opened.execute(opened.prepare(Request(ANA, TWO.format("Bonn"))))
    list(result.batches)
    (text,) = [f.text for f in result.report.fragments if f.keys]
    assert "10 keys of fragment 1" in text
