"""users.toml: what is written, what is refused, and that it is never half there."""

from __future__ import annotations

import io
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.errors import CatalogueError, Unauthenticated, UserError
from gateway.identity.users import FILE_NAME, UserStore, add_user, remove_user


def test_a_user_added_can_be_verified(tmp_path: Path) -> None:
    add_user(tmp_path, "alice", ["sales/analyst", "auditor"], "wonder land")
    principal = UserStore.load(tmp_path).verify("alice", "wonder land").principal
    assert principal.name == "user:alice"
    assert principal.roles == ("sales/analyst", "auditor")


def test_the_file_is_its_owners_only_and_holds_no_password(tmp_path: Path) -> None:
    add_user(tmp_path, "alice", ["a/b"], "wonderland")
    path = tmp_path / FILE_NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "wonderland" not in path.read_text()
    assert "$argon2id$" in path.read_text()
    assert [p.name for p in tmp_path.iterdir()] == [FILE_NAME]


@pytest.mark.parametrize("password", ["Wonderland", "", "wonderland ", "x" * 5000])
def test_a_wrong_password_is_refused(tmp_path: Path, password: str) -> None:
    add_user(tmp_path, "alice", [], "wonderland")
    with pytest.raises(Unauthenticated):
        UserStore.load(tmp_path).verify("alice", password)


def test_a_longer_password_than_the_limit_does_not_match_its_beginning(tmp_path: Path) -> None:
    add_user(tmp_path, "alice", [], "x" * 1024)
    with pytest.raises(Unauthenticated):
        UserStore.load(tmp_path).verify("alice", "x" * 1025)


def test_no_file_means_no_users(tmp_path: Path) -> None:
    assert UserStore.load(tmp_path).users == ()


@pytest.mark.parametrize("name", ["", "a b", "../x", "x" * 65, "-x", 'a"b', "a\nb", "ä"])
def test_an_odd_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="not a user name"):
        add_user(tmp_path, name, [], "secret")


@pytest.mark.parametrize("role", ["", "a/b/c", "a b", "/a", '"'])
def test_an_odd_role_is_refused(tmp_path: Path, role: str) -> None:
    with pytest.raises(UserError, match="not a role"):
        add_user(tmp_path, "alice", [role], "secret")


def test_an_empty_password_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="password"):
        add_user(tmp_path, "alice", [], "")


def test_a_user_is_replaced_only_on_request(tmp_path: Path) -> None:
    add_user(tmp_path, "alice", ["a/b"], "first")
    with pytest.raises(UserError, match="already"):
        add_user(tmp_path, "alice", [], "second")
    add_user(tmp_path, "alice", ["c/d"], "second", replace=True)
    assert UserStore.load(tmp_path).verify("alice", "second").roles == ("c/d",)


def test_removing_leaves_the_others(tmp_path: Path) -> None:
    for name in ("alice", "bob.b@example"):
        add_user(tmp_path, name, [], "secret")
    remove_user(tmp_path, "alice")
    assert [user.name for user in UserStore.load(tmp_path).users] == ["bob.b@example"]
    with pytest.raises(UserError, match="no user"):
        remove_user(tmp_path, "alice")


def test_users_added_at_once_are_all_there(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: add_user(tmp_path, f"user{i}", [], "secret"), range(12)))
    assert len(UserStore.load(tmp_path).users) == 12


@pytest.mark.parametrize(
    "text",
    [
        "[users",
        "users = 1",
        "[other]\nx = 1",
        '[users.alice]\nroles = ["a"]',
        '[users.alice]\nroles = "a"\npassword = "$argon2id$x"',
        '[users.alice]\nroles = []\npassword = "plain"',
        '[users.alice]\nroles = []\npassword = "$argon2id$x"\nadmin = true',
        '[users."a b"]\nroles = []\npassword = "$argon2id$x"',
    ],
)
def test_a_file_that_is_wrong_is_refused_with_its_name(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE_NAME).write_text(text)
    with pytest.raises(CatalogueError, match=FILE_NAME):
        UserStore.load(tmp_path)


def test_a_hash_that_is_no_hash_matches_nothing(tmp_path: Path) -> None:
    text = '[users.alice]\nroles = []\npassword = "$argon2id$nonsense"\n'
    (tmp_path / FILE_NAME).write_text(text)
    with pytest.raises(Unauthenticated):
        UserStore.load(tmp_path).verify("alice", "secret")


def test_the_command_adds_lists_and_removes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("secret\n"))
    mesh = ["--mesh", str(tmp_path)]
    roles = ["--role", "a/b", "--role", "c/d"]
    assert main(["user", "add", "alice", *roles, "--password-stdin", *mesh]) == 0
    assert UserStore.load(tmp_path).verify("alice", "secret")
    capsys.readouterr()
    assert main(["user", "list", *mesh]) == 0
    assert capsys.readouterr().out == "alice\ta/b c/d\n"
    assert main(["user", "remove", "alice", *mesh]) == 0
    assert main(["user", "remove", "alice", *mesh]) == 1
    assert "no user" in capsys.readouterr().err


def test_a_password_comes_as_to_every_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("from stdin\n"))
    monkeypatch.setenv("MESHGATE_PASSWORD", "from the environment")
    mesh = ["--mesh", str(tmp_path)]
    assert main(["user", "add", "ann", *mesh]) == 0
    assert main(["user", "add", "ben", "--password-stdin", *mesh]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("can log in now, with the password in $MESHGATE_PASSWORD")
    assert second == "ben can log in now"
    store = UserStore.load(tmp_path)
    assert store.verify("ann", "from the environment") and store.verify("ben", "from stdin")
    monkeypatch.delenv("MESHGATE_PASSWORD")
    typed = iter(["typed", "typed", "typed", "tpyed"])
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(typed))
    assert main(["user", "add", "eve", *mesh]) == 0
    assert UserStore.load(tmp_path).verify("eve", "typed")
    assert main(["user", "add", "zoe", *mesh]) == 1
    assert "the two passwords differ" in capsys.readouterr().err


def test_listing_the_users_of_a_folder_that_is_not_there_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["user", "list", "--mesh", str(tmp_path / "none")]) == 1
    assert "is not a folder" in capsys.readouterr().err
