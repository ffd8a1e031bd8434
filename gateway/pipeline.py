"""The path of a request, top to bottom: this file is the table of contents of the gateway.

    request → parse → resolve → authorise → open → plan → execute → batches

Stages do not import each other; only this file knows their order. `prepare` goes as far as the
plan, `execute` runs it, after asking the policies again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
from cachetools import TTLCache

from connectors.interface import SourceError, SourceErrorCode
from gateway.authorisation import DISCOVER, READ, Access
from gateway.catalogue.catalogue import Catalogue
from gateway.config import Config
from gateway.engines.execution import run
from gateway.errors import (
    AmbiguousDataset,
    Cancelled,
    CatalogueError,
    GatewayError,
    LimitExceeded,
    UnknownDataset,
    Unsupported,
    from_source,
)
from gateway.languages import sql
from gateway.model import Dataset, Principal, Request
from gateway.plan.explain import SCHEMA as EXPLAIN_SCHEMA
from gateway.plan.explain import explain
from gateway.plan.fragment import FragmentReads
from gateway.plan.plan import EngineRead, Plan
from gateway.plan.planner import Query, plan_query
from gateway.plan.source import TableName, Tables
from gateway.sources import Sources
from policies.decide import Authoriser
from policies.snapshot import Snapshot
from policies.store import PolicyError, load_folder

LANGUAGES = {"sql": sql.parse}
"""The request languages: each turns text into a statement over datasets."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request that has been planned; it may be executed any number of times."""

    request: Request
    plan: Plan = field(repr=False)
    explain: bool = False
    policy_version: str = ""

    @property
    def schema(self) -> pa.Schema:
        """What the answer looks like."""
        return EXPLAIN_SCHEMA if self.explain else self.plan.schema


@dataclass(frozen=True, slots=True)
class FragmentReport:
    """What one source did: the text it got, the rows and bytes it sent, the time it took."""

    source: str
    text: str
    rows: int
    bytes: int
    seconds: float


@dataclass(slots=True)
class QueryReport:
    """What one execution did; complete when its batches have ended.

    `reads` are the datasets the engine read itself: source, and the columns and filters of it.
    """

    query_id: str
    fragments: tuple[FragmentReport, ...] = ()
    reads: tuple[EngineRead, ...] = ()
    rows: int = 0
    bytes: int = 0
    seconds: float = 0.0
    outcome: str = "running"


