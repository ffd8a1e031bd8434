"""remote_query: a caller's own SQL at a source, for those who hold the right and owe nothing."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from connectors.interface import Binding
from connectors.own_queries import NotAllowed, one_reading_query
from gateway.audit.log import AuditLog
from gateway.audit.reader import AuditReader, Filter
from gateway.audit.statement import normalised
from gateway.authorisation import Access
from gateway.catalogue.catalogue import Catalogue
from gateway.config import Config
from gateway.errors import GatewayError, InvalidQuery, ParseError, UnknownDataset
from gateway.mesh import Mesh
from gateway.model import Dataset, Principal, Request, Residency, View
from gateway.notices import Notice, Severity
from gateway.pipeline import Gateway
from policies.decide import Authoriser
from policies.snapshot import Snapshot
from policies.store import PolicyRows, Row
from tests import services
from tests.gateways import ANA, KEY, ask, dataset, gateway, in_memory, in_source

READ = ("p", "user:ana", "*", "*", "read", "*", "*", "*", "allow")
RIGHT = ("p", "user:ana", "*", "mesh://shop/postgres/*", "remote_query", "*", "*", "*", "allow")
HOLDER = (READ, RIGHT)

ORDERS = "SELECT id, customer, amount FROM public.orders"


def call(text: str, source: str = "shop.postgres") -> str:
    return f"remote_query('{source}', '{text.replace(chr(39), chr(39) * 2)}')"


@pytest.fixture(scope="module")
def uri(postgres: services.Postgres) -> Iterator[str]:
    with postgres.database() as uri:
        database = uri.rpartition("/")[2].partition("?")[0]
        postgres.execute(
            "CREATE TABLE orders (id bigint NOT NULL, customer text, amount numeric(12,2))",
            "INSERT INTO orders VALUES (1, 'a', 1.25), (2, 'b', NULL), (3, 'it''s', 3.00)",
            "CREATE TABLE staff (id bigint, salary bigint)",
            "INSERT INTO staff VALUES (1, 100)",
            "CREATE SEQUENCE numbers",
            "CREATE FUNCTION lower(bigint) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'",
            database=database,
        )
        yield uri


@pytest.fixture
def orders(uri: str) -> list[Dataset]:
    return in_source("postgres", uri, ["orders"])


@pytest.fixture
def open_gateway(orders: list[Dataset]) -> Iterator[Gateway]:
    memory = in_memory({"names": pa.table({"customer": ["a", "b"], "name": ["Ada", "Bo"]})}, "rq")
    opened = gateway([*orders, *memory], HOLDER)
    yield opened
    opened.close()


def refused(opened: Gateway, text: str, principal: Principal = ANA) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        ask(opened, text, principal)
    opened.close()
    return caught.value


def unknown(source: str = "shop.postgres") -> str:
    return f"there is no source {source} that you may query"


def test_rows_come_as_the_source_gives_them(open_gateway: Gateway) -> None:
    found = ask(open_gateway, f"SELECT * FROM {call(ORDERS)} ORDER BY id").to_pylist()
    assert found == [
        {"id": 1, "customer": "a", "amount": "1.25"},
        {"id": 2, "customer": "b", "amount": None},
        {"id": 3, "customer": "it's", "amount": "3.00"},
    ]


def test_it_joins_with_everything_else(open_gateway: Gateway) -> None:
    own = call("SELECT customer, sum(amount)::text AS total FROM public.orders GROUP BY customer")
    text = (
        "SELECT n.name, CAST(r.total AS DECIMAL(12, 2)) AS total, count(o.id) AS orders "
        f"FROM {own} AS r JOIN names n ON n.customer = r.customer "
        "LEFT JOIN orders o ON o.customer = r.customer GROUP BY 1, 2 ORDER BY 1"
    )
    assert ask(open_gateway, text).to_pylist() == [
        {"name": "Ada", "total": Decimal("1.25"), "orders": 1},
        {"name": "Bo", "total": None, "orders": 1},
    ]


def test_two_of_them_are_two(open_gateway: Gateway) -> None:
    one, two = call("SELECT 1 AS x"), call("SELECT 2 AS x")
    text = f"SELECT a.x AS a, b.x AS b FROM {one} a CROSS JOIN {two} b"
    assert ask(open_gateway, text).to_pylist() == [{"a": 1, "b": 2}]
    assert ask(open_gateway, f"SELECT x FROM {one}").to_pylist() == [{"x": 1}]
    assert ask(open_gateway, f"SELECT x FROM {two}").to_pylist() == [{"x": 2}]


def test_text_may_be_in_dollars(open_gateway: Gateway) -> None:
    text = "SELECT x FROM remote_query('shop.postgres', $$SELECT 'it''s' AS x$$) AS r WHERE x <> ''"
    assert ask(open_gateway, text).to_pylist() == [{"x": "it's"}]


def test_explain_shows_it_as_a_fragment(open_gateway: Gateway) -> None:
    rows = ask(open_gateway, f"EXPLAIN SELECT id FROM {call(ORDERS)} r WHERE id > 1").to_pylist()
    (fragment,) = (r for r in rows if r["item"].startswith("fragment"))
    assert "public.orders" in fragment["text"]
    assert fragment["source"].startswith("postgres:")
    assert not any("remote_query/" in str(r["source"]) for r in rows)


def test_columns_without_a_type_of_arrow_are_named(open_gateway: Gateway) -> None:
    error = refused(open_gateway, f"SELECT * FROM {call('SELECT ARRAY[1, 2] AS odd')}")
    assert error.code == "SOURCE_TYPE_UNSUPPORTED"
    assert "odd" in error.message


@pytest.mark.parametrize(
    "policies",
    [
        (READ,),
        (READ, ("p", "user:ana", "*", "*", "admin", "*", "*", "*", "allow")),
        (RIGHT,),
        (READ, RIGHT, (*RIGHT[:-1], "deny")),
        (READ, RIGHT, ("p", "user:ana", "*", "*", "admin", "*", "*", "*", "deny")),
        (READ, ("p", "user:bob", "*", "*", "remote_query", "*", "*", "*", "allow")),
        (
            READ,
            ("p", "user:ana", "*", "mesh://shop/other/*", "remote_query", "*", "*", "*", "allow"),
        ),
    ],
)
def test_without_the_right_the_source_does_not_exist(
    orders: list[Dataset], policies: tuple[tuple[str, ...], ...]
) -> None:
    error = refused(gateway(orders, policies), f"SELECT * FROM {call(ORDERS)}")
    assert isinstance(error, UnknownDataset)
    assert error.message == unknown()


@pytest.mark.parametrize(
    "source", ["shop.nothing", "postgres", "a.b.c", "", "shop.postgres.orders"]
)
def test_source_that_is_not_there_has_the_same_words(open_gateway: Gateway, source: str) -> None:
    error = refused(open_gateway, f"SELECT * FROM {call(ORDERS, source)}")
    assert isinstance(error, UnknownDataset)
    assert error.message == unknown(source)


def test_what_is_not_to_be_read_is_not_read_this_way(open_gateway: Gateway) -> None:
    asked = f"SELECT * FROM {call('SELECT id FROM public.orders')}"
    address, standing = "mesh://shop/postgres/orders@1.0.0", open_gateway.mesh.standing
    standing.set("test", [Notice(address, "LATE", "nothing came")])
    told = open_gateway.prepare(Request(ANA, asked)).notices
    assert [notice.message for notice in told] == ["nothing came"]
    standing.set("test", [Notice(address, "LATE", "nothing came", Severity.DENY)])
    assert refused(open_gateway, asked).code == "DATASET_UNFIT"


def with_staff(orders: list[Dataset], uri: str, **more: object) -> list[Dataset]:
    """Another product, whose rows are in the same database."""
    binding = Binding("postgres", uri, "staff", {"pool_size": "2"})
    schema = pa.schema([("id", pa.int64()), ("salary", pa.int64())])
    return [*orders, dataset("hr", "staff", binding, schema, **more)]


@pytest.mark.parametrize(
    "policies",
    [
        (("p", "user:ana", "*", "mesh://shop/hr/*", "read", "*", "*", "*", "deny"),),
        (("p", "user:ana", "*", "mesh://shop/hr/*#salary", "read", "*", "*", "*", "deny"),),
        (("p2", "user:ana", "*", "mesh://shop/hr/*", "*", "restrictive", "own", "allow"),),
        (("p3", "user:ana", "*", "mesh://shop/hr/*", "pay", "*", "null", "allow"),),
    ],
)
def test_obligations_on_any_dataset_of_the_database_deny(
    orders: list[Dataset], uri: str, policies: tuple[tuple[str, ...], ...]
) -> None:
    datasets = with_staff(
        orders, uri, row_filters={"own": "id = 7"}, column_tags={"salary": ("pay",)}
    )
    free = gateway(datasets, HOLDER)
    assert ask(free, f"SELECT id FROM {call(ORDERS)}").num_rows == 3
    free.close()
    error = refused(gateway(datasets, (*HOLDER, *policies)), f"SELECT * FROM {call(ORDERS)}")
    assert isinstance(error, UnknownDataset)
    assert error.message == unknown()


def test_residency_of_any_dataset_of_the_database_denies(orders: list[Dataset], uri: str) -> None:
    datasets = with_staff(orders, uri, residency=Residency(("eu",), 5))
    error = refused(gateway(datasets, HOLDER), f"SELECT * FROM {call(ORDERS)}")
    assert error.message == unknown()


def test_dataset_whose_place_is_not_known_denies(orders: list[Dataset]) -> None:
    binding = Binding("postgres", "postgresql://${NO_SUCH_VARIABLE_HERE}/x", "t")
    hidden = dataset("odd", "t", binding, pa.schema([("id", pa.int64())]))
    deny = ("p", "user:ana", "*", "mesh://shop/odd/*", "read", "*", "*", "*", "deny")
    error = refused(gateway([*orders, hidden], (*HOLDER, deny)), f"SELECT * FROM {call(ORDERS)}")
    assert error.message == unknown()


@pytest.mark.parametrize(
    "text",
    [
        "DELETE FROM public.orders",
        "WITH gone AS (DELETE FROM public.orders RETURNING id) SELECT id FROM gone",
        "WITH x AS (INSERT INTO public.orders VALUES (9) RETURNING id) SELECT id FROM x",
        "UPDATE public.orders SET id = 0",
        "SELECT 1 AS x; DELETE FROM public.orders",
        "SELECT 1 AS x) AS q; DELETE FROM public.orders; --",
        "DROP TABLE public.orders",
        "SELECT * INTO public.copied FROM public.orders",
        "SELECT id FROM public.orders FOR UPDATE",
        "COPY public.orders TO 'x'",
        "SET default_transaction_read_only = off",
        "BEGIN",
        "TRUNCATE public.orders",
        "DO $$ BEGIN END $$",
        "EXPLAIN ANALYZE SELECT 1",
        "SELECT pg_catalog.pg_sleep(60) AS x",
        "SELECT pg_sleep(60) AS x",
        "SELECT 1 AS x FROM pg_sleep(60)",
        'SELECT "pg_sleep"(60) AS x',
        "SELECT pg_read_file('/etc/passwd') AS x",
        "SELECT nextval('public.numbers') AS x",
        "SELECT setval('public.numbers', 7) AS x",
        "SELECT set_config('default_transaction_read_only', 'off', false) AS x",
        "SELECT pg_terminate_backend(1) AS x",
        "SELECT lo_import('/etc/passwd') AS x",
        "SELECT pg_advisory_lock(1) AS x",
        "SELECT query_to_xml('DELETE FROM public.orders', true, true, '') AS x",
        "SELECT public.lower(1) AS x",
        "SELECT (public.lower(1)) AS x",
        "SELECT 1 OPERATOR(pg_catalog.+) 1 AS x",
        "SELECT x FROM ROWS FROM (pg_ls_dir('/')) AS x",
        "SELECT id FROM public.orders WHERE id = $1",
        "SELECT remote_query('shop.postgres', 'SELECT 1') AS x",
        "",
        "VALUES (1)",
        "SELEC 1",
        "SELECT usename FROM pg_catalog.pg_stat_activity",
        "SELECT rolname FROM pg_authid",
        "SELECT table_name FROM information_schema.tables",
        "SELECT id FROM orders",
    ],
)
def test_text_that_does_more_than_read_is_refused(
    open_gateway: Gateway, postgres: services.Postgres, uri: str, text: str
) -> None:
    error = refused(open_gateway, f"SELECT * FROM {call(text)}")
    assert isinstance(error, InvalidQuery | ParseError), error
    database = uri.rpartition("/")[2].partition("?")[0]
    assert postgres.rows("SELECT count(*) FROM orders", database) == [(3,)]


def test_source_itself_refuses_to_be_written_to(open_gateway: Gateway, uri: str) -> None:
    """The second line: were a text to pass, the session is read-only."""
    binding = Binding("postgres", uri, "orders")
    connector = open_gateway.mesh.sources.connector(binding)
    stream = connector.query(  # type: ignore[attr-defined]
        "SELECT nextval('public.numbers')", pa.schema([("x", pa.int64())])
    )
    with pytest.raises(Exception, match="read-only"):
        list(stream)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT remote_query('shop.postgres', 'SELECT 1')",
        "SELECT * FROM remote_query('shop.postgres')",
        "SELECT * FROM remote_query('shop.postgres', 'SELECT 1', 'x')",
        "SELECT * FROM remote_query('shop.' || 'postgres', 'SELECT 1')",
        "SELECT o.id FROM orders o, remote_query('shop.postgres', o.customer)",
        'SELECT * FROM "__remote_0"',
        "SELECT * FROM remote_query('shop.postgres', 'SELECT 1 AS x'), __remote_0",
    ],
)
def test_other_forms_are_refused(open_gateway: Gateway, text: str) -> None:
    assert isinstance(refused(open_gateway, text), ParseError)


def test_columns_need_names_of_their_own(open_gateway: Gateway) -> None:
    error = refused(open_gateway, f"SELECT * FROM {call('SELECT 1 AS x, 2 AS x')}")
    assert isinstance(error, InvalidQuery)


def test_view_may_not_hold_one(orders: list[Dataset]) -> None:
    binding = Binding("", "", "")
    view = dataset(
        "views",
        "v",
        binding,
        pa.schema([("id", pa.int64())]),
        view=View(f"SELECT id FROM {call(ORDERS)}", "shop/owner", False),
    )
    error = refused(gateway([*orders, view], HOLDER), "SELECT * FROM v")
    assert "can not be computed" in error.message


def test_right_that_goes_is_missed_by_the_next_execution(orders: list[Dataset]) -> None:
    opened = gateway(orders, HOLDER)
    prepared = opened.prepare(Request(ANA, f"SELECT id FROM {call(ORDERS)}"))
    opened.mesh.access.authoriser.swap(  # type: ignore[union-attr]
        Snapshot(PolicyRows.checked([Row(READ[0], READ[1:])]))
    )
    with pytest.raises(UnknownDataset):
        list(opened.execute(prepared).batches)
    opened.close()


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1 INTO @x",
        "SELECT @a := 1",
        "SELECT @@version",
        "SELECT SLEEP(60)",
        "SELECT LOAD_FILE('/etc/passwd')",
        "SELECT GET_LOCK('a', 60)",
        "SELECT BENCHMARK(1000000000, 1)",
        "SELECT * FROM t INTO OUTFILE 'x'",
        "SELECT a FROM t LOCK IN SHARE MODE",
        "SELECT NEXTVAL(s)",
        "CALL p()",
        "SELECT 1; DROP TABLE t",
        "SELECT f(1) FROM t",
        "SELECT d.f(1) FROM t",
        "HANDLER t OPEN",
        "SELECT user FROM mysql.user",
        "SELECT id FROM performance_schema.threads",
    ],
)
def test_mariadb_texts_that_do_more_than_read_are_refused(text: str) -> None:
    with pytest.raises(NotAllowed):
        one_reading_query(text, "mysql")


def test_what_a_comment_hides_is_not_sent() -> None:
    tree = one_reading_query("SELECT a FROM t /*! INTO OUTFILE 'x' */ -- x", "mysql")
    assert tree.sql(dialect="mysql", comments=False) == "SELECT a FROM t"


def test_mariadb_is_asked_as_well(mariadb: services.MariaDb) -> None:
    with mariadb.database() as database:
        mariadb.execute(
            "CREATE TABLE t (id bigint, d decimal(10,2), u date, s varchar(20), b double)",
            "INSERT INTO t VALUES (1, 1.50, '2024-02-29', 'x\\\\y', 0.5)",
            "INSERT INTO t VALUES (2, NULL, NULL, NULL, NULL)",
            database=database,
        )
        datasets = in_source("mariadb", mariadb.uri(database), ["t"])
        right = (*RIGHT[:3], "mesh://shop/mariadb/*", *RIGHT[4:])
        opened = gateway(datasets, (READ, right))
        own = call("SELECT id, d, u, s, b FROM t WHERE IFNULL(s, '') <> 'q'", "shop.mariadb")
        found = ask(opened, f"SELECT * FROM {own} r ORDER BY id").to_pylist()
        assert found == [
            {"id": 1, "d": "1.50", "u": "2024-02-29", "s": "x\\y", "b": 0.5},
            {"id": 2, "d": None, "u": None, "s": None, "b": None},
        ]
        opened.close()


def test_product_in_memory_takes_none() -> None:
    datasets = in_memory({"names": pa.table({"x": [1]})}, "rq-memory")
    right = (*RIGHT[:3], "mesh://shop/memory/*", *RIGHT[4:])
    error = refused(
        gateway(datasets, (READ, right)), f"SELECT * FROM {call('SELECT 1', 'shop.memory')}"
    )
    assert error.code == "UNSUPPORTED"


def test_record_keeps_the_query_without_its_values() -> None:
    text = "SELECT * FROM " + call("SELECT id FROM public.orders WHERE customer = 'Ada' AND id > 7")
    assert normalised(text, understood=True) == (
        "SELECT * FROM remote_query('shop.postgres', "
        "'SELECT id FROM public.orders WHERE customer = ? AND id > ?')"
    )
    odd = call('SELECT `id` FROM t WHERE s = "Ada"', "Ada Lovelace")
    assert "Ada" not in str(normalised(f"SELECT * FROM {odd}", understood=True))


def test_request_and_its_refusal_are_recorded(orders: list[Dataset], tmp_path: Path) -> None:
    log = AuditLog.open(tmp_path / "audit", b"s" * 32)
    rows = PolicyRows.checked([Row(p[0], p[1:]) for p in HOLDER])
    access = Access(Authoriser(Snapshot(rows)), lambda *_: KEY)
    opened = Gateway(Mesh(Catalogue(orders, "test"), access, Config(), log))
    ask(opened, f"SELECT id FROM {call(ORDERS)}")
    with pytest.raises(UnknownDataset):
        ask(opened, f"SELECT id FROM {call(ORDERS)}", Principal("user:eve"))
    opened.close()
    entries = sorted(AuditReader(tmp_path / "audit").entries(Filter()), key=lambda e: e.seq)
    allowed, denied = (entry.record for entry in entries)
    assert "remote_query" in allowed.datasets[0].address
    assert "public.orders" in allowed.text
    assert (denied.verdict, denied.principal) == ("denied", "user:eve")
    assert denied.datasets[0].address == "remote_query(shop.postgres)"
