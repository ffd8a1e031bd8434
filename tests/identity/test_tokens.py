"""JSON Web Tokens: what is believed, and every way to be refused."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest

from gateway.errors import Unauthenticated
from gateway.identity import tokens as module
from gateway.identity.identity import Identity
from gateway.model import Principal
from tests.identity.clocks import Hasty
from tests.identity.issuing import ISSUER, SETTINGS, Signer, assemble, b64, claims, write_keys

RSA, EC, ED = Signer("rsa-1"), Signer("ec-1", "ES256"), Signer("ed-1", "EdDSA")
OTHER = Signer("rsa-1")
"""Somebody else's key, under the same name."""


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    write_keys(tmp_path, RSA, EC, ED)
    (tmp_path / "identity.toml").write_text(SETTINGS)
    return tmp_path


@pytest.fixture
def identity(mesh: Path) -> Identity:
    return Identity(mesh, Hasty())


@pytest.mark.parametrize("signer", [RSA, EC, ED], ids=lambda signer: signer.algorithm)
def test_a_token_gives_its_subject_with_the_roles_of_its_groups(
    identity: Identity, signer: Signer
) -> None:
    token = signer.sign(groups=["all", "analysts"], region="EU", purposes="reporting care")
    assert identity.token(token) == Principal(
        "user:ana@corp",
        ("sales/reader", "all/reader", "ops/reader"),
        "EU",
        ("reporting", "care"),
    )


@pytest.mark.parametrize(
    "groups",
    [None, [], "nobody", ["sales/reader"], ["all/reader", "ANALYSTS", " analysts"], {"all": 1}, 7],
)
def test_groups_that_are_not_on_the_list_give_nothing(identity: Identity, groups: Any) -> None:
    assert identity.token(RSA.sign(groups=groups)).roles == ()


def test_a_token_without_the_claims_may_declare_no_purpose_and_is_nowhere(
    identity: Identity,
) -> None:
    principal = identity.token(RSA.sign())
    assert (principal.region, principal.purposes) == ("", ())


def refuse_claims(**changes: Any) -> Callable[[], str]:
    return lambda: RSA.sign(**changes)


def now(seconds: float) -> int:
    return int(time.time() + seconds)


def unsigned(algorithm: str) -> str:
    return assemble({"alg": algorithm, "typ": "JWT"}, claims(), b"")


