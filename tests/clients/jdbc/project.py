"""The Java project beside this file: built once by Maven, run in a JVM with one driver.

It has the checks of two drivers, each in a package of its own: Flight SQL's, in all its versions,
and PostgreSQL's, for the gateway's PostgreSQL front.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.environments import KEPT
from tests.services import program

HERE = Path(__file__).parent
POM = HERE / "pom.xml"
SOURCES = sorted((HERE / "src").rglob("*.java"))

VERSIONS = tuple(
    re.findall(r"flight-sql-jdbc-driver</artifactId>\s*<version>(.*?)</version>", POM.read_text())
)
"""Of the driver, oldest first."""

NEWEST = VERSIONS[-1]

_PGJDBC = re.search(r"postgresql</artifactId>\s*<version>(.*?)</version>", POM.read_text())
assert _PGJDBC is not None
PGJDBC_VERSION = _PGJDBC.group(1)

FLIGHT_SQL, POSTGRES = "meshgate.jdbc", "meshgate.postgres"
"""The packages of the checks."""

CHECKS = "meshgate.jdbc.Checks"
BUILD_SECONDS = 600
RUN_SECONDS = 240

_CHECK = re.compile(r"((?:^ *@.*\n)*)^ *@Test\n *void (\w+)\(", re.MULTILINE)
_FEATURE = re.compile(r'@Feature\("(.*?)"\)')


@dataclass(frozen=True, slots=True)
class Check:
    """One test of the Java project: `name` is ``Class.method``."""

    name: str
    feature: str | None
    for_every_driver: bool


def checks(package: str = FLIGHT_SQL) -> Iterator[Check]:
    """All that the sources of a package have, in their order."""
    for source in SOURCES:
        if source.parent.name != package.rpartition(".")[2]:
            continue
        for above, name in _CHECK.findall(source.read_text()):
            feature = _FEATURE.search(above)
            yield Check(
                f"{source.stem}.{name}",
                feature.group(1) if feature else None,
                "@EveryDriver" in above,
            )


@functools.cache
def built() -> Path:
    """The folder with the compiled checks, their libraries and the drivers.

    ServiceMissing without a JDK or Maven.
    """
    for name in ("javac", "mvn"):
        program(name)
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in (POM, *SOURCES)))
    folder = KEPT / f"jdbc-{digest.hexdigest()[:12]}"
    KEPT.mkdir(exist_ok=True)
    with (KEPT / "jdbc.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another process of the tests may be building it
        if not (folder / "ready").exists():
            for old in KEPT.glob("jdbc-*"):
                shutil.rmtree(old, ignore_errors=True)
            command = ["mvn", "-q", "-B", "-f", str(POM), f"-Dmade={folder}", "process-classes"]
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False
            )
            if done.returncode:
                raise RuntimeError(f"Maven could not build {POM}: {done.stdout[-4000:]}")
            (folder / "ready").touch()
    return folder


def java(folder: Path, version: str, main: str, *arguments: str, **properties: object) -> list[str]:
    """The command that runs a class of the project with a version of the driver."""
    jars = [*(folder / "libraries").glob("*.jar")]
    driver = folder / "drivers" / f"flight-sql-jdbc-driver-{version}.jar"
    path = os.pathsep.join(map(str, (folder / "classes", *jars, driver)))
    return [
        *("java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Duser.timezone=UTC"),
        *("--add-opens=java.base/java.nio=ALL-UNNAMED", "-cp", path),
        *(f"-Dgateway.{name}={value}" for name, value in properties.items()),
        *(main, *arguments),
    ]


def run(version: str, tags: tuple[str, ...], place: Mapping[str, object]) -> dict[str, str]:
    """Run the checks of Flight SQL's driver, all or those of the tags.

    What failed them by name, "" for nothing. `place` says where the gateway is, as
    src/meshgate/jdbc/Gateway.java reads it.
    """
    return _run(java(built(), version, CHECKS, FLIGHT_SQL, *tags, **place))


def run_postgres(place: Mapping[str, object]) -> dict[str, str]:
    """Run the checks of the PostgreSQL front, as `run`; src/meshgate/postgres/Front.java reads
    `place`."""
    return _run(java(built(), NEWEST, CHECKS, POSTGRES, **place))


def _run(command: list[str]) -> dict[str, str]:
    done = subprocess.run(command, capture_output=True, timeout=RUN_SECONDS, check=False)
    outcomes: dict[str, str] = {}
    for line in done.stdout.decode().splitlines():
        result = json.loads(line)
        outcomes[result["check"]] = result.get("failure", "")
    if not outcomes:
        raise RuntimeError(f"no check has run: {done.stderr.decode()[-4000:]}")
    return outcomes
