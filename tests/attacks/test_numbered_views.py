"""Attacks through views and through the paths of files, by their numbers on the research page."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from bench.mesh import Product, publish
from connectors.interface import Binding
from gateway.authorisation import Access
from gateway.catalogue.catalogue import Catalogue
from gateway.config import Config
from gateway.errors import GatewayError
from gateway.identity.users import add_user
from gateway.mesh import Mesh
from gateway.model import Address, Dataset, Principal, View
from gateway.pipeline import Gateway
from policies.decide import Authoriser
from tests.attacks.doors import EXPLAIN, PREPARED, ROWS, STATEMENT, VERBOSE, House, leaks
from tests.attacks.test_numbered import snapshot
from tests.attacks.world import CANARIES, SOURCES
from tests.gateways import ask

RITA = Principal("user:rita", ("hr/analyst",))
BOB = Principal("user:bob", ("desk/reader",))
"""May read the views, and nothing below them."""

COLUMNS = ["id", "region", "salary", "ssn", "phone", "badge"]
RULES = (
    "p,hr/analyst,desk,*,read,*,*,*,allow",
    "p,desk/reader,desk,*,read,*,*,*,allow",
    "p,desk/lender,hr,mesh://hr/*/employees,read|publish,*,*,*,allow",
    "p,desk/lender,hr,mesh://hr/*/employees,read,*,*,secret,deny",
    "p,desk/lender,hr,mesh://hr/*/vault,read,*,*,*,allow",
    "p2,desk/lender,hr,mesh://hr/*/employees,*,permissive,us_sales,allow",
    "p3,desk/lender,hr,mesh://hr/*/employees,phone,*,none,allow",
)


@pytest.fixture(scope="module")
def views(house: House) -> Iterator[Gateway]:
    """The datasets of the world, with views over ``hr``."""
    known = house.gateway.catalogue.datasets
    made = []
    for source in SOURCES:
        below = next(d for d in known if str(d.address).startswith(f"mesh://hr/{source}/employees"))
        fields = [below.schema.field(c).with_nullable(True) for c in COLUMNS]
        sql = f"SELECT {', '.join(COLUMNS)} FROM hr.{source}.employees"
        for name, text, columns, view in (
            ("own", sql, fields, {}),
            ("again", f"SELECT * FROM desk.{source}.own", fields, {}),
            ("lent", sql, fields, {"owner": "desk/lender", "unmasks": True}),
            ("taken", sql, fields, {"owner": "mesh/admin", "unmasks": True}),
            ("hidden", f"SELECT notes FROM hr.{source}.employees",
             [below.schema.field("notes")], {"owner": "desk/lender", "unmasks": True}),
            ("safe", f"SELECT id, secret FROM hr.{source}.vault",
             [pa.field("id", pa.int64()), pa.field("secret", pa.string())],
             {"owner": "desk/lender", "unmasks": True}),
        ):  # fmt: skip
            shape = View(text, **view)
            address = Address("desk", source, name, "1.0.0")
            made.append(Dataset(address, pa.schema(columns), Binding("view", "", name), view=shape))
    keys = house.gateway.mesh.access.product_key
    access = Access(Authoriser(snapshot(*RULES)), keys)
    opened = Gateway(Mesh(Catalogue([*known, *made], "views"), access, Config()))
    yield opened
    opened.close()


def rows(opened: Gateway, query: str, who: Principal) -> list[dict[str, object]]:
    return [dict(row) for row in ask(opened, query, who).to_pylist()]


def refused(opened: Gateway, query: str, who: Principal) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        ask(opened, query, who)
    assert not CANARIES.search(str(caught.value))
    return caught.value


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("view", ["own", "again"])
def test_a63_what_is_below_a_view_is_secured(view: str, source: str, views: Gateway) -> None:
    base = f"SELECT {', '.join(COLUMNS)} FROM hr.{source}.employees ORDER BY id"
    through = rows(views, f"SELECT * FROM desk.{source}.{view} ORDER BY id", RITA)
    assert through == rows(views, base, RITA)
    assert 0 < len(through) < 42
    assert all(row["badge"] is None for row in through)
    assert not CANARIES.search(str(through))
    for condition in ("ssn LIKE 'CANARY%'", "salary = 7770001", "badge IS NOT NULL"):
        counted = f"SELECT count(*) AS n FROM desk.{source}.{view} WHERE {condition}"
        assert rows(views, counted, RITA) == [{"n": 0}]
    oracle = f"SELECT id FROM desk.{source}.{view} WHERE 1 / (salary - 7770001) = 5"
    assert rows(views, oracle, RITA) == []
    assert refused(views, base, BOB).code == "UNKNOWN_DATASET"
    assert refused(views, f"SELECT * FROM desk.{source}.{view}", BOB).code == "ACCESS_DENIED"


@pytest.mark.parametrize("source", SOURCES)
def test_a64_an_owner_lends_what_it_may_publish(source: str, views: Gateway) -> None:
    lender = Principal("role:desk/lender", ("desk/lender",))
    base = f"SELECT {', '.join(COLUMNS)} FROM hr.{source}.employees ORDER BY id"
    lent = rows(views, base, lender)
    assert lent
    assert all(row["region"] == "US" and row["ssn"] is None for row in lent)
    assert any("CANARYTEL" in str(row["phone"]) for row in lent)
    for who in (BOB, RITA):
        assert rows(views, f"SELECT * FROM desk.{source}.lent ORDER BY id", who) == lent
    assert refused(views, base, BOB).code == "UNKNOWN_DATASET"
    stranger = Principal("user:eve", ("nobody/here",))
    assert refused(views, f"SELECT * FROM desk.{source}.lent", stranger).code == "UNKNOWN_DATASET"


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("view", ["hidden", "safe"])
def test_a64_what_the_owner_may_not_publish_is_not_lent(
    view: str, source: str, views: Gateway
) -> None:
    """A column denied to the owner; a dataset that it may read, but not publish."""
    for who in (BOB, RITA):
        error = refused(views, f"SELECT * FROM desk.{source}.{view}", who)
        assert error.code in {"ACCESS_DENIED", "INVALID_QUERY"}
        assert "vault" not in str(error)
        assert "notes" not in str(error)


# --- 72: paths -----------------------------------------------------------------------------------

DORA = ("dora", "d-password")
LAKE = """\
p,lake/reader,lake,*,read,*,*,*,allow
p2,lake/reader,lake,mesh://lake/files/filtered,*,permissive,mine,allow
p3,lake/reader,lake,mesh://lake/files/masked,place,*,hash,allow
p,lake/reader,lake,mesh://lake/files/denied#place,read,*,*,*,deny
"""


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Parquet below place=... folders, whose names dora may not see."""
    folder = tmp_path_factory.mktemp("lake")
    files, mesh = folder / "files", folder / "mesh"
    for name in ("filtered", "masked", "denied"):
        for number, place in enumerate(("CANARY-TOWN", "home", "CANARY-VILLE")):
            below = files / name / f"place={place}"
            below.mkdir(parents=True)
            table = pa.table({"id": [number * 10 + i for i in range(3)]})
            pq.write_table(table, below / f"CANARY-FILE-{number}.parquet")
    publish(mesh, "lake", Product("files", "files", str(files)))
    for path in sorted((mesh / "products").rglob("*.odcs.yaml")):
        document = yaml.safe_load(path.read_text())
        (table,) = document["schema"]
        if table["name"] == "masked":
            for column in table["properties"]:
                if column["name"] == "place":
                    column["tags"] = ["place"]
        if table["name"] == "filtered":
            filters = [{"id": "mine", "expr": "place = 'home'"}]
            document.setdefault("customProperties", []).append(
                {"property": "mesh.rowFilters", "value": filters}
            )
        path.write_text(yaml.safe_dump(document, sort_keys=False))
    (mesh / "policies").mkdir()
    (mesh / "policies" / "access.csv").write_text(LAKE)
    add_user(mesh, DORA[0], ["lake/reader"], DORA[1])
    opened = House(mesh)
    yield opened
    opened.close()


