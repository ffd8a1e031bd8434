"""A mesh as one gateway has it open: what it holds, what is known of it, who looks after it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from connectors.interface import SourceError
from gateway.audit.log import AuditLog
from gateway.authorisation import Access
from gateway.catalogue.catalogue import Catalogue, check_folder
from gateway.catalogue.life_cycle import declared_notices
from gateway.catalogue.search import FOLDER as SEARCH_FOLDER
from gateway.catalogue.search import Search
from gateway.catalogue.watch import CatalogueWatch
from gateway.config import Config
from gateway.curated_views import CuratedViews, loaded
from gateway.duties import AFTER_CHANGE, duties
from gateway.errors import CatalogueError, from_source
from gateway.mask_key import ProductKeys
from gateway.memory.memory import Memory
from gateway.model import Dataset, Principal
from gateway.notices import Notice, Standing, notices_of
from gateway.prepared import Ground
from gateway.quality.asking import Engine
from gateway.quality.quality import Quality
from gateway.records import Recorder
from gateway.resolution import Authorised, Resolution
from gateway.sources import Sources
from gateway.system.system import System
from gateway.system.viewpoint import Viewpoint
from gateway.upkeep import Upkeep
from policies.decide import Authoriser
from policies.reload import Reloader
from policies.snapshot import Snapshot
from policies.store import PolicyError, open_store


class Mesh:
    """What requests find: the catalogue at this moment, the policies, sources, views, the memory.

    `keep` sets to work what looks after it all. Safe to use from many threads.
    """

    def __init__(
        self,
        catalogue: Catalogue | CatalogueWatch,
        access: Access,
        config: Config,
        audit: AuditLog | None = None,
        memory: Memory | None = None,
        search: Search | None = None,
        reloader: Reloader | None = None,
    ) -> None:
        self.watch = CatalogueWatch(catalogue) if isinstance(catalogue, Catalogue) else catalogue
        self.access = access
        self.config = config
        self.audit = audit
        self.memory = memory
        self.search = search or Search()
        self.standing = Standing()
        self.recorder = Recorder(audit, config.audit_wait_seconds)
        self.sources = Sources(config)
        self.system = System()
        self.views = CuratedViews(lambda: self.catalogue, self.sources, self.standing, memory)
        self.quality: Quality | None = None
        self._reloader = reloader
        self._upkeep = Upkeep(())
        self.watch.on_change(lambda before, now: access.forget_meshes())

    @classmethod
    def open(cls, folder: Path, config: Config, *, audited: bool) -> Mesh:
        """Load a mesh folder. Raises CatalogueError for anything wrong in it.

        Without being `audited` there is no audit log, and nothing is remembered.
        """
        check_folder(folder)
        memory = Memory.open(folder, config) if audited else None
        try:
            watch = CatalogueWatch.over(folder, None if memory is None else memory.store, loaded)
            store = open_store(folder)
            authoriser = Authoriser(Snapshot(store.load()))
            audit = AuditLog.open_in(folder, config.audit_folder) if audited else None
        except BaseException as error:
            if memory is not None:
                memory.close()
            if isinstance(error, PolicyError):
                raise CatalogueError(str(error)) from error
            raise
        access = Access(authoriser, ProductKeys(folder), config.region)
        search = Search(folder / SEARCH_FOLDER if audited else None)
        reloader = Reloader(store, authoriser)
        return cls(watch, access, config, audit, memory, search, reloader)

    def keep(self, engine: Engine) -> None:
        """Begin to look after it; `engine` runs the checks of quality rules.

        What was found unfit before is so from the first request on. Raises MemoryUnavailable.
        """
        if self.memory is not None:
            self.quality = Quality(
                lambda: self.catalogue, engine, self.memory.store, self.standing, self.config
            )
            self.quality.load()
        self._upkeep = Upkeep(duties(self))
        self.watch.on_change(self._changed)

    def _changed(self, before: Catalogue | None, now: Catalogue) -> None:
        if before is not None:  # at the start every task is done anyway, but for what asks sources
            for task in AFTER_CHANGE:
                self._upkeep.hasten(task)

    def close(self) -> None:
        """Write what is still to be recorded, and let go of everything."""
        if self.quality is not None:
            self.quality.close()
        if self._reloader is not None:
            self._reloader.close()
        self.sources.close()
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

    @property
    def region(self) -> str:
        """Where this gateway is; "" is unknown."""
        return self.config.region

    @property
    def ground(self) -> Ground:
        """What requests are prepared on at this moment."""
        return Ground(self.access.version, self.catalogue.version, self.standing.version)

    def notices(
        self, authorised: Authorised, resolution: Resolution, reached: Iterable[Dataset] = ()
    ) -> tuple[Notice, ...]:
        """What the reader of a request should know; of what it may have `reached` as well.

        Raises DatasetUnfit.
        """
        lends = any(body.lends for body in authorised.bodies.values())
        below = authorised.nested if lends else frozenset()
        read = authorised.grants.items()
        return notices_of(
            [*(grant.dataset for name, grant in read if name not in below), *reached],
            [grant.dataset for name, grant in read if name in below],
            self.standing,
            lambda dataset: declared_notices(dataset, resolution.successor(dataset)),
        )

    def viewpoint(self, principal: Principal, purpose: str, access: Access) -> Viewpoint:
        """What a principal may know of the mesh as it is now, by the policies of `access`."""
        return Viewpoint(
            principal,
            purpose,
            access,
            self.catalogue,
            self.standing,
            self.search,
            None if self.memory is None else self.memory.store,
            lambda: self.views.rows(access, principal, purpose),
        )

    def probe(self, dataset: Dataset) -> None:
        """Ask a dataset's source what it looks like. Raises GatewayError when it does not say."""
        try:
            self.sources.connector(dataset.binding).schema(dataset.binding.object)
        except SourceError as error:
            raise from_source(error) from error

    def check_view(self, access: Access, principal: Principal, purpose: str, view: Dataset) -> None:
        """Raise ViewBroken for a view that is known to be."""
        self.views.check(view, access, principal, purpose, self._upkeep)

    def suspect(self, datasets: Iterable[Dataset]) -> None:
        """Look soon at sources that a query has found changed."""
        self.views.suspect(datasets, self._upkeep)
