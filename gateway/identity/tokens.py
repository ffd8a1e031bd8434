"""JSON Web Tokens: a signed text of a declared issuer to a principal, or Unauthenticated.

Nothing of a token counts before its signature is verified, but where to look for the key: its
`iss`, `aud`, `kid` and `alg`, each against what is declared. What went wrong is for the log.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

import jwt
from cachetools import LRUCache

from gateway.errors import Unauthenticated
from gateway.identity.keys import Key, KeySource, choose, key_source
from gateway.identity.revocation import Revoked
from gateway.identity.settings import SUBJECT, Issuer
from gateway.model import PURPOSE, REGION, Principal

MAX_TOKEN_BYTES = 8192
VERIFIED_ENTRIES = 4096
TYPES = ("jwt", "at+jwt")
REQUIRED = ["exp", "iat", "aud", "iss", "sub"]

_PARTS = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\Z")

logger = logging.getLogger(__name__)


class Refused(Exception):
    """Why a token is not believed; for the log, not for the client."""


@dataclass(frozen=True, slots=True)
class _Verified:
    """What a token has proven, and until when; it ends earlier with the key that signed it."""

    principal: Principal
    jti: str
    subject: str
    ends: float
    key: Key
    keys: KeySource


class Tokens:
    """The tokens of the declared issuers. Immutable but for its memory; safe from any thread."""

    def __init__(
        self,
        issuers: tuple[Issuer, ...],
        before: Tokens | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`before` is what these settings replace: keys of issuers that stay are kept."""
        known: Mapping[Issuer, KeySource] = before._sources if before else {}
        self._sources: Mapping[Issuer, KeySource] = {
            issuer: known[issuer] if issuer in known else key_source(issuer) for issuer in issuers
        }
        self._clock = clock
        self._lock = Lock()
        self._verified: LRUCache[bytes, _Verified] = LRUCache(VERIFIED_ENTRIES)

    def principal(self, token: str, revoked: Revoked) -> Principal:
        """Whose token this is; Unauthenticated for one that is not, or no longer, to be believed.

        Costs a signature check the first time, and little until the token expires.
        """
        digest = hashlib.sha256(token.encode(errors="replace")).digest()
        with self._lock:
            verified = self._verified.get(digest)
        try:
            if verified is None or verified.key not in verified.keys.current():
                verified = self._verify(token)
                with self._lock:
                    self._verified[digest] = verified
            if verified.ends <= self._clock():
                raise jwt.ExpiredSignatureError("it has expired")
            name = verified.principal.name
            if revoked.token(verified.jti, verified.subject) or revoked.principal(name):
                raise Refused(f"it, or {name}, is revoked")
        except Exception as error:  # whatever a token can make go wrong: it is not believed
            with self._lock:
                self._verified.pop(digest, None)
            logger.warning("token refused: %s: %.200r", type(error).__name__, str(error))
            if isinstance(error, jwt.ExpiredSignatureError):
                raise Unauthenticated("the token has expired", hint="get a new one") from error
            raise Unauthenticated("the token is not accepted", hint="get a new one") from error
        return verified.principal

    def _verify(self, token: str) -> _Verified:
        if len(token) > MAX_TOKEN_BYTES or not _PARTS.match(token):
            raise Refused("it is too long, or not three parts in base64url")
        header, claims = (_json(part) for part in token.split(".")[:2])
        algorithm, kid = _header(header)
        issuer = self._issuer(claims)
        if algorithm not in issuer.algorithms:
            raise Refused(f"algorithm {algorithm!r} is not allowed to {issuer.name}")
        keys = self._sources[issuer]
        key = choose(keys.current(), kid, algorithm) or choose(keys.renewed(), kid, algorithm)
        if key is None:
            raise Refused(f"{issuer.name} has no key {kid!r} for {algorithm}")
        claims = jwt.decode(
            token,
            key.public(algorithm),
            algorithms=[algorithm],  # one of those the issuer is allowed
            audience=issuer.audiences,
            issuer=issuer.issuer,
            leeway=issuer.leeway_seconds,
            options={"require": REQUIRED},
        )
        issued, ends = (_moment(claims, name) for name in ("iat", "exp"))
        if ends - issued > issuer.max_lifetime_seconds:
            raise Refused(f"it lives for {ends - issued:g} seconds")
        return _Verified(
            _principal(issuer, claims),
            str(claims.get("jti", "")),
            str(claims["sub"]),
            ends + issuer.leeway_seconds,
            key,
            keys,
        )

    def _issuer(self, claims: Mapping[str, Any]) -> Issuer:
        """The one issuer declared for the `iss` and `aud` the token claims to have."""
        audience = claims.get("aud")
        audiences = set(audience if isinstance(audience, list) else [audience])
        found = [
            issuer
            for issuer in self._sources
            if issuer.issuer == claims.get("iss") and audiences & set(issuer.audiences)
        ]
        if len(found) != 1:
            raise Refused("no issuer, or more than one, is declared for its iss and aud")
        return found[0]


def _json(part: str) -> dict[str, Any]:
    data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    value = json.loads(data, object_pairs_hook=_unique)
    if not isinstance(value, dict):
        raise Refused("a part of it is not an object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):  # two readers could choose differently
        raise Refused("a name is there twice")
    return value


def _header(header: Mapping[str, Any]) -> tuple[str, str]:
    """Algorithm and key id. Keys and addresses of keys that a header may bring are never used."""
    if "crit" in header or "b64" in header:
        raise Refused("it demands an extension")
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in TYPES:
        raise Refused(f"its typ is {kind!r}")
    algorithm, kid = header.get("alg"), header.get("kid", "")
    if not isinstance(algorithm, str) or not isinstance(kid, str) or ("kid" in header and not kid):
        raise Refused("alg or kid is not a text")
    return algorithm, kid


def _moment(claims: Mapping[str, Any], name: str) -> float:
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused(f"{name} is not a number")
    return float(value)


def _principal(issuer: Issuer, claims: Mapping[str, Any]) -> Principal:
    subject = _claim(claims, issuer.subject_claim)
    if not isinstance(subject, str) or not SUBJECT.match(subject):
        raise Refused(f"{issuer.subject_claim} {subject!r} can not be part of a principal's name")
    if issuer.subject_claim == "email" and claims.get("email_verified") is not True:
        raise Refused("its email is not verified: anybody could have entered it")
    groups = _texts(_claim(claims, issuer.groups_claim))
    region = _claim(claims, issuer.region_claim) if issuer.region_claim else None
    if region is not None and not (isinstance(region, str) and REGION.match(region)):
        raise Refused("its region is not the name of a region")
    purposes = None
    if issuer.purposes_claim:
        claimed = _claim(claims, issuer.purposes_claim)
        words = claimed.split() if isinstance(claimed, str) else _texts(claimed)
        purposes = tuple(word for word in words if PURPOSE.match(word))
    return Principal(
        f"{issuer.kind}:{subject}@{issuer.name}",
        tuple(dict.fromkeys(role for group, role in issuer.groups if group in groups)),
        region or "",
        purposes,
    )


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    """A claim by its name, or by a path of names joined by dots (``realm_access.roles``)."""
    if name in claims:
        return claims[name]
    value: Any = claims
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
