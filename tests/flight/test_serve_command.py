"""`meshgate serve` and `meshgate query` as processes: ready line, TLS, signals, formats."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import adbc_driver_flightsql
import adbc_driver_flightsql.dbapi as adbc
import pyarrow as pa
import pytest
import trustme

from gateway.cli import main
from gateway.flight.client import Client, ServerError
from gateway.identity.users import add_user

USER = ("alice", "wonderland")
MESHGATE = [sys.executable, "-m", "gateway.cli"]


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served")
    with sqlite3.connect(folder / "shop.db") as connection:
        connection.execute("CREATE TABLE items (id INTEGER NOT NULL PRIMARY KEY, name TEXT)")
        connection.execute("INSERT INTO items VALUES (1, 'a [bold]'), (2, NULL), (3, 'c, \"d\"')")
    connection.close()
    names = ["--domain", "sales", "--product", "shop"]
    source = ["--connector", "sqlite", "--uri", "shop.db"]
    assert main(["publish", "--mesh", str(folder), *names, *source]) == 0
    (folder / "policies").mkdir()
    (folder / "policies" / "p.csv").write_text("p,all/reader,*,*,discover|read,*,*,*,allow\n")
    add_user(folder, USER[0], ["all/reader"], USER[1])
    return folder


@contextmanager
def serving(mesh: Path, *flags: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [*MESHGATE, "serve", "--mesh", str(mesh), *flags]
    listen = [] if "--listen" in flags else ["--listen", "grpc://127.0.0.1:0"]
    process = subprocess.Popen(
        [*command, *listen], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    watchdog = threading.Timer(600, process.kill)
    watchdog.start()
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line.startswith("listening on "):
            process.kill()
            raise AssertionError(line + process.communicate()[1])
        yield process, line.removeprefix("listening on ").strip()
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()


def query(uri: str, *arguments: str, password: str = USER[1]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "MESHGATE_PASSWORD": password}
    return subprocess.run(
        [*MESHGATE, "query", "--connect", uri, "--user", USER[0], *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        check=False,
    )


@pytest.fixture(scope="module")
def uri(mesh: Path) -> Iterator[str]:
    with serving(mesh) as (_, uri):
        yield uri


ITEMS = "SELECT id, name FROM items ORDER BY id"


def test_query_prints_a_table(uri: str) -> None:
    done = query(uri, ITEMS)
    assert done.returncode == 0, done.stderr
    assert "a [bold]" in done.stdout
    assert done.stdout.endswith("3 rows\n")


def test_query_prints_csv(uri: str) -> None:
    assert query(uri, ITEMS, "--format", "csv").stdout == 'id,name\n1,a [bold]\n2,\n3,"c, ""d"""\n'


def test_query_prints_a_json_object_a_line(uri: str) -> None:
    lines = query(uri, ITEMS, "--format", "json").stdout.splitlines()
    assert [json.loads(line) for line in lines][1] == {"id": 2, "name": None}


def test_query_loses_no_column_of_a_json_object(uri: str) -> None:
    text = "SELECT id, name AS id, 7 AS id_2, 8 AS id FROM items WHERE id = 1"
    done = query(uri, text, "--format", "json")
    assert json.loads(done.stdout) == {"id": 1, "id_3": "a [bold]", "id_2": 7, "id_4": 8}
    done = query(uri, "SELECT id, name AS id FROM items WHERE id = 1", "--format", "json")
    assert done.stdout == '{"id": 1, "id_2": "a [bold]"}\n'


def test_query_writes_an_arrow_stream(uri: str) -> None:
    command = [*MESHGATE, "query", "--connect", uri, "--user", USER[0], "--format", "arrow", ITEMS]
    environment = {**os.environ, "MESHGATE_PASSWORD": USER[1]}
    done = subprocess.run(command, capture_output=True, timeout=60, env=environment, check=True)
    assert pa.ipc.open_stream(done.stdout).read_all()["id"].to_pylist() == [1, 2, 3]


