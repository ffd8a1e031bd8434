"""The gateway's errors as DBAPI exceptions: code, position and hint in the text, nothing else.

The driver wraps what the gateway says in words of its own and of gRPC. The gateway's own text
begins with its code in brackets; what has none comes from the driver or the network.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
from adbc_driver_manager import AdbcStatusCode

from meshgate_sqlalchemy.exceptions import (
    DatabaseError,
    DataError,
    Error,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
)

_SAID = "x-arrow-status-message-bin"
_GATEWAY = re.compile(r"\[(?P<code>[A-Z_]+)\] ")
_DRIVER = re.compile(r"^(?:[A-Z_]+: )?(?:\[FlightSQL\] )?")
_TRAILER = re.compile(r"(?:\. Detail: Python exception: \w+)?(?: \(\w+; [^()]*\))?\Z")

_CLASSES: dict[str, type[DatabaseError]] = {
    "ARITHMETIC_ERROR": DataError,
    "SOURCE_VALUE_UNEXPECTED": DataError,
    "UNSUPPORTED": NotSupportedError,
    "INTERNAL": InternalError,
    **dict.fromkeys(
        (
            "BUSY",
            "CANCELLED",
            "AUDIT_UNAVAILABLE",
            "LIMIT_EXCEEDED",
            "UNAUTHENTICATED",
            "SOURCE_UNAVAILABLE",
            "SOURCE_TIMEOUT",
            "SOURCE_INTERRUPTED",
            "TIMEOUT",
        ),
        OperationalError,
    ),
}
"""The class of a gateway's code; of every other it is ProgrammingError."""

_GONE = (AdbcStatusCode.IO, AdbcStatusCode.UNKNOWN)
"""What the driver answers when there is no server, or when it left in the middle."""


_ARROW: tuple[tuple[type[BaseException], AdbcStatusCode], ...] = (
    (pa.ArrowInvalid, AdbcStatusCode.INVALID_ARGUMENT),
    (pa.ArrowNotImplementedError, AdbcStatusCode.NOT_IMPLEMENTED),
    (pa.ArrowKeyError, AdbcStatusCode.NOT_FOUND),
    (pa.ArrowCancelled, AdbcStatusCode.CANCELLED),
    (pa.ArrowException, AdbcStatusCode.INTERNAL),
    (OSError, AdbcStatusCode.IO),
)
"""Errors in the middle of an answer come out of Arrow's reader as its own."""


@contextmanager
def translated() -> Iterator[None]:
    """Turn an error of the driver inside the block into one with the gateway's own words."""
    try:
        yield
    except Error as error:
        raise translate(error) from None
    except (pa.ArrowException, OSError) as error:
        status = next(status for kind, status in _ARROW if isinstance(error, kind))
        raise translate(DatabaseError(str(error), status_code=status)) from None


def failure(kind: type[Error], text: str) -> Error:
    """An error found on this side, before the gateway is asked."""
    return kind(text, status_code=AdbcStatusCode.INVALID_ARGUMENT)


def translate(error: Error) -> Error:
    """The error to raise for one of the driver's."""
    text = _text(error)
    found = _GATEWAY.match(text)
    kind = type(error)
    if found is not None:
        kind = _CLASSES.get(found["code"], ProgrammingError)
    elif error.status_code in (AdbcStatusCode.TIMEOUT, AdbcStatusCode.CANCELLED, *_GONE):
        kind = OperationalError
    said = {"vendor_code": error.vendor_code, "sqlstate": error.sqlstate, "details": error.details}
    if kind is NotSupportedError:
        return NotSupportedError(text, **said)  # it has its status by itself
    return kind(text, status_code=error.status_code, **said)


def gateway_code(error: BaseException) -> str | None:
    """The gateway's code of an error; None when the gateway has not spoken."""
    found = _GATEWAY.match(str(error))
    return found["code"] if found else None


def is_disconnect(error: BaseException) -> bool:
    """Whether the connection is of no more use: no server, or a session it has forgotten."""
    if not isinstance(error, Error):
        return False
    code = gateway_code(error)
    if code is None:
        return error.status_code in _GONE or "closed" in str(error).lower()
    return code == "UNAUTHENTICATED"


def _text(error: Error) -> str:
    for key, value in error.details or ():
        name = key.decode() if isinstance(key, bytes) else key
        if name == _SAID:
            said = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
            if _GATEWAY.match(said):
                return said
    text = _DRIVER.sub("", str(error), count=1)
    return _TRAILER.sub("", text) if _GATEWAY.match(text) else str(error)
