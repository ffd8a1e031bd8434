"""`meshgate policy test`: recorded requests, decided under the current and under new policies."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.audit.logs import AuditLogs
from gateway.audit.reader import Entry
from gateway.commands.audit import since
from gateway.commands.policy import shown
from gateway.commands.policy.changes import EITHER, KINDS, LOOSER, TIGHTER, Change, Comparison
from gateway.commands.policy.mesh import Mesh, load_policies
from gateway.commands.policy.shown import Screen
from gateway.config import Config
from gateway.errors import UserError
from policies.store import SETTINGS, open_folder

CHANGED, FAILED = 3, 2
"""Exit codes: something changes; it could not be found out."""

EXAMPLES = 3
FAIL_ON = {
    "denied": {TIGHTER, EITHER},
    "allowed": {LOOSER, EITHER},
    "any": {TIGHTER, LOOSER, EITHER},
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "new", type=Path, metavar="NEW", help="the new policies: a folder as policies/ of a mesh is"
    )
    parser.add_argument(
        "--since",
        type=since,
        default=since("30d"),
        metavar="T",
        help="requests since then: 7d, 12h, or 2026-01-31[T12:00] (30d)",
    )
    parser.add_argument(
        "--fail-on",
        choices=sorted(FAIL_ON),
        default="any",
        help="exit with 3 only if somebody gets less, or more, than now (any)",
    )
    parser.set_defaults(failure=FAILED)


@dataclass(slots=True)
class Found:
    """A change, and the requests it is one for."""

    requests: int = 0
    principals: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Replay:
    """All requests, by what becomes of them."""

    requests: int = 0
    principals: set[str] = field(default_factory=set)
    denied: int = 0
    allowed: int = 0
    altered: int = 0
    undecided: int = 0
    changes: dict[Change, Found] = field(default_factory=dict)
    missing: Counter[str] = field(default_factory=Counter)

    def add(self, entry: Entry, comparison: Comparison) -> None:
        """Decide one more request."""
        record = entry.record
        judged = comparison.judge(record)
        self.requests += 1
        self.principals.add(record.principal)
        self.missing.update(judged.missing)
        if judged.missing or not record.datasets:
            self.undecided += 1
            return
        self.denied += judged.before and not judged.after
        self.allowed += judged.after and not judged.before
        self.altered += judged.before == judged.after and bool(judged.changes)
        for change in judged.changes:
            found = self.changes.setdefault(change, Found())
            found.requests += 1
            found.principals[record.principal] += 1
            if len(found.examples) < EXAMPLES:
                found.examples.append(record.id)

    @property
    def ordered(self) -> list[tuple[Change, Found]]:
        """The changes by kind, those of most requests first."""
        kinds = list(KINDS)
        return sorted(
            self.changes.items(),
            key=lambda e: (kinds.index(e[0].kind), -e[1].requests, e[0].dataset, e[0].column),
        )


def run(args: argparse.Namespace) -> int:
    mesh = Mesh.load(args.mesh)
    changed = load_policies(lambda: open_folder(_folder(args.new)), mesh.now)
    comparison = Comparison(mesh.catalogue, mesh.authoriser, changed, mesh.now)
    replay = Replay()
    with AuditLogs(args.mesh / Config().audit_folder) as logs:
        for entry in logs.queries(args.since):
            replay.add(entry, comparison)
    versions = (mesh.authoriser.snapshot.version, changed.snapshot.version)
    if args.json:
        print(json.dumps(_json(args, replay, versions), indent=2))
    else:
        _show(args, replay)
    directions = {change.direction for change in replay.changes}
    return CHANGED if directions & FAIL_ON[args.fail_on] else 0


def _folder(path: Path) -> Path:
    """The folder itself, or ``policies`` of a mesh folder; UserError when no policies are there."""
    for folder in (path, path / "policies"):
        if any(folder.glob("*.csv")) or (folder / SETTINGS).is_file():
            return folder
    raise UserError(
        f"there are no policies in {path}",
        hint=f"name a folder that holds *.csv files or {SETTINGS}, as policies/ of a mesh does",
    )


def _json(args: argparse.Namespace, replay: Replay, versions: tuple[str, str]) -> dict[str, Any]:
    return {
        "since": args.since.isoformat(),
        "policy_version": {"current": versions[0], "new": versions[1]},
        "requests": replay.requests,
        "principals": len(replay.principals),
        "newly_denied": replay.denied,
        "newly_allowed": replay.allowed,
        "altered": replay.altered,
        "undecided": replay.undecided,
        "changes": [
            {
                "kind": change.kind,
                "dataset": change.dataset,
                "column": change.column or None,
                "before": change.before,
                "after": change.after,
                "direction": change.direction,
                "reason": change.reason,
                "rules": shown.rows_json(change.rules),
                "requests": found.requests,
                "principals": dict(sorted(found.principals.items())),
                "examples": found.examples,
            }
            for change, found in replay.ordered
        ],
        "not_in_catalogue": [
            {"name": name, "requests": count} for name, count in sorted(replay.missing.items())
        ],
    }


def _show(args: argparse.Namespace, replay: Replay) -> None:
    screen = Screen()
    day = args.since.strftime("%Y-%m-%d %H:%M")
    requests = _count(replay.requests, "request")
    screen.line(f"{requests} of {_count(len(replay.principals), 'principal')} since {day} UTC")
    same = replay.requests - replay.denied - replay.allowed - replay.altered - replay.undecided
    lines = [
        (str(replay.denied), "newly denied"),
        (str(replay.allowed), "newly allowed"),
        (str(replay.altered), "answered otherwise"),
        (str(same), "as before"),
    ]
    if replay.undecided:
        lines.append((str(replay.undecided), "not decided: no dataset is known for them"))
    screen.table(("", ""), lines)
    kind = ""
    for change, found in replay.ordered:
        if change.kind != kind:
            kind = change.kind
            screen.section(KINDS[kind])
        _show_change(screen, change, found)
    if not replay.changes:
        screen.section("Nothing changes")
    if replay.missing:
        screen.section("No such dataset (any more)")
        lines = [(name, _count(n, "request")) for name, n in sorted(replay.missing.items())]
        screen.table(("", ""), lines)


def _show_change(screen: Screen, change: Change, found: Found) -> None:
    what = change.dataset + (f"#{change.column}" if change.column else "")
    turns = "" if change.kind in ("denied", "allowed") else f": {change.before} → {change.after}"
    screen.detail(f"{what}{turns}")
    names = [name for name, _ in found.principals.most_common(EXAMPLES)]
    rest = len(found.principals) - len(names)
    more = f" and {rest} more" if rest else ""
    screen.more(f"{_count(found.requests, 'request')} of {', '.join(names)}{more}")
    screen.more(f"because: {change.reason}")
    screen.more(f"such as {', '.join(found.examples)}")
    screen.rows_below(change.rules)


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
