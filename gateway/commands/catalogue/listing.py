"""`meshgate catalogue [search WORDS]`: datasets, of a folder or at a gateway."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence

import pyarrow as pa

from gateway.catalogue import Catalogue
from gateway.catalogue.search import Search
from gateway.commands.connection import connect, query_options
from gateway.commands.policy.mesh import Mesh
from gateway.errors import UserError
from gateway.model import Dataset, Request
from gateway.pipeline import Gateway
from gateway.serving.options import check_purpose

HEADER = ("name", "version", "status", "connector", "columns", "description")

Row = tuple[object, ...]


def run(args: argparse.Namespace, words: Sequence[str]) -> int:
    if args.connect and args.principal:
        raise UserError("--as is for a mesh folder", hint="at a gateway, --user logs in")
    rows = list(_rows(args, " ".join(words)))
    if not rows:
        searched = bool(args.words)
        print("nothing found" if searched else "the mesh has no data products yet", file=sys.stderr)
        return 1 if searched else 0
    if args.format == "json":
        for row in rows:
            print(json.dumps(dict(zip(HEADER, row, strict=True))))
    elif sys.stdout.isatty():
        _print_table(rows)
    else:
        for row in (HEADER, *rows):
            print("\t".join(" ".join(cell.split()) for cell in map(_shown, row)))
    return 0


def _rows(args: argparse.Namespace, text: str) -> Iterable[Row]:
    if args.connect:
        with connect(args) as client, client.stream(_sql(text)) as batches:
            return [row for batch in batches for row in _records(batch)]
    if not (args.mesh / "products").is_dir():
        raise UserError(
            f"{args.mesh} is not a mesh folder: there is no folder products in it",
            hint="name one with --mesh DIR; meshgate publish makes one",
        )
    if args.principal:
        return _seen(args, text)
    # Whoever can read the mesh folder can read its products: no policy is asked here.
    catalogue = Catalogue.load(args.mesh)
    datasets: Iterable[Dataset] = catalogue.datasets
    if text:
        every = len(catalogue.datasets)
        hits = Search().find(catalogue, text, catalogue.datasets.__getitem__, every)
        datasets = (hit.dataset for hit in hits)
    return map(_row, datasets)


def _seen(args: argparse.Namespace, text: str) -> list[Row]:
    """What a principal is shown by a gateway on this folder."""
    asked = argparse.Namespace(user="", principal=args.principal, role=[], region="")
    principal = Mesh.load(args.mesh).principal(asked)
    gateway = Gateway.open(args.mesh, audited=False)
    try:
        request = Request(
            principal, _sql(text), purpose=check_purpose(args.purpose), options=query_options(args)
        )
        batches = gateway.execute(gateway.prepare(request)).batches
        return [row for batch in batches for row in _records(batch)]
    finally:
        gateway.close()


def _sql(text: str) -> str:
    columns = ", ".join(HEADER)
    if not text:
        return f"SELECT {columns} FROM system.catalogue.datasets ORDER BY address"
    quoted = text.replace("'", "''")
    return f"SELECT {columns} FROM system.catalogue.search WHERE query = '{quoted}' ORDER BY rank"


def _records(batch: pa.RecordBatch) -> Iterable[Row]:
    return zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _row(dataset: Dataset) -> Row:
    address = dataset.address
    return (
        address.sql_name,
        address.version,
        dataset.status,
        dataset.binding.connector,
        len(dataset.schema),
        dataset.description,
    )


def _shown(cell: object) -> str:
    return "" if cell is None else str(cell)


def _print_table(rows: Sequence[Row]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in HEADER:
        table.add_column(name, justify="right" if name == "columns" else "left")
    for row in rows:
        table.add_row(*map(_shown, row))
    Console().print(table)
