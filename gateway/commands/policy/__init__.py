"""`meshgate policy`: ask the policies of a mesh, and try changes of them before they count."""

from __future__ import annotations

import argparse
from pathlib import Path

from gateway.commands.policy import check, explain, replay, who

ACTIONS = {
    "explain": (explain, "what somebody may do to a dataset, and which rows make it so"),
    "who": (who, "everybody who can read a dataset or a column, and how"),
    "test": (replay, "what a change of the policies would have done to recorded requests"),
    "check": (check, "everything that is wrong in the policies, and rows that never count"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action_", required=True, metavar="ACTION")
    for name, (module, summary) in ACTIONS.items():
        action = actions.add_parser(name, help=summary, description=summary)
        module.add_arguments(action)
        action.add_argument(
            "--mesh", type=Path, default=Path(), metavar="DIR", help="the mesh folder (.)"
        )
        action.add_argument("--json", action="store_true", help="as JSON (docs/policies.md)")
        action.set_defaults(run_action=module.run)


def run(args: argparse.Namespace) -> int:
    return int(args.run_action(args))
