"""identity.toml: what is refused with its place, how it is followed, and who can be whom."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import CatalogueError, Unauthenticated
from gateway.identity.identity import Identity
from gateway.identity.settings import load_settings
from gateway.identity.users import add_user
from tests.identity.clocks import Hasty
from tests.identity.issuing import SETTINGS, Signer, write_keys

KEY = Signer("key", "ES256")
SERVICE = '[services."loader.example"]\nroles = ["sales/loader"]\n'


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    write_keys(tmp_path, KEY)
    return tmp_path


def test_no_file_believes_nobody(tmp_path: Path) -> None:
    identity = Identity(tmp_path)
    assert not identity.anybody
    with pytest.raises(Unauthenticated):
        identity.token(KEY.sign())
    with pytest.raises(Unauthenticated):
        identity.certificate("loader.example")


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('name = "corp"', 'name = "Corp"', "issuer 1: name"),
        ('name = "corp"', 'name = "a@b"', "issuer 1: name"),
        ('name = "corp"', "", "name is missing"),
        ('audience = "meshgate"', "audience = []", "audience is empty"),
        ('audience = "meshgate"', "", "audience is missing"),
        ('"RS256", "ES256", "EdDSA"', '"HS256"', "'HS256' is none of"),
        ('"RS256", "ES256", "EdDSA"', '"none"', "'none' is none of"),
        ('"RS256", "ES256", "EdDSA"', "", "algorithms"),
        ("audience", "audiance", "unknown key 'audiance'.*did you mean audience"),
        ('jwks_file = "keys.json"', 'jwks_file = "nothing.json"', "nothing.json"),
        ('jwks_file = "keys.json"', 'jwks_uri = "http://idp.example/k"', "https"),
        ('jwks_file = "keys.json"', 'jwks_uri = "file:///etc/keys"', "address"),
        ('jwks_file = "keys.json"', 'jwks_uri = "https://me:pw@idp.example"', "credentials"),
        ("jwks_file", 'jwks_uri = "https://a.example"\njwks_file', "exclude each other"),
        ("max_lifetime_seconds = 3600", "max_lifetime_seconds = -1", "number from 0"),
        ("max_lifetime_seconds = 3600", "leeway_seconds = 3600", "number from 0 to 120"),
        ("max_lifetime_seconds = 3600", 'kind = "robot"', "neither user nor svc"),
        ('"sales/reader"', '"sales reader"', "not a role"),
        ('"sales/reader"', "7", "not a role"),
        ("[[issuers]]", "[issuers]", "have to be tables"),
        ("[[issuers]]", "[[issuer]]", "did you mean issuers"),
        ("[[issuers]]", "[[issuers", "TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(
    mesh: Path, before: str, after: str, message: str
) -> None:
    assert before in SETTINGS
    (mesh / "identity.toml").write_text(SETTINGS.replace(before, after, 1))
    with pytest.raises(CatalogueError, match=f"(?s)identity.toml.*{message}|{message}") as caught:
        Identity(mesh)
    assert str(mesh) in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        SETTINGS + SETTINGS,
        SETTINGS + SETTINGS.replace('"corp"', '"other"'),
        SERVICE + "admin = true\n",
        '[services."a b"]\nroles = []\n',
        '[services."quality"]\nroles = []\n',
        '[services."a"]\nroles = ["a b"]\n',
        '[services."a"]\nregion = "E U"\n',
        '[services."a"]\npurposes = ["a|b"]\n',
        "services = 1",
        SETTINGS + SERVICE.replace("loader.example", "loader@corp"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(mesh: Path, text: str) -> None:
    (mesh / "identity.toml").write_text(text)
    with pytest.raises(CatalogueError):
        load_settings(mesh)


def test_a_service_is_its_certificate_with_the_rights_declared(mesh: Path) -> None:
    more = 'region = "EU"\npurposes = ["loading"]\n'
    (mesh / "identity.toml").write_text(SERVICE + more)
    principal = Identity(mesh).certificate("loader.example")
    assert principal.name == "svc:loader.example"
    assert principal.roles == ("sales/loader",)
    assert (principal.region, principal.purposes) == ("EU", ("loading",))


@pytest.mark.parametrize("name", ["", "loader", "LOADER.example", "loader.example\0", "*.example"])
def test_a_certificate_that_is_not_declared_is_refused(mesh: Path, name: str) -> None:
    (mesh / "identity.toml").write_text(SERVICE)
    with pytest.raises(Unauthenticated):
        Identity(mesh).certificate(name)


def test_a_file_that_changes_is_followed_and_a_broken_one_is_not(
    mesh: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (mesh / "identity.toml").write_text(SETTINGS)
    identity = Identity(mesh, Hasty())
    token = KEY.sign()
    assert identity.token(token).roles == ("sales/reader",)
    (mesh / "identity.toml").write_text(SETTINGS.replace('"sales/reader"', '"sales/other"'))
    assert identity.token(token).roles == ("sales/other",)
    (mesh / "identity.toml").write_text("[[issuers")
    assert identity.token(token).roles == ("sales/other",)
    assert "identity.toml is not used" in caplog.text
    (mesh / "identity.toml").write_text(SERVICE)
    with pytest.raises(Unauthenticated):
        identity.token(token)
    assert identity.certificate("loader.example")


def test_a_subject_of_an_issuer_and_a_file_user_are_never_the_same(mesh: Path) -> None:
    add_user(mesh, "ana@corp", ["all/admin"], "secret")
    add_user(mesh, "ana@home", ["all/reader"], "secret")
    identity = Identity(mesh, Hasty())
    assert identity.login("ana@corp", "secret").principal.name == "user:ana@corp"
    (mesh / "identity.toml").write_text(SETTINGS)
    with pytest.raises(Unauthenticated, match="unknown user or wrong password"):
        identity.login("ana@corp", "secret")
    assert identity.user("ana@corp") is None
    assert identity.user("ana@home") is not None
    assert identity.token(KEY.sign()).roles == ("sales/reader",)


def test_subjects_of_two_issuers_are_never_the_same(mesh: Path) -> None:
    second = SETTINGS.replace('"corp"', '"b"').replace("login.corp", "login.b")
    (mesh / "identity.toml").write_text(SETTINGS + second)
    identity = Identity(mesh)
    issuer = "https://login.b.example"
    names = {
        identity.token(KEY.sign(sub=sub, iss=iss)).name
        for sub in ("ana", "ana@corp", "ana@b", "ana@corp@b", "ana@b@corp")
        for iss in ("https://login.corp.example", issuer)
    }
    assert len(names) == 10


def test_a_revoked_principal_does_not_get_in_by_any_means(mesh: Path) -> None:
    add_user(mesh, "ana", [], "secret")
    (mesh / "identity.toml").write_text(SERVICE)
    identity = Identity(mesh, Hasty())
    assert identity.login("ana", "secret")
    assert identity.certificate("loader.example")
    (mesh / "revoked.toml").write_text('sub = ["user:ana", "svc:loader.example"]')
    with pytest.raises(Unauthenticated, match="unknown user or wrong password"):
        identity.login("ana", "secret")
    assert identity.user("ana") is None
    with pytest.raises(Unauthenticated):
        identity.certificate("loader.example")


def test_a_broken_list_of_revocations_lets_nobody_in(mesh: Path) -> None:
    add_user(mesh, "ana", [], "secret")
    identity = Identity(mesh, Hasty())
    assert identity.login("ana", "secret")
    (mesh / "revoked.toml").write_text("jti = [")
    with pytest.raises(Unauthenticated):
        identity.login("ana", "secret")
    with pytest.raises(CatalogueError, match=r"revoked\.toml"):
        Identity(mesh)


def test_whatever_goes_wrong_with_the_revocations_lets_nobody_in(mesh: Path) -> None:
    add_user(mesh, "ana", [], "secret")
    identity = Identity(mesh, Hasty())
    assert identity.login("ana", "secret")
    (mesh / "revoked.toml").write_text("jti = " + "[" * 20_000)  # the parser gives up
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            identity.login("ana", "secret")
