"""What is at hand of every dataset of a mesh, without making the whole of it."""

from __future__ import annotations

from dataclasses import dataclass

from connectors.interface import Binding
from gateway.model import UNPUBLISHED, Address, Artefact, Dataset
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


def resource(what: Dataset | Artefact) -> Resource:
    """What the policies know of a dataset, or of an artefact: that has no columns and no rows."""
    address, tags, unpublished = what.address, frozenset(what.tags), what.status in UNPUBLISHED
    if isinstance(what, Artefact):
        return Resource(
            str(address),
            address.domain,
            tags,
            requires_purpose=what.requires_purpose,
            unpublished=unpublished,
        )
    of_column = what.column_tags
    return Resource(
        str(address),
        address.domain,
        tags,
        tuple((name, frozenset(of_column.get(name, ()))) for name in what.schema.names),
        frozenset(what.row_filters),
        what.requires_row_filter,
        what.requires_purpose,
        unpublished,
        frozenset(what.purposes),
    )
