"""The path of a request, top to bottom: this file is the table of contents of the gateway.

    request → parse → resolve → authorise → notice → open → plan → record → execute → batches

Stages do not import each other; only this file knows their order. `prepare` goes as far as the
record of its decision, `execute` runs the plan, after asking the policies again, and lets nothing
out before the record is durable.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pyarrow as pa

from connectors.interface import SourceError
from gateway.audit.log import AuditLog
from gateway.audit.record import Outcome
from gateway.authorisation import Access
from gateway.catalogue.catalogue import Catalogue, check_folder
from gateway.catalogue.life_cycle import declared_notices
from gateway.catalogue.search import FOLDER as SEARCH_FOLDER
from gateway.catalogue.search import Search
from gateway.catalogue.watch import CatalogueWatch, Changed
from gateway.changed_sources import explained
from gateway.config import Config
from gateway.curated_views import CuratedViews, loaded
from gateway.duties import duties
from gateway.engines.execution import run
from gateway.errors import (
    AccessDenied,
    Cancelled,
    CatalogueError,
    GatewayError,
    InvalidQuery,
    LimitExceeded,
    PurposeNotGranted,
    ResidencyViolation,
    SchemaDrift,
    Unauthenticated,
    from_source,
)
from gateway.languages import sql
from gateway.languages.byte_literals import check_compared
from gateway.languages.request_languages import Parsed, parsed
from gateway.mask_key import ProductKeys
from gateway.memory.memory import Memory
from gateway.model import QUALITY_PRINCIPAL, SUBSTRAIT, Address, Dataset, Principal, Request
from gateway.notices import Notice, Standing, notices_of
from gateway.opening import opened
from gateway.plan.explain import SCHEMA as EXPLAIN_SCHEMA
from gateway.plan.explain import explain
from gateway.plan.fragment import FragmentReads
from gateway.plan.plan import Plan
from gateway.plan.source import Rights, Table, TableName, Tables, View, Views, rights_over
from gateway.plans import Plans
from gateway.quality.access import quality_access
from gateway.quality.quality import Quality
from gateway.query_report import Measurement, QueryReport
from gateway.records import Clearance, Recorder
from gateway.remote_queries import RemoteQueries
from gateway.resolution import Authorised, Resolution
from gateway.sources import Sources
from gateway.substrait.translation import Translation, check_columns, translated
from gateway.system.system import System
from gateway.system.viewpoint import Viewpoint
from gateway.time_limit import within
from gateway.upkeep import Upkeep
from gateway.verification.verification import verified
from gateway.views.rows import ViewRow
from policies.decide import Authoriser
from policies.reload import Reloader
from policies.snapshot import Snapshot
from policies.store import PolicyError, open_store


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request that has been planned; it may be executed any number of times."""

    request: Request
    plan: Plan = field(repr=False)
    clearance: Clearance = field(repr=False)
    statement: sql.Statement = field(repr=False)
    unpushed: Plan | None = field(default=None, repr=False)
    """The same query over bare scans, where the answer is to be verified."""
    rights: Rights = field(default=(), repr=False)
    """What its principal may see of all that the request reads."""
    notices: tuple[Notice, ...] = ()
    """What its reader should know of all that the request reads."""
    catalogue_version: str = ""
    """The version of the catalogue its names were looked up in."""
    standing: int = 0
    """The version of what was known of datasets then."""
    checks: str = ""
    """The domain whose quality rules this checks; "" for a request of somebody's."""

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
        return self.clearance.policy_version

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


