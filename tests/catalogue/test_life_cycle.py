"""The life of a dataset: what files say of it, commands that lead it, and what gateways note."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from connectors.interface import Binding
from gateway.catalogue import Catalogue
from gateway.catalogue.editing import with_life
from gateway.catalogue.events import events
from gateway.catalogue.life_cycle import declared_notices
from gateway.catalogue.transitions import transition
from gateway.cli import main
from gateway.config import Config
from gateway.errors import CatalogueError, UserError
from gateway.model import Address, Dataset, Deprecation
from gateway.pipeline import Gateway
from tests.catalogue.meshes import BINDING, contract, custom, port, product, small_mesh, write

LINES = "mesh://sales/orders/lines@1.2.0"
END = {"reason": "slow", "successor": LINES, "ends": "2027-01-31"}


def problems(mesh: Path) -> str:
    with pytest.raises(CatalogueError) as caught:
        Catalogue.load(mesh)
    return caught.value.message


def ending(mesh: Path, value: Any, status: str = "deprecated", **changes: Any) -> Path:
    """A second version, 2.0.0, that says this of its end."""
    write(mesh, "products/orders.odps.yaml", product(port(), port(version="2.0.0")))
    properties = custom(binding=BINDING, deprecation=value)
    second = contract(version="2.0.0", status=status, customProperties=properties, **changes)
    write(mesh, "products/lines.odcs.yaml", contract())
    return write(mesh, "products/lines-2.odcs.yaml", second)


def test_what_a_contract_says_of_its_end(tmp_path: Path) -> None:
    _, second = Catalogue.load(ending(tmp_path, END)).datasets
    assert second.deprecation == Deprecation("slow", LINES, "2027-01-31")
    whole = {**END, "successor": "mesh://sales/orders/lines"}
    assert Catalogue.load(ending(tmp_path, whole, "retired")).datasets[1].deprecation


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("soon", "must be a mapping with reason, successor and ends"),
        ({"until": "2027-01-31"}, "value.until: is not known here"),
        ({"ends": "31.01.2027"}, "'31.01.2027' is no date; write it 2027-01-31"),
        ({"ends": "2027-02-30"}, "is no date"),
        ({"ends": "20270131"}, "is no date"),
        ({"ends": 2027}, "value.ends: must be text"),
        ({"reason": " "}, "value.reason: must be text"),
        ({"successor": "sales.orders.lines"}, "is not a mesh address"),
        ({"successor": f"{LINES}#id"}, "must be a dataset, not a column"),
        ({"successor": "mesh://sales/orders/lime"}, "there is no dataset mesh://sales/orders/lime"),
        ({"successor": "mesh://sales/orders/lines@1.3.0"}, f"did you mean {LINES}?"),
        ({"successor": "mesh://sales/orders/lines@2.0.0"}, "can not be its own successor"),
    ],
)
def test_an_end_that_can_not_be_is_a_problem_with_its_place(
    tmp_path: Path, value: Any, said: str
) -> None:
    message = problems(ending(tmp_path, value))
    assert said in message
    assert "products/lines-2.odcs.yaml:" in message
    assert "customProperties[1].value" in message


def test_an_end_belongs_to_what_ends(tmp_path: Path) -> None:
    assert "the status is active" in problems(ending(tmp_path, END, "active"))
    misspelt = contract(customProperties=custom(binding=BINDING, deprecated=END))
    write(small_mesh(tmp_path), "products/lines.odcs.yaml", misspelt)
    (tmp_path / "products/lines-2.odcs.yaml").unlink()
    assert "did you mean mesh.deprecation?" in problems(tmp_path)


@pytest.mark.parametrize(
    ("status", "hint"),
    [("Active", "did you mean active?"), ("finished", "there are active, deprecated, proposed")],
)
def test_a_status_that_is_none_is_a_problem(tmp_path: Path, status: str, hint: str) -> None:
    write(small_mesh(tmp_path), "products/lines.odcs.yaml", contract(status=status))
    assert f"status: {status!r} is no status; {hint}" in problems(tmp_path)
    write(small_mesh(tmp_path), "products/orders.odps.yaml", product(status=status))
    assert f"products/orders.odps.yaml:6: status: {status!r}" in problems(tmp_path)


@pytest.mark.parametrize(
    ("of_product", "of_contract", "status"),
    [
        ("active", "deprecated", "deprecated"),
        ("deprecated", "active", "deprecated"),
        ("deprecated", "retired", "retired"),
        ("draft", "deprecated", "draft"),
        ("retired", "draft", "retired"),
        ("proposed", "active", "proposed"),
    ],
)
def test_a_dataset_is_as_far_as_the_further_of_its_files(
    tmp_path: Path, of_product: str, of_contract: str, status: str
) -> None:
    write(small_mesh(tmp_path), "products/lines.odcs.yaml", contract(status=of_contract))
    write(tmp_path, "products/orders.odps.yaml", product(status=of_product))
    assert Catalogue.load(tmp_path).datasets[0].status == status


def test_a_notice_tells_when_it_ends_and_when_it_has_ended() -> None:
    schema = pa.schema([("id", pa.int64())])
    old = Dataset(
        Address("sales", "orders", "lines", "1.0.0"),
        schema,
        Binding("memory", "memory:x", "x"),
        status="deprecated",
        deprecation=Deprecation("slow", "mesh://a/b/c", "2027-01-31"),
    )

    def said(day: datetime.date) -> str:
        (notice,) = declared_notices(old, None, day)
        return notice.message

    assert said(datetime.date(2027, 1, 31)) == "it is deprecated; slow; it ends on 2027-01-31"
    assert said(datetime.date(2027, 2, 1)) == (
        "it is deprecated; slow; it was to end on 2027-01-31, and may be retired at any time"
    )


# Commands

CONTRACT = """\
# The lines of all orders
apiVersion: v3.1.0
kind: DataContract
id: sales.orders.lines   # never changes
version: 1.2.0
status: draft  # until the audit
schema:
- name: lines
  properties:
  - {name: id, logicalType: integer, physicalType: bigint}
