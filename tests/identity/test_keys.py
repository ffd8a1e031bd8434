"""Keys over HTTP: rotation, discovery, and an issuer that fails, hangs or lies."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.errors import Unauthenticated
from gateway.identity import keys as module
from gateway.identity.identity import Identity
from gateway.identity.keys import KEEP_SECONDS, REFETCH_SECONDS, REFRESH_SECONDS, RemoteKeys
from gateway.identity.settings import Issuer, load_settings
from tests.identity.clocks import Still
from tests.identity.issuing import ISSUER, SETTINGS, Provider, Signer

ONE, TWO = Signer("one", "ES256"), Signer("two", "ES256")


FOREVER = 10_000.0
"""Seconds: a test that waited for them would not end."""


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider()
    provider.publish(ONE)
    yield provider
    provider.close()


@pytest.fixture
def clock() -> Still:
    return Still()


def settings_for(provider: Provider) -> str:
    return SETTINGS.replace('jwks_file = "keys.json"', f'jwks_uri = "{provider.uri}/jwks"')


def remote(provider: Provider, clock: Still, path: str = "/jwks") -> RemoteKeys:
    uri = provider.uri + path
    return RemoteKeys(Issuer("corp", ISSUER, ("m",), frozenset(["ES256"]), jwks_uri=uri), clock)


def names(keys: module.Keys) -> list[str]:
    return [key.id for key in keys]


def test_a_new_key_is_fetched_when_a_token_names_it(provider: Provider, tmp_path: Path) -> None:
    (tmp_path / "identity.toml").write_text(settings_for(provider))
    patch = pytest.MonkeyPatch()
    patch.setattr(module, "REFETCH_SECONDS", 0.2)
    identity = Identity(tmp_path)
    first = ONE.sign()
    assert identity.token(first)
    provider.publish(TWO)
    assert identity.token(first)  # nobody has asked anew yet
    time.sleep(0.3)
    assert identity.token(TWO.sign())
    with pytest.raises(Unauthenticated):
        identity.token(first)
    with pytest.raises(Unauthenticated):
        identity.token(ONE.sign(sub="bob"))
    patch.undo()


def test_unknown_keys_are_asked_for_once_in_a_while_only(provider: Provider, clock: Still) -> None:
    keys = remote(provider, clock)
    for _ in range(50):
        assert names(keys.renewed()) == ["one"]
    assert len(provider.requests) == 1
    clock.now += REFETCH_SECONDS
    for _ in range(50):
        keys.renewed()
    assert len(provider.requests) == 2


def test_keys_are_asked_for_anew_without_anybody_waiting(
    provider: Provider, clock: Still, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FETCH_SECONDS", FOREVER)
    keys = remote(provider, clock)
    keys.renewed()
    provider.publish(TWO)
    provider.hanging.clear()
    clock.now += REFRESH_SECONDS + 1
    assert names(keys.current()) == ["one"]
    provider.hanging.set()
    for _ in range(100):
        if names(keys.current()) == ["two"]:
            break
        time.sleep(0.05)
    assert names(keys.current()) == ["two"]


def test_an_issuer_that_is_down_is_believed_for_an_hour(provider: Provider, clock: Still) -> None:
    keys = remote(provider, clock)
    keys.renewed()
    provider.failing = True
    clock.now += KEEP_SECONDS - 1
    assert names(keys.renewed()) == ["one"]
    clock.now += 2
    assert keys.current() == ()
    assert keys.renewed() == ()
    provider.failing = False
    clock.now += REFETCH_SECONDS
    assert names(keys.renewed()) == ["one"]


def test_an_issuer_that_hangs_delays_only_who_needs_it(
    provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REFETCH_SECONDS", 0.0)
    monkeypatch.setattr(module, "FETCH_SECONDS", 0.5)
    (tmp_path / "identity.toml").write_text(settings_for(provider))
    identity = Identity(tmp_path)
    identity.token(ONE.sign())
    provider.hanging.clear()
    with pytest.raises(Unauthenticated):
        identity.token(TWO.sign())
    monkeypatch.setattr(module, "FETCH_SECONDS", FOREVER)
    assert identity.token(ONE.sign(sub="bob"))


def test_a_fetch_that_never_ends_is_given_up(
    provider: Provider, clock: Still, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FETCH_SECONDS", 0.2)
    keys = remote(provider, clock)
    provider.hanging.clear()
    for _ in range(2):
        assert keys.renewed() == ()
    clock.now += module.ABANDON_SECONDS
    assert keys.renewed() == ()
    assert len(provider.requests) == 2


def test_an_issuer_that_never_answered_lets_nobody_in(provider: Provider, tmp_path: Path) -> None:
    provider.failing = True
    (tmp_path / "identity.toml").write_text(settings_for(provider))
    identity = Identity(tmp_path)
    with pytest.raises(Unauthenticated, match="not accepted"):
        identity.token(ONE.sign())


def test_settings_that_change_keep_the_keys_of_an_issuer_that_stays(
    provider: Provider, tmp_path: Path
) -> None:
    (tmp_path / "identity.toml").write_text(settings_for(provider))
    identity = Identity(tmp_path)
    assert identity.token(ONE.sign())
    provider.failing = True
    (tmp_path / "identity.toml").write_text(settings_for(provider) + '[services."x"]\nroles = []')
    time.sleep(1.1)
    assert identity.token(ONE.sign(sub="bob"))
    assert identity.certificate("x")
    assert len(provider.requests) == 1


@pytest.mark.parametrize(
    "document",
    [{}, {"keys": 1}, [], 7, None, {"keys": [{}] * 101}, {"keys": [], "long": "x" * 300_000}],
)
def test_what_is_no_set_of_keys_changes_nothing(
    provider: Provider, clock: Still, document: object
) -> None:
    keys = remote(provider, clock)
    keys.renewed()
    provider.documents["/jwks"] = document
    clock.now += REFETCH_SECONDS
    assert names(keys.renewed()) == ["one"]
    assert len(provider.requests) == 2


def test_a_redirect_is_not_followed(provider: Provider, clock: Still) -> None:
    provider.documents["/moved"] = f"{provider.uri}/jwks"
    assert remote(provider, clock, "/moved").renewed() == ()
    assert provider.requests == ["/moved"]


def discovering(provider: Provider) -> Issuer:
    return Issuer("corp", provider.uri, ("m",), frozenset(["ES256"]))


def test_keys_are_found_by_discovery(provider: Provider, clock: Still) -> None:
    document = {"issuer": provider.uri, "jwks_uri": f"{provider.uri}/jwks"}
    provider.documents[module.DISCOVERY] = document
    assert names(RemoteKeys(discovering(provider), clock).renewed()) == ["one"]
    assert provider.requests == [module.DISCOVERY, "/jwks"]


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "https://other.example"},
        {"jwks_uri": "http://keys.example/jwks"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": None},
    ],
)
def test_discovery_of_another_issuer_or_an_unsafe_address_is_refused(
    provider: Provider, clock: Still, change: dict[str, object]
) -> None:
    document = {"issuer": provider.uri, "jwks_uri": f"{provider.uri}/jwks", **change}
    provider.documents[module.DISCOVERY] = document
    assert RemoteKeys(discovering(provider), clock).renewed() == ()
    assert provider.requests == [module.DISCOVERY]


def test_discovery_works_with_tokens(provider: Provider, tmp_path: Path) -> None:
    text = SETTINGS.replace('jwks_file = "keys.json"\n', "").replace(ISSUER, provider.uri)
    (tmp_path / "identity.toml").write_text(text)
    provider.documents[module.DISCOVERY] = {
        "issuer": provider.uri,
        "jwks_uri": f"{provider.uri}/jwks",
    }
    assert load_settings(tmp_path).issuers[0].jwks_uri == ""
    assert Identity(tmp_path).token(ONE.sign(iss=provider.uri)).name == "user:ana@corp"
