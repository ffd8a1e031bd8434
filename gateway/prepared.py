"""What the stages of a request come to: one that may be executed, and an answer on its way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from gateway.languages.sql import Statement
from gateway.model import Request
from gateway.notices import Notice
from gateway.plan.explain import SCHEMA as EXPLAIN_SCHEMA
from gateway.plan.plan import Plan
from gateway.plan.source import Rights
from gateway.query_report import QueryReport
from gateway.records import Clearance


@dataclass(frozen=True, slots=True)
class Ground:
    """What a request was prepared on, by versions: as long as they stand, it may be executed."""

    policies: str
    catalogue: str
    standing: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request that has been planned; it may be executed any number of times.

    `unpushed` is the same query over bare scans, where the answer is to be verified. `rights` are
    what its principal may see of all that it reads, `notices` what its reader should know of that.
    `checks` is the domain whose quality rules it checks; "" is a request of somebody's.
    """

    request: Request
    plan: Plan = field(repr=False)
    clearance: Clearance = field(repr=False)
    statement: Statement = field(repr=False)
    ground: Ground
    rights: Rights = field(repr=False)
    notices: tuple[Notice, ...] = ()
    unpushed: Plan | None = field(default=None, repr=False)
    checks: str = ""

    @property
    def explain(self) -> bool:
        """Whether the plan itself is the answer."""
        return self.statement.explain

    @property
    def parameters(self) -> pa.Schema:
        """What the request takes: a field for each placeholder of its text, "1", "2", ..."""
        return self.plan.parameters

    @property
    def policy_version(self) -> str:
        """The version of the policies that were asked."""
        return self.ground.policies

    @property
    def schema(self) -> pa.Schema:
        """What the answer looks like."""
        return EXPLAIN_SCHEMA if self.explain else self.plan.schema


@dataclass(frozen=True, slots=True)
class Result:
    """An answer on its way. Closing `batches` stops all work for it."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    report: QueryReport
