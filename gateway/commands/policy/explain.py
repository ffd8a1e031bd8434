"""`meshgate policy explain`: what somebody gets of a dataset, and which rows make it so."""

from __future__ import annotations

import argparse
import json
from typing import Any

from gateway.commands.policy import shown
from gateway.commands.policy.mesh import Mesh, Question, View, add_question, because, question
from gateway.commands.policy.shown import STYLES, Screen
from gateway.errors import UserError
from policies.explanation import DENIED
from policies.rows import Row


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_question(parser)
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--user", default="", metavar="NAME", help="a user of users.toml")
    who.add_argument(
        "--principal",
        default="",
        metavar="WHO",
        help="user:NAME, svc:NAME (with what users.toml or identity.toml say of it), or a role",
    )
    parser.add_argument(
        "--role", action="append", default=[], help="a role, also alone; may be repeated"
    )


def run(args: argparse.Namespace) -> int:
    if not (args.user or args.principal or args.role):
        raise UserError(
            "about whom?", hint="--user NAME, --principal user:NAME, or --role DOMAIN/ROLE"
        )
    mesh = Mesh.load(args.mesh)
    asked = question(mesh, args)
    view = mesh.view(mesh.principal(args), asked)
    if args.json:
        print(json.dumps(_json(mesh, asked, view), indent=2))
    else:
        _show(mesh, asked, view)
    return 0


def _json(mesh: Mesh, question: Question, view: View) -> dict[str, Any]:
    decision, dataset = view.decision, question.dataset
    deciding = view.shown[0].rules if question.column and view.columns else decision.rules[:1]
    return {
        "dataset": str(dataset.address),
        "column": question.column or None,
        "action": question.action,
        "verdict": shown.verdict(view, question),
        "reason": view.reason,
        "principal": view.principal.name,
        "roles": [
            {"role": role, "identity": role in view.principal.roles, "rules": shown.rows_json(rows)}
            for role, rows in view.asked.roles().items()
        ],
        "region": view.principal.region,
        "purpose": question.purpose,
        "purposes": _purposes(mesh, view),
        "helpful_purposes": list(decision.purposes),
        "policy_version": decision.policy_version,
        "decided_by": shown.rows_json(deciding),
        "rules": shown.rows_json(_rows(question, view)),
        "near_misses": [{**shown.row_json(row), "reason": why} for row, why in _near_misses(view)],
        "row_filters": shown.filters_json(dataset, decision),
        "columns": [shown.column_json(dataset, column) for column in view.columns],
        "residency": {"verdict": view.residence.verdict, "text": view.residence.text}
        if view.residence
        else None,
    }


def _purposes(mesh: Mesh, view: View) -> list[str]:
    return sorted(mesh.authoriser.granted_purposes(view.asked.subject))


def _near_misses(view: View) -> list[tuple[Row, str]]:
    return [] if view.decision.allowed else list(view.asked.near_misses())


def _show(mesh: Mesh, question: Question, view: View) -> None:
    screen = Screen()
    verdict = shown.verdict(view, question)
    dataset, decision = question.dataset, view.decision
    what = f"{question.column} of " if question.column else ""
    may = "may not" if verdict == DENIED else "may"
    mask = f", masked: {shown.seen(dataset, view.shown[0])}" if verdict == shown.MASKED else ""
    screen.line(
        (verdict.upper(), STYLES[verdict]),
        f"  {shown.name(view)} {may} {question.action} {what}{dataset.address}{mask}",
    )
    screen.detail(view.reason)
    if decision.purposes:
        screen.detail(f"allowed for the purpose {' or '.join(decision.purposes)}")

    screen.section("Asked as")
    screen.table(("", ""), _asked_as(mesh, question, view))
    if dataset.view is not None:
        screen.section("A view")
        lent = f"with the rights of {dataset.view.owner} where that role may publish them"
        below = lent if dataset.view.unmasks else "each by itself, for whoever asks"
        screen.detail(f"what it reads of other datasets is decided too: {below}")
    if view.residence is not None:
        screen.section("Where rows may go")
        screen.detail(view.residence.text)
    if decision.allowed and question.action == "read":
        _show_filters(screen, question, view)
    if view.columns:
        screen.section("Columns")
        lines = [
            (c.name, " ".join(sorted(c.tags)), shown.seen(dataset, c), because(c))
            for c in view.columns
        ]
        screen.table(("column", "tags", "seen", "because"), lines)
    rows = _rows(question, view)
    if rows:
        screen.section("Rows that had a part")
        screen.rows(rows)
    misses = _near_misses(view)
    if misses:
        screen.section("Rows that would allow it if something were otherwise")
        screen.rows([row for row, _ in misses], [why for _, why in misses])


def _rows(question: Question, view: View) -> list[Row]:
    """The rows behind the answer; of one column asked about not those of the others."""
    rows = list(view.decision.rules)
    if question.column and view.columns:
        (column,) = view.columns
        rows = [r for r in rows if r in column.rules or (r.ptype != "p3" and r.effect == "allow")]
        rows += [r for r in column.rules if r not in rows]
    return rows


def _asked_as(mesh: Mesh, question: Question, view: View) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    for role, rows in view.asked.roles().items():
        sources = ["identity"] if role in view.principal.roles else []
        sources += [f"{row.origin} {row}" for row in rows]
        lines.append(("" if lines else "roles", f"{role} ({'; '.join(sources)})"))
    purposes = ", ".join(_purposes(mesh, view)) or "none"
    return [
        *(lines or [("roles", "none")]),
        ("purpose", question.purpose or "none declared"),
        ("may declare", purposes),
        ("region", view.principal.region or "not known"),
    ]


def _show_filters(screen: Screen, question: Question, view: View) -> None:
    filters = shown.filters_json(question.dataset, view.decision)
    if not any(filters.values()):
        screen.section("Rows seen: all")
        return
    screen.section("Rows seen: those for which")
    words = {"any_of": "any of", "all_of": "each of"}
    lines = [
        (words[kind] if n == 0 else "", f["id"], f["text"], _origins(f["rules"]))
        for kind, found in filters.items()
        for n, f in enumerate(found)
    ]
    screen.table(("", "filter", "text", "because"), lines)


def _origins(rules: list[dict[str, str]]) -> str:
    return ", ".join(rule["origin"] for rule in rules)
