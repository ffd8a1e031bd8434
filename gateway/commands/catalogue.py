"""`meshgate catalogue`: list or search the data products of a mesh, and lead their lives."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from gateway.catalogue import Catalogue
from gateway.commands import life
from gateway.errors import UserError, did_you_mean
from gateway.model import Dataset

HEADER = ("name", "version", "status", "connector", "columns", "description")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--mesh", type=Path, default=Path(), metavar="DIR", help="the mesh folder (.)"
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = f"search WORDS       the datasets that are about all the words\n{life.WORDS}"
    parser.add_argument("words", nargs="*", metavar="WORD", help="what to do: see below")
    life.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    words: list[str] = args.words
    action = life.ACTIONS.get(words[0]) if words else None
    if words and words[0] != "search" and action is None:
        meant = did_you_mean(words[0], life.ACTIONS)
        raise UserError(
            f"{words[0]!r} is not something to do with a catalogue",
            hint=meant or f"meshgate catalogue search {' '.join(words)}",
        )
    if not (args.mesh / "products").is_dir():
        raise UserError(
            f"{args.mesh} is not a mesh folder: there is no folder products in it",
            hint="name one with --mesh DIR; meshgate publish makes one",
        )
    if action is not None:
        return action(args, words[1:])
    # Whoever can read the mesh folder can read its products: no policy is asked here.
    found = Catalogue.load(args.mesh).search(words[1:], lambda _: True)
    if not found:
        print("nothing found" if words else "the mesh has no data products yet", file=sys.stderr)
        return 1 if words else 0
    rows = [_row(dataset) for dataset in found]
    if sys.stdout.isatty():
        _print_table(rows)
    else:
        for row in (HEADER, *rows):
            print("\t".join(" ".join(cell.split()) for cell in row))
    return 0


def _row(dataset: Dataset) -> tuple[str, ...]:
    address = dataset.address
    return (
        address.sql_name,
        address.version or "",
        dataset.status,
        dataset.binding.connector,
        str(len(dataset.schema)),
        dataset.description,
    )


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in HEADER:
        table.add_column(name, justify="right" if name == "columns" else "left")
    for row in rows:
        table.add_row(*row)
    Console().print(table)
