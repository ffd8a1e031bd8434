"""The table client x feature in the docs: every cell is what a test of this run has shown.

A test says what it measures by ``@pytest.mark.feature(client, feature)``, and with ``shows=`` what
the cell says when it passes, if that is not "yes". Several tests may measure one cell: it says
"FAILED" when any of them fails. A run fails when the docs say otherwise about a cell it has
measured; ``--write-features`` puts what it has measured into the docs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from tests.clients.inapplicable import NOTHING, REASONS, Cell

DOCS = Path(__file__).parent.parent.parent / "docs" / "clients" / "features.md"
PROPERTY = "feature"
BEGIN, END = "<!-- measured -->\n", "<!-- end -->\n"
UNMEASURED = ""
FAILED = "FAILED"


class Features:
    """Collects what the tests of a run have shown, in the process that reports."""

    def __init__(self, write: bool) -> None:
        self._write = write
        self._shown: dict[Cell, str] = {}
        self._wrong: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties:
            if name == PROPERTY and (report.when == "call" or not report.passed):
                client, feature, shows = value
                self.record((client, feature), shows, report.passed, report.skipped)

    def record(self, cell: Cell, shows: str, passed: bool, skipped: bool = False) -> None:
        """Take in one outcome; what was skipped has shown nothing."""
        if skipped:
            return
        said = shows if passed else FAILED
        before = self._shown.get(cell, said)
        self._shown[cell] = FAILED if FAILED in (said, before) else _joined(before, said)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if not self._shown:
            return
        text = DOCS.read_text()
        if self._write:
            DOCS.write_text(written(text, self._shown))
            return
        self._wrong = differences(text, self._shown)
        if self._wrong and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for line in self._wrong:
            terminalreporter.write_line(f"docs/clients/features.md: {line}", red=True)
        if self._wrong:
            terminalreporter.write_line("measure anew with: pytest tests/clients --write-features")


def marked(items: Iterable[pytest.Item]) -> None:
    """Let the reports of marked tests say what they measure."""
    for item in items:
        for mark in item.iter_markers(PROPERTY):
            client, feature = mark.args
            item.user_properties.append(
                (PROPERTY, [client, feature, mark.kwargs.get("shows", "yes")])
            )


def differences(text: str, shown: Mapping[Cell, str]) -> list[str]:
    """What the docs say otherwise than a run has shown."""
    table = parsed(text)
    return [
        f"{client}, {feature}: the docs say {table.get((client, feature), UNMEASURED)!r},"
        f" this run {said!r}"
        for (client, feature), said in sorted(shown.items())
        if table.get((client, feature), UNMEASURED) != said
    ]


def written(text: str, shown: Mapping[Cell, str]) -> str:
    """The docs with what a run has shown: clients in rows, features in columns."""
    table = {**parsed(text), **shown}
    clients = sorted({client for client, _ in table}, key=str.lower)
    features = sorted({feature for _, feature in table}, key=str.lower)
    rows = [["client", *features], ["---"] * (len(features) + 1)]
    rows += [[c, *(_said(table, (c, f)) for f in features)] for c in clients]
    lines = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    lines += _reasons({(c, f) for c in clients for f in features} - table.keys())
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}{lines}{END}{rest.split(END)[1]}"


def parsed(text: str) -> dict[Cell, str]:
    """The cells the docs have."""
    shown = text.split(BEGIN)[1].split(END)[0].splitlines()
    lines = [line for line in shown if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    if not rows:
        return {}
    features = rows[0][1:]
    return {
        (client, feature): said
        for client, *cells in rows[2:]
        for feature, said in zip(features, cells, strict=False)
        if said not in (UNMEASURED, NOTHING)
    }


def missing(text: str) -> list[Cell]:
    """The cells that are neither measured nor without anything to measure."""
    table = parsed(text)
    clients, features = {c for c, _ in table}, {f for _, f in table}
    return sorted({(c, f) for c in clients for f in features} - table.keys() - REASONS.keys())


def _said(table: Mapping[Cell, str], cell: Cell) -> str:
    return table.get(cell, NOTHING if cell in REASONS else UNMEASURED)


def _reasons(cells: Iterable[Cell]) -> str:
    """Why there is nothing to measure, for each client and reason."""
    found: dict[tuple[str, str], list[str]] = {}
    for client, feature in sorted(cells, key=lambda cell: (cell[0].lower(), cell[1].lower())):
        if (client, feature) in REASONS:
            found.setdefault((client, REASONS[client, feature]), []).append(feature)
    lines = [f"* {c}: {', '.join(features)}: {why}.\n" for (c, why), features in found.items()]
    return f"\n{NOTHING}: nothing to measure.\n\n{''.join(lines)}" if lines else ""


def _joined(before: str, said: str) -> str:
    return before if said in before.split("; ") else f"{before}; {said}"
