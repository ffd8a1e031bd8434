"""Environments with the dialect in them, installed as its users do."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.environments import ROOT, environment, python_of

DISTRIBUTION = ROOT / "clients" / "sqlalchemy"
INSTALLATION_SECONDS = 300


@functools.cache
def python_with_dialect(name: str) -> Path:
    """The interpreter of an environment, with the dialect and its entry points installed."""
    folder = environment(name)
    python = python_of(folder)
    stamp = folder / "dialect"
    wanted = hashlib.sha256(
        str(DISTRIBUTION).encode() + (DISTRIBUTION / "pyproject.toml").read_bytes()
    ).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        search = os.pathsep.join([str(Path(sys.executable).parent), os.defpath])
        uv = shutil.which("uv", path=search)
        assert uv is not None  # `environment` has just used it
        subprocess.run(
            [
                *(uv, "pip", "install", "--quiet", "--no-deps", "--python", str(python)),
                *("--editable", str(DISTRIBUTION)),
            ],
            check=True,
            timeout=INSTALLATION_SECONDS,
        )
        stamp.write_text(wanted)
    return python
