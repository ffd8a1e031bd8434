"""A test process that is killed leaves no server and no folder behind."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil

KILLED = """
import os, signal
from tests import services
folder = services._folder("killed", None)
server = services._start(["sleep", "1000"], folder, None)
print(server.pid, folder, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_servers_of_a_killed_process_are_stopped() -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
        timeout=60,
    )
    assert killed.returncode < 0
    pid, folder = killed.stdout.split()
    deadline = time.monotonic() + 60
    while psutil.pid_exists(int(pid)) or Path(folder).exists():
        assert time.monotonic() < deadline, "the server or its folder is still there"
        time.sleep(0.02)
