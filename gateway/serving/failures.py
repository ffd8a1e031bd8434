"""One line in the log for each query that fails: whose, which, and why by code.

Never the text of the query or of the error: both may hold values.
"""

from __future__ import annotations

import logging

from connectors.interface import SourceError
from gateway.errors import Cancelled, GatewayError, InternalError, Kind, from_source

logger = logging.getLogger("meshgate.query")


def log_failure(principal: str, query_id: str, error: BaseException) -> None:
    """Note it: at level info what the client caused, as a warning what it did not."""
    if isinstance(error, SourceError):
        error = from_source(error)
    failure = error if isinstance(error, GatewayError) else None
    code = failure.code if failure else InternalError.code
    expected = failure is not None and (failure.kind is Kind.USER or isinstance(error, Cancelled))
    level = logging.INFO if expected else logging.WARNING
    logger.log(level, "query %s of %s failed: %s", query_id, principal, code)
