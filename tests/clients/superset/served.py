"""The demo's mesh, served in this process: what Superset did can be seen in the gateway."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import trustme

from gateway.config import Config
from gateway.demo.mesh import REGION, DemoMesh, claim_folder, fill_files, publish_mesh
from gateway.demo.reference import Reference
from gateway.demo.stores import running_postgres
from gateway.flight.authentication import Authenticator
from gateway.flight.server import FlightServer, Tls, drain
from gateway.flight.service import FlightSql
from gateway.identity.identity import Identity
from gateway.pipeline import Gateway

LONG = """
SELECT count(*) FROM aviation.operations.flights AS a, aviation.operations.flights AS b
WHERE a.distance * b.distance % 7 = a.distance + 1
"""
"""It would run for minutes."""


@dataclass(frozen=True)
class Mesh:
    """A served mesh: `address` and, with TLS under `authority`, `tls_port` of localhost."""

    demo: DemoMesh
    service: FlightSql
    address: str
    tls_port: int
    authority: Path
    reference: Reference

    @property
    def passwords(self) -> dict[str, str]:
        return dict(self.demo.passwords)

    def truth(self, sql: str) -> pa.Table:
        """What DuckDB makes of the query, on the raw files and without policies."""
        return self.reference.answer(sql)

    def wait_running(self) -> None:
        """Return when a query runs."""
        deadline = time.monotonic() + 30
        while not self.service.admission.running:
            assert time.monotonic() < deadline, "no query has come"
            time.sleep(0.05)


@contextmanager
def serving(folder: Path) -> Iterator[Mesh]:
    """The demo's mesh in the folder, as `meshgate demo` serves it."""
    claim_folder(folder)
    fill_files(folder, print)
    with running_postgres(folder / "data" / "raw") as uri:
        demo = publish_mesh(folder, uri, print)
        gateway = Gateway.open(folder, Config(region=REGION))
        service = FlightSql(gateway)
        authority = trustme.CA()
        certificate = authority.issue_cert("localhost")
        tls = Tls(certificate.cert_chain_pems[0].bytes(), certificate.private_key_pem.bytes())
        authority.cert_pem.write_to_path(str(folder / "authority.pem"))
        authenticator = Authenticator(Identity(folder))
        plain = FlightServer("grpc://127.0.0.1:0", service, authenticator)
        secure = FlightServer("grpc+tls://127.0.0.1:0", service, authenticator, tls)
        reference = Reference(demo.raw_folder)
        try:
            yield Mesh(
                demo,
                service,
                f"127.0.0.1:{plain.port}",
                secure.port,
                folder / "authority.pem",
                reference,
            )
        finally:
            reference.close()
            assert drain([plain, secure], service, 0.0)
            gateway.close()
