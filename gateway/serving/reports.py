"""What the last executions of each principal did, for whoever ran them."""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import asdict
from threading import Lock
from typing import TYPE_CHECKING

from cachetools import LRUCache

from gateway.errors import NotFound

if TYPE_CHECKING:
    from gateway.query_report import QueryReport


class Reports:
    """The latest `per_principal` reports of each of the latest `principals`."""

    def __init__(self, per_principal: int = 100, principals: int = 1000) -> None:
        self._per_principal = per_principal
        self._reports: LRUCache[str, OrderedDict[str, QueryReport]] = LRUCache(principals)
        self._lock = Lock()

    def record(self, principal: str, report: QueryReport) -> None:
        with self._lock:
            reports = self._reports.setdefault(principal, OrderedDict())
            reports[report.query_id] = report
            reports.move_to_end(report.query_id)
            if len(reports) > self._per_principal:
                reports.popitem(last=False)

    def get(self, principal: str, query_id: str = "") -> QueryReport:
        """The report of one query, or of the latest; NotFound when it is not the principal's."""
        with self._lock:
            reports = self._reports.get(principal, OrderedDict())
            if not query_id and reports:
                return next(reversed(reports.values()))
            if query_id in reports:
                return reports[query_id]
        raise NotFound(
            "there is no report of such a query",
            hint="a report exists once the result was read or cancelled",
        )


def to_json(report: QueryReport) -> bytes:
    """The report as a JSON object: query_id, outcome, rows, bytes, seconds, fragments, reads."""
    return json.dumps(asdict(report), default=str).encode()
