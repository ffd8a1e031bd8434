"""Loading a mesh: what becomes a dataset, and what every mistake is called."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from gateway.catalogue import Catalogue
from gateway.errors import CatalogueError
from gateway.model import Address
from tests.catalogue.meshes import BINDING, contract, custom, port, product, small_mesh, write

LINES = Address("sales", "orders", "lines", "1.2.0")


def problems(mesh: Path) -> list[str]:
    with pytest.raises(CatalogueError) as caught:
        Catalogue.load(mesh)
    return [line.strip() for line in caught.value.message.splitlines()[1:]]


def test_a_port_and_its_contract_make_a_dataset(tmp_path: Path) -> None:
    write(
        tmp_path,
        "orders.odps.yaml",
        product(
            port(description="Every line of every order", tags=["gold"]),
            tags=["sales"],
            team={"name": "sales-data"},
        ),
    )
    columns = [
        {"name": "no", "physicalType": "int", "primaryKey": True, "primaryKeyPosition": 2},
        {
            "name": "order",
            "physicalType": "bigint",
            "required": True,
            "primaryKey": True,
            "primaryKeyPosition": 1,
            "description": "Number of the order",
        },
        {"name": "email", "physicalType": "text", "tags": ["pii"], "classification": "secret"},
    ]
    element = {"name": "order_lines", "businessName": "Order lines", "properties": columns}
    write(tmp_path, "a/b/lines.odcs.yaml", contract(schema=[element], tags=["gold", "daily"]))
    (dataset,) = Catalogue.load(tmp_path).datasets
    assert dataset.address == LINES
    assert dataset.schema.types == [pa.int32(), pa.int64(), pa.string()]
    assert [field.nullable for field in dataset.schema] == [True, False, True]
    assert dataset.schema.field("order").metadata == {
        b"mesh.physicalType": b"bigint",
        b"mesh.comment": b"Number of the order",
    }
    assert dataset.primary_key == ("order", "no")
    assert dataset.tags == ("sales", "gold", "daily")
    assert dict(dataset.column_tags) == {"email": ("pii", "secret")}
    assert (dataset.title, dataset.owner) == ("Order lines", "sales-data")
    assert dataset.description == "Every line of every order"
    assert dataset.source_file == "a/b/lines.odcs.yaml"
    assert dataset.binding.uri == str(tmp_path / "data" / "lines")


@pytest.mark.parametrize("standard", ["v3.0.0", "v3.0.2", "v3.1.0", "v3.2.0"])
def test_contracts_of_every_third_version_are_read(tmp_path: Path, standard: str) -> None:
    write(small_mesh(tmp_path), "products/lines.odcs.yaml", contract(apiVersion=standard))
    assert len(Catalogue.load(tmp_path).datasets) == 1


def test_products_of_both_versions_are_read(tmp_path: Path) -> None:
    write(small_mesh(tmp_path), "products/orders.odps.yaml", product(apiVersion="v1.1.0"))
    assert len(Catalogue.load(tmp_path).datasets) == 1


def test_an_object_uri_with_scheme_stays_and_the_object_has_a_default(tmp_path: Path) -> None:
    binding = {"connector": "files", "uri": "s3://bucket/x", "options": {"partitioning": "none"}}
    element = {**contract()["schema"][0], "physicalName": "order_lines"}
    document = contract(schema=[element], customProperties=custom(binding=binding))
    write(small_mesh(tmp_path), "products/lines.odcs.yaml", document)
    (dataset,) = Catalogue.load(tmp_path).datasets
    assert (dataset.binding.uri, dataset.binding.object) == ("s3://bucket/x", "order_lines")
    assert dataset.binding.options == {"partitioning": "none"}


def test_several_objects_of_one_contract_are_several_datasets(tmp_path: Path) -> None:
    columns = contract()["schema"][0]["properties"]
    own = custom(binding={"connector": "sqlite", "uri": "b.db"})
    objects = [
        {"name": "a", "properties": columns},
        {"name": "b", "properties": columns, "customProperties": own},
    ]
    write(small_mesh(tmp_path), "products/lines.odcs.yaml", contract(schema=objects))
    datasets = Catalogue.load(tmp_path).datasets
    assert [d.address.dataset for d in datasets] == ["a", "b"]
    assert [d.binding.connector for d in datasets] == ["files", "sqlite"]
    write(tmp_path, "products/orders.odps.yaml", product(port(name="b")))
    assert [d.address.dataset for d in Catalogue.load(tmp_path).datasets] == ["b"]


def test_a_port_without_a_contract_is_no_dataset(tmp_path: Path) -> None:
    site = {"name": "site", "version": "1.0.0", "type": "web"}
    write(small_mesh(tmp_path), "products/orders.odps.yaml", product(site, port()))
    assert len(Catalogue.load(tmp_path).datasets) == 1


def test_an_empty_mesh_has_no_datasets(tmp_path: Path) -> None:
    assert Catalogue.load(tmp_path).datasets == ()


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="does not exist"):
        Catalogue.load(tmp_path / "none")


def test_the_version_changes_with_the_files(tmp_path: Path) -> None:
    first = Catalogue.load(small_mesh(tmp_path)).version
    assert Catalogue.load(tmp_path).version == first
    write(tmp_path, "products/lines.odcs.yaml", contract(tags=["new"]))
    assert Catalogue.load(tmp_path).version != first


PORT = "outputPorts[0]"
COLUMN = "schema[0].properties[0]"
VALUE = "customProperties[0].value"


@pytest.mark.parametrize(
    ("document", "place", "rule"),
    [
        (product(domain=None), "domain", "not of type"),
        (product({"name": "lines"}), f"{PORT}.version", "is required"),
        (product(port(version=1.0)), f"{PORT}.version", 'not of type "string"'),
        (product(port(version="latest")), f"{PORT}.version", "a version like 1.0.0"),
        (product(port(contractid="x")), f"{PORT}.contractid", "did you mean contractId?"),
        (product(port(name="line items")), f"{PORT}.name", "'line items' must start with"),
        (product(port(contractId="sales.order.lines")), f"{PORT}.contractId", "did you mean sales"),
        (product(name="a/b"), "name", "'a/b' must start with"),
        (product(kind="Product"), "kind", "must be DataProduct"),
        (product(apiVersion="v2.0.0"), "apiVersion", "must be one of v1.0.0, v1.1.0"),
        (product(port(), port()), "outputPorts[1]", "lines@1.2.0 is declared already"),
        (product(port(), port(name="LINES")), "outputPorts[1]", "by letter case only"),
    ],
)
def test_a_broken_product_is_refused_with_its_place(
    tmp_path: Path, document: dict[str, Any], place: str, rule: str
) -> None:
    write(small_mesh(tmp_path), "products/orders.odps.yaml", document)
    (problem,) = problems(tmp_path)
    assert problem.startswith("products/orders.odps.yaml:")
    assert f" {place}: " in problem
    assert rule in problem


def without(document: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != key}


def with_column(**changes: Any) -> dict[str, Any]:
    column = {"name": "id", "physicalType": "bigint", **changes}
    return contract(schema=[{"name": "lines", "properties": [column]}])


def with_binding(**changes: Any) -> dict[str, Any]:
    return contract(customProperties=custom(binding={**BINDING, **changes}))


@pytest.mark.parametrize(
    ("document", "place", "rule"),
    [
        (without(contract(), "version"), "version", "is required"),
        (without(contract(), "schema"), "schema", "is required"),
        (contract(apiVersion="v2.2.2"), "apiVersion", "must be one of v3.0.0"),
        (contract(customProperties=[]), "customProperties", "needs the property mesh.binding"),
        (contract(schema=[{"name": "lines"}]), "schema[0].properties", "at least one column"),
        (with_column(logicalType="intyger"), f"{COLUMN}.logicalType", "is not one of"),
        (with_column(nullable=True), f"{COLUMN}.nullable", "is not a property of the standard"),
        (with_column(physicalType="numeric"), f"{COLUMN}.physicalType", "column 'id': numeric"),
        (with_column(physicalName="key"), f"{COLUMN}.physicalName", "keep their source's name"),
        (with_binding(connector="postgers"), f"{VALUE}.connector", "did you mean postgres?"),
        (with_binding(uri=""), f"{VALUE}.uri", "is required"),
        (with_binding(url="x"), f"{VALUE}.url", "did you mean uri?"),
        (with_binding(object=3), f"{VALUE}.object", "must be text"),
        (with_binding(options={"a": [1]}), f"{VALUE}.options.a", "must be text"),
        (with_binding(uri="x://${A B}@h"), f"{VALUE}.uri", "name of a variable"),
        (with_binding(uri="x://${file:key}@h"), f"{VALUE}.uri", "an absolute path"),
        (contract(customProperties=custom(binding="files")), VALUE, "must be a mapping"),
    ],
)
def test_a_broken_contract_is_refused_with_its_place(
    tmp_path: Path, document: dict[str, Any], place: str, rule: str
) -> None:
    write(small_mesh(tmp_path), "products/lines.odcs.yaml", document)
    (problem,) = problems(tmp_path)
    assert problem.startswith("products/lines.odcs.yaml:")
    assert f" {place}: " in problem
    assert rule in problem


def test_all_problems_of_all_files_come_at_once(tmp_path: Path) -> None:
    write(small_mesh(tmp_path), "products/orders.odps.yaml", product(port(tags="x"), status=1))
    broken = contract(schema=[{"name": "x", "properties": [{"logicalType": "text"}]}], id=None)
    write(tmp_path, "products/lines.odcs.yaml", broken)
    write(tmp_path, "products/other.odcs.yaml", "a: [")
    found = problems(tmp_path)
    assert len(found) == 6
    assert found == sorted(found, key=lambda line: line.split(":")[0])


def test_the_line_of_a_mistake_is_named(tmp_path: Path) -> None:
    write(small_mesh(tmp_path), "products/orders.odps.yaml", product(port(version="x")))
    lines = (tmp_path / "products/orders.odps.yaml").read_text().splitlines()
    number = next(i for i, line in enumerate(lines, start=1) if "version: x" in line)
    assert problems(tmp_path)[0].startswith(f"products/orders.odps.yaml:{number}: ")


@pytest.mark.parametrize(
    ("text", "where", "rule"),
    [
        ("a: [1\nb: 2", ":2:", "not YAML: column"),
        ("a: 1\nb:\n  c: 1\n  c: 2\n", ":4: b.c:", "given twice"),
        ("a: &x [1]\nb: [*x, *x]\n", ":2: b:", "aliases (*name) are not allowed"),
        ("a: &x {b: 1}\nc:\n  <<: {d: 1}\n", ":3: c:", "merge keys"),
        ("a: !!python/object:os.system x\n", ":1:", "can not be read as"),
        ("a: !secret x\n", ":1:", "can not be read as"),
        ("1: x\n", ":1:", "must be text"),
        ("[a, b]\n", ":1:", "one mapping"),
        ("", ":1:", "one mapping"),
        ("a: 1\n---\nb: 2\n", ":2:", "second document"),
        ("[" * 100_000, ":1:", "nested deeper"),
        ("a: " + "[" * 70 + "]" * 70, ":1:", "nested deeper"),
        ("? [a]\n: b\n", ":1:", "a key must be text"),
        ("a: \x07\n", ":", "not YAML"),
    ],
)
def test_yaml_that_is_not_plain_is_refused(
    tmp_path: Path, text: str, where: str, rule: str
) -> None:
    write(small_mesh(tmp_path), "products/odd.odcs.yaml", text)
    (problem,) = problems(tmp_path)
    assert problem.startswith(f"products/odd.odcs.yaml{where}")
    assert rule in problem


def test_a_file_that_is_not_text_or_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.odcs.yaml").write_bytes(b"a: \xff")
    (tmp_path / "b.odcs.yaml").write_bytes(b"# " + b"x" * 5_000_000)
    first, second = problems(tmp_path)
    assert "not UTF-8" in first
    assert "larger than" in second


def test_dates_stay_text(tmp_path: Path) -> None:
    text = "contractCreatedTs: 2024-01-01T00:00:00Z\n"
    file = small_mesh(tmp_path) / "products/lines.odcs.yaml"
    file.write_text(file.read_text() + text)
    assert len(Catalogue.load(tmp_path).datasets) == 1


def test_two_hundred_products_load_in_a_moment(tmp_path: Path) -> None:
    columns = [
        {"name": f"c{i}", "logicalType": "string", "physicalType": "varchar(20)", "required": True}
        for i in range(20)
    ]
    for number in range(200):
        name = f"p{number}"
        address = f"sales.{name}.lines"
        document = contract(id=address, schema=[{"name": "lines", "properties": columns}])
        write(tmp_path, f"{name}/lines.odcs.yaml", document)
        write(tmp_path, f"{name}/{name}.odps.yaml", product(port(contractId=address), name=name))
    started = time.process_time()
    assert len(Catalogue.load(tmp_path).datasets) == 200
    assert time.process_time() - started < 5
