"""What leaves a mesh: no secret for anybody, and for a reader nothing it may not know of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from gateway.catalogue import Catalogue
from gateway.catalogue.bindings import has_plain_secret
from gateway.cli import main
from gateway.interchange import FORMATS
from gateway.interchange.secrets import REMOVED, without_secrets
from tests.interchange.meshes import HIDDEN, PASSWORD, rich_mesh


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    return rich_mesh(tmp_path / "mesh")


def export(mesh: Path, form: str, *options: str) -> str:
    """All that is written, names of files and texts."""
    out = mesh.parent / "out"
    target = out / ("odcs" if form == "odcs" else f"{form}.txt")
    command = ["catalogue", "export", "--mesh", str(mesh), "--format", form, "--out", str(target)]
    assert main([*command, *options]) == 0
    files = [target] if target.is_file() else sorted(target.rglob("*.yaml"))
    return "\n".join(f"{file.name}\n{file.read_text()}" for file in files)


@pytest.mark.parametrize("form", FORMATS)
def test_no_secret_leaves_and_no_source_but_with_odcs(mesh: Path, form: str) -> None:
    written = export(mesh, form)
    assert PASSWORD not in written
    assert ("${PG_PASSWORD}" in written) is (form == "odcs")
    assert ("pghost" in written) is (form == "odcs")
    assert "customers" in written


@pytest.mark.parametrize("form", FORMATS)
def test_a_reader_is_given_only_what_it_may_discover(mesh: Path, form: str) -> None:
    everything = export(mesh, form)
    for word in ("salary", "night_run"):
        assert word in everything
    written = export(mesh, form, "--as", "sales/analyst")
    for word in ("mail", "orders", "paid", "board"):
        assert word in written
    for word in HIDDEN:
        assert word not in written


@pytest.mark.parametrize("form", FORMATS)
def test_who_may_discover_but_not_read_is_not_told_how_to_open(mesh: Path, form: str) -> None:
    secret = ("https://bi.example", "count(*)")
    assert all(text in export(mesh, form, "--as", "sales/analyst") for text in secret[:1])
    written = export(mesh, form, "--as", "sales/finder")
    assert not any(text in written for text in secret)
    assert "WHERE salary" not in written


def test_who_keeps_it_is_given_contracts_whole(mesh: Path) -> None:
    written = export(mesh, "odcs", "--as", "sales/keeper")
    for word in ("vip_only", "${PG_PASSWORD}@pghost", "WHERE salary", "examples", "servers"):
        assert word in written
    assert PASSWORD not in written


def test_a_role_without_rights_is_given_nothing(
    mesh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["catalogue", "export", "--mesh", str(mesh), "--format", "dcat"]
    assert main([*command, "--as", "sales/nobody"]) == 1
    assert "there is nothing to export" in capsys.readouterr().err


def test_what_a_reader_is_given_is_a_mesh_and_demands_what_the_first_did(mesh: Path) -> None:
    out = mesh.parent / "given"
    command = ["catalogue", "export", "--mesh", str(mesh), "--format", "odcs", "--out", str(out)]
    assert main([*command, "--as", "sales/analyst"]) == 0
    for file in out.rglob("*.odcs.yaml"):  # a reader knows where its own copy is
        document = yaml.safe_load(file.read_text())
        place = {"property": "mesh.binding", "value": {"connector": "memory", "uri": "memory:x"}}
        document["customProperties"] = [*document.get("customProperties", ()), place]
        file.write_text(yaml.safe_dump(document))
    other = mesh.parent / "other"
    other.mkdir()
    assert main(["catalogue", "import", str(out), "--mesh", str(other)]) == 0
    datasets = {d.address.dataset: d for d in Catalogue.load(other).datasets}
    assert set(datasets) == {"customers", "orders", "rich", "paid"}
    customers = datasets["customers"]
    assert customers.schema.names == ["id", "mail", "odd name"]
    assert customers.requires_row_filter
    assert customers.residency is not None
    assert customers.column_tags["mail"] == ("confidential",)
    assert [key.columns for key in datasets["orders"].foreign_keys] == [("customer",)]


def test_part_of_a_mesh(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["catalogue", "export", "--mesh", str(mesh), "--format"]
    capsys.readouterr()
    assert main([*command, "odcs", "sales.shop.orders@1.0.0"]) == 0
    document = yaml.safe_load(capsys.readouterr().out)
    assert document["version"] == "1.0.0"
    assert "relationships" not in document["schema"][0]["properties"][1]
    assert main([*command, "dcat", "mesh://sales/shop/board"]) == 0
    nodes = json.loads(capsys.readouterr().out)["@graph"]
    assert [node["@id"] for node in nodes if node["@type"] == "dcat:Resource"] == [
        "mesh://sales/shop/board@2.0.0"
    ]
    assert main([*command, "odcs"]) == 1
    assert "--out DIR" in capsys.readouterr().err
    assert main([*command, "dcat", "sales.shop.nothing"]) == 1
    assert "there is no dataset or artefact sales.shop.nothing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://a:hush@h/d", f"postgresql://a:{REMOVED}@h/d"),
        ("see postgresql://a:hush@h/d now", f"see postgresql://a:{REMOVED}@h/d now"),
        ("s3://b/k?token=hush&region=eu", f"s3://b/k?token={REMOVED}&region=eu"),
        ("postgresql://a:${PW}@h/d", "postgresql://a:${PW}@h/d"),
        ("postgresql://a:hush${PW}@h/d", f"postgresql://a:{REMOVED}@h/d"),
        ("token = 'a' AND password='b'", "token = 'a' AND password='b'"),
        ("mailto:a@b.example", "mailto:a@b.example"),
    ],
)
def test_secrets_in_texts(text: str, shown: str) -> None:
    assert without_secrets({"a": [text]}) == {"a": [shown]}
    assert without_secrets(shown) == shown
    assert not any(has_plain_secret(word) for word in shown.split() if "://" in word)


def test_secrets_by_their_names() -> None:
    value = {
        "options": {"password": "hush", "sslmode": "on", "api_token": "${T}"},
        "uri": "x;PWD=a",
    }
    assert without_secrets(value) == {
        "options": {"password": REMOVED, "sslmode": "on", "api_token": "${T}"},
        "uri": f"x;PWD={REMOVED}",
    }
