"""The path of a request, top to bottom: this file is the table of contents of the gateway.

    request → parse → resolve → authorise → notice → open → plan → record → execute → batches

Stages do not import each other; only this file knows their order. `prepare` goes as far as the
record of its decision, `execute` runs the plan, after asking the policies again, and lets nothing
out before the record is durable.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa

from connectors.interface import SourceError
from gateway.audit.record import Outcome
from gateway.browsing import Browsing, check_purpose
from gateway.catalogue.catalogue import Catalogue
from gateway.changed_sources import explained
from gateway.config import Config
from gateway.engines.execution import run
from gateway.errors import (
    AccessDenied,
    Cancelled,
    GatewayError,
    InvalidQuery,
    LimitExceeded,
    ResidencyViolation,
    SchemaDrift,
    Unauthenticated,
    from_source,
)
from gateway.languages import sql
from gateway.languages.byte_literals import check_compared
from gateway.languages.request_languages import Parsed, parsed
from gateway.mesh import Mesh
from gateway.model import QUALITY_PRINCIPAL, SUBSTRAIT, Principal, Request
from gateway.opening import opened
from gateway.plan.explain import explain
from gateway.plan.fragment import FragmentReads
from gateway.plan.source import Table, TableName, Tables, View, Views, rights_over
from gateway.plans import Plans
from gateway.prepared import Ground, Prepared, Result
from gateway.quality.access import quality_access
from gateway.query_report import Measurement, QueryReport
from gateway.remote_queries import RemoteQueries
from gateway.resolution import Authorised, Resolution
from gateway.substrait.translation import Translation, check_columns, translated
from gateway.time_limit import within
from gateway.verification.verification import verified


def _over_columns(statement: Parsed, tables: Tables, views: Views) -> sql.Statement:
    """The statement over its columns, now that they are known; another dialect is translated."""
    read: list[tuple[TableName, Table | View]] = [*tables.items(), *views.items()]
    schemas = {name: t.dataset.schema for name, t in read if not t.nested}
    if not isinstance(statement, sql.Statement):
        statement = statement.translated(schemas)
    return statement.over(schemas.values())


def _check_bytes(statement: sql.Statement, tables: Tables, views: Views) -> None:
    """Refuse what PostgreSQL would compare as bytes, and the engine as a text."""
    if "\\x" in statement.text:
        read: list[Table | View] = [*tables.values(), *views.values()]
        check_compared(statement.tree, [t.dataset.schema for t in read if not t.nested])


def _never() -> bool:
    return False


class Gateway:
    """A mesh, open for requests. Safe to use from many threads."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self.browsing = Browsing(mesh)
        self.config = mesh.config
        self.plans = Plans(mesh.config)
        try:
            mesh.keep(self)
        except BaseException:
            self.close()  # else its log stays taken, and threads keep the process from ending
            raise

    @classmethod
    def open(cls, mesh: Path, config: Config | None = None, *, audited: bool = True) -> Gateway:
        """Load a mesh folder. Raises CatalogueError for anything wrong in it.

        `audited` keeps a log in the mesh's audit folder, one for each gateway that runs on it; a
        process that only plans may do without.
        """
        return cls(Mesh.open(mesh, config or Config(), audited=audited))

    def close(self) -> None:
        """Close every source, and write what is still to be recorded."""
        self.mesh.close()
        self.plans.close()

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue in use at this moment; what asks twice takes it once."""
        return self.mesh.catalogue

    @property
    def max_query_length(self) -> int:
        """How many characters a request may have."""
        return self.config.max_query_bytes

    def of_plan(self, plan: bytes) -> Translation:
        """The SQL a client's Substrait plan means. Raises GatewayError."""
        if len(plan) > self.config.max_query_bytes:
            raise LimitExceeded(
                f"the plan has {len(plan)} bytes; {self.config.max_query_bytes} are allowed"
            )
        return translated(plan)

    def prepare(self, request: Request) -> Prepared:
        """Understand, authorise and plan a request. Raises GatewayError."""
        if request.principal.name == QUALITY_PRINCIPAL:
            raise Unauthenticated("the gateway's own principal is nobody else's")
        return self._prepare(request)

    def prepare_check(self, request: Request, domain: str) -> Prepared:
        """The same for a check of a domain's quality rules: with rights of its own, unhindered by
        what is known of datasets."""
        return self._prepare(request, checks=domain)

    def _prepare(self, request: Request, checks: str = "") -> Prepared:
        mesh = self.mesh
        asked = quality_access(mesh.access, checks) if checks else mesh.access
        access, catalogue = asked.pinned(), mesh.catalogue
        authorised: Authorised | None = None
        resolution = Resolution(catalogue, mesh.system, access, request)
        if not checks:
            who = (request.principal, request.purpose)
            resolution.check_view = partial(mesh.check_view, access, *who)
        try:
            check_purpose(access, request.principal, request.purpose)
            said = self._parse(request)
            authorised = resolution.authorise(said.references)
            if request.columns:
                seen = {name: grant.dataset for name, grant in authorised.grants.items()}
                check_columns(request.columns, seen)
            remote = RemoteQueries(
                catalogue, mesh.sources, access, request, resolution.decided
            ).open(said.remote)
            reached = [dataset for r in remote.values() for dataset in r.product]
            if mesh.quality is not None and not checks:
                read = (grant.dataset for grant in authorised.grants.values())
                mesh.quality.ensure([*read, *reached])
            ground = Ground(access.version, catalogue.version, mesh.standing.version)
            notices = () if checks else mesh.notices(authorised, resolution, reached)
            own = mesh.system.source(
                lambda: mesh.viewpoint(request.principal, request.purpose, access)
            )
            tables, views = opened(authorised, mesh.sources, own)
            tables = {**tables, **{name: r.table for name, r in remote.items()}}
            statement = _over_columns(said, tables, views)
            if request.declared:
                statement = statement.declaring(request.declared)
            values = request.parameters
            plan = self.plans.of(statement, tables, views, request.options.placement, values)
            _check_bytes(statement, tables, views)
            unpushed = None
            if request.options.verify:
                unpushed = self.plans.unpushed(statement, tables, views, values)
        except (GatewayError, SourceError) as raised:
            error = from_source(raised) if isinstance(raised, SourceError) else raised
            if isinstance(error, SchemaDrift) and authorised is not None:
                mesh.suspect(grant.dataset for grant in authorised.grants.values())
            if isinstance(error, ResidencyViolation):
                error.message = f"{error.message} ({self._places(request.principal)})"
            if request.language == SUBSTRAIT:
                error.position = None
            mesh.recorder.denied(request, access.version, resolution.decided, error)
            raise error from (raised if error is not raised else raised.__cause__)
        grants = {**authorised.grants, **{name: r.grant for name, r in remote.items()}}
        clearance = mesh.recorder.allowed(request, access.version, grants, plan)
        rights = rights_over(tables, views)
        return Prepared(
            *(request, plan, clearance, statement, ground, rights, notices, unpushed, checks)
        )

    def bind(self, prepared: Prepared, values: Sequence[pa.Scalar]) -> Prepared:
        """The request with values for its placeholders. Raises GatewayError, as `prepare` does."""
        request = prepared.request.again(parameters=tuple(values))
        return self.prepare(request)

    def execute(self, prepared: Prepared, cancelled: Callable[[], bool] = _never) -> Result:
        """Run a prepared request. Rights are asked for again: they may have gone since.

        `cancelled` is polled, even while a source keeps the answer waiting.
        """
        lasts = prepared.ground == self.mesh.ground and prepared.plan.lasting
        if not lasts or not prepared.clearance.claim():
            prepared = self._prepare(prepared.request, prepared.checks)
            prepared.clearance.claim()
        plan = prepared.plan
        if plan.unbound:
            raise InvalidQuery(
                f"values the statement takes: {len(plan.parameters)}, given: none",
                hint="bind a value to each of its placeholders",
            )
        report = QueryReport(
            prepared.request.id,
            reads=() if plan.hidden_views else plan.reads,
            notices=prepared.notices,
        )
        if prepared.explain:
            batches: Iterator[pa.RecordBatch] = self._explain(prepared, report)
        else:
            batches = self._run(prepared, report, cancelled)
        return Result(prepared.schema, batches, report)

    def check_rights(self, begun: Prepared, principal: Principal) -> Prepared:
        """The request as it is now, before more rows of an answer go out that was `begun` earlier.

        Raises GatewayError unless its principal, as it is now, may still read just what it might.
        """
        if begun.ground == self.mesh.ground and begun.request.principal == principal:
            return begun
        request = begun.request.again(principal=principal)
        current = self.prepare(request)
        if current.rights != begun.rights:
            raise AccessDenied(
                "what you may read has changed since the query was begun", hint="begin it again"
            )
        return current

    def _places(self, principal: Principal) -> str:
        here, there = (r or "no known region" for r in (self.config.region, principal.region))
        return f"this gateway is in {here}, you are in {there}"

    def _parse(self, request: Request) -> Parsed:
        if len(request.text) > self.config.max_query_bytes:
            raise LimitExceeded(
                f"the query is {len(request.text)} characters long;"
                f" {self.config.max_query_bytes} are allowed"
            )
        return parsed(request.text, request.language, request.dialect)

    def _explain(self, prepared: Prepared, report: QueryReport) -> Iterator[pa.RecordBatch]:
        try:
            batch = explain(prepared.plan, self.config, [*map(str, prepared.notices)])
        except SourceError as error:  # files are looked for where the engine plans to read them
            raise from_source(error) from error
        prepared.clearance.wait()
        report.outcome = "completed"
        self.mesh.recorder.ended(prepared.clearance, Outcome(report.outcome))
        yield batch

    def _run(
        self, prepared: Prepared, report: QueryReport, cancelled: Callable[[], bool]
    ) -> Iterator[pa.RecordBatch]:
        plan, measured = prepared.plan, Measurement(report)
        try:
            yield from measured.of(
                within(
                    prepared.request.options.timeout,
                    cancelled,
                    lambda stop: self._durable(prepared, measured.reads, stop),
                )
            )
            report.verified = prepared.unpushed is not None
        except Cancelled:
            raise
        except GatewayError as error:
            told = explained(error, plan, self.mesh.sources)
            if isinstance(told, SchemaDrift):
                self.mesh.suspect(table.dataset for table in plan.tables.values())
            raise told from error
        finally:
            report.fragments = () if plan.hidden_views else measured.fragments()
            if prepared.unpushed is None:  # what was verified did everything twice
                self.plans.learn(plan, measured)
            self.mesh.recorder.ended(
                prepared.clearance,
                Outcome(report.outcome, report.rows, report.bytes, report.seconds),
            )

    def _durable(
        self, prepared: Prepared, reads: FragmentReads, cancelled: Callable[[], bool]
    ) -> Generator[pa.RecordBatch]:
        """The answer, of which nothing leaves before the record of its decision is durable."""
        recorded = False
        for batch in self._batches(prepared, reads, cancelled):
            if not recorded:
                prepared.clearance.wait()
                recorded = True
            yield batch
        prepared.clearance.wait()

    def _batches(
        self, prepared: Prepared, reads: FragmentReads, cancelled: Callable[[], bool]
    ) -> Iterator[pa.RecordBatch]:
        config, plan = self.config, prepared.plan
        text = "" if prepared.request.language == SUBSTRAIT else prepared.request.text
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
