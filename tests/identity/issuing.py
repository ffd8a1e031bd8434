"""An identity provider of our own: keys, tokens, and a server that publishes the keys."""

from __future__ import annotations

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

ISSUER = "https://login.corp.example"
AUDIENCE = "meshgate"

SETTINGS = f"""\
[[issuers]]
name = "corp"
issuer = "{ISSUER}"
audience = "{AUDIENCE}"
jwks_file = "keys.json"
algorithms = ["RS256", "ES256", "EdDSA"]
region_claim = "region"
purposes_claim = "purposes"
max_lifetime_seconds = 3600
[issuers.groups]
"analysts" = "sales/reader"
"all" = ["all/reader", "ops/reader"]
"""


class Signer:
    """A private key with a name, and the tokens it signs."""

    def __init__(self, kid: str, algorithm: str = "RS256", bits: int = 2048) -> None:
        self.kid = kid
        self.algorithm = algorithm
        self.private: Any
        if algorithm[:2] in ("RS", "PS"):
            self.private = rsa.generate_private_key(65537, bits)
        elif algorithm == "EdDSA":
            self.private = ed25519.Ed25519PrivateKey.generate()
        else:
            curve = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1}[algorithm]
            self.private = ec.generate_private_key(curve())

    @property
    def jwk(self) -> dict[str, Any]:
        kinds: dict[str, Any] = {"R": RSAAlgorithm, "P": RSAAlgorithm, "E": ECAlgorithm}
        kind = OKPAlgorithm if self.algorithm == "EdDSA" else kinds[self.algorithm[0]]
        jwk: dict[str, Any] = json.loads(kind.to_jwk(self.private.public_key()))
        jwk.pop("key_ops", None)
        return {**jwk, "kid": self.kid, "use": "sig"}

    @property
    def public_pem(self) -> bytes:
        public: bytes = self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return public

    def sign(self, headers: dict[str, Any] | None = None, **changes: Any) -> str:
        """A token with these claims changed, None takes one away, and these headers added."""
        return jwt.encode(
            claims(**changes),
            self.private,
            self.algorithm,
            {"kid": self.kid, **(headers or {})},
        )


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    standard = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "ana",
        "iat": now,
        "exp": now + 600,
        "jti": "token-1",
        "groups": ["analysts"],
    }
    return {name: value for name, value in {**standard, **changes}.items() if value is not None}


def assemble(header: dict[str, Any] | str, body: dict[str, Any] | str, signature: bytes) -> str:
    """A token from its parts, whatever they are."""
    texts = [part if isinstance(part, str) else json.dumps(part) for part in (header, body)]
    return ".".join([*(b64(text.encode()) for text in texts), b64(signature)])


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def write_keys(folder: Path, *signers: Signer) -> None:
    (folder / "keys.json").write_text(json.dumps({"keys": [s.jwk for s in signers]}))


class Provider:
    """Publishes `documents` by path on loopback; counts requests, and can hang or fail."""

    def __init__(self) -> None:
        self.documents: dict[str, Any] = {}
        self.requests: list[str] = []
        self.failing = False
        self.hanging = threading.Event()
        self.hanging.set()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.requests.append(self.path)
                provider.hanging.wait()  # whoever waits for it waits until the end
                document = provider.documents.get(self.path)
                status = 503 if provider.failing else 200 if document is not None else 404
                if isinstance(document, str):
                    self.send_response(302)
                    self.send_header("Location", document)
                    self.end_headers()
                    return
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.uri = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def publish(self, *signers: Signer) -> None:
        self.documents["/jwks"] = {"keys": [signer.jwk for signer in signers]}

    def close(self) -> None:
        self.hanging.set()
        self._server.shutdown()
        self._server.server_close()
