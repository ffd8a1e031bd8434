"""Reading the log, also while a gateway writes it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway.audit.chain import Link
from gateway.audit.database import last_link, links, open_reader
from gateway.audit.record import DECISION, Outcome, Record, outcome_of, record_of, written_time
from gateway.errors import AuditBroken

PAGE = 500


@dataclass(frozen=True, slots=True)
class Filter:
    """Which decisions: all that fit every part that is given.

    `dataset` is an address; without a version it stands for every version.
    """

    since: datetime | None = None
    principal: str = ""
    dataset: str = ""
    verdict: str = ""

    def sql(self) -> tuple[str, list[Any]]:
        """A condition over the table `record`, and its parameters."""
        conditions, values = [f"kind = '{DECISION}'"], list[Any]()
        if self.since:
            conditions.append("time >= ?")
            values.append(written_time(self.since))
        if self.principal:
            conditions.append("principal = ?")
            values.append(self.principal)
        if self.verdict:
            conditions.append("verdict = ?")
            values.append(self.verdict)
        if self.dataset:
            conditions.append(
                "seq IN (SELECT seq FROM record_dataset"
                " WHERE address = ? OR (address > ? AND address < ?))"
            )
            values += [self.dataset, f"{self.dataset}@", f"{self.dataset}A"]  # A follows @
        return " AND ".join(conditions), values


@dataclass(frozen=True, slots=True)
class Entry:
    """One decision as record `seq` of log `log`.

    `outcome` is None while it runs, or if it never did.
    """

    seq: int
    record: Record
    fingerprint: str
    outcome: Outcome | None
    log: int = 1


class AuditReader:
    """The log of a folder. Keeps no lock and no transaction between two pages."""

    def __init__(self, folder: Path, number: int = 1) -> None:
        """AuditUnavailable if there is no log."""
        self._folder = folder
        self._number = number
        self._connection = open_reader(folder)

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> AuditReader:
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
        condition, values = which.sql()
        compare, order = ("<", "DESC") if newest_first else (">", "ASC")
        after = 2**63 - 1 if newest_first else 0
        left = limit
        while left is None or left > 0:
            page = PAGE if left is None else min(PAGE, left)
            rows = self._fetch(
                "SELECT seq, body, (SELECT o.body FROM record o WHERE o.decision = record.seq"
                f" ORDER BY o.seq LIMIT 1) FROM record WHERE {condition} AND seq {compare} ?"
                f" ORDER BY seq {order} LIMIT ?",
                [*values, after, page],
            )
            for seq, body, outcome in rows:
                yield _entry(seq, body, outcome, self._number)
            if len(rows) < page:
                return
            after = rows[-1][0]
            left = None if left is None else left - len(rows)

    def links(self, since: datetime | None = None) -> Iterator[tuple[Link, str]]:
        """Every record since then, outcomes too, each with the hash of the one before it."""
        try:
            last = last_link(self._connection)
            start = self._first(since)
            if last is None or start is None:
                return
            previous = next(
                (link.hash for link in links(self._connection, start - 2, start - 1)), "00" * 32
            )
            for link in links(self._connection, start - 1, last.seq):
                yield replace(link, log=self._number), previous
                previous = link.hash
        except sqlite3.DatabaseError as error:
            raise self._broken(error) from error

    def _first(self, since: datetime | None) -> int | None:
        """The number of the first record not older than that."""
        condition = "WHERE time >= ?" if since else ""
        values = [written_time(since)] if since else []
        found = self._fetch(f"SELECT min(seq) FROM record {condition}", values)[0][0]
        return int(found) if found is not None else None

    def _fetch(self, text: str, values: list[Any]) -> list[Any]:
        try:
            return self._connection.execute(text, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise self._broken(error) from error

    def _broken(self, error: sqlite3.Error) -> AuditBroken:
        return AuditBroken(
            f"the audit log in {self._folder} can not be read: {error}",
            hint="meshgate audit verify says more",
        )


def _entry(seq: int, body: str, outcome: str | None, log: int) -> Entry:
    try:
        content = json.loads(body)
        ended = outcome_of(json.loads(outcome)) if outcome else None
        return Entry(seq, record_of(content), content["statement_fingerprint"], ended, log)
    except (ValueError, TypeError, KeyError) as error:
        raise AuditBroken(
            f"record {seq} of the audit log is not what was written",
            hint="meshgate audit verify says more",
        ) from error
