"""Stops the servers of a process that ended without doing so: killed, or timed out.

A process of its own, which reads what there is to stop, one line each, and acts when its input
ends, as it does when the process that holds the other end is gone in whatever way::

    process PID SIGNAL
    folder PATH
"""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
from pathlib import Path

import psutil

STOPPED = 20.0
"""Seconds a server has to go down before it is killed."""


@functools.cache
def _keeper() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-P", __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd="/",
        start_new_session=True,  # what a terminal interrupts are not the servers
    )


def keep(line: str) -> None:
    """Have something stopped or removed when this process is gone, if it is still there then."""
    pipe = _keeper().stdin
    assert pipe is not None
    pipe.write(f"{line}\n")
    pipe.flush()


def main() -> None:
    """Read lines until the input ends; then stop and remove what they name, the latest first."""
    processes: list[tuple[psutil.Process, int]] = []
    folders: list[Path] = []
    for line in sys.stdin:
        kind, _, rest = line.rstrip("\n").partition(" ")
        if kind == "folder":
            folders.append(Path(rest))
        else:
            pid, signal = map(int, rest.split())
            try:
                processes.append((psutil.Process(pid), signal))  # with its start: pids come again
            except psutil.NoSuchProcess:
                continue
    for process, signal in reversed(processes):
        if process.is_running():
            process.send_signal(signal)
    _, left = psutil.wait_procs([process for process, _ in processes], timeout=STOPPED)
    for process in left:
        process.kill()
    for folder in reversed(folders):
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