def test_query_reports_what_it_took(uri: str) -> None:
    done = query(uri, ITEMS, "--report")
    assert "completed: 3 rows" in done.stderr
    assert "sqlite" in done.stderr


def test_query_fails_with_one_clear_line_and_a_hint(uri: str) -> None:
    done = query(uri, "SELECT * FROM item")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("meshgate: [UNKNOWN_DATASET]")
    assert done.stderr.splitlines()[1:] == ["  hint: did you mean items?"]


def test_query_with_a_wrong_password_fails(uri: str) -> None:
    done = query(uri, "SELECT 1", password="guess")
    assert done.returncode == 1
    assert "UNAUTHENTICATED" in done.stderr


def test_query_without_a_server_fails_with_one_clear_line() -> None:
    done = query("grpc://127.0.0.1:9", "SELECT 1")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 2
    assert "127.0.0.1:9\n  hint: " in done.stderr


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    for blob in issued.cert_chain_pems:
        blob.write_to_path(folder / "cert.pem", append=True)
    authority.cert_pem.write_to_path(folder / "ca.pem")
    return folder / "cert.pem", folder / "key.pem", folder / "ca.pem"


def test_tls(mesh: Path, certificates: tuple[Path, Path, Path]) -> None:
    certificate, key, authority = certificates
    flags = ["--tls-cert", str(certificate), "--tls-key", str(key)]
    with serving(mesh, "--listen", "grpc+tls://127.0.0.1:0", *flags) as (_, uri):
        assert uri.startswith("grpc+tls://")
        with Client(uri, *USER, tls_roots=authority.read_bytes()) as client:
            assert client.query("SELECT count(*) AS n FROM items").to_pydict() == {"n": [3]}
        with pytest.raises(ServerError, match=r"is not trusted.* --tls-roots"):
            Client(uri, *USER)
        untrusted = query(uri, "SELECT 1")
        assert len(untrusted.stderr.splitlines()) == 2, untrusted.stderr  # and nothing of gRPC
        roots = adbc_driver_flightsql.DatabaseOptions.TLS_ROOT_CERTS.value
        login = {"username": USER[0], "password": USER[1], roots: authority.read_text()}
        with adbc.connect(uri, db_kwargs=login, autocommit=True) as connection:
            assert connection.adbc_get_table_types() == ["TABLE"]
        assert query(uri, "SELECT 1", "--tls-roots", str(authority)).returncode == 0


