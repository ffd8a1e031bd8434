"""The views of a gateway: whether they stand, told to each caller in the words it may read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from gateway.authorisation import ADMIN, Access
from gateway.catalogue.catalogue import Catalogue
from gateway.catalogue.problems import catalogue_error
from gateway.catalogue.shelf import Shelf
from gateway.errors import UserError, ViewBroken
from gateway.memory.memory import Memory
from gateway.model import Address, Dataset, Principal
from gateway.notices import Standing
from gateway.sources import Sources
from gateway.upkeep import Task, Upkeep
from gateway.views.graph import graph_of
from gateway.views.health import Health, Level
from gateway.views.journal import HealthJournal
from gateway.views.look import looked_at
from gateway.views.problems import view_problems
from gateway.views.rows import Knows, ViewRow, view_rows
from gateway.views.watch import ViewWatch

NAME = "views"
"""What the task that watches over them is called."""


def loaded(mesh: Path, shelf: Shelf | None = None, before: Catalogue | None = None) -> Catalogue:
    """`Catalogue.load`, the views included. Raises CatalogueError.

    What a view stands on may have changed since: that is no mistake of the folder's.
    """
    catalogue = Catalogue.load(mesh, shelf, before)
    if problems := list(view_problems(graph_of(catalogue))):
        raise catalogue_error(str(mesh), problems)
    return catalogue


class CuratedViews:
    """Views over the catalogue that a gateway has at the time. Safe to use from many threads."""

    def __init__(
        self,
        catalogue: Callable[[], Catalogue],
        sources: Sources,
        standing: Standing,
        memory: Memory | None,
    ) -> None:
        self._catalogue = catalogue
        self._sources = sources
        self.watch = ViewWatch(
            catalogue,
            lambda dataset: looked_at(dataset, sources.schema),
            standing,
            None if memory is None else HealthJournal(memory.store),
        )

    def task(self, seconds: float) -> Task:
        """The task that looks after them."""
        return Task(NAME, seconds, self.watch.turn)

    def rows(self, access: Access, principal: Principal, purpose: str) -> list[ViewRow]:
        """The views the principal may know of and how they are, by address."""
        return self._shown(self._catalogue().views, self.watch.healths, access, principal, purpose)

    def refresh(
        self, address: Address, access: Access, principal: Principal, purpose: str = ""
    ) -> list[ViewRow]:
        """Look at a dataset's source now, or at those below a view: the views that stand on it.

        It takes `admin` on the dataset: for anybody else there is none. Raises GatewayError.
        """

        def admits(dataset: Dataset) -> bool:
            return access.may(principal, dataset, ADMIN, purpose)

        parts = (address.domain, address.product, address.dataset)
        dataset = self._catalogue().resolve(parts, address.version, admits)
        healths = self.watch.refresh(dataset)
        for source in self.watch.graph.sources_of(str(dataset.address)):
            self._sources.forget(source)
        touched = [view for view in self._catalogue().views if str(view.address) in healths]
        return self._shown(touched, healths, access, principal, purpose)

    def check(
        self, view: Dataset, access: Access, principal: Principal, purpose: str, upkeep: Upkeep
    ) -> None:
        """Raise ViewBroken for a view that is known to be, in the words its reader may read."""
        health = self.watch.healths.get(str(view.address))
        if health is None or health.level is not Level.BROKEN:
            return
        if self.watch.suspect_below(view):  # it may have been mended
            upkeep.hasten(NAME)
        (row,) = self._rows([view], {health.dataset: health}, access, principal, purpose)
        raise ViewBroken(
            f"the view {view.address} is broken: {row.reason}",
            hint="its owner mends it, or what it stands on",
        )

    def suspect(self, datasets: Iterable[Dataset], upkeep: Upkeep) -> None:
        """Look soon at sources that a query has found changed."""
        if self.watch.suspect(datasets):
            upkeep.hasten(NAME)

    def _shown(
        self,
        views: Iterable[Dataset],
        healths: Mapping[str, Health],
        access: Access,
        principal: Principal,
        purpose: str,
    ) -> list[ViewRow]:
        found = (access.discoverable(principal, view, purpose) for view in views)
        seen = [view for view in found if view is not None]
        return self._rows(seen, healths, access, principal, purpose)

    def _rows(
        self,
        views: Iterable[Dataset],
        healths: Mapping[str, Health],
        access: Access,
        principal: Principal,
        purpose: str,
    ) -> list[ViewRow]:
        def looks_after(view: Dataset) -> bool:
            return access.may(principal, view, ADMIN, purpose)

        knows = _knowing(self._catalogue(), access, principal, purpose)
        return list(view_rows(views, healths, knows, looks_after))


def _knowing(catalogue: Catalogue, access: Access, principal: Principal, purpose: str) -> Knows:
    """Whether the principal may know of a dataset and a column, by address and name."""

    def knows(address: str, column: str) -> bool:
        try:
            dataset = catalogue.get(Address.parse(address))
        except UserError:  # there is none, or there is none any more
            return False
        seen = access.discoverable(principal, dataset, purpose)
        return seen is not None and (not column or column in seen.schema.names)

    return knows
