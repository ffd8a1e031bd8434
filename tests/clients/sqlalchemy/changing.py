"""A gateway over a PostgreSQL that a test changes as it runs: it publishes anew when it is told to.

The rows, the catalogue and the answers are the real ones; only who says that the database has
changed is the test. It does so over HTTP, as it may be another process.
"""

from __future__ import annotations

import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from connectors import open_connector
from connectors.interface import ListsObjects
from gateway.catalogue.bindings import fill_secrets
from gateway.catalogue.catalogue import Catalogue
from gateway.catalogue.inspection import written_binding
from gateway.catalogue.publication import Product, publish_objects
from gateway.identity.users import add_user
from tests.flight.serving import Served

DOMAIN = "suite"
PRODUCTS = {"main": "public", "test_schema": "test_schema"}
"""The products, by the schema of the database that each publishes."""

USER, PASSWORD = "suite", "every test"
POLICIES = "p,suite/reader,suite,mesh://suite/*/*,discover|read,*,*,*,allow\n"


class ChangingGateway:
    """A served gateway, and the address to post to when the database has changed."""

    def __init__(self, mesh: Path, database: Path) -> None:
        """`database` is a file with the address of the database in it."""
        self.mesh = mesh
        (mesh / "policies").mkdir(parents=True)
        (mesh / "policies" / "access.csv").write_text(POLICIES)
        add_user(mesh, USER, ["suite/reader"], PASSWORD)
        self._lock = threading.Lock()
        self._binding = written_binding(mesh, "postgres", f"${{file:{database}}}", {})
        self._database = open_connector(fill_secrets(self._binding))
        self._publish()
        self.served = Served(mesh)
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                owner.publish()
                self.send_response(204)
                self.end_headers()

            def log_message(self, *words: object) -> None:
                """Nothing: what fails is seen by the client."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    @property
    def control(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/"

    def publish(self) -> None:
        """Publish what the database holds now, and let the gateway know of nothing else."""
        with self._lock:
            self._publish()
            gateway = self.served.gateway
            gateway.mesh.watch.replace(Catalogue.load(self.mesh))
            gateway.plans.forget()
            gateway.plans.forget()
            for dataset in gateway.catalogue.datasets:
                gateway.mesh.sources.forget(dataset)

    def _publish(self) -> None:
        shutil.rmtree(self.mesh / "products", ignore_errors=True)
        assert isinstance(self._database, ListsObjects)
        for name, schema in PRODUCTS.items():
            product = Product(DOMAIN, name, "1.0.0", self._binding)
            held = self._database.objects(f"{schema}.*")
            for page in publish_objects(self.mesh, product, held).pages:
                page.write(self.mesh)

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self.served.close()
        self._database.close()
