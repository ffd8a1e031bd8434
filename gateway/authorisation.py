"""The authorise stage: what a principal may know of, and which columns of it may be read."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pyarrow as pa

from gateway.model import Dataset, Principal
from policies.decide import Authoriser, Context, Decision, Resource, Subject

DISCOVER, READ = "discover", "read"


@dataclass(frozen=True, slots=True)
class Access:
    """Asks the policies on behalf of requests. Every answer is no unless a row says yes."""

    authoriser: Authoriser

    @property
    def version(self) -> str:
        """Changes whenever a decision could change."""
        return self.authoriser.version

    def decide(self, principal: Principal, dataset: Dataset, action: str) -> Decision:
        """Whether the principal may do `action` to the dataset."""
        decision = self.authoriser.decide(
            Subject(principal.name, principal.roles, principal.purposes),
            resource(dataset),
            action,
            Context(region=principal.region),
        )
        if decision.permissive or decision.restrictive or decision.masks:
            return replace(decision, allowed=False, reason="row filters and masks are not applied")
        return decision

    def may(self, principal: Principal, dataset: Dataset, action: str) -> bool:
        """`decide` without the reason."""
        return self.decide(principal, dataset, action).allowed

    def readable(self, principal: Principal, dataset: Dataset) -> Dataset:
        """The dataset as the principal may read it: without the columns denied to it."""
        decision = self.decide(principal, dataset, READ)
        denied = decision.denied_columns if decision.allowed else set(dataset.schema.names)
        if not denied:
            return dataset
        return replace(
            dataset,
            schema=pa.schema([f for f in dataset.schema if f.name not in denied]),
            primary_key=() if set(denied) & set(dataset.primary_key) else dataset.primary_key,
            column_tags={n: t for n, t in dataset.column_tags.items() if n not in denied},
        )


def resource(dataset: Dataset) -> Resource:
    """What the policies know of a dataset."""
    tags = dataset.column_tags
    return Resource(
        str(dataset.address),
        dataset.address.domain,
        frozenset(dataset.tags),
        tuple((name, frozenset(tags.get(name, ()))) for name in dataset.schema.names),
        frozenset(dataset.row_filters),
        dataset.requires_row_filter,
        dataset.requires_purpose,
    )
