"""The matrix of driver versions in docs/clients/jdbc.md: what each was seen to do."""

from __future__ import annotations

import fcntl
from collections.abc import Mapping
from pathlib import Path

from tests.clients.jdbc import project

DOCS = Path(__file__).parent.parent.parent.parent / "docs" / "clients" / "jdbc.md"
BEGIN, END = "<!-- versions -->\n", "<!-- end of versions -->\n"
YES, NO = "yes", "no"

Matrix = dict[str, dict[str, bool]]
"""By version and check, whether it passed."""


def read() -> Matrix:
    lines = DOCS.read_text().split(BEGIN)[1].split(END)[0].splitlines()
    rows = [[cell.strip(" `") for cell in line.strip().strip("|").split("|")] for line in lines]
    found: Matrix = {version: {} for version in project.VERSIONS}
    if rows:
        for name, *cells in rows[2:]:
            for version, cell in zip(rows[0][1:], cells, strict=True):
                found.setdefault(version, {})[name] = cell == YES
    return found


def write(version: str, outcomes: Mapping[str, bool]) -> None:
    """Put what one version could do into the docs: checks in rows, versions in columns."""
    with DOCS.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        before, rest = file.read().split(BEGIN)
        found = {**read(), version: dict(outcomes)}
        versions = [*project.VERSIONS]
        names = [check.name for check in project.checks() if check.for_every_driver]
        rows = [["check", *versions], ["---"] * (len(versions) + 1)]
        for name in names:
            cells = [{True: YES, False: NO}.get(found[v].get(name), "") for v in versions]
            rows.append([f"`{name}`", *cells])
        lines = "".join(f"| {' | '.join(row)} |\n" for row in rows)
        file.seek(0)
        file.write(f"{before}{BEGIN}{lines}{END}{rest.split(END)[1]}")
        file.truncate()
