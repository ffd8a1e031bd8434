"""The log for others: JSON lines, Parquet or CSV, with the hashes of the chain.

One row a record, outcomes included, in order and without a gap in each of the logs of a mesh.
`body` is what was hashed.
"""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gateway.audit.chain import Link
from gateway.errors import AuditBroken

ROWS = 10_000

_TEXTS = pa.list_(pa.string())

SCHEMA = pa.schema(
    [
        pa.field("log", pa.int64(), nullable=False),
        pa.field("seq", pa.int64(), nullable=False),
        pa.field("time", pa.timestamp("us", "UTC"), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("id", pa.string(), nullable=False),
        pa.field("principal", pa.string()),
        pa.field("roles", _TEXTS),
        pa.field("region", pa.string()),
        pa.field("purpose", pa.string()),
        pa.field("door", pa.string()),
        pa.field("action", pa.string()),
        pa.field("statement", pa.string()),
        pa.field("statement_fingerprint", pa.string()),
        pa.field(
            "datasets",
            pa.list_(
                pa.struct(
                    [
                        pa.field("address", pa.string()),
                        pa.field("columns", _TEXTS),
                        pa.field("row_filters", _TEXTS),
                        pa.field(
                            "masks",
                            pa.list_(pa.struct([("column", pa.string()), ("mask", pa.string())])),
                        ),
                        pa.field("residency", _TEXTS),
                        pa.field("rules", _TEXTS),
                        pa.field("version", pa.string()),
                    ]
                )
            ),
        ),
        pa.field("shape", pa.string()),
        pa.field("policy_version", pa.string()),
        pa.field("verdict", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("code", pa.string()),
        pa.field("decision", pa.int64()),
        pa.field("outcome", pa.string()),
        pa.field("rows", pa.int64()),
        pa.field("bytes", pa.int64()),
        pa.field("microseconds", pa.int64()),
        pa.field("body", pa.string(), nullable=False),
        pa.field("previous", pa.string(), nullable=False),
        pa.field("hash", pa.string(), nullable=False),
        pa.field("seal", pa.string(), nullable=False),
    ]
)
"""The columns of a Parquet file; a CSV file has the same, lists as JSON."""

Links = Iterable[tuple[Link, str]]


def write_jsonl(links: Links, path: Path) -> int:
    """``{"log", "seq", "previous", "hash", "seal", "body"}`` a line; how many."""
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for link, previous in links:
            file.write(
                f'{{"log":{link.log},"seq":{link.seq},"previous":"{previous}","hash":{json.dumps(link.hash)},'
                f'"seal":{json.dumps(link.seal)},"body":{link.body}}}\n'
            )
            count += 1
    return count


def write_parquet(links: Links, path: Path) -> int:
    """Columns as in SCHEMA; how many rows."""
    count = 0
    rows = (_row(link, previous) for link, previous in links)
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        while page := list(itertools.islice(rows, ROWS)):
            writer.write_table(pa.Table.from_pylist(page, SCHEMA))
            count += len(page)
    return count


def write_csv(links: Links, path: Path) -> int:
    """Columns as in SCHEMA, lists as JSON; how many rows.

    Text that a spreadsheet would take for a formula gets a ' before it; `body` is as it was.
    """
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(SCHEMA.names)
        for link, previous in links:
            row = _row(link, previous)
            writer.writerow([_cell(row.get(name)) for name in SCHEMA.names])
            count += 1
    return count


WRITERS: Mapping[str, Callable[[Links, Path], int]] = {
    "jsonl": write_jsonl,
    "parquet": write_parquet,
    "csv": write_csv,
}


def _row(link: Link, previous: str) -> dict[str, Any]:
    try:
        return _columns(link, previous)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise AuditBroken(
            f"record {link.seq} of the audit log is not what was written",
            hint="meshgate audit verify says more; as jsonl it can be exported all the same",
        ) from error


def _columns(link: Link, previous: str) -> dict[str, Any]:
    content = json.loads(link.body)
    row = {name: content.get(name) for name in SCHEMA.names}
    row |= {"log": link.log, "seq": link.seq, "time": datetime.fromisoformat(content["time"])}
    row |= {"body": link.body, "previous": previous, "hash": link.hash, "seal": link.seal}
    if content.get("datasets") is not None:
        row["datasets"] = list(_datasets(content["datasets"]))
    return row


def _datasets(uses: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for use in uses:
        masks = [{"column": column, "mask": mask} for column, mask in use["masks"]]
        yield use | {"masks": masks}


def _cell(value: object) -> object:
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds")
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return value
