"""Environments for clients that can not share the gateway's: made once, from pinned lists.

Each is named after its list in ``tests/clients/environments``, which holds the exact version of
every package: of Python by ``uv pip compile``, of Node by ``npm install --package-lock-only
--omit-lockfile-registry-resolved``. It is kept beside the repository's own until that list changes.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.services import ServiceMissing

ROOT = Path(__file__).parent.parent
LISTS = ROOT / "tests" / "clients" / "environments"
KEPT = ROOT / ".environments"
INSTALLATION_SECONDS = 900


@functools.cache
def environment(name: str) -> Path:
    """The folder of an environment; its Python is `python_of` it. ServiceMissing without uv."""
    pinned = LISTS / f"{name}.txt"
    stamp = f"{sys.version_info[:2]}\n{pinned.read_text()}"
    return _kept(name, stamp, lambda folder: _make(folder, pinned))


@functools.cache
def node_modules(name: str) -> Path:
    """The packages of Node that a folder of the lists pins. ServiceMissing without npm."""
    lists = LISTS / name
    stamp = "".join((lists / file).read_text() for file in ("package.json", "package-lock.json"))
    return _kept(name, stamp, lambda folder: _make_node(folder, lists)) / "node_modules"


def _kept(name: str, stamp: str, make: Callable[[Path], None]) -> Path:
    """A folder that is made once, and anew when its stamp is another."""
    folder = KEPT / f"{name}-{hashlib.sha256(stamp.encode()).hexdigest()[:12]}"
    KEPT.mkdir(exist_ok=True)
    with (KEPT / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another process of the tests may be making it
        if not (folder / "ready").exists():
            for old in KEPT.glob(f"{name}-*"):
                if old.name.removeprefix(f"{name}-").isalnum():
                    shutil.rmtree(old, ignore_errors=True)
            make(folder)
            (folder / "ready").touch()
    return folder


def python_of(environment: Path) -> Path:
    """The interpreter of an environment."""
    return environment / "bin" / "python"


def uv_program() -> str:
    """Where uv is: beside this interpreter, or among the programs of the machine."""
    uv = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.defpath]))
    if uv is None:
        raise ServiceMissing("uv is missing; install it: pip install uv")
    return uv


def _make(folder: Path, pinned: Path) -> None:
    uv = uv_program()
    made = {**os.environ, "VIRTUAL_ENV": str(folder)}
    for command in (
        [uv, "venv", "--quiet", "--python", sys.executable, str(folder)],
        [uv, "pip", "install", "--quiet", "--no-deps", "--requirements", str(pinned)],
    ):
        subprocess.run(command, env=made, check=True, timeout=INSTALLATION_SECONDS)


def _make_node(folder: Path, lists: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise ServiceMissing("npm is missing; run scripts/install-services")
    shutil.copytree(lists, folder)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    subprocess.run(command, cwd=folder, check=True, timeout=INSTALLATION_SECONDS)
