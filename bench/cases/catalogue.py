"""A mesh of 100 000 datasets: starting a gateway, what a caller may know of, and hidden names."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from bench.large_mesh import write_mesh
from bench.model import GATEWAY, PEER, Series, Settings, Target
from gateway.config import Config
from gateway.errors import GatewayError
from gateway.model import Principal, Request
from gateway.pipeline import Gateway

DATASETS, FEW = 100_000, 2_000
ANALYST = Principal("user:ana", ("sales/analyst",))
QUIET = Config(catalogue_poll_seconds=0)
ASKED = 200

_START = """
import sys, time
start = time.perf_counter()
from pathlib import Path
from gateway.catalogue.shelf import Shelf
from gateway.catalogue.catalogue import Catalogue
from gateway.memory.store import open_store
imported = time.perf_counter()
mesh = Path(sys.argv[1])
if __name__ == "__main__":
    catalogue = Catalogue.load(mesh, Shelf(open_store(mesh), mesh))
    print(time.perf_counter() - imported, imported - start)
"""


class Catalogues:
    """Most of the mesh is open to analysts; a fifth of it is in a domain they may not know of.

    The first start reads every file; it is done once. A second one takes what the first has kept;
    each is a process of its own. Its memory is that of the whole process. Hidden is a request with
    the hidden domain as its default catalog, its peer one with a catalog that does not exist.
    """

    name = "catalogue"
    summary = "a mesh of 100 000 datasets: starts, outlooks, and hidden default catalogs"

    @contextmanager
    def open(self, settings: Settings) -> Iterator[Iterator[Series]]:
        """Write the mesh."""
        with tempfile.TemporaryDirectory(prefix="bench-catalogue-") as folder:
            mesh = Path(folder)
            write_mesh(mesh, FEW if settings.quick else DATASETS)
            yield self._series(mesh)

    def _series(self, mesh: Path) -> Iterator[Series]:
        yield Series("first start", "s", {GATEWAY: lambda: started(mesh)}, rounds=1, warmups=0)
        second: dict[str, Callable[[], float]] = {GATEWAY: lambda: started(mesh)}
        yield Series("second start", "s", second, Target(5.0), rounds=3, warmups=0)
        with closing(Gateway.open(mesh, QUIET)) as gateway:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            yield Series("memory", "MiB", {GATEWAY: lambda: peak}, Target(1024), 1, 0)
            yield Series("outlook", "ms", {GATEWAY: lambda: outlook(gateway)}, Target(50.0))
            contenders: dict[str, Callable[[], float]] = {
                GATEWAY: lambda: refused(gateway, "vault"),
                PEER: lambda: refused(gateway, "valut"),
            }
            yield Series("hidden / absent catalog", "ms", contenders, Target(1.1), rounds=9)
            change = {GATEWAY: lambda: changed(gateway, mesh)}
            yield Series("a changed file in use", "s", change, rounds=3, warmups=0)


def started(mesh: Path) -> float:
    """Seconds in which a process of its own has the catalogue, after its imports."""
    done = subprocess.run(
        [sys.executable, "-c", _START, str(mesh)], capture_output=True, text=True, check=True
    )
    return float(done.stdout.split()[0])


def outlook(gateway: Gateway) -> float:
    """Milliseconds until it is known of every dataset whether a caller may discover and read it."""
    access, catalogue = gateway.mesh.access, gateway.catalogue
    access.forget_meshes()
    start = time.perf_counter()
    found = access.outlook(ANALYST, "", catalogue)
    seen = int(found.discoverable.sum()), int(found.readable.sum())
    taken = (time.perf_counter() - start) * 1_000
    if not 0 < seen[0] == seen[1] < len(catalogue.datasets):
        raise RuntimeError(f"{seen} of {len(catalogue.datasets)} datasets are seen")
    return taken


def refused(gateway: Gateway, catalog: str) -> float:
    """Milliseconds of a request with a default catalog its caller may not know of."""
    start = time.perf_counter()
    for _ in range(ASKED):
        try:
            gateway.prepare(Request(ANALYST, "SELECT * FROM nothing", namespace=(catalog,)))
        except GatewayError:
            continue
        raise RuntimeError(f"the catalog {catalog} is known")
    return (time.perf_counter() - start) / ASKED * 1_000


def changed(gateway: Gateway, mesh: Path) -> float:
    """Seconds from a look at the files until one that was changed is in use."""
    file = next((mesh / "products").rglob("*.odcs.yaml"))
    file.write_text(file.read_text() + "# changed\n")
    before = gateway.catalogue
    start = time.perf_counter()
    gateway.mesh.watch.refresh()
    taken = time.perf_counter() - start
    if gateway.catalogue is before:
        raise RuntimeError("the change was not noticed")
    return taken
