"""Errors of sources that have changed under a running gateway, told as what they are."""

from __future__ import annotations

import logging

from connectors.interface import SourceError, SourceErrorCode
from gateway.errors import GatewayError, InternalError, SchemaDrift
from gateway.plan.disclosure import guarded
from gateway.plan.plan import Plan
from gateway.sources import Sources

_log = logging.getLogger(__name__)

_OF_CHANGED_SOURCES = frozenset({SourceErrorCode.REJECTED.value, InternalError.code})
"""Errors that a column of another type than its contract's may be behind."""


def explained(error: GatewayError, plan: Plan, sources: Sources) -> GatewayError:
    """What a source rejects, or the engine trips over, may have changed under its contract.

    The error as its caller may see it, or the SchemaDrift that is behind it.
    """
    if error.code not in _OF_CHANGED_SOURCES:
        return guarded(error, plan)
    for table in plan.tables.values():
        if table.snapshot:
            continue  # what is past does not change
        sources.forget(table.dataset)
        try:
            sources.check(table.dataset, table.connector, table.security)
        except GatewayError as drift:
            return below_view(drift) if table.nested and plan.hidden_views else drift
        except SourceError:
            continue
    return guarded(error, plan)


def below_view(drift: GatewayError) -> SchemaDrift:
    """The error without the name and columns of what a view lends: its readers do not see it."""
    _log.warning("below a view: %s", drift)
    return SchemaDrift(
        "a source below a view of this query has changed",
        hint="the owner of the view mends it, or has it published again",
    )
