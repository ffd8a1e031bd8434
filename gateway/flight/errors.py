"""Every error that leaves over Flight passes `translate`: the only place that knows statuses.

pyarrow decides the gRPC status by the class of the exception. Its own Flight errors carry
``extra_info`` and travel clean; INVALID_ARGUMENT, NOT_FOUND and UNIMPLEMENTED exist only as Arrow
errors, and for those Arrow formats the Python traceback into the message. `_Quiet` makes that
formatting fail, upon which Arrow adds the bare class name instead. GetSchema is special: pyarrow
knows no Flight errors there, formats any traceback, and sends the status UNKNOWN.
"""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.flight as fl

from connectors.interface import SourceErrorCode
from gateway.errors import (
    Cancelled,
    DatasetRetired,
    GatewayError,
    Kind,
    NotFound,
    TimedOut,
    Unauthenticated,
    UnknownDataset,
    Unsupported,
)
from gateway.serving.failures import told

MAX_TEXT_BYTES = 2000
"""gRPC refuses headers over 8 KiB, and Arrow sends the text in them up to three times."""


class _Quiet:
    @property
    def __suppress_context__(self) -> bool:
        raise RuntimeError("Arrow shall not format this traceback")


class InvalidArgument(_Quiet, pa.ArrowInvalid):  # type: ignore[misc]
    """gRPC INVALID_ARGUMENT."""


class Missing(_Quiet, pa.ArrowKeyError):  # type: ignore[misc]
    """gRPC NOT_FOUND."""


class Unimplemented(_Quiet, pa.ArrowNotImplementedError):  # type: ignore[misc]
    """gRPC UNIMPLEMENTED."""


class NotAuthenticated(_Quiet, fl.FlightUnauthenticatedError):  # type: ignore[misc]
    """gRPC UNAUTHENTICATED."""


class Denied(_Quiet, fl.FlightUnauthorizedError):  # type: ignore[misc]
    """gRPC PERMISSION_DENIED."""


class Stopped(_Quiet, fl.FlightCancelledError):  # type: ignore[misc]
    """gRPC CANCELLED."""


class Overdue(_Quiet, fl.FlightTimedOutError):  # type: ignore[misc]
    """gRPC DEADLINE_EXCEEDED."""


class Unavailable(_Quiet, fl.FlightUnavailableError):  # type: ignore[misc]
    """gRPC UNAVAILABLE."""


class Internal(_Quiet, fl.FlightInternalError):  # type: ignore[misc]
    """gRPC INTERNAL."""


def translate(error: BaseException) -> Exception:
    """The exception to raise into pyarrow. Anything unexpected is logged under an incident id."""
    known = told(error)
    return _status(known, _clip(str(known), MAX_TEXT_BYTES), _detail(known))


def _status(error: GatewayError, text: str, detail: bytes) -> Exception:
    status: type[Exception]
    match error:
        case UnknownDataset() | DatasetRetired() | NotFound():
            return Missing(text)
        case Unsupported():
            return Unimplemented(text)
        case Unauthenticated():
            status = NotAuthenticated
        case Cancelled():
            status = Stopped
        case TimedOut():
            status = Overdue
        case _ if error.retryable or error.code == SourceErrorCode.UNAVAILABLE.value:
            status = Unavailable
        case _ if error.kind is Kind.DENIED:
            status = Denied
        case _ if error.kind in (Kind.USER, Kind.RESOURCES):
            return InvalidArgument(text)
        case _:
            status = Internal
    return status(text, detail)


def _detail(error: GatewayError) -> bytes:
    detail = error.to_json().encode()
    if len(detail) <= MAX_TEXT_BYTES:
        return detail
    short = {"code": error.code, "kind": error.kind.value, "retryable": error.retryable}
    return json.dumps(short).encode()


def _clip(text: str, limit: int) -> str:
    """The text in at most `limit` bytes as gRPC counts them: three for each one not ASCII."""
    cost = 0
    for index, character in enumerate(text):
        cost += 1 if " " <= character <= "~" else 3 * len(character.encode(errors="replace"))
        if cost > limit:
            return text[: max(index - 1, 0)] + "…"
    return text
