"""python -m bench [--list] [CASE ...] [--quick] [--json FILE]
python -m bench compare OLD NEW [--threshold RATIO]"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from subprocess import SubprocessError

from rich.console import Console

from bench import runner
from bench.cases import REGISTRY
from bench.compare import compare
from bench.machine import machine, versions
from bench.model import Report, SeriesResult, Settings
from bench.table import show
from tests.services import ServiceMissing


def main(arguments: Sequence[str]) -> int:
    """Run or compare; 0 when every case ran (targets are reported, not enforced)."""
    console = Console(width=None if sys.stdout.isatty() else 140)
    if arguments and arguments[0] == "compare":
        return _compare(arguments[1:], console)
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help="which cases (default: all)")
    parser.add_argument("--list", action="store_true", help="name the cases and stop")
    parser.add_argument("--quick", action="store_true", help="small data: a smoke test")
    parser.add_argument("--rounds", type=int, help="samples per contender (default: the case's)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report here as well")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a target is missed")
    narrow = parser.add_argument_group("federated")
    narrow.add_argument("--layout", type=_names, metavar="NAME,...", help="which layouts")
    narrow.add_argument("--scale", type=float, help="the scale factor of TPC-H")
    narrow.add_argument("--peers", type=_names, metavar="NAME,...", help="which peers; '' for none")
    narrow.add_argument("--queries", type=_names, metavar="NAME,...", help="as in q05,q09")
    narrow.add_argument("--no-moved", action="store_true", help="do not count what is moved")
    args = parser.parse_args(arguments)
    if args.list:
        for name in REGISTRY:
            console.print(f"{name:20} {runner.load(name).summary}", highlight=False)
        return 0
    unknown = [name for name in args.cases if name not in REGISTRY]
    if unknown:
        parser.error(f"no such case: {', '.join(unknown)} (known: {', '.join(REGISTRY)})")
    settings = Settings(
        *(args.quick, args.rounds, args.scale),
        *(args.layout, args.peers, args.queries, not args.no_moved),
    )
    report = _run(args.cases or list(REGISTRY), settings)
    show(report, console)
    if args.json:
        args.json.write_text(report.to_json())
    missed = args.strict and any(result.met is False for result in report.results)
    return int(bool(report.failures) or missed)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)


def _run(names: Sequence[str], settings: Settings) -> Report:
    results: list[SeriesResult] = []
    failures: dict[str, str] = {}
    facts = machine()
    for name in names:
        try:
            results += runner.run(runner.load(name), settings, _say)
        except (RuntimeError, OSError, LookupError, SubprocessError, ServiceMissing) as error:
            failures[name] = f"{type(error).__name__}: {error}"
    return Report(facts, versions(), settings.quick, tuple(results), failures)


def _say(text: str) -> None:
    """A plain line: the thread of a spinner took half as long again from what runs beside it."""
    print(text, file=sys.stderr, flush=True)


def _compare(arguments: Sequence[str], console: Console) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench compare")
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument(
        "--threshold", type=float, default=1.25, help="how many times worse is too much"
    )
    args = parser.parse_args(arguments)
    try:
        return compare(Report.load(args.old), Report.load(args.new), args.threshold, console)
    except (OSError, ValueError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
