"""The public keys of an issuer: from a file of the mesh, or fetched and fetched again.

Keys are fetched in a thread of their own. While the known ones are good, nobody waits for it; a
token signed with an unknown key waits a moment, and starts a fetch at most every few seconds. Keys
an issuer does not publish any more are forgotten with the fetch that shows it; when it does not
answer, the known ones are good for an hour.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from jwt import PyJWK

from gateway.errors import CatalogueError
from gateway.identity.fetching import FETCH_SECONDS, FetchError, fetch_json
from gateway.identity.settings import Issuer, check_uri
from gateway.identity.watched import Watched

REFRESH_SECONDS = 300.0
KEEP_SECONDS = 3600.0
REFETCH_SECONDS = 10.0
ABANDON_SECONDS = 60.0
"""A fetch that has not ended by then is not waited for any more: another one may begin."""

MAX_KEYS = 100
MIN_RSA_BITS = 2048
DISCOVERY = "/.well-known/openid-configuration"

CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Key:
    """One public key: `text` is the canonical JWK, and equal keys are equal by it."""

    id: str
    text: str

    def fits(self, algorithm: str) -> bool:
        """Whether signatures of this algorithm can be verified with the key."""
        jwk = json.loads(self.text)
        if jwk.get("alg", algorithm) != algorithm:
            return False
        if algorithm[:2] in ("RS", "PS"):
            return bool(jwk["kty"] == "RSA")
        if algorithm == "EdDSA":
            return bool(jwk["kty"] == "OKP")
        return bool(jwk["kty"] == "EC") and jwk.get("crv") == CURVES[algorithm]

    def public(self, algorithm: str) -> Any:
        """The key as `cryptography` has it."""
        return PyJWK(json.loads(self.text), algorithm).key


Keys = tuple[Key, ...]


class KeySource(Protocol):
    """Where the keys of one issuer come from."""

    def current(self) -> Keys:
        """The keys known now; empty when none is good any more. Does not wait."""
        ...

    def renewed(self) -> Keys:
        """The keys after asking again, which may take a moment, or may be refused."""
        ...


def parse_keys(document: object) -> Keys:
    """The usable keys of a JWKS; what signs nothing, is private or weak is left out.

    ValueError when it is no JWKS.
    """
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list) or len(entries) > MAX_KEYS:
        raise ValueError(f"there is no list of at most {MAX_KEYS} keys in it")
    found: list[Key] = []
    for number, entry in enumerate(entries, start=1):
        wrong = _wrong(entry)
        if wrong:
            logger.warning("key %d of a JWKS is not used: %s", number, wrong)
        else:
            found.append(Key(entry.get("kid", ""), json.dumps(entry, sort_keys=True)))
    return tuple(found)


def choose(keys: Iterable[Key], kid: str, algorithm: str) -> Key | None:
    """The one key a token can mean. Without `kid` there has to be only one that fits."""
    fitting = {key for key in keys if key.fits(algorithm) and (not kid or key.id == kid)}
    return fitting.pop() if len(fitting) == 1 else None


def key_source(issuer: Issuer, clock: Callable[[], float] = time.monotonic) -> KeySource:
    """The keys of an issuer as its settings say. CatalogueError for a file that has none."""
    if issuer.jwks_file is not None:
        return FileKeys(issuer.jwks_file, clock)
    return RemoteKeys(issuer, clock)


class FileKeys:
    """Keys in a file. One that has become wrong changes nothing: the last good one counts."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._file = Watched(path, lambda: _load(path), lambda last: last, clock)

    def current(self) -> Keys:
        return self._file.current()

    def renewed(self) -> Keys:
        return self._file.current()


class RemoteKeys:
    """Keys at an address, or at the one OIDC discovery names."""

    def __init__(self, issuer: Issuer, clock: Callable[[], float] = time.monotonic) -> None:
        self._issuer = issuer
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: Keys = ()
        self._fetched: float | None = None
        self._tried: float | None = None
        self._fetching: threading.Event | None = None

    def current(self) -> Keys:
        age = self._age()
        if age is None or age > KEEP_SECONDS:
            return ()
        if age > REFRESH_SECONDS:
            self._fetch()
        return self._keys

    def renewed(self) -> Keys:
        done = self._fetch()
        if done is not None:
            done.wait(FETCH_SECONDS)
        return self.current()

    def _age(self) -> float | None:
        return None if self._fetched is None else self._clock() - self._fetched

    def _fetch(self) -> threading.Event | None:
        """Begin to fetch, unless that was done a moment ago. What to wait for, if anything."""
        with self._lock:
            now = self._clock()
            since = ABANDON_SECONDS if self._tried is None else now - self._tried
            if self._fetching is not None and since < ABANDON_SECONDS:
                return self._fetching
            if since < REFETCH_SECONDS:
                return None
            self._tried = now
            done = self._fetching = threading.Event()
        threading.Thread(target=self._work, args=(done,), daemon=True, name="jwks").start()
        return done

    def _work(self, done: threading.Event) -> None:
        try:
            keys = parse_keys(fetch_json(self._issuer.jwks_uri or self._discovered()))
            with self._lock:
                if self._fetching is done:
                    self._keys, self._fetched = keys, self._clock()
        except (FetchError, ValueError) as error:
            logger.warning("no keys of issuer %s: %s", self._issuer.name, error)
        except Exception:
            logger.exception("no keys of issuer %s", self._issuer.name)
        finally:
            with self._lock:
                if self._fetching is done:
                    self._fetching = None
            done.set()

    def _discovered(self) -> str:
        issuer = self._issuer.issuer
        document = fetch_json(issuer.rstrip("/") + DISCOVERY)
        if document.get("issuer") != issuer:
            raise ValueError("what discovery found is about another issuer")
        uri = document.get("jwks_uri")
        wrong = check_uri(uri) if isinstance(uri, str) else "is not an address"
        if wrong:
            raise ValueError(f"jwks_uri {wrong}")
        return str(uri)


def _load(path: Path) -> Keys:
    try:
        keys = parse_keys(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise CatalogueError(f"{path}: is not a JWKS: {error}") from error
    if not keys:
        raise CatalogueError(f"{path}: there is no key in it that can be used")
    return keys


def _wrong(entry: object) -> str:
    """Why an entry of a JWKS can not be used; empty when it can."""
    if not isinstance(entry, dict):
        return "it is not an object"
    if not isinstance(entry.get("kid", ""), str):
        return "its kid is not a text"
    if entry.get("use", "sig") != "sig" or "verify" not in entry.get("key_ops", ["verify"]):
        return "it is not for signatures"
    if entry.get("kty") not in ("RSA", "EC", "OKP"):
        return "it is not a public key"
    if "d" in entry:
        return "it is a private key, which nobody should publish"
    try:
        key = PyJWK(entry).key
    except Exception as error:
        return f"{type(error).__name__}"
    bits = getattr(key, "key_size", MIN_RSA_BITS)
    if entry["kty"] == "RSA" and bits < MIN_RSA_BITS:
        return f"it has {bits} bits only"
    return ""
