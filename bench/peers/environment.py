"""Environments of the peers: one virtual environment each, made on first use, versions pinned."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

from bench import tpch
from bench.exclusive import exclusive

FOLDER = tpch.DATA / "peers"
INSTALL_SECONDS = 900


class PeerMissing(Exception):
    """A peer that can not be had on this machine; the text says why."""


def python_with(requirements: Sequence[str], *, install: bool = True) -> str:
    """The interpreter of a virtual environment with these packages; this one's without any.

    Raises PeerMissing when it can not be made, or is not there and `install` is false.
    """
    if not requirements:
        return sys.executable
    digest = hashlib.sha256("\n".join(requirements).encode()).hexdigest()[:12]
    folder = FOLDER / digest
    python = folder / "bin" / "python"
    with exclusive(folder):
        if not (folder / "ready").exists():
            if not install:
                raise PeerMissing("not installed yet")
            shutil.rmtree(folder, ignore_errors=True)
            venv.create(folder, with_pip=True)
            _run([str(python), "-m", "pip", "install", "--quiet", *requirements])
            (folder / "ready").write_text("\n".join(requirements))
    return str(python)


def debian_package(name: str, file: Path, *, install: bool = True) -> None:
    """Have the file of a Debian package on this machine. Raises PeerMissing."""
    if file.exists():
        return
    if not install or os.geteuid() != 0 or not shutil.which("apt-get"):
        raise PeerMissing(f"apt-get install {name}")
    _run(["apt-get", "update", "-qq"])
    _run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", name])


def maven_archive(artifact: str, version: str, *, install: bool = True) -> Path:
    """The unpacked ``group:name`` server archive of this version. Raises PeerMissing."""
    group, _, name = artifact.partition(":")
    folder = FOLDER / f"{name}-{version}"
    if folder.exists():
        return folder
    maven = shutil.which("mvn")
    if not install or maven is None:
        raise PeerMissing("not installed yet" if maven else "Maven is not on this machine")
    plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1"
    scratch = FOLDER / f"{name}-{version}.incomplete"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    coordinates = f"{group}:{name}:{version}:tar.gz"
    options = ["-q", "-B", "-Dmdep.useBaseVersion=true"]
    _run([maven, *options, f"{plugin}:get", f"-Dartifact={coordinates}", "-Dtransitive=false"])
    copied = [f"-Dartifact={coordinates}", f"-DoutputDirectory={scratch.absolute()}"]
    _run([maven, *options, f"{plugin}:copy", *copied])
    archive = scratch / f"{name}-{version}.tar.gz"
    _run(["tar", "xzf", str(archive), "-C", str(scratch)])
    (scratch / f"{name}-{version}").replace(folder)
    shutil.rmtree(scratch)
    return folder


def _run(command: Sequence[str]) -> None:
    try:
        subprocess.run(
            command,
            check=True,
            timeout=INSTALL_SECONDS,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout).strip()[-500:]
        raise PeerMissing(f"{Path(command[0]).name} failed: {said}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PeerMissing(str(error)) from error
