"""gateway.toml: what is in it counts, and what is wrong in it is said."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from gateway.config import Config
from gateway.errors import CatalogueError
from gateway.settings import FILE_NAME, NUMBERS, SWITCHES, TEXTS, load_config

DOCS = Path(__file__).parents[1] / "docs" / "settings.md"
NOT_SETTABLE = {"region", "audit_folder", "batch_rows_of_nested_loops", "poll_seconds"}


def written(mesh: Path, text: str) -> Path:
    (mesh / FILE_NAME).write_text(text)
    return mesh


def test_without_a_file_everything_is_as_ever(tmp_path: Path) -> None:
    assert load_config(tmp_path, region="eu") == Config(region="eu")


def test_what_is_set_counts(tmp_path: Path) -> None:
    lines = ("memory_per_query_bytes = 1_073_741_824", "statistics_age_seconds = 60")
    config = load_config(written(tmp_path, "\n".join([*lines, "embedded_duckdb = false"])))
    assert config == Config(
        memory_per_query_bytes=1024**3, statistics_age_seconds=60.0, embedded_duckdb=False
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("target_partition = 4", "target_partition"),
        ("target_partitions = 0", "whole number from 1 to 256"),
        ("target_partitions = 2.5", "whole number"),
        ("target_partitions = true", "whole number"),
        ("target_partitions = '4'", "whole number"),
        ("statistics_age_seconds = -1", "number from 0"),
        ("statistics_age_seconds = nan", "number from 0"),
        ("embedded_duckdb = 1", "true or false"),
        ("target_partitions = ", "TOML"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(CatalogueError, match=re.escape(said)) as caught:
        load_config(written(tmp_path, text))
    assert FILE_NAME in str(caught.value)


def test_every_setting_has_its_place_and_its_line() -> None:
    assert {field.name for field in fields(Config)} == {*NUMBERS, *SWITCHES, *TEXTS, *NOT_SETTABLE}
    described = set(re.findall(r"^\| `(\w+)`", DOCS.read_text(), re.MULTILINE))
    assert described == {*NUMBERS, *SWITCHES, *TEXTS}


def test_defaults_are_within_their_bounds() -> None:
    for name, bounds in NUMBERS.items():
        assert bounds.least <= getattr(Config(), name) <= bounds.most, name


def test_the_variables_of_openlineage_name_an_endpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENLINEAGE_URL", "http://127.0.0.1:5000")
    assert load_config(tmp_path).openlineage_url == "http://127.0.0.1:5000"
    assert load_config(tmp_path).openlineage_api_key == ""
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "secret")
    assert load_config(tmp_path).openlineage_api_key == "${OPENLINEAGE_API_KEY}"
    (tmp_path / "gateway.toml").write_text('openlineage_url = ""\n')
    assert load_config(tmp_path).openlineage_url == ""
