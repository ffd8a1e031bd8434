"""`meshgate audit`: what was decided, for whom; and whether the record of it was changed."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from gateway.audit.chain import Verification
from gateway.audit.export import WRITERS
from gateway.audit.files import key_file, log_folder, log_numbers, read_key
from gateway.audit.logs import AuditLogs
from gateway.audit.reader import Entry, Filter
from gateway.audit.record import ALLOWED, DENIED, Record
from gateway.audit.verification import verify_export, verify_log
from gateway.commands.table import print_table
from gateway.config import Config
from gateway.errors import UserError
from gateway.model import SCHEME

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
COLUMNS = (
    "time",
    "principal",
    "purpose",
    "verdict",
    "reason",
    "datasets",
    "outcome",
    "rows",
    "statement",
)
OFTEN_EMPTY = {"purpose", "reason", "outcome", "rows"}
"""Columns that are left out where they would be empty."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    show = actions.add_parser("list", help="the newest decisions, the newest first")
    show.add_argument("--principal", default="", metavar="NAME", help="user:ana, svc:loader")
    show.add_argument("--dataset", default="", metavar="D", help="an address, or domain.product.ds")
    show.add_argument("--verdict", default="", choices=(ALLOWED, DENIED))
    show.add_argument("--limit", type=int, default=50, metavar="N", help="at most so many (50)")
    show.add_argument("--json", action="store_true", help="whole records, one JSON object a line")
    verify = actions.add_parser("verify", help="whether the log, or an export of it, was changed")
    verify.add_argument("file", nargs="?", type=Path, help="an export in jsonl")
    verify.add_argument("--key", type=Path, metavar="FILE", help="the key file of the log")
    export = actions.add_parser("export", help="every record, with the hashes of the chain")
    export.add_argument("--format", choices=sorted(WRITERS), default="jsonl")
    export.add_argument("-o", dest="output", type=Path, required=True, metavar="FILE")
    for action in (show, export):
        action.add_argument(
            "--since", type=since, metavar="T", help="7d, 12h, or 2026-01-31[T12:00]"
        )
    for action in (show, verify, export):
        action.add_argument(
            "--mesh", type=Path, default=Path(), metavar="DIR", help="the mesh folder (.)"
        )


def run(args: argparse.Namespace) -> int:
    folder = args.mesh / Config().audit_folder
    if args.action == "verify":
        return _verify(args, folder)
    with AuditLogs(folder) as reader:
        return _list(args, reader) if args.action == "list" else _export(args, reader)


def since(text: str) -> datetime:
    """``7d`` back from now, or a date or time: UTC where it does not say."""
    span = re.fullmatch(r"(\d{1,6})([smhdw])", text)
    if span:
        return datetime.now(UTC) - timedelta(**{UNITS[span[2]]: int(span[1])})
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither 7d nor 2026-01-31") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _list(args: argparse.Namespace, reader: AuditLogs) -> int:
    which = Filter(args.since, args.principal, _address(args.dataset), args.verdict)
    entries = list(reader.entries(which, args.limit, newest_first=True))
    if args.json:
        for entry in entries:
            print(json.dumps(_json(entry)))
    else:
        rows = [_row(entry) for entry in entries]
        empty = {name for name in OFTEN_EMPTY if all(row[name] in ("", None) for row in rows)}
        table = pa.Table.from_pylist(rows, _SCHEMA).drop_columns(sorted(empty))
        print_table(table.to_reader())
    return 0


def _address(dataset: str) -> str:
    """An address from what SQL calls a dataset; an asked name that led nowhere is left as it is."""
    parts = [part.strip('"') for part in dataset.split(".")]
    if dataset.startswith(SCHEME) or len(parts) != 3 or not all(parts):
        return dataset
    return SCHEME + "/".join(parts)


_SCHEMA = pa.schema([(name, pa.int64() if name == "rows" else pa.string()) for name in COLUMNS])


def _row(entry: Entry) -> dict[str, Any]:
    record, outcome = entry.record, entry.outcome
    names = [use.address.removeprefix(SCHEME) for use in record.datasets]
    denied = record.verdict == DENIED
    texts = {
        "time": record.time.strftime("%Y-%m-%d %H:%M:%S"),
        "principal": record.principal,
        "purpose": record.purpose,
        "verdict": f"{record.verdict} {record.code}".strip(),
        "reason": _reason(record) if denied else "",
        "datasets": ", ".join(names),
        "outcome": outcome.outcome if outcome else "",
        "statement": record.text or f"#{entry.fingerprint}",
    }
    shown: dict[str, Any] = {name: _printable(text) for name, text in texts.items()}
    return shown | {"rows": outcome.rows if outcome else None}


def _reason(record: Record) -> str:
    """Without the code, which is shown beside the verdict, and the hint for the caller."""
    return record.reason.removeprefix(f"[{record.code}] ").partition(" Hint: ")[0]


def _printable(text: str) -> str:
    """On one line, and nothing a terminal would obey: part of it are the callers' own words."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _json(entry: Entry) -> dict[str, Any]:
    record = asdict(entry.record)
    statement = record.pop("text") or None
    outcome = asdict(entry.outcome) if entry.outcome else None
    times = {"time": entry.record.time.isoformat()}
    if outcome:
        outcome["time"] = outcome["time"].isoformat()
    return {
        "log": entry.log,
        "seq": entry.seq,
        **record,
        **times,
        "statement": statement,
        "fingerprint": entry.fingerprint,
        "outcome": outcome,
    }


def _export(args: argparse.Namespace, reader: AuditLogs) -> int:
    output: Path = args.output
    try:  # whole or not at all, and for nobody else's eyes
        descriptor, name = tempfile.mkstemp(prefix=f".{output.name}-", dir=output.parent)
        os.close(descriptor)
    except OSError as error:
        raise UserError(f"can not write {output}: {error.strerror}") from error
    temporary = Path(name)
    try:
        count = WRITERS[args.format](reader.links(args.since), temporary)
        temporary.replace(output)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UserError(f"can not write {output}: {error.strerror}") from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    print(f"{count} records")
    return 0


def _verify(args: argparse.Namespace, folder: Path) -> int:
    path: Path = args.key or key_file(folder)
    key = read_key(path)
    if key is None and args.key:
        raise UserError(f"there is no key file {path}")
    if args.file is None:
        numbers = log_numbers(folder) or (1,)
        found = {n: verify_log(log_folder(folder, n), key, n) for n in numbers}
        gone = [n for n in range(1, numbers[-1]) if n not in numbers]
        return _say(found, [f"{log_folder(folder, n)} is gone" for n in gone])
    try:
        with args.file.open(encoding="utf-8") as file:
            return _say(verify_export(file, str(args.file), key))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"can not read {args.file} as text") from error


def _say(logs: Mapping[int, Verification], gone: Sequence[str] = ()) -> int:
    for text in gone:
        print(f"missing: {text}")
    for number, log in logs.items():
        name = f"log {number}: " if len(logs) > 1 or number != 1 else ""
        seals = "seals checked" if log.sealed else "without a key: hashes checked, seals not"
        for problem in log.problems:
            print(f"{name}{problem}")
        if log.records:
            print(f"{name}{log.records} records, {log.first} to {log.last}; {seals}")
            print(f"{name}head: {log.last} {log.hash}")
        else:
            print(f"{name}no records")
    if not logs:
        print("no records")
    if not gone and all(log.intact for log in logs.values()):
        print("intact")
        return 0
    print("meshgate: the audit log is not what was written", file=sys.stderr)
    return 1
