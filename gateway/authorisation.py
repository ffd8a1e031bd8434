"""The authorise stage: what a principal may know of, and which columns of it may be read."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pyarrow as pa

from gateway.model import Dataset, Principal
from policies.decide import Authoriser, Context, Decision

DISCOVER, READ = "discover", "read"


@dataclass(frozen=True, slots=True)
class Access:
    """Asks the policies on behalf of requests. Every answer is no unless a row says yes."""

    authoriser: Authoriser

    @property
    def version(self) -> str:
        """Changes whenever a decision could change."""
        return self.authoriser.snapshot.version

    def decide(self, principal: Principal, dataset: Dataset, action: str) -> Decision:
        """Whether the principal may do `action` to the dataset."""
        return self.authoriser.decide(
            principal.name,
            principal.roles,
            str(dataset.address),
            dataset.address.domain,
            action,
            _context(dataset),
        )

    def may(self, principal: Principal, dataset: Dataset, action: str) -> bool:
        """`decide` without the reason."""
        return self.decide(principal, dataset, action).allowed

    def readable(self, principal: Principal, dataset: Dataset) -> Dataset:
        """The dataset as the principal may read it: without the columns denied to it."""
        tags = {name: dataset.column_tags.get(name, ()) for name in dataset.schema.names}
        denied = self.authoriser.denied_columns(
            principal.name,
            principal.roles,
            str(dataset.address),
            dataset.address.domain,
            READ,
            _context(dataset),
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


def _context(dataset: Dataset) -> Context:
    return Context(tags=frozenset(dataset.tags))
