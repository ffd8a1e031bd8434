"""A run of SQLAlchemy's own suite, and what the docs say of it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.clients.sqlalchemy.changing import PASSWORD, USER, ChangingGateway
from tests.clients.sqlalchemy.environments import DISTRIBUTION, python_with_dialect
from tests.environments import ROOT

PAGE = ROOT / "docs" / "clients" / "sqlalchemy.md"
BEGIN, END = "<!-- measured -->\n", "<!-- end -->\n"
SUITE = DISTRIBUTION / "compliance"
SECONDS = 280


@dataclass(frozen=True)
class Run:
    """What a run of the suite has shown; `output` is what pytest said at its end."""

    version: str
    outcomes: Mapping[str, int]
    excluded: Mapping[str, int]
    unused: frozenset[str]
    exit_code: int
    output: str


def run_suite(environment: str, gateway: ChangingGateway, database: str, folder: Path) -> Run:
    """Run the suite in an environment, against a gateway over the database."""
    report = folder / f"{environment}.json"
    address = gateway.served.uri.removeprefix("grpc://")
    url = f"meshgate://{USER}:{PASSWORD.replace(' ', '%20')}@{address}/suite/main"
    process = subprocess.run(
        [
            *(str(python_with_dialect(environment)), "-m", "pytest", "-c", "setup.cfg", "-q"),
            *("--tb=short", "--timeout=60", "-p", "no:warnings", "--dburi", url),
            "test_compliance.py",
        ],
        cwd=SUITE,
        env={
            **os.environ,
            "MESHGATE_COMPLIANCE_DATABASE": database.replace("postgresql:", "postgresql+psycopg2:"),
            "MESHGATE_COMPLIANCE_CONTROL": gateway.control,
            "MESHGATE_COMPLIANCE_REPORT": str(report),
        },
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    said: dict[str, Any] = json.loads(report.read_text()) if report.exists() else {}
    return Run(
        said.get("version", ""),
        said.get("outcomes", {}),
        said.get("excluded", {}),
        frozenset(said.get("unused", ())),
        process.returncode,
        process.stdout[-6000:] + process.stderr[-2000:],
    )


def table(runs: Sequence[Run]) -> str:
    """The runs as the docs show them."""
    lines = [
        "| SQLAlchemy | passed | failed | closed by a requirement | left out one by one |",
        "|---|---|---|---|---|",
    ]
    for run in runs:
        counts = [run.outcomes.get(outcome, 0) for outcome in ("passed", "failed", "skipped")]
        counts.append(sum(run.excluded.values()))
        lines.append(f"| {run.version} | {' | '.join(map(str, counts))} |")
    reasons = sorted({reason for run in runs for reason in run.excluded})
    lines += ["", f"| left out because | {' | '.join(run.version for run in runs)} |"]
    lines.append("|---|" + "---|" * len(runs))
    for reason in reasons:
        counts = [run.excluded.get(reason, 0) for run in runs]
        lines.append(f"| {reason} | {' | '.join(map(str, counts))} |")
    return "\n".join(lines) + "\n"


def documented() -> str:
    return PAGE.read_text().split(BEGIN)[1].split(END)[0]


def document(text: str) -> None:
    before, rest = PAGE.read_text().split(BEGIN)
    PAGE.write_text(before + BEGIN + text + END + rest.split(END)[1])
