"""The authorise stage: what a caller may know of, and under which obligations it may read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import pyarrow as pa
from cachetools import LRUCache
from sqlglot import exp

from gateway.catalogue.entries import resource
from gateway.errors import ResidencyViolation
from gateway.model import Artefact, Dataset, Principal
from gateway.plan.security import Security
from policies.decide import Authoriser, Context, Decision, Pinned, Resource, Subject
from policies.estate import Estate
from policies.filters import bind, parse_row_filter, session_attributes
from policies.masks import effective, parse_mask
from policies.memory import Memory
from policies.outlook import Outlook

DISCOVER, READ, PUBLISH, ADMIN = "discover", "read", "publish", "admin"
REMOTE_QUERY = "remote_query"

REMEMBERED = 4096
"""How many callers' views of datasets are kept made up."""

MAX_RESOURCES = 16_384
"""Of how many datasets it is remembered what policies know of them."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A dataset as one caller may read it, what secures it, and the decision behind both."""

    dataset: Dataset
    security: Security
    decision: Decision


class Mesh(Protocol):
    """All datasets, each at the position it has in the estate."""

    @property
    def datasets(self) -> Sequence[Dataset]: ...

    @property
    def estate(self) -> Estate: ...


@dataclass(slots=True)
class Access:
    """Asks the policies on behalf of requests. Every answer is no unless a row says yes.

    `product_key` gives the key of a product's hashes; `region` is where this gateway is ("" is
    unknown).
    """

    authoriser: Authoriser | Pinned
    product_key: Callable[[str, str], bytes]
    region: str = ""
    _resources: Memory[int, tuple[Dataset | Artefact, Resource]] = field(
        default_factory=lambda: Memory(MAX_RESOURCES)
    )
    _grants: LRUCache[tuple[object, ...], tuple[Dataset, Grant]] = field(
        default_factory=lambda: LRUCache(REMEMBERED)
    )
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def version(self) -> str:
        """Changes whenever a decision could change."""
        return self.authoriser.version

    def pinned(self) -> Access:
        """The same with the policies of this instant: for everything one request asks.

        Else a change of policies between two questions mixes them: one dataset as it was, another
        as it is, or a view's owner who may publish by the old ones and not read by the new.
        """
        return replace(self, authoriser=self.authoriser.pinned())

    def purposes(self, principal: Principal) -> frozenset[str]:
        """The purposes the principal may declare."""
        return self.authoriser.granted_purposes(_subject(principal))

    def decide(
        self, principal: Principal, what: Dataset | Artefact, action: str, purpose: str = ""
    ) -> Decision:
        """Whether the principal may do `action` to it, and what of a dataset it owes then."""
        return self.authoriser.decide(
            _subject(principal),
            self._resource(what),
            action,
            Context(purpose, principal.region),
        )

    def may(
        self, principal: Principal, what: Dataset | Artefact, action: str, purpose: str = ""
    ) -> bool:
        """`decide` without the reason."""
        return self.decide(principal, what, action, purpose).allowed

    def outlook(self, principal: Principal, purpose: str, mesh: Mesh) -> Outlook:
        """What the principal may do with every dataset of a mesh: just what `decide` says of each.

        Whoever asks about many datasets asks this; it is worked out once for each caller.
        """
        datasets = mesh.datasets
        return self.authoriser.outlook(
            _subject(principal),
            Context(purpose, principal.region),
            mesh.estate,
            lambda position: self._resource(datasets[position]),
        )

    def visible(self, principal: Principal, purpose: str, mesh: Mesh) -> list[Dataset]:
        """Every dataset that is `discoverable`, as that gives it, in the order of the mesh."""
        outlook = self.outlook(principal, purpose, mesh)
        unchanged, found = outlook.unchanged, []
        for position in np.flatnonzero(outlook.discoverable).tolist():
            dataset = mesh.datasets[position]
            if not unchanged[position]:
                seen = self.discoverable(principal, dataset, purpose)
                if seen is None:
                    continue
                dataset = seen
            found.append(dataset)
        return found

    def forget_meshes(self) -> None:
        """Let go of what was worked out over a whole mesh: it has been replaced."""
        self.authoriser.pinned().outlooks.clear()

    def discoverable(
        self, principal: Principal, dataset: Dataset, purpose: str = ""
    ) -> Dataset | None:
        """The dataset with the columns the principal may know of; None when it may not itself."""
        known = self.decide(principal, dataset, DISCOVER, purpose)
        if not known.allowed:
            return None
        read = self.decide(principal, dataset, READ, purpose)
        return _seen(dataset, read if read.allowed else known)

    def grant(
        self, principal: Principal, dataset: Dataset, decision: Decision, purpose: str
    ) -> Grant:
        """What an allowed decision to read comes to. Raises ResidencyViolation."""
        minimum_rows = self.minimum_rows(principal, dataset)
        # A decision is one object as long as it holds, and keeps its dataset's rules.
        key = (id(decision), id(dataset), principal.name, principal.region, purpose)
        with self._lock:
            known = self._grants.get(key)
        if known is not None and known[0] is dataset and known[1].decision is decision:
            return known[1]
        security = self._security(principal, dataset, decision, purpose, minimum_rows)
        made = Grant(_seen(dataset, decision), security, decision)
        with self._lock:
            self._grants[key] = (dataset, made)
        return made

    def _security(
        self,
        principal: Principal,
        dataset: Dataset,
        decision: Decision,
        purpose: str,
        minimum_rows: int | None,
    ) -> Security:
        types = {f.name: f.type for f in dataset.schema}
        masks = {c: effective(parse_mask(mask), types[c]) for c, mask in decision.masks}
        address = dataset.address
        return Security(
            raw=dataset.schema,
            row_filter=_row_filter(dataset, decision, _attributes(principal, purpose)),
            masks=masks,
            key=self.product_key(address.domain, address.product) if masks else b"",
            minimum_rows=minimum_rows,
            rows_may_come=minimum_rows is None or self._holds(dataset),
            discloses=self.may(principal, dataset, PUBLISH, purpose)
            or self.may(principal, dataset, ADMIN, purpose),
        )

    def minimum_rows(self, principal: Principal, dataset: Dataset) -> int | None:
        """How many rows a group must have to leave the dataset's region; None: no limit.

        Rows go to this gateway and on to the caller: both must be known to be inside.
        """
        residency = dataset.residency
        if residency is None:
            return None
        regions = residency.regions
        if self.region in regions and principal.region in regions:
            return None
        if residency.minimum_rows is None:
            where = "this gateway" if self.region not in regions else "you"
            raise ResidencyViolation(
                f"rows of {dataset.address} may not leave {' or '.join(regions)},"
                f" and {where} can not be shown to be there",
                hint="ask through a gateway in that region, as somebody who is known to be in it",
            )
        return residency.minimum_rows

    def _holds(self, dataset: Dataset) -> bool:
        residency = dataset.residency
        return residency is None or self.region in residency.regions

    def _resource(self, what: Dataset | Artefact) -> Resource:
        known = self._resources.get(id(what))
        if known is None or known[0] is not what:
            known = (what, resource(what))
            self._resources.put(id(what), known)
        return known[1]


