"""System tables by SQL: what is in them, for whom, and nothing that tells of what is hidden."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pyarrow as pa
import pytest

from gateway.catalogue import Catalogue
from gateway.errors import AccessDenied, GatewayError, UnknownDataset
from gateway.model import Principal, QueryOptions, Request, View
from gateway.notices import VEILED, Notice, Severity
from gateway.pipeline import Gateway
from gateway.system.tables import TABLES
from policies.snapshot import Snapshot
from policies.store import PolicyRows, Row
from tests.gateways import use
from tests.system.meshes import (
    ALL,
    HIDDEN,
    NOBODY,
    POLICIES,
    SALES,
    SHOWN,
    STEWARD,
    ask,
    dataset,
    mesh,
)

CATALOGUE = [t for t in TABLES if t.product == "catalogue" and t.name != "search"]
SEARCHES = ("order lines", "lines", "salaries", "lucre", "jewel", "treasure", "margin", "secret")


@pytest.fixture
def shop() -> Iterator[Gateway]:
    opened = mesh([*SHOWN, *HIDDEN])
    yield opened
    opened.close()


def name(table: object) -> str:
    return f"system.{table.product}.{table.name}"  # type: ignore[attr-defined]


def everything(gateway: Gateway, who: Principal) -> dict[str, list[tuple[object, ...]]]:
    found = {name(t): ask(gateway, f"SELECT * FROM {name(t)}", who) for t in CATALOGUE}
    for words in SEARCHES:
        sql = f"SELECT * FROM system.catalogue.search WHERE query = '{words}' ORDER BY rank"
        found[words] = ask(gateway, sql, who)
    found["tables"] = [(str(d.address),) for d in gateway.browsing.browsable(who)]
    return found


def test_every_table_has_the_columns_it_declares(shop: Gateway) -> None:
    for table in TABLES:
        where = " WHERE query = 'x'" if table.name == "search" else ""
        request = Request(ALL, f"SELECT * FROM {name(table)}{where}")
        answer = shop.execute(shop.prepare(request))
        assert answer.schema.names == table.schema.names
        assert [f.type for f in answer.schema] == [f.type for f in table.schema]
        for batch in answer.batches:
            assert batch.schema.names == table.schema.names


def test_what_is_known_of_a_dataset(shop: Gateway) -> None:
    sql = """SELECT name, version, "current", kind, connector, owner, tags, status, readable,
        columns, primary_key FROM system.catalogue.datasets WHERE dataset = 'order_lines'
        AND domain = 'sales' ORDER BY version"""
    rest = ("table", "memory", "team-sales", "finance", "active", True, 3, "id")
    older = ("table", "memory", "", "", "deprecated", True, 3, "")
    full = "sales.orders.order_lines"
    assert ask(shop, sql) == [(full, "0.9.0", False, *older), (full, "1.0.0", True, *rest)]


def test_columns_terms_tags_promises_and_versions(shop: Gateway) -> None:
    where = "WHERE dataset = 'order_lines' AND domain = 'sales' AND version = '1.0.0'"
    columns = ask(
        shop,
        'SELECT "column", position, type, nullable, key_position, description, tags, term'
        f" FROM system.catalogue.columns {where} ORDER BY position",
    )
    assert columns == [
        ("id", 1, "int64", True, 1, "counts upwards", "", None),
        ("customer", 2, "string", True, None, None, "pii", None),
        ("margin", 3, "double", True, None, "what we gain, the treasure", "jewel", "Lucre"),
    ]
    terms = ask(shop, f'SELECT "column", term, definition FROM system.catalogue.terms {where}')
    assert sorted(terms, key=str) == [
        ("margin", "Lucre", "https://x.example"),
        (None, "Sale", None),
    ]
    tags = ask(shop, f'SELECT "column", tag FROM system.catalogue.tags {where}')
    assert set(tags) == {(None, "finance"), ("customer", "pii"), ("margin", "jewel")}
    promises = ask(shop, f'SELECT promise, "column" FROM system.catalogue.promises {where}')
    assert promises == [("latency", None), ("retention", "margin")]
    assert ask(shop, f"SELECT count(*) FROM system.catalogue.versions {where}") == [(1,)]
    assert ask(
        shop, "SELECT domain, product, datasets, versions FROM system.catalogue.products"
    ) == [
        ("hr", "people", 2, 2),
        ("sales", "orders", 2, 3),
        ("sales", "stock", 1, 1),
        ("zoo", "animals", 1, 1),
    ]


def test_a_denied_column_leaves_no_trace(shop: Gateway) -> None:
    seen = str(list(everything(shop, SALES).values()))
    assert "Lines of orders" in seen
    for word in ("margin", "Lucre", "jewel", "treasure", "retention"):
        assert word in str(list(everything(shop, ALL).values()))
        assert word not in seen
    for words in ("lucre", "jewel", "treasure", "margin"):
        sql = f"SELECT count(*) FROM system.catalogue.search WHERE query = '{words}'"
        assert ask(shop, sql, ALL) != [(0,)]
        assert ask(shop, sql, SALES) == [(0,)]


def test_hidden_datasets_change_nothing(shop: Gateway) -> None:
    """Twins that differ in what sally may not know of only: every table, scores and ranks too."""
    more = [
        replace(HIDDEN[0], address=replace(HIDDEN[0].address, version=f"1.{n}.0"))
        for n in range(30)
    ]
    others = [
        mesh(SHOWN),
        mesh([*SHOWN, *more, dataset("hr.people.order_lines")]),
        mesh([*SHOWN, dataset("aaa.a.lines"), dataset("zzz.z.lines")]),
    ]
    mine = everything(shop, SALES)
    assert len(mine["system.catalogue.datasets"]) == len(SHOWN)
    assert mine["order lines"]
    for other in others:
        assert everything(other, SALES) == mine
        other.close()


def test_who_may_discover_nothing_finds_nothing(shop: Gateway) -> None:
    seen = everything(shop, NOBODY)
    tables = seen.pop("tables")
    assert not any(seen.values())
    assert all(str(row[0]).startswith("mesh://system/") for row in tables)


def test_a_successor_that_is_hidden_is_not_named(shop: Gateway) -> None:
    sql = "SELECT successor FROM system.catalogue.versions WHERE status = 'deprecated' ORDER BY 1"
    shown = "mesh://sales/orders/order_lines@1.0.0"
    assert ask(shop, sql, ALL) == [("mesh://hr/people/salaries",), (shown,)]
    assert ask(shop, sql, SALES) == [(shown,), (None,)]


def test_the_text_of_a_view_is_for_those_who_make_it(shop: Gateway) -> None:
    sql = "SELECT dataset, definition FROM system.catalogue.views"
    assert ask(shop, sql, SALES) == [("busy", None)]
    assert ask(shop, sql, STEWARD) == [("busy", SHOWN[3].view.query)]  # type: ignore[union-attr]


def test_artefacts_and_what_they_use(shop: Gateway) -> None:
    sql = "SELECT artefact, kind, form, opens, uses FROM system.catalogue.artefacts ORDER BY 1 DESC"
    lines, margin = "mesh://sales/orders/lines", "mesh://sales/orders/order_lines#margin"
    people = "mesh://hr/people/salaries, mesh://hr/people/model"
    board = ("board", "dashboard", "url", "https://bi.example/board")
    assert ask(shop, sql) == [
        ("model", "model", "command", "run it", ""),
        (*board, f"{margin}, {lines}, {people}"),
    ]
    assert ask(shop, sql, SALES) == [(*board, lines)]
    assert ask(shop, sql, NOBODY) == []


def test_problems_are_told_of_what_one_may_know_of(shop: Gateway) -> None:
    line, hidden = str(SHOWN[0].address), str(HIDDEN[0].address)
    shop.mesh.standing.set(
        "test",
        [
            Notice(line, "DRIFT", "margin has changed", Severity.DENY, ("margin",)),
            Notice(hidden, "LATE", "nothing came"),
        ],
    )
    every = "SELECT address, code, severity, message FROM system.catalogue.problems"
    assert ("mesh://sales/orders/lines@1.0.0", "DEPRECATED") in [r[:2] for r in ask(shop, every)]
    sql = f"{every} WHERE code <> 'DEPRECATED'"
    everyone = [
        (hidden, "LATE", "warn", "nothing came"),
        (line, "DRIFT", "deny", "margin has changed"),
    ]
    assert ask(shop, sql, ALL) == everyone
    assert ask(shop, sql, SALES) == [(line, "DATASET_UNFIT", "deny", VEILED)]
    standing = f"SELECT standing, problems FROM system.catalogue.datasets WHERE address = '{line}'"
    assert ask(shop, standing) == [("deny", 1)]


QUERIES = (
    "SELECT dataset FROM system.catalogue.search WHERE query = 'order lines' ORDER BY rank",
    "SELECT s.dataset FROM system.catalogue.search AS s WHERE 'order lines' = s.query AND score > 1"
    " ORDER BY score DESC, address",
    "WITH hits AS (SELECT * FROM system.catalogue.search)"
    " SELECT dataset FROM hits WHERE query = 'order lines' ORDER BY rank",
    "SELECT dataset FROM (SELECT query, rank AS r, dataset FROM system.catalogue.search) AS t"
    " WHERE query = 'order lines' ORDER BY r",
    "SELECT d.dataset FROM system.catalogue.search s JOIN system.catalogue.datasets d"
    " ON d.address = s.address WHERE s.query = 'order lines' ORDER BY s.rank",
)


@pytest.mark.parametrize("sql", QUERIES)
def test_a_search_in_many_forms(shop: Gateway, sql: str) -> None:
    found = [row[0] for row in ask(shop, sql, SALES)]
    assert found == ["order_lines", "order_lines", "lines"]
    assert [row[0] for row in ask(shop, sql, SALES, options=QueryOptions(verify=True))] == found


@pytest.mark.parametrize(
    "where",
    [
        "",
        "WHERE score > 1",
        "WHERE query LIKE 'order%'",
        "WHERE query > 'order'",
        "WHERE lower(query) = 'order'",
        "WHERE query = 'order' OR query = 'lines'",
        "WHERE query = dataset",
        "JOIN system.catalogue.columns c ON c.dataset = query",
    ],
)
def test_a_search_has_to_be_told_what_for(shop: Gateway, where: str) -> None:
    with pytest.raises(GatewayError) as caught:
        ask(shop, f"SELECT * FROM system.catalogue.search {where}")
    assert caught.value.code == "INVALID_QUERY"
    assert "query = " in str(caught.value.hint)


def test_a_search_for_nothing_is_an_error_of_the_searcher(shop: Gateway) -> None:
    with pytest.raises(GatewayError, match="no word"):
        ask(shop, "SELECT * FROM system.catalogue.search WHERE query = '?'")
    assert ask(shop, "SELECT * FROM system.catalogue.search WHERE query = NULL") == []


@pytest.mark.parametrize("placeholder", ["?", "$1"])
def test_words_as_a_parameter(shop: Gateway, placeholder: str) -> None:
    sql = f"SELECT dataset FROM system.catalogue.search WHERE query = {placeholder} ORDER BY rank"
    for _ in range(4):  # from the second time on, a template would be used
        for words, first in (("order lines", "order_lines"), ("busy", "busy")):
            for who, hidden in ((SALES, 0), (ALL, 1), (NOBODY, None)):
                found = ask(shop, sql, who, [pa.scalar(words)])
                assert found[:1] == ([] if hidden is None else [(first,)])
                if words == "order lines" and hidden is not None:
                    assert len(found) == 3 + 2 * hidden


def test_system_tables_join_datasets(shop: Gateway) -> None:
    sql = """SELECT o.id, c."column" FROM sales.orders.order_lines o
        JOIN system.catalogue.columns c ON c.dataset = 'order_lines' AND c.position = o.id
        WHERE c.version = '1.0.0' AND c.domain = 'sales' ORDER BY o.id"""
    assert ask(shop, sql, ALL) == [(1, "id"), (2, "customer"), (3, "margin")]
    assert ask(shop, sql, SALES) == [(1, "id"), (2, "customer")]


def test_callers_with_the_same_text_at_once_get_each_their_own(shop: Gateway) -> None:
    sql = "SELECT count(*) FROM system.catalogue.datasets"
    expected = {ALL: [(7,)], SALES: [(4,)], NOBODY: [(0,)], STEWARD: [(4,)]}
    wrong: list[object] = []

    def run(who: Principal) -> None:
        for _ in range(15):
            found = ask(shop, sql, who)
            if found != expected[who]:
                wrong.append((who, found))

    threads = [threading.Thread(target=run, args=(who,)) for who in expected for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_what_is_prepared_is_right_again_at_each_execution(shop: Gateway) -> None:
    prepared = shop.prepare(Request(SALES, "SELECT count(*) FROM system.catalogue.datasets"))

    def count() -> int:
        (batch,) = shop.execute(prepared).batches
        return int(batch.column(0)[0].as_py())

    assert count() == 4
    use(shop, Catalogue([*SHOWN, dataset("sales.orders.fresh")], "other"))
    assert count() == 5
    rows = [Row(kind, tuple(columns)) for kind, *columns in POLICIES[:1]]
    shop.mesh.access.authoriser.swap(Snapshot(PolicyRows.checked(rows)))  # type: ignore[union-attr]
    assert count() == 0


def test_a_large_catalogue_that_changes_is_indexed_in_the_background(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.catalogue.search.AT_ONCE", 2)
    opened = mesh(SHOWN)
    sql = "SELECT dataset FROM system.catalogue.search WHERE query = 'fresh'"
    assert ask(opened, sql) == []
    use(opened, Catalogue([*SHOWN, dataset("sales.orders.fresh")], "other"))
    end = time.monotonic() + 20
    while ask(opened, sql) != [("fresh",)]:
        assert time.monotonic() < end
        time.sleep(0.02)
    opened.close()


def test_an_answer_that_was_begun_ends_when_policies_change(shop: Gateway) -> None:
    begun = shop.prepare(Request(SALES, "SELECT * FROM system.catalogue.datasets"))
    assert shop.check_rights(begun, SALES) is begun
    rows = [Row(kind, tuple(columns)) for kind, *columns in POLICIES[:3]]
    shop.mesh.access.authoriser.swap(Snapshot(PolicyRows.checked(rows)))  # type: ignore[union-attr]
    with pytest.raises(AccessDenied):
        shop.check_rights(begun, SALES)


def test_plans_over_system_tables_are_never_kept(shop: Gateway) -> None:
    for _ in range(3):
        ask(shop, "SELECT * FROM system.catalogue.datasets")
        ask(shop, "SELECT * FROM system.catalogue.tags WHERE tag = ?", ALL, [pa.scalar("pii")])
    assert not shop.plans._kept
    assert not shop.plans._prepared._described
    assert not shop.plans._prepared._forms


def test_short_names_mean_the_mesh(shop: Gateway) -> None:
    for short in ("datasets", "catalogue.datasets", "system.datasets"):
        with pytest.raises(UnknownDataset):
            ask(shop, f"SELECT * FROM {short}")
    own = mesh([*SHOWN, dataset("sales.catalogue.datasets")])
    assert ask(own, "SELECT id FROM datasets ORDER BY id LIMIT 1", SALES) == [(1,)]
    own.close()


def test_names_within_the_session_s_namespace(shop: Gateway) -> None:
    for namespace, short in (
        (("system",), "catalogue.datasets"),
        (("system", "catalogue"), "datasets"),
        (("SYSTEM", "Catalogue"), "DATASETS"),
    ):
        assert ask(shop, f"SELECT count(*) FROM {short}", namespace=namespace) == [(7,)]
    mixed = "SELECT count(*) FROM datasets, sales.orders.order_lines"
    assert ask(shop, mixed, namespace=("system", "catalogue")) == [(21,)]
    assert ask(shop, "SELECT count(*) FROM order_lines", SALES, namespace=("system",)) == [(3,)]


def test_a_version_of_a_system_table(shop: Gateway) -> None:
    sql = 'SELECT count(*) FROM system.catalogue."datasets@{}"'
    assert ask(shop, sql.format("1.0.0")) == [(7,)]
    with pytest.raises(UnknownDataset):
        ask(shop, sql.format("2.0.0"))


def test_no_view_stands_on_a_system_table() -> None:
    spy = replace(SHOWN[3], view=View("SELECT * FROM system.catalogue.datasets"))
    opened = mesh([*SHOWN[:3], spy])
    with pytest.raises(AccessDenied, match="reads what you may not"):
        ask(opened, "SELECT * FROM sales.stock.busy")
    opened.close()


def test_a_policy_can_deny_system_tables() -> None:
    deny = (
        "p",
        "user:sally",
        "system",
        "mesh://system/catalogue/columns",
        "read",
        "*",
        "*",
        "*",
        "deny",
    )
    opened = mesh([*SHOWN, *HIDDEN], [*POLICIES, deny])
    with pytest.raises(UnknownDataset) as hidden:
        ask(opened, "SELECT * FROM system.catalogue.columns", SALES)
    with pytest.raises(UnknownDataset) as missing:
        ask(opened, "SELECT * FROM system.catalogue.kolumns", SALES)
    assert hidden.value.message.replace("columns", "kolumns") == missing.value.message
    assert "system.catalogue.columns" not in str(opened.browsing.browsable(SALES))
    assert ask(opened, "SELECT count(*) FROM system.catalogue.columns", ALL) == [(21,)]
    opened.close()


@pytest.mark.parametrize("dialect", ["mysql", "bigquery", "databricks"])
def test_other_dialects(shop: Gateway, dialect: str) -> None:
    text = "SELECT `column` FROM system.catalogue.columns WHERE dataset = 'busy' LIMIT 1"
    assert ask(shop, text, SALES, dialect=dialect) == [("id",)]
    text = "SELECT count(*) FROM system.catalogue.search WHERE query = 'busi'"
    assert ask(shop, text, SALES, dialect=dialect) == [(1,)]


def test_nothing_tells_where_rows_are(shop: Gateway) -> None:
    assert "memory://" not in str(everything(shop, ALL))
