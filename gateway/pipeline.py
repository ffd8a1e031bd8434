"""The path of a request, top to bottom: this file is the table of contents of the gateway.

    request → parse → resolve → authorise → open → plan → record → execute → batches

Stages do not import each other; only this file knows their order. `prepare` goes as far as the
record of its decision, `execute` runs the plan, after asking the policies again, and lets nothing
out before the record is durable.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pyarrow as pa
from cachetools import TTLCache

from connectors.interface import SourceError, SourceErrorCode
from gateway.audit.log import AuditLog
from gateway.audit.record import Outcome
from gateway.authorisation import Access
from gateway.catalogue.catalogue import Catalogue
from gateway.config import Config
from gateway.embedding import Embedding
from gateway.engines.execution import run
from gateway.errors import (
    Cancelled,
    CatalogueError,
    GatewayError,
    InternalError,
    LimitExceeded,
    PurposeNotGranted,
    ResidencyViolation,
    SchemaDrift,
    Unsupported,
    from_source,
)
from gateway.languages import sql
from gateway.mask_key import ProductKeys
from gateway.model import Dataset, Principal, Request
from gateway.plan.disclosure import guarded
from gateway.plan.embedded import is_embedded
from gateway.plan.explain import SCHEMA as EXPLAIN_SCHEMA
from gateway.plan.explain import explain
from gateway.plan.fragment import FragmentReads, FragmentRun
from gateway.plan.history import History, Run, Watch
from gateway.plan.plan import EngineRead, Plan
from gateway.plan.planner import Query, plan_query
from gateway.plan.source import Table, TableName, Tables, View, Views, unpushed
from gateway.records import Clearance, Recorder
from gateway.remote_queries import RemoteQueries
from gateway.resolution import Authorised, Resolution
from gateway.sources import Sources
from gateway.verification.verification import verified
from policies.decide import Authoriser
from policies.reload import Reloader
from policies.snapshot import Snapshot
from policies.store import PolicyError, open_store

_log = logging.getLogger(__name__)

LANGUAGES = {"sql": sql.parse}
"""The request languages: each turns text into a statement over datasets."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request that has been planned; it may be executed any number of times."""

    request: Request
    plan: Plan = field(repr=False)
    clearance: Clearance = field(repr=False)
    statement: sql.Statement = field(repr=False)
    unpushed: Plan | None = field(default=None, repr=False)
    """The same query over bare scans, where the answer is to be verified."""

    @property
    def explain(self) -> bool:
        """Whether the plan itself is the answer."""
        return self.statement.explain

    @property
    def policy_version(self) -> str:
        """The version of the policies that were asked."""
        return self.clearance.policy_version

    @property
    def schema(self) -> pa.Schema:
        """What the answer looks like."""
        return EXPLAIN_SCHEMA if self.explain else self.plan.schema


_OF_CHANGED_SOURCES = frozenset({SourceErrorCode.REJECTED.value, InternalError.code})
"""Errors that a column of another type than its contract's may be behind."""


@dataclass(frozen=True, slots=True)
class FragmentReport:
    """What one source did: the text it got, the rows and bytes it sent, the time it took.

    `keys` is how many values of other fragments' rows were in the text, which names them only.
    """

    source: str
    text: str
    rows: int
    bytes: int
    seconds: float
    keys: int = 0


