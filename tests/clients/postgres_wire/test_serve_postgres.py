"""``meshgate serve --postgres``: it listens where it is asked to, and ends with the gateway."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from gateway.errors import UserError
from gateway.postgres_wire.listening import address, check


@pytest.mark.timeout(120)
def test_serving_both(mesh: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    words = ["--mesh", str(mesh), "--listen", "grpc://127.0.0.1:0", "--postgres", "0"]
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "gateway.cli", "serve", *words],
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            lines = [process.stdout.readline(), process.stdout.readline()]
            (port,) = re.findall(r"postgresql://127\.0\.0\.1:(\d+)", lines[1])
            dsn = f"host=127.0.0.1 port={port} user=alice password=wonderland dbname=hr"
            with psycopg.connect(dsn, autocommit=True) as connection:
                found = connection.execute("SELECT current_database(), current_schema()").fetchone()
                assert found == ("hr", "staff")
                connection.execute("SELECT relname FROM pg_catalog.pg_class").fetchall()
                with pytest.raises(psycopg.errors.UndefinedTable):
                    connection.execute("SELECT * FROM staff.nobody")
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    said = log.read_text()
    assert re.search(r"query \w+ of user:alice failed: UNKNOWN_DATASET", said)
    assert said.splitlines()[-1].endswith('message="stopped"')  # nothing of what DuckDB leaves


def test_passwords_do_not_travel_in_the_clear() -> None:
    assert address("5432").local
    assert str(address("[::1]:1")) == "postgresql://[::1]:1"
    check(address("0.0.0.0:1"), secure=True, cleartext=False)
    check(address("0.0.0.0:1"), secure=False, cleartext=True)
    with pytest.raises(UserError, match="in the clear"):
        check(address("0.0.0.0:1"), secure=False, cleartext=False)
    for text in ("", "x", "host:", "1:99999"):
        with pytest.raises(UserError):
            address(text)
