"""The record stage: what a request was allowed or denied, as the audit log keeps it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gateway.audit.log import AuditLog
from gateway.audit.record import ALLOWED, DENIED, DatasetUse, Outcome, Record
from gateway.audit.writer import Receipt
from gateway.authorisation import Grant
from gateway.errors import (
    AmbiguousDataset,
    AuditUnavailable,
    DeniedError,
    GatewayError,
    UnknownColumn,
    UnknownDataset,
)
from gateway.languages.dialects.dialect import dialect_named
from gateway.model import Request
from gateway.plan.plan import Plan
from gateway.plan.source import TableName
from policies.decide import Decision

_log = logging.getLogger(__name__)

REFUSALS = (DeniedError, UnknownDataset, AmbiguousDataset, UnknownColumn)
"""Errors that may mean that the policies said no: what is denied does not exist for the caller."""


@dataclass(slots=True)
class Clearance:
    """A recorded decision: good for one execution, once it is durable."""

    policy_version: str
    receipt: Receipt | None = None
    wait_seconds: float | None = None
    """How long an execution waits for the record at most; None where it need not."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _claimed: bool = False

    def claim(self) -> bool:
        """Whether this is the first execution: the next one needs a decision of its own."""
        with self._lock:
            first = not self._claimed
            self._claimed = True
            return first

    def wait(self) -> None:
        """Return once the decision is durable, if it has to be. Raises AuditUnavailable."""
        if self.receipt is not None and self.wait_seconds is not None:
            self.receipt.wait(self.wait_seconds)


class Recorder:
    """Hands decisions and outcomes to the audit log, if the gateway keeps one."""

    def __init__(self, log: AuditLog | None, wait_seconds: float) -> None:
        self._log = log
        self._wait_seconds = wait_seconds

    def allowed(
        self, request: Request, version: str, grants: Mapping[TableName, Grant], plan: Plan
    ) -> Clearance:
        """The clearance to execute what was planned; its decision is on its way to the disk."""
        if self._log is None:
            return Clearance(version)
        uses = [
            _use(grant, plan.columns.get(name, grant.dataset.schema.names))
            for name, grant in grants.items()
        ]
        # A query over no dataset gives nothing away: its record may share another's commit.
        receipt = self._log.record(_record(request, version, ALLOWED, uses), urgent=bool(uses))
        return Clearance(version, receipt, self._wait_seconds if uses else None)

    def denied(
        self, request: Request, version: str, decided: Mapping[str, Decision], error: GatewayError
    ) -> None:
        """Note a refusal, with the decisions made for it by the address or name asked for.

        Some may have been to allow: the refusal is of a column then, or of the plan.
        Returns once it is durable; raises AuditUnavailable.
        """
        if self._log is None or not isinstance(error, REFUSALS):
            return
        uses = [
            DatasetUse(address, rules=tuple(row.origin for row in decision.rules))
            for address, decision in decided.items()
        ]
        reasons = "; ".join(dict.fromkeys(d.reason for d in decided.values() if not d.allowed))
        reason = reasons or str(error)
        record = _record(request, version, DENIED, uses, reason=reason, code=error.code)
        self._log.record(record).wait(self._wait_seconds)

    def ended(self, clearance: Clearance, outcome: Outcome) -> None:
        """Note how an execution ended; that of a decision that was never recorded is none."""
        receipt = clearance.receipt
        if self._log is None or receipt is None or receipt.seq is None:
            return
        try:
            self._log.outcome(receipt, outcome)
        except AuditUnavailable as error:
            _log.error("the outcome of query %s is not recorded: %s", receipt.id, error)


def _record(
    request: Request,
    version: str,
    verdict: str,
    uses: Iterable[DatasetUse],
    *,
    reason: str = "",
    code: str = "",
) -> Record:
    principal = request.principal
    return Record(
        id=request.id,
        principal=principal.name,
        verdict=verdict,
        roles=principal.roles,
        region=principal.region,
        purpose=request.purpose,
        door=_door(request),
        text=request.text,
        datasets=tuple(uses),
        policy_version=version,
        reason=reason,
        code=code,
    )


def _door(request: Request) -> str:
    dialect = dialect_named(request.dialect)
    return request.language if dialect is None else f"{request.language}:{dialect.sqlglot}"


def _use(grant: Grant, columns: Iterable[str]) -> DatasetUse:
    decision, dataset = grant.decision, grant.dataset
    return DatasetUse(
        str(dataset.address),
        tuple(columns),
        (*decision.permissive, *decision.restrictive),
        decision.masks,
        dataset.residency.regions if dataset.residency else (),
        tuple(row.origin for row in decision.rules),
    )
