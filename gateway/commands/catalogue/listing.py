"""`meshgate catalogue [search WORDS]`: the datasets of a mesh, listed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from gateway.catalogue import Catalogue
from gateway.commands.catalogue.reader import Reader
from gateway.model import Dataset

HEADER = ("name", "version", "status", "connector", "columns", "description")


def run(args: argparse.Namespace, words: list[str]) -> int:
    # Whoever can read the mesh folder can read its products: without --as no policy is asked.
    reader = Reader.load(args)
    found = Catalogue(reader.datasets, "").search(words, lambda _: True)
    if not found:
        searched = bool(args.words)
        print("nothing found" if searched else "the mesh has no data products yet", file=sys.stderr)
        return 1 if searched else 0
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