@dataclass(slots=True)
class QueryReport:
    """What one execution did; complete when its batches have ended.

    `reads` are the datasets the engine read itself: source, and the columns and filters of it.
    `verified`: a second run over bare scans gave the same rows.
    """

    query_id: str
    fragments: tuple[FragmentReport, ...] = ()
    reads: tuple[EngineRead, ...] = ()
    rows: int = 0
    bytes: int = 0
    seconds: float = 0.0
    outcome: str = "running"
    verified: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """An answer on its way. Closing `batches` stops all work for it."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    report: QueryReport


def _identity(name: TableName, opened: Table | View) -> tuple[object, ...]:
    """Equal for datasets that every plan reads alike."""
    dataset = opened.dataset
    lends = isinstance(opened, View) and opened.lends
    names = tuple(dataset.schema.names)
    made_with = None if isinstance(opened, View) else (opened.pushes, opened.statistics_version)
    return (name, dataset.address, names, opened.security.fingerprint, lends, made_with)


def _below(drift: GatewayError) -> SchemaDrift:
    """The error without the name and columns of what a view lends: its readers do not see it."""
    _log.warning("below a view: %s", drift)
    return SchemaDrift(
        "a source below a view of this query has changed",
        hint="the owner of the view mends it, or has it published again",
    )


def _verifies(request: Request) -> bool:
    return request.options.verify


def _check_purpose(access: Access, principal: Principal, purpose: str) -> None:
    if purpose and purpose not in access.purposes(principal):
        raise PurposeNotGranted(
            f"the purpose {purpose} is not granted to you",
            hint="declare another, or none",
        )


def _report(run: FragmentRun) -> FragmentReport:
    fragment = run.fragment
    source = str(fragment.source)
    return FragmentReport(source, fragment.shown, run.rows, run.bytes, run.seconds, fragment.keys)


def _never() -> bool:
    return False


class Gateway:
    """A mesh, open for requests. Safe to use from many threads."""

    def __init__(
        self,
        catalogue: Catalogue,
        access: Access,
        config: Config,
        audit: AuditLog | None = None,
        reloader: Reloader | None = None,
    ) -> None:
        self.catalogue = catalogue
        self._access = access
        self._config = config
        self._audit = audit
        self._reloader = reloader
        self._recorder = Recorder(audit, config.audit_wait_seconds)
        self._sources = Sources(config)
        self._embedding = Embedding(config)
        self._plans: TTLCache[tuple[object, ...], Plan] = TTLCache(
            config.cached_plans, config.plan_age_seconds
        )
        self._plans_lock = threading.Lock()
        self.history: History | None = None
        if config.history_age_seconds > 0:
            self.history = History(config.history_age_seconds, config.memory_per_query_bytes)

    @classmethod
    def open(cls, mesh: Path, config: Config | None = None, *, audited: bool = True) -> Gateway:
        """Load a mesh folder. Raises CatalogueError for anything wrong in it.

        `audited` keeps a log in the mesh's audit folder, one for each gateway that runs on it; a
        process that only plans may do without.
        """
        config = config or Config()
        catalogue = Catalogue.load(mesh)
        try:
            store = open_store(mesh)
            authoriser = Authoriser(Snapshot(store.load()))
        except PolicyError as error:
            raise CatalogueError(str(error)) from error
        audit = AuditLog.open_in(mesh, config.audit_folder) if audited else None
        access = Access(authoriser, ProductKeys(mesh), config.region)
        return cls(catalogue, access, config, audit, Reloader(store, authoriser))

    def close(self) -> None:
        """Close every source, and write what is still to be recorded."""
        if self._reloader is not None:
            self._reloader.close()
        self._sources.close()
        self._embedding.close()
        if self._audit is not None:
            self._audit.close()

    def forget_plans(self) -> None:
        """Plan every query anew from now on."""
        with self._plans_lock:
            self._plans.clear()

    def purposes(self, principal: Principal) -> frozenset[str]:
        """The purposes the principal may declare."""
        return self._access.purposes(principal)

    def visible(self, principal: Principal, purpose: str = "") -> list[Dataset]:
        """The datasets the principal may know of, with the columns it may, by address."""
        access = self._access.pinned()
        _check_purpose(access, principal, purpose)
        found = (access.discoverable(principal, d, purpose) for d in self.catalogue.datasets)
        return [dataset for dataset in found if dataset is not None]

    def prepare(self, request: Request) -> Prepared:
        """Understand, authorise and plan a request. Raises GatewayError."""
        access = self._access.pinned()
        policy_version = access.version
        resolution = Resolution(self.catalogue, access, request)
        try:
            _check_purpose(access, request.principal, request.purpose)
            statement = self._parse(request)
            authorised = resolution.authorise(statement)
            remote = RemoteQueries(
                self.catalogue, self._sources, access, request, resolution.decided
            ).open(statement.remote)
            tables, views = self._open(authorised)
            tables = {**tables, **{name: r.table for name, r in remote.items()}}
            placement = request.options.placement
            plan = self._plan(statement, tables, views, placement)
            unpushed = self._unpushed(statement, tables, views) if _verifies(request) else None
        except (GatewayError, SourceError) as raised:
            error = from_source(raised) if isinstance(raised, SourceError) else raised
            if isinstance(error, ResidencyViolation):
                error.message = f"{error.message} ({self._places(request.principal)})"
            self._recorder.denied(request, policy_version, resolution.decided, error)
            raise error from (raised if error is not raised else raised.__cause__)
        grants = {**authorised.grants, **{name: r.grant for name, r in remote.items()}}
        clearance = self._recorder.allowed(request, policy_version, grants, plan)
        return Prepared(request, plan, clearance, statement, unpushed)

    def execute(self, prepared: Prepared, cancelled: Callable[[], bool] = _never) -> Result:
        """Run a prepared request. Rights are asked for again: they may have gone since.

        `cancelled` is polled, even while a source keeps the answer waiting.
        """
        current = prepared.policy_version == self._access.version
        if not current or not prepared.plan.lasting or not prepared.clearance.claim():
            prepared = self.prepare(prepared.request)
            prepared.clearance.claim()
        plan = prepared.plan
        report = QueryReport(prepared.request.id, reads=() if plan.hidden_views else plan.reads)
        if prepared.explain:
            batches: Iterator[pa.RecordBatch] = self._explain(prepared, report)
        else:
            batches = self._run(prepared, report, cancelled)
        return Result(prepared.schema, batches, report)

    def _places(self, principal: Principal) -> str:
        here, there = (r or "no known region" for r in (self._config.region, principal.region))
        return f"this gateway is in {here}, you are in {there}"

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

    def _open(self, authorised: Authorised) -> tuple[Tables, Views]:
        """Tables for what lives in sources, and views for what stands on others."""
        tables, views = {}, {}
        lends = any(body.lends for body in authorised.bodies.values())
        try:
            for name, grant in authorised.grants.items():
                nested = name in authorised.nested
                body = authorised.bodies.get(name)
                if body is None:
                    try:
                        table = self._sources.open(grant.dataset, grant.security)
                    except SchemaDrift as drift:
                        if nested and lends:
                            raise _below(drift) from drift
                        raise
                    tables[name] = replace(table, nested=True) if nested else table
                    continue
                text, tree = body.statement.text, body.statement.tree
                views[name] = View(
                    grant.dataset, grant.security, text, tree, body.names, nested, body.lends
                )
        except SourceError as error:
            raise from_source(error) from error
        return tables, views

    def _plan(
        self, statement: sql.Statement, tables: Tables, views: Views, placement: str = "auto"
    ) -> Plan:
        """Equal text over equal datasets is planned once: what may be read is part of the key."""
        key = (
            statement.normalised,
            placement,
            *(_identity(name, table) for name, table in tables.items()),
            *(_identity(name, view) for name, view in views.items()),
        )
        with self._plans_lock:
            plan = self._plans.get(key)
        if plan is None:
            query = Query(statement.text, statement.tree, views)
            placed = self._embedding.placed(tables, views)
            plan = plan_query(query, placed, self._config, placement, history=self.history)
            embedded = plan.embedded or any(is_embedded(f, plan.tables) for f in plan.fragments)
            if embedded or plan.groups:
                remembered = key if plan.groups and not embedded and plan.lasting else None
                otherwise = partial(self._planned_whole, remembered, query, tables, placement)
                plan = replace(plan, otherwise=otherwise)
            elif plan.tried:
                otherwise = partial(self._planned_pushed, plan, query, tables, placement)
                plan = replace(plan, otherwise=otherwise)
            if plan.lasting and self._config.cached_plans:
                with self._plans_lock:
                    self._plans[key] = plan
        return plan

    def _planned_whole(
        self, key: tuple[object, ...] | None, query: Query, tables: Tables, placement: str
    ) -> Plan:
        """The plan for when another failed or did not pay; with a `key`, for the next times too."""
        plan = plan_query(query, tables, self._config, placement, parts=False)
        if key is not None and plan.lasting and self._config.cached_plans:
            with self._plans_lock:
                self._plans[key] = plan
        return plan

    def _planned_pushed(self, tried: Plan, query: Query, tables: Tables, placement: str) -> Plan:
        """The plan for when pulling a query only because of history failed: not again, then."""
        assert tried.watch is not None and self.history is not None
        if self.history.give_up(tried.watch):
            self._forget_watched(tried.watch)
        return plan_query(query, tables, self._config, placement)

    def _forget_watched(self, watch: Watch) -> None:
        """Plan anew what history chooses a form of, over the source it has learnt about."""
        with self._plans_lock:
            for key, plan in list(self._plans.items()):
                if plan.watch is not None and plan.watch.source == watch.source:
                    self._plans.pop(key, None)

    def _learn(
        self, prepared: Prepared, reads: FragmentReads, report: QueryReport, held: float
    ) -> None:
        """Tell history what a run took; one that was verified did everything twice."""
        watch = prepared.plan.watch
        if watch is None or self.history is None or prepared.unpushed is not None:
            return
        rows, size = (sum(getattr(r, n) for r in reads.runs.values()) for n in ("rows", "bytes"))
        complete = report.outcome == "completed"
        changed = self.history.learn(watch, Run(report.seconds, rows, size, held, complete))
        if watch.pulled and report.outcome.startswith("failed"):
            changed = self.history.give_up(watch) or changed
        if changed:
            self._forget_watched(watch)

    def _unpushed(self, statement: sql.Statement, tables: Tables, views: Views) -> Plan | None:
        """The plan that leaves everything to the engine, to compare with."""
        if statement.explain:
            return None
        if any(table.security.bound for table in tables.values()):
            raise Unsupported(
                "a query over rows that may not leave their region can not be verified",
                hint="ask without verify",
            )
        bare = {name: unpushed(table) for name, table in tables.items()}
        return self._plan(statement, bare, views)

    def _explain(self, prepared: Prepared, report: QueryReport) -> Iterator[pa.RecordBatch]:
        try:
            batch = explain(prepared.plan, self._config)
        except SourceError as error:  # files are looked for where the engine plans to read them
            raise from_source(error) from error
        prepared.clearance.wait()
        report.outcome = "completed"
        self._recorder.ended(prepared.clearance, Outcome(report.outcome))
        yield batch

    def _run(
        self, prepared: Prepared, report: QueryReport, cancelled: Callable[[], bool]
    ) -> Iterator[pa.RecordBatch]:
        started = time.perf_counter()
        reads = FragmentReads()
        report.outcome = "cancelled"  # unless it ends in another way
        recorded, held = False, 0.0
        try:
            for batch in self._batches(prepared, reads, cancelled):
                if not recorded:
                    prepared.clearance.wait()
                    recorded = True
                report.rows += batch.num_rows
                report.bytes += batch.nbytes
                handed = time.perf_counter()
                try:
                    yield batch
                finally:
                    held += time.perf_counter() - handed
            prepared.clearance.wait()
            report.outcome = "completed"
            report.verified = prepared.unpushed is not None
        except Cancelled:
            raise
        except GatewayError as error:
            report.outcome = f"failed: {error.code}"
            raise self._explained(error, prepared.plan) from error
        finally:
            report.seconds = time.perf_counter() - started
            report.fragments = tuple(
                _report(r) for r in (() if prepared.plan.hidden_views else reads.runs.values())
            )
            self._learn(prepared, reads, report, held)
            self._recorder.ended(
                prepared.clearance,
                Outcome(report.outcome, report.rows, report.bytes, report.seconds),
            )

    def _batches(
        self, prepared: Prepared, reads: FragmentReads, cancelled: Callable[[], bool]
    ) -> Iterator[pa.RecordBatch]:
        config, text, plan = self._config, prepared.request.text, prepared.plan
        other = prepared.unpushed
        if other is None:
            return run(plan, config, reads, cancelled, text)
        return verified(
            lambda: run(plan, config, reads, cancelled, text),
            lambda: run(other, config, FragmentReads(), cancelled, text),
            prepared.statement.tree,
            plan.schema,
            config.verified_rows,
        )

    def _explained(self, error: GatewayError, plan: Plan) -> GatewayError:
        """What a source rejects, or the engine trips over, may have changed under its contract."""
        if error.code not in _OF_CHANGED_SOURCES:
            return guarded(error, plan)
        for table in plan.tables.values():
            self._sources.forget(table.dataset)
            try:
                self._sources.check(table.dataset, table.connector, table.security.raw)
            except GatewayError as drift:
                return _below(drift) if table.nested and plan.hidden_views else drift
            except SourceError:
                continue
        return guarded(error, plan)
