"""What every view of a mesh stands on, by the names in its query."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from connectors.interface import Moment
from gateway.catalogue.catalogue import Catalogue
from gateway.errors import AmbiguousDataset, GatewayError, UnknownDataset
from gateway.languages.request_languages import Parsed, parsed_view
from gateway.model import Dataset

MAX_LAYERS = 16
"""How many views may stand on each other."""


@dataclass(frozen=True, slots=True)
class Use:
    """A name in a view's query: the dataset it means, or why it means none."""

    name: tuple[str, ...]
    dataset: Dataset | None
    moment: Moment | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Stand:
    """A view, its query as a statement, and what that reads; or why it can not be read."""

    dataset: Dataset
    parsed: Parsed | None
    uses: tuple[Use, ...] = ()
    problem: str = ""

    @property
    def below(self) -> tuple[str, ...]:
        """The addresses it stands on, each once."""
        found = (str(use.dataset.address) for use in self.uses if use.dataset is not None)
        return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class Graph:
    """Every view by its address, those first that others stand on; one in a `cycle` is missing.

    `above` leads from an address to the views that stand straight on it, `sources` to the datasets
    below views that are none themselves.
    """

    views: Mapping[str, Stand]
    above: Mapping[str, tuple[str, ...]]
    sources: Mapping[str, Dataset]
    cycle: tuple[str, ...] = ()

    def dependents(self, addresses: Iterable[str]) -> frozenset[str]:
        """Every view that stands on one of them, through however many layers."""
        found, waiting = set[str](), list(addresses)
        while waiting:
            for view in self.above.get(waiting.pop(), ()):
                if view not in found:
                    found.add(view)
                    waiting.append(view)
        return frozenset(found)

    def sources_of(self, address: str) -> Iterator[Dataset]:
        """The datasets at the bottom of what stands at an address, that one itself if it is one."""
        seen, waiting = set[str](), [address]
        while waiting:
            current = waiting.pop()
            if current in seen:
                continue
            seen.add(current)
            if current in self.sources:
                yield self.sources[current]
            elif current in self.views:
                waiting += self.views[current].below


def graph_of(catalogue: Catalogue) -> Graph:
    """The graph of a catalogue. Names are resolved as for somebody who may see everything."""
    stands = {str(d.address): _stand(d, catalogue) for d in catalogue.views}
    above: dict[str, list[str]] = {}
    sources: dict[str, Dataset] = {}
    for address, stand in stands.items():
        for below in stand.below:
            above.setdefault(below, []).append(address)
        for use in stand.uses:
            if use.dataset is not None and use.dataset.view is None:
                sources[str(use.dataset.address)] = use.dataset
    order, cycle = _ordered(stands)
    return Graph(
        {address: stands[address] for address in order},
        {address: tuple(views) for address, views in above.items()},
        sources,
        cycle,
    )


def _stand(view: Dataset, catalogue: Catalogue) -> Stand:
    assert view.view is not None
    try:
        parsed = parsed_view(view.view)
    except GatewayError as error:
        return Stand(view, None, (), str(error))
    if parsed.remote:  # its reader would have to hold the right, and be shown the text
        return Stand(view, None, (), "a view may not hold a remote_query")
    uses = []
    for reference in parsed.references:
        try:
            found = catalogue.resolve(reference.parts, reference.version, lambda _: True)
        except (UnknownDataset, AmbiguousDataset) as error:
            if not reference.optional:
                named = ".".join(reference.parts)
                known = catalogue.named(reference.parts)
                problem = error.message if known else f"there is no dataset {named}"
                uses.append(Use(reference.name, None, reference.moment, problem))
            continue
        uses.append(Use(reference.name, found, reference.moment))
    return Stand(view, parsed, tuple(uses))


def _ordered(stands: Mapping[str, Stand]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The views in an order in which each comes after those it stands on; and the first cycle."""
    remaining, cycle = dict(stands), tuple[str, ...]()
    while True:
        below = {a: [b for b in s.below if b in remaining] for a, s in remaining.items()}
        try:
            return tuple(TopologicalSorter(below).static_order()), cycle
        except CycleError as error:
            around: list[str] = list(reversed(error.args[1]))
            cycle = cycle or tuple(around)
            for address in around:
                remaining.pop(address, None)
