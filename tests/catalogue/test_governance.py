"""Row filters, tags, purposes and residency: read from the files, or a problem with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.catalogue import Catalogue
from gateway.model import Dataset, Residency
from tests.catalogue.meshes import BINDING, contract, custom, port, product, small_mesh, write
from tests.catalogue.test_loading import problems

VALUE = "customProperties[1].value"
EU_ONLY = {"id": "eu_only", "expr": "region = 'EU'", "description": "Rows of the EU"}
COLUMNS = [
    {"name": "id", "physicalType": "bigint"},
    {"name": "region", "physicalType": "text"},
    {"name": "email", "physicalType": "text", "tags": ["pii"]},
]


def governed(mesh: Path, in_product: dict[str, Any] | None = None, **properties: Any) -> Path:
    """A mesh whose contract has these custom properties, and its product those."""
    document = contract(
        schema=[{"name": "lines", "properties": COLUMNS}],
        customProperties=custom(binding=BINDING, **properties),
    )
    changes = {"customProperties": custom(**in_product)} if in_product else {}
    write(mesh, "products/orders.odps.yaml", product(**changes))
    return write(mesh, "products/lines.odcs.yaml", document)


def dataset(mesh: Path) -> Dataset:
    (found,) = Catalogue.load(mesh).datasets
    return found


def test_nothing_is_required_where_nothing_is_said(tmp_path: Path) -> None:
    found = dataset(governed(tmp_path))
    assert dict(found.row_filters) == {}
    assert not found.requires_row_filter
    assert not found.requires_purpose
    assert found.residency is None


def test_a_contract_says_all_of_it(tmp_path: Path) -> None:
    mine = {"id": "mine", "expr": "email = :user\n  AND region IS NOT NULL"}
    governed(
        tmp_path,
        rowFilters=[EU_ONLY, mine],
        rowPolicy="required",
        purpose="required",
        residency={"regions": ["EU", "EEA"], "minimumRows": 10},
    )
    found = dataset(tmp_path)
    assert dict(found.row_filters) == {"eu_only": "region = 'EU'", "mine": mine["expr"]}
    assert found.requires_row_filter
    assert found.requires_purpose
    assert found.residency == Residency(("EU", "EEA"), 10)


@pytest.mark.parametrize(
    ("value", "residency"),
    [
        ("EU", Residency(("EU",))),
        ({"region": "EU"}, Residency(("EU",))),
        ({"region": "eu-west-1", "minimumRows": 2}, Residency(("eu-west-1",), 2)),
        ({"regions": ["EU"]}, Residency(("EU",))),
    ],
)
def test_residency_has_three_forms(tmp_path: Path, value: Any, residency: Residency) -> None:
    assert dataset(governed(tmp_path, residency=value)).residency == residency


def test_a_product_speaks_for_datasets_that_do_not(tmp_path: Path) -> None:
    inherited = {"residency": "EU", "purpose": "required"}
    found = dataset(governed(tmp_path, inherited))
    assert found.residency == Residency(("EU",))
    assert found.requires_purpose
    found = dataset(governed(tmp_path, inherited, residency="US"))
    assert found.residency == Residency(("US",))


def test_an_object_speaks_before_its_contract_and_demands_add_up(tmp_path: Path) -> None:
    other = {"id": "first", "expr": "id = 1"}
    objects = [
        {
            "name": "own",
            "properties": COLUMNS,
            "customProperties": custom(rowFilters=[other], residency="US"),
        },
        {"name": "none", "properties": COLUMNS, "customProperties": custom(rowFilters=[])},
        {"name": "like", "properties": COLUMNS, "customProperties": custom(purpose="required")},
    ]
    properties = custom(binding=BINDING, rowFilters=[EU_ONLY], residency="EU", rowPolicy="required")
    write(small_mesh(tmp_path), "products/orders.odps.yaml", product(port(name="all")))
    document = contract(schema=objects, customProperties=properties)
    write(tmp_path, "products/lines.odcs.yaml", document)
    found = {d.address.dataset: d for d in Catalogue.load(tmp_path).datasets}
    filters = {name: list(d.row_filters) for name, d in found.items()}
    assert filters == {"own": ["first"], "none": [], "like": ["eu_only"]}
    assert all(d.requires_row_filter for d in found.values())
    assert [n for n, d in found.items() if d.requires_purpose] == ["like"]
    assert {n: d.residency.regions for n, d in found.items() if d.residency} == {
        "own": ("US",),
        "none": ("EU",),
        "like": ("EU",),
    }


@pytest.mark.parametrize(
    ("properties", "place", "rule"),
    [
        ({"rowFilters": {"eu_only": "TRUE"}}, VALUE, "must be a list of {id, expr}"),
        ({"rowFilters": None}, VALUE, "must be a list of {id, expr}"),
        ({"rowFilters": ["TRUE"]}, f"{VALUE}[0]", "must be a mapping"),
        ({"rowFilters": [{"expr": "TRUE"}]}, f"{VALUE}[0].id", "must be a name"),
        ({"rowFilters": [{"id": "a b", "expr": "TRUE"}]}, f"{VALUE}[0].id", "must be a name"),
        ({"rowFilters": [{"id": "\u0430", "expr": "TRUE"}]}, f"{VALUE}[0].id", "must be a name"),
        ({"rowFilters": [{"id": "a", "expr": True}]}, f"{VALUE}[0].expr", "must be text"),
        ({"rowFilters": [{"id": "a"}]}, f"{VALUE}[0].expr", "is required"),
        (
            {"rowFilters": [{"id": "a", "expr": "TRUE", "description": 1}]},
            f"{VALUE}[0].description",
            "must be text",
        ),
        (
            {"rowFilters": [{"id": "a", "exprs": "TRUE", "expr": "TRUE"}]},
            f"{VALUE}[0].exprs",
            "did you mean expr?",
        ),
        (
            {"rowFilters": [{"id": "all_rows", "expr": "FALSE"}]},
            f"{VALUE}[0].id",
            "all_rows always means every row",
        ),
        ({"rowFilters": [{"id": "ALL_ROWS", "expr": "FALSE"}]}, f"{VALUE}[0].id", "all_rows"),
        (
            {"rowFilters": [EU_ONLY, {"id": "EU_only", "expr": "TRUE"}]},
            f"{VALUE}[1].id",
            "declared already",
        ),
        (
            {"rowFilters": [{"id": "a", "expr": "1/(id - 200) = 5"}]},
            f"{VALUE}[0].expr",
            "row filter a: '/' is not allowed here (character 2)",
        ),
        (
            {"rowFilters": [{"id": "a", "expr": "regoin = 'EU'"}]},
            f"{VALUE}[0].expr",
            "no column 'regoin' (character 1)",
        ),
        ({"rowFilters": [{"id": "a", "expr": "id = 'x'"}]}, f"{VALUE}[0].expr", "not compared"),
        ({"rowPolicy": "optional"}, VALUE, "must be required"),
        ({"rowPolicy": True}, VALUE, "must be required"),
        ({"rowPolicy": None}, VALUE, "must be required"),
        ({"purpose": "reporting"}, VALUE, "must be required"),
        ({"residency": False}, VALUE, "in quotes"),
        ({"residency": ["EU"]}, VALUE, "must be a region"),
        ({"residency": {}}, VALUE, "either region or regions"),
        ({"residency": {"region": "EU", "regions": ["EU"]}}, VALUE, "either region or regions"),
        ({"residency": {"region": "E U"}}, f"{VALUE}.region", "is no region"),
        ({"residency": {"region": "*"}}, f"{VALUE}.region", "is no region"),
        ({"residency": {"region": False}}, f"{VALUE}.region", "in quotes"),
        ({"residency": {"regions": []}}, f"{VALUE}.regions", "list of regions"),
        ({"residency": {"regions": "EU"}}, f"{VALUE}.regions", "list of regions"),
        ({"residency": {"regions": ["EU", "EU"]}}, f"{VALUE}.regions[1]", "given twice"),
        ({"residency": {"region": "EU", "minimumRows": 1}}, f"{VALUE}.minimumRows", "from 2 on"),
        ({"residency": {"region": "EU", "minimumRows": True}}, f"{VALUE}.minimumRows", "whole"),
        ({"residency": {"region": "EU", "minimumRows": None}}, f"{VALUE}.minimumRows", "whole"),
        ({"residency": {"region": "EU", "minimumRows": 2.5}}, f"{VALUE}.minimumRows", "whole"),
        (
            {"residency": {"region": "EU", "minRows": 2}},
            f"{VALUE}.minRows",
            "did you mean minimumRows?",
        ),
    ],
)
def test_a_wrong_value_is_refused_with_its_place(
    tmp_path: Path, properties: dict[str, Any], place: str, rule: str
) -> None:
    (problem,) = problems(governed(tmp_path, **properties))
    assert problem.startswith("products/lines.odcs.yaml:")
    assert f" {place}: " in problem
    assert rule in problem


def test_a_wrong_value_of_a_product_is_said_once(tmp_path: Path) -> None:
    first, second = problems(governed(tmp_path, {"residency": "", "purpose": "any"}))
    assert first.startswith("products/orders.odps.yaml:")
    assert "customProperties[0].value.region: '' is no region" in first
    assert "customProperties[1].value: must be required" in second


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mesh.rowpolicy", "did you mean mesh.rowPolicy?"),
        ("mesh.rowPolcy", "did you mean mesh.rowPolicy?"),
        ("Mesh.rowPolicy", "did you mean mesh.rowPolicy?"),
        (" mesh.rowPolicy", "did you mean mesh.rowPolicy?"),
        ("mesh.rowPolicy\n", "did you mean mesh.rowPolicy?"),
        ("mesh:rowPolicy", "did you mean mesh.rowPolicy?"),
        ("meshRowPolicy", "did you mean mesh.rowPolicy?"),
        ("m\u0435sh.rowPolicy", "did you mean mesh.rowPolicy?"),
        ("mesh\u200b.rowPolicy", "did you mean mesh.rowPolicy?"),
        ("mesh.rowFilter", "did you mean mesh.rowFilters?"),
        ("mesh.residence", "did you mean mesh.residency?"),
        ("mesh.masks", "is no property of Meshgate"),
        ("mesh.", "is no property of Meshgate"),
    ],
)
def test_a_misspelt_property_is_no_silence(tmp_path: Path, name: str, said: str) -> None:
    entries = [*custom(binding=BINDING), {"property": name, "value": "required"}]
    document = contract(customProperties=entries)
    (problem,) = problems(write(small_mesh(tmp_path), "products/lines.odcs.yaml", document))
    assert " customProperties[1].property: " in problem
    assert said in problem


def test_properties_of_others_are_theirs(tmp_path: Path) -> None:
    names = ("meshSize", "rowPolicy", "purpose", "residency", "MESH")
    theirs = [{"property": name, "value": {"customProperties": "x"}} for name in names]
    document = contract(customProperties=[*custom(binding=BINDING), *theirs])
    write(small_mesh(tmp_path), "products/lines.odcs.yaml", document)
    assert not dataset(tmp_path).requires_row_filter


def test_a_property_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    twice = [*custom(binding=BINDING, rowFilters=[EU_ONLY]), *custom(rowFilters=[])]
    document = contract(schema=[{"name": "lines", "properties": COLUMNS}], customProperties=twice)
    (problem,) = problems(write(small_mesh(tmp_path), "products/lines.odcs.yaml", document))
    assert "customProperties[2].property: mesh.rowFilters is given twice" in problem


@pytest.mark.parametrize(
    ("document", "file", "place"),
    [
        (
            contract(
                schema=[
                    {
                        "name": "lines",
                        "properties": [
                            {"name": "id", "physicalType": "int"},
                            {
                                "name": "x",
                                "physicalType": "int",
                                "customProperties": custom(rowPolicy="required"),
                            },
                        ],
                    }
                ]
            ),
            "lines.odcs.yaml",
            "schema[0].properties[1].customProperties[0].property",
        ),
        (
            contract(team={"name": "x", "customProperties": custom(residency="EU")}),
            "lines.odcs.yaml",
            "team.customProperties[0].property",
        ),
        (
            contract(customProperties=custom(binding=BINDING, arrowType="int8")),
            "lines.odcs.yaml",
            "customProperties[1].property",
        ),
        (
            product(customProperties=custom(rowPolicy="required")),
            "orders.odps.yaml",
            "customProperties[0].property",
        ),
        (
            product(port(customProperties=custom(residency="EU"))),
            "orders.odps.yaml",
            "outputPorts[0].customProperties[0].property",
        ),
    ],
)
def test_a_misplaced_property_is_no_silence(
    tmp_path: Path, document: dict[str, Any], file: str, place: str
) -> None:
    (problem,) = problems(write(small_mesh(tmp_path), f"products/{file}", document))
    assert f" {place}: " in problem
    assert "belongs to" in problem


def test_a_nested_tag_counts_for_the_whole_column(tmp_path: Path) -> None:
    text = {"logicalType": "string"}
    inner = {"name": "street", **text, "tags": ["pii"], "classification": "secret"}
    columns = [
        {
            "name": "person",
            "logicalType": "object",
            "tags": ["crm"],
            "properties": [
                {"name": "name", **text, "tags": ["crm", "name"]},
                {"name": "home", "logicalType": "object", "properties": [inner]},
            ],
        },
        {
            "name": "phones",
            "logicalType": "array",
            "items": {**text, "tags": ["phone"]},
        },
        {
            "name": "labels",
            "logicalType": "map",
            "map": {
                "key": {"logicalType": "string"},
                "value": {"logicalType": "string", "classification": "internal"},
            },
        },
        {"name": "plain", "physicalType": "int"},
    ]
    document = contract(
        apiVersion="v3.2.0", schema=[{"name": "lines", "properties": columns, "tags": ["object"]}]
    )
    write(small_mesh(tmp_path), "products/orders.odps.yaml", product(tags=["product"]))
    write(tmp_path, "products/lines.odcs.yaml", document)
    found = dataset(tmp_path)
    assert dict(found.column_tags) == {
        "person": ("crm", "name", "pii", "secret"),
        "phones": ("phone",),
        "labels": ("internal",),
    }
    assert found.tags == ("product", "object")


@pytest.mark.parametrize("tag", ["", " pii", "pii ", "pii|phi", "*", "p\nii", "\u00a0"])
def test_a_tag_no_policy_can_name_is_refused(tmp_path: Path, tag: str) -> None:
    column = {"name": "id", "physicalType": "int", "tags": [tag]}
    document = contract(schema=[{"name": "lines", "properties": [column]}])
    (problem,) = problems(write(small_mesh(tmp_path), "products/lines.odcs.yaml", document))
    assert " schema[0].properties[0].tags[0]: no policy can name the tag" in problem
    write(tmp_path, "products/lines.odcs.yaml", contract(tags=["fine", tag]))
    assert " tags[1]: no policy can name the tag" in problems(tmp_path)[0]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("e\u200bmail", "can not be seen"),
        ("email\n", "can not be seen"),
        ("\u202eliame", "can not be seen"),
        ("nai\u0308ve", "NFC"),
    ],
)
def test_a_column_that_looks_like_another_is_refused(tmp_path: Path, name: str, said: str) -> None:
    document = contract(
        schema=[{"name": "x", "properties": [{"name": name, "physicalType": "int"}]}]
    )
    (problem,) = problems(write(small_mesh(tmp_path), "products/lines.odcs.yaml", document))
    assert " schema[0].properties[0].name: " in problem
    assert said in problem
