"""Names: what is not exactly a name is refused, in addresses, requests, products and policies."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from connectors.interface import Binding
from gateway.catalogue import Catalogue
from gateway.errors import UnknownDataset, UserError
from gateway.languages.sql import parse as parse_sql
from gateway.model import Address, Dataset
from policies.matching import parse_pattern, parse_resource
from tests.catalogue.meshes import contract, port, product, small_mesh, write
from tests.catalogue.test_loading import problems

TRICKS = [
    "s\u0430les",  # a Cyrillic a
    "\uff53ales",  # a full-width s
    "\u017fales",  # a long s, which folds to s
    "sal\u200bes",
    "\ufeffsales",
    "sales\u00ad",
    "sale\u0301s",
    "sal%65s",
    "%2e%2e",
    "..",
    ".",
    "-",
    "",
    " sales",
    "sales ",
    "sales\n",
    "sales\x00",
    "sales\\",
    "sal es",
    "sales?x",
    "*",
]

ADDRESSES = [
    *(f"mesh://{name}/orders/lines@1.2.0" for name in TRICKS),
    *(f"mesh://sales/{name}/lines@1.2.0" for name in TRICKS),
    *(f"mesh://sales/orders/{name}@1.2.0" for name in TRICKS),
    *(f"mesh://sales/orders/lines@{name}" for name in TRICKS),
    "mesh://sales/orders/lines@1.2.0\n",
    "mesh://sales/orders/lines@1.2.0/",
    "mesh://sales/orders/lines/@1.2.0",
    "mesh://sales/orders//lines@1.2.0",
    "mesh:///sales/orders/lines@1.2.0",
    "mesh://sales/../hr/people/lines@1.2.0",
    "mesh://sales/orders/../lines@1.2.0",
    "mesh://sales/orders/lines@1.2.0@1.2.0",
    "mesh://sales/orders/lines@1.2.0#",
    "mesh://sales/orders/lines@1.2.0#a\nb",
    "mesh://sales/orders/lines@1.2.0#a\x00",
    "MESH://sales/orders/lines@1.2.0",
    "Mesh://sales/orders/lines@1.2.0",
    "mesh:/sales/orders/lines@1.2.0",
    " mesh://sales/orders/lines@1.2.0",
    "mesh\uff1a//sales/orders/lines@1.2.0",
    "mesh://sales\u2044orders/lines@1.2.0",
    "mesh://user@sales/orders/lines@1.2.0",
]


@pytest.mark.parametrize("text", ADDRESSES)
def test_what_is_no_address_is_refused_everywhere(text: str) -> None:
    with pytest.raises(UserError):
        Address.parse(text)
    with pytest.raises(ValueError, match=r"is not"):
        parse_resource(text)
    if "*" not in text:  # the one thing a pattern may hold and an address may not
        with pytest.raises(ValueError, match=r"is not"):
            parse_pattern(text)


@pytest.mark.parametrize(
    "text",
    [
        "mesh://sales/orders/lines",
        "mesh://sales/orders/lines@1.2.0",
        "mesh://Sales/ORDERS/_l-1.x@2.0.0-rc.1",
        "mesh://sales/orders/lines@1.2.0#e mail@#é",
    ],
)
def test_an_address_is_read_as_it_is_written(text: str) -> None:
    assert str(Address.parse(text)) == text


@pytest.mark.parametrize("name", [n for n in TRICKS if n != "-"])
def test_a_product_can_not_be_called_so(tmp_path: Path, name: str) -> None:
    for document in (product(domain=name), product(name=name), product(port(name=name))):
        assert problems(write(small_mesh(tmp_path), "products/orders.odps.yaml", document))


@pytest.mark.parametrize(
    "version", ["latest", "*", "1.2.0\n", "1.2.0 ", "1%2e2", "\u0661.2.0", ".."]
)
def test_a_version_can_not_be_called_so(tmp_path: Path, version: str) -> None:
    document = product(port(version=version))
    assert problems(write(small_mesh(tmp_path), "products/orders.odps.yaml", document))


def catalogue(*addresses: str) -> Catalogue:
    binding = Binding("memory", "memory:x", "x")
    schema = pa.schema([("id", pa.int64())])
    return Catalogue([Dataset(Address.parse(a), schema, binding) for a in addresses], "v1")


LINES = "mesh://sales/books/lines@1.2.0"


@pytest.mark.parametrize("name", [*TRICKS, "boo\u212as", "\u212a", "lines@1.2.0"])
def test_a_request_finds_nothing_by_a_name_that_is_none(name: str) -> None:
    mesh = catalogue(LINES)
    for parts in ((name, "books", "lines"), ("sales", name, "lines"), (name,)):
        with pytest.raises(UnknownDataset):
            mesh.resolve(parts, None, lambda _: True)


@pytest.mark.parametrize("version", [*TRICKS, "latest", "1.2.0\n", "01.2.0", "1.", "\u0661"])
def test_a_request_finds_nothing_by_a_version_that_is_none(version: str) -> None:
    with pytest.raises(UnknownDataset):
        catalogue(LINES).resolve(("lines",), version, lambda _: True)


def test_sql_does_not_fold_other_letters_into_names() -> None:
    (reference,) = parse_sql("SELECT * FROM sales.boo\u212as.LINES").references
    assert reference.parts == ("sales", "boo\u212as", "lines")
    with pytest.raises(UnknownDataset):
        catalogue(LINES).resolve(reference.parts, None, lambda _: True)


def test_the_dataset_that_is_decided_on_has_its_own_address() -> None:
    mesh = catalogue("mesh://Sales/Books/Lines@1.2.0")
    asked = []

    def visible(found: Dataset) -> bool:
        asked.append(str(found.address))
        return True

    (reference,) = parse_sql('SELECT * FROM sALES.BOOKS."lines"').references
    found = mesh.resolve(reference.parts, "1", visible)
    assert asked == ["mesh://Sales/Books/Lines@1.2.0"]
    assert str(found.address) == "mesh://Sales/Books/Lines@1.2.0"


@pytest.mark.parametrize(
    ("domain", "name", "dataset"),
    [("Sales", "other", "things"), ("sales", "Orders", "things"), ("sales", "orders", "Lines")],
)
def test_one_mesh_does_not_spell_a_name_in_two_ways(
    tmp_path: Path, domain: str, name: str, dataset: str
) -> None:
    second = product(port(name=dataset, contractId="x"), domain=domain, name=name)
    write(small_mesh(tmp_path), "products/z.odps.yaml", second)
    write(tmp_path, "products/x.odcs.yaml", contract(id="x"))
    (problem,) = problems(tmp_path)
    assert "by letter case only" in problem
    assert problem.startswith("products/z.odps.yaml:")
