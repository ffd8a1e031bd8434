"""Artefacts: read from the product's file, named and governed as datasets are."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway.authorisation import DISCOVER, READ, Access
from gateway.catalogue import Catalogue
from gateway.catalogue.shelf import Shelf
from gateway.errors import CatalogueError
from gateway.memory.sqlite_store import SqliteStore
from gateway.model import Address, Artefact, Principal, Way
from policies.decide import Authoriser
from policies.snapshot import Snapshot
from policies.store import load_folder
from tests.catalogue.meshes import contract, custom, port, product, write

LINES = "mesh://sales/orders/lines"
METRIC = {
    "name": "revenue",
    "version": "1.0.0",
    "kind": "metric",
    "sql": "WITH l AS (SELECT * FROM sales.orders.lines) SELECT count(*) FROM l",
}


def mesh_with(mesh: Path, *artefacts: Any, **of_product: Any) -> Path:
    properties = [*custom(artefacts=list(artefacts)), *of_product.pop("customProperties", ())]
    document = product(port(), port(name="old"), customProperties=properties, **of_product)
    write(mesh, "products/orders.odps.yaml", document)
    return write(mesh, "products/lines.odcs.yaml", contract())


def load(mesh: Path, *artefacts: Any, **of_product: Any) -> tuple[Artefact, ...]:
    return Catalogue.load(mesh_with(mesh, *artefacts, **of_product)).artefacts


def test_an_artefact_is_read_with_all_it_says(tmp_path: Path) -> None:
    board = {
        "name": "board",
        "version": "2.0.0",
        "kind": "dashboard",
        "title": "The board",
        "description": "What sells",
        "url": "https://bi.example/d/1?tab=2",
        "uses": [f"{LINES}@1.2.0#email", "mesh://sales/orders/revenue"],
        "owner": "BI",
        "tags": ["weekly", "pii"],
        "status": "deprecated",
    }
    metric, found = sorted(load(tmp_path, board, METRIC, tags=["pii"]), key=lambda a: a.kind)[::-1]
    assert found == Artefact(
        Address("sales", "orders", "board", "2.0.0"),
        "dashboard",
        Way("url", "https://bi.example/d/1?tab=2"),
        (
            Address("sales", "orders", "lines", "1.2.0", "email"),
            Address("sales", "orders", "revenue"),
        ),
        title="The board",
        description="What sells",
        tags=("pii", "weekly"),
        owner="BI",
        status="deprecated",
        source_file="products/orders.odps.yaml",
    )
    assert metric.uses == (Address("sales", "orders", "lines"),)


def test_what_the_product_says_holds_for_its_artefacts(tmp_path: Path) -> None:
    (metric,) = load(
        tmp_path,
        {key: value for key, value in METRIC.items() if key != "version"},
        version="3.1.0",
        status="retired",
        team={"name": "Shop"},
        customProperties=custom(purpose="required"),
    )
    assert metric.address.version == "3.1.0"
    assert (metric.status, metric.owner, metric.requires_purpose) == ("retired", "Shop", True)


@pytest.mark.parametrize("version", ["1.2.0", "1.0.0"])
def test_a_dataset_to_read_is_used(tmp_path: Path, version: str) -> None:
    view = {"name": "shown", "version": version, "kind": "view", "dataset": f"{LINES}@1.2.0"}
    (found,) = load(tmp_path, view)
    assert found.uses == (Address("sales", "orders", "lines", "1.2.0"),)


@pytest.mark.parametrize(
    ("changes", "place", "rule"),
    [
        ({"name": "lines"}, ".name", "mesh://sales/orders/lines@1.2.0 is a dataset"),
        ({"name": "LINES"}, ".name", "is a dataset"),
        ({"name": "a b"}, ".name", "must be a name"),
        ({"name": None}, ".name", "must be text"),
        ({"version": 1.0}, ".version", "in quotes if it looks like a number"),
        ({"version": "one"}, ".version", "must be a version like 1.0.0"),
        ({"kind": "metrics"}, ".kind", "must be one of view, graph, metric"),
        ({"knid": "metric"}, ".knid", "did you mean kind?"),
        ({"status": "live"}, ".status", "must be one of active"),
        ({"url": "https://a.example"}, "", "not url and sql"),
        ({"sql": None, "url": "http://["}, ".url", "must be an http or https URL"),
        ({"sql": "DROP TABLE a"}, ".sql", "must be one query that reads"),
        ({"sql": "SELECT 1; SELECT 2"}, ".sql", "must be one query that reads"),
        ({"sql": "SELECT FROM WHERE ("}, ".sql", "can not be parsed"),
        ({"sql": "SELECT * FROM sales.orders.nowhere"}, "", "nowhere, which is not in the mesh"),
        ({"uses": [LINES + "#nope"]}, "", "which has no such column"),
        ({"uses": [LINES + "@9.9.9"]}, "", "is not in the mesh"),
        ({"uses": ["mesh://sales/orders/revenue@1.0.0"]}, "", "uses itself"),
        ({"uses": ["lines"]}, ".uses[0]", "is not a mesh address"),
        ({"uses": LINES}, ".uses", "must be a list"),
        ({"tags": ["a|b"]}, ".tags[0]", "no policy can name the tag"),
        ({"tags": [1]}, ".tags[0]", "must be text"),
        ({"title": "a\x07"}, ".title", "control characters"),
    ],
)
def test_a_mistake_is_told_with_its_place(
    tmp_path: Path, changes: dict[str, Any], place: str, rule: str
) -> None:
    with pytest.raises(CatalogueError) as error:
        load(tmp_path, {**METRIC, **changes})
    assert f"customProperties[0].value[0]{place}: " in str(error.value)
    assert rule in str(error.value)


@pytest.mark.parametrize(
    "way",
    [
        {"url": "javascript:alert(1)"},
        {"url": "https://me:secret@bi.example/"},
        {"url": "https://bi.example/?token=abc"},
        {"dataset": "sales.orders.lines"},
    ],
)
def test_an_unsafe_or_unclear_way_is_refused(tmp_path: Path, way: dict[str, str]) -> None:
    entry = {key: value for key, value in METRIC.items() if key != "sql"}
    with pytest.raises(CatalogueError):
        load(tmp_path, {**entry, **way})


@pytest.mark.parametrize(
    ("second", "rule"),
    [
        (METRIC, "is declared already"),
        ({**METRIC, "name": "Revenue"}, "by letter case only"),
        ({**METRIC, "version": "2.0.0", "kind": "job"}, "of one kind in all versions"),
    ],
)
def test_a_name_is_of_one_thing(tmp_path: Path, second: dict[str, str], rule: str) -> None:
    with pytest.raises(CatalogueError, match=rule):
        load(tmp_path, METRIC, second)


def test_the_property_belongs_to_a_product(tmp_path: Path) -> None:
    write(tmp_path, "products/orders.odps.yaml", product())
    properties = [*contract()["customProperties"], *custom(artefacts=[METRIC])]
    write(tmp_path, "products/lines.odcs.yaml", contract(customProperties=properties))
    with pytest.raises(CatalogueError, match=r"mesh\.artefacts belongs to the product"):
        Catalogue.load(tmp_path)


def test_policies_decide_on_artefacts_as_on_datasets(tmp_path: Path) -> None:
    catalogue = Catalogue.load(
        mesh_with(
            tmp_path,
            METRIC,
            {**METRIC, "name": "secret", "tags": ["board"]},
        )
    )
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "sales.csv").write_text(
        "p,sales/finder,sales,mesh://sales/orders/*,discover,*,*,*,allow\n"
        "p,sales/analyst,sales,mesh://sales/orders/*,read,*,*,*,allow\n"
        "p,sales/analyst,sales,mesh://sales/orders/*,read,*,*,board,deny\n"
    )
    rows = load_folder(tmp_path / "policies")
    access = Access(Authoriser(Snapshot(rows)), product_key=lambda *_: b"")
    finder = Principal("user:f", ("sales/finder",))
    analyst = Principal("user:a", ("sales/analyst",))
    nobody = Principal("user:n")

    def may(principal: Principal, action: str) -> list[str]:
        return [
            artefact.address.dataset
            for artefact in catalogue.artefacts
            if access.may(principal, artefact, action)
        ]

    assert may(finder, DISCOVER) == ["revenue", "secret"]
    assert may(finder, READ) == []
    assert may(analyst, READ) == ["revenue"]
    assert may(nobody, DISCOVER) == may(nobody, READ) == []


def test_artefacts_are_kept_in_compiled_form_and_judged_anew(tmp_path: Path) -> None:
    board = {
        "name": "board",
        "version": "2.0.0",
        "kind": "dashboard",
        "url": "https://bi.example/d/1",
        "uses": [f"{LINES}@1#email", "mesh://sales/orders/revenue"],
        "tags": ["weekly"],
    }
    mesh = mesh_with(tmp_path / "mesh", METRIC, board, team={"name": "Shop"})
    with closing(SqliteStore(tmp_path / "memory.db")) as store:
        first = Catalogue.load(mesh, Shelf(store, mesh))
        again = Catalogue.load(mesh, Shelf(store, mesh))
    assert len(first.artefacts) == 2
    assert again.artefacts == first.artefacts
    columns = [{"name": "id", "logicalType": "integer"}]
    write(
        mesh,
        "products/lines.odcs.yaml",
        contract(schema=[{"name": "lines", "properties": columns}]),
    )
    with pytest.raises(CatalogueError, match="#email, which has no such column"):
        Catalogue.load(mesh, None, again)


def test_an_artefact_is_found_by_its_address(tmp_path: Path) -> None:
    versions = [
        {**METRIC, "version": version, "status": status}
        for version, status in (("1.2.0", "active"), ("1.10.0", "active"), ("2.0.0", "draft"))
    ]
    catalogue = Catalogue.load(mesh_with(tmp_path, *versions))

    def found(text: str) -> str | None:
        artefact = catalogue.artefact(Address.parse(text))
        return artefact and artefact.address.version

    assert found("mesh://sales/orders/revenue") == "1.10.0"
    assert found("mesh://sales/orders/REVENUE@2.0.0") == "2.0.0"
    assert found("mesh://sales/orders/revenue@3.0.0") is None
    assert found("mesh://sales/orders/lines") is None