def keyed_with_the_public_key(kid: str) -> str:
    """RS256 to HS256: the public key, which everybody has, as the secret of an HMAC."""
    head = b64(json.dumps({"alg": "HS256", "kid": kid, "typ": "JWT"}).encode())
    signed = f"{head}.{b64(json.dumps(claims()).encode())}"
    digest = hmac.new(RSA.public_pem, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{b64(digest)}"


def signed_raw(header: str, body: str) -> str:
    """A proper signature over any text at all."""
    signed = f"{b64(header.encode())}.{b64(body.encode())}"
    signature = jwt.get_algorithm_by_name("RS256").sign(signed.encode(), RSA.private)
    return f"{signed}.{b64(signature)}"


HEADER = '{"alg":"RS256","kid":"rsa-1","typ":"JWT"}'

ATTACKS: dict[str, Callable[[], str]] = {
    "alg none": lambda: unsigned("none"),
    "alg None": lambda: unsigned("None"),
    "alg empty": lambda: unsigned(""),
    "alg none with a kid": lambda: assemble({"alg": "none", "kid": "rsa-1"}, claims(), b"x"),
    "no alg": lambda: assemble({"typ": "JWT"}, claims(), b"x"),
    "alg is a list": lambda: assemble({"alg": ["RS256"], "kid": "rsa-1"}, claims(), b"x"),
    "rs to hs confusion": lambda: keyed_with_the_public_key("rsa-1"),
    "rs to hs confusion without a key": lambda: keyed_with_the_public_key("nobody"),
    "an algorithm that is not allowed": lambda: jwt.encode(
        claims(), RSA.private, "RS512", {"kid": "rsa-1"}
    ),
    "an algorithm of another kind of key": lambda: RSA.sign({"kid": "ec-1"}),
    "somebody else's key": lambda: OTHER.sign(),
    "somebody else's key, brought along": lambda: OTHER.sign({"jwk": OTHER.jwk}),
    "somebody else's key at an address": lambda: OTHER.sign({"jku": "http://127.0.0.1:9/jwks"}),
    "somebody else's certificate": lambda: OTHER.sign({"x5u": "http://127.0.0.1:9/x", "x5c": []}),
    "a changed subject": lambda: changed(RSA.sign(), sub="root"),
    "a changed expiry": lambda: changed(RSA.sign(), exp=now(9999)),
    "a signature cut off": lambda: RSA.sign().rpartition(".")[0] + ".",
    "a signature of another token": lambda: (
        RSA.sign(sub="root").rpartition(".")[0] + "." + RSA.sign().rpartition(".")[2]
    ),
    "no audience": refuse_claims(aud=None),
    "a wrong audience": refuse_claims(aud="other"),
    "wrong audiences": refuse_claims(aud=["other", "meshgate2"]),
    "an audience in another case": refuse_claims(aud="Meshgate"),
    "no issuer": refuse_claims(iss=None),
    "a wrong issuer": refuse_claims(iss="https://login.corp.example.evil"),
    "an issuer with a slash more": refuse_claims(iss=ISSUER + "/"),
    "no subject": refuse_claims(sub=None),
    "no expiry": refuse_claims(exp=None),
    "no issue date": refuse_claims(iat=None),
    "expired": lambda: RSA.sign(iat=now(-900), exp=now(-60)),
    "issued in the future": lambda: RSA.sign(iat=now(120), exp=now(600)),
    "not valid before": lambda: RSA.sign(nbf=now(120)),
    "too long a life": lambda: RSA.sign(exp=now(3700)),
    "an endless life": lambda: signed_raw(HEADER, raw_claims(exp="1e400")),
    "expiry is not a number": lambda: signed_raw(HEADER, raw_claims(exp="NaN")),
    "expiry is a text": lambda: RSA.sign(exp=str(now(600))),
    "expiry is true": refuse_claims(exp=True),
    "too large": refuse_claims(padding="x" * 9000),
    "crit unknown": lambda: RSA.sign({"crit": ["x-mine"], "x-mine": 1}),
    "crit empty": lambda: RSA.sign({"crit": []}),
    "crit twice": lambda: RSA.sign({"crit": ["exp", "exp"]}),
    "crit is no list": lambda: signed_raw(HEADER.replace("{", '{"crit":"b64",', 1), raw_claims()),
    "crit b64": lambda: RSA.sign({"crit": ["b64"], "b64": True}),
    "b64 alone": lambda: signed_raw(HEADER.replace("{", '{"b64":false,', 1), raw_claims()),
    "an unknown kid": lambda: RSA.sign({"kid": "rsa-2"}),
    "a kid that is a path": lambda: RSA.sign({"kid": "../../dev/null"}),
    "a kid that is sql": lambda: RSA.sign({"kid": "x' UNION SELECT 'rsa-1"}),
    "an empty kid": lambda: RSA.sign({"kid": ""}),
    "a kid that is a number": lambda: signed_raw(HEADER.replace('"rsa-1"', "1"), raw_claims()),
    "a kid that is null": lambda: signed_raw(HEADER.replace('"rsa-1"', "null"), raw_claims()),
    "a typ of another purpose": lambda: RSA.sign({"typ": "logout+jwt"}),
    "a typ that is a list": lambda: signed_raw(HEADER.replace('"JWT"', '["JWT"]'), raw_claims()),
    "a name twice in the header": lambda: signed_raw(
        HEADER.replace("{", '{"kid":"ec-1",', 1), raw_claims()
    ),
    "a name twice in the claims": lambda: signed_raw(
        HEADER, raw_claims().replace("{", '{"sub":"root",', 1)
    ),
    "claims are a list": lambda: signed_raw(HEADER, "[1]"),
    "claims nested deeply": lambda: signed_raw(HEADER, '{"a":' * 2500 + "1" + "}" * 2500),
    "a subject with a separator": refuse_claims(sub="a,b"),
    "a subject with a bar": refuse_claims(sub="a|b"),
    "a subject with a star": refuse_claims(sub="*"),
    "a subject with a line": refuse_claims(sub="ana\n"),
    "a subject with a space": refuse_claims(sub="ana b"),
    "a subject that cannot be seen": refuse_claims(sub="ana\u200b"),
    "a subject that looks alike": refuse_claims(sub="\u0430na"),
    "an empty subject": refuse_claims(sub=""),
    "a subject that is a number": refuse_claims(sub=7),
    "a subject without end": refuse_claims(sub="a" * 129),
    "a region that is none": refuse_claims(region="EU|US"),
    "a region that is a list": refuse_claims(region=["EU"]),
    "two parts": lambda: ".".join(RSA.sign().split(".")[:2]),
    "four parts": lambda: RSA.sign() + ".x",
    "five parts, encrypted": lambda: "a.b.c.d.e",
    "not base64url": lambda: RSA.sign().replace(".", "!.", 1),
    "padded": lambda: RSA.sign() + "=",
    "a line at the end": lambda: RSA.sign() + "\n",
    "nothing": lambda: "",
    "dots": lambda: "..",
}


def raw_claims(**changes: str) -> str:
    text = json.dumps(claims(), separators=(",", ":"))
    for name, value in changes.items():
        before = json.dumps(claims()[name])
        text = text.replace(f'"{name}":{before}', f'"{name}":{value}')
    return text


def changed(token: str, **changes: Any) -> str:
    head, _, signature = token.split(".")
    return f"{head}.{b64(json.dumps(claims(**changes)).encode())}.{signature}"


@pytest.mark.parametrize("attack", sorted(ATTACKS))
def test_an_attack_is_refused(identity: Identity, attack: str) -> None:
    assert identity.token(RSA.sign()).name == "user:ana@corp"
    with pytest.raises(Unauthenticated) as caught:
        identity.token(ATTACKS[attack]())
    expired = attack in ("expired", "expiry is true")
    expected = "the token has expired" if expired else "the token is not accepted"
    assert caught.value.message == expected
    assert identity.token(RSA.sign()).name == "user:ana@corp"


def test_a_raw_token_that_is_well_formed_is_accepted(identity: Identity) -> None:
    assert identity.token(signed_raw(HEADER, raw_claims())).name == "user:ana@corp"


@pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt", "application/at+jwt"])
def test_types_of_access_tokens_are_accepted(identity: Identity, kind: str) -> None:
    assert identity.token(RSA.sign({"typ": kind})).name == "user:ana@corp"


def test_one_of_several_audiences_is_enough(identity: Identity) -> None:
    assert identity.token(RSA.sign(aud=["other", "meshgate"])).name == "user:ana@corp"


def test_a_verified_token_is_not_verified_again(
    identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = RSA.sign()
    identity.token(token)
    monkeypatch.setattr(module.jwt, "decode", None)
    assert identity.token(token).name == "user:ana@corp"
    with pytest.raises(Unauthenticated):
        identity.token(RSA.sign(sub="bob"))


def test_a_verified_token_ends_when_it_expires(mesh: Path) -> None:
    text = SETTINGS.replace("max_lifetime_seconds", "leeway_seconds = 0\nmax_lifetime_seconds")
    (mesh / "identity.toml").write_text(text)
    identity = Identity(mesh)
    token = RSA.sign(exp=now(2))
    assert identity.token(token)
    time.sleep(2.1)
    with pytest.raises(Unauthenticated, match="expired"):
        identity.token(token)


def test_memory_of_verified_tokens_is_bounded(mesh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "VERIFIED_ENTRIES", 3)
    identity = Identity(mesh)
    for number in range(10):
        assert identity.token(EC.sign(sub=f"u{number}")).name == f"user:u{number}@corp"
    assert identity._declared is not None
    assert len(identity._declared[1]._verified) == 3


@pytest.mark.parametrize(
    "text", ['jti = ["token-1"]', 'sub = ["ana"]', 'sub = ["user:ana@corp"]', "jti = [", "x = 1"]
)
def test_revocation_ends_a_verified_token_at_once(
    mesh: Path, identity: Identity, text: str
) -> None:
    token = RSA.sign()
    assert identity.token(token)
    (mesh / "revoked.toml").write_text(text)
    with pytest.raises(Unauthenticated, match="not accepted"):
        identity.token(token)
    (mesh / "revoked.toml").write_text('jti = ["another"]\nsub = ["user:bob@corp"]')
    assert identity.token(token)


def test_a_key_that_is_taken_away_ends_what_it_has_signed(mesh: Path, identity: Identity) -> None:
    token, new = RSA.sign(), Signer("rsa-2")
    assert identity.token(token)
    write_keys(mesh, new)
    time.sleep(1.1)
    with pytest.raises(Unauthenticated):
        identity.token(token)
    assert identity.token(new.sign())


@pytest.mark.filterwarnings("ignore:The RSA key is 1024 bits long")
def test_weak_private_and_other_keys_of_a_set_are_not_used(mesh: Path) -> None:
    weak = Signer("weak", bits=1024)
    private = {**RSA.jwk, "kid": "private", "d": "AQAB"}
    secret = {"kty": "oct", "k": b64(b"secret"), "kid": "secret", "alg": "HS256"}
    encrypting = {**EC.jwk, "kid": "enc", "use": "enc"}
    keys = [weak.jwk, private, secret, encrypting, "x", {}, ED.jwk]
    (mesh / "keys.json").write_text(json.dumps({"keys": keys}))
    identity = Identity(mesh)
    for token in (weak.sign(), RSA.sign({"kid": "private"}), EC.sign({"kid": "enc"})):
        with pytest.raises(Unauthenticated):
            identity.token(token)
    assert identity.token(ED.sign())


def test_a_key_is_used_with_its_own_algorithm_only(mesh: Path) -> None:
    (mesh / "keys.json").write_text(json.dumps({"keys": [{**RSA.jwk, "alg": "RS512"}]}))
    with pytest.raises(Unauthenticated):
        Identity(mesh).token(RSA.sign())


def test_a_curve_of_another_size_does_not_fit(mesh: Path) -> None:
    other = Signer("ec-384", "ES384")
    write_keys(mesh, other)
    token = assemble({"alg": "ES256", "kid": "ec-384"}, claims(), b"x" * 64)
    with pytest.raises(Unauthenticated):
        Identity(mesh).token(token)


def test_without_a_kid_the_key_has_to_be_the_only_one(mesh: Path) -> None:
    token = jwt.encode(claims(), RSA.private, "RS256")
    write_keys(mesh, RSA, EC)
    assert Identity(mesh).token(token)
    write_keys(mesh, RSA, Signer("rsa-2"))
    with pytest.raises(Unauthenticated):
        Identity(mesh).token(token)


def test_two_keys_of_one_name_are_no_key(mesh: Path) -> None:
    write_keys(mesh, RSA, OTHER)
    for signer in (RSA, OTHER):
        with pytest.raises(Unauthenticated):
            Identity(mesh).token(signer.sign())


def test_claims_can_be_found_by_a_path_or_by_a_name_with_dots(mesh: Path) -> None:
    text = SETTINGS.replace(
        "region_claim", 'groups_claim = "realm_access.roles"\nregion_claim'
    ).replace('"region"', '"https://corp.example/region"')
    (mesh / "identity.toml").write_text(text)
    token = RSA.sign(
        groups=None,
        realm_access={"roles": ["analysts"]},
        **{"https://corp.example/region": "EU"},
    )
    principal = Identity(mesh).token(token)
    assert (principal.roles, principal.region) == (("sales/reader",), "EU")


def test_an_email_is_a_subject_only_when_it_was_verified(mesh: Path) -> None:
    text = SETTINGS.replace("region_claim", 'subject_claim = "email"\nregion_claim')
    (mesh / "identity.toml").write_text(text)
    identity = Identity(mesh)
    for verified in (None, False, "true", 1):
        with pytest.raises(Unauthenticated):
            identity.token(RSA.sign(email="ana@corp.example", email_verified=verified))
    token = RSA.sign(email="ana@corp.example", email_verified=True)
    assert identity.token(token).name == "user:ana@corp.example@corp"


def test_users_and_services_of_one_issuer_differ_by_audience(mesh: Path) -> None:
    more = SETTINGS.replace('"corp"', '"jobs"').replace('"meshgate"', '"meshgate-jobs"')
    more = more.replace("region_claim", 'kind = "svc"\nregion_claim')
    (mesh / "identity.toml").write_text(SETTINGS + more)
    identity = Identity(mesh)
    assert identity.token(RSA.sign()).name == "user:ana@corp"
    assert identity.token(RSA.sign(aud="meshgate-jobs")).name == "svc:ana@jobs"
    with pytest.raises(Unauthenticated):
        identity.token(RSA.sign(aud=["meshgate", "meshgate-jobs"]))


def test_the_log_says_why_and_never_the_token(
    identity: Identity, caplog: pytest.LogCaptureFixture
) -> None:
    token = OTHER.sign(sub="zaphod")
    with pytest.raises(Unauthenticated):
        identity.token(token)
    assert "Signature verification failed" in caplog.text
    assert token not in caplog.text
    assert "zaphod" not in caplog.text
