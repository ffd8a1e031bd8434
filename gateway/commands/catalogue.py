"""`meshgate catalogue`: list, search or check the data products of a mesh."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from gateway.catalogue import Catalogue
from gateway.errors import UserError
from gateway.model import Dataset

HEADER = ("name", "version", "status", "connector", "columns", "description")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--mesh", type=Path, default=Path(), metavar="DIR", help="the mesh folder (.)"
    )
    parser.add_argument(
        "words",
        nargs="*",
        metavar="search WORDS | check ADDRESS",
        help="search, then the words to look for; check, then perhaps what to look at: whether"
        " sources and views are as their contracts say",
    )


def run(args: argparse.Namespace) -> int:
    words: list[str] = args.words
    if words and words[0] not in {"search", "check"}:
        raise UserError(
            f"{words[0]!r} is not something to do with a catalogue",
            hint=f"meshgate catalogue search {' '.join(words)}",
        )
    if not (args.mesh / "products").is_dir():
        raise UserError(
            f"{args.mesh} is not a mesh folder: there is no folder products in it",
            hint="name one with --mesh DIR; meshgate publish makes one",
        )
    if words[:1] == ["check"]:
        from gateway.commands.view_check import check  # it needs the planner

        return check(args.mesh, words[1:])
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
