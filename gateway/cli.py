"""The `meshgate` command: one module a sub-command, under `gateway/commands/`."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from connectors.interface import SourceError
from gateway.errors import GatewayError, from_source

COMMANDS = {
    "serve": "start the gateway on a mesh folder",
    "demo": "build the example mesh, query it, and serve it",
    "query": "run one query against a running gateway",
    "explain": "show how a query would be answered, without running it",
    "publish": "inspect a source and write a data product for what it holds",
    "catalogue": "list or search the data products of a mesh",
    "user": "manage the users of a mesh",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is 0, 1 (it failed) or 2 (wrong usage)."""
    parser = argparse.ArgumentParser(
        prog="meshgate", description="A federated query gateway for a data mesh."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    arguments = list(sys.argv[1:] if argv is None else argv)
    chosen = next((a for a in arguments if not a.startswith("-")), None)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        if name == chosen:  # only the command that runs is imported: start-up stays quick
            module = importlib.import_module(f"gateway.commands.{name}")
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    args = parser.parse_args(arguments)
    try:
        return int(args.run(args))
    except SourceError as error:
        return _fail(from_source(error))
    except GatewayError as error:
        return _fail(error)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 0


def _fail(error: GatewayError) -> int:
    print(f"meshgate: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