@pytest.mark.parametrize("door", [*ROWS, EXPLAIN, VERBOSE])
@pytest.mark.parametrize("table", ["filtered", "masked", "denied"])
def test_a72_no_path_and_no_partition_comes_out(table: str, door: str, lake: House) -> None:
    dora = lake.visitor(DORA)
    for query in (
        "SELECT * FROM lake.files.{t}",
        "SELECT id FROM lake.files.{t} WHERE id < 5",
        "SELECT count(*) AS n FROM lake.files.{t}",
        "SELECT * FROM lake.files.{t} ORDER BY 1 LIMIT 2",
        "SELECT 1 / (id - 20) AS x FROM lake.files.{t}",
        "SELECT place, count(*) AS n FROM lake.files.{t} GROUP BY place",
        "SELECT CAST(place AS INTEGER) AS x FROM lake.files.{t}",
        "SELECT * FROM lake.files.{t} WHERE place > 'C'",
        "SELECT nothing FROM lake.files.{t}",
    ):
        text = query.replace("{t}", table)
        came = dora.ask(text, door)
        assert not leaks(came), (text, came.text[:600])
        assert str(lake.mesh.parent) not in came.text or door in (EXPLAIN, VERBOSE)
        assert not leaks(dora.report()), text


def test_a72_partitions_are_filtered_masked_and_denied(lake: House) -> None:
    dora = lake.visitor(DORA)
    seen = dora.ask("SELECT id, place FROM lake.files.filtered ORDER BY id")
    assert seen.rows is not None
    assert seen.rows.to_pydict() == {"id": [10, 11, 12], "place": ["home"] * 3}
    masked = dora.ask("SELECT id, place FROM lake.files.masked")
    assert masked.rows is not None
    assert masked.rows.num_rows == 9
    assert len(set(masked.rows["place"].to_pylist())) == 3
    guess = dora.ask("SELECT id FROM lake.files.masked WHERE place = 'CANARY-TOWN'")
    assert guess.rows is not None
    assert not guess.rows.num_rows
    denied = dora.ask("SELECT * FROM lake.files.denied")
    assert denied.rows is not None
    assert denied.rows.column_names == ["id"]
    for door in (STATEMENT, PREPARED, EXPLAIN):
        came = dora.ask("SELECT id FROM lake.files.denied WHERE place = 'CANARY-TOWN'", door)
        assert came.code == "UNKNOWN_COLUMN"


@pytest.mark.parametrize("table", ["filtered", "masked", "denied"])
def test_a72_a_file_that_can_not_be_read_is_not_named(
    table: str, lake: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    dora = lake.visitor(DORA)
    (broken,) = (Path(lake.mesh.parent) / "files" / table / "place=CANARY-VILLE").iterdir()
    whole = broken.read_bytes()
    try:
        for content in (b"CANARY-CONTENT", whole[:-4] + b"XXXX", whole[:30]):
            broken.write_bytes(content)
            for door in ROWS:
                came = dora.ask(f"SELECT * FROM lake.files.{table}", door)
                assert not leaks(came), came.text[:600]
        assert "failed: " in caplog.text
        assert "CANARY" not in caplog.text
    finally:
        broken.write_bytes(whole)
