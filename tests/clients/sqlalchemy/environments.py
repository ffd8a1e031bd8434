"""Environments with the dialect in them, installed as its users do."""

from __future__ import annotations

import functools
import hashlib
import subprocess
from pathlib import Path

from tests.environments import ROOT, environment, python_of, uv_program

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
        subprocess.run(
            [
                *(uv_program(), "pip", "install", "--quiet", "--no-deps", "--python", str(python)),
                *("--editable", str(DISTRIBUTION)),
            ],
            check=True,
            timeout=INSTALLATION_SECONDS,
        )
        stamp.write_text(wanted)
    return python
