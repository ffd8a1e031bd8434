"""Statements kept between the calls of one client: behind tickets, and prepared ones.

A statement keeps the plan made for it until it is used once. What comes later is planned anew,
and `Gateway.execute` authorises again in any case: a handle is a name, never a right.
"""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING

from gateway.flight.failures import log_failure
from gateway.flight.streams import plain_schema
from gateway.model import Request

if TYPE_CHECKING:
    from gateway.pipeline import Gateway, Prepared

PLAN_FRESH_SECONDS = 60.0


class Statement:
    """One text of one principal.

    `schema` is what the client is told: the plan's, in plain types. `query_id` is the plan's.
    """

    def __init__(
        self, gateway: Gateway, request: Request, prepared: Prepared | None = None
    ) -> None:
        plan = prepared or _planned(gateway, request)
        self.schema = plain_schema(plan.schema)
        self._gateway = gateway
        self._request = request
        self._lock = Lock()
        self._waiting: Prepared | None = plan
        self._planned_at = time.monotonic()

    @property
    def query_id(self) -> str:
        return self._request.id

    def take(self) -> Prepared:
        """A plan nobody has executed. Raises GatewayError as planning does."""
        return self._take()[1]

    def once(self) -> Statement:
        """The same text as a statement of its own, with a query id of its own."""
        return Statement(self._gateway, *self._take())

    def _take(self) -> tuple[Request, Prepared]:
        with self._lock:
            waiting, self._waiting = self._waiting, None
        if waiting is not None and time.monotonic() - self._planned_at < PLAN_FRESH_SECONDS:
            return self._request, waiting
        request = Request(self._request.principal, self._request.text, self._request.language)
        return request, _planned(self._gateway, request)


def _planned(gateway: Gateway, request: Request) -> Prepared:
    try:
        return gateway.prepare(request)
    except BaseException as error:
        log_failure(request.principal.name, request.id, error)
        raise
