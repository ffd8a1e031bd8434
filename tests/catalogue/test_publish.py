"""`meshgate publish`: from a source to YAML that is read back as the source is."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors import open_connector
from connectors.interface import Binding, ObjectInfo
from gateway.catalogue import Catalogue, drift, fill_secrets
from gateway.catalogue.columns import ColumnError
from gateway.catalogue.governance import column_tags
from gateway.catalogue.inspection import split_pattern
from gateway.catalogue.publication import (
    Product,
    dataset_names,
    publish_objects,
    write_contract,
)
from gateway.cli import main
from gateway.languages.sql import parse as parse_sql
from gateway.model import Residency
from tests.services import Postgres

SALES = Product("sales", "orders", "1.0.0", Binding("memory", "memory:x", ""))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A mesh folder with a SQLite file ``shop.db`` in it."""
    with closing(sqlite3.connect(tmp_path / "shop.db")) as database, database:
        database.execute(
            "CREATE TABLE lines (no INTEGER NOT NULL, item TEXT NOT NULL, price REAL,"
            " PRIMARY KEY (item, no))"
        )
        database.execute("CREATE TABLE items (item TEXT NOT NULL PRIMARY KEY, picture BLOB)")
    return tmp_path


def publish(mesh: Path, *arguments: str, connector: str = "sqlite", uri: str = "shop.db") -> int:
    return main(
        [
            *("publish", "--mesh", str(mesh), "--domain", "sales", "--product", "shop"),
            *("--connector", connector, "--uri", uri, *arguments),
        ]
    )


def as_published(mesh: Path) -> Iterator[tuple[str, pa.Schema, pa.Schema]]:
    """Every dataset: its name, the contract's schema, and the source's."""
    for dataset in Catalogue.load(mesh).datasets:
        connector = open_connector(fill_secrets(dataset.binding))
        try:
            actual = connector.schema(dataset.binding.object)
        finally:
            connector.close()
        yield dataset.address.sql_name, dataset.schema, actual


def files(mesh: Path) -> dict[str, str]:
    pages = sorted((mesh / "products").rglob("*.yaml"))
    return {page.relative_to(mesh).as_posix(): page.read_text() for page in pages}


