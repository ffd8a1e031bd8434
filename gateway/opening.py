"""The open stage: what was authorised, as tables of sources and views that stand on others."""

from __future__ import annotations

from dataclasses import replace

from connectors.interface import SourceError
from gateway.changed_sources import below_view
from gateway.errors import GatewayError, SchemaDrift, UnknownSnapshot, Unsupported, from_source
from gateway.model import SYSTEM, Dataset
from gateway.plan.source import Tables, View, Views
from gateway.resolution import Authorised
from gateway.sources import Sources
from gateway.system.system import SystemSource


def opened(authorised: Authorised, sources: Sources, own: SystemSource) -> tuple[Tables, Views]:
    """Tables for what lives in sources, and views for what stands on others.

    System tables are in a source that is the request's `own`.
    Raises GatewayError for a source that does not answer, or no longer keeps its contract.
    """
    tables, views = {}, {}
    lends = any(body.lends for body in authorised.bodies.values())
    try:
        for name, grant in authorised.grants.items():
            nested = name in authorised.nested
            body = authorised.bodies.get(name)
            if grant.dataset.address.domain == SYSTEM:
                tables[name] = own.opened(grant.dataset, grant.security)
                continue
            if body is None:
                moment, needed = authorised.moments.get(name), authorised.needed.get(name)
                try:
                    table = sources.open(grant.dataset, grant.security, moment, needed)
                except (SchemaDrift, UnknownSnapshot, Unsupported) as error:
                    if nested and lends:
                        raise below_view(error) from error
                    raise
                tables[name] = replace(table, nested=True) if nested else table
                continue
            if name in authorised.moments:
                raise _view_of_the_past(grant.dataset, hidden=nested and lends)
            text, tree = body.statement.text, body.statement.tree
            views[name] = View(
                grant.dataset, grant.security, text, tree, body.names, nested, body.lends
            )
    except SourceError as error:
        raise from_source(error) from error
    return tables, views


def _view_of_the_past(view: Dataset, *, hidden: bool) -> GatewayError:
    error = Unsupported(
        f"{view.address} is a view, which keeps no former states",
        hint="ask for the version or time of what it stands on",
    )
    return below_view(error) if hidden else error
