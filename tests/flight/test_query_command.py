"""`meshgate query` and `explain` against a gateway: Ctrl-C, addresses, passwords, messages."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
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


@pytest.mark.parametrize("uri", ["127.0.0.1:8815", "localhost:8815", "grpc://localhost", "grpc:/x"])
def test_an_address_without_a_scheme_or_port_is_refused_with_a_hint(
    uri: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["query", "--connect", uri, "--user", "alice", "SELECT 1"]) == 1
    assert "write grpc://HOST:PORT" in capsys.readouterr().err


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


def test_ctrl_d_at_the_prompt_for_a_password_fails_with_a_clear_line(tmp_path: Path) -> None:
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