@dataclass(frozen=True, slots=True)
class Result:
    """An answer on its way. Closing `batches` stops all work for it."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    report: QueryReport


def _never() -> bool:
    return False


class Gateway:
    """A mesh, open for requests. Safe to use from many threads."""

    def __init__(self, catalogue: Catalogue, access: Access, config: Config) -> None:
        self.catalogue = catalogue
        self._access = access
        self._config = config
        self._sources = Sources()
        self._plans: TTLCache[tuple[object, ...], Plan] = TTLCache(
            config.cached_plans, config.plan_age_seconds
        )
        self._plans_lock = threading.Lock()

    @classmethod
    def open(cls, mesh: Path, config: Config | None = None) -> Gateway:
        """Load a mesh folder. Raises CatalogueError for anything wrong in it."""
        try:
            snapshot = Snapshot(load_folder(mesh / "policies"))
        except PolicyError as error:
            raise CatalogueError(str(error)) from error
        return cls(Catalogue.load(mesh), Access(Authoriser(snapshot)), config or Config())

    def close(self) -> None:
        """Close every source."""
        self._sources.close()

    def purposes(self, principal: Principal) -> frozenset[str]:
        """The purposes the principal may declare."""
        return self._access.purposes(principal)

    def visible(self, principal: Principal, purpose: str = "") -> list[Dataset]:
        """The datasets the principal may know of, with the columns it may read, by address.

        Raises AccessDenied for a purpose that is not granted.
        """
        self._access.check_purpose(principal, purpose)
        return [
            self._access.readable(principal, dataset, purpose)
            for dataset in self.catalogue.datasets
            if self._access.may(principal, dataset, DISCOVER, purpose)
        ]

    def prepare(self, request: Request) -> Prepared:
        """Understand, authorise and plan a request. Raises GatewayError."""
        policy_version = self._access.version
        self._access.check_purpose(request.principal, request.purpose)
        statement = self._parse(request)
        datasets = self._resolve(statement, request)
        tables = self._open(datasets)
        plan = self._plan(statement, tables)
        return Prepared(request, plan, statement.explain, policy_version)

    def execute(self, prepared: Prepared, cancelled: Callable[[], bool] = _never) -> Result:
        """Run a prepared request. Rights are asked for again: they may have gone since.

        `cancelled` is polled, even while a source keeps the answer waiting.
        """
        current = prepared.policy_version == self._access.version
        if not current or not prepared.plan.lasting:
            prepared = self.prepare(prepared.request)
        report = QueryReport(prepared.request.id, reads=prepared.plan.reads)
        if prepared.explain:
            batches = iter([explain(prepared.plan, self._config)])
            report.outcome = "completed"
        else:
            batches = self._run(prepared, report, cancelled)
        return Result(prepared.schema, batches, report)

    def _parse(self, request: Request) -> sql.Statement:
        if len(request.text) > self._config.max_query_bytes:
            raise LimitExceeded(
                f"the query is {len(request.text)} characters long;"
                f" {self._config.max_query_bytes} are allowed"
            )
        parse = LANGUAGES.get(request.language)
        if parse is None:
            raise Unsupported(f"there is no request language {request.language!r}")
        return parse(request.text)

    def _resolve(self, statement: sql.Statement, request: Request) -> dict[TableName, Dataset]:
        """The datasets behind the names, as far as the principal may read them."""
        principal, purpose = request.principal, request.purpose
        found = {}
        for reference in statement.references:
            try:
                dataset = self.catalogue.resolve(
                    reference.parts,
                    reference.version,
                    lambda d: self._access.may(principal, d, READ, purpose),
                )
            except (UnknownDataset, AmbiguousDataset) as error:
                if reference.optional:  # then it is the common table expression of that name
                    continue
                error.position = error.position or reference.position
                raise
            found[reference.name] = self._access.readable(principal, dataset, purpose)
        return found

    def _open(self, datasets: dict[TableName, Dataset]) -> Tables:
        try:
            return {name: self._sources.open(dataset) for name, dataset in datasets.items()}
        except SourceError as error:
            raise from_source(error) from error

    def _plan(self, statement: sql.Statement, tables: Tables) -> Plan:
        """Equal text over equal datasets is planned once: what may be read is part of the key."""
        key = (
            statement.text,
            *(
                (name, t.dataset.address, tuple(t.dataset.schema.names))
                for name, t in tables.items()
            ),
        )
        with self._plans_lock:
            plan = self._plans.get(key)
        if plan is None:
            plan = plan_query(Query(statement.text, statement.tree), tables, self._config)
            if plan.lasting:
                with self._plans_lock:
                    self._plans[key] = plan
        return plan

    def _run(
        self, prepared: Prepared, report: QueryReport, cancelled: Callable[[], bool]
    ) -> Iterator[pa.RecordBatch]:
        started = time.perf_counter()
        reads = FragmentReads()
        report.outcome = "cancelled"  # unless it ends in another way
        try:
            for batch in run(prepared.plan, self._config, reads, cancelled, prepared.request.text):
                report.rows += batch.num_rows
                report.bytes += batch.nbytes
                yield batch
            report.outcome = "completed"
        except Cancelled:
            raise
        except GatewayError as error:
            report.outcome = f"failed: {error.code}"
            raise self._explained(error, prepared.plan) from error
        finally:
            report.seconds = time.perf_counter() - started
            report.fragments = tuple(
                FragmentReport(str(r.fragment.source), r.fragment.text, r.rows, r.bytes, r.seconds)
                for r in reads.runs.values()
            )

    def _explained(self, error: GatewayError, plan: Plan) -> GatewayError:
        """A rejected fragment may mean that the source has changed under its contract."""
        if error.code != SourceErrorCode.REJECTED.value:
            return error
        for table in plan.tables.values():
            self._sources.forget(table.dataset)
            try:
                self._sources.check(table.dataset, table.connector)
            except GatewayError as drift:
                return drift
            except SourceError:
                continue
        return error
