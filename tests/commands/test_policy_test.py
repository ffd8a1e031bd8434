"""`meshgate policy test`: what new policies would have made of the requests that were recorded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.audit import AuditLog, DatasetUse
from gateway.cli import main
from gateway.errors import GatewayError
from gateway.identity.users import UserStore
from gateway.model import Request
from gateway.pipeline import Gateway
from tests.audit.logs import decision
from tests.commands.governed import POLICIES, governed_mesh, meshgate, policies

ASKED = (
    ("ana", "SELECT id, email FROM sales.orders.lines", ""),
    ("ana", "SELECT id FROM lines", ""),
    ("ana", "SELECT ssn FROM sales.orders.lines", ""),
    ("omar", "SELECT * FROM sales.orders.lines", ""),
    ("tim", "SELECT id FROM lines", ""),
    ("tim", "SELECT 1 FROM nowhere", ""),
    ("cyd", "SELECT avg(salary) FROM hr.staff.salaries", "payroll"),
    ("cyd", "SELECT id FROM hr.staff.salaries", ""),
)
LINES = "mesh://sales/orders/lines@1.0.0"
ACCESS, FILTERS, MASKS = (POLICIES[f"{name}.csv"] for name in ("access", "filters", "masks"))

Replay = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mesh with requests of each kind, recorded by a gateway that answered them."""
    mesh = governed_mesh(tmp_path_factory.mktemp("mesh"))
    users = UserStore.load(mesh)
    gateway = Gateway.open(mesh)
    for name, text, purpose in ASKED:
        user = users.get(name)
        assert user is not None
        try:
            request = Request(user.principal, text, purpose=purpose)
            list(gateway.execute(gateway.prepare(request)).batches)
        except GatewayError:
            continue
    gateway.close()
    return mesh


@pytest.fixture
def replay(mesh: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Replay:
    """The exit code and the JSON of a test of changed policies."""

    def replayed(*words: str, **changes: str) -> tuple[int, Any]:
        new = policies(tmp_path / "new", **changes)
        code = main(["policy", "test", str(new), "--mesh", str(mesh), "--json", *words])
        return code, json.loads(capsys.readouterr().out)

    return replayed


def kinds(found: Any) -> list[tuple[str, str | None, str, str]]:
    return [(c["kind"], c["column"], c["before"], c["after"]) for c in found["changes"]]


def test_the_same_policies_change_nothing(replay: Replay) -> None:
    code, found = replay()
    assert code == 0
    assert (found["requests"], found["principals"]) == (len(ASKED), 4)
    assert found["changes"] == []
    assert found["undecided"] == 1
    assert found["not_in_catalogue"] == [{"name": "nowhere", "requests": 1}]


def test_newly_denied(replay: Replay) -> None:
    code, found = replay(access=ACCESS.replace("p,sales/analyst", "p,sales/other"))
    assert code == 3
    assert (found["newly_denied"], found["newly_allowed"], found["altered"]) == (4, 0, 0)
    (change,) = found["changes"]
    assert (change["kind"], change["direction"]) == ("denied", "tighter")
    assert change["principals"] == {"user:ana": 3, "user:omar": 1}
    assert change["reason"] == "no policy allows read"
    assert len(change["examples"]) == 3


def test_newly_allowed(replay: Replay) -> None:
    code, found = replay(access=ACCESS.replace(",until=2026-01-01", ""))
    assert code == 3
    assert (found["newly_denied"], found["newly_allowed"], found["altered"]) == (0, 1, 0)
    (change,) = found["changes"]
    assert (change["kind"], change["dataset"]) == ("allowed", LINES)
    assert change["principals"] == {"user:tim": 1}
    assert change["rules"][0]["origin"] == "access.csv:5"


def test_columns_masked_clear_and_denied(replay: Replay) -> None:
    _, found = replay(masks=MASKS.replace("*,hash", "*,null"))
    assert kinds(found) == [("column_masked", "email", "hash", "null")]
    # Only of requests that used the column; that one was refused may have been for any of them.
    assert found["changes"][0]["requests"] == 2
    assert found["changes"][0]["direction"] == "tighter"
    _, found = replay(masks=MASKS.replace("*,hash", "*,none"))
    assert kinds(found) == [("column_clear", "email", "hash", "clear")]
    assert found["changes"][0]["rules"][0]["origin"] == "masks.csv:1"
    _, found = replay(access=ACCESS.replace("secret,deny", "pii|secret,deny"))
    assert kinds(found) == [
        ("column_denied", "email", "hash", "denied"),
        ("column_denied", "email", "clear", "denied"),
    ]
    _, found = replay(access=ACCESS.replace("p,*,*,*,read,*,*,secret,deny\n", ""))
    assert kinds(found) == [("column_clear", "ssn", "denied", "clear")]
    assert found["changes"][0]["reason"] == "no longer access.csv:3"
    assert found["changes"][0]["requests"] == 4


def test_row_filters_that_change(replay: Replay) -> None:
    _, found = replay(filters=FILTERS.replace("all_rows", "large_ids"))
    assert kinds(found) == [("row_filters", None, "all", "eu_only or large_ids")]
    assert found["changes"][0]["direction"] == "tighter"
    _, found = replay(filters="")
    assert kinds(found) == [("row_filters", None, "eu_only", "all")]
    assert found["changes"][0]["direction"] == "looser"
    assert found["changes"][0]["reason"] == "no longer filters.csv:1"


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        ({"masks": MASKS.replace("*,hash", "*,null")}, {"denied": 3, "allowed": 0, "any": 3}),
        ({"masks": MASKS.replace("*,hash", "*,last4")}, {"denied": 0, "allowed": 3, "any": 3}),
        (
            {"filters": FILTERS.replace("eu_only", "large_ids")},
            {"denied": 3, "allowed": 3, "any": 3},
        ),
    ],
)
def test_fail_on(replay: Replay, change: dict[str, str], codes: dict[str, int]) -> None:
    assert {on: replay("--fail-on", on, **change)[0] for on in codes} == codes


