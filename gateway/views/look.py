"""A look at a dataset's source: what it is now, against the contract."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from connectors.interface import SourceError, SourceErrorCode
from gateway.catalogue.drift import drifted
from gateway.errors import GatewayError
from gateway.model import Dataset
from gateway.views.health import SourceState

_CHANGED = frozenset({SourceErrorCode.OBJECT_NOT_FOUND, SourceErrorCode.TYPE_UNSUPPORTED})
"""What a source answers when it has become another; all else may pass."""


def looked_at(dataset: Dataset, schema: Callable[[Dataset], pa.Schema]) -> SourceState:
    """The state of a dataset's source; `schema` asks it."""
    try:
        return SourceState(drifted(dataset.schema, schema(dataset)))
    except SourceError as error:
        if error.code in _CHANGED:
            return SourceState(unreadable=error.message)
        return SourceState(unreachable=error.message)
    except GatewayError as error:  # its secret is missing, for one
        return SourceState(unreachable=error.message)
