"""`meshgate query` and `explain` against a gateway: Ctrl-C, addresses, passwords, messages."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.cli import main
from tests.flight.serving import ALICE, Served
from tests.flight.sources import Recorder

MESHGATE = [sys.executable, "-m", "gateway.cli"]


def ask(served: Served, *arguments: str, command: str = "query") -> list[str]:
    return [*MESHGATE, command, "--connect", served.uri, "--user", ALICE[0], *arguments]


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESHGATE_PASSWORD", ALICE[1])


def test_ctrl_c_before_the_first_batch_ends_the_command_and_the_query(
    served: Served, recorder: Recorder
) -> None:
    command = ask(served, "SELECT id FROM ops.probe.blocked")
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        recorder.wait("blocked", "started", 20)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=10)[1] == ""
        assert process.returncode == 130
        recorder.wait("blocked", "stopped", 3)
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("command", ["query", "explain"])
def test_a_file_of_certificates_that_is_not_there_is_named(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    address = ["--connect", "grpc+tls://127.0.0.1:9", "--user", "alice"]
    assert main([command, *address, "--tls-roots", "none.pem", "SELECT 1"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("meshgate: [INVALID_REQUEST] can not read none.pem: No such file")
    assert len(error.splitlines()) == 1


def test_a_file_without_certificates_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "roots.pem").write_text("no certificate")
    address = ["--connect", "grpc+tls://127.0.0.1:9", "--user", "alice"]
    assert main(["query", *address, "--tls-roots", str(tmp_path / "roots.pem"), "SELECT 1"]) == 1
    assert "roots.pem holds no certificates" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["mesh", "connect"])
@pytest.mark.parametrize("explain", ["", "EXPLAIN "])
def test_explain_names_positions_of_the_text_as_it_was_written(
    served: Served, mesh: Path, place: str, explain: str, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--connect", served.uri] if place == "connect" else ["--mesh", str(mesh)]
    text = f"{explain}SELECT *\nFROM nope"
    assert main(["explain", *where, "--user", ALICE[0], text]) == 1
    assert "(line 2, column 6)" in capsys.readouterr().err
    assert main(["explain", *where, "--user", ALICE[0], f"{explain}SELECT * FROM nope"]) == 1
    assert f"(line 1, column {15 + len(explain)})" in capsys.readouterr().err
    assert main(["explain", *where, "--user", ALICE[0], f"{explain}SELECT id FROM orders"]) == 0
    assert "orders projection=[id]" in capsys.readouterr().out


@pytest.mark.parametrize(
    "order", ["search WORD --mesh M", "search --mesh M WORD", "--mesh M search WORD"]
)
def test_the_catalogue_is_searched_with_arguments_in_any_order(
    mesh: Path, order: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"M": str(mesh), "WORD": "people"}
    assert main(["catalogue", *(given.get(word, word) for word in order.split())]) == 0
    found = capsys.readouterr().out.splitlines()[1:]
    assert [line.split("\t")[0] for line in found] == ["hr.staff.people"]


def test_a_folder_without_products_is_no_catalogue(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["catalogue", "--mesh", str(tmp_path)]) == 1
    assert "is not a mesh folder" in capsys.readouterr().err


def test_an_unknown_option_is_wrong_usage(mesh: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["catalogue", "--mesh", str(mesh), "search", "x", "--limit", "3"])
    assert caught.value.code == 2


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("meshgate ")


@pytest.mark.parametrize("uri", ["127.0.0.1:8815", "localhost:8815", "grpc://localhost", "grpc:/x"])
def test_an_address_without_a_scheme_or_port_is_refused_with_a_hint(
    uri: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["query", "--connect", uri, "--user", "alice", "SELECT 1"]) == 1
    assert "write grpc://HOST:PORT" in capsys.readouterr().err


def test_a_host_that_does_not_resolve_is_no_closed_port(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for host, said in (
        ("nowhere.invalid", "no address is known for nowhere.invalid: the name does not resolve"),
        ("127.0.0.1", "no gateway answers at grpc://127.0.0.1:9"),
    ):
        address = f"grpc://{host}:9"
        assert main(["query", "--connect", address, "--user", "alice", "SELECT 1"]) == 1
        assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["serve", "--mesh", "x", "--postgress", "5432"],
            "5432 (did you mean --postgres?)",
        ),
        (
            ["user", "add", "ann", "--mesh", "x", "--rgion=EU"],
            "(did you mean --region?)",
        ),
        (["serve", "--mesh", "x", "--qqqq"], "unrecognized arguments: --qqqq\n"),
    ],
)
def test_a_misspelt_flag_says_which_was_meant(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert said in error and error.startswith(f"usage: meshgate {arguments[0]}")


def test_no_terminal_and_no_password_fails_with_a_clear_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MESHGATE_PASSWORD")
    done = subprocess.run(
        [*MESHGATE, "query", "--connect", "grpc://127.0.0.1:9", "--user", "alice", "SELECT 1"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        start_new_session=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("meshgate: [INVALID_REQUEST] there is no terminal")
    assert "--password-stdin" in done.stderr


def test_ctrl_d_at_the_prompt_for_a_password_fails_with_a_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MESHGATE_PASSWORD")
    terminal, child = pty.openpty()
    process = subprocess.Popen(
        [*MESHGATE, "user", "add", "alice", "--mesh", str(tmp_path)],
        stdin=child,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    os.close(child)
    try:
        assert process.stderr is not None
        assert process.stderr.read(len("Password: ")) == "Password: "
        os.write(terminal, b"\x04")
        _, error = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
        os.close(terminal)
    assert process.returncode == 1
    assert error.startswith("\nmeshgate: [INVALID_REQUEST] no password was given")
    assert "Traceback" not in error
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def table(
    served: Served, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], str]:
    """What `meshgate query` prints on a terminal 80 columns wide."""
    monkeypatch.setenv("COLUMNS", "80")

    def ask(text: str) -> str:
        assert main(["query", "--connect", served.uri, "--user", ALICE[0], text]) == 0
        return capsys.readouterr().out

    return ask


def test_a_table_tells_null_from_an_empty_text_and_aligns_numbers(
    table: Callable[[str], str],
) -> None:
    printed = table("SELECT 7 AS count, NULL AS nothing, '' AS empty, '[bold]' AS text")
    assert "│     7 │ NULL    │       │ [bold] │" in printed
    assert printed.endswith("┘\n1 row\n")


def test_a_table_with_more_columns_than_fit_is_a_block_a_record(
    table: Callable[[str], str],
) -> None:
    columns = ", ".join(f"'value {i} of x' AS column_{i}" for i in range(30))
    lines = table(f"SELECT {columns}").splitlines()
    assert lines[0].strip() == "row 1"
    assert [line.split() for line in lines[1:3]] == [
        ["column_0", "value", "0", "of", "x"],
        ["column_1", "value", "1", "of", "x"],
    ]
    assert lines[-1] == "1 row"


def test_a_long_result_is_cut_and_counted(table: Callable[[str], str]) -> None:
    printed = table("SELECT value FROM generate_series(1, 20000)")
    assert "│  1000 │" in printed
    assert "1001" not in printed
    assert printed.endswith("\n20000 rows, the first 1000 shown\n")


def test_the_report_names_what_the_engine_read_itself(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "SELECT count(*) FROM sales.shop.orders"
    address = ["--connect", served.uri, "--user", ALICE[0]]
    assert main(["query", *address, "--report", text]) == 0
    error = capsys.readouterr().err
    assert "  memory:flight-sales: read in place by the gateway's engine: " in error


def test_a_query_is_written_in_the_dialect_that_is_named(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--dialect", "mysql", "--format", "csv", 'SELECT 7 / 2 AS `half`, "a" AS t']
    assert main([*ask(served, *given)[len(MESHGATE) :]]) == 0
    assert capsys.readouterr().out == "half,t\n3.5000,a\n"
    assert main([*ask(served, "--dialect", "mysq", "SELECT 1")[len(MESHGATE) :]]) == 1
    assert "did you mean mysql?" in capsys.readouterr().err
    given = ["--dialect", "mysql", "SELECT 1,\n  nosuch(2)"]
    assert main([*ask(served, *given)[len(MESHGATE) :]]) == 1
    assert "line 2, column 3" in capsys.readouterr().err
