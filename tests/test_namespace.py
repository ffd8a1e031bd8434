"""Names looked up in a namespace: the caller's own only, and never mixed with another's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pyarrow as pa
import pytest

from connectors.interface import Binding
from gateway.errors import AccessDenied, UserError
from gateway.model import Address, Dataset, Request, View
from gateway.pipeline import Gateway
from tests.gateways import ANA, gateway, in_memory

NORTH, SOUTH = (pa.table({"id": [i], "place": [p]}) for i, p in ((1, "north"), (2, "south")))


@pytest.fixture
def mesh() -> Iterator[Gateway]:
    datasets: list[Dataset] = []
    for domain, table in (("north", NORTH), ("south", SOUTH)):
        (found,) = in_memory({"sales": table}, f"namespace_{domain}")
        datasets.append(replace(found, address=Address(domain, "shop", "sales", "1.0.0")))
    (only,) = in_memory({"sizes": NORTH}, "namespace_sizes")
    datasets.append(replace(only, address=Address("north", "shop", "sizes", "1.0.0")))
    view = Dataset(
        Address("south", "shop", "sizes", "1.0.0"),
        pa.schema([("id", pa.int64())]),
        Binding("view", "", "sizes"),
        view=View("SELECT id FROM south.shop.sales UNION ALL SELECT id FROM shop.sales"),
    )
    opened = gateway([*datasets, view])
    yield opened
    opened.close()


def places(mesh: Gateway, sql: str, *namespace: str) -> list[object]:
    request = Request(ANA, sql, namespace=namespace)
    batches = list(mesh.execute(mesh.prepare(request)).batches)
    return [row for batch in batches for row in batch.column(0).to_pylist()]


def test_one_text_means_another_dataset_in_another_namespace(mesh: Gateway) -> None:
    for _ in range(2):  # the second time, parse and plan are remembered
        assert places(mesh, "SELECT place FROM sales", "north") == ["north"]
        assert places(mesh, "SELECT place FROM sales", "south", "shop") == ["south"]
        assert places(mesh, "SELECT place FROM shop.sales", "south") == ["south"]
        with pytest.raises(UserError, match="AMBIGUOUS_DATASET"):
            places(mesh, "SELECT place FROM sales")


def test_a_view_is_not_read_in_the_namespace_of_its_caller(mesh: Gateway) -> None:
    with pytest.raises(AccessDenied):
        places(mesh, "SELECT id FROM south.shop.sizes", "south", "shop")


def test_a_cte_hides_what_the_namespace_has(mesh: Gateway) -> None:
    sql = "WITH sales AS (SELECT 'mine' AS place) SELECT place FROM sales"
    assert places(mesh, sql, "north") == ["mine"]
