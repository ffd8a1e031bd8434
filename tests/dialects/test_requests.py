"""A dialect all the way: parameters, namespaces, versions, policies, views, audit, plans."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from connectors.interface import Binding
from gateway.audit.statement import normalised
from gateway.errors import GatewayError, Unsupported
from gateway.model import Address, Dataset, Principal, Request, View
from gateway.pipeline import Gateway
from tests.dialects.rows import CUSTOMERS, SALES
from tests.dialects.tables import answer
from tests.gateways import ANA, gateway, in_memory

BOB = Principal("user:bob", ("eu",))


def one(mesh: Gateway, dialect: str, text: str, *values: object) -> list[object]:
    return answer(mesh, dialect, text, *values).column(0).to_pylist()


@pytest.mark.parametrize(
    ("dialect", "text", "values", "ids"),
    [
        ("mysql", "SELECT id FROM sales WHERE id > ? AND note = ? ORDER BY id", (0, "fine"), [1]),
        ("mysql", "SELECT id FROM sales ORDER BY id LIMIT ? OFFSET ?", (2, 1), [2, 3]),
        ("mysql", "SELECT id FROM sales ORDER BY id LIMIT ?, ?", (1, 2), [2, 3]),
        ("tsql", "SELECT id FROM sales WHERE id = @p2 OR id = @p1 ORDER BY id", (4, 2), [2, 4]),
        ("snowflake", "SELECT id FROM sales WHERE id IN (:1, :2) ORDER BY id", (4, 2), [2, 4]),
        ("bigquery", "SELECT id FROM sales WHERE id = @who OR customer = @who", (3,), [3, 4]),
        ("postgres", "SELECT id FROM sales WHERE id = $2 OR id = $1 ORDER BY id", (4, 2), [2, 4]),
        ("trino", "SELECT id FROM sales WHERE id BETWEEN ? AND ? ORDER BY id", (2, 3), [2, 3]),
        ("spark", "SELECT id FROM sales WHERE id = :a ORDER BY id", (2,), [2]),
        ("duckdb", "SELECT id FROM sales WHERE id = $1", (2,), [2]),
        ("postgres", "SELECT id FROM sales WHERE id = ANY($1::int[])", ([2, 4],), [2, 4]),
        ("postgres", "SELECT id FROM sales WHERE id <> ALL($1)", ([2, 4],), [1, 3, 5, 6]),
        ("duckdb", "SELECT id FROM sales WHERE id = ANY($1)", ([],), []),
        # GREATEST names each argument twice: a parameter keeps its number
        ("mysql", "SELECT GREATEST(CAST(? AS SIGNED), id, 2) FROM sales WHERE id = ?", (9, 3), [9]),
    ],
)  # fmt: skip
def test_parameters_keep_their_numbers(
    mesh: Gateway, dialect: str, text: str, values: tuple[object, ...], ids: list[int]
) -> None:
    assert sorted(one(mesh, dialect, text, *values)) == ids  # type: ignore[type-var]
    request = Request(ANA, text, dialect=dialect)
    prepared = mesh.prepare(request)
    assert len(prepared.parameters) == len(values)


def test_parameters_of_two_styles_are_refused(mesh: Gateway) -> None:
    with pytest.raises(Unsupported):
        answer(mesh, "postgres", "SELECT id FROM sales WHERE id = $1 OR id = ?", 1, 2)


def test_one_text_is_planned_for_each_dialect(mesh: Gateway) -> None:
    text = "SELECT 7 / 2 AS half"
    for _ in range(2):
        halves = [str(one(mesh, d, text)[0]) for d in ("", "mysql", "duckdb", "trino")]
        assert halves == ["3", "3.5000", "3.5", "3"]
    text = "SELECT id FROM sales ORDER BY customer"
    for _ in range(2):
        assert one(mesh, "mysql", text)[0] == 5  # NULLs first
        assert one(mesh, "", text)[-1] == 5


def test_columns_of_one_name_are_numbered_where_the_text_is_translated(mesh: Gateway) -> None:
    text = "SELECT id, customer, id FROM sales"
    for dialect in ("postgres", "mysql", "trino", "duckdb"):
        assert answer(mesh, dialect, text).schema.names == ["id", "customer", "id_2"]
    assert answer(mesh, "", text).schema.names == ["id", "customer", "id"]


@pytest.fixture(scope="module")
def governed() -> Iterator[Gateway]:
    datasets: list[Dataset] = []
    for found in in_memory({"sales": SALES, "customers": CUSTOMERS}, "governed_dialects"):
        changes: dict[str, object] = {}
        if found.address.dataset == "sales":
            changes = {
                "row_filters": {"small": "amount < 10"},
                "column_tags": {"note": ("secret",)},
            }
        datasets.append(replace(found, **changes))  # type: ignore[arg-type]
    older = replace(datasets[0], address=replace(datasets[0].address, version="0.9.0"))
    view = Dataset(
        Address("shop", "views", "names", "1.0.0"),
        pa.schema([CUSTOMERS.schema.field("id"), CUSTOMERS.schema.field("Name")]),
        Binding("view", "", "names"),
        view=View('SELECT id, "Name" FROM shop.memory.customers WHERE id < 3'),
    )
    opened = gateway(
        [*datasets, older, view],
        (
            ("p", "eu", "*", "*", "read", "*", "*", "*", "allow"),
            ("p", "eu", "*", "mesh://shop/memory/sales@*#weight", "read", "*", "*", "*", "deny"),
            ("p2", "eu", "shop", "mesh://shop/memory/sales", "*", "permissive", "small", "allow"),
            ("p3", "eu", "shop", "mesh://shop/memory/sales", "secret", "*", "last4", "allow"),
        ),
    )
    yield opened
    opened.close()


def asked(mesh: Gateway, dialect: str, text: str) -> list[tuple[object, ...]]:
    prepared = mesh.prepare(Request(BOB, text, dialect=dialect))
    batches = list(mesh.execute(prepared).batches)
    return [tuple(row.values()) for batch in batches for row in batch.to_pylist()]


@pytest.mark.parametrize("dialect", ["mysql", "snowflake", "tsql", "bigquery"])
def test_policies_hold_in_every_dialect(governed: Gateway, dialect: str) -> None:
    own = asked(governed, "", "SELECT id, note FROM shop.memory.sales ORDER BY id")
    assert asked(governed, dialect, "SELECT ID, NOTE FROM Shop.Memory.Sales ORDER BY Id") == own
    assert 5 not in [row[0] for row in own]
    with pytest.raises(GatewayError, match="no column weight"):
        asked(governed, dialect, "SELECT weight FROM shop.memory.sales")
    assert len(asked(governed, dialect, "SELECT * FROM shop.memory.sales")[0]) == 7
    with pytest.raises(GatewayError, match="UNKNOWN_DATASET"):
        asked(governed, dialect, "SELECT * FROM __below_0")


def test_views_and_versions_are_read_in_any_dialect(governed: Gateway) -> None:
    assert asked(governed, "mysql", "SELECT `NAME` FROM shop.views.names ORDER BY id") == [
        ("Ada",),
        ("bob",),
    ]
    text = "SELECT COUNT(*) FROM shop.memory.sales FOR VERSION AS OF '{}'"
    assert asked(governed, "trino", text.format("0.9"))
    with pytest.raises(GatewayError, match="has no version 7"):
        asked(governed, "trino", text.format("7"))
    with pytest.raises(Unsupported, match="no former states"):
        asked(governed, "spark", "SELECT * FROM shop.memory.sales VERSION AS OF 3")


def test_explain_shows_what_would_be_asked(mesh: Gateway) -> None:
    rows = answer(mesh, "mysql", "EXPLAIN SELECT IFNULL(note, 'x') FROM sales").to_pylist()
    assert rows and "item" in rows[0]


def test_the_audit_log_keeps_no_literal_of_any_dialect(tmp_path: Path) -> None:
    text = 'SELECT "secret", `a` FROM t WHERE b = "secret"'
    assert "secret" not in str(normalised(text, understood=True, dialect="mysql"))


def test_errors_of_the_engine_have_their_place(mesh: Gateway) -> None:
    text = "SELECT id,\n  SUM(quantity)\nFROM sales"
    with pytest.raises(GatewayError) as caught:
        answer(mesh, "mysql", text)
    said = json.loads(caught.value.to_json())
    assert said["code"] == "INVALID_QUERY"
    assert said["position"] is None or said["position"]["line"] <= 3


@pytest.mark.parametrize(
    ("dialect", "condition", "ids"),
    [
        ("postgres", "id = ANY('{2,NULL}')", [2]),
        ("postgres", "id = ANY('{2}'::int[])", [2]),
        ("postgres", "id = ANY(ARRAY[2, 4])", [2, 4]),
        ("duckdb", "id = ANY([2, 4])", [2, 4]),
        ("postgres", "id <> ALL(ARRAY[2, NULL]::int[])", []),
        ("postgres", "NOT id = ANY('{}') AND id <> ALL(ARRAY[]::int[])", [1, 2, 3, 4, 5, 6]),
        ("postgres", "id = ANY(NULL) OR id <> ALL(NULL)", []),
    ],
)
def test_lists_are_tested_as_in(
    mesh: Gateway, dialect: str, condition: str, ids: list[int]
) -> None:
    assert one(mesh, dialect, f"SELECT id FROM sales WHERE {condition} ORDER BY id") == ids


def test_other_tests_of_lists_are_refused(mesh: Gateway) -> None:
    for condition in ("id > ANY(ARRAY[1])", "id = ALL(ARRAY[1])", "id <> ANY($1)"):
        with pytest.raises(Unsupported, match="over a list"):
            one(mesh, "postgres", f"SELECT id FROM sales WHERE {condition}")
