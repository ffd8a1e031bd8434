"""The domain ``system`` as one gateway offers it: its tables by name, who may read them, as whom.

Every caller may read them, unless a policy denies it: each row is there only for those who may know
what it says.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache

import pyarrow as pa

from connectors.capabilities import Capabilities
from connectors.interface import SourceError, SourceErrorCode, SourceKey
from gateway.authorisation import READ, Access
from gateway.catalogue.catalogue import FULL_NAME
from gateway.model import SYSTEM, Dataset, Principal
from gateway.plan.security import Security
from gateway.plan.source import Table
from gateway.system.table import SystemTable
from gateway.system.tables import TABLES
from gateway.system.viewpoint import Equal, Viewpoint
from policies.decide import Decision


class System:
    """The system tables of a gateway. Immutable."""

    def __init__(self, tables: Sequence[SystemTable] = TABLES) -> None:
        self._tables = {(table.product, table.name): table for table in tables}
        self.datasets = tuple(
            sorted((table.dataset for table in tables), key=lambda dataset: dataset.address)
        )

    def holds(self, namespace: tuple[str, ...]) -> bool:
        """Whether a catalog and perhaps a schema are here."""
        domain, product = (*map(str.casefold, namespace), "", "")[:2]
        return domain == SYSTEM and (not product or product in {p for p, _ in self._tables})

    def named(
        self, parts: tuple[str, ...], version: str | None, namespace: tuple[str, ...] = ()
    ) -> Dataset | None:
        """The table a name means, in full or within a `namespace` of this domain; None: none here.

        A short name alone never does: nothing of the mesh becomes ambiguous by tables of ours.
        """
        names = tuple(map(str.casefold, parts))
        if len(names) < FULL_NAME and self.holds(namespace):
            names = (*map(str.casefold, namespace[: FULL_NAME - len(names)]), *names)
        if len(names) != FULL_NAME or names[0] != SYSTEM:
            return None
        found = self._tables.get((names[1], names[2]))
        if found is None or version not in (None, found.dataset.address.version):
            return None
        return found.dataset

    def decide(
        self, principal: Principal, dataset: Dataset, access: Access, purpose: str
    ) -> Decision:
        """Whether the principal may read a table here: unless a policy denies it."""
        decision = access.decide(principal, dataset, READ, purpose)
        if decision.allowed or any(row.effect == "deny" for row in decision.rules):
            return decision
        return _for_everybody(decision.policy_version)

    def visible(self, principal: Principal, access: Access, purpose: str) -> list[Dataset]:
        """The tables the principal may read, with the columns it may."""
        found = []
        for dataset in self.datasets:
            decision = self.decide(principal, dataset, access, purpose)
            if decision is _for_everybody(decision.policy_version):
                found.append(dataset)
            elif decision.allowed:
                found.append(access.grant(principal, dataset, decision, purpose).dataset)
        return found

    def products(
        self, principal: Principal, access: Access, purpose: str
    ) -> tuple[tuple[str, str], ...]:
        """The domain and product of all that is `visible`, each pair once, in order."""
        seen = self.visible(principal, access, purpose)
        return tuple(dict.fromkeys((d.address.domain, d.address.product) for d in seen))

    def source(self, viewpoint: Callable[[], Viewpoint]) -> SystemSource:
        """The tables as one request reads them; its viewpoint is taken when it begins to."""
        return SystemSource(self._tables, viewpoint)


@lru_cache(maxsize=8)
def _for_everybody(policy_version: str) -> Decision:
    """One decision for all who have no row of their own: grants are remembered by decisions."""
    return Decision(True, "everybody may read system tables", (), policy_version)


class SystemSource:
    """The system tables of one request: each is made once, so that it is the same wherever read."""

    capabilities = Capabilities()

    def __init__(
        self, tables: Mapping[tuple[str, str], SystemTable], viewpoint: Callable[[], Viewpoint]
    ) -> None:
        self._tables = {f"{p}.{name}": table for (p, name), table in tables.items()}
        self._take = viewpoint
        self._lock = threading.Lock()
        self._made: dict[tuple[str, tuple[tuple[str, object], ...]], pa.Table] = {}

    @cached_property
    def _viewpoint(self) -> Viewpoint:
        return self._take()

    @property
    def source_key(self) -> SourceKey:
        """The gateway itself."""
        return SourceKey(SYSTEM, "tables")

    def opened(self, dataset: Dataset, security: Security) -> Table:
        """One of the tables, for this request alone."""
        return Table(dataset, self, None, security, shared=False)

    def schema(self, object_name: str) -> pa.Schema:
        """The columns of a table. Raises SourceError for one that is not there."""
        return self._table(object_name).schema

    def rows(self, object_name: str, equal: Equal) -> Iterator[pa.RecordBatch]:
        """The rows of a table that the request may see. Raises GatewayError, SourceError."""
        table = self._table(object_name)
        asked = (object_name, tuple(sorted(equal.items())))
        with self._lock:
            made = self._made.get(asked)
            if made is None:
                made = self._made[asked] = table.rows(self._viewpoint, equal)
        return iter(made.to_batches())

    def close(self) -> None:
        """Nothing is held open."""

    def _table(self, object_name: str) -> SystemTable:
        found = self._tables.get(object_name)
        if found is None:
            raise SourceError(
                SourceErrorCode.OBJECT_NOT_FOUND, f"there is no system table {object_name}"
            )
        return found
