"""The record stage: what a request was allowed or denied, as the audit log keeps it."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from connectors.interface import TellsVersion
from gateway.audit.log import AuditLog
from gateway.audit.record import ABANDONED, ALLOWED, DENIED, DatasetUse, Outcome, Record
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
from gateway.lineage.model import Lineage
from gateway.lineage.written import to_json
from gateway.model import Request
from gateway.plan.plan import Plan
from gateway.plan.source import Table, TableName
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
    gone: deque[Receipt] | None = None
    """Where its receipt goes when nobody can execute it any more and its outcome was not noted."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _claimed: bool = False

    def __del__(self) -> None:  # anywhere, also while the log's locks are held: nothing is locked
        if self.gone is not None and self.receipt is not None:
            self.gone.append(self.receipt)

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


MAX_SHAPES = 4096
"""The hashes of so many lineages are remembered."""


class Recorder:
    """Hands decisions and outcomes to the audit log, if the gateway keeps one."""

    def __init__(self, log: AuditLog | None, wait_seconds: float) -> None:
        self._log = log
        self._wait_seconds = wait_seconds
        self._gone: deque[Receipt] = deque()
        self._shapes: dict[int, tuple[Lineage, str]] = {}

    def allowed(
        self, request: Request, version: str, grants: Mapping[TableName, Grant], plan: Plan
    ) -> Clearance:
        """The clearance to execute what was planned; its decision is on its way to the disk."""
        if self._log is None:
            return Clearance(version)
        uses = [
            _use(
                grant,
                plan.columns.get(name, grant.dataset.schema.names),
                _version(plan.tables[name]) if name in plan.tables else "",
            )
            for name, grant in grants.items()
        ]
        shape = self._shape(self._log, plan.lineage) if plan.lineage is not None else ""
        # A query over no dataset gives nothing away: its record may share another's commit.
        record = _record(request, version, ALLOWED, uses, shape=shape)
        receipt = self._log.record(record, urgent=bool(uses))
        return Clearance(version, receipt, self._wait_seconds if uses else None, self._gone)

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
        clearance.gone = None
        if clearance.receipt is not None:
            self._end(clearance.receipt, outcome)

    def end_abandoned(self) -> None:
        """Note that decisions were left: what they allowed is over, or was never begun."""
        while self._gone:
            self._end(self._gone.popleft(), Outcome(ABANDONED))

    def _end(self, receipt: Receipt, outcome: Outcome) -> None:
        if self._log is None or receipt.failed:
            return
        try:
            self._log.outcome(receipt, outcome)
        except AuditUnavailable as error:
            _log.error("the outcome of query %s is not recorded: %s", receipt.id, error)

    def _shape(self, log: AuditLog, lineage: Lineage) -> str:
        """The hash of a lineage's written form: of one and the same it is found out once."""
        found = self._shapes.get(id(lineage))
        if found is not None and found[0] is lineage:
            return found[1]
        digest = log.shape(to_json(lineage))
        if len(self._shapes) >= MAX_SHAPES:
            self._shapes.clear()
        self._shapes[id(lineage)] = (lineage, digest)
        return digest


def _record(
    request: Request,
    version: str,
    verdict: str,
    uses: Iterable[DatasetUse],
    *,
    reason: str = "",
    code: str = "",
    shape: str = "",
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
        shape=shape,
    )


def _door(request: Request) -> str:
    dialect = dialect_named(request.dialect)
    return request.language if dialect is None else f"{request.language}:{dialect.sqlglot}"


def _version(table: Table) -> str:
    """What the source calls the state of the table, where it can say so at once."""
    connector = table.connector
    if isinstance(connector, TellsVersion):
        return connector.version(table.dataset.binding.object)
    return ""


def _use(grant: Grant, columns: Iterable[str], version: str) -> DatasetUse:
    decision, dataset = grant.decision, grant.dataset
    return DatasetUse(
        str(dataset.address),
        tuple(columns),
        (*decision.permissive, *decision.restrictive),
        decision.masks,
        dataset.residency.regions if dataset.residency else (),
        tuple(row.origin for row in decision.rules),
        version,
    )
