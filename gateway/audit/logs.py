"""All logs of a mesh as one: each gateway that runs on it at the same time writes its own."""

from __future__ import annotations

import heapq
import itertools
import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from gateway.audit.chain import Link
from gateway.audit.files import log_folder, log_numbers
from gateway.audit.reader import AuditReader, Entry, Filter


class AuditLogs:
    """The logs that begin with the one in `folder`, merged by the time of their records."""

    def __init__(self, folder: Path) -> None:
        """AuditUnavailable if there is no log."""
        with ExitStack() as stack:
            self._readers = [
                stack.enter_context(AuditReader(log_folder(folder, number), number))
                for number in log_numbers(folder) or (1,)
            ]
            self._open = stack.pop_all()

    def close(self) -> None:
        self._open.close()

    def __enter__(self) -> AuditLogs:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def queries(self, since: datetime | None = None) -> Iterator[Entry]:
        """Every decision since then, oldest first."""
        return self.entries(Filter(since=since))

    def entries(
        self, which: Filter, limit: int | None = None, *, newest_first: bool = False
    ) -> Iterator[Entry]:
        """At most `limit` decisions, in the order they were made or the other way round."""
        each = (reader.entries(which, limit, newest_first=newest_first) for reader in self._readers)
        merged = heapq.merge(*each, key=lambda entry: entry.record.time, reverse=newest_first)
        return itertools.islice(merged, limit)

    def links(self, since: datetime | None = None) -> Iterator[tuple[Link, str]]:
        """Every record since then, outcomes too, each with the hash of the one before it."""
        if len(self._readers) == 1:
            return self._readers[0].links(since)
        return heapq.merge(*(reader.links(since) for reader in self._readers), key=_time)


def _time(entry: tuple[Link, str]) -> str:
    try:
        return str(json.loads(entry[0].body)["time"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""  # whatever it is now, it is exported as it is
