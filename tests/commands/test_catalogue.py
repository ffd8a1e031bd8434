"""`meshgate catalogue`: one thing shown or opened, and the list as somebody sees it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from tests.interchange.meshes import rich_mesh


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    return rich_mesh(tmp_path)


@pytest.fixture
def said(mesh: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*words: str, code: int = 0) -> str:
        capsys.readouterr()
        assert main(["catalogue", *words, "--mesh", str(mesh)]) == code
        printed = capsys.readouterr()
        return printed.err if code else printed.out

    return run


def test_everything_known_of_a_dataset(said: Any) -> None:
    shown = json.loads(said("show", "sales.crm.customers", "--json"))
    columns = {column["name"]: column for column in shown.pop("columns")}
    assert columns["mail"] == {
        "name": "mail",
        "type": "string",
        "physical_type": "text",
        "description": "Where {{ letters }} go",
        "tags": ["confidential"],
        "classification": "confidential",
        "term": {"name": "E-mail address", "definition": "https://glossary.example/mail"},
    }
    assert shown["address"] == "mesh://sales/crm/customers@1.0.0"
    assert shown["team"]["members"] == [
        {"username": "ana@shop.example", "name": "Ana", "role": "owner"}
    ]
    assert shown["team"]["contacts"][0]["channel"] == "#shop"
    assert (shown["usage"], shown["limitations"]) == ("For mail", "No minors")
    assert shown["used_by"] == ["mesh://sales/shop/board@2.0.0"]
    assert shown["residency"] == {"regions": ["EU"], "minimum_rows": 5}
    assert list(shown["row_filters"]) == ["vip_only"]
    printed = said("show", "mesh://sales/crm/customers")
    assert printed.startswith("mesh://sales/crm/customers@1.0.0\n  kind           dataset\n")
    assert "    mail      string" in printed
    assert "E-mail address, https://glossary.example/mail; tags confidential" in printed


def test_versions_and_what_a_version_is_opened_by(said: Any) -> None:
    shown = json.loads(said("show", "orders@1.0.0", "--json"))
    assert shown["versions"] == ["1.1.0 (active)", "1.0.0 (active)"]
    assert said("open", "sales.shop.orders") == "SELECT * FROM sales.shop.orders\n"
    assert (
        said("open", "mesh://sales/shop/orders@1.0.0")
        == "SELECT * FROM sales.shop.orders FOR VERSION AS OF '1.0.0'\n"
    )


def test_an_artefact_is_shown_and_opened(said: Any) -> None:
    shown = json.loads(said("show", "sales.shop.board", "--json"))
    assert shown["kind"] == "dashboard"
    assert shown["way"] == {"form": "url", "text": "https://bi.example/d/1"}
    assert shown["uses"] == ["mesh://sales/shop/revenue", "mesh://sales/crm/customers#salary"]
    assert said("open", "board") == "https://bi.example/d/1\n"
    assert said("open", "revenue") == "SELECT count(*) AS n FROM sales.shop.orders\n"
    assert said("open", "first").endswith("sales.shop.orders FOR VERSION AS OF '1.0.0'\n")
    assert json.loads(said("open", "night_run", "--json")) == {
        "form": "command",
        "text": "run payroll",
    }
    assert json.loads(said("show", "revenue", "--json"))["used_by"] == [
        "mesh://sales/shop/board@2.0.0"
    ]


def test_a_reader_sees_what_the_policies_let_it_know(said: Any) -> None:
    somebody = ("--as", "sales/analyst")
    shown = json.loads(said("show", "sales.crm.customers", "--json", *somebody))
    assert [column["name"] for column in shown["columns"]] == ["id", "mail", "odd name"]
    assert "row_filters" not in shown
    assert "connector" not in shown
    orders = json.loads(said("show", "orders@1.0.0", "--json", *somebody))
    assert [key["columns"] for key in orders["foreign_keys"]] == [["customer"]]
    board = json.loads(said("show", "board", "--json", *somebody))
    assert board["uses"] == ["mesh://sales/shop/revenue"]
    assert "view" not in json.loads(said("show", "rich", "--json", *somebody))
    assert "WHERE salary" in json.loads(said("show", "rich", "--json"))["view"]
    listed = said("search", *somebody)
    assert "sales.shop.paid" in listed
    assert "staff" not in listed


def test_hidden_and_missing_are_told_alike(said: Any) -> None:
    hidden = said("show", "sales.shop.night_run", "--as", "sales/analyst", code=1)
    missing = said("show", "sales.shop.night_ruin", "--as", "sales/analyst", code=1)
    assert hidden.replace("night_run", "night_ruin") == missing
    assert "night_run" not in missing


def test_what_may_be_known_but_not_read_is_not_opened(said: Any) -> None:
    error = said("open", "sales.shop.board", "--as", "sales/finder", code=1)
    assert "may be known of, but not opened" in error
    assert "hint: ask BI" in error
    assert "way" not in json.loads(said("show", "board", "--json", "--as", "sales/finder"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("shwo", "x"), "did you mean show?"),
        (("show",), "show takes one address"),
        (("show", "sales.shop.bord"), "did you mean sales.shop.board?"),
        (("show", "sales.shop.orders@7"), "there is 1.0.0 (active), 1.1.0 (active)"),
        (("open", "orders", "--as", "no principal!"), "neither a principal nor a role"),
        (("import", "nowhere"), "there is no file or folder nowhere"),
        (("export", "--format", "dcat", "--endpoint", "a://b:c@d"), "holds a password"),
    ],
)
def test_mistakes(said: Any, words: tuple[str, ...], message: str) -> None:
    assert message in said(*words, code=1)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("search", "x", "--json"), "--json is for show and open"),
        (("show", "x", "--dry-run"), "--dry-run is for import"),
        (("show", "x", "--format", "dcat"), "--format is for search and export"),
        (("export", "--format", "json"), "--format json is not for export"),
        (("export",), "export takes --format"),
    ],
)
def test_an_option_of_something_else_is_wrong_usage(
    mesh: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["catalogue", *words, "--mesh", str(mesh)])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
