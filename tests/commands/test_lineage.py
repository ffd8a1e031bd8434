"""`meshgate lineage` over a mesh with views, an artefact and readers."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from xml.etree import ElementTree

import pytest

from gateway.cli import main
from gateway.model import Principal, Request
from gateway.pipeline import Gateway
from tests.catalogue.meshes import contract, custom, port, product, write

SALES = "mesh://sales/shop"
ORDERS, REVENUE, TOP = (f"{SALES}/{name}@1.0.0" for name in ("orders", "revenue", "top"))
BOARD = "mesh://sales/shop/board@1.0.0"
ANA = Principal("user:ana", ("sales/analyst",))

POLICIES = """
p,sales/analyst,sales,*,read|discover,*,*,*,allow
p,guest,*,mesh://sales/shop/orders,discover,*,*,*,allow
p,guest,*,mesh://sales/shop/top,discover,*,*,*,allow
p,guest,*,mesh://sales/shop/board,discover,*,*,*,allow
p,steward,*,*,admin,*,*,*,allow
"""

COLUMNS = {
    "orders": (("region", "string"), ("amount", "integer"), ("status", "string")),
    "revenue": (("region", "string"), ("total", "integer")),
    "top": (("best", "integer"),),
}
VIEWS = {
    "revenue": "SELECT region, sum(amount) AS total FROM sales.shop.orders"
    " WHERE status = 'paid' GROUP BY region",
    "top": {"language": "sql", "query": "SELECT max(total) AS best FROM revenue"},
}


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lineage")
    with sqlite3.connect(folder / "shop.sqlite") as database:
        database.execute("CREATE TABLE orders (region TEXT, amount INTEGER, status TEXT) STRICT")
        database.execute("INSERT INTO orders VALUES ('EU', 10, 'paid'), ('US', 20, 'open')")
    database.close()
    for name, columns in COLUMNS.items():
        where = custom(binding={"connector": "sqlite", "uri": "shop.sqlite", "object": "orders"})
        schema = [{"name": name, "properties": [{"name": n, "logicalType": t} for n, t in columns]}]
        properties = custom(view=VIEWS[name]) if name in VIEWS else where
        document = contract(id=name, version="1.0.0", schema=schema, customProperties=properties)
        write(folder, f"products/sales/{name}.odcs.yaml", document)
    ports = [port(name=n, version="1.0.0", contractId=n) for n in COLUMNS]
    board = {
        "name": "board",
        "version": "1.0.0",
        "kind": "dashboard",
        "url": "https://bi.example/board",
        "uses": [f"{SALES}/top#best"],
    }
    shop = product(*ports, name="shop", id="shop", customProperties=custom(artefacts=[board]))
    write(folder, "products/sales/shop.odps.yaml", shop)
    write(folder, "policies/sales.csv", POLICIES)
    gateway = Gateway.open(folder)
    try:
        for _ in range(2):
            prepared = gateway.prepare(Request(ANA, "SELECT amount FROM sales.shop.orders"))
            assert sum(b.num_rows for b in gateway.execute(prepared).batches) == 2
    finally:
        gateway.close()
    return folder


def told(mesh: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["lineage", *words, "--mesh", str(mesh)]) == 0
    return capsys.readouterr().out


def test_downstream_of_a_column(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(mesh, capsys, "downstream", f"{SALES}/orders#amount").splitlines()
    assert lines[:4] == [
        f"{ORDERS}#amount",
        f"├─ {REVENUE}#total  (aggregation, view)",
        f"│  └─ {TOP}#best  (aggregation, view)",
        f"│     └─ {BOARD}  (uses, view)",
    ]
    assert lines[4].startswith("└─ user:ana  (read 2 times, last in 20")
    assert len(lines) == 5


def test_what_only_decides_affects_all_of_a_view(
    mesh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = told(mesh, capsys, "downstream", "sales.shop.orders#status")
    assert f"{REVENUE}  (filter, view)" in found
    assert f"{TOP}#best" in found
    assert "user:ana" not in found


def test_upstream_as_json(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(told(mesh, capsys, "upstream", f"{SALES}/top@1#best", "--format", "json"))
    links = {(link["source"], link["target"], link["how"]) for link in found["links"]}
    assert links == {
        (f"{REVENUE}#total", f"{TOP}#best", "AGGREGATION"),
        (f"{ORDERS}#amount", f"{REVENUE}#total", "AGGREGATION"),
        (f"{ORDERS}#region", REVENUE, "GROUP_BY"),
        (f"{ORDERS}#status", REVENUE, "FILTER"),
    }
    near = json.loads(told(mesh, capsys, "upstream", TOP, "--format", "json", "--depth", "1"))
    assert len(near["links"]) == 1


def test_upstream_of_an_artefact(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(mesh, capsys, "upstream", "sales.shop.board")
    assert f"{TOP}#best" in found and f"{ORDERS}#amount" in found


def test_who_is_affected(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(mesh, capsys, "impact", f"{SALES}/orders#amount")
    assert "views: 2" in found and "artefacts: 1" in found and "readers: 1" in found
    later = told(mesh, capsys, "impact", f"{SALES}/orders#amount", "--since", "2999-01-01")
    assert "readers: none" in later


def test_who_reads_is_told_once(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(mesh, capsys, "downstream", ORDERS).count("user:ana") == 1


def test_a_picture(mesh: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "orders.svg"
    told(mesh, capsys, "downstream", ORDERS, "--out", str(target))
    drawn = ElementTree.parse(target)
    titles = {t.text for t in drawn.iter("{http://www.w3.org/2000/svg}title")}
    assert {ORDERS, REVENUE, TOP, BOARD, "user:ana"} <= titles


def test_somebody_sees_only_what_it_may_know_of(
    mesh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = told(mesh, capsys, "downstream", ORDERS, "--as", "guest")
    # what lies behind a hidden view is not told either: it would tell that there is one
    assert found.splitlines()[1:] == ["  nothing downstream of it is known"]
    assert "user:ana" in told(mesh, capsys, "downstream", ORDERS, "--as", "steward")
    own = told(mesh, capsys, "downstream", ORDERS, "--as", "sales/analyst")
    assert REVENUE in own and "user:ana" not in own
    for hidden in ("sales.shop.revenue", "sales.shop.nothing"):
        assert main(["lineage", "upstream", hidden, "--as", "guest", "--mesh", str(mesh)]) == 1
        said = capsys.readouterr().err.replace(hidden, "X")
        assert said.endswith("there is no dataset or column X that guest may know of\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("upstream", f"{SALES}/orders#amuont"), "did you mean amount?"),
        (("upstream", f"{SALES}/order"), "did you mean sales.shop.orders?"),
        (("upstream", ORDERS, "-o", "picture.png"), "is not written as png"),
        (("upstream", "orders"), "is not a mesh address"),
        (("upstream", "mesh://sales"), "is not a mesh address"),
    ],
)
def test_mistakes(
    mesh: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert main(["lineage", *words, "--mesh", str(mesh)]) == 1
    assert said in capsys.readouterr().err
