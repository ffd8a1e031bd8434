"""docs/clients/README.md: its script makes and serves the mesh that the other pages ask."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clients.postgres_wire.conftest import program
from tests.clients.sqlalchemy.environments import python_with_dialect
from tests.environments import ROOT
from tests.identity.issuing import SETTINGS, Signer, write_keys

PAGES = ROOT / "docs" / "clients"
INDEX = PAGES / "README.md"
KEY = Signer("key", "ES256")
RUNNER = Path(__file__).parent / "sqlalchemy" / "page_runner.py"
SECONDS = 120
pytestmark = pytest.mark.timeout(240)


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the gateway of the script listens."""

    flight: str
    postgres: str

    def here(self, text: str) -> str:
        return text.replace("localhost:8815", f"127.0.0.1:{self.flight}").replace(
            "5432", self.postgres
        )


def blocks(page: str, language: str) -> list[str]:
    text = (PAGES / page).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def listening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    """The script of the page, run by bash in an empty folder."""
    folder = tmp_path_factory.mktemp("index")
    (script,) = blocks("README.md", "bash")
    serve = "meshgate serve --mesh mesh --postgres 5432"
    assert script.startswith("(set -e\n") and script.endswith(f"{serve})\n")
    script = script[1:-2]  # in this shell, so that the gateway takes its place
    identity = folder / "identity"  # whose tokens are believed, for the page that has one
    identity.mkdir()
    (identity / "identity.toml").write_text(SETTINGS)
    write_keys(identity, KEY)
    copied = f"cp {shlex.quote(str(identity))}/* mesh/"
    anywhere = f"{copied}\nexec {serve.replace('5432', '0')} --listen grpc://127.0.0.1:0"
    command = folder / "bin" / "meshgate"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m gateway.cli "$@"\n')
    command.chmod(0o755)
    log = folder / "log"
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            ["bash", "-c", script.replace(serve, anywhere)],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
            },
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            said = ""
            while "listening on postgresql://" not in said:
                line = process.stdout.readline()
                assert line, f"{said}\n{log.read_text()}"
                said += line
            (flight,) = re.findall(r"listening on grpc://127\.0\.0\.1:(\d+)", said)
            (postgres,) = re.findall(r"listening on postgresql://127\.0\.0\.1:(\d+)", said)
            yield Listening(flight, postgres)
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, log.read_text()


@pytest.mark.filterwarnings("ignore:pandas only supports SQLAlchemy")
@pytest.mark.parametrize("page", ["adbc.md", "psycopg.md", "odbc.md"])
def test_python(listening: Listening, page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if page == "odbc.md":
        program("isql")
    monkeypatch.setenv("MESH_TOKEN", KEY.sign(groups=["all"], purposes=["reporting"]))
    names: dict[str, object] = {}
    for block in blocks(page, "python"):
        text = listening.here(block).replace("Pwd=", "SSLmode=disable;Pwd=")
        exec(compile(text, page, "exec"), names)
    for left_open in ("cursor", "connection"):
        if page == "adbc.md":
            names[left_open].close()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("page", "expression", "expected"),
    [
        ("pandas.md", "pieces", "[[30, 30, 30, 10]]"),
        ("polars.md", "orders.shape", "[[100, 3]]"),
        ("duckdb.md", "count", "[100]"),
        ("sqlalchemy.md", "streamed", "[4000]"),
    ],
)
def test_python_of_their_own(
    listening: Listening, page: str, expression: str, expected: str
) -> None:
    environment = "sqlalchemy2" if page == "sqlalchemy.md" else "dataframes"
    python = str(python_with_dialect(environment))
    words = [python, str(RUNNER), str(PAGES / page), f"127.0.0.1:{listening.flight}", expression]
    done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, expected), done.stderr[-4000:]


def test_psql(listening: Listening) -> None:
    program("psql")
    (block,) = blocks("psql.md", "console")
    lines = block.splitlines()
    (placement,) = (line for line in lines if "SHOW meshgate.placement" in line)
    lines.append(placement.replace("placement", "purpose").replace("=pull", "=reporting"))
    for line in lines:
        done = subprocess.run(
            shlex.split(listening.here(line).removeprefix("$ ")),
            env={**os.environ, "PGPASSWORD": "wonderland"},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), line
    assert "reporting" in done.stdout, "alice may declare the purpose of the pages"


def test_each_page_and_the_index_know_each_other() -> None:
    index = INDEX.read_text()
    for page in PAGES.glob("*.md"):
        if page != INDEX:
            assert f"]({page.name})" in index, page.name
            assert "](README.md" in "\n".join(page.read_text().splitlines()[:4]), page.name
    assert "](docs/clients/README.md)" in (ROOT / "README.md").read_text()
