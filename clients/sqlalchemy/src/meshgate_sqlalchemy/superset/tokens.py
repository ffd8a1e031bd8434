"""Tokens that say to a gateway which user of Superset asks.

Superset has a private key; the mesh declares the public one as that of an issuer, whose subjects
are Superset's users. A token is for one gateway, lives minutes, and is made for each connection.

    MESHGATE_SIGNERS = {                           # in superset_config.py
        "gateway.example:8815": {                  # the only address its tokens are sent to
            "key_file": "/etc/superset/meshgate.pem",
            "issuer": "https://superset.example",  # as in the mesh's identity.toml
            "audience": "meshgate",
            "region": "EU",                        # optional: where the users are
            "seconds": 300,                        # optional
        }
    }

``python -m meshgate_sqlalchemy.superset.tokens KEY.pem`` makes a key, and prints the public one.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SIGNERS = "MESHGATE_SIGNERS"
ALGORITHM = "EdDSA"
SECONDS = 300
MOST_SECONDS = 3600

_NEEDED, _OPTIONAL = ("key_file", "issuer", "audience"), ("region", "seconds")


class SigningError(Exception):
    """No token can be made; the text says why, to whoever has set it up."""


@dataclass(frozen=True)
class Signer:
    """Makes the tokens for one gateway."""

    key: Ed25519PrivateKey
    issuer: str
    audience: str
    region: str = ""
    seconds: int = SECONDS

    def token(self, user: str, groups: Sequence[str]) -> str:
        """A token of the user, who has these roles in Superset."""
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": user,
            "groups": sorted(groups),
            "iat": now,
            "exp": now + self.seconds,
            "jti": uuid.uuid4().hex,
        }
        if self.region:
            claims["region"] = self.region
        header = {"kid": public_jwk(self.key)["kid"]}
        return jwt.encode(claims, self.key, algorithm=ALGORITHM, headers=header)


def signer_for(address: str, signers: Mapping[str, Any]) -> Signer:
    """The signer that is declared for the gateway at ``host:port``. SigningError without one."""
    if address not in signers:
        raise SigningError(f"{SIGNERS} has no signer for the gateway at {address}")
    settings = signers[address]
    missing = [name for name in _NEEDED if not settings.get(name)]
    unknown = sorted(settings.keys() - {*_NEEDED, *_OPTIONAL})
    if missing or unknown:
        wrong = f"{missing[0]} is missing" if missing else f"there is no {unknown[0]!r}"
        raise SigningError(f"{SIGNERS}, {address}: {wrong}")
    seconds = settings.get("seconds", SECONDS)
    if not isinstance(seconds, int) or not 0 < seconds <= MOST_SECONDS:
        raise SigningError(f"{SIGNERS}, {address}: seconds are a number up to {MOST_SECONDS}")
    return Signer(
        load_key(Path(settings["key_file"])),
        settings["issuer"],
        settings["audience"],
        settings.get("region", ""),
        seconds,
    )


def load_key(file: Path) -> Ed25519PrivateKey:
    """The private key of a PEM file. SigningError when it is none of Ed25519."""
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise SigningError(f"{file} is not a private key: {type(error).__name__}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningError(f"{file} is not a private key of Ed25519")
    return key


def create_key(file: Path) -> Ed25519PrivateKey:
    """A new private key, in a file that only its owner can read."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        opened.write(private)
    return key


def public_jwk(key: Ed25519PrivateKey) -> dict[str, str]:
    """The public key as the mesh wants it; its id is its thumbprint (RFC 7638)."""
    raw = key.public_key().public_bytes_raw()
    needed = {"crv": "Ed25519", "kty": "OKP", "x": _base64url(raw)}
    text = json.dumps(needed, separators=(",", ":"), sort_keys=True)
    kid = _base64url(hashlib.sha256(text.encode()).digest())
    return {**needed, "kid": kid, "alg": ALGORITHM, "use": "sig"}


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def main() -> int:
    """Make a key, or read the one that is there, and print its public part as a JWKS."""
    if len(sys.argv) != 2:
        print("usage: python -m meshgate_sqlalchemy.superset.tokens KEY.pem", file=sys.stderr)
        return 2
    file = Path(sys.argv[1])
    try:
        key = load_key(file) if file.exists() else create_key(file)
    except (SigningError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps({"keys": [public_jwk(key)]}, indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
