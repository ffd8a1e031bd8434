"""What sources know of their tables, kept for a while: a plan is never kept waiting for it.

A table's statistics are fetched in the background. Only the first look at a table waits a moment
for them; a source that takes longer is planned for without, until they have come.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Hashable
from dataclasses import dataclass

from connectors.interface import Connector, SourceError
from connectors.statistics import UNKNOWN, ProvidesStatistics, TableStatistics

_log = logging.getLogger(__name__)

FETCHES = 4
"""So many sources are asked at once."""


@dataclass(frozen=True, slots=True)
class Known:
    """Statistics of a table as planning gets them. `version` changes whenever they do."""

    statistics: TableStatistics = UNKNOWN
    version: int = 0


@dataclass(slots=True)
class _Entry:
    known: Known
    fetched_at: float
    arrived: threading.Event
    pending: bool = True


class StatisticsCache:
    """Statistics by table, no older than `age_seconds` when they are fetched again.

    `wait_seconds` is how long the first look at a table waits. Safe from any thread.
    """

    def __init__(self, age_seconds: float, wait_seconds: float) -> None:
        self._age_seconds = age_seconds
        self._wait_seconds = wait_seconds
        self._entries: dict[Hashable, _Entry] = {}
        self._lock = threading.Lock()
        self._slots = threading.Semaphore(FETCHES)
        self._closed = False

    def of(self, key: Hashable, connector: Connector, object_name: str) -> Known:
        """What is known of an object; `key` tells it from every other."""
        if not isinstance(connector, ProvidesStatistics):
            return Known()
        first = False
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                first = True
                entry = self._entries[key] = _Entry(Known(), 0.0, threading.Event())
                self._start(entry, connector, object_name)
            elif not entry.pending and time.monotonic() - entry.fetched_at > self._age_seconds:
                entry.pending = True
                self._start(entry, connector, object_name)
        if first:
            entry.arrived.wait(self._wait_seconds)
        return entry.known

    def close(self) -> None:
        """Fetch nothing more."""
        with self._lock:
            self._closed = True

    def _start(self, entry: _Entry, connector: ProvidesStatistics, object_name: str) -> None:
        if self._closed:
            return
        threading.Thread(
            target=self._fetch,
            args=(entry, connector, object_name),
            name="meshgate-statistics",
            daemon=True,
        ).start()

    def _fetch(self, entry: _Entry, connector: ProvidesStatistics, object_name: str) -> None:
        found = entry.known.statistics
        try:
            with self._slots:
                if not self._closed:
                    found = connector.statistics(object_name)
        except SourceError as error:
            _log.info("no statistics of %s: %s", object_name, error)
        except Exception:  # they are wanted, not needed
            _log.exception("no statistics of %s", object_name)
        finally:
            before = entry.known
            if found != before.statistics:
                entry.known = Known(found, before.version + 1)
            entry.fetched_at = time.monotonic()
            entry.pending = False
            entry.arrived.set()
