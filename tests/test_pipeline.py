"""The path of a request, against real sources: answers, rights, and every kind of failure."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from connectors.interface import Binding
from gateway.config import Config
from gateway.errors import GatewayError, Kind, PurposeRequired, UnknownDataset
from gateway.model import Principal, Request
from gateway.pipeline import Gateway
from policies.snapshot import Snapshot
from policies.store import PolicyRows, Row
from tests import services
from tests.gateways import ANA, EVERYTHING, ask, dataset, gateway, in_memory, in_source

ORDERS = pa.table(
    {
        "id": pa.array([1, 2, 3, 4], pa.int64()),
        "customer": pa.array([10, 20, None, 10], pa.int64()),
        "amount": pa.array([5, 0, 7, 9], pa.int64()),
        "secret": ["a", "b", "c", "d"],
    }
)


@pytest.fixture
def shop() -> Iterator[Gateway]:
    opened = gateway(in_memory({"orders": ORDERS}, "pipeline"))
    yield opened
    opened.close()


def failure(opened: Gateway, sql: str, principal: Principal = ANA) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        ask(opened, sql, principal)
    assert "Traceback" not in str(caught.value)
    return caught.value


def test_what_sqlglot_can_not_qualify_is_no_incident() -> None:
    tables = {"t": pa.table({"a": [1, 2], "b": ["x", "y"]}), "u": pa.table({"a": [2, 3]})}
    opened = gateway(in_memory(tables, "unqualified"))
    sql = "SELECT (SELECT max(a) FROM u), b FROM t JOIN u USING (a) ORDER BY 1"
    assert failure(opened, sql).code == "UNSUPPORTED"
    opened.close()


@pytest.mark.parametrize(
    ("sql", "code", "position"),
    [
        ("SELEC 1", "PARSE_ERROR", "line 1"),
        ("SELECT id FROM orders WHERE", "PARSE_ERROR", "line 1"),
        ("SELECT 'open", "PARSE_ERROR", None),
        ("", "PARSE_ERROR", None),
        ("SELECT *\nFROM ordres", "UNKNOWN_DATASET", "line 2, column 6"),
        ("SELECT idd FROM orders", "UNKNOWN_COLUMN", "line 1, column 8"),
        ("SELECT id / 0 FROM orders", "ARITHMETIC_ERROR", None),
        ("SELECT 1 / amount FROM orders", "ARITHMETIC_ERROR", None),
        ("SELECT CAST(secret AS INT) FROM orders", "ARITHMETIC_ERROR", None),
        ("SELECT nosuch(id) FROM orders", "INVALID_QUERY", "line 1, column 8"),
        ("SELECT id, count(*) FROM orders", "INVALID_QUERY", None),
        ("CREATE TABLE x (a INT)", "UNSUPPORTED", "line 1, column 1"),
        ("COPY orders TO '/x'", "UNSUPPORTED", "line 1, column 1"),
        ("SET a = 1", "UNSUPPORTED", "line 1, column 1"),
        ("DROP TABLE orders", "UNSUPPORTED", "line 1, column 1"),
        ("INSERT INTO orders VALUES (1)", "UNSUPPORTED", "line 1, column 1"),
        ("SELECT 1; SELECT 2", "UNSUPPORTED", None),
        ("EXPLAIN ANALYZE SELECT 1", "UNSUPPORTED", None),
        ("SELECT " + "(" * 200 + "1" + ")" * 200, "LIMIT_EXCEEDED", None),
    ],
)
def test_bad_input_gets_its_code_and_place(
    shop: Gateway, sql: str, code: str, position: str | None
) -> None:
    error = failure(shop, sql)
    assert error.code == code
    if position:
        assert str(error.position).startswith(position)


def test_an_unknown_dataset_has_a_hint(shop: Gateway) -> None:
    assert failure(shop, "SELECT * FROM ordres").hint == "did you mean orders?"


def test_a_request_that_is_too_long_is_refused(shop: Gateway) -> None:
    text = "SELECT 1 -- " + "x" * 16 * 1024**2
    assert failure(shop, text).code == "LIMIT_EXCEEDED"


def test_nobody_may_read_without_a_row() -> None:
    shop = gateway(in_memory({"orders": ORDERS}, "pipeline"), policies=())
    hidden = failure(shop, "SELECT * FROM orders")
    missing = failure(shop, "SELECT * FROM nothing")
    assert hidden.code == missing.code == "UNKNOWN_DATASET"
    assert hidden.message.replace("orders", "x") == missing.message.replace("nothing", "x")
    assert hidden.hint is missing.hint is None
    assert shop.browsing.visible(ANA) == []


def test_denied_columns_do_not_exist() -> None:
    deny = (
        "p",
        "user:ana",
        "*",
        "mesh://shop/memory/orders@*#secret",
        "read",
        "*",
        "*",
        "*",
        "deny",
    )
    shop = gateway(in_memory({"orders": ORDERS}, "pipeline"), (*EVERYTHING, deny))
    assert ask(shop, "SELECT * FROM orders").schema.names == ["id", "customer", "amount"]
    assert failure(shop, "SELECT secret FROM orders").code == "UNKNOWN_COLUMN"
    assert "secret" not in str(failure(shop, "SELECT nothing FROM orders"))
    (seen,) = shop.browsing.visible(ANA)
    assert "secret" not in seen.schema.names


def test_the_plan_of_one_user_is_not_the_plan_of_another() -> None:
    bob = Principal("user:bob")
    rows = (
        *EVERYTHING,
        ("p", "user:bob", "*", "*", "read", "*", "*", "*", "allow"),
        ("p", "user:bob", "*", "mesh://shop/memory/orders@*#secret", "read", "*", "*", "*", "deny"),
    )
    shop = gateway(in_memory({"orders": ORDERS}, "pipeline"), rows)
    assert "secret" in ask(shop, "SELECT * FROM orders", ANA).schema.names
    assert "secret" not in ask(shop, "SELECT * FROM orders", bob).schema.names
    assert "secret" in ask(shop, "SELECT * FROM orders", ANA).schema.names


def test_a_right_that_is_gone_before_execution_counts(shop: Gateway) -> None:
    prepared = shop.prepare(Request(ANA, "SELECT * FROM orders"))
    nothing = Snapshot(PolicyRows.checked([Row("g", ("user:x", "y"))]))
    shop.mesh.access.authoriser.swap(nothing)
    with pytest.raises(GatewayError) as caught:
        shop.execute(prepared)
    assert caught.value.code == "UNKNOWN_DATASET"


def test_a_cte_hides_a_dataset_of_its_name(shop: Gateway) -> None:
    sql = "WITH orders AS (SELECT id FROM orders WHERE id > 2) SELECT count(*) AS n FROM orders"
    assert ask(shop, sql).to_pylist() == [{"n": 2}]


def test_the_time_is_that_of_the_execution(shop: Gateway) -> None:
    prepared = shop.prepare(Request(ANA, "SELECT now() AS t"))
    first, second = (
        pa.Table.from_batches(list(shop.execute(prepared).batches)).column(0)[0].as_py()
        for _ in range(2)
        if time.sleep(0.01) is None
    )
    assert second > first


def test_two_outputs_may_have_one_name(shop: Gateway) -> None:
    table = ask(shop, "SELECT a.id, b.id FROM orders a JOIN orders b ON a.id = b.customer - 9")
    assert table.schema.names == ["id", "id"]


def test_the_report_counts_what_moved(tmp_path: Path) -> None:
    file = tmp_path / "shop.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE items (id INTEGER NOT NULL PRIMARY KEY, name TEXT)")
        connection.executemany("INSERT INTO items VALUES (?, ?)", [(i, "x") for i in range(10)])
    connection.close()
    shop = gateway(in_source("sqlite", str(file), ["items"]))
    result = shop.execute(shop.prepare(Request(ANA, "SELECT name FROM items WHERE id = 3")))
    assert result.report.outcome == "running"
    assert sum(b.num_rows for b in result.batches) == 1
    (fragment,) = result.report.fragments
    assert (fragment.rows, result.report.rows, result.report.outcome) == (1, 1, "completed")
    assert "items" in fragment.text
    shop.close()


def test_a_changed_source_is_reported_as_drift(tmp_path: Path) -> None:
    file = tmp_path / "shop.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE items (id INTEGER NOT NULL PRIMARY KEY, name TEXT)")
    connection.close()
    shop = gateway(in_source("sqlite", str(file), ["items"]))
    assert ask(shop, "SELECT name FROM items").num_rows == 0
    with sqlite3.connect(file) as connection:
        connection.execute("ALTER TABLE items RENAME COLUMN name TO title")
    connection.close()
    error = failure(shop, "SELECT name FROM items")  # planned from memory, refused by the source
    assert (error.code, "column name is not in the source" in error.message) == (
        "SCHEMA_DRIFT",
        True,
    )
    assert failure(shop, "SELECT id, name FROM items").code == "SCHEMA_DRIFT"
    shop.close()


def test_a_source_that_is_down_is_unavailable_at_plan_time() -> None:
    binding = Binding("postgres", "postgresql://u:secret@127.0.0.1:1/none", "orders")
    shop = gateway([dataset("pg", "orders", binding, ORDERS.schema)])
    error = failure(shop, "SELECT * FROM orders")
    assert (error.code, error.kind, error.retryable) == ("SOURCE_UNAVAILABLE", Kind.SOURCE, True)
    assert "secret" not in str(error)


def test_a_missing_secret_names_its_variable() -> None:
    binding = Binding("postgres", "postgresql://u:${MESHGATE_TEST_NOTHING}@127.0.0.1:1/x", "orders")
    shop = gateway([dataset("pg", "orders", binding, ORDERS.schema)])
    assert "MESHGATE_TEST_NOTHING" in str(failure(shop, "SELECT * FROM orders"))


@pytest.fixture
def numbers(postgres: services.Postgres) -> Iterator[tuple[Gateway, services.Postgres]]:
    postgres.execute(
        "DROP VIEW IF EXISTS numbers",
        "CREATE VIEW numbers AS SELECT i::bigint AS i, repeat('x', 200) AS pad"
        " FROM generate_series(1, 3000000) AS g(i)",
    )
    datasets = in_source("postgres", postgres.uri(), ["numbers"])
    opened = gateway([*datasets, *in_memory({"orders": ORDERS}, "pipeline")])
    yield opened, postgres
    opened.close()
    postgres.execute("DROP VIEW numbers")


def running(server: services.Postgres) -> object:
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active'"
        " AND query LIKE '%numbers%' AND pid <> pg_backend_pid()"
    )
    return server.rows(query)[0][0]


def wait_until_idle(server: services.Postgres) -> None:
    end = time.monotonic() + 10
    while running(server):
        assert time.monotonic() < end, "the source is still working"
        time.sleep(0.05)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT i, pad FROM numbers",
        "SELECT n.pad, o.id FROM numbers n JOIN orders o ON n.i % 4 = o.id",
    ],
)
def test_leaving_in_the_middle_stops_the_work_in_the_source(
    numbers: tuple[Gateway, services.Postgres], sql: str
) -> None:
    shop, server = numbers
    result = shop.execute(shop.prepare(Request(ANA, sql)))
    assert next(result.batches).num_rows
    result.batches.close()  # type: ignore[attr-defined]
    wait_until_idle(server)
    assert result.report.outcome == "cancelled"


def test_cancelling_before_the_first_row_stops_the_work_in_the_source(
    numbers: tuple[Gateway, services.Postgres],
) -> None:
    shop, server = numbers
    gone = threading.Event()
    sql = "SELECT count(*) FROM numbers a CROSS JOIN numbers b WHERE a.i + b.i < 0"
    result = shop.execute(shop.prepare(Request(ANA, sql)), gone.is_set)
    threading.Timer(0.5, gone.set).start()
    started = time.monotonic()
    with pytest.raises(GatewayError) as caught:
        list(result.batches)
    assert caught.value.code == "CANCELLED"
    assert time.monotonic() - started < 5
    wait_until_idle(server)


def test_a_source_that_dies_in_the_middle_gives_an_error_not_half_an_answer(
    numbers: tuple[Gateway, services.Postgres],
) -> None:
    shop, server = numbers
    result = shop.execute(shop.prepare(Request(ANA, "SELECT i, pad FROM numbers")))
    next(result.batches)
    server.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE query LIKE '%numbers%' AND pid <> pg_backend_pid()"
    )
    with pytest.raises(GatewayError) as caught:
        list(result.batches)
    assert caught.value.kind is Kind.SOURCE
    assert ask(shop, "SELECT count(*) AS n FROM numbers WHERE i < 5").to_pylist() == [{"n": 4}]


def test_a_join_larger_than_its_memory_is_answered_another_way() -> None:
    rows = 1_500_000
    wide = pa.table(
        {"k": pa.array(range(rows), pa.int64()), "v": pa.array(range(rows), pa.int64())}
    )
    shop = gateway(
        in_memory({"a": wide, "b": wide}, "pipeline-wide"),
        config=Config(memory_per_query_bytes=48 * 1024**2),
    )
    sql = "SELECT count(*) AS n, sum(a.v + b.v) AS s FROM a JOIN b ON a.k = b.k"
    assert ask(shop, sql).to_pylist() == [{"n": rows, "s": rows * (rows - 1)}]


def test_what_needs_more_memory_than_there_is_says_so() -> None:
    rows = 3_000_000
    wide = pa.table({"k": pa.array(range(rows), pa.int64()), "v": ["x" * 20] * rows})
    shop = gateway(
        in_memory({"a": wide}, "pipeline-wide"),
        config=Config(memory_per_query_bytes=8 * 1024**2),
    )
    error = failure(shop, "SELECT array_agg(v) FROM a")
    assert (error.code, error.kind) == ("LIMIT_EXCEEDED", Kind.RESOURCES)


def test_a_collation_of_the_source_does_not_decide_what_is_equal(tmp_path: Path) -> None:
    import duckdb

    file = tmp_path / "shop.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute("CREATE TABLE t (s VARCHAR COLLATE nocase)")
        connection.execute("INSERT INTO t VALUES ('ABC'), ('abc'), ('Ab')")
    shop = gateway(in_source("duckdb", str(file), ["t"]))
    assert ask(shop, "SELECT s FROM t WHERE s = 'abc'").to_pylist() == [{"s": "abc"}]
    assert ask(shop, "SELECT count(DISTINCT s) AS n FROM t").to_pylist() == [{"n": 3}]
    assert ask(shop, "SELECT max(s) AS m FROM t").to_pylist() == [{"m": "abc"}]
    shop.close()


def test_a_name_that_leads_nowhere_tells_of_no_purpose_of_another_dataset() -> None:
    rows = (("p", "user:ana", "*", "*", "read", "billing", "*", "*", "allow"),)
    asked = gateway(in_memory({"lines": pa.table({"id": [1]})}, "of-a-purpose"), rows)
    with pytest.raises(PurposeRequired):
        ask(asked, "SELECT id FROM lines")
    with pytest.raises(UnknownDataset):
        ask(asked, "SELECT id FROM line")
