"""A running gateway follows the files of its mesh: whole, and never to something broken."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gateway.catalogue import Catalogue
from gateway.catalogue.watch import CatalogueWatch
from gateway.config import Config
from gateway.errors import AccessDenied, SchemaDrift, UnknownDataset
from gateway.model import Principal, Request
from gateway.pipeline import Gateway
from tests.catalogue.meshes import contract, custom, port, product, write
from tests.gateways import ask

ANA = Principal("user:ana", ("sales/analyst",))
OPEN = "p,sales/analyst,*,*,read,*,*,*,allow\np2,sales/analyst,*,*,*,permissive,some,allow\n"
NOT_POLLING = Config(catalogue_poll_seconds=0)


def lines(name: str = "lines", least: int = 0, **changes: object) -> dict[str, object]:
    columns = [{"name": "id", "logicalType": "integer", "physicalType": "bigint"}]
    binding = {"connector": "files", "uri": "data", "object": f"{name}.parquet"}
    filters = [{"id": "some", "expr": f"id >= {least}"}]
    return contract(
        schema=[{"name": "lines", "properties": columns}],
        customProperties=custom(binding=binding, rowFilters=filters),
        **changes,
    )


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    for name, ids in {"lines": [1, 2, 3], "others": [7, 8]}.items():
        pq.write_table(pa.table({"id": ids}), tmp_path / "data" / f"{name}.parquet")
    write(tmp_path, "policies/open.csv", OPEN)
    write(tmp_path, "products/orders.odps.yaml", product())
    return write(tmp_path, "products/lines.odcs.yaml", lines())


@pytest.fixture
def gateway(mesh: Path) -> Iterator[Gateway]:
    opened = Gateway.open(mesh, NOT_POLLING)
    yield opened
    opened.close()


def look(gateway: Gateway) -> None:
    gateway.mesh.watch.refresh()


def ids(gateway: Gateway, text: str = "SELECT id FROM lines ORDER BY id") -> list[int]:
    found: list[int] = ask(gateway, text, ANA)["id"].to_pylist()
    return found


def test_what_is_published_counts_and_what_is_removed_does_not(
    gateway: Gateway, mesh: Path
) -> None:
    with pytest.raises(UnknownDataset):
        ids(gateway, "SELECT id FROM more")
    write(mesh, "products/more.odps.yaml", product(port(name="more"), name="more"))
    look(gateway)
    assert ids(gateway, "SELECT id FROM more") == [1, 2, 3]
    (mesh / "products/more.odps.yaml").unlink()
    look(gateway)
    with pytest.raises(UnknownDataset):
        ids(gateway, "SELECT id FROM more")
    assert ids(gateway) == [1, 2, 3]


def test_a_plan_over_a_dataset_as_it_was_is_not_used(gateway: Gateway, mesh: Path) -> None:
    assert ids(gateway) == [1, 2, 3] == ids(gateway)
    write(mesh, "products/lines.odcs.yaml", lines("others"))
    assert ids(gateway) == [1, 2, 3], "nobody has looked yet"
    look(gateway)
    assert ids(gateway) == [7, 8] == ids(gateway)
    write(mesh, "products/lines.odcs.yaml", lines("others", least=8))
    look(gateway)
    assert ids(gateway) == [8], "row filters are the contract's"


def test_what_was_prepared_before_is_prepared_again(gateway: Gateway, mesh: Path) -> None:
    prepared = gateway.prepare(Request(ANA, "SELECT id FROM lines ORDER BY id"))
    begun = gateway.prepare(Request(ANA, "SELECT id FROM lines ORDER BY id"))
    write(mesh, "products/lines.odcs.yaml", lines(least=2))
    look(gateway)
    result = gateway.execute(prepared)
    assert pa.Table.from_batches(list(result.batches))["id"].to_pylist() == [2, 3]
    with pytest.raises(AccessDenied, match="has changed since"):
        gateway.check_rights(begun, ANA)
    write(mesh, "products/lines.odcs.yaml", lines(least=2, tags=["new"]))
    now = gateway.prepare(Request(ANA, "SELECT id FROM lines"))
    look(gateway)
    assert gateway.check_rights(now, ANA).rights == now.rights, "words only have changed"


def test_a_contract_that_has_changed_is_compared_with_its_source(
    gateway: Gateway, mesh: Path
) -> None:
    assert ids(gateway) == [1, 2, 3]
    changed = lines()
    changed["schema"][0]["properties"][0]["name"] = "number"  # type: ignore[index]
    changed["customProperties"][1]["value"][0]["expr"] = "number > 0"  # type: ignore[index]
    write(mesh, "products/lines.odcs.yaml", changed)
    look(gateway)
    with pytest.raises(SchemaDrift, match="column number is not in the source"):
        ids(gateway, "SELECT number AS id FROM lines")


def test_a_broken_mesh_leaves_everything_as_it_is_and_says_so_once(
    gateway: Gateway, mesh: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = gateway.catalogue
    caplog.set_level(logging.INFO)
    write(mesh, "products/lines.odcs.yaml", "a: [\n")
    write(mesh, "products/orders.odps.yaml", product(kind="Product"))
    for _ in range(3):
        look(gateway)
    assert gateway.catalogue is before
    for file in ("lines.odcs.yaml:2", "orders.odps.yaml:2"):
        assert file in gateway.mesh.watch.problems
    told = [r for r in caplog.records if "stays as it is" in r.getMessage()]
    assert len(told) == 1 and "lines.odcs.yaml:2" in told[0].getMessage()
    assert ids(gateway) == [1, 2, 3]
    write(mesh, "products/orders.odps.yaml", product())
    write(mesh, "products/lines.odcs.yaml", lines())
    look(gateway)
    assert gateway.mesh.watch.problems == ""
    assert gateway.catalogue is before, "all is as it was"


def test_listeners_are_told_of_every_catalogue(
    gateway: Gateway, mesh: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[tuple[Catalogue | None, Catalogue]] = []

    def fails(before: Catalogue | None, now: Catalogue) -> None:
        raise RuntimeError("not well")

    gateway.mesh.watch.on_change(fails)
    gateway.mesh.watch.on_change(lambda before, now: told.append((before, now)))
    first = gateway.catalogue
    assert told == [(None, first)]
    look(gateway)
    assert len(told) == 1
    write(mesh, "products/lines.odcs.yaml", lines(tags=["new"]))
    look(gateway)
    assert told[1:] == [(first, gateway.catalogue)]
    assert [d.tags for _, c in told for d in c.datasets] == [(), ("new",)]
    assert "a listener to changes of the catalogue failed" in caplog.text


def test_a_gateway_looks_by_itself(mesh: Path) -> None:
    opened = Gateway.open(mesh, Config(catalogue_poll_seconds=0.05))
    try:
        write(mesh, "products/lines.odcs.yaml", lines("others"))
        deadline = time.monotonic() + 60
        while ids(opened) != [7, 8]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        opened.close()


def test_files_that_are_being_written_to_are_not_read_yet(gateway: Gateway, mesh: Path) -> None:
    before = gateway.catalogue.version

    class Writer(threading.Event):
        """Somebody who goes on writing while the gateway waits."""

        def wait(self, timeout: float | None = None) -> bool:
            write(mesh, "products/lines.odcs.yaml", lines("others", least=8))
            return False

    write(mesh, "products/lines.odcs.yaml", lines("others"))  # as yet without its row filter
    gateway.mesh.watch.look(Writer())
    assert gateway.catalogue.version == before
    gateway.mesh.watch.look(threading.Event())
    assert ids(gateway) == [8]


def test_a_second_gateway_starts_from_what_the_first_has_kept(
    gateway: Gateway, mesh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.catalogue.compiler.settled", lambda found, now: True)
    write(mesh, "products/lines.odcs.yaml", lines("others"))
    look(gateway)
    monkeypatch.setattr("gateway.catalogue.reading.read_text", lambda *_: pytest.fail("parsed"))
    opened = Gateway.open(mesh, NOT_POLLING)
    try:
        assert ids(opened) == [7, 8]
        assert opened.catalogue.version == gateway.catalogue.version
    finally:
        opened.close()


def test_looking_at_a_large_mesh_rests(mesh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Path] = []

    def slow(folder: Path) -> dict[str, str]:
        looks.append(folder)
        time.sleep(0.02)
        return {}

    watch = CatalogueWatch(Catalogue([], "none"), mesh)
    monkeypatch.setattr("gateway.catalogue.watch.scan", slow)
    for _ in range(5):
        watch.look(threading.Event())
    assert looks == [mesh]
    CatalogueWatch(Catalogue([], "none")).look(threading.Event())
