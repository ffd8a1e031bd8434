"""The authorise stage: what a principal may know of, and which columns of it may be read."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pyarrow as pa

from gateway.errors import AccessDenied
from gateway.model import Dataset, Principal
from policies.decide import Authoriser, Context, Decision

DISCOVER, READ = "discover", "read"
PURPOSE_COLUMN = 4
"""Of a ``p`` row, its type not counted."""


@dataclass(frozen=True, slots=True)
class Access:
    """Asks the policies on behalf of requests. Every answer is no unless a row says yes."""

    authoriser: Authoriser

    @property
    def version(self) -> str:
        """Changes whenever a decision could change."""
        return self.authoriser.snapshot.version

    def purposes(self, principal: Principal) -> frozenset[str]:
        """The purposes the principal may declare: those named where something is allowed to it,
        as far as its identity may declare them."""
        rows = self.authoriser.snapshot.rows_for(principal.name, principal.roles)
        named = {
            purpose
            for row in rows
            if row.columns[-1] == "allow"
            for purpose in row.columns[PURPOSE_COLUMN].split("|")
        } - {"*"}
        if principal.purposes is not None:
            named &= set(principal.purposes)
        return frozenset(named)

    def check_purpose(self, principal: Principal, purpose: str) -> None:
        """AccessDenied unless the principal may declare the purpose; none at all is fine."""
        if purpose and purpose not in self.purposes(principal):
            raise AccessDenied(
                f"the purpose {purpose} is not granted to you", hint="declare one that is, or none"
            )

    def decide(
        self, principal: Principal, dataset: Dataset, action: str, purpose: str = ""
    ) -> Decision:
        """Whether the principal may do `action` to the dataset, for a purpose it may declare."""
        return self.authoriser.decide(
            principal.name,
            principal.roles,
            str(dataset.address),
            dataset.address.domain,
            action,
            _context(dataset, principal, purpose),
        )

    def may(self, principal: Principal, dataset: Dataset, action: str, purpose: str = "") -> bool:
        """`decide` without the reason."""
        return self.decide(principal, dataset, action, purpose).allowed

    def readable(self, principal: Principal, dataset: Dataset, purpose: str = "") -> Dataset:
        """The dataset as the principal may read it: without the columns denied to it."""
        tags = {name: dataset.column_tags.get(name, ()) for name in dataset.schema.names}
        denied = self.authoriser.denied_columns(
            principal.name,
            principal.roles,
            str(dataset.address),
            dataset.address.domain,
            READ,
            _context(dataset, principal, purpose),
            tags,
        )
        if not denied:
            return dataset
        return replace(
            dataset,
            schema=pa.schema([f for f in dataset.schema if f.name not in denied]),
            primary_key=() if denied & set(dataset.primary_key) else dataset.primary_key,
            column_tags={n: t for n, t in dataset.column_tags.items() if n not in denied},
        )


def _context(dataset: Dataset, principal: Principal, purpose: str) -> Context:
    return Context(purpose, principal.region, frozenset(dataset.tags))
