"""Is the log what was written? Of the database itself, and of an export."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from gateway.audit.chain import Link, Problem, Seals, Verification, Walk
from gateway.audit.database import VERSION, last_link, links, open_reader
from gateway.audit.files import LOGS, Head, read_head
from gateway.audit.record import canonical
from gateway.errors import AuditBroken, UserError

# The table of datasets says what the bodies say: in both directions.
_UNLISTED = """
SELECT record.seq FROM record, json_each(record.body, '$.datasets') use
WHERE record.seq <= ? AND NOT EXISTS (
  SELECT 1 FROM record_dataset d
  WHERE d.address = json_extract(use.value, '$.address') AND d.seq = record.seq)
LIMIT 1
"""
_INVENTED = """
SELECT d.seq FROM record_dataset d
WHERE d.seq <= ? AND NOT EXISTS (
  SELECT 1 FROM record, json_each(record.body, '$.datasets') use
  WHERE record.seq = d.seq AND json_extract(use.value, '$.address') = d.address)
LIMIT 1
"""


_SHAPELESS = """
SELECT min(record.seq), named FROM (
  SELECT seq, json_extract(body, '$.shape') AS named FROM record WHERE seq <= ?
) AS record WHERE named <> '' AND named NOT IN (SELECT hash FROM shape) GROUP BY named LIMIT 100
"""
"""Records whose shape is gone."""


def verify_log(folder: Path, key: bytes | None, number: int = 1) -> Verification:
    """Walk along the whole log in `folder`, log `number` of its mesh, also while it is written.

    Without the key the seals are not checked: whoever can write the files could have made the
    hashes anew. AuditUnavailable if there is no log.
    """
    seals = Seals.of(key, number)
    problems: list[Problem] = []
    head = None
    try:
        head = read_head(folder, seals)  # before the records: they may only become more
    except AuditBroken as error:
        problems.append(Problem("head", 0, error.message))
    connection = open_reader(folder)
    walk = Walk(seals)
    try:
        last = last_link(connection)
        at_head = None
        for link in links(connection, 0, last.seq if last else 0):
            walk.follow(link)
            if head and link.seq == head.seq:
                at_head = link
        problems += _against_head(head, at_head, last.seq if last else 0, bool(problems))
        problems += _indexes(connection, last.seq if last else 0)
        problems += _shapes(connection, last.seq if last else 0)
    except sqlite3.DatabaseError as error:
        after = walk.end().last
        problems.append(
            Problem("broken", after + 1, f"the database is damaged after record {after}: {error}")
        )
    finally:
        connection.close()
    return walk.end().with_problems(*problems)


def _against_head(
    head: Head | None, found: Link | None, last: int, unreadable: bool
) -> Iterator[Problem]:
    if head is None:
        if last and not unreadable:
            yield Problem("head", 0, "the head file is gone: the end may have been cut off")
    elif head.seq > last:
        text = f"records {last + 1} to {head.seq} were cut off"
        yield Problem("truncated", last + 1, text)
    elif head.seq and (found is None or found.hash != head.hash):
        yield Problem("broken", head.seq, f"record {head.seq} is another one than the head knows")


def _indexes(connection: sqlite3.Connection, last: int) -> Iterator[Problem]:
    for (line,) in connection.execute("PRAGMA integrity_check(10)"):
        if line != "ok":
            yield Problem("index", 0, f"the database says: {line}")
    for query in (_UNLISTED, _INVENTED):
        for (seq,) in connection.execute(query, (last,)):
            text = f"the table of datasets does not say what record {seq} says"
            yield Problem("index", seq, text)


def _shapes(connection: sqlite3.Connection, last: int) -> Iterator[Problem]:
    """The chain vouches for the hashes in the records, and those for the texts."""
    if connection.execute("PRAGMA user_version").fetchone()[0] < VERSION:
        return
    for digest, text in connection.execute("SELECT hash, body FROM shape"):
        if hashlib.sha256(str(text).encode("utf-8", "replace")).hexdigest() != digest:
            yield Problem("shape", 0, f"shape {digest} is not what was written")
    for seq, digest in connection.execute(_SHAPELESS, (last,)):
        yield Problem("shape", seq, f"shape {digest}, which record {seq} names, is gone")


def verify_export(file: IO[str], name: str, key: bytes | None) -> dict[int, Verification]:
    """Walk along an export in JSON lines: what was found, by the number of the log.

    Each log may begin anywhere; what follows has no gap. UserError for what is not such an export.
    """
    walks: dict[int, Walk] = {}
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            content = json.loads(line)
            link = Link(
                content["seq"], canonical(content["body"]), content["hash"], content["seal"]
            )
            previous, log = content["previous"], content.get("log", 1)
            if not (isinstance(link.seq, int) and isinstance(previous, str) and log in LOGS):
                raise TypeError
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise UserError(
                f"{name}: line {number} is not a line of an audit export",
                hint="meshgate audit export --format jsonl writes such files",
            ) from error
        if link.seq == 1 and previous != "00" * 32:
            previous = "changed"
        if log not in walks:
            walks[log] = Walk(Seals.of(key, log), previous=None)
        walks[log].follow(link, previous)
    return {log: walk.end() for log, walk in sorted(walks.items())}
