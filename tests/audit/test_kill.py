"""kill -9 at any moment loses nothing that was acknowledged, and the chain stays whole."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from gateway.audit import AuditLog, AuditReader
from gateway.audit.verification import verify_log
from tests.audit.logs import KEY

ROUNDS = 8


def test_killed_at_random_moments(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    acknowledged: set[str] = set()
    chance = random.Random(3)
    for number in range(ROUNDS):
        acknowledged |= killed(folder, str(number), chance.uniform(0.0, 0.4))
        found = verify_log(folder, KEY)
        assert found.intact, found.problems
        with AuditReader(folder) as reader:
            recorded = [entry.record.id for entry in reader.queries()]
        assert len(set(recorded)) == len(recorded)
        assert acknowledged <= set(recorded)
    assert len(acknowledged) > 100
    AuditLog.open(folder, KEY).close()  # goes on, whatever the last one left behind


def killed(folder: Path, name: str, seconds: float) -> set[str]:
    """What a gateway acknowledged before it was killed, so long after its first word."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.audit.killed", str(folder), name],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    time.sleep(seconds)
    process.kill()
    rest = process.stdout.read()
    process.wait()
    # the last line may have been cut short
    return {line for line in (first + rest).split("\n")[:-1] if line}


def test_killed_while_it_starts(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    for tenth in range(8):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.audit.killed", str(folder), f"s{tenth}"],
            stdout=subprocess.DEVNULL,
            cwd=Path(__file__).parents[2],
        )
        while not (folder / "audit.lock").exists():
            time.sleep(0.001)
        time.sleep(tenth * 0.004)
        process.kill()
        process.wait()
        AuditLog.open(folder, KEY).close()
        assert verify_log(folder, KEY).intact
