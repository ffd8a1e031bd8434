"""Trino, one node, with the connectors for PostgreSQL, MariaDB and (hive) Parquet files."""

from __future__ import annotations

import atexit
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from trino.dbapi import Connection
from trino.dbapi import connect as trino_connect

from bench.peers.worker import Ask, Places, address, held_by, serve

START_SECONDS = 150.0
PLUGINS = ("postgresql", "mariadb", "hive", "geospatial")
JVM = (
    "-Xmx4G",
    "-XX:+UseG1GC",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-XX:ReservedCodeCacheSize=512M",
    "-Djdk.attach.allowAttachSelf=true",
    "-XX:+UnlockDiagnosticVMOptions",
    "-XX:+EnableDynamicAgentLoading",
    "--add-modules=jdk.incubator.vector",
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
)
"""As Trino's documentation advises."""


def connect(places: Places) -> Ask:
    """Start a server for these places; it ends with this process."""
    java, home = Path(sys.argv[1]), Path(sys.argv[2])
    folder = Path(tempfile.mkdtemp(prefix="meshgate-trino-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    port = _free_port()
    _configure(folder, home, port, places)
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(_command(java, home, folder), stdout=log, stderr=log, cwd=folder)
    atexit.register(_stop, server)
    connection = trino_connect(host="127.0.0.1", port=port, user="bench")
    _wait(server, connection, folder)
    _create_tables(connection, folder / "files", places)
    return lambda sql: _table(connection, sql)


def _configure(folder: Path, home: Path, port: int, places: Places) -> None:
    etc = folder / "etc"
    (etc / "catalog").mkdir(parents=True)
    (folder / "plugin").mkdir()
    for name in PLUGINS:  # the others take long to load
        (folder / "plugin" / name).symlink_to(home / "plugin" / name)
    (etc / "config.properties").write_text(
        "coordinator=true\nnode-scheduler.include-coordinator=true\n"
        f"http-server.http.port={port}\nhttp-server.process-forwarded=false\n"
        f"discovery.uri=http://127.0.0.1:{port}\nnode.internal-address=127.0.0.1\n"
        f"node.environment=bench\nnode.id=bench\n"
        f"plugin.dir={folder}/plugin\nlog.enable-console=true\n"
    )
    for name, properties in _catalogs(folder, places):
        lines = [f"{key}={value}\n" for key, value in properties.items()]
        (etc / "catalog" / f"{name}.properties").write_text("".join(lines))


def _catalogs(folder: Path, places: Places) -> Iterator[tuple[str, Mapping[str, str]]]:
    for store, name in {"postgres": "postgresql", "mariadb": "mariadb"}.items():
        if held_by(places, store):
            parts, password, database = address(places[store])
            path = f"/{database}" if store == "postgres" else ""
            yield (
                name,
                {
                    "connector.name": name,
                    "connection-url": f"jdbc:{name}://{parts.hostname}:{parts.port}{path}",
                    "connection-user": str(parts.username),
                    "connection-password": password,
                },
            )
    if held_by(places, "parquet"):
        (folder / "files").mkdir()
        yield (
            "hive",
            {
                "connector.name": "hive",
                "hive.metastore": "file",
                "hive.metastore.catalog.dir": "local:///metastore",
                "hive.non-managed-table-writes-enabled": "true",
                "fs.native-local.enabled": "true",
                "local.location": f"{folder}/files",
            },
        )


def _command(java: Path, home: Path, folder: Path) -> list[str]:
    etc = folder / "etc"
    return [
        *(str(java), *JVM, f"-Dconfig={etc}/config.properties"),
        f"-Dcatalog.config-dir={etc}/catalog",
        *("-cp", f"{home}/lib/*", "io.trino.server.TrinoServer"),
    ]


def _wait(server: subprocess.Popen[bytes], connection: Connection, folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            _table(connection, "SELECT 1")
            return
        except Exception as error:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Trino did not come up: {_complaint(folder)}") from error
            time.sleep(0.5)


def _complaint(folder: Path) -> str:
    lines = (folder / "log").read_text(errors="replace").splitlines()
    said = [line for line in lines if "ERROR" in line or (line[:1].isdigit() and ") " in line[:5])]
    return " ".join(said or lines[-3:])[:1500]


def _create_tables(connection: Connection, files: Path, places: Places) -> None:
    """One external table a file; each file lies in a folder of its own, as hive wants it."""
    tables = held_by(places, "parquet")
    if tables:
        _table(connection, "CREATE SCHEMA hive.tables")
    for name in tables:
        source = Path(places["parquet"]) / f"{name}.parquet"
        (files / name).mkdir()
        shutil.copyfile(source, files / name / source.name)
        columns = ", ".join(f"{f.name} {_sql_type(f.type)}" for f in pq.read_schema(source))
        options = f"external_location = 'local:///{name}', format = 'PARQUET'"
        _table(connection, f"CREATE TABLE hive.tables.{name} ({columns}) WITH ({options})")


def _sql_type(arrow: pa.DataType) -> str:
    if pa.types.is_decimal(arrow):
        return f"decimal({arrow.precision},{arrow.scale})"
    return {pa.int64(): "bigint", pa.int32(): "integer", pa.date32(): "date"}.get(arrow, "varchar")


def _table(connection: Connection, sql: str) -> pa.Table:
    cursor = connection.cursor()
    cursor.execute(sql)
    rows = cursor.fetchall()
    names = [column[0] for column in cursor.description or ()]
    columns = [pa.array(values) for values in zip(*rows, strict=True)] if rows else []
    if not rows:
        columns = [pa.nulls(0)] * len(names)
    return pa.Table.from_arrays(columns, names=names)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(10.0)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


if __name__ == "__main__":
    serve(connect)
