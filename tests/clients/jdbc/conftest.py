"""The mesh served for the JDBC checks, with and without TLS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
from cryptography.hazmat.primitives.serialization.pkcs12 import (
    PKCS12Certificate,
    serialize_java_truststore,
)
from cryptography.x509 import load_pem_x509_certificate

from gateway.flight.server import FlightServer, Tls
from gateway.serving.callers import Caller
from tests.clients.jdbc.matrix import DOCS
from tests.clients.jdbc.mesh import SIGNER, built
from tests.flight.serving import Served

TRUST_STORE_PASSWORD = "changeit"


@dataclass(frozen=True, slots=True)
class Place:
    """A served gateway and how to get there, as the checks are told it."""

    served: Served
    tls: FlightServer
    authority: Path
    trust_store: Path
    ended: list[str]
    """Whose sessions have been ended by their clients."""

    @property
    def properties(self) -> Mapping[str, object]:
        return {
            "port": self.served.server.port,
            "tlsPort": self.tls.port,
            "token": SIGNER.sign(sub="ana", groups=["all"]),
            "authority": self.authority,
            "trustStore": self.trust_store,
            "page": DOCS,
        }


def _ended(served: Served) -> list[str]:
    """Filled with the owner of every session that a client ends, from now on."""
    ended: list[str] = []
    sessions = served.authenticator.sessions
    settle = sessions.settle

    def noted(caller: Caller) -> str | None:
        if caller.session.ended:
            ended.append(caller.name)
        return settle(caller)

    sessions.settle = noted  # type: ignore[method-assign]
    return ended


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("jdbc")
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    root = authority.cert_pem.bytes()
    (folder / "authority.pem").write_bytes(root)
    trusted = PKCS12Certificate(load_pem_x509_certificate(root), b"authority")
    password = BestAvailableEncryption(TRUST_STORE_PASSWORD.encode())
    (folder / "trusted.p12").write_bytes(serialize_java_truststore([trusted], password))
    chain = b"".join(pem.bytes() for pem in issued.cert_chain_pems)
    (folder / "mesh").mkdir()
    with built(folder / "mesh") as mesh:
        served = Served(mesh)
        tls = FlightServer(
            "grpc+tls://127.0.0.1:0",
            served.service,
            served.authenticator,
            Tls(chain, issued.private_key_pem.bytes()),
        )
        ended = _ended(served)
        yield Place(served, tls, folder / "authority.pem", folder / "trusted.p12", ended)
        tls.shutdown()
        served.close()
