"""What a dataset means and who answers for it, as its files say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.catalogue import Catalogue
from gateway.model import BusinessTerm, Contact, Dataset, Member, Team
from tests.catalogue.meshes import contract, product, write

GLOSSARY = "https://glossary.example/terms/"


def load(mesh: Path, declared: dict[str, Any], **of_product: Any) -> Dataset:
    write(mesh, "products/orders.odps.yaml", product(**of_product))
    write(mesh, "products/lines.odcs.yaml", declared)
    (dataset,) = Catalogue.load(mesh).datasets
    return dataset


def lines(*columns: dict[str, Any], **changes: Any) -> list[dict[str, Any]]:
    return [{"name": "lines", "properties": list(columns), **changes}]


def test_terms_of_the_dataset_and_of_columns(tmp_path: Path) -> None:
    schema = lines(
        {
            "name": "id",
            "logicalType": "integer",
            "businessName": "Order line number",
            "authoritativeDefinitions": [
                {"type": "implementation", "url": "https://git.example/lines"},
                {"type": "businessDefinition", "url": GLOSSARY + "line"},
            ],
        },
        {
            "name": "email",
            "logicalType": "string",
            "classification": "confidential",
            "authoritativeDefinitions": [{"type": "glossary", "url": GLOSSARY + "email"}],
        },
        {"name": "plain", "logicalType": "string"},
        businessName="Order lines",
    )
    dataset = load(tmp_path, contract(schema=schema))
    assert dict(dataset.terms) == {
        "": BusinessTerm("Order lines"),
        "id": BusinessTerm("Order line number", GLOSSARY + "line"),
        "email": BusinessTerm("email", GLOSSARY + "email"),
    }
    assert dict(dataset.classifications) == {"email": "confidential"}
    assert dataset.column_tags["email"] == ("confidential",)
    assert dataset.title == "Order lines"


def test_every_part_of_a_description(tmp_path: Path) -> None:
    described = contract(
        description={"purpose": "To bill", "usage": "By month", "limitations": "No returns"}
    )
    dataset = load(tmp_path, described, description={"usage": "Of the product", "purpose": "P"})
    assert (dataset.description, dataset.usage, dataset.limitations) == (
        "To bill",
        "By month",
        "No returns",
    )


MEMBERS = [
    {"username": "gone@shop.example", "role": "Owner", "dateOut": "2024-05-31"},
    {"username": "ana@shop.example", "name": "Ana", "role": "Data Product Owner"},
    {"username": "bo@shop.example"},
]


@pytest.mark.parametrize(
    ("standard", "team", "owner"),
    [
        ("v3.0.2", MEMBERS, "ana@shop.example"),
        ("v3.1.0", {"members": MEMBERS}, "ana@shop.example"),
        ("v3.1.0", {"name": "Shop", "description": "Sells", "members": MEMBERS}, "Shop"),
    ],
)
def test_a_team_in_each_form_of_the_standard(
    tmp_path: Path, standard: str, team: Any, owner: str
) -> None:
    support = [{"channel": "#shop", "url": "https://chat.example/shop", "tool": "slack"}]
    dataset = load(tmp_path, contract(apiVersion=standard, team=team, support=support))
    assert dataset.owner == owner
    assert dataset.team is not None
    assert dataset.team.members == (
        Member("gone@shop.example", role="Owner", left="2024-05-31"),
        Member("ana@shop.example", "Ana", "Data Product Owner"),
        Member("bo@shop.example"),
    )
    assert dataset.team.contacts == (Contact("#shop", "https://chat.example/shop", "slack"),)


def test_the_team_of_the_product_goes_before_that_of_the_contract(tmp_path: Path) -> None:
    dataset = load(
        tmp_path,
        contract(team={"name": "Of the contract"}, support=[{"channel": "b"}]),
        team={"name": "Of the product"},
        support=[{"channel": "a", "url": "https://a.example"}],
    )
    contacts = (Contact("a", "https://a.example"), Contact("b"))
    assert dataset.team == Team("Of the product", contacts=contacts)
    assert dataset.owner == "Of the product"


def test_without_a_team_there_is_none(tmp_path: Path) -> None:
    dataset = load(tmp_path, contract())
    assert dataset.team is None
    assert dataset.owner == ""
    assert not dataset.terms
