"""The graph of lineage: from a dataset or a column to what it is made of, and to what hangs on it.

Between datasets lead the definitions of views, one layer each; to artefacts and readers lead what
they declare, or have read. Nothing here asks for rights: whoever shows a trace gives it only what
its reader may know.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.lineage.model import Lineage, Subtype

WHOLE = ""
"""In place of a column: the dataset as a whole."""


class Kind(StrEnum):
    """What a node stands for."""

    DATASET = "dataset"
    VIEW = "view"
    ARTEFACT = "artefact"
    READER = "reader"


class Direction(StrEnum):
    """Towards what something is made of, or towards what hangs on it."""

    UPSTREAM = "upstream"
    DOWNSTREAM = "downstream"


@dataclass(frozen=True, slots=True, order=True)
class Node:
    """A column of a dataset or view, one of them as a whole, an artefact, or who reads.

    `uri` is an address with its version, or a principal's name.
    """

    uri: str
    column: str = WHOLE
    kind: Kind = Kind.DATASET

    def __str__(self) -> str:
        return f"{self.uri}#{self.column}" if self.column else self.uri


@dataclass(frozen=True, slots=True, order=True)
class Link:
    """The `target` is made with the `source`, as `how` says: a `Subtype`, ``uses`` or ``reads``.

    A reader has read `count` times, the last time in the hour `last` (``2026-01-31T12``, UTC).
    """

    source: Node
    target: Node
    how: str
    masking: bool = False
    count: int = 0
    last: str = ""

    @property
    def direct(self) -> bool:
        """Whether values flow, and not just decisions."""
        return self.how in set(Subtype) and Subtype(self.how).direct


Follow = Callable[[Node], Iterator[Link]]
"""One step along the graph: the links of a node that lead in one direction."""


@dataclass(frozen=True, slots=True)
class Trace:
    """What was found from `start` on: links in the order they were reached, each once."""

    start: Node
    direction: Direction
    links: tuple[Link, ...] = ()

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The start and everything that was reached."""
        found = {self.start: None}
        for link in self.links:
            found.update({link.source: None, link.target: None})
        return tuple(found)

    def reached(self, kind: Kind) -> tuple[str, ...]:
        """The URIs of a kind that were reached, sorted."""
        return tuple(sorted({n.uri for n in self.nodes if n.kind is kind} - {self.start.uri}))


@dataclass(frozen=True, slots=True)
class LineageGraph:
    """How views derive from what they read (by their addresses), and what else stands on datasets.

    A view's lineage names what its own text reads: other views are not looked through.
    """

    derivations: Mapping[str, Lineage] = field(default_factory=dict)
    uses: tuple[Link, ...] = ()

    def trace(self, start: Node, direction: Direction, depth: int | None = None) -> Trace:
        """Everything within `depth` links of `start`; all there is without a depth."""
        follow = (_upstream if direction is Direction.UPSTREAM else _downstream)(self)
        found: dict[Link, None] = {}
        seen = {(start.uri, start.column)}
        waiting = deque([(start, 0)])
        while waiting:
            node, distance = waiting.popleft()
            if depth is not None and distance >= depth:
                continue
            for link in follow(node):
                found.setdefault(link)
                following = link.source if direction is Direction.UPSTREAM else link.target
                key = (following.uri, following.column)
                if key not in seen and following.kind is not Kind.READER:
                    seen.add(key)
                    waiting.append((following, distance + 1))
        return Trace(start, direction, tuple(found))

    def node(self, uri: str, column: str = WHOLE) -> Node:
        """The node of a dataset or view."""
        return Node(uri, column, Kind.VIEW if uri in self.derivations else Kind.DATASET)


def _upstream(graph: LineageGraph) -> Follow:
    uses: dict[str, list[Link]] = {}
    for use in graph.uses:
        uses.setdefault(use.target.uri, []).append(use)

    def follow(node: Node) -> Iterator[Link]:
        yield from uses.get(node.uri, ())
        lineage = graph.derivations.get(node.uri)
        if lineage is not None:
            yield from _derived(graph, node, lineage)

    return follow


def _downstream(graph: LineageGraph) -> Follow:
    links: dict[str, list[Link]] = {}
    for uri, lineage in graph.derivations.items():
        for link in _derived(graph, graph.node(uri), lineage):
            links.setdefault(link.source.uri, []).append(link)
    for use in graph.uses:
        links.setdefault(use.source.uri, []).append(use)

    def follow(node: Node) -> Iterator[Link]:
        for link in links.get(node.uri, ()):
            if WHOLE in (node.column, link.source.column) or node.column == link.source.column:
                yield link

    return follow


def _derived(graph: LineageGraph, view: Node, lineage: Lineage) -> Iterator[Link]:
    """The links to a view, or to one column of it, from what it reads."""
    for output in lineage.outputs:
        if view.column in (WHOLE, output.name):
            target = graph.node(view.uri, output.name)
            for given in output.inputs:
                source = graph.node(given.dataset, given.column)
                yield Link(source, target, given.subtype, given.masking)
    whole = graph.node(view.uri)
    for given in lineage.whole:
        yield Link(graph.node(given.dataset, given.column), whole, given.subtype, given.masking)
    named = {given.dataset for output in lineage.outputs for given in output.inputs}
    named |= {given.dataset for given in lineage.whole}
    for dataset in lineage.datasets:
        if dataset not in named:  # its rows are counted, or there at all, whatever is in them
            yield Link(graph.node(dataset), whole, "uses")
