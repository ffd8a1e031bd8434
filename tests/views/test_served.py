"""A served mesh: sources are looked at in turn and on demand, and changes are kept."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from bench.mesh import govern
from gateway.cli import main
from gateway.config import Config
from gateway.errors import GatewayError
from gateway.memory.store import Store, open_store
from gateway.model import Address, Principal
from gateway.notices import Standing
from gateway.pipeline import Gateway
from gateway.views.health import Finding, Health, Level
from gateway.views.journal import HealthJournal
from gateway.views.watch import FINDER
from tests.flight.serving import Served
from tests.gateways import ask
from tests.services import Postgres
from tests.views.meshes import POLICIES, alter, declare, made, reset

ANA, BOB = Principal("user:ana"), Principal("user:bob")
TOP = "mesh://views/top/top@1.0.0"
STAFF = "mesh://shop/staff/staff@1.0.0"


def until(true: Callable[[], object]) -> None:
    ends = time.monotonic() + 20
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.02)


def test_sources_are_looked_at_in_turn_and_changes_come_up(tmp_path: Path) -> None:
    mesh = made(tmp_path)
    opened = Gateway.open(mesh, Config(schema_poll_seconds=0.1))
    watch = opened.mesh.views.watch
    until(lambda: watch.state(STAFF) is not None)
    alter(mesh, "ALTER TABLE staff DROP COLUMN pay")
    until(lambda: watch.healths[TOP].level is Level.BROKEN)
    with pytest.raises(GatewayError, match="broken"):
        ask(opened, "SELECT * FROM top", ANA)
    reset(mesh)
    until(lambda: watch.healths[TOP].level is Level.VALID)
    assert ask(opened, "SELECT * FROM top", ANA).to_pylist() == [{"total": 30}]
    assert opened.mesh.memory is not None
    journal = HealthJournal(opened.mesh.memory.store)
    until(lambda: len(journal.events(TOP)) == 3)
    assert [(e.before, e.level) for e in journal.events(TOP)] == [
        ("", "valid"), ("valid", "broken"), ("broken", "valid")
    ]  # fmt: skip
    assert "column pay is not in the source" in journal.events(TOP)[1].reason
    opened.close()


def test_a_query_that_is_refused_has_a_mended_source_looked_at(tmp_path: Path) -> None:
    mesh = made(tmp_path)
    opened = Gateway.open(mesh, Config(schema_poll_seconds=3600))
    watch = opened.mesh.views.watch
    until(lambda: watch.healths)
    alter(mesh, "ALTER TABLE staff DROP COLUMN pay")
    with pytest.raises(GatewayError, match="SCHEMA_DRIFT"):
        ask(opened, "SELECT * FROM top", ANA)
    until(lambda: watch.healths[TOP].level is Level.BROKEN)
    reset(mesh)

    def answered() -> bool:
        try:
            return ask(opened, "SELECT * FROM top", ANA).num_rows == 1
        except GatewayError:
            return False

    until(answered)
    opened.close()


def test_health_can_be_asked_for_by_sql(tmp_path: Path) -> None:
    mesh = made(tmp_path)
    opened = Gateway.open(mesh, Config(schema_poll_seconds=3600))
    until(lambda: opened.mesh.views.watch.healths)
    alter(mesh, "ALTER TABLE staff DROP COLUMN pay")
    opened.browsing.refresh(ANA, Address.parse(STAFF))
    sql = "SELECT dataset, health, reason, stands_on FROM system.catalogue.view_health ORDER BY 1"
    everything = {row.pop("dataset"): row for row in ask(opened, sql, ANA).to_pylist()}
    assert {name: row["health"] for name, row in everything.items()} == {
        "pays": "broken", "places": "degraded", "top": "broken", "totals": "broken"
    }  # fmt: skip
    assert everything["pays"]["stands_on"] == STAFF
    assert STAFF in everything["top"]["reason"]
    some = {row.pop("dataset"): row for row in ask(opened, sql, BOB).to_pylist()}
    assert {name: row["health"] for name, row in some.items()} == {
        name: row["health"] for name, row in everything.items()
    }
    assert "shop" not in repr(some) and "column pay" not in repr(some)
    assert ask(opened, sql, Principal("user:eve")).num_rows == 0
    opened.close()


def test_a_catalogue_read_anew_is_judged_at_once(tmp_path: Path) -> None:
    mesh = made(tmp_path)
    opened = Gateway.open(mesh, Config(schema_poll_seconds=3600, catalogue_poll_seconds=0.1))
    until(lambda: opened.mesh.views.watch.healths)
    declare(mesh, "views", "orphan", ["id"], view="SELECT id FROM gone")
    orphan = "mesh://views/orphan/orphan@1.0.0"
    until(lambda: orphan in opened.mesh.views.watch.healths)
    assert opened.mesh.views.watch.healths[orphan].level is Level.BROKEN
    declare(mesh, "views", "orphan", ["id"], view={"query": "x", "language": "cypher"})
    until(lambda: "there are sql" in opened.mesh.watch.problems)
    assert orphan in {str(view.address) for view in opened.catalogue.views}
    opened.close()


def test_nobody_is_looked_at_where_the_settings_say_so(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    opened = Gateway.open(made(tmp_path), Config(schema_poll_seconds=0))
    assert FINDER not in {thread.name for thread in set(threading.enumerate()) - before}
    assert opened.mesh.views.watch.healths == {}
    opened.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    mesh = made(tmp_path)
    govern(mesh, POLICIES, {("ana", "x" * 12): [], ("bob", "y" * 12): []})
    served = Served(mesh)
    yield served
    served.close()


def refreshed(served: Served, user: tuple[str, str], address: str) -> list[dict[str, object]]:
    client, options = served.raw(user)
    with client:
        (answer,) = client.do_action(fl.Action("meshgate.refresh", address.encode()), options)
        rows: list[dict[str, object]] = json.loads(answer.body.to_pybytes())
    return rows


def test_who_may_admin_a_dataset_has_it_looked_at(served: Served, tmp_path: Path) -> None:
    ana = ("ana", "x" * 12)
    rows = refreshed(served, ana, STAFF)
    assert {row["dataset"] for row in rows if row["health"] == "valid"} == {
        f"mesh://views/{name}/{name}@1.0.0" for name in ("pays", "places", "totals", "top")
    }
    alter(tmp_path, "ALTER TABLE staff DROP COLUMN pay")
    rows = {str(row["dataset"]): row for row in refreshed(served, ana, TOP)}
    assert rows[TOP]["health"] == "broken"
    assert "column pay is not in the source" in str(rows[TOP]["reason"])
    assert rows["mesh://views/places/places@1.0.0"]["health"] == "degraded"


@pytest.mark.parametrize("address", [STAFF, TOP, "mesh://shop/staff/nothing"])
def test_for_others_there_is_no_such_dataset(served: Served, address: str) -> None:
    with pytest.raises(pa.ArrowKeyError, match="UNKNOWN_DATASET") as caught:
        refreshed(served, ("bob", "y" * 12), address)
    assert "there is no dataset" in str(caught.value) or "has no" in str(caught.value)


@pytest.mark.parametrize("body", ["", "staff", "mesh://a", "mesh://a/b/c@1#d#e\x00", "\udcff"])
def test_what_is_no_address_is_said_to_be_none(served: Served, body: str) -> None:
    client, options = served.raw(("ana", "x" * 12))
    sent = body.encode("utf-8", "surrogateescape")
    with client, pytest.raises((fl.FlightError, ValueError)) as caught:
        list(client.do_action(fl.Action("meshgate.refresh", sent), options))
    assert "INVALID_REQUEST" in str(caught.value)


# --- the journal, in both stores


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    closing = ExitStack()
    if request.param == "sqlite":
        opened = open_store(tmp_path)
    else:
        postgres: Postgres = request.getfixturevalue("postgres")
        opened = open_store(tmp_path, closing.enter_context(postgres.database()))
    yield opened
    opened.close()
    closing.close()


def test_each_change_is_kept_once_whoever_notices_it(store: Store) -> None:
    one, two = HealthJournal(store), HealthJournal(store)
    well = Health("mesh://v/v/v@1.0.0")
    broken = Health(well.dataset, (Finding(Level.BROKEN, "a column is gone", "column x is gone"),))
    for journal in (one, two, one):
        journal.note([well])
    for journal in (two, one):
        journal.note([broken])
    one.note([])
    events = two.events(well.dataset)
    assert [(e.before, e.level, e.reason) for e in events] == [
        ("", "valid", ""), ("valid", "broken", "column x is gone")
    ]  # fmt: skip
    assert store.rows("SELECT count(*) FROM view_health") == [(0,)]


# --- the command


def checked(mesh: Path, *words: str) -> tuple[int, str]:
    ran = subprocess.run(
        [sys.executable, "-m", "gateway.cli", "catalogue", "check", *words, "--mesh", str(mesh)],
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.returncode, ran.stdout + ran.stderr


def test_the_command_draws_what_stands_on_what(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mesh = made(tmp_path)
    assert checked(mesh) == (
        0,
        f"""\
{STAFF}  keeps its contract
├── mesh://views/pays/pays@1.0.0  valid
│   └── mesh://views/totals/totals@1.0.0  valid
│       └── {TOP}  valid
└── mesh://views/places/places@1.0.0  valid
""",
    )
    alter(mesh, "ALTER TABLE staff RENAME COLUMN pay TO salary")
    assert main(["catalogue", "check", STAFF, "--mesh", str(mesh)]) == 1
    lines = capsys.readouterr().out.splitlines()
    reason = "column pay is not in the source"
    assert lines[0] == f"{STAFF}  changed: {reason}"
    assert lines[3] == f"│       └── {TOP}  broken: {STAFF}: {reason}"
    assert lines[4] == f"└── mesh://views/places/places@1.0.0  degraded: {STAFF}: {reason}"
    assert main(["catalogue", "check", TOP, "--mesh", str(mesh)]) == 1
    assert capsys.readouterr().out.splitlines() == lines
    assert main(["catalogue", "check", "mesh://shop/staff/nothing", "--mesh", str(mesh)]) == 1
    assert "there is no dataset" in capsys.readouterr().err


def test_a_view_without_ground_is_in_the_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mesh = made(tmp_path)
    (mesh / "products" / "shop.staff.1.0.0.odps.yaml").unlink()
    assert main(["catalogue", "check", "--mesh", str(mesh)]) == 1
    out = capsys.readouterr().out
    assert "mesh://views/places/places@1.0.0  broken: there is no dataset staff" in out
    assert out.count(TOP) == 1


def test_refreshing_is_told_apart_by_purpose_and_right(tmp_path: Path) -> None:
    opened = Gateway.open(made(tmp_path), Config(schema_poll_seconds=0))
    assert isinstance(opened.mesh.standing, Standing)
    rows = opened.browsing.refresh(ANA, Address.parse(STAFF))
    assert len(rows) == 4
    with pytest.raises(GatewayError, match="PURPOSE_NOT_GRANTED"):
        opened.browsing.refresh(ANA, Address.parse(STAFF), "research")
    with pytest.raises(GatewayError, match="UNKNOWN_DATASET"):
        opened.browsing.refresh(BOB, Address.parse(TOP))
    opened.close()
