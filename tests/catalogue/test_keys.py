"""Foreign keys out of contracts: every way to write one, and what every mistake is called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.catalogue import Catalogue
from gateway.errors import CatalogueError
from gateway.model import Address, Dataset, ForeignKey
from tests.catalogue.meshes import BINDING, contract, custom, port, product, write

ITEMS = Address("sales", "orders", "items", "1.2.0")
LINES = Address("sales", "orders", "lines", "1.2.0")
STOCK = Address("logistics", "depot", "stock", "2.0.0")


def column(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "logicalType": "integer", **more}


STOCK_OBJECT = {
    "name": "stock",
    "id": "stock_tbl",
    "properties": [column("no", id="no_pk", primaryKey=True), column("size")],
}


def mesh(folder: Path, *, columns: Any = None, relationships: Any = None) -> Path:
    """Items and lines in one contract, stock in that of another product."""
    items = {"name": "items", "properties": columns or [column("no"), column("line")]}
    if relationships:
        items["relationships"] = relationships
    lines = {"name": "lines", "id": "lines_tbl", "properties": [column("id", id="id_pk")]}
    parts = {"name": "place", "logicalType": "object", "properties": [column("shelf")]}
    lines["properties"] += [column("no"), parts]
    write(folder, "sales/orders.odps.yaml", product(port(name="all")))
    write(folder, "sales/lines.odcs.yaml", contract(schema=[items, lines]))
    depot = product(
        port(name="stock", version="2.0.0", contractId="depot.stock"),
        name="depot",
        domain="logistics",
        id="depot",
    )
    write(folder, "logistics/depot.odps.yaml", depot)
    other = contract(
        id="depot.stock",
        version="2.0.0",
        schema=[STOCK_OBJECT],
        customProperties=custom(binding=BINDING),
    )
    return write(folder, "logistics/stock.odcs.yaml", other)


def items_of(folder: Path) -> Dataset:
    return Catalogue.load(folder).get(ITEMS)


@pytest.mark.parametrize(
    ("to", "key"),
    [
        ("lines.id", (LINES, "id")),
        ("schema/lines_tbl/properties/id_pk", (LINES, "id")),
        ("/schema/lines_tbl/properties/id_pk", (LINES, "id")),
        ("schema/lines_tbl/properties/no", (LINES, "no")),  # what has no id goes by its name
        ("../logistics/stock.odcs.yaml#/schema/stock_tbl/properties/no_pk", (STOCK, "no")),
        ("../logistics/stock.odcs.yaml#/schema/stock_tbl/properties/size", (STOCK, "size")),
    ],
)
def test_a_column_refers_to_another(tmp_path: Path, to: str, key: tuple[Address, str]) -> None:
    columns = [column("no", relationships=[{"to": to, "type": "foreignKey"}])]
    target, name = key
    dataset = items_of(mesh(tmp_path, columns=columns))
    assert dataset.foreign_keys == (ForeignKey(("no",), target, (name,)),)
    assert Catalogue.load(tmp_path).get(target).foreign_keys == ()


def test_a_key_of_several_columns_has_their_order_and_its_name(tmp_path: Path) -> None:
    both = {
        "id": "items_lines",
        "from": ["items.line", "items.no"],
        "to": ["schema/lines_tbl/properties/id_pk", "schema/lines_tbl/properties/no"],
    }
    one = {"from": "items.no", "to": "items.line"}
    dataset = items_of(mesh(tmp_path, relationships=[both, one]))
    assert dataset.foreign_keys == (
        ForeignKey(("line", "no"), LINES, ("id", "no"), "items_lines"),
        ForeignKey(("no",), ITEMS, ("line",)),
    )


@pytest.mark.parametrize(
    "to", ["https://elsewhere.example/x.odcs.yaml#/schema/a/properties/b", "lines.place.shelf"]
)
def test_what_is_no_column_of_the_mesh_is_no_key(tmp_path: Path, to: str) -> None:
    columns = [column("no", relationships=[{"to": to}])]
    assert items_of(mesh(tmp_path, columns=columns)).foreign_keys == ()


def test_an_object_without_a_port_is_no_target(tmp_path: Path) -> None:
    columns = [column("no", relationships=[{"to": "lines.id"}])]
    folder = mesh(tmp_path, columns=columns)
    write(folder, "sales/orders.odps.yaml", product(port(name="items")))
    assert items_of(folder).foreign_keys == ()


def test_of_several_ports_the_nearest_is_meant(tmp_path: Path) -> None:
    columns = [column("no", relationships=[{"to": "lines.id"}])]
    folder = mesh(tmp_path, columns=columns)
    every = [port(name="all", version=version) for version in ("1.0.0", "1.2.0")]
    write(folder, "sales/orders.odps.yaml", product(*every))
    write(folder, "b/copies.odps.yaml", product(port(name="all"), name="copies", id="copies"))
    catalogue = Catalogue.load(folder)
    for dataset in catalogue.datasets:
        for key in dataset.foreign_keys:
            assert key.target.product == dataset.address.product
            assert key.target.version == dataset.address.version


TWO = ["items.no", "items.line"]


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("lins.id", "'lins.id' leads nowhere: no 'lins'; did you mean lines?"),
        ("lines.ib", "'lines.ib' leads nowhere: no 'ib'"),
        ("schema/lines/properties/id_pk", "no 'lines'; did you mean lines_tbl?"),
        ("schema/lines_tbl/properties/id", "no 'id'"),
        ("schema/lines_tbl", "must read schema/OBJECT/properties/COLUMN"),
        ("servers/lines_tbl/properties/id_pk", "must read schema/OBJECT/properties/COLUMN"),
        ("lines.place.shelv", "no 'shelv'; did you mean shelf?"),
        (
            "../logistic/stock.odcs.yaml#/schema/stock_tbl/properties/no_pk",
            "there is no contract logistic/stock.odcs.yaml in the mesh;"
            " did you mean logistics/stock.odcs.yaml?",
        ),
        (
            "../../stock.odcs.yaml#/schema/stock_tbl/properties/no_pk",
            "there is no contract ../stock.odcs.yaml in the mesh",
        ),
    ],
)
def test_a_wrong_target_is_a_problem(tmp_path: Path, to: str, said: str) -> None:
    columns = [column("no", relationships=[{"to": to}])]
    with pytest.raises(CatalogueError) as caught:
        Catalogue.load(mesh(tmp_path, columns=columns))
    (problem,) = caught.value.message.splitlines()[1:]
    assert problem.strip().startswith("sales/lines.odcs.yaml:")
    assert "schema[0].properties[0].relationships[0].to: " in problem
    assert said in problem


@pytest.mark.parametrize(
    ("relationship", "end", "said"),
    [
        ({"from": TWO, "to": ["lines.id"]}, "to", "names 1 columns for 2"),
        (
            {"from": TWO, "to": ["lines.id", "items.no"]},
            "to",
            "names columns of more than one object",
        ),
        (
            {"from": "lines.id", "to": "items.no"},
            "from",
            "must name columns of the object it stands in",
        ),
    ],
)
def test_ends_that_do_not_meet_are_a_problem(
    tmp_path: Path, relationship: dict[str, Any], end: str, said: str
) -> None:
    with pytest.raises(CatalogueError) as caught:
        Catalogue.load(mesh(tmp_path, relationships=[relationship]))
    (problem,) = caught.value.message.splitlines()[1:]
    assert problem.endswith(f"schema[0].relationships[0].{end}: {said}")
