"""Logs made in a test, and their rows as whoever can write the file sees them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from gateway.audit import AuditLog, DatasetUse, Outcome, Record
from gateway.audit.files import DATABASE

KEY = bytes(range(32))
LINES = DatasetUse(
    "mesh://sales/orders/lines@1.0.0",
    ("id", "email"),
    ("eu_only",),
    (("email", "hash"),),
    ("EU",),
    ("policies/p.csv:12",),
)


def decision(number: int, **more: Any) -> Record:
    fields: dict[str, Any] = {
        "id": f"q{number}",
        "principal": "user:ana",
        "verdict": "allowed",
        "roles": ("sales/analyst",),
        "text": "SELECT 1",
        "datasets": (LINES,),
    }
    return Record(**(fields | more))


def fill(folder: Path, count: int, key: bytes | None = KEY) -> None:
    """`count` decisions, each with its outcome: records 1 to 2 * count."""
    with AuditLog.open(folder, key) as log:
        for number in range(count):
            receipt = log.record(decision(number))
            log.outcome(receipt, Outcome("completed", 3, 24, 0.5))
            receipt.wait()


@contextmanager
def database(folder: Path) -> Iterator[sqlite3.Connection]:
    """The database, for changing it behind the log's back."""
    with closing(sqlite3.connect(folder / DATABASE)) as connection, connection:
        yield connection
