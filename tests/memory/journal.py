"""Audit logs to be taken over, with lineage, and what a test asks of them."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from gateway.audit import AuditLog, Outcome, Receipt
from gateway.lineage.model import Input, Lineage, Output, Subtype
from gateway.lineage.written import to_json
from gateway.memory.projection import Projection
from gateway.memory.store import Store
from tests.audit.logs import KEY, decision

LINES = "mesh://sales/orders/lines@1.0.0"
LINEAGE = Lineage(
    (
        Output("id", (Input(LINES, "id", Subtype.IDENTITY),)),
        Output("who", (Input(LINES, "email", Subtype.TRANSFORMATION, masking=True),)),
    ),
    (Input(LINES, "region", Subtype.FILTER, policy=True),),
    (LINES,),
)
COMPLETED = Outcome("completed", 3, 24, 0.5)


def ask(log: AuditLog, number: int, outcome: Outcome | None = COMPLETED, **more: Any) -> Receipt:
    """A decision with a lineage, and its outcome."""
    receipt = log.record(decision(number, **{"shape": log.shape(to_json(LINEAGE)), **more}))
    if outcome is not None:
        log.outcome(receipt, outcome)
    return receipt


def journal(folder: Path) -> AuditLog:
    """A log, opened."""
    return AuditLog.open(folder, KEY)


def take(store: Store, folder: Path, projection: Projection | None = None) -> int:
    """Take a log over; how many records."""
    return (projection or Projection(store)).take(folder, threading.Event())


def everything(store: Store) -> dict[str, list[Any]]:
    """All that was taken over, by table."""
    tables = (
        *("journal", "run", "run_dataset", "reading", "reading_column"),
        *("lineage_shape", "lineage_edge", "lineage_use", "lineage_event"),
        *("usage_run", "usage_dataset"),
    )
    return {table: sorted(store.rows(f"SELECT * FROM {table}")) for table in tables}
