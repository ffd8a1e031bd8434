"""What is at hand of every dataset of a mesh, without making the whole of it."""

from __future__ import annotations

from dataclasses import dataclass

from connectors.interface import Binding
from gateway.model import UNPUBLISHED, Address, Dataset
from policies.estate import Traits
from policies.request import Resource

Source = tuple[str, str, tuple[tuple[str, str], ...]]
"""Connector, URI and options of a binding: equal where one connector serves."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A dataset's address, its status, what policies go by, and where its rows are.

    A view has no `source`. `bound` says whether rows may be in certain regions only.
    """

    address: Address
    status: str
    traits: Traits
    source: Source | None
    bound: bool = False


def entry_of(dataset: Dataset) -> Entry:
    """That of a dataset."""
    source = None if dataset.view is not None else source_of(dataset.binding)
    traits = Traits.of(resource(dataset))
    return Entry(dataset.address, dataset.status, traits, source, dataset.residency is not None)


def source_of(binding: Binding) -> Source:
    """Where a binding leads, without which object is there."""
    return (binding.connector, binding.uri, tuple(sorted(binding.options.items())))


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
        dataset.status in UNPUBLISHED,
        frozenset(dataset.purposes),
    )
