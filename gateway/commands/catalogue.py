"""`meshgate catalogue`: list, search or check the products of a mesh, by folder or at a gateway."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa

from gateway.catalogue import Catalogue
from gateway.catalogue.search import Search
from gateway.commands.connection import add_login_arguments, connect, query_options
from gateway.commands.policy.mesh import Mesh
from gateway.commands.view_check import check
from gateway.errors import UserError
from gateway.model import Dataset, Request
from gateway.pipeline import Gateway
from gateway.serving.options import check_purpose

HEADER = ("name", "version", "status", "connector", "columns", "description")

Row = tuple[object, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--mesh", type=Path, default=Path(), metavar="DIR", help="the mesh folder (.)"
    )
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
        "--format", choices=("table", "json"), default="table", help="json is an object a line"
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
    if words[:1] == ["check"]:
        return check(args.mesh, words[1:])
    if args.connect and args.principal:
        raise UserError("--as is for a mesh folder", hint="at a gateway, --user logs in")
    text = " ".join(words[1:])
    rows = list(_rows(args, text))
    if not rows:
        print("nothing found" if words else "the mesh has no data products yet", file=sys.stderr)
        return 1 if words else 0
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
