"""`meshgate policy who`: everybody who can read a dataset or a column, and how."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from gateway.commands.policy import shown
from gateway.commands.policy.mesh import Mesh, Question, View, add_question, because, question
from gateway.commands.policy.shown import Screen
from gateway.model import Principal
from policies.decide import probe
from policies.explanation import DENIED
from policies.judgement import CLEAR

ANYBODY = "any:one"
"""Who holds nothing: what is granted to ``*`` alone."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_question(parser)
    parser.add_argument("--all", action="store_true", help="also those who are denied")


def run(args: argparse.Namespace) -> int:
    mesh = Mesh.load(args.mesh)
    asked = question(mesh, args)
    views = [mesh.view(replace(p, region=args.region or p.region), asked) for p in _everybody(mesh)]
    shown_ = [view for view in views if args.all or view.allowed]
    if args.json:
        print(json.dumps([_json(asked, view) for view in shown_], indent=2))
        return 0
    able = sum(view.allowed for view in views)
    _show(asked, shown_)
    what = f"{asked.column} of " if asked.column else ""
    print(f"{able} of {len(views)} may {asked.action} {what}{asked.dataset.address}")
    return 0


def _everybody(mesh: Mesh) -> Iterator[Principal]:
    """Users, services, other principals of the rows, roles, and whoever has no role."""
    found = {principal.name: principal for principal in mesh.known()}
    snapshot = mesh.authoriser.snapshot
    for name in snapshot.subjects():
        if name not in found:
            subject = probe(name)
            found[subject.name] = Principal(subject.name, subject.roles)
    found.setdefault(ANYBODY, Principal(ANYBODY))
    yield from sorted(found.values(), key=lambda p: (_KINDS.get(_kind(p), 2), p.name))


_KINDS = {"user": 0, "svc": 1, "role": 3, "any": 4}


def _kind(principal: Principal) -> str:
    return principal.name.partition(":")[0]


def _name(principal: Principal) -> str:
    kind, _, name = principal.name.partition(":")
    return "anybody else" if principal.name == ANYBODY else f"{kind}:{name}"


def _json(question: Question, view: View) -> dict[str, Any]:
    dataset = question.dataset
    return {
        "principal": view.principal.name,
        "roles": list(view.asked.roles()),
        "verdict": shown.verdict(view, question),
        "reason": view.reason,
        "helpful_purposes": list(view.decision.purposes),
        "row_filters": shown.filters_json(dataset, view.decision),
        "columns": [shown.column_json(dataset, column) for column in view.columns],
        "residency": view.residence.verdict if view.residence else None,
        "rules": shown.rows_json(view.decision.rules),
    }


def _show(question: Question, views: list[View]) -> None:
    if not views:
        return
    lines = [(*_who(view), *_sees(question, view)) for view in views]
    header = ("who", "roles", "sees", "rows", "because")
    Screen().table(header, lines, indent=0)


def _who(view: View) -> tuple[str, str]:
    roles = view.asked.roles()
    own = view.principal.name.removeprefix("role:")
    return _name(view.principal), " ".join(role for role in roles if role != own)


def _sees(question: Question, view: View) -> tuple[str, str, str]:
    if not view.allowed:
        purposes = " or ".join(view.decision.purposes)
        more = f"; allowed for the purpose {purposes}" if purposes else ""
        return DENIED, "", view.reason + more
    rows = shown.filters_text(view.decision) if question.action == "read" else ""
    if view.residence is not None and view.residence.verdict == "aggregates":
        rows = f"{rows}, {view.residence.text}"
    rules = [row.origin for row in view.decision.rules if row.ptype in ("p", "p2")]
    if question.column:
        column = view.shown[0]
        reason = because(column) or ", ".join(rules)
        return shown.seen(question.dataset, column), rows, reason
    rules += [because(c) for c in view.columns if because(c)]
    return _summary(question, view), rows, ", ".join(dict.fromkeys(rules))


def _summary(question: Question, view: View) -> str:
    """``clear``, or what is masked and what is not there."""
    if not view.columns:
        return "allowed"
    masked = [
        f"{c.name}: {shown.seen(question.dataset, c)}"
        for c in view.columns
        if c.mask not in (CLEAR, DENIED)
    ]
    denied = [c.name for c in view.columns if c.mask == DENIED]
    parts = [*masked, *([f"without {', '.join(denied)}"] if denied else [])]
    return "; ".join(parts) or "clear"
