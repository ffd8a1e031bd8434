"""`meshgate policy explain` and `who`: the answer, and the rows behind it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from tests.commands.governed import governed_mesh, meshgate, policies

LINES = "sales.orders.lines"
SALARIES = "mesh://hr/staff/salaries"


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return governed_mesh(tmp_path_factory.mktemp("mesh"))


Ask = Any


@pytest.fixture
def ask(mesh: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    """The JSON of `explain` or `who`."""

    def asked(*words: str) -> Any:
        assert main(["policy", *words, "--mesh", str(mesh), "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return asked


def origins(rules: list[dict[str, str]]) -> list[str]:
    return [rule["origin"] for rule in rules]


def test_an_answer_says_which_rows_made_it(ask: Ask) -> None:
    found = ask("explain", LINES, "--user", "ana")
    assert (found["verdict"], found["reason"]) == ("allowed", "allowed by access.csv:2")
    assert origins(found["decided_by"]) == ["access.csv:2"]
    assert origins(found["rules"]) == [
        *("access.csv:2", "access.csv:3", "filters.csv:1", "masks.csv:1"),
    ]
    (filtered,) = found["row_filters"]["any_of"]
    assert (filtered["id"], filtered["text"]) == ("eu_only", "region = 'EU'")
    assert origins(filtered["rules"]) == ["filters.csv:1"]
    columns = {c["name"]: (c["verdict"], c["mask"], c["reason"]) for c in found["columns"]}
    assert columns == {
        "id": ("clear", None, ""),
        "region": ("clear", None, ""),
        "email": ("masked", "hash", "masks.csv:1"),
        "ssn": ("denied", None, "access.csv:3"),
    }


def test_roles_come_from_the_identity_or_from_rows(ask: Ask) -> None:
    found = ask("explain", LINES, "--user", "omar")
    roles = {r["role"]: (r["identity"], origins(r["rules"])) for r in found["roles"]}
    assert roles == {
        "sales/lead": (False, ["access.csv:6"]),
        "sales/analyst": (False, ["access.csv:7"]),
    }
    assert found["row_filters"] == {"any_of": [], "all_of": []}
    service = ask("explain", LINES, "--principal", "svc:loader.example")
    assert service["roles"] == [{"role": "sales/analyst", "identity": True, "rules": []}]


@pytest.mark.parametrize(
    ("who", "verdict"),
    [
        (["--user", "ana"], "masked"),
        (["--user", "tim"], "denied"),
        (["--user", "tim", "--role", "sales/lead"], "allowed"),
        (["--principal", "user:ana"], "masked"),
        (["--principal", "user:nobody"], "denied"),
        (["--principal", "user:nobody@corp", "--role", "sales/analyst"], "masked"),
        (["--principal", "sales/lead"], "allowed"),
        (["--role", "sales/analyst"], "masked"),
        (["--role", "sales/analyst", "--role", "sales/lead"], "allowed"),
    ],
)
def test_anybody_can_be_asked_about(ask: Ask, who: list[str], verdict: str) -> None:
    assert ask("explain", f"{LINES}#email", *who)["verdict"] == verdict


@pytest.mark.parametrize(
    "written",
    ["sales.orders.lines", '"sales"."orders"."lines"', "lines", "mesh://sales/orders/lines@1.0.0"],
)
def test_a_dataset_is_named_in_any_way(ask: Ask, written: str) -> None:
    found = ask("explain", written, "--user", "ana")
    assert found["dataset"] == "mesh://sales/orders/lines@1.0.0"


def test_a_column_has_its_own_rows(ask: Ask) -> None:
    email = ask("explain", f"{LINES}#email", "--user", "ana")
    assert (email["verdict"], email["reason"]) == ("masked", "masked by masks.csv:1")
    assert origins(email["rules"]) == ["access.csv:2", "filters.csv:1", "masks.csv:1"]
    ssn = ask("explain", f"{LINES}#ssn", "--user", "ana")
    assert (ssn["verdict"], ssn["reason"]) == ("denied", "denied by access.csv:3")
    assert origins(ssn["decided_by"]) == ["access.csv:3"]
    assert [c["name"] for c in ssn["columns"]] == ["ssn"]


def test_a_denial_names_the_purposes_and_rows_that_would_help(ask: Ask) -> None:
    found = ask("explain", SALARIES, "--user", "cyd")
    assert found["verdict"] == "denied"
    assert found["purposes"] == found["helpful_purposes"] == ["payroll", "payroll/bonus"]
    (miss,) = found["near_misses"]
    assert (miss["origin"], miss["reason"]) == ("access.csv:4", "for the purpose payroll")
    for purpose, verdict in (("payroll/bonus", "allowed"), ("fraud", "denied")):
        assert ask("explain", SALARIES, "--user", "cyd", "--purpose", purpose)["verdict"] == verdict
    (late,) = ask("explain", LINES, "--user", "tim")["near_misses"]
    assert (late["origin"], late["reason"]) == ("access.csv:5", "ended 2026-01-01")


@pytest.mark.parametrize(
    ("regions", "verdict"),
    [
        ([], "rows"),
        (["--region", "US"], "aggregates"),
        (["--gateway-region", "US"], "aggregates"),
        (["--gateway-region", "EU"], "rows"),
    ],
)
def test_residency_has_a_verdict_of_its_own(ask: Ask, regions: list[str], verdict: str) -> None:
    found = ask("explain", SALARIES, "--user", "cyd", "--purpose", "payroll", *regions)
    assert found["residency"]["verdict"] == verdict
    assert found["verdict"] == "allowed"


def test_what_no_row_speaks_of_is_hidden_and_said_to_be(
    mesh: Path, ask: Ask, tmp_path: Path
) -> None:
    found = ask("explain", f"{LINES}#email", "--principal", "user:x", "--role", "sales/analyst")
    assert found["columns"][0]["effective"] == "hash"
    other = tmp_path / "mesh"
    other.mkdir()
    governed_mesh(other)
    policies(other / "policies", masks="p3,hr/clerk,*,*,pii|pay,*,last4,allow\n")
    shown = meshgate("policy", "explain", f"{LINES}#email", "--user", "ana", "--mesh", other)
    assert "MASKED" in shown.stdout
    assert "null" in shown.stdout
    assert "no row grants a mask for pii" in shown.stdout
    words = ("--user", "cyd", "--purpose", "payroll", "--mesh", other)
    shown = meshgate("policy", "explain", f"{SALARIES}#salary", *words)
    assert "null (last4 suits no int64)" in shown.stdout


def test_who_sees_a_column_and_how(ask: Ask) -> None:
    found = {v["principal"]: v for v in ask("who", f"{LINES}#email", "--all")}
    assert list(found) == [
        *("user:ana", "user:cyd", "user:omar", "user:tim", "svc:loader.example"),
        *("role:hr/clerk", "role:sales/analyst", "role:sales/lead", "role:sales/temp", "any:one"),
    ]
    verdicts = {name: v["verdict"] for name, v in found.items() if v["verdict"] != "denied"}
    assert verdicts == {
        "user:ana": "masked",
        "user:omar": "allowed",
        "svc:loader.example": "masked",
        "role:sales/analyst": "masked",
        "role:sales/lead": "allowed",
    }
    assert [v["principal"] for v in ask("who", f"{LINES}#email")] == list(verdicts)
    assert ask("who", f"{LINES}#ssn") == []


def test_who_may_do_something_else(ask: Ask) -> None:
    assert [v["principal"] for v in ask("who", LINES, "--action", "publish")] == []
    found = ask("who", SALARIES, "--purpose", "payroll", "--region", "EU")
    assert [v["principal"] for v in found] == ["user:cyd", "role:hr/clerk"]


@pytest.mark.parametrize("columns", [80, 120])
def test_people_read_it_too(mesh: Path, columns: int) -> None:
    words = ("policy", "explain", LINES, "--user", "ana", "--mesh", mesh)
    explained = meshgate(*words, columns=columns).stdout
    assert explained.startswith("ALLOWED  user:ana may read mesh://sales/orders/lines@1.0.0\n")
    for text in (
        "eu_only  region = 'EU'  filters.csv:1",
        "masks.csv:1",
        "sales/analyst (identity)",
    ):
        assert text in explained
    who = meshgate("policy", "who", LINES, "--mesh", mesh, columns=columns).stdout
    assert "svc:loader.example " in who
    assert who.endswith("5 of 10 may read mesh://sales/orders/lines@1.0.0\n")
    assert max(map(len, (explained + who).splitlines())) <= columns


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sales.orders.line", "--user", "ana"], "did you mean sales.orders.lines?"),
        ([f"{LINES}#emial", "--user", "ana"], "did you mean email?"),
        ([f"{LINES}@7", "--user", "ana"], "has no version 7"),
        ([LINES, "--user", "anna"], "did you mean ana?"),
        ([LINES], "about whom?"),
        ([LINES, "--role", "a b"], "is not a role"),
        ([LINES, "--principal", "a b"], "neither a principal nor a role"),
        ([LINES, "--user", "ana", "--region", "a b"], "is not a region"),
        ([f"{LINES}#id", "--user", "ana", "--action", "write"], "not decided for a column"),
    ],
)
def test_mistakes_are_told(
    mesh: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert main(["policy", "explain", *words, "--mesh", str(mesh)]) == 1
    assert said in capsys.readouterr().err
