"""Views: invoker's rights through every layer, and what an owner may lend."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.interface import Binding
from gateway.errors import GatewayError
from gateway.model import Address, Dataset, Principal, Residency, View
from gateway.pipeline import Gateway
from tests.gateways import ask, dataset, gateway, in_memory, in_source

STAFF = pa.table(
    {
        "id": pa.array([1, 2, 3, 4], pa.int64()),
        "region": ["EU", "US", "EU", "US"],
        "mail": ["a@x", "b@x", "c@x", "d@x"],
        "pay": pa.array([10, 0, 30, 40], pa.int64()),
    }
)
ANA, BOB = Principal("user:ana", ("eu",)), Principal("user:bob")
RULES = (
    ("p", "eu", "*", "*", "read", "*", "*", "*", "allow"),
    ("p2", "eu", "shop", "mesh://shop/staff/staff", "*", "permissive", "eu_only", "allow"),
    ("p3", "eu", "shop", "mesh://shop/staff/staff", "pii", "*", "last4", "allow"),
    ("p", "user:bob", "views", "mesh://views/*/*", "read", "*", "*", "*", "allow"),
    ("p", "views/owner", "shop", "*", "read|publish", "*", "*", "*", "allow"),
    ("p3", "views/owner", "shop", "*", "pii", "*", "none", "allow"),
)
FIELDS = {f.name: f for f in STAFF.schema}


def view(name: str, sql: str, columns: Sequence[pa.Field], **more: object) -> Dataset:
    address = Address("views", "shop", name, "1.0.0")
    owner = {k: more.pop(k) for k in ("owner", "unmasks") if k in more}
    shape = View(sql, **owner)  # type: ignore[arg-type]
    return Dataset(address, pa.schema(columns), Binding("view", "", name), view=shape, **more)  # type: ignore[arg-type]


VIEWS = [
    view("mails", "SELECT id, mail FROM shop.staff.staff", [FIELDS["id"], FIELDS["mail"]]),
    view("again", "SELECT m.id, m.mail FROM views.shop.mails AS m", [FIELDS["id"], FIELDS["mail"]]),
    view("pays", "SELECT region, sum(pay) AS total FROM staff GROUP BY region",
         [FIELDS["region"], pa.field("total", pa.int64())]),
    view("lent", "SELECT id, mail, region FROM shop.staff.staff",
         [FIELDS["id"], FIELDS["mail"], FIELDS["region"]], owner="views/owner", unmasks=True),
    view("not_lent", "SELECT id, mail FROM shop.staff.staff",
         [FIELDS["id"], FIELDS["mail"]], owner="views/nobody", unmasks=True),
    view("filtered", "SELECT id, mail, region FROM shop.staff.staff",
         [FIELDS["id"], FIELDS["mail"], FIELDS["region"]], owner="views/owner", unmasks=True,
         row_filters={"us": "region = 'US'"}, column_tags={"mail": ("secret",)}),
    view("some", "SELECT id, pay, region FROM shop.staff.staff WHERE region <> 'SECRET' AND id < 4",
         [FIELDS["id"], FIELDS["pay"], FIELDS["region"]], owner="views/owner", unmasks=True),
    view("loop", "SELECT id FROM views.shop.loop", [FIELDS["id"]]),
    view("broken", "SELECT nothing FROM shop.staff.staff", [FIELDS["id"]]),
    view("drifted", "SELECT pay FROM shop.staff.staff", [FIELDS["id"]]),
    view("refused", "DROP TABLE staff", [FIELDS["id"]]),
    view("joined", "SELECT id, a.mail FROM staff a JOIN staff b USING (id)",
         [FIELDS["id"], FIELDS["mail"]]),
]  # fmt: skip

FILTERED = (
    ("p2", "*", "views", "mesh://views/shop/filtered", "*", "permissive", "us", "allow"),
    ("p3", "nobody", "views", "*", "secret", "*", "none", "allow"),
)


@pytest.fixture(params=["parquet", "sqlite", "duckdb"], scope="module")
def mesh(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("views")
    staff = _staff(request.param, folder)
    staff = replace(
        staff,
        address=Address("shop", "staff", "staff", "1.0.0"),
        row_filters={"eu_only": "region = 'EU'"},
        column_tags={"mail": ("pii",)},
    )
    opened = gateway([staff, *VIEWS], (*RULES, *FILTERED))
    yield opened
    opened.close()


def _staff(source: str, folder: Path) -> Dataset:
    if source == "parquet":
        pq.write_table(STAFF, folder / "staff.parquet")
        binding = Binding("files", str(folder), "staff.parquet")
        return dataset("staff", "staff", binding, STAFF.schema)
    if source == "sqlite":
        with sqlite3.connect(folder / "staff.sqlite") as connection:
            connection.execute("CREATE TABLE staff (id bigint, region text, mail text, pay bigint)")
            rows = [tuple(row.values()) for row in STAFF.to_pylist()]
            connection.executemany("INSERT INTO staff VALUES (?, ?, ?, ?)", rows)
        connection.close()
        return in_source("sqlite", str(folder / "staff.sqlite"), ["staff"])[0]
    import duckdb

    with duckdb.connect(str(folder / "staff.duckdb")) as store:
        store.register("given", STAFF)
        store.execute("CREATE TABLE staff AS SELECT * FROM given")
    return in_source("duckdb", str(folder / "staff.duckdb"), ["main.staff"])[0]


def rows(opened: Gateway, sql: str, who: Principal = ANA) -> list[tuple[object, ...]]:
    return sorted(tuple(row.values()) for row in ask(opened, sql, who).to_pylist())


def code(opened: Gateway, sql: str, who: Principal = ANA) -> str:
    with pytest.raises(GatewayError) as caught:
        ask(opened, sql, who)
    assert "region =" not in str(caught.value)
    return caught.value.code


@pytest.mark.parametrize("name", ["mails", "views.shop.mails", "again"])
def test_what_is_below_is_filtered_and_masked_for_the_invoker(mesh: Gateway, name: str) -> None:
    assert rows(mesh, f"SELECT * FROM {name}") == [(1, "****"), (3, "****")]
    assert rows(mesh, f"SELECT count(*) FROM {name} WHERE mail = 'a@x'") == [(0,)]


def test_views_aggregate_visible_rows_only(mesh: Gateway) -> None:
    assert rows(mesh, "SELECT * FROM pays") == [("EU", 40)]
    sql = "SELECT p.region, m.id FROM pays p JOIN staff m ON m.region = p.region"
    assert rows(mesh, sql) == [("EU", 1), ("EU", 3)]


def test_a_condition_that_fails_does_not_tell_of_hidden_rows(mesh: Gateway) -> None:
    assert rows(mesh, "SELECT id FROM mails WHERE 1 / (id - 2) < 5") == [(1,), (3,)]
    assert rows(mesh, "SELECT id FROM mails WHERE 1 / (coalesce(id, 0) - 4) < 5") == [(1,), (3,)]
    assert code(mesh, "SELECT id FROM mails WHERE 1 / (id - 3) < 5") == "ARITHMETIC_ERROR"


def test_the_invoker_needs_rights_to_what_is_below(mesh: Gateway) -> None:
    assert code(mesh, "SELECT * FROM mails", BOB) == "ACCESS_DENIED"
    assert code(mesh, "SELECT * FROM again", BOB) == "ACCESS_DENIED"
    assert code(mesh, "SELECT * FROM not_lent", BOB) == "ACCESS_DENIED"
    assert code(mesh, "SELECT * FROM staff", BOB) == "UNKNOWN_DATASET"


def test_an_owner_with_publish_lends_its_rights(mesh: Gateway) -> None:
    everything = [
        tuple(row)
        for row in zip(*STAFF.select(["id", "mail", "region"]).to_pydict().values(), strict=True)
    ]
    assert rows(mesh, "SELECT * FROM lent", BOB) == everything
    assert rows(mesh, "SELECT * FROM lent") == everything
    assert rows(mesh, "SELECT * FROM not_lent") == [(1, "****"), (3, "****")]
    assert code(mesh, "SELECT * FROM staff, lent", BOB) == "UNKNOWN_DATASET"


def test_how_a_lent_view_is_read_is_not_shown(mesh: Gateway) -> None:
    (row,) = ask(mesh, "EXPLAIN SELECT * FROM lent", BOB).to_pylist()
    assert row["item"] == "view"
    assert "staff" not in row["text"]


@pytest.mark.parametrize(
    "condition",
    [
        "1 / (pay - 40) < 9",
        "CASE WHEN pay = 40 THEN 1 / 0 ELSE 1 END = 1",
        "1 / (coalesce(id, 0) - 4) < 9",
    ],
)
def test_rows_a_lent_view_leaves_out_are_not_told_of(mesh: Gateway, condition: str) -> None:
    assert rows(mesh, f"SELECT id FROM some WHERE {condition}", BOB) == [(1,), (2,), (3,)]


def test_a_failure_below_a_lent_view_is_told_in_fixed_words(mesh: Gateway) -> None:
    with pytest.raises(GatewayError) as caught:
        ask(mesh, "SELECT id FROM some WHERE CAST(region AS BIGINT) = 1", BOB)
    assert caught.value.message == "a value could not be computed"


def test_drift_below_a_lent_view_does_not_name_what_is_there() -> None:
    (staff,) = in_memory({"staff": STAFF.drop_columns(["mail"])}, "views-drift", "staff")
    staff = replace(staff, address=Address("shop", "staff", "staff", "1.0.0"), schema=STAFF.schema)
    lent = next(v for v in VIEWS if v.address.dataset == "lent")
    opened = gateway([staff, lent], RULES)
    with pytest.raises(GatewayError) as caught:
        ask(opened, "SELECT id FROM lent", BOB)
    assert caught.value.code == "SCHEMA_DRIFT"
    assert "staff" not in str(caught.value)
    assert "mail" not in str(caught.value)
    opened.close()


def test_a_column_that_a_view_does_not_use_may_be_gone() -> None:
    (staff,) = in_memory({"staff": STAFF.drop_columns(["pay"])}, "views-unused", "staff")
    staff = replace(
        staff,
        address=Address("shop", "staff", "staff", "1.0.0"),
        schema=STAFF.schema,
        row_filters={"eu_only": "region = 'EU'"},
    )
    lent, mails = (v for v in VIEWS if v.address.dataset in ("lent", "mails"))
    paid = (
        *RULES,
        ("p", "paid", "*", "*", "read", "*", "*", "*", "allow"),
        ("p2", "paid", "shop", "mesh://shop/staff/staff", "*", "permissive", "paid", "allow"),
    )
    staff = replace(staff, row_filters={**staff.row_filters, "paid": "pay > 0"})
    opened = gateway([staff, lent, mails], paid)
    assert len(rows(opened, "SELECT id FROM lent", BOB)) == 4
    assert len(rows(opened, "SELECT id FROM mails")) == 2
    assert code(opened, "SELECT id FROM staff") == "SCHEMA_DRIFT"
    # whose row filter is about that column does not get rows without it
    assert code(opened, "SELECT id FROM mails", Principal("user:eve", ("paid",))) == "SCHEMA_DRIFT"
    opened.close()


def test_a_plan_is_not_shared_by_who_is_lent_rights_and_who_has_them() -> None:
    fields = [FIELDS["id"]]
    lent = view("v", "SELECT id FROM shop.staff.staff", fields, owner="views/owner", unmasks=True)
    rules = (
        ("p", "views/owner", "*", "*", "read|publish", "*", "EU", "*", "allow"),
        ("p", "user:olga", "shop", "*", "read|publish", "*", "*", "*", "allow"),
        ("p", "*", "views", "*", "read", "*", "*", "*", "allow"),
    )
    (staff,) = in_memory({"staff": STAFF}, "views-shared", "staff")
    opened = gateway(
        [replace(staff, address=Address("shop", "staff", "staff", "1.0.0")), lent], rules
    )
    sql = "EXPLAIN SELECT count(*) AS n FROM views.shop.v"
    mine = ask(opened, sql, Principal("user:olga", region="US")).to_pylist()
    assert not any(row["item"] == "view" for row in mine)
    (row,) = ask(opened, sql, Principal("user:bob", region="EU")).to_pylist()
    assert row["item"] == "view"
    opened.close()


def test_a_view_has_row_filters_and_masks_of_its_own(mesh: Gateway) -> None:
    assert rows(mesh, "SELECT * FROM filtered", BOB) == [(2, None, "US"), (4, None, "US")]
    assert rows(mesh, "SELECT id FROM filtered WHERE 1 / (id - 1) < 9", BOB) == [(2,), (4,)]
    assert rows(mesh, "SELECT id FROM filtered WHERE mail IS NOT NULL", BOB) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [("loop", "LIMIT_EXCEEDED"), ("broken", "INVALID_QUERY"), ("drifted", "SCHEMA_DRIFT"),
     ("refused", "INVALID_QUERY")],
)  # fmt: skip
def test_a_view_that_can_not_be_computed(mesh: Gateway, name: str, expected: str) -> None:
    assert code(mesh, f"SELECT * FROM {name}") == expected


def test_constructs_the_engine_answers_wrongly_are_rewritten_in_views_too(mesh: Gateway) -> None:
    assert rows(mesh, "SELECT * FROM joined") == [(1, "****"), (3, "****")]
    sql = "SELECT id FROM mails JOIN lent USING (id)"
    assert rows(mesh, sql) == [(1,), (3,)]


@pytest.mark.parametrize(
    "sql",
    [
        'SELECT * FROM "__below_0"',
        'SELECT * FROM (WITH "__below_0" AS (SELECT 1) SELECT 1) AS t, "__below_0", lent',
        "SELECT * FROM lent, __BELOW_0",
    ],
)
def test_nobody_can_name_what_is_below_a_view(mesh: Gateway, sql: str) -> None:
    assert code(mesh, sql, BOB) == "UNKNOWN_DATASET"


def test_a_view_bound_to_its_region_is_refused(mesh: Gateway) -> None:
    staff = next(d for d in mesh.catalogue.datasets if d.address.dataset == "staff")
    bound = replace(VIEWS[0], residency=Residency(("EU",), 2))
    opened = gateway([staff, bound], RULES)
    assert code(opened, "SELECT count(*) FROM mails") == "RESIDENCY_VIOLATION"
    opened.close()
