"""`meshgate quality`: check what contracts promise of their data, and show what was found."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from gateway.catalogue import Catalogue
from gateway.commands.table import print_table
from gateway.errors import UnknownDataset, did_you_mean
from gateway.memory.quality_results import Result, Verdict, results
from gateway.memory.store import open_store
from gateway.model import SCHEME, Dataset
from gateway.pipeline import Gateway
from gateway.settings import load_config

COLUMNS = ("dataset", "rule", "metric", "value", "threshold", "verdict", "reason")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    _mesh(parser, Path())
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser("check", help="check now; 1 if a rule or promise is broken")
    check.add_argument(
        "--gateway-region", default="", metavar="REGION", help="where this command runs"
    )
    shown = actions.add_parser("results", help="what was found, the newest first")
    shown.add_argument("--limit", type=int, default=50, metavar="N", help="at most so many (50)")
    for action in (check, shown):
        _mesh(action, argparse.SUPPRESS)
        action.add_argument(
            "datasets",
            nargs="*",
            metavar="ADDRESS",
            help="mesh://domain/product/dataset[@version], or domain.product.dataset; all without",
        )
        action.add_argument("--json", action="store_true", help="one JSON object a line")


def run(args: argparse.Namespace) -> int:
    """1 when something that was checked does not hold, or could not be told."""
    if args.action == "results":
        return _results(args)
    config = replace(load_config(args.mesh, region=args.gateway_region), quality_seconds=0.0)
    gateway = Gateway.open(args.mesh, config)
    try:
        quality = gateway.mesh.quality
        assert quality is not None, "a gateway that is audited has a memory"
        chosen = _chosen(gateway.catalogue, args.datasets)
        known = {dataset.address for dataset in quality.watched()}
        watched = [dataset for dataset in chosen if dataset.address in known]
        found = [result for dataset in watched for result in quality.check(dataset)]
    finally:
        gateway.close()
    if not found:
        print("no contract has anything to check", file=sys.stderr)
    _print(found, as_json=args.json, times=False)
    return int(any(r.verdict in (Verdict.FAIL, Verdict.ERROR) for r in found))


def _results(args: argparse.Namespace) -> int:
    addresses = None
    if args.datasets:
        chosen = _chosen(Catalogue.load(args.mesh), args.datasets)
        addresses = [str(dataset.address) for dataset in chosen]
    store = open_store(args.mesh, load_config(args.mesh).store)
    try:
        found = results(store, addresses, limit=args.limit)
    finally:
        store.close()
    if not found:
        print("nothing was checked yet", file=sys.stderr)
    _print(found, as_json=args.json, times=True)
    return 0


def _mesh(parser: argparse.ArgumentParser, default: Any) -> None:
    parser.add_argument(
        "--mesh", type=Path, default=default, metavar="DIR", help="the mesh folder (.)"
    )


def _chosen(catalogue: Catalogue, texts: Sequence[str]) -> list[Dataset]:
    """Every dataset that is named, in all its versions where none is given. All without names."""
    if not texts:
        return list(catalogue.datasets)
    found: dict[str, Dataset] = {}
    for text in texts:
        named = [d for d in catalogue.datasets if text in _names(d)]
        if not named:
            known = (name for d in catalogue.datasets for name in _names(d))
            raise UnknownDataset(f"there is no dataset {text}", hint=did_you_mean(text, known))
        found.update({str(dataset.address): dataset for dataset in named})
    return list(found.values())


def _names(dataset: Dataset) -> tuple[str, ...]:
    address = dataset.address
    plain = f"{address.domain}.{address.product}.{address.dataset}"
    return (str(address), str(replace(address, version=None)), plain, address.sql_name)


def _print(found: Iterable[Result], *, as_json: bool, times: bool) -> None:
    if as_json:
        for result in found:
            print(json.dumps({**asdict(result), "time": _time(result)}))
        return
    rows = [_row(result, times=times) for result in found]
    if rows:
        names = [*(("time",) if times else ()), *COLUMNS]
        kinds = [(n, pa.float64() if n == "value" else pa.string()) for n in names]
        table = pa.Table.from_pylist(rows, pa.schema(kinds))
        if not any(row["reason"] for row in rows):
            table = table.drop_columns(["reason"])
        print_table(table.to_reader())


def _row(result: Result, *, times: bool) -> dict[str, Any]:
    return {
        **({"time": _time(result)} if times else {}),
        "dataset": result.dataset.removeprefix(SCHEME),
        "rule": result.rule,
        "metric": result.metric,
        "value": result.value,
        "threshold": result.threshold,
        "verdict": str(result.verdict),
        "reason": result.reason,
    }


def _time(result: Result) -> str:
    return datetime.fromtimestamp(result.time, UTC).isoformat(timespec="seconds")