customProperties:
- property: mesh.binding
  value:
    connector: files
    uri: data/lines
    object: "*.parquet"  # every part

# the end
"""


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    write(tmp_path, "products/orders.odps.yaml", product())
    return write(tmp_path, "products/lines.odcs.yaml", CONTRACT)


@pytest.fixture
def command(mesh: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    def run(*words: str) -> tuple[int, str]:
        code = main(["catalogue", *words, "--mesh", str(mesh)])
        done = capsys.readouterr()
        return code, done.err if code else done.out

    return run


def text(mesh: Path) -> str:
    return (mesh / "products/lines.odcs.yaml").read_text()


def test_a_life_from_draft_to_retired(mesh: Path, command: Callable[..., tuple[int, str]]) -> None:
    code, said = command("activate", LINES)
    assert code == 0
    assert said.splitlines()[-1] == f"{LINES} is active"
    assert text(mesh) == CONTRACT.replace("status: draft", "status: active")
    code, said = command("deprecate", LINES, "--reason", 'it\'s "slow"', "--ends", "2027-01-31")
    assert code == 0
    entry = (
        '- property: mesh.deprecation\n  value: {reason: "it\'s \\"slow\\"", ends: "2027-01-31"}\n'
    )
    expected = CONTRACT.replace("status: draft", "status: deprecated").replace(
        "  # every part\n", f"  # every part\n{entry}"
    )
    assert text(mesh) == expected
    assert command("deprecate", "sales.orders.lines", "--reason", "slow")[0] == 0
    (dataset,) = Catalogue.load(mesh).datasets
    assert dataset.deprecation == Deprecation("slow", "", "2027-01-31")
    assert command("retire", "sales.orders.lines@1.2.0")[0] == 0
    (dataset,) = Catalogue.load(mesh).datasets
    assert (dataset.status, dataset.deprecation) == (
        *("retired", Deprecation("slow", "", "2027-01-31")),
    )


@pytest.mark.parametrize(
    ("status", "words", "said"),
    [
        ("draft", ("deprecate", LINES), "is draft and can not become deprecated"),
        ("draft", ("retire", LINES, "--force"), "is draft and can not become retired"),
        ("active", ("activate", LINES), "is active already"),
        ("active", ("retire", LINES), "insist with --force"),
        ("retired", ("activate", LINES), "publish a new version instead"),
        ("retired", ("deprecate", LINES), "publish a new version instead"),
        ("deprecated", ("activate", LINES), "it can become retired"),
        ("draft", ("activate", "mesh://sales/orders/lime"), "did you mean mesh://sales/orders/lin"),
        ("draft", ("activate", "sales.orders.lines@7"), f"there is {LINES} (draft)"),
        ("draft", ("activate", "lines"), "is not a mesh address"),
        ("draft", ("activate", f"{LINES}#id"), "a column has no life of its own"),
        ("draft", ("activate",), "name one dataset"),
        ("active", ("deprecate", LINES, "--ends", "soon"), "--ends: 'soon' is no date"),
        ("active", ("deprecate", LINES, "--successor", LINES), "can not be its own successor"),
        ("active", ("deprecate", LINES, "--successor", "mesh://a/b/c"), "there is no dataset"),
        ("active", ("revive", LINES), "not something to do with a catalogue"),
    ],
)
def test_a_step_that_is_none_is_refused_and_nothing_written(
    mesh: Path, command: Callable[..., tuple[int, str]], status: str, words: Any, said: str
) -> None:
    before = CONTRACT.replace("status: draft", f"status: {status}")
    write(mesh, "products/lines.odcs.yaml", before)
    code, error = command(*words)
    assert (code, said in error) == (1, True), error
    assert text(mesh) == before
    assert {p.name for p in (mesh / "products").iterdir()} == {
        "lines.odcs.yaml",
        "orders.odps.yaml",
    }


def test_what_becomes_active_has_no_end(
    mesh: Path, command: Callable[..., tuple[int, str]]
) -> None:
    with pytest.raises(SystemExit):
        command("activate", LINES, "--ends", "2027-01-31")
    with pytest.raises(UserError, match="has no end"):
        transition(mesh, Address.parse(LINES), "active", Deprecation("slow"))
    assert text(mesh) == CONTRACT


def test_what_is_active_is_retired_by_force(
    mesh: Path, command: Callable[..., tuple[int, str]]
) -> None:
    command("activate", LINES)
    assert command("retire", LINES, "--force", "--reason", "it leaks")[0] == 0
    (dataset,) = Catalogue.load(mesh).datasets
    assert (dataset.status, dataset.deprecation) == ("retired", Deprecation("it leaks"))


def test_a_draft_of_a_product_that_is_one_itself_stays_one(
    mesh: Path, command: Callable[..., tuple[int, str]]
) -> None:
    write(mesh, "products/orders.odps.yaml", product(status="draft"))
    code, said = command("activate", LINES)
    assert code == 1 and "would still be draft, as its product is" in said
    assert text(mesh) == CONTRACT


def test_a_version_that_breaks_another_is_not_activated(
    mesh: Path, command: Callable[..., tuple[int, str]]
) -> None:
    command("activate", LINES)
    broken = CONTRACT.replace("1.2.0", "1.3.0").replace("bigint", "varchar(9)")
    write(mesh, "products/lines-2.odcs.yaml", broken)
    write(mesh, "products/orders.odps.yaml", product(port(), port(version="1.3.0")))
    code, said = command("activate", "sales.orders.lines@1.3.0")
    assert code == 1
    assert "products/lines-2.odcs.yaml:5: version: version 1.3.0 of sales.orders.lines" in said
    assert "breaks version 1.2.0, and has to be 2.0.0: column id: int64 became string" in said
    assert (mesh / "products/lines-2.odcs.yaml").read_text() == broken


def test_a_draft_is_held_to_its_number_when_it_is_activated(
    mesh: Path, command: Callable[..., tuple[int, str]]
) -> None:
    command("activate", LINES)
    more = "  - {name: id, logicalType: integer, physicalType: bigint}\n"
    added = CONTRACT.replace(more, f"{more}  - {{name: num, logicalType: integer}}\n")
    file = write(mesh, "products/lines-2.odcs.yaml", added.replace("1.2.0", "1.2.1"))
    write(mesh, "products/orders.odps.yaml", product(port(), port(version="1.2.1")))
    code, said = command("activate", "sales.orders.lines@1.2.1")
    assert code == 1 and file
    assert "differs from 1.2.0, and would have to be 1.3.0:\n    compatible: column num is" in said


LAYOUTS = {
    "flow": 'version: 1.0.0\ncustomProperties: [{property: a, value: 1}]\nstatus: "active"\n',
    "empty flow": "version: 1.0.0\nstatus: active\ncustomProperties: []\n",
    "no properties, no end of line": "version: 1.0.0\nstatus: active",
    "no status": "version: 1.0.0  # first\nid: x\n",
    "indented": "version: 1\nstatus: active\ncustomProperties:\n    - property: a\n      value: >\n"
    "        long\n        text\n\n# after\nid: x\n",
    "windows": "version: 1.0.0\r\nstatus: active\r\ncustomProperties:\r\n  - property: a\r\n"
    "    value: 1\r\nid: x\r\n",
    "replaced": "status: active\nversion: 1\ncustomProperties:\n  - property: mesh.deprecation\n"
    "    value:\n      reason: old  # why\n      ends: '2026-01-01'\n    description: x\n",
    "byte order mark": "\ufeffversion: 1.0.0\nstatus: active\n",
    "other letters": "version: 1.0.0\nname: Übergröße 雪\nstatus: active\ndescription: 'ü'\n",
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_contract_is_edited_however_it_is_laid_out(layout: str) -> None:
    before = LAYOUTS[layout]
    end = Deprecation("ends: soon # 'now' ü", "mesh://a/b/c", "2027-01-31")
    after = with_life(before, "x.odcs.yaml", "deprecated", end)  # which reads it again
    if layout != "replaced":
        kept = [line for line in before.splitlines() if "status" not in line and "[" not in line]
        assert [line for line in after.splitlines() if line in kept] == kept
    assert ("\r\n" in after) == ("\r\n" in before)
    assert with_life(after, "x.odcs.yaml", "retired", None) == after.replace(
        "status: deprecated", "status: retired"
    )


def test_what_can_not_be_edited_is_said() -> None:
    for before in ("{version: 1.0.0, id: x}", "version: 1.0.0\nstatus: active\n...\n"):
        with pytest.raises(UserError, match="can not be edited by a command"):
            with_life(before, "x.odcs.yaml", "deprecated", Deprecation("slow"))


# Gateways


def until(said: Callable[[], list[str]], wanted: list[str]) -> None:
    ends = time.monotonic() + 20
    while said() != wanted and time.monotonic() < ends:
        time.sleep(0.02)
    assert said() == wanted


def test_a_gateway_notes_what_happens_while_it_runs(
    mesh: Path, command: Callable[..., tuple[int, str]]
) -> None:
    code, said = command("events")
    assert code == 1 and "a gateway that serves it" in said
    opened = Gateway.open(mesh, Config(catalogue_poll_seconds=0.05))
    assert opened.mesh.memory is not None
    store = opened.mesh.memory.store

    def kinds() -> list[str]:
        return [event.kind for event in events(store)]

    try:
        until(kinds, ["registered"])
        command("activate", LINES)
        until(kinds, ["registered", "activated"])
        changed = text(mesh).replace("physicalType: bigint", "physicalType: varchar(9)")
        write(mesh, "products/lines.odcs.yaml", changed)
        until(kinds, ["registered", "activated", "broken_in_place"])
        codes = ("CONTRACT_CHANGED",)
        standing = opened.mesh.standing
        until(lambda: [n.code for n in standing.of(LINES) if n.code in codes], [*codes])
        command("deprecate", LINES, "--reason", "wrong")
        until(kinds, ["registered", "activated", "broken_in_place", "deprecated"])
    finally:
        opened.close()
    code, said = command("events", "sales.orders.lines")
    rows = [line.split("\t")[1:] for line in said.splitlines()]
    assert code == 0
    assert rows == [
        ["registered", LINES, 'to: "draft"'],
        ["activated", LINES, 'from: "draft", to: "active"'],
        ["broken_in_place", LINES, "breaking: column id: int64 became string"],
        ["deprecated", LINES, 'from: "active", to: "deprecated", reason: "wrong"'],
    ]
    assert command("events", "mesh://sales/orders/lines@9") == (0, "")
    Gateway.open(mesh).close()
    assert len(command("events")[1].splitlines()) == 4