def _subject(principal: Principal) -> Subject:
    return Subject(principal.name, principal.roles, principal.purposes)


def _attributes(principal: Principal, purpose: str) -> Mapping[str, str]:
    """What a row filter may ask of the session."""
    return session_attributes(principal.name, principal.region, purpose)


def _row_filter(
    dataset: Dataset, decision: Decision, attributes: Mapping[str, str]
) -> exp.Expr | None:
    """Any of the permissive filters, and every restrictive one."""
    types = {f.name: f.type for f in dataset.schema}

    def tree(filter_id: str) -> exp.Expr:
        return exp.Paren(
            this=bind(parse_row_filter(dataset.row_filters[filter_id], types), attributes)
        )

    parts = [tree(filter_id) for filter_id in decision.restrictive]
    if decision.permissive:
        any_of = tree(decision.permissive[0])
        for filter_id in decision.permissive[1:]:
            any_of = exp.Or(this=any_of, expression=tree(filter_id))
        parts.insert(0, exp.Paren(this=any_of))
    if not parts:
        return None
    whole = parts[0]
    for part in parts[1:]:
        whole = exp.And(this=whole, expression=part)
    return whole


def _seen(dataset: Dataset, decision: Decision) -> Dataset:
    """The dataset without the columns denied; masked ones may be NULL whatever they were."""
    masked = {column for column, _ in decision.masks}
    if not decision.denied_columns and not masked:
        return dataset
    denied = decision.denied_columns
    fields = [
        f.with_nullable(True) if f.name in masked else f
        for f in dataset.schema
        if f.name not in denied
    ]
    return replace(
        dataset,
        schema=pa.schema(fields),
        primary_key=() if denied & set(dataset.primary_key) else dataset.primary_key,
        foreign_keys=tuple(k for k in dataset.foreign_keys if not denied & set(k.columns)),
        column_tags={n: t for n, t in dataset.column_tags.items() if n not in denied},
        terms={n: t for n, t in dataset.terms.items() if n not in denied},
        classifications={n: c for n, c in dataset.classifications.items() if n not in denied},
    )
