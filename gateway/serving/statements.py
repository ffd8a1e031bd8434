"""Statements kept between the calls of one client: behind tickets, and prepared ones.

A statement keeps the plan made for it until it is used once. What comes later is planned anew,
and `Gateway.execute` authorises again in any case: a handle is a name, never a right.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from threading import Lock
from typing import TYPE_CHECKING

import pyarrow as pa

from gateway.model import Principal, Request
from gateway.serving.failures import log_failure
from gateway.serving.notices import noticed
from gateway.serving.plain_types import Types, plain_schema

if TYPE_CHECKING:
    from gateway.pipeline import Gateway
    from gateway.prepared import Prepared

PLAN_FRESH_SECONDS = 60.0

Row = tuple[pa.Scalar, ...]
"""A value for each parameter of a statement."""


class Statement:
    """One text of one principal, for the purpose declared when it was made.

    `schema` is what the client is told: the plan's, in the `types` that it can take, with the
    `notices` of what is read in its metadata. `query_id` is the plan's, `policy_version` that of
    the rights it was planned with. It takes `parameters`, and is run for each row of `values`, a
    column for each of them.
    """

    def __init__(
        self,
        gateway: Gateway,
        request: Request,
        prepared: Prepared | None = None,
        values: pa.Table | None = None,
        types: Types = Types.PLAIN,
    ) -> None:
        plan = prepared or planned(gateway, request)
        self.types = types
        self.notices = plan.notices
        self.schema = noticed(plain_schema(plan.schema, types), plan.notices)
        self.parameters = plan.parameters
        self._values = values
        self.policy_version = plan.policy_version
        self._gateway = gateway
        self._request = request
        self._lock = Lock()
        self._waiting: Prepared | None = plan
        self._planned_at = time.monotonic()

    @property
    def request(self) -> Request:
        """What it was made for."""
        return self._request

    @property
    def query_id(self) -> str:
        return self._request.id

    @property
    def purpose(self) -> str:
        return self._request.purpose

    def take(self, principal: Principal) -> Prepared:
        """A plan nobody has executed, for its principal as it is now.

        Raises GatewayError as planning does.
        """
        return self._take(principal)[1]

    def more(self, principal: Principal) -> Iterator[Prepared]:
        """The plans for the further rows of values, each made when it is asked for."""
        if self._values is not None:
            for row in range(1, len(self._values)):
                yield planned(self._gateway, self._anew(principal, _row(self._values, row)))

    def once(self, principal: Principal, values: pa.Table | None = None) -> Statement:
        """The same text as a statement of its own, with a query id of its own, and with values."""
        if values is None:
            return Statement(self._gateway, *self._take(principal), types=self.types)
        request = self._anew(principal, _row(values, 0))
        return Statement(self._gateway, request, values=values, types=self.types)

    def _take(self, principal: Principal) -> tuple[Request, Prepared]:
        with self._lock:
            waiting, self._waiting = self._waiting, None
        if (
            waiting is not None
            and principal == self._request.principal  # else its roles or region have changed
            and time.monotonic() - self._planned_at < PLAN_FRESH_SECONDS
        ):
            return self._request, waiting
        request = self._anew(principal, self._request.parameters)
        return request, planned(self._gateway, request)

    def _anew(self, principal: Principal, row: Row) -> Request:
        return self._request.again(principal=principal, parameters=row)


def _row(values: pa.Table, row: int) -> Row:
    return tuple(column[row] for column in values.columns)


def planned(gateway: Gateway, request: Request) -> Prepared:
    """The gateway's plan; a failure is noted in the log."""
    try:
        return gateway.prepare(request)
    except BaseException as error:
        log_failure(request.principal.name, request.id, error)
        raise