def test_one_command_publishes_every_table(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert publish(shop) == 0
    printed = capsys.readouterr().out
    assert "wrote products/sales/shop/lines-1.0.0.odcs.yaml" in printed
    assert "p,sales/analyst,sales,mesh://sales/shop/*,read,*,*,*,allow" in printed
    assert "running already finds it within seconds" in printed
    assert list(files(shop)) == [
        "products/sales/shop/items-1.0.0.odcs.yaml",
        "products/sales/shop/lines-1.0.0.odcs.yaml",
        "products/sales/shop/shop.odps.yaml",
    ]
    assert "uri: shop.db" in files(shop)["products/sales/shop/lines-1.0.0.odcs.yaml"]
    for _, declared, actual in as_published(shop):
        assert drift(declared, actual) == []
        assert declared.equals(actual)
    lines = Catalogue.load(shop).datasets[1]
    assert lines.primary_key == ("item", "no")


def test_published_files_are_valid_and_are_published_once(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert publish(shop) == 0
    before = files(shop)
    assert publish(shop) == 0
    assert "unchanged products/sales/shop/shop.odps.yaml" in capsys.readouterr().out
    assert files(shop) == before


def test_a_change_needs_force_and_keeps_what_people_added(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(shop)
    page = shop / "products/sales/shop/items-1.0.0.odcs.yaml"
    text = page.read_text().replace(
        "        physicalType: BLOB\n",
        "        physicalType: BLOB\n        tags: [pii]\n        description: A photograph\n",
    )
    page.write_text(text.replace("status: active", "status: deprecated"))
    with closing(sqlite3.connect(shop / "shop.db")) as database, database:
        database.execute("ALTER TABLE items ADD COLUMN weight REAL")
    assert publish(shop) == 1
    assert "--force" in capsys.readouterr().err
    assert "weight" not in page.read_text()
    assert publish(shop, "--force") == 0
    assert "    +       - name: weight" in capsys.readouterr().out
    items = Catalogue.load(shop).datasets[0]
    assert items.schema.names == ["item", "picture", "weight"]
    assert dict(items.column_tags) == {"picture": ("pii",)}
    assert items.schema.field("picture").metadata[b"mesh.comment"] == b"A photograph"
    assert items.status == "deprecated"


GOVERNED = """\
  - property: mesh.rowFilters
    value:
      - {id: cheap, expr: price < 10.5}
  - property: mesh.rowPolicy
    value: required
  - property: mesh.purpose
    value: required
  - property: mesh.residency
    value: {regions: [EU, EEA], minimumRows: 5}
"""


def govern(page: Path) -> None:
    """What a person adds to the contract of `lines`."""
    text = page.read_text().replace(
        "        physicalType: REAL\n", "        physicalType: REAL\n        tags: [money]\n"
    )
    text = text.replace("status: active", "status: active\ntags: [secret]")
    page.write_text(text + GOVERNED)


def governance(mesh: Path) -> list[tuple[str | None, object]]:
    return [
        (
            d.address.version,
            (
                *(d.tags, dict(d.column_tags), dict(d.row_filters)),
                *(d.requires_row_filter, d.requires_purpose, d.residency),
            ),
        )
        for d in Catalogue.load(mesh).datasets
        if d.address.dataset == "lines"
    ]


PROTECTED = (
    ("secret",),
    {"price": ("money",)},
    {"cheap": "price < 10.5"},
    True,
    True,
    Residency(("EU", "EEA"), 5),
)


def test_a_republication_drops_no_protection(shop: Path) -> None:
    publish(shop)
    govern(shop / "products/sales/shop/lines-1.0.0.odcs.yaml")
    with closing(sqlite3.connect(shop / "shop.db")) as database, database:
        database.execute("ALTER TABLE lines ADD COLUMN weight REAL")
    assert publish(shop, "--force") == 0
    assert governance(shop) == [("1.0.0", PROTECTED)]


def test_a_new_version_begins_with_the_protection_of_the_last(shop: Path) -> None:
    publish(shop)
    page = shop / "products/sales/shop/lines-1.0.0.odcs.yaml"
    govern(page)
    page.write_text(page.read_text().replace("status: active", "status: retired"))
    assert publish(shop, "--version", "1.10.0") == 0
    assert publish(shop, "--version", "3.0.0") == 0
    third = shop / "products/sales/shop/lines-3.0.0.odcs.yaml"
    third.write_text(third.read_text().replace("- secret", "- open"))
    assert publish(shop, "--version", "1.9.0") == 0
    found = dict(governance(shop))
    assert found.pop("3.0.0") == (("open",), *PROTECTED[1:])
    assert found == dict.fromkeys(("1.0.0", "1.10.0", "1.9.0"), PROTECTED)
    statuses = {d.address.version: d.status for d in Catalogue.load(shop).datasets}
    assert statuses["1.10.0"] == "active"


def test_a_new_version_finds_a_contract_of_another_name(shop: Path) -> None:
    publish(shop)
    page = shop / "products/sales/shop/lines-1.0.0.odcs.yaml"
    govern(page)
    moved = page.read_text().replace("id: sales.shop.lines", "id: our.own.id")
    page.unlink()
    (shop / "products/by-hand.odcs.yaml").write_text(moved)
    product = shop / "products/sales/shop/shop.odps.yaml"
    product.write_text(product.read_text().replace("sales.shop.lines", "our.own.id"))
    assert publish(shop, "--version", "2.0.0") == 0
    assert governance(shop) == [("1.0.0", PROTECTED), ("2.0.0", PROTECTED)]


def test_a_product_keeps_what_it_says_for_all(shop: Path) -> None:
    publish(shop, "--object", "items")
    page = shop / "products/sales/shop/shop.odps.yaml"
    said = "customProperties:\n  - {property: mesh.residency, value: EU}\n"
    page.write_text(page.read_text().replace("outputPorts:", f"{said}outputPorts:"))
    assert publish(shop) == 0
    assert publish(shop, "--version", "2.0.0") == 0
    residencies = [d.residency for d in Catalogue.load(shop).datasets]
    assert residencies == [Residency(("EU",))] * 4


def test_a_column_that_a_row_filter_needs_is_not_published_away(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(shop)
    page = shop / "products/sales/shop/lines-1.0.0.odcs.yaml"
    govern(page)
    before = page.read_text()
    with closing(sqlite3.connect(shop / "shop.db")) as database, database:
        database.execute("ALTER TABLE lines RENAME COLUMN price TO cost")
    for arguments in (("--force",), ("--version", "2.0.0")):
        assert publish(shop, *arguments) == 1
        error = capsys.readouterr().err
        assert "left out lines" in error
        assert "row filter cheap: the dataset has no column 'price'" in error
        assert page.read_text() == before
    assert governance(shop) == [("1.0.0", PROTECTED)]


def test_tags_of_parts_and_of_columns_in_another_case_stay() -> None:
    def document(*fields: pa.Field) -> ObjectInfo:
        return ObjectInfo("orders", pa.schema(list(fields)))

    person = pa.struct([("name", pa.string()), ("mail", pa.list_(pa.string()))])
    labels = pa.map_(pa.string(), pa.string())
    first = write_contract(
        SALES, "orders", document(pa.field("person", person), pa.field("labels", labels)), {}
    )
    nested = first["schema"][0]["properties"]
    nested[0]["properties"][1]["items"]["tags"] = ["pii"]
    nested[0]["properties"][0]["classification"] = "secret"
    nested[1]["map"]["value"]["tags"] = ["free text"]
    person = pa.struct([("mail", pa.list_(pa.string())), ("Name", pa.large_string())])
    again = write_contract(
        SALES, "orders", document(pa.field("PERSON", person), pa.field("labels", labels)), first
    )
    assert [column_tags(c) for c in again["schema"][0]["properties"]] == [
        ("secret", "pii"),
        ("free text",),
    ]


def test_a_tag_of_a_part_that_is_gone_stays_on_the_column() -> None:
    def contract(data_type: pa.DataType, before: dict[str, object]) -> dict[str, Any]:
        info = ObjectInfo("orders", pa.schema([("person", data_type)]))
        return write_contract(SALES, "orders", info, before)

    first = contract(pa.struct([("name", pa.string()), ("mail", pa.string())]), {})
    (column,) = first["schema"][0]["properties"]
    column["tags"] = ["crm"]
    column["properties"][1]["tags"] = ["pii"]
    for data_type in (pa.string(), pa.struct([("name", pa.string()), ("email", pa.string())])):
        (again,) = contract(data_type, first)["schema"][0]["properties"]
        assert again["tags"] == ["crm", "pii"]


def test_the_other_objects_of_a_contract_stay() -> None:
    info = ObjectInfo("public.b", pa.schema([("id", pa.int64())]))
    objects = [
        {"name": "a", "tags": ["of a"], "properties": [{"name": "id", "tags": ["a id"]}]},
        {"name": "b", "tags": ["of b"], "properties": [{"name": "id", "tags": ["b id"]}]},
    ]
    again = write_contract(SALES, "b", info, {"schema": objects, "status": "active"})
    assert again["schema"][0] == objects[0]
    assert again["schema"][1]["tags"] == ["of b"]
    assert column_tags(again["schema"][1]["properties"][0]) == ("b id",)
    (binding,) = again["schema"][1]["customProperties"]
    assert binding["property"] == "mesh.binding"
    assert again["customProperties"] == []


def test_a_column_that_looks_like_another_is_not_published() -> None:
    info = ObjectInfo("x", pa.schema([("e\u200bmail", pa.string())]))
    with pytest.raises(ColumnError, match="can not be seen"):
        write_contract(SALES, "x", info, {})


def test_a_version_has_to_say_how_much_it_changes(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(shop)
    before = files(shop)
    with closing(sqlite3.connect(shop / "shop.db")) as database, database:
        database.execute("ALTER TABLE lines ADD COLUMN weight REAL")
        database.execute("ALTER TABLE items DROP COLUMN picture")
    capsys.readouterr()
    for dry in ((), ("--dry-run",)):
        assert publish(shop, "--version", "1.0.1", *dry) == 1
        done = capsys.readouterr()
        assert "mesh://sales/shop/items@1.0.1 differs from 1.0.0, and would have to be 2.0.0:" in (
            done.err
        )
        assert "    breaking: column picture is gone" in done.err
        assert "mesh://sales/shop/lines@1.0.1 differs from 1.0.0, and would have to be 1.1.0:" in (
            done.err
        )
        assert ("kind: DataContract" in done.out) == bool(dry)
        assert files(shop) == before
    assert publish(shop, "--version", "1.1.0", "--object", "lines") == 0
    assert publish(shop, "--version", "1.1.0", "--object", "items") == 1
    assert publish(shop, "--version", "2.0.0", "--object", "items") == 0
    assert len(Catalogue.load(shop).datasets) == 4


def test_a_version_that_is_there_is_broken_by_force_only(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(shop)
    with closing(sqlite3.connect(shop / "shop.db")) as database, database:
        database.execute("ALTER TABLE items DROP COLUMN picture")
    before = files(shop)
    assert publish(shop) == 1
    assert "items@1.0.0 changes, and would have to be 2.0.0:" in capsys.readouterr().err
    assert files(shop) == before
    assert publish(shop, "--force") == 0
    assert "readers are broken: mesh://sales/shop/items@1.0.0" in capsys.readouterr().err
    assert Catalogue.load(shop).datasets[0].schema.names == ["item"]


def test_a_new_version_says_nothing_of_the_end_of_the_last(shop: Path) -> None:
    publish(shop, "--object", "items")
    page = shop / "products/sales/shop/items-1.0.0.odcs.yaml"
    text = page.read_text().replace("status: active", "status: deprecated")
    page.write_text(text + "  - {property: mesh.deprecation, value: {reason: slow}}\n")
    assert publish(shop, "--object", "items", "--version", "2.0.0") == 0
    found = [(d.status, d.deprecation is None) for d in Catalogue.load(shop).datasets]
    assert found == [("deprecated", False), ("active", True)]


def test_a_second_version_stands_beside_the_first(shop: Path) -> None:
    publish(shop)
    assert publish(shop, "--version", "2.0.0", "--object", "lines") == 0
    datasets = Catalogue.load(shop).datasets
    assert [(d.address.dataset, d.address.version) for d in datasets] == [
        ("items", "1.0.0"),
        ("lines", "1.0.0"),
        ("lines", "2.0.0"),
    ]


def test_a_new_dataset_is_added_to_a_product_and_what_people_wrote_stays(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(shop, "--object", "lines")
    page = shop / "products/sales/shop/shop.odps.yaml"
    page.write_text(page.read_text().replace("status: active", "status: draft\ntags: [a, b]"))
    capsys.readouterr()
    assert publish(shop, "--object", "items") == 0
    assert "added to products/sales/shop/shop.odps.yaml" in capsys.readouterr().out
    assert "status: draft" in page.read_text()
    assert [d.address.dataset for d in Catalogue.load(shop).datasets] == ["items", "lines"]


def test_a_comment_in_the_product_is_not_lost_without_force(shop: Path) -> None:
    publish(shop, "--object", "lines")
    page = shop / "products/sales/shop/shop.odps.yaml"
    commented = page.read_text().replace("status: active", "status: active  # since May")
    page.write_text(commented)
    assert publish(shop, "--object", "lines") == 0
    assert publish(shop, "--object", "items") == 1
    assert page.read_text() == commented
    assert publish(shop, "--object", "items", "--force") == 0


def test_another_port_of_the_same_name_and_version_is_a_conflict(shop: Path) -> None:
    publish(shop, "--object", "lines")
    page = shop / "products/sales/shop/shop.odps.yaml"
    other = page.read_text().replace("contractId: sales.shop.lines", "contractId: elsewhere")
    page.write_text(other)
    assert publish(shop) == 1
    assert page.read_text() == other


def test_a_dry_run_writes_nothing(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert publish(shop, "--dry-run") == 0
    assert "kind: DataContract" in capsys.readouterr().out
    assert files(shop) == {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--object", "nothing*"), "holds nothing that matches 'nothing*'\n  hint: it holds "),
        (("--version", "first"), "is not a version"),
        (("--option", "pool_size"), "is not NAME=VALUE"),
        (("--option", "token=abc"), "the option token is a secret"),
        (
            ("--option", "pool_sise=4"),
            "did you mean pool_size? its options are pool_size, pool_wait",
        ),
        (("--uri", "none.db"), "none.db"),
        (("--connector", "sqlit"), "sqlit"),
        (("--domain", "sales/eu"), "can not be the name of a domain"),
    ],
)
def test_what_can_not_be_published_is_said(
    shop: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    assert publish(shop, *arguments) == 1
    error = capsys.readouterr().err
    assert message in error
    assert "abc" not in error
    assert files(shop) == {}


def test_a_password_is_not_written_down(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert publish(shop, connector="postgres", uri="postgresql://ana:hunter2@db/x") == 1
    error = capsys.readouterr().err
    assert "${NAME}" in error
    assert "hunter2" not in error
    assert files(shop) == {}


def test_a_missing_variable_is_named(
    shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SHOP_PASSWORD", raising=False)
    assert publish(shop, connector="postgres", uri="postgresql://a:${SHOP_PASSWORD}@db/x") == 1
    assert "SHOP_PASSWORD is not set" in capsys.readouterr().err


def test_an_object_of_an_unsupported_type_does_not_stop_the_others(tmp_path: Path) -> None:
    empty = pa.schema([])
    publication = publish_objects(
        tmp_path,
        SALES,
        [
            ObjectInfo("b", empty, problem="column x has the type box"),
            ObjectInfo("a", pa.schema([("id", pa.int64())])),
            ObjectInfo("c", pa.schema([("d", pa.dictionary(pa.int32(), pa.string()))])),
            ObjectInfo("e", empty),
        ],
    )
    assert [address.dataset for address in publication.addresses] == ["a"]
    assert [problem.partition(":")[0] for problem in publication.problems] == ["b", "c", "e"]
    assert "type box" in publication.problems[0]


def test_duckdb_types_survive_publication(tmp_path: Path) -> None:
    import duckdb

    with duckdb.connect(str(tmp_path / "shop.duckdb")) as database:
        database.execute(
            "CREATE TABLE wide (a TINYINT, b USMALLINT, c DECIMAL(20, 3), d DOUBLE, e FLOAT,"
            " f TIMESTAMP, g TIMESTAMP_NS, h TIMESTAMPTZ, i DATE, j TIME, k VARCHAR[], l UUID,"
            " m STRUCT(x INTEGER, y VARCHAR), n BLOB, o JSON, p BOOLEAN NOT NULL)"
        )
    assert publish(tmp_path, connector="duckdb", uri="shop.duckdb") == 0
    ((_, declared, actual),) = as_published(tmp_path)
    assert declared.equals(actual)


def test_an_unsupported_column_is_named_and_the_other_tables_are_published(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import duckdb

    with duckdb.connect(str(tmp_path / "shop.duckdb")) as database:
        database.execute("CREATE TABLE odd (id INTEGER, flags BIT)")
        database.execute("CREATE TABLE plain (id INTEGER)")
    assert publish(tmp_path, connector="duckdb", uri="shop.duckdb") == 1
    error = capsys.readouterr().err
    assert "odd" in error
    assert "BIT" in error
    assert [d.address.dataset for d in Catalogue.load(tmp_path).datasets] == ["plain"]


def test_postgres_is_published_without_its_password(
    tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgres.database() as uri:
        name = uri.rsplit("/", 1)[-1].partition("?")[0]
        postgres.execute(
            "CREATE SCHEMA hr",
            "CREATE TABLE hr.people (id uuid PRIMARY KEY, tags text[], doc jsonb)",
            "CREATE TABLE lines (no int, item text, price numeric(15,2) NOT NULL,"
            " sold timestamptz, at time, day date, PRIMARY KEY (item, no))",
            "COMMENT ON TABLE lines IS 'What was sold'",
            "COMMENT ON COLUMN lines.price IS 'In euro: net'",
            database=name,
        )
        monkeypatch.setenv("SHOP_URI", uri)
        assert publish(tmp_path, connector="postgres", uri="${SHOP_URI}") == 0
        lines, people = Catalogue.load(tmp_path).datasets
        assert (lines.address.dataset, people.address.dataset) == ("lines", "people")
        assert lines.description == "What was sold"
        assert lines.primary_key == ("item", "no")
        assert lines.schema.field("price").type == pa.decimal128(15, 2)
        assert not lines.schema.field("price").nullable
        assert lines.schema.field("price").metadata[b"mesh.comment"] == b"In euro: net"
        for _, declared, actual in as_published(tmp_path):
            assert declared.equals(actual)
        assert not any(uri in text for text in files(tmp_path).values())


def test_a_folder_of_files_is_one_dataset_of_its_name(tmp_path: Path) -> None:
    for month in (1, 2):
        folder = tmp_path / "data" / "sold" / f"month={month}"
        folder.mkdir(parents=True)
        table = pa.table({"id": [1], "at": pa.array([0], pa.timestamp("us", "UTC"))})
        pq.write_table(table, folder / "part.parquet")
    assert publish(tmp_path, connector="files", uri="data/sold") == 0
    ((name, declared, actual),) = as_published(tmp_path)
    assert name == "sales.shop.sold"
    assert declared.names == ["id", "at", "month"]
    assert declared.equals(actual)


@pytest.mark.parametrize("before", ["", "data/", "{here}/data/"])
def test_a_pattern_in_the_uri_is_one_dataset_named_after_its_folder(
    tmp_path: Path, before: str
) -> None:
    folder = tmp_path / before.replace("{here}/", "") / "sold"
    folder.mkdir(parents=True)
    for month in (1, 2):
        (folder / f"{month}.csv").write_text(f"id,name\n{month},a\n")
    (folder / "notes.txt").write_text("not a table")
    uri = before.replace("{here}", str(tmp_path)) + "sold/*.csv"
    assert publish(tmp_path, connector="files", uri=uri) == 0
    ((name, declared, actual),) = as_published(tmp_path)
    assert name == "sales.shop.sold"
    assert declared.equals(actual)
    (dataset,) = Catalogue.load(tmp_path).datasets
    assert dataset.binding.object == "*.csv"


@pytest.mark.parametrize(
    ("uri", "split"),
    [
        ("/data/csv/*.csv", ("/data/csv", "*.csv")),
        ("/*.csv", ("/", "*.csv")),
        ("*.csv", (".", "*.csv")),
        ("data/**/2024-*.parquet", ("data", "**/2024-*.parquet")),
        ("s3://lake/a/*.csv?region=eu", ("s3://lake/a?region=eu", "*.csv")),
        ("s3://lake/a?region=eu", ("s3://lake/a?region=eu", "")),
        ("data", ("data", "")),
    ],
)
def test_a_pattern_is_split_from_its_folder(uri: str, split: tuple[str, str]) -> None:
    assert split_pattern(uri) == split


def test_a_folder_that_is_not_there_is_said_to_be_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for uri in ("nowhere", "nowhere/*.csv"):
        assert publish(tmp_path, connector="files", uri=uri) == 1
        error = capsys.readouterr().err
        assert "there is no folder" in error
        assert "nowhere" in error


@pytest.mark.parametrize("product", ["returns-1", "select", "2024", "order", "Fine"])
def test_the_name_that_is_printed_can_be_queried(
    shop: Path, capsys: pytest.CaptureFixture[str], product: str
) -> None:
    assert publish(shop, "--product", product, "--object", "lines") == 0
    name = capsys.readouterr().out.partition("in SQL: ")[2].splitlines()[0]
    reference = parse_sql(f"SELECT * FROM {name}").references[0]
    (dataset,) = Catalogue.load(shop).datasets
    assert reference.parts[1].casefold() == product.casefold()
    assert Catalogue.load(shop).resolve(reference.parts, None, lambda _: True) == dataset


def test_names_are_the_tables_alone_where_that_is_unique() -> None:
    objects = ["public.a", "hr.a", "b", "odd name", "x/*.parquet", "y/m=1/*.csv", "*", "B.csv"]
    assert dataset_names(objects, "all") == {
        "public.a": "public_a",
        "hr.a": "hr_a",
        "b": "b",
        "odd name": "odd_name",
        "x/*.parquet": "x",
        "y/m=1/*.csv": "y",
        "*": "all",
        "B.csv": "B_2",
    }


def test_the_catalogue_command_lists_and_searches(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(shop)
    capsys.readouterr()
    assert main(["catalogue", "--mesh", str(shop)]) == 0
    header, items, lines = capsys.readouterr().out.splitlines()
    assert header.split("\t")[:2] == ["name", "version"]
    assert items.split("\t")[:5] == ["sales.shop.items", "1.0.0", "active", "sqlite", "2"]
    assert lines.startswith("sales.shop.lines\t")
    assert main(["catalogue", "--mesh", str(shop), "search", "price"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert main(["catalogue", "--mesh", str(shop), "search", "nowhere"]) == 1
    assert main(["catalogue", "--mesh", str(shop), "find", "price"]) == 1


@pytest.mark.parametrize("domain", ["Sales", "system"])
def test_what_would_spoil_the_mesh_is_not_written(
    shop: Path, capsys: pytest.CaptureFixture[str], domain: str
) -> None:
    assert publish(shop) == 0
    before = sorted(path for path in shop.rglob("*") if path.is_file())
    for dry in ((), ("--dry-run",)):
        assert publish(shop, "--domain", domain, *dry) == 1
        assert "CATALOGUE_INVALID" in capsys.readouterr().err
    assert sorted(path for path in shop.rglob("*") if path.is_file()) == before
