"""`meshgate publish SOURCE`: products and contracts as files, from disk and over HTTP."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gateway.catalogue import Catalogue
from gateway.catalogue.download import MAX_REDIRECTS, download
from gateway.catalogue.pages import to_yaml
from gateway.cli import main
from gateway.errors import GatewayError, SourceFailure, UserError
from tests.catalogue.meshes import contract, custom, port, product, small_mesh, write

COLUMNS = contract()["schema"][0]["properties"]


def publish(mesh: Path, *arguments: str | Path) -> int:
    return main(["publish", "--mesh", str(mesh), *map(str, arguments)])


def addresses(mesh: Path) -> list[str]:
    return [str(dataset.address) for dataset in Catalogue.load(mesh).datasets]


def files(mesh: Path) -> dict[str, str]:
    return {p.relative_to(mesh).as_posix(): p.read_text() for p in sorted(mesh.rglob("*.yaml"))}


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    folder = tmp_path / "mesh"
    folder.mkdir()
    return folder


@pytest.fixture
def drafts(tmp_path: Path) -> Path:
    folder = tmp_path / "drafts"
    folder.mkdir()
    return folder


def wider() -> dict[str, Any]:
    columns = [*COLUMNS, {"name": "weight", "logicalType": "number"}]
    return contract(schema=[{"name": "lines", "properties": columns}])


def test_a_folder_of_one_product_goes_where_products_are(
    mesh: Path, drafts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small_mesh(drafts)
    (drafts / "products" / "notes.yaml").write_text("anything: else\n")
    assert publish(mesh, drafts) == 0
    assert list(files(mesh)) == [
        "products/sales/orders/lines.odcs.yaml",
        "products/sales/orders/orders.odps.yaml",
    ]
    assert files(mesh)["products/sales/orders/lines.odcs.yaml"] == to_yaml(contract())
    printed = capsys.readouterr().out
    assert "+ dataset mesh://sales/orders/lines@1.2.0" in printed
    assert "+ column email string" in printed
    assert "wrote products/sales/orders/orders.odps.yaml" in printed
    assert publish(mesh, drafts) == 0
    assert "nothing changes for readers" in capsys.readouterr().out


def test_a_folder_is_known_by_what_its_files_say_they_are(mesh: Path, drafts: Path) -> None:
    (drafts / "c.yaml").write_text(to_yaml(contract()))
    (drafts / "p.yml").write_text(to_yaml(product()))
    (drafts / "dbt.yml").write_text("version: 2\n")
    assert publish(mesh, drafts) == 0
    assert list(files(mesh)) == [
        "products/sales/orders/c.odcs.yaml",
        "products/sales/orders/p.odps.yaml",
    ]


def test_several_products_keep_their_places_to_each_other(mesh: Path, drafts: Path) -> None:
    small_mesh(drafts)
    reference = {"to": "../../products/lines.odcs.yaml#/schema/lines/properties/id"}
    columns = [{"name": "line", "logicalType": "integer", "relationships": [reference]}]
    write(
        drafts,
        "products/crm/calls.odcs.yaml",
        contract(id="crm.calls", schema=[{"name": "calls", "properties": columns}]),
    )
    write(
        drafts,
        "products/crm/calls.odps.yaml",
        product(port(name="calls", contractId="crm.calls"), name="calls", domain="crm", id="c"),
    )
    assert publish(mesh, drafts) == 0
    calls = Catalogue.load(mesh).datasets[0]
    assert str(calls.foreign_keys[0].target) == "mesh://sales/orders/lines@1.2.0"


def test_a_contract_alone_becomes_a_port_of_its_product(
    mesh: Path, drafts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = drafts / "anything.yml"
    alone.write_text(to_yaml(contract(domain="sales", dataProduct="orders")))
    assert publish(mesh, alone) == 0
    assert list(files(mesh)) == [
        "products/sales/orders/lines-1.2.0.odcs.yaml",
        "products/sales/orders/orders.odps.yaml",
    ]
    assert addresses(mesh) == ["mesh://sales/orders/lines@1.2.0"]
    second = drafts / "second.yaml"
    two = [{"name": n, "properties": COLUMNS} for n in ("paid", "sent")]
    second.write_text(to_yaml(contract(id="more", version="2.0.0", schema=two)))
    capsys.readouterr()
    assert publish(mesh, second) == 1
    assert "second.yaml:3: id: no product promises it" in capsys.readouterr().err
    assert publish(mesh, second, "--domain", "sales", "--product", "orders") == 0
    assert addresses(mesh) == [
        "mesh://sales/orders/lines@1.2.0",
        "mesh://sales/orders/paid@2.0.0",
        "mesh://sales/orders/sent@2.0.0",
    ]


def test_what_is_declared_is_replaced_in_its_place_and_only_by_force(
    mesh: Path, drafts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small_mesh(mesh)
    before = files(mesh)
    write(drafts, "x.odcs.yaml", contract(status="deprecated"))
    assert publish(mesh, drafts / "x.odcs.yaml") == 1
    error = capsys.readouterr().err
    assert "products/lines.odcs.yaml" in error
    assert "--force" in error
    assert files(mesh) == before
    assert publish(mesh, drafts / "x.odcs.yaml", "--force") == 0
    assert list(files(mesh)) == list(before)
    assert Catalogue.load(mesh).datasets[0].status == "deprecated"


def test_what_only_adds_needs_no_force(mesh: Path, drafts: Path) -> None:
    small_mesh(mesh)
    write(drafts, "x.odcs.yaml", wider())
    assert publish(mesh, drafts / "x.odcs.yaml") == 0
    assert Catalogue.load(mesh).datasets[0].schema.names == ["id", "email", "weight"]


def test_a_dry_run_shows_lines_and_meaning_and_writes_nothing(
    mesh: Path, drafts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small_mesh(mesh)
    before = files(mesh)
    columns = [
        {"name": "id", "logicalType": "string", "required": True},
        {"name": "weight", "logicalType": "number"},
    ]
    changed = contract(
        schema=[{"name": "lines", "properties": columns}], tags=["gold"], status="deprecated"
    )
    write(drafts, "lines.odcs.yaml", changed)
    metric = {"name": "n", "version": "1.0.0", "kind": "metric", "command": "dbt run"}
    write(drafts, "o.odps.yaml", product(customProperties=custom(artefacts=[metric])))
    assert publish(mesh, drafts, "--dry-run") == 1
    printed, error = capsys.readouterr()
    assert "lines@1.2.0 changes, and would have to be 2.0.0" in error
    assert publish(mesh, drafts) == 1
    assert files(mesh) == before
    assert "--- a/products/lines.odcs.yaml\n+++ b/products/lines.odcs.yaml" in printed
    assert "\n-      - name: email\n" in printed
    meaning = printed.partition("what changes:")[2]
    for line in (
        "~ dataset mesh://sales/orders/lines@1.2.0",
        "breaking: column email is gone",
        "compatible: column weight is new",
        "breaking: column id: int64 became string",
        "status: active -> deprecated",
        "compatible: the dataset has the tag gold now",
        "+ metric mesh://sales/orders/n@1.0.0",
    ):
        assert line in meaning


def test_every_problem_is_told_with_the_name_of_the_file_handed_in(
    mesh: Path, drafts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small_mesh(drafts)
    write(drafts, "products/lines.odcs.yaml", contract(customProperties=[]))
    write(drafts, "products/more.odps.yaml", product(port(contractId="no"), name="more", id="m"))
    assert publish(mesh, drafts) == 1
    error = capsys.readouterr().err
    assert "has 2 problems" in error
    assert "products/lines.odcs.yaml" in error
    assert "needs the property mesh.binding" in error
    assert "products/more.odps.yaml:10: outputPorts[0].contractId: no contract has the id" in error
    assert files(mesh) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "not YAML"),
        ("kind: Other\n", "kind: must be DataProduct or DataContract"),
        ("kind: DataContract\napiVersion: v2.0.0\n", "apiVersion: must be one of"),
        ("x" * (4 * 1024 * 1024 + 1), "is larger than"),
    ],
)
def test_a_file_that_is_none_is_refused(
    mesh: Path, drafts: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    (drafts / "x.yaml").write_text(text)
    assert publish(mesh, drafts / "x.yaml") == 1
    assert said in capsys.readouterr().err


def test_a_mistake_in_the_mesh_can_be_mended(mesh: Path, drafts: Path) -> None:
    small_mesh(mesh)
    write(mesh, "products/sales/orders/lines-1.2.0.odcs.yaml", "kind: [")
    (mesh / "products" / "lines.odcs.yaml").unlink()
    write(drafts, "good.odcs.yaml", contract())
    assert publish(mesh, drafts / "good.odcs.yaml", "--force") == 0
    assert addresses(mesh) == ["mesh://sales/orders/lines@1.2.0"]


def test_a_file_of_something_else_is_not_overwritten(
    mesh: Path, drafts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(drafts, "a.yaml", contract(domain="sales", dataProduct="orders"))
    assert publish(mesh, drafts / "a.yaml") == 0
    write(drafts, "a.yaml", contract(id="another", domain="sales", dataProduct="orders"))
    assert publish(mesh, drafts / "a.yaml", "--force") == 1
    assert "declares something else" in capsys.readouterr().err


# over HTTP


class _Files(BaseHTTPRequestHandler):
    """Serves what its test has put into `routes`: a body, or a call that answers by itself."""

    routes: dict[str, Any]

    def do_GET(self) -> None:
        found = self.routes.get(self.path)
        if callable(found):
            found(self)
        elif found is None:
            self.send_error(404)
        else:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(found)

    def log_message(self, *_: Any) -> None:
        pass


Server = tuple[str, dict[str, Any]]


@pytest.fixture
def server() -> Iterator[Server]:
    handler = type("Handler", (_Files,), {"routes": {}})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}", handler.routes  # type: ignore[attr-defined]
        http.shutdown()
        thread.join()


def leads_to(url: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", url)
        handler.end_headers()

    return answer


def test_a_contract_from_a_url(mesh: Path, server: Server) -> None:
    base, routes = server
    routes["/c.yaml?ref=main"] = to_yaml(contract(domain="sales", dataProduct="orders")).encode()
    routes["/moved"] = leads_to(f"{base}/c.yaml?ref=main")
    assert publish(mesh, f"{base}/moved") == 0
    assert addresses(mesh) == ["mesh://sales/orders/lines@1.2.0"]


def test_a_url_is_fetched_within_bounds(server: Server) -> None:
    base, routes = server
    for step in range(MAX_REDIRECTS + 1):
        routes[f"/{step}"] = leads_to(f"{base}/{step + 1}")
    routes[f"/{MAX_REDIRECTS + 1}"] = b"there"
    assert download(f"{base}/1") == b"there"
    routes["/large"] = b"x" * (4 * 1024 * 1024 + 1)
    routes["/away"] = leads_to("ftp://127.0.0.1/x")
    routes["/file"] = leads_to("file:///etc/hostname")

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            for _ in range(40):
                handler.wfile.write(b"x")
                handler.wfile.flush()
                time.sleep(0.05)
        except OSError:
            pass  # the client has gone, as it should

    routes["/slow"] = drip
    for path, said in {
        "/0": "leads on too often",
        "/large": "is larger than",
        "/away": "away from http",
        "/file": "away from http",
        "/nowhere": "answered 404",
        "/slow": "did not come within",
    }.items():
        with pytest.raises(SourceFailure, match=said) as error:
            download(f"{base}{path}", seconds=0.5)
    with pytest.raises(SourceFailure, match="answered 404") as error:
        download(f"{base}/nowhere?token=hush")
    assert "hush" not in str(error.value)


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1/x", "file:///etc/hostname", "http:///x", "http://["]
)
def test_other_schemes_are_not_fetched(url: str) -> None:
    with pytest.raises(UserError, match="only http and https"):
        download(url)


def test_a_url_with_a_password_is_refused_without_repeating_it() -> None:
    with pytest.raises(GatewayError) as error:
        download("https://me:hush@example.org/c.yaml")
    assert "hush" not in str(error.value)


# data


def test_the_connector_of_data_is_guessed(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import duckdb

    data = mesh / "data"
    (data / "sold").mkdir(parents=True)
    pq.write_table(pa.table({"a": [1]}), data / "sold" / "one.parquet")
    (data / "prices.csv").write_text("a,b\n1,x\n")
    with closing(sqlite3.connect(data / "shop.data")) as database, database:
        database.execute("CREATE TABLE items (a INTEGER)")
    with duckdb.connect(str(data / "duck.data")) as duck:
        duck.execute("CREATE TABLE birds (a INTEGER)")
    for source, product_options in (
        ("shop.data", ()),
        ("duck.data", ()),
        ("prices.csv", ("--product", "price list".replace(" ", "_"))),
        ("sold", ()),
    ):
        assert publish(mesh, data / source, "--domain", "sales", *product_options) == 0
    assert addresses(mesh) == [
        "mesh://sales/duck/birds@1.0.0",
        "mesh://sales/price_list/prices@1.0.0",
        "mesh://sales/shop/items@1.0.0",
        "mesh://sales/sold/one@1.0.0",
    ]
    found = {d.address.product: d.binding.connector for d in Catalogue.load(mesh).datasets}
    assert found == {"duck": "duckdb", "price_list": "files", "shop": "sqlite", "sold": "files"}
    (data / "what").write_text("?")
    assert publish(mesh, data / "what", "--domain", "sales") == 1
    assert "--connector" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        publish(mesh, data / "sold")
    assert "--domain" in capsys.readouterr().err


def test_a_column_without_a_type_is_told_with_a_hint_and_renames_are_said(
    mesh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(sqlite3.connect(mesh / "shop.db")) as database, database:
        database.execute('CREATE TABLE "order lines" (id INTEGER, note TEXT)')
        database.execute("CREATE TABLE mixed (id INTEGER, anything)")
        database.execute("INSERT INTO mixed VALUES (1, 'a'), (2, 3)")
    assert publish(mesh, mesh / "shop.db", "--domain", "sales") == 1
    error = capsys.readouterr().err
    assert "left out mixed: column 'anything' of 'mixed' is declared without a type, and" in error
    assert "hint: publish a view that casts the column" in error
    assert "renamed 'order lines': it is published as order_lines" in error
    assert addresses(mesh) == ["mesh://sales/shop/order_lines@1.0.0"]


def test_a_dry_run_of_data_shows_what_would_change_as_comments(
    mesh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for columns in ("a INTEGER", "a INTEGER, b TEXT"):
        with closing(sqlite3.connect(mesh / "shop.db")) as database, database:
            database.execute("DROP TABLE IF EXISTS items")
            database.execute(f"CREATE TABLE items ({columns})")
        capsys.readouterr()
        assert publish(mesh, mesh / "shop.db", "--domain", "sales", "--dry-run") == 0
        printed = capsys.readouterr().out
        assert ("# +      - name: b" in printed) is ("b TEXT" in columns)
        assert publish(mesh, mesh / "shop.db", "--domain", "sales", "--force") == 0


def test_a_new_version_of_a_contract_that_comes_alone_gets_a_port(mesh: Path, drafts: Path) -> None:
    write(drafts, "a.odps.yaml", product())
    write(drafts, "a.odcs.yaml", contract())
    assert publish(mesh, drafts) == 0
    newer = write(drafts, "newer.odcs.yaml", {**wider(), "version": "1.3.0"})
    assert publish(mesh, newer / "newer.odcs.yaml") == 0
    assert addresses(mesh) == [f"mesh://sales/orders/lines@1.{minor}.0" for minor in (2, 3)]
    assert publish(mesh, newer / "newer.odcs.yaml") == 0  # the same again is no other port
    assert len(addresses(mesh)) == 2


def test_the_order_of_ports_is_no_change(mesh: Path, drafts: Path) -> None:
    write(drafts, "a.odps.yaml", product())
    write(drafts, "a.odcs.yaml", contract())
    assert publish(mesh, drafts) == 0
    write(drafts, "b.odcs.yaml", {**wider(), "version": "1.3.0"})
    write(drafts, "a.odps.yaml", product(port(version="1.3.0"), port()))
    assert publish(mesh, drafts, "--dry-run") == publish(mesh, drafts) == 0
    assert len(addresses(mesh)) == 2


def test_a_dry_run_refuses_what_needs_force(mesh: Path, drafts: Path) -> None:
    write(drafts, "a.odps.yaml", product())
    write(drafts, "a.odcs.yaml", contract())
    assert publish(mesh, drafts) == 0
    write(drafts, "a.odcs.yaml", contract(description={"purpose": "lines of orders"}, tags=["x"]))
    write(drafts, "a.odps.yaml", product(tags=["new"], status="deprecated"))
    assert publish(mesh, drafts, "--dry-run") == publish(mesh, drafts) == 1
    assert publish(mesh, drafts, "--dry-run", "--force") == 0
