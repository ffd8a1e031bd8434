"""Changes of views' health in the store: each once, whichever gateway of the mesh notices it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.memory.store import Store
from gateway.views.health import Health


@dataclass(frozen=True, slots=True)
class HealthEvent:
    """A view became `level`, from `before` ("" at first), at a time in seconds since 1970."""

    at: float
    dataset: str
    level: str
    before: str
    reason: str


@dataclass(frozen=True, slots=True)
class HealthJournal:
    """The events of a store."""

    store: Store

    def note(self, healths: Iterable[Health]) -> None:
        """Keep what differs from what is known, and forget views there are no more.

        Raises MemoryUnavailable.
        """
        now = {h.dataset: (str(h.level), h.reason(lambda *_: True)) for h in healths}
        known = self._known(self.store.rows("SELECT dataset, level, reason FROM view_health"))
        if known == now:
            return
        with self.store.writing() as transaction:
            rows = transaction.rows("SELECT dataset, level, reason FROM view_health")
            known, at = self._known(rows), time.time()
            for dataset in known.keys() - now.keys():
                transaction.execute("DELETE FROM view_health WHERE dataset = ?", (dataset,))
            for dataset, (level, reason) in now.items():
                before, said = known.get(dataset, ("", ""))
                if (before, said) == (level, reason):
                    continue
                transaction.execute(
                    "INSERT INTO view_health (dataset, level, reason, since) VALUES (?, ?, ?, ?)"
                    " ON CONFLICT (dataset) DO UPDATE SET level = excluded.level,"
                    " reason = excluded.reason, since = excluded.since",
                    (dataset, level, reason, at),
                )
                transaction.execute(
                    "INSERT INTO view_health_events (at, dataset, level, before, reason)"
                    " VALUES (?, ?, ?, ?, ?)",
                    (at, dataset, level, before, reason),
                )

    def events(self, dataset: str) -> list[HealthEvent]:
        """What has happened to a view, the oldest first. Raises MemoryUnavailable."""
        rows = self.store.rows(
            "SELECT at, dataset, level, before, reason FROM view_health_events"
            " WHERE dataset = ? ORDER BY seq",
            (dataset,),
        )
        return [HealthEvent(*row) for row in rows]

    @staticmethod
    def _known(rows: Iterable[tuple[str, str, str]]) -> dict[str, tuple[str, str]]:
        return {dataset: (level, reason) for dataset, level, reason in rows}
