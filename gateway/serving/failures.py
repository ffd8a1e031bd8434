"""Failures: what the log says of them, and what may be told of them outside.

For each query that fails there is a line in the log: whose, which, and why by code. Never the text
of the query or of the error: both may hold values. What is no error of the gateway is logged whole
under an incident id, and nothing else of it leaves.
"""

from __future__ import annotations

import logging
import uuid

from connectors.interface import SourceError
from gateway.errors import Cancelled, GatewayError, InternalError, Kind, from_source

logger = logging.getLogger("meshgate.query")
_incidents = logging.getLogger(__name__)


def log_failure(principal: str, query_id: str, error: BaseException) -> None:
    """Note it: at level info what the client caused, as a warning what it did not."""
    if isinstance(error, SourceError):
        error = from_source(error)
    failure = error if isinstance(error, GatewayError) else None
    code = failure.code if failure else InternalError.code
    expected = failure is not None and (failure.kind is Kind.USER or isinstance(error, Cancelled))
    level = logging.INFO if expected else logging.WARNING
    logger.log(level, "query %s of %s failed: %s", query_id, principal, code)


def told(error: BaseException) -> GatewayError:
    """The error as clients are told of it; an incident where it is a bug of ours."""
    if isinstance(error, SourceError):
        error = from_source(error)
    if isinstance(error, GatewayError) and error.kind is not Kind.INTERNAL:
        return error
    incident = uuid.uuid4().hex[:12]
    _incidents.error("incident %s", incident, exc_info=error)
    return InternalError(
        f"an internal error happened; the log has it as incident {incident}",
        hint="tell this id to whoever runs the gateway",
    )
