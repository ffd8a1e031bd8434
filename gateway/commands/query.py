"""`meshgate query`: one SQL query against a running gateway."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from gateway.commands.connection import add_login_arguments, connect
from gateway.commands.table import print_table
from gateway.errors import UserError
from gateway.flight.client import Rows


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("sql", help="the query; - reads it from stdin")
    parser.add_argument("--connect", required=True, metavar="URI", help="grpc://HOST:PORT")
    parser.add_argument("--user", default="", metavar="NAME", help="who logs in")
    add_login_arguments(parser)
    parser.add_argument(
        "--format",
        choices=sorted(WRITERS),
        default="table",
        help="json is an object a line; a second column called id has the key id_2 there",
    )
    parser.add_argument("--report", action="store_true", help="say on stderr what it took")


def run(args: argparse.Namespace) -> int:
    if args.sql == "-" and args.password_stdin:
        raise UserError("stdin can not be both the query and the password")
    if args.format == "arrow" and sys.stdout.isatty():
        raise UserError("an Arrow stream is not for a terminal", hint="redirect it to a file")
    text = sys.stdin.read() if args.sql == "-" else args.sql
    with connect(args) as client:
        with client.stream(text) as rows:
            print_notices(rows.notices)
            WRITERS[args.format](rows)
        if args.report:
            sys.stdout.flush()
            print(_summary(client.report()), file=sys.stderr)
    return 0


def print_notices(notices: Iterable[Mapping[str, Any]]) -> None:
    """Say on stderr what the reader of an answer should know."""
    for notice in notices:
        said = f"{notice['dataset']}: {notice['message']} ({notice['code']})"
        print(f"meshgate: notice: {said}", file=sys.stderr)


def _records(rows: Rows) -> Iterable[list[Any]]:
    for batch in rows:
        yield from (list(row) for row in zip(*(c.to_pylist() for c in batch.columns), strict=True))


def _write_csv(rows: Rows) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(rows.schema.names)
    writer.writerows(_records(rows))


def _write_json(rows: Rows) -> None:
    keys = _keys(rows.schema.names)
    for record in _records(rows):
        print(json.dumps(dict(zip(keys, record, strict=True)), default=str))


def _keys(names: Sequence[str]) -> list[str]:
    """The names, each one once: an object would keep only the last of two that are alike.

    The second ``id`` is ``id_2``, or the next number by which no other column is called.
    """
    keys: list[str] = []
    taken = set(names)
    used: set[str] = set()
    for name in names:
        key, number = name, 2
        while key in used or (key != name and key in taken):
            key, number = f"{name}_{number}", number + 1
        used.add(key)
        keys.append(key)
    return keys


def _write_arrow(rows: Rows) -> None:
    with pa.ipc.new_stream(sys.stdout.buffer, rows.schema) as writer:
        for batch in rows:
            writer.write_batch(batch)


def _summary(report: dict[str, Any]) -> str:
    def measure(part: dict[str, Any]) -> str:
        return f"{part['rows']} rows, {part['bytes']} bytes, {part['seconds']:.3f} s"

    total = f"{report['outcome']}: {measure(report)} (query {report['query_id']})"
    fragments = [f"  {f['source']}: {measure(f)}: {f['text']}" for f in report["fragments"]]
    reads = [
        f"  {r['source']}: read in place by the gateway's engine: {r['text']}"
        for r in report["reads"]
    ]
    verified = ["  verified: bare scans gave the same rows"] if report.get("verified") else []
    return "\n".join([total, *verified, *fragments, *reads])


WRITERS: dict[str, Callable[[Rows], None]] = {
    "table": print_table,
    "csv": _write_csv,
    "json": _write_json,
    "arrow": _write_arrow,
}
