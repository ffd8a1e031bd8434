"""Secrets in bindings: filled in when a dataset is used, and never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.interface import Binding
from gateway.catalogue import Catalogue, fill_secrets
from gateway.catalogue.bindings import has_plain_secret, is_secret_option
from gateway.errors import SourceFailure
from tests.catalogue.meshes import contract, custom, small_mesh, write

URI = "postgresql://${DB_USER}:${DB_PASSWORD}@db/sales"


def test_a_missing_variable_stops_one_dataset_not_the_mesh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DB_USER", raising=False)
    binding = custom(binding={"connector": "postgres", "uri": URI})
    document = contract(customProperties=binding)
    write(small_mesh(tmp_path), "products/lines.odcs.yaml", document)
    (dataset,) = Catalogue.load(tmp_path).datasets
    with pytest.raises(SourceFailure, match="DB_USER is not set"):
        fill_secrets(dataset.binding)


def test_secrets_come_from_variables_and_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text("from a file\n")
    monkeypatch.setenv("DB_USER", "ana")
    monkeypatch.setenv("DB_PASSWORD", "p@s/s:w?rd")
    options = {"secret": f"${{file:{tmp_path}/key}}", "plain": "x"}
    filled = fill_secrets(Binding("postgres", URI, "t", options))
    assert filled.uri == "postgresql://ana:p%40s%2Fs%3Aw%3Frd@db/sales"
    assert filled.options == {"secret": "from a file", "plain": "x"}
    assert "p%40s" not in repr(filled)
    assert "from a file" not in repr(filled)


def test_a_reference_that_is_the_whole_uri_is_taken_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DB_URI", "postgresql://a:b@/x?host=/tmp")
    assert fill_secrets(Binding("postgres", "${DB_URI}", "t")).uri.endswith("@/x?host=/tmp")


def test_a_secret_is_not_filled_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_URI", "x://${DB_OTHER}")
    assert fill_secrets(Binding("postgres", "${DB_URI}", "t")).uri == "x://${DB_OTHER}"


def test_a_missing_file_is_named_without_what_is_in_others(tmp_path: Path) -> None:
    with pytest.raises(SourceFailure, match="none can not be read"):
        fill_secrets(Binding("postgres", f"${{file:{tmp_path}/none}}", "t"))


@pytest.mark.parametrize(
    ("uri", "plain"),
    [
        ("postgresql://ana:secret@db/x", True),
        ("postgresql://ana:${PW}@db/x", False),
        ("postgresql://ana:${PW}x@db/x", True),
        ("postgresql://ana:${file:/run/secrets/pw}@db/x", False),
        ("postgresql://ana@db/x", False),
        ("postgresql://db/x?password=secret", True),
        ("postgresql://db/x?password=${PW}&user=a", False),
        ("mysql://db/x?user=a;PWD=secret", True),
        ("${DB_URI}", False),
        ("data/a:b@c.db", False),
        ("/data/x.db", False),
    ],
)
def test_a_password_in_a_uri_is_recognised(uri: str, plain: bool) -> None:
    assert has_plain_secret(uri) is plain


def test_a_secret_option_is_recognised() -> None:
    assert is_secret_option("secret_access_key", "abc")
    assert not is_secret_option("secret_access_key", "${KEY}")
    assert not is_secret_option("region", "eu-west-1")
