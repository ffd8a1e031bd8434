"""A real Superset, set up and started as its page says, and its REST API."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

from tests.clients.superset.page import Page
from tests.clients.superset.served import Mesh
from tests.environments import ROOT, environment, python_of, uv_program
from tests.keeper import keep
from tests.services import free_port

STEP_SECONDS = 180.0
STARTED, STOPPED = 90.0, 20.0

ADMIN = "admin"
USERS = ("ana", "jo")


class Refused(Exception):
    """Superset has answered with an error; `text` is what it said."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status
        self.text = text


@dataclass(frozen=True)
class Superset:
    """Where it listens, and how to log in. `variables` are those of its environment."""

    address: str
    folder: Path
    python: Path
    variables: dict[str, str] = field(repr=False)

    def password(self, user: str) -> str:
        return self.variables["ADMIN_PASSWORD" if user == ADMIN else "USER_PASSWORD"]

    def api(self, user: str) -> Api:
        return Api(self.address, user, self.password(user))

    def run(self, command: str) -> str:
        """Run a command of the page in its folder, and return what it printed."""
        return _bash(command, self.folder, self.variables)

    def script(self, text: str) -> str:
        """Run a script with its Python."""
        file = self.folder / f"script_{secrets.token_hex(4)}.py"
        file.write_text(text)
        return self.run(f"python {file}")


class Api:
    """The REST API as one user."""

    def __init__(self, address: str, user: str, password: str) -> None:
        self._address = f"{address}/api/v1"
        self._http = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(CookieJar())
        )
        self._headers = {"Content-Type": "application/json", "Referer": address}
        login = {"username": user, "password": password, "provider": "db"}
        token = self.post("security/login", **login)["access_token"]
        self._headers["Authorization"] = f"Bearer {token}"
        self._headers["X-CSRFToken"] = self.get("security/csrf_token/")["result"]

    def get(self, path: str) -> Any:
        return self._send("GET", path, None)

    def post(self, path: str, **body: Any) -> Any:
        return self._send("POST", path, body)

    def put(self, path: str, **body: Any) -> Any:
        return self._send("PUT", path, body)

    def chart(self, dataset: int, **query: Any) -> Any:
        """The answer to the query of a chart: data, SQL, and whether it came from the cache."""
        source = {"id": dataset, "type": "table"}
        (answer,) = self.post(
            "chart/data", datasource=source, queries=[query], result_format="json", force=False
        )["result"]
        return answer

    def query(self, database: int, sql: str, **more: Any) -> Any:
        """The answer of SQL Lab."""
        name = secrets.token_hex(5)
        more = {"runAsync": False, "client_id": name, "queryLimit": 1000, **more}
        return self.post("sqllab/execute/", database_id=database, sql=sql, **more)

    def add_database(
        self,
        name: str,
        uri: str,
        impersonate: bool = False,
        extra: Mapping[str, object] | None = None,
        **more: object,
    ) -> int:
        """Add a database that SQL Lab has, and return its number."""
        made = self.post(
            "database/",
            database_name=name,
            sqlalchemy_uri=uri,
            impersonate_user=impersonate,
            expose_in_sqllab=True,
            extra=json.dumps(extra or {}),
            **more,
        )
        return int(made["id"])

    def _send(self, method: str, path: str, body: Any) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self._address}/{path}", data, self._headers, method=method
        )
        try:
            with self._http.open(request, timeout=60) as response:
                return json.loads(response.read())
        except urllib.error.HTTPError as error:
            raise Refused(error.code, error.read().decode()) from error


@contextmanager
def running(folder: Path, mesh: Mesh) -> Iterator[Superset]:
    """Everything the page says, until Superset answers and has its dashboard."""
    made = environment("superset")
    address = f"127.0.0.1:{free_port()}"
    page = Page.read({"127.0.0.1:8815": mesh.address, "127.0.0.1:8088": address})
    variables = {
        "PATH": f"{made / 'bin'}:{os.defpath}",
        "PYTHONPATH": str(_distribution(folder)),
        "HOME": str(folder),
        "SUPERSET_CONFIG_PATH": str(folder / "superset_config.py"),
        "SUPERSET_SECRET_KEY": secrets.token_urlsafe(42),
        "ADMIN_PASSWORD": secrets.token_urlsafe(12),
        "USER_PASSWORD": secrets.token_urlsafe(12),
    }
    superset = Superset(f"http://{address}", folder, python_of(made), variables)
    superset.run(page.key)
    (folder / "mesh" / "identity.toml").write_text(page.identity)
    (folder / "mesh" / "policies" / "superset.csv").write_text(page.policies)
    (folder / "superset_config.py").write_text(page.configuration)
    superset.run(page.preparation)
    with _started(page.start, superset):
        superset.script(page.contents)
        yield superset


@contextmanager
def _started(command: str, superset: Superset) -> Iterator[None]:
    log = superset.folder / "superset.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["bash", "-c", f"exec env {command}"],
            cwd=superset.folder,
            env=superset.variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    keep(f"process {process.pid} {signal.SIGTERM:d}")
    try:
        _wait(process, superset.address, log)
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOPPED)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(STOPPED)


def _wait(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + STARTED
    while True:
        try:
            with opener.open(f"{address}/health", timeout=30):
                return
        except OSError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                last = log.read_text(errors="replace")[-3000:]
                raise RuntimeError(f"Superset did not start:\n{last}") from error
            time.sleep(0.2)


def _distribution(folder: Path) -> Path:
    """The distribution of the dialect, built and installed for Superset alone."""
    site = folder / "site"
    source = ROOT / "clients" / "sqlalchemy"
    _bash(
        f"{uv_program()} pip install --quiet --no-deps --python {sys.executable}"
        f" --target {site} {source}",
        folder,
        dict(os.environ),
    )
    return site


def _bash(command: str, folder: Path, variables: dict[str, str]) -> str:
    begun = time.monotonic()
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=STEP_SECONDS,
        check=False,
    )
    print(f"{time.monotonic() - begun:5.1f} s  {command.strip().splitlines()[0][:100]}")
    if done.returncode:
        raise RuntimeError(f"{command}\nfailed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return done.stdout
