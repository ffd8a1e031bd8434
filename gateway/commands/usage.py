"""`meshgate usage`: who used what of a mesh, how much of it, and how long it took."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from gateway.commands.audit import since
from gateway.commands.table import print_table
from gateway.errors import UserError
from gateway.memory import usage
from gateway.memory.store import DATABASE, Store, open_store
from gateway.memory.usage import Span
from gateway.settings import load_config

BY: Mapping[str, tuple[Callable[[Store, Span], pa.Table], tuple[str, ...]]] = {
    "team": (usage.by_caller, ("team",)),
    "principal": (usage.by_caller, ("principal",)),
    "purpose": (usage.by_caller, ("purpose",)),
    "product": (usage.by_dataset, ("product",)),
    "dataset": (usage.by_dataset, ("dataset",)),
    "column": (usage.by_column, ("dataset", "column")),
}
"""What usage can be summed up by: the sums, and the columns that tell them apart."""

SUMS = ("runs", "failed", "denied", "rows", "bytes")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument(
        "--mesh", type=Path, default=Path(), metavar="DIR", help="the mesh folder (.)"
    )
    parser.add_argument("--by", choices=sorted(BY), default="dataset", help="(dataset)")
    parser.add_argument("--since", type=since, metavar="T", help="7d, 12h, or 2026-01-31[T12:00]")
    parser.add_argument("--limit", type=int, default=50, metavar="N", help="at most so many (50)")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def run(args: argparse.Namespace) -> int:
    address = load_config(args.mesh).store
    if not address and not (args.mesh / DATABASE).is_file():
        raise UserError(
            f"nothing is remembered of the use of {args.mesh}",
            hint="a gateway remembers it: meshgate serve",
        )
    store = open_store(args.mesh, address)
    try:
        sums, keys = BY[args.by]
        table = summed(sums(store, Span(args.since)), keys).slice(0, max(args.limit, 0))
    finally:
        store.close()
    if args.json:
        for row in table.to_pylist():
            print(json.dumps(row))
    else:
        print_table(table.to_reader())
    return 0


def summed(table: pa.Table, keys: tuple[str, ...]) -> pa.Table:
    """Sums for each of the keys, what was asked for most often first."""
    parts = [*((name, "sum") for name in (*SUMS, "seconds")), ("slowest_seconds", "max")]
    found = table.group_by(list(keys)).aggregate(parts)
    runs, seconds = found["runs_sum"], found["seconds_sum"]
    once = pc.max_element_wise(runs, 1)
    columns = {name: found[name] for name in keys}
    columns |= {name: found[f"{name}_sum"] for name in SUMS}
    columns["mean_seconds"] = pc.round(pc.divide(seconds, pc.cast(once, pa.float64())), 6)
    columns["slowest_seconds"] = found["slowest_seconds_max"]
    order = [("runs", "descending"), *((name, "ascending") for name in keys)]
    return pa.table(columns).sort_by(order)
