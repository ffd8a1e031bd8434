"""The `meshgate` command: one module a sub-command, under `gateway/commands/`."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from importlib import metadata

from connectors.interface import SourceError
from gateway.errors import GatewayError, did_you_mean, from_source

COMMANDS = {
    "serve": "start the gateway on a mesh folder",
    "demo": "build the example mesh, query it, and serve it",
    "query": "run one query against a running gateway",
    "explain": "show how a query would be answered, without running it",
    "publish": "inspect a source and write a data product for what it holds",
    "catalogue": "list, search or check the data products of a mesh",
    "policy": "ask the policies of a mesh, and try changes of them before they count",
    "quality": "check what contracts promise of their data, and show what was found",
    "user": "manage the users of a mesh",
    "lineage": "what a dataset or column is made of, and who is affected if it goes",
    "usage": "who used what of a mesh, how much of it, and how long it took",
    "audit": "list, verify or export what was decided, for whom",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is 0, 1 (it failed) or 2 (wrong usage).

    `meshgate policy test` has codes of its own: `failure`, and 3 when something changes.
    """
    parser = argparse.ArgumentParser(
        prog="meshgate", description="A federated query gateway for a data mesh."
    )
    version = f"meshgate {metadata.version('meshgate')}"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # what it has to say comes as an error too
    arguments = list(sys.argv[1:] if argv is None else argv)
    asked = parser
    chosen = next((a for a in arguments if not a.startswith("-")), None)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        if name == chosen:  # only the command that runs is imported: start-up stays quick
            module = importlib.import_module(f"gateway.commands.{name}")
            module.add_arguments(command)
            command.set_defaults(run=module.run)
            asked = command
    if not arguments:
        parser.print_help(sys.stderr)
        return 2
    args, words = parser.parse_known_args(arguments)
    if words and ("words" not in args or any(word.startswith("-") for word in words)):
        asked.error(f"unrecognized arguments: {' '.join(words)}{_meant(asked, words)}")
    if words:  # argparse takes words from one place only, not from before and after an option
        args.words = [*args.words, *words]
    failure = getattr(args, "failure", 1)
    try:
        return int(args.run(args))
    except SourceError as error:
        return _fail(from_source(error), failure)
    except GatewayError as error:
        return _fail(error, failure)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 0


def _meant(command: argparse.ArgumentParser, words: Sequence[str]) -> str:
    """A hint at the option that a misspelt one may have been meant to be."""
    known, waiting = set[str](), [command]
    while waiting:
        parser = waiting.pop()
        known.update(option for option in parser._option_string_actions if len(option) > 2)
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                waiting += action.choices.values()
    options = (word.partition("=")[0] for word in words if word.startswith("--"))
    hint = next(filter(None, (did_you_mean(option, known) for option in options)), None)
    return f" ({hint})" if hint else ""


def _fail(error: GatewayError, code: int) -> int:
    """Say it in one line, and the hint in a line of its own; the exit code."""
    hint, error.hint = error.hint, None
    print(f"meshgate: {error}", file=sys.stderr)
    if hint:
        print(f"  hint: {hint}", file=sys.stderr)
    return code


if __name__ == "__main__":
    raise SystemExit(main())