def _check_purpose(access: Access, principal: Principal, purpose: str) -> None:
    if purpose and purpose not in access.purposes(principal):
        raise PurposeNotGranted(
            f"the purpose {purpose} is not granted to you",
            hint="declare another, or none",
        )


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

    def __init__(
        self,
        catalogue: Catalogue | CatalogueWatch,
        access: Access,
        config: Config,
        audit: AuditLog | None = None,
        reloader: Reloader | None = None,
        memory: Memory | None = None,
        search: Search | None = None,
    ) -> None:
        watch = CatalogueWatch(catalogue) if isinstance(catalogue, Catalogue) else catalogue
        self.watch = watch
        self.standing = Standing()
        self._access = access
        self.config = config
        self.audit = audit
        self._reloader = reloader
        self.recorder = Recorder(audit, config.audit_wait_seconds)
        self._sources = Sources(config)
        self.plans = Plans(config)
        self.memory = memory
        self.views = CuratedViews(lambda: self.catalogue, self._sources, self.standing, memory)
        self.system = System()
        self.search = search or Search()
        self.on_catalogue_change(lambda before, now: access.forget_meshes())
        self.quality: Quality | None = None
        if memory is not None:
            self.quality = Quality(
                lambda: self.catalogue, self, memory.store, self.standing, config
            )
            self.quality.load()  # before anything is answered: what denied, denies
        self._upkeep = Upkeep(duties(self))
        if memory is not None:
            self.on_catalogue_change(lambda before, now: self._upkeep.hasten("life cycle"))
        self.on_catalogue_change(partial(self.views.changed, self._upkeep))
        self.on_catalogue_change(lambda before, now: self._upkeep.hasten("search"))

    @classmethod
    def open(cls, mesh: Path, config: Config | None = None, *, audited: bool = True) -> Gateway:
        """Load a mesh folder. Raises CatalogueError for anything wrong in it.

        `audited` keeps a log in the mesh's audit folder, one for each gateway that runs on it; a
        process that only plans may do without.
        """
        config = config or Config()
        check_folder(mesh)
        memory = Memory.open(mesh, config) if audited else None
        try:
            watch = CatalogueWatch.over(mesh, None if memory is None else memory.store, loaded)
            store = open_store(mesh)
            authoriser = Authoriser(Snapshot(store.load()))
            audit = AuditLog.open_in(mesh, config.audit_folder) if audited else None
        except BaseException as error:
            if memory is not None:
                memory.close()
            if isinstance(error, PolicyError):
                raise CatalogueError(str(error)) from error
            raise
        access = Access(authoriser, ProductKeys(mesh), config.region)
        search = Search(mesh / SEARCH_FOLDER if audited else None)
        reloader = Reloader(store, authoriser)
        return cls(watch, access, config, audit, reloader, memory, search)

    def close(self) -> None:
        """Close every source, and write what is still to be recorded."""
        if self.quality is not None:
            self.quality.close()
        if self._reloader is not None:
            self._reloader.close()
        self._sources.close()
        self.plans.close()
        self.recorder.end_abandoned()
        if self.audit is not None:
            self.audit.close()
        self._upkeep.close()
        if self.memory is not None:
            self.memory.close()

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue in use at this moment; what asks twice takes it once."""
        return self.watch.current

    @catalogue.setter
    def catalogue(self, catalogue: Catalogue) -> None:
        self.watch.replace(catalogue)
        self.plans.forget()  # of datasets that were not read from files plans can not tell changes

    @property
    def catalogue_problems(self) -> str:
        """Why the files of the mesh are not what is in use; "" when they are."""
        return self.watch.problems

    def on_catalogue_change(self, changed: Changed) -> None:
        """Call `changed(before, now)` now, with no catalogue before, and at each replacement."""
        self.watch.on_change(changed)

    def forget_plans(self) -> None:
        """Plan every query anew from now on."""
        self.plans.forget()

    def purposes(self, principal: Principal) -> frozenset[str]:
        """The purposes the principal may declare."""
        return self._access.purposes(principal)

    @property
    def region(self) -> str:
        """Where this gateway is; "" is unknown."""
        return self.config.region

    @property
    def max_query_length(self) -> int:
        """How many characters a request may have."""
        return self.config.max_query_bytes

    def visible(self, principal: Principal, purpose: str = "") -> list[Dataset]:
        """The datasets the principal may know of, with the columns it may, by address."""
        access = self._access.pinned()
        _check_purpose(access, principal, purpose)
        return access.visible(principal, purpose, self.catalogue)

    def browsable(self, principal: Principal, purpose: str = "") -> list[Dataset]:
        """What is `visible`, and the system tables, by address: all that a client may look at."""
        access = self._access.pinned()
        _check_purpose(access, principal, purpose)
        found = access.visible(principal, purpose, self.catalogue)
        found += self.system.visible(principal, access, purpose)
        return sorted(found, key=lambda dataset: dataset.address)

    def products(self, principal: Principal, purpose: str = "") -> tuple[tuple[str, str], ...]:
        """The domain and product of all that is `browsable`, each pair once, in order."""
        access = self._access.pinned()
        _check_purpose(access, principal, purpose)
        found = access.outlook(principal, purpose, self.catalogue).products
        return tuple(sorted((*found, *self.system.products(principal, access, purpose))))

    def check_namespace(
        self, principal: Principal, purpose: str, namespace: tuple[str, ...]
    ) -> None:
        """Raise UserError for a catalog, or a schema, with nothing the principal may know of."""
        access = self._access.pinned()
        _check_purpose(access, principal, purpose)
        if self.system.holds(namespace):
            return
        catalogue = self.catalogue
        known = access.outlook(principal, purpose, catalogue).known_products
        catalogue.namespaces.check(namespace, known)

    def refresh(self, principal: Principal, address: Address, purpose: str = "") -> list[ViewRow]:
        """Look at the sources at the bottom of a dataset now: the views that stand on them.

        It takes `admin` on the dataset: for anybody else there is none. Raises GatewayError.
        """
        access = self._access.pinned()
        _check_purpose(access, principal, purpose)
        return self.views.refresh(address, access, principal, purpose)

    def _check_view(self, access: Access, request: Request, view: Dataset) -> None:
        self.views.check(view, access, request.principal, request.purpose, self._upkeep)

    def _suspect(self, datasets: Iterable[Dataset]) -> None:
        self.views.suspect(datasets, self._upkeep)

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

    def probe(self, dataset: Dataset) -> None:
        """Ask a dataset's source what it looks like. Raises GatewayError when it does not say."""
        try:
            self._sources.connector(dataset.binding).schema(dataset.binding.object)
        except SourceError as error:
            raise from_source(error) from error

    def _prepare(self, request: Request, checks: str = "") -> Prepared:
        asked = quality_access(self._access, checks) if checks else self._access
        access = asked.pinned()
        policy_version = access.version
        catalogue = self.catalogue
        authorised: Authorised | None = None
        resolution = Resolution(catalogue, self.system, access, request)
        if not checks:
            resolution.check_view = partial(self._check_view, access, request)
        try:
            _check_purpose(access, request.principal, request.purpose)
            said = self._parse(request)
            authorised = resolution.authorise(said.references)
            if request.columns:
                seen = {name: grant.dataset for name, grant in authorised.grants.items()}
                check_columns(request.columns, seen)
            remote = RemoteQueries(
                catalogue, self._sources, access, request, resolution.decided
            ).open(said.remote)
            if self.quality is not None and not checks:
                self.quality.ensure(grant.dataset for grant in authorised.grants.values())
            standing = self.standing.version
            notices = () if checks else self._notices(authorised, resolution)
            own = self.system.source(
                lambda: self.viewpoint(request.principal, request.purpose, access)
            )
            tables, views = opened(authorised, self._sources, own)
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
                self._suspect(grant.dataset for grant in authorised.grants.values())
            if isinstance(error, ResidencyViolation):
                error.message = f"{error.message} ({self._places(request.principal)})"
            if request.language == SUBSTRAIT:
                error.position = None
            self.recorder.denied(request, policy_version, resolution.decided, error)
            raise error from (raised if error is not raised else raised.__cause__)
        grants = {**authorised.grants, **{name: r.grant for name, r in remote.items()}}
        clearance = self.recorder.allowed(request, policy_version, grants, plan)
        rights = rights_over(tables, views)
        return Prepared(
            request,
            plan,
            clearance,
            statement,
            unpushed,
            rights,
            notices,
            catalogue.version,
            standing,
            checks,
        )

    def bind(self, prepared: Prepared, values: Sequence[pa.Scalar]) -> Prepared:
        """The request with values for its placeholders. Raises GatewayError, as `prepare` does."""
        request = prepared.request.again(parameters=tuple(values))
        return self.prepare(request)

    def execute(self, prepared: Prepared, cancelled: Callable[[], bool] = _never) -> Result:
        """Run a prepared request. Rights are asked for again: they may have gone since.

        `cancelled` is polled, even while a source keeps the answer waiting.
        """
        lasts = self._current(prepared) and prepared.plan.lasting
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

    def _current(self, prepared: Prepared) -> bool:
        """Whether all it was prepared by is as it was: policies, catalogue, what stands of it."""
        return (
            prepared.policy_version == self._access.version
            and prepared.catalogue_version == self.catalogue.version
            and prepared.standing == self.standing.version
        )

    def check_rights(self, begun: Prepared, principal: Principal) -> Prepared:
        """The request as it is now, before more rows of an answer go out that was `begun` earlier.

        Raises GatewayError unless its principal, as it is now, may still read just what it might.
        """
        if self._current(begun) and begun.request.principal == principal:
            return begun
        request = begun.request.again(principal=principal)
        current = self.prepare(request)
        if current.rights != begun.rights:
            raise AccessDenied(
                "what you may read has changed since the query was begun", hint="begin it again"
            )
        return current

    def viewpoint(
        self, principal: Principal, purpose: str = "", access: Access | None = None
    ) -> Viewpoint:
        """What a principal may know of the mesh as it is now; `access` has the policies to ask."""
        asked = access or self._access.pinned()
        return Viewpoint(
            principal,
            purpose,
            asked,
            self.catalogue,
            self.standing,
            self.search,
            None if self.memory is None else self.memory.store,
            lambda: self.views.rows(asked, principal, purpose),
        )

    def _notices(self, authorised: Authorised, resolution: Resolution) -> tuple[Notice, ...]:
        lends = any(body.lends for body in authorised.bodies.values())
        below = authorised.nested if lends else frozenset()
        read = authorised.grants.items()
        return notices_of(
            [grant.dataset for name, grant in read if name not in below],
            [grant.dataset for name, grant in read if name in below],
            self.standing,
            lambda dataset: declared_notices(dataset, resolution.successor(dataset)),
        )

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
        self.recorder.ended(prepared.clearance, Outcome(report.outcome))
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
            told = explained(error, plan, self._sources)
            if isinstance(told, SchemaDrift):
                self._suspect(table.dataset for table in plan.tables.values())
            raise told from error
        finally:
            report.fragments = () if plan.hidden_views else measured.fragments()
            if prepared.unpushed is None:  # what was verified did everything twice
                self.plans.learn(plan, measured)
            self.recorder.ended(
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