def test_only_what_was_recorded_since_then(replay: Replay) -> None:
    code, found = replay("--since", "2126-01-01", access="")
    assert (code, found["requests"]) == (0, 0)


def test_datasets_that_are_gone_are_told(tmp_path: Path) -> None:
    mesh = governed_mesh(tmp_path)
    with AuditLog.open_in(mesh, "state/audit") as one, AuditLog.open_in(mesh, "state/audit") as two:
        gone = DatasetUse("mesh://sales/orders/lines@0.9.0", ("id",))
        one.record(decision(1, datasets=(gone,))).wait()
        two.record(decision(2, datasets=(DatasetUse(LINES, ("id",)), gone))).wait()
    tested = meshgate("policy", "test", mesh, "--mesh", mesh)
    assert tested.returncode == 0
    assert "2 requests of 1 principal" in tested.stdout
    assert "mesh://sales/orders/lines@0.9.0  2 requests" in tested.stdout


@pytest.mark.parametrize("columns", [80, 120])
def test_people_read_it_too(mesh: Path, tmp_path: Path, columns: int) -> None:
    masks = MASKS.replace("*,hash", "*,last4")
    new = policies(tmp_path / "new", access=ACCESS.replace("payroll,*", "fraud,*"), masks=masks)
    tested = meshgate("policy", "test", new, "--mesh", mesh, columns=columns)
    assert tested.returncode == 3
    for text in (
        "8 requests of 4 principals since",
        "1  newly denied",
        "Newly denied\n  mesh://hr/staff/salaries@1.0.0\n    1 request of user:cyd",
        "mesh://sales/orders/lines@1.0.0#email: hash → last4",
        "because: masks.csv:1",
    ):
        assert text in tested.stdout
    assert max(map(len, tested.stdout.splitlines())) <= columns


def test_errors_have_a_code_of_their_own(mesh: Path, tmp_path: Path) -> None:
    wrong = policies(tmp_path / "wrong", access="nonsense\n")
    for new, said in ((tmp_path / "none", "no policies in"), (wrong, "access.csv:1")):
        tested = meshgate("policy", "test", new, "--mesh", mesh)
        assert tested.returncode == 2
        assert said in tested.stderr
    fresh = governed_mesh(tmp_path)
    tested = meshgate("policy", "test", fresh, "--mesh", fresh)
    assert tested.returncode == 2
    assert "there is no audit log" in tested.stderr
