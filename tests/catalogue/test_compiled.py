"""The compiled catalogue: the same as the files, whatever happens to them, and never believed."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from connectors.interface import Binding
from gateway.catalogue import Catalogue, reading
from gateway.catalogue.codec import pack, unpack
from gateway.catalogue.entries import entry_of
from gateway.catalogue.files import scan, settled
from gateway.catalogue.shelf import Shelf
from gateway.errors import CatalogueError, MemoryUnavailable
from gateway.memory.sqlite_store import SqliteStore
from gateway.memory.store import Store
from gateway.model import (
    Address,
    BusinessTerm,
    Contact,
    Dataset,
    Deprecation,
    ForeignKey,
    Member,
    Promise,
    QualityRule,
    Residency,
    Team,
    Threshold,
    Timing,
    View,
)
from tests.catalogue.meshes import contract, custom, port, product, small_mesh, write


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = SqliteStore(tmp_path / "state" / "memory.db")
    yield opened
    opened.close()


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are parsed."""
    parsed: list[str] = []
    parse = reading.read_text

    def counted(data: bytes, name: str) -> Any:
        parsed.append(name)
        return parse(data, name)

    monkeypatch.setattr(reading, "read_text", counted)
    return parsed


def outcome(mesh: Path, shelf: Shelf | None = None, before: Catalogue | None = None) -> object:
    """All of a catalogue that can be told, or all that is wrong with it."""
    try:
        catalogue = Catalogue.load(mesh, shelf, before)
    except CatalogueError as error:
        return str(error)
    return told(catalogue)


def told(catalogue: Catalogue) -> list[object]:
    return [
        (dataset, dataset.schema.serialize().to_pybytes(), entry_of(dataset) == entry)
        for dataset, entry in zip(catalogue.datasets, catalogue.entries, strict=True)
    ]


def age(mesh: Path) -> None:
    """Let files look as if they had not been touched for long, as far as anybody can."""
    for path in scan(mesh):
        os.utime(mesh / path, (1_000_000_000, 1_000_000_000))


