"""What is told of a run: the events in the store, put together from what the store knows of it."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Sequence

from gateway.lineage.events import Read, RunEnd, RunFacts, event, token, written
from gateway.lineage.model import Lineage
from gateway.lineage.written import from_json
from gateway.memory.store import Reading

KEPT_LINEAGES = 1000

_EVENTS = """
SELECT e.seq, e.kind, r.log, r.seq, r.id, r.time, r.principal, r.team, r.purpose, r.door,
 r.policy_version, r.verdict, r.statement, r.fingerprint, r.shape, r.ended, r.outcome, r.rows,
 r.bytes
FROM lineage_event e JOIN run r ON r.log = e.log AND r.seq = e.decision
WHERE e.seq > ? ORDER BY e.seq LIMIT ?
"""
_READS = """
SELECT d.log, d.seq, reading.body, d.version
FROM lineage_event e JOIN run_dataset d ON d.log = e.log AND d.seq = e.decision
JOIN reading ON reading.id = d.reading
WHERE e.seq > ? AND e.seq <= ? ORDER BY d.log, d.seq, e.seq, d.number
"""


class Telling:
    """Puts events together. `engine` is the version of the gateway they name."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._lineages: OrderedDict[str, Lineage | None] = OrderedDict()

    def events(self, store: Reading, after: int, count: int) -> list[tuple[int, str, str]]:
        """The next `count` events after number `after`: number, token and text of each."""
        found = store.rows(_EVENTS, (after, count))
        if not found:
            return []
        reads: dict[tuple[int, int], dict[Read, None]] = {}
        for log, seq, body, version in store.rows(_READS, (after, found[-1][0])):
            reads.setdefault((log, seq), {})[_read(body, version)] = None
        told = []
        for number, kind, log, seq, *facts, shape, ended, outcome, rows, size in found:
            read = tuple(reads.get((log, seq), ()))
            run = RunFacts(*facts, read, self._lineage(store, shape))  # type: ignore[call-arg]
            end = None if kind == "START" else RunEnd(ended, outcome, rows, size)
            text = written(event(kind, run, end, self._engine))
            told.append((int(number), token(run.id, kind), text))
        return told

    def _lineage(self, store: Reading, shape: str) -> Lineage | None:
        if not shape:
            return None
        if shape not in self._lineages:
            found = store.rows("SELECT body FROM lineage_shape WHERE hash = ?", (shape,))
            self._lineages[shape] = _lineage(found)
            if len(self._lineages) > KEPT_LINEAGES:
                self._lineages.popitem(last=False)
        return self._lineages[shape]


def _lineage(found: Sequence[Sequence[str]]) -> Lineage | None:
    try:
        return from_json(found[0][0]) if found else None
    except ValueError:  # said when it was taken over
        return None


def _read(body: str, version: str) -> Read:
    use = json.loads(body)
    return Read(
        use["address"],
        tuple(use["columns"]),
        tuple(use["row_filters"]),
        tuple((column, mask) for column, mask in use["masks"]),
        tuple(use["rules"]),
        version,
    )
