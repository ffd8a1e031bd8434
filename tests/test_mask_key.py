"""The key of hashed columns: made once, for its owner only, and never half there."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.errors import CatalogueError
from gateway.mask_key import FILE, VARIABLE, load_master_key, product_key

KEY = bytes(range(40))


@pytest.fixture(autouse=True)
def no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


def test_a_key_is_made_once_and_kept_for_its_owner(tmp_path: Path) -> None:
    key = load_master_key(tmp_path)
    assert len(key) == 32
    assert load_master_key(tmp_path) == key
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert [p.name for p in (tmp_path / FILE).parent.iterdir()] == ["mask.key"]


def test_two_meshes_have_two_keys(tmp_path: Path) -> None:
    assert load_master_key(tmp_path / "a") != load_master_key(tmp_path / "b")


def test_those_who_start_at_once_get_one_key(tmp_path: Path) -> None:
    for attempt in range(20):
        mesh = tmp_path / str(attempt)
        with ThreadPoolExecutor(8) as pool:
            keys = set(pool.map(lambda _, mesh=mesh: load_master_key(mesh), range(8)))
        assert len(keys) == 1
        assert len(list((mesh / FILE).parent.iterdir())) == 1


@pytest.mark.parametrize("text", [KEY.hex(), KEY.hex().upper(), base64.b64encode(KEY).decode()])
def test_the_variable_comes_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv(VARIABLE, f" {text}\n")
    assert load_master_key(tmp_path) == KEY
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize(
    "text", ["secretsecret!", KEY[:31].hex(), base64.b64encode(KEY[:31]).decode(), "  "]
)
def test_a_bad_key_is_an_error_that_does_not_show_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(CatalogueError) as from_variable:
        load_master_key(tmp_path)
    monkeypatch.delenv(VARIABLE)
    path = tmp_path / FILE
    path.parent.mkdir()
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(CatalogueError) as from_file:
        load_master_key(tmp_path)
    for caught in (from_variable, from_file):
        assert not text.strip() or text not in str(caught.value)
    assert path.read_text() == text, "a key that is wrong is not replaced"


@pytest.mark.parametrize("content", [b"", b"\xff\xfe"])
def test_an_empty_or_unreadable_file_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / FILE
    path.parent.mkdir()
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(CatalogueError):
        load_master_key(tmp_path)


def test_a_file_that_is_a_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir(parents=True, mode=0o700)
    with pytest.raises(CatalogueError):
        load_master_key(tmp_path)


def test_a_folder_that_can_not_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / FILE.parent).write_text("")
    with pytest.raises(CatalogueError):
        load_master_key(tmp_path)


def test_a_file_everybody_may_read_is_an_error(tmp_path: Path) -> None:
    load_master_key(tmp_path)
    os.chmod(tmp_path / FILE, 0o644)
    with pytest.raises(CatalogueError, match="everybody"):
        load_master_key(tmp_path)


def test_the_key_of_a_product_is_its_own() -> None:
    key = product_key(KEY, "sales", "orders")
    assert key == hmac.new(KEY, b"sales/orders", hashlib.sha256).digest()
    assert len({key, product_key(KEY, "sales", "order"), product_key(KEY, "hr", "orders")}) == 3
    with pytest.raises(ValueError):
        product_key(KEY, "sales/orders", "x")