@pytest.fixture
def calm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files count as settled at once; only for tests that write no file twice in an instant."""
    monkeypatch.setattr("gateway.catalogue.compiler.settled", lambda look, now: True)


def test_a_second_start_reads_no_file(
    tmp_path: Path, store: Store, read: list[str], calm: None
) -> None:
    small_mesh(tmp_path)
    first = outcome(tmp_path, Shelf(store, tmp_path))
    assert len(read) == 2
    assert outcome(tmp_path, Shelf(store, tmp_path)) == first == outcome(tmp_path)
    assert len(read) == 4, "only the load without a store has read them"


def test_files_that_were_written_just_now_are_read_again(
    tmp_path: Path, store: Store, read: list[str]
) -> None:
    small_mesh(tmp_path)
    first = outcome(tmp_path, Shelf(store, tmp_path))
    file = tmp_path / "products/lines.odcs.yaml"
    text, before = file.read_text(), file.stat()
    file.write_text(text.replace("pii", "piX"))  # as long, and at the same time
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert outcome(tmp_path, Shelf(store, tmp_path)) == outcome(tmp_path) != first


def test_a_file_is_settled_when_a_change_is_sure_to_show() -> None:
    second = 1_000_000_000
    assert settled(f"10 {5 * second} {6 * second} 1", 9 * second)
    assert not settled(f"10 {5 * second} {6 * second} 1", 8 * second)
    assert not settled(f"10 {9 * second} {1 * second} 1", 9 * second)
    assert not settled("", 9 * second)


def test_an_old_looking_change_is_noticed(tmp_path: Path, store: Store, calm: None) -> None:
    small_mesh(tmp_path)
    age(tmp_path)
    first = outcome(tmp_path, Shelf(store, tmp_path))
    file = tmp_path / "products/lines.odcs.yaml"
    file.write_text(file.read_text().replace("pii", "piX"))
    age(tmp_path)
    assert outcome(tmp_path, Shelf(store, tmp_path)) == outcome(tmp_path) != first


def test_touched_files_are_looked_into_and_found_the_same(
    tmp_path: Path, store: Store, read: list[str], calm: None
) -> None:
    small_mesh(tmp_path)
    first = outcome(tmp_path, Shelf(store, tmp_path))
    age(tmp_path)
    read.clear()
    assert outcome(tmp_path, Shelf(store, tmp_path)) == first
    assert read == []


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE catalogue_products SET datasets = 'eJwDAAAAAAE='",
        "UPDATE catalogue_products SET summary = replace(summary, 'pii', 'odd')",
        "UPDATE catalogue_products SET basis = 'x'",
        "DELETE FROM catalogue_products",
        "DELETE FROM catalogue_files WHERE path LIKE '%odcs%'",
        "UPDATE catalogue_files SET digest = 'x'",
        "UPDATE catalogue_files SET facts = '[]'",
        "UPDATE catalogue_places SET state = 'x complete'",
        "UPDATE catalogue_places SET code = 'x'",
        "DELETE FROM catalogue_places",
    ],
)
def test_what_is_damaged_or_of_other_rules_is_not_believed(
    tmp_path: Path, store: Store, read: list[str], calm: None, damage: str
) -> None:
    small_mesh(tmp_path)
    first = outcome(tmp_path, Shelf(store, tmp_path))
    with store.writing() as writing:
        assert writing.execute(damage) > 0
    read.clear()
    assert outcome(tmp_path, Shelf(store, tmp_path)) == first
    assert len(read) == 2
    assert outcome(tmp_path, Shelf(store, tmp_path)) == first
    assert len(read) == 2, "it has been kept anew"


def test_a_mesh_elsewhere_is_another(tmp_path: Path, store: Store, calm: None) -> None:
    small_mesh(tmp_path / "one")
    first = Catalogue.load(tmp_path / "one", Shelf(store, tmp_path / "one"))
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    second = Catalogue.load(tmp_path / "two", Shelf(store, tmp_path / "two"))
    assert second.datasets[0].binding.uri == str(tmp_path / "two/data/lines")
    assert first.datasets[0].binding.uri == str(tmp_path / "one/data/lines")
    assert second.datasets[0].revision != first.datasets[0].revision


def test_a_store_with_a_fault_is_done_without(tmp_path: Path) -> None:
    class Faulty:
        def reading(self) -> Any:
            raise MemoryUnavailable("it is gone")

        writing = reading

    small_mesh(tmp_path)
    assert len(Catalogue.load(tmp_path, Shelf(Faulty(), tmp_path)).datasets) == 1  # type: ignore[arg-type]


def test_two_gateways_keep_one_whole(tmp_path: Path, store: Store, calm: None) -> None:
    small_mesh(tmp_path)
    one, two = Shelf(store, tmp_path), Shelf(store, tmp_path)
    first, second = Catalogue.load(tmp_path, one), Catalogue.load(tmp_path, two)
    write(tmp_path, "products/lines.odcs.yaml", contract(tags=["new"]))
    first = Catalogue.load(tmp_path, one, first)
    write(tmp_path, "products/lines.odcs.yaml", contract(tags=["newer"]))
    second = Catalogue.load(tmp_path, two, second)
    assert told(Catalogue.load(tmp_path, Shelf(store, tmp_path))) == told(second) != told(first)


def random_mesh(mesh: Path, rng: random.Random) -> None:
    """Four contracts and three products, nothing of them wrong."""
    for file in mesh.glob("*.yaml"):
        file.unlink()
    for number in range(4):
        write_contract(mesh, rng, number, wild=0)
    for number in range(3):
        write_product(mesh, rng, number, wild=0)


def write_contract(mesh: Path, rng: random.Random, number: int, wild: float = 0.1) -> None:
    def odd(usual: Any, *others: Any) -> Any:
        return rng.choice(others) if rng.random() < wild else usual

    to = rng.choice(["t.id", "c0.odcs.yaml#/schema/t/properties/id"])
    to = odd(to, "nothing.id", "c4.odcs.yaml#/schema/t/properties/id")
    column: dict[str, Any] = {"name": "other", "logicalType": "integer"}
    if rng.random() < 0.4:
        column["relationships"] = [{"to": to}]
    name = odd("id", "other", "identity")
    tags = rng.choice([["pii"], []])
    columns = [{"name": name, "logicalType": "integer", "tags": tags}, column]
    properties = custom(binding={"connector": odd("files", "fils"), "uri": "data", "object": "x"})
    properties += custom(**{odd("rowPolicy", "rowPolicies"): "required"} if wild else {})
    changes: dict[str, Any] = {
        "id": odd(f"id{number}", "id0"),
        "version": odd("1.0.0", "2.0.0"),
        "status": rng.choice(["active", "deprecated"]),
        "schema": [{"name": "t", "properties": columns}],
        "customProperties": properties,
    }
    write(mesh, f"c{number}.odcs.yaml", odd(contract(**changes), contract(**changes), "a: [\n"))


def write_product(mesh: Path, rng: random.Random, number: int, wild: float = 0.1) -> None:
    def odd(usual: Any, *others: Any) -> Any:
        return rng.choice(others) if rng.random() < wild else usual

    ports = [
        port(
            name=odd(f"d{place}", f"D{place}"),
            version=odd("1.0.0", "2.0.0"),
            contractId=odd(f"id{rng.randrange(4)}", "id9", "id4"),
        )
        for place in range(rng.choice([1, 2]))
    ]
    name = odd(f"p{number}", "p0", "P1")
    write(mesh, f"p{number}.odps.yaml", product(*ports, name=name, tags=[rng.choice("ab")]))


def change(mesh: Path, rng: random.Random) -> None:
    number = rng.randrange(5)
    match rng.randrange(10):
        case 0:
            (mesh / f"c{number}.odcs.yaml").unlink(missing_ok=True)
        case 1:
            (mesh / f"p{number % 4}.odps.yaml").unlink(missing_ok=True)
        case 2 | 3 | 4:
            write_product(mesh, rng, number % 4)
        case _:
            write_contract(mesh, rng, number)


@pytest.mark.parametrize("seed", range(8))
def test_whatever_changes_what_was_compiled_is_what_the_files_say(
    tmp_path: Path, store: Store, seed: int
) -> None:
    rng = random.Random(seed)
    mesh = tmp_path / "mesh"
    mesh.mkdir()
    random_mesh(mesh, rng)
    current: Catalogue | None = None
    shelf = Shelf(store, mesh)
    good = 0
    for _ in range(25):
        expected = outcome(mesh)
        assert outcome(mesh, shelf if rng.random() < 0.5 else Shelf(store, mesh)) == expected
        if not isinstance(expected, str):
            followed = Catalogue.load(mesh, None, current)
            assert told(followed) == expected
            assert followed.version == Catalogue.load(mesh).version
            current = followed
            good += 1
        elif current is not None:
            assert outcome(mesh, None, current) == expected
        if isinstance(expected, str) and rng.random() < 0.3:
            random_mesh(mesh, rng)
        for _ in range(rng.choice([1, 1, 2])):
            change(mesh, rng)
    assert 5 < good < 25


def test_only_what_a_change_concerns_is_made_again(
    tmp_path: Path, read: list[str], calm: None
) -> None:
    for number in range(5):
        own = {"id": f"c{number}", "version": "1.0.0"}
        write(tmp_path, f"c{number}.odcs.yaml", contract(**own))
        ports = [port(name=f"d{number}", version="1.0.0", contractId=f"c{number}")]
        write(tmp_path, f"p{number}.odps.yaml", product(*ports, name=f"p{number}"))
    first = Catalogue.load(tmp_path)
    write(tmp_path, "c3.odcs.yaml", contract(id="c3", version="1.0.0", tags=["new"]))
    read.clear()
    second = Catalogue.load(tmp_path, None, first)
    assert set(read) == {"c3.odcs.yaml", "p3.odps.yaml"}
    assert [d.tags for d in second.datasets] == [(), (), (), ("new",), ()]
    changed = [
        a.revision != b.revision for a, b in zip(first.datasets, second.datasets, strict=True)
    ]
    assert changed == [False, False, False, True, False]
    kept, other = first.compilation.products, second.compilation.products
    assert [p for p in kept if kept[p] is not other[p]] == ["p3.odps.yaml"]


def test_very_many_files_are_read_by_several_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        write(tmp_path, f"c{number}.odcs.yaml", contract(id=f"c{number}"))
    write(tmp_path, "broken.odcs.yaml", "a: [\n")
    alone = outcome(tmp_path)
    monkeypatch.setattr(reading, "MANY", 3)
    monkeypatch.setattr(reading, "CHUNK", 2)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert outcome(tmp_path) == alone
    assert "broken.odcs.yaml:2" in str(alone)


def test_a_dataset_is_one_object_as_long_as_somebody_holds_it(tmp_path: Path) -> None:
    datasets = Catalogue.load(small_mesh(tmp_path)).datasets
    held = datasets[0]
    assert datasets[0] is held and datasets[-1] is held and next(iter(datasets)) is held
    datasets._recent.clear()  # type: ignore[attr-defined]
    assert datasets[0] is held
    with pytest.raises(IndexError):
        datasets[1]
    assert list(datasets[0:5]) == [held]


WHOLE = Dataset(
    Address("d", "p", "n", "1.0.0"),
    pa.schema(
        [
            pa.field("id", pa.int64(), nullable=False, metadata={"mesh.comment": "ü"}),
            pa.field("l", pa.list_(pa.struct([pa.field("x", pa.decimal128(9, 2))]))),
            pa.field("ts", pa.timestamp("us", "Europe/Prague")),
        ]
    ),
    Binding("files", "/a", "b", {"k": "v"}),
    *("title", "description", ("a", "b"), "owner", "deprecated", ("id",)),
    (ForeignKey(("id",), Address("d", "p", "m"), ("x", "y"), "fk"),),
    {"id": ("pii",)},
    {"f": "a = 1"},
    *(True, True, Residency(("EU", "CH"), 5), Deprecation("old", "mesh://d/p/m", "2027-01-01")),
    (
        QualityRule(
            *("q", {"metric": "rowCount", "must": [1, 2.5, None, {"a": True}]}, "id"),
            *("library", "m", Threshold("mustBeBetween", 1, 2.5), True, ("a", 1, 2.5, True, None)),
            *("p", ("id", "l"), "SELECT 1", "soda", Timing("deny", "* * * * *", 5.0), "print"),
        ),
    ),
    (Promise("freshness", "24", "h", "ts", "latency", 86400.0, Timing("deny"), "print"),),
    ("audit",),
    {"id": BusinessTerm("Identity", "https://x")},
    *({"id": "secret"}, "usage", "limitations"),
    Team("t", "d", (Member("m", "n", "r", "2024-01-01"),), (Contact("c", "https://c", "slack"),)),
    View("SELECT 1", "d/r", True, "sql", "trino"),
    "a.odcs.yaml",
)


def test_every_field_of_a_dataset_survives() -> None:
    plain = Dataset(Address("d", "p", "n"), pa.schema([]), Binding("memory", "", "x"))
    packed = pack([WHOLE, plain])
    for place, dataset in enumerate([WHOLE, plain]):
        back = unpack(packed, place)
        assert back == dataset
        assert back.schema.equals(dataset.schema, check_metadata=True)
        assert back.revision
        for name in Dataset.__slots__:
            if name not in ("__weakref__", "revision"):
                assert repr(getattr(back, name)) == repr(getattr(dataset, name)), name


@pytest.mark.parametrize("packed", ["", "x", "AAAA", "eJw=", pack([WHOLE])[:-8]])
def test_what_is_no_dataset_is_an_error_and_nothing_else(packed: str) -> None:
    with pytest.raises(ValueError):
        unpack(packed, 0)
