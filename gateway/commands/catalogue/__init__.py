"""`meshgate catalogue`: what a mesh holds: listed, shown, opened, checked, and exchanged."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

from gateway.commands.catalogue import entry, exchange, life, listing
from gateway.commands.connection import add_login_arguments
from gateway.commands.view_check import check
from gateway.errors import UserError, did_you_mean
from gateway.interchange import FORMATS

ACTIONS: Mapping[str, Callable[[argparse.Namespace, list[str]], int]] = {
    "search": listing.run,
    "show": entry.show,
    "open": entry.open_,
    "check": lambda args, words: check(args.mesh, words),
    "export": exchange.export,
    "import": exchange.import_,
    **life.ACTIONS,
}

_AS_SOMEBODY = ("search", "show", "open", "export")
_OF: Mapping[str, tuple[str, ...]] = {
    "principal": _AS_SOMEBODY,
    "purpose": _AS_SOMEBODY,
    "connect": ("search",),
    "json": ("show", "open"),
    "format": ("search", "export"),
    "out": ("export",),
    "endpoint": ("export",),
    "domain": ("import",),
    "product": ("import",),
    "dry_run": ("import",),
    "force": ("import", "retire"),
    "reason": ("deprecate", "retire"),
    "successor": ("deprecate", "retire"),
    "ends": ("deprecate",),
}
"""What each option is for, by its name among the arguments."""

_LISTS = ("table", "json")
_WORDS = """\
search WORDS     the datasets that are about all the words (none: every dataset)
show ADDRESS     everything that is known of a dataset or an artefact
open ADDRESS     how it is opened or executed: a URL, a query, a command
check [ADDRESS]  whether sources and views are as their contracts say
export [ADDRESS...] --format F   all of it, or some, in the form of another catalogue
import SOURCE    products and contracts from a file, folder or URL: as publish SOURCE does
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _WORDS + life.WORDS
    parser.add_argument(
        "--mesh", type=Path, default=Path(), metavar="DIR", help="the mesh folder (.)"
    )
    parser.add_argument("words", nargs="*", metavar="WORD", help="what to do: see below")
    parser.add_argument(
        "--as",
        dest="principal",
        default="",
        metavar="PRINCIPAL",
        help="show what user:NAME, svc:NAME or a role may discover (all there is)",
    )
    parser.add_argument(
        "--connect", default="", metavar="URI", help="ask a running gateway: grpc://HOST:PORT"
    )
    parser.add_argument("--user", default="", metavar="NAME", help="who logs in there")
    add_login_arguments(parser)
    parser.add_argument(
        "--format",
        choices=(*_LISTS, *FORMATS),
        metavar="F",
        help="search: table or json (an object a line); export: " + ", ".join(FORMATS),
    )
    parser.add_argument("--json", action="store_true", help="show, open: as JSON")
    parser.add_argument("--out", type=Path, metavar="FILE", help="export: where to (the screen)")
    parser.add_argument(
        "--endpoint", metavar="URL", help="export: where the gateway is, for those who read it"
    )
    parser.add_argument("--domain", help="import: of contracts that name none")
    parser.add_argument("--product", help="import: of contracts that name none")
    parser.add_argument("--dry-run", action="store_true", help="import: show it, write nothing")
    parser.add_argument(
        "--force",
        action="store_true",
        help="import: replace what says otherwise; retire: what is active as well",
    )
    life.add_arguments(parser)
    parser.set_defaults(wrong_usage=parser.error)


def run(args: argparse.Namespace) -> int:
    words: list[str] = args.words
    action = words[0] if words else "search"
    if action not in ACTIONS:
        meant = did_you_mean(action, ACTIONS)
        raise UserError(
            f"{action!r} is not something to do with a catalogue",
            hint=meant or f"meshgate catalogue search {' '.join(words)}",
        )
    for option, actions in _OF.items():
        if getattr(args, option) and action not in actions:
            name = {"principal": "as"}.get(option, option).replace("_", "-")
            args.wrong_usage(f"--{name} is for {' and '.join(actions)}")
    if args.format and (args.format in _LISTS) != (action == "search"):
        args.wrong_usage(f"--format {args.format} is not for {action}")
    return ACTIONS[action](args, words[1:])
