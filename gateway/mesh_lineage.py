"""The lineage of a mesh: what its views are made of, what its artefacts use, who reads what."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from gateway.catalogue.catalogue import Catalogue
from gateway.errors import GatewayError, UnknownColumn, UnknownDataset, did_you_mean
from gateway.languages import sql
from gateway.lineage.columns import lineage_of
from gateway.lineage.graph import WHOLE, Direction, Kind, LineageGraph, Link, Node, Trace
from gateway.lineage.model import Lineage
from gateway.lineage.relation import Stored, Untold
from gateway.memory.store import Store
from gateway.model import QUALITY_PRINCIPAL, Address, Artefact, Dataset
from gateway.views.graph import Graph, Stand, graph_of

_log = logging.getLogger(__name__)

_HOUR = "%Y-%m-%dT%H"


def mesh_lineage(catalogue: Catalogue) -> LineageGraph:
    """What every view is made of, one layer each, and what artefacts say that they use.

    Of a view whose query can not be understood it is only said what it stands on.
    """
    graph: Graph = graph_of(catalogue)
    derivations = {address: _derivation(stand) for address, stand in graph.views.items()}
    found = LineageGraph(derivations)
    uses = (use for artefact in catalogue.artefacts for use in _uses(artefact, catalogue, found))
    return replace(found, uses=tuple(uses))


def _derivation(stand: Stand) -> Lineage:
    datasets = {use.name: use.dataset for use in stand.uses if use.dataset is not None}
    names = stand.dataset.schema.names
    if stand.parsed is not None and not stand.problem:
        schemas = {name: dataset.schema for name, dataset in datasets.items()}
        read = {
            name: Stored(str(dataset.address), dataset.schema.names)
            for name, dataset in datasets.items()
        }
        try:
            parsed = stand.parsed
            statement = parsed if isinstance(parsed, sql.Statement) else parsed.translated(schemas)
            return lineage_of(statement.tree, read, names)
        except (Untold, RecursionError, GatewayError) as reason:
            _log.info("the view %s is not understood: %s", stand.dataset.address, reason)
    below = sorted({str(dataset.address) for dataset in datasets.values()})
    return Lineage((), datasets=tuple(below), exact=False)


def _uses(artefact: Artefact, catalogue: Catalogue, graph: LineageGraph) -> Iterator[Link]:
    target = Node(str(artefact.address), WHOLE, Kind.ARTEFACT)
    for address in artefact.uses:
        found = _meant(catalogue, graph, address)
        if found is not None:
            yield Link(found, target, "uses")


def _meant(catalogue: Catalogue, graph: LineageGraph, address: Address) -> Node | None:
    artefact = catalogue.artefact(address)
    if artefact is not None:
        return Node(str(artefact.address), WHOLE, Kind.ARTEFACT)
    try:
        dataset = catalogue.get(address)
    except UnknownDataset:  # it is gone, or retired
        return None
    return graph.node(str(dataset.address), address.column or WHOLE)


def with_readers(trace: Trace, store: Store, since: datetime | None = None) -> Trace:
    """A trace downstream with those who have read what was reached, as far as is remembered."""
    if trace.direction is not Direction.DOWNSTREAM:
        return trace
    links = list(trace.links)
    whole = {node.uri for node in trace.nodes if node.column == WHOLE}
    for node in trace.nodes:
        named = node.column == WHOLE or node.uri not in whole  # who reads all of it, reads each
        if node.kind in (Kind.DATASET, Kind.VIEW) and named:
            links += _reads(node, store, since)
    return replace(trace, links=tuple(links))


def _reads(node: Node, store: Store, since: datetime | None) -> Iterator[Link]:
    """Who has read a column, or anything of a dataset: the sums that usage keeps by the hour."""
    from_hour = since.astimezone(UTC).strftime(_HOUR) if since else ""
    named = node.column != WHOLE
    column = (
        " AND EXISTS (SELECT 1 FROM reading_column c WHERE c.reading = r.id AND c.name = ?)"
        if named
        else ""
    )
    rows = store.rows(
        "SELECT u.principal, sum(u.runs), max(u.hour) FROM usage_dataset u"
        " JOIN reading r ON r.id = u.reading"
        f" WHERE r.address = ? AND u.hour >= ? AND u.runs > 0 AND u.principal <> ?{column}"
        " GROUP BY u.principal ORDER BY u.principal",
        (node.uri, from_hour, QUALITY_PRINCIPAL, *((node.column,) if named else ())),
    )
    for principal, runs, hour in rows:
        reader = Node(principal, WHOLE, Kind.READER)
        yield Link(node, reader, "reads", count=int(runs), last=hour)


def known_part(trace: Trace, known: Callable[[Link], bool]) -> Trace:
    """The trace without links that are not `known`, and what is only reached through them."""
    links = [link for link in trace.links if known(link)]
    upstream = trace.direction is Direction.UPSTREAM
    reached = {trace.start.uri: {trace.start.column}}
    kept: dict[Link, None] = {}
    before = -1
    while len(kept) > before:
        before = len(kept)
        for link in links:
            near, far = (link.target, link.source) if upstream else (link.source, link.target)
            columns = reached.get(near.uri, set())
            if near.column in columns or WHOLE in columns or (columns and near.column == WHOLE):
                kept.setdefault(link)
                reached.setdefault(far.uri, set()).add(far.column)
    return replace(trace, links=tuple(kept))


def start_of(catalogue: Catalogue, graph: LineageGraph, address: Address) -> Node:
    """Where a trace begins: a dataset, or an artefact. Raises UnknownDataset, UnknownColumn."""
    artefact = catalogue.artefact(address)
    if artefact is not None:
        return Node(str(artefact.address), WHOLE, Kind.ARTEFACT)
    dataset, column = _dataset(catalogue, address), address.column or WHOLE
    known = dataset.schema.names
    if column not in (WHOLE, *known):
        hint = did_you_mean(column, known)
        raise UnknownColumn(f"{dataset.address} has no column {column}", hint=hint)
    return graph.node(str(dataset.address), column)


def _dataset(catalogue: Catalogue, address: Address) -> Dataset:
    try:
        return catalogue.get(address)
    except UnknownDataset as error:
        parts = (address.domain, address.product, address.dataset)
        hint = error.hint or catalogue.suggestion(parts)
        raise UnknownDataset(f"there is no dataset {address}", hint=hint) from None