@pytest.mark.parametrize(
    "flags",
    [
        ["--listen", "http://127.0.0.1:0"],
        ["--listen", "127.0.0.1:0"],
        ["--listen", "grpc://127.0.0.1:x"],
        ["--listen", "grpc+tls://127.0.0.1:0"],
        ["--listen", "grpc://127.0.0.1:0", "--tls-cert", "c.pem", "--tls-key", "k.pem"],
        ["--listen", "grpc+tls://127.0.0.1:0", "--tls-cert", "c.pem", "--tls-key", "k.pem"],
    ],
)
def test_wrong_flags_fail_with_one_clear_line(mesh: Path, flags: list[str]) -> None:
    done = subprocess.run(
        [*MESHGATE, "serve", "--mesh", str(mesh), *flags],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("meshgate: ")
    assert [line for line in done.stderr.splitlines()[1:] if not line.startswith("  hint: ")] == []


def test_a_certificate_with_the_key_of_another_is_refused(
    mesh: Path, certificates: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    certificate, _, authority = certificates
    flags = ["--tls-cert", str(authority), "--tls-key", str(certificate)]
    arguments = ["serve", "--mesh", str(mesh), "--listen", "grpc+tls://127.0.0.1:0", *flags]
    assert main(arguments) == 1
    assert "are not a certificate and its private key" in capsys.readouterr().err


def test_a_mesh_that_is_not_there_is_named_before_a_taken_port(tmp_path: Path, uri: str) -> None:
    absent = tmp_path / "mash"
    done = subprocess.run(
        [*MESHGATE, "serve", "--mesh", str(absent), "--listen", uri],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert str(absent) in done.stderr
    assert "port" not in done.stderr
    assert not absent.exists()


@pytest.mark.parametrize(("host", "warned"), [("0.0.0.0", True), ("127.0.0.1", False)])
def test_passwords_in_the_clear_are_warned_of(mesh: Path, host: str, warned: bool) -> None:
    with serving(mesh, "--listen", f"grpc://{host}:0") as (process, _):
        process.terminate()
        log = process.communicate(timeout=60)[1]
    lines = [line for line in log.splitlines() if "in the clear" in line]
    assert len(lines) == warned
    for line in lines:
        assert "level=warning" in line
        assert "--tls-cert" in line


def test_a_taken_port_fails_with_one_clear_line(mesh: Path, uri: str) -> None:
    before = sorted(mesh.rglob("*audit*"))
    done = subprocess.run(
        [*MESHGATE, "serve", "--mesh", str(mesh), "--listen", uri],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert f"can not listen on {uri}: the port is taken\n  hint: " in done.stderr
    assert len(done.stderr.splitlines()) == 2
    assert before and sorted(mesh.rglob("*audit*")) == before  # no log of its own


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_an_idle_server_at_once(mesh: Path, number: signal.Signals) -> None:
    with serving(mesh) as (process, uri):
        with Client(uri, *USER) as client:
            client.query("SELECT 1")
            started = time.monotonic()
            process.send_signal(number)
            assert process.wait(20) == 0
        assert time.monotonic() - started < 10


def test_sigterm_lets_a_running_query_end(mesh: Path) -> None:
    with serving(mesh, "--drain-seconds", "20") as (process, uri), Client(uri, *USER) as client:
        rows = client.stream("SELECT value FROM generate_series(1, 20000000)")
        batches = iter(rows)
        count = next(batches).num_rows
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert process.poll() is None
        with pytest.raises(ServerError, match="shutting down"):
            Client(uri, *USER)
        count += sum(batch.num_rows for batch in batches)
        assert count == 20_000_000
        assert process.wait(20) == 0


def test_sigterm_stops_a_query_that_takes_too_long(mesh: Path) -> None:
    with serving(mesh, "--drain-seconds", "0.5") as (process, uri), Client(uri, *USER) as client:
        rows = client.stream("SELECT value FROM generate_series(1, 1000000000000)")
        next(iter(rows))
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert time.monotonic() - started < 20


def test_a_second_signal_stops_at_once(mesh: Path) -> None:
    with serving(mesh, "--drain-seconds", "60") as (process, uri), Client(uri, *USER) as client:
        rows = client.stream("SELECT value FROM generate_series(1, 1000000000000)")
        next(iter(rows))
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert process.poll() is None
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.wait(20)
        assert time.monotonic() - started < 15
        assert process.stderr is not None
        assert "again to stop at once" in process.stderr.read()


def test_the_log_names_each_failed_query_without_its_text(mesh: Path) -> None:
    with serving(mesh) as (process, uri):
        with Client(uri, *USER) as client:
            assert client.query(ITEMS).num_rows == 3
            for text in ("SELECT secret FROM items", "SELECT 1 / (id - id) AS secret FROM items"):
                with pytest.raises(ServerError):
                    client.query(text)
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=20)
    failed = [line for line in log.splitlines() if "logger=meshgate.query" in line]
    assert [line.rpartition(" ")[2] for line in failed] == ['UNKNOWN_COLUMN"', 'ARITHMETIC_ERROR"']
    assert all(" of user:alice failed: " in line for line in failed)
    assert "secret" not in log
    assert "casbin" not in log


def test_the_log_is_one_line_an_event(mesh: Path) -> None:
    with serving(mesh) as (process, _):
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=20)
    assert log
    for line in log.splitlines():
        assert " level=" in line
        assert ' message="' in line
