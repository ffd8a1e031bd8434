"""Every error Meshgate answers with.

    GatewayError
    ├── UserError            the request is wrong          (ParseError, UnknownDataset, ...)
    ├── DeniedError          the caller may not            (Unauthenticated, AccessDenied)
    ├── ResourceError        a limit was reached           (LimitExceeded, Busy, TimedOut, ...)
    ├── SourceFailure        a source did not deliver      (SchemaDrift, DatasetUnfit, ...)
    └── InternalError        a bug of ours: generic outside, details only in the log

Raise at the place that knows. `message` says what happened and to which name, `hint` what to do.
No message carries a secret, a plan, or a value of a row the caller may not see.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from rapidfuzz import fuzz, process

from connectors.interface import SourceError, SourceErrorCode

_CLOSE = 60
"""From which share of letters in common, in percent, a name may have been meant."""


class Kind(Enum):
    """Whose mistake it is; decides the status a client sees and whether a retry makes sense."""

    USER = "user"
    DENIED = "denied"
    RESOURCES = "resources"
    SOURCE = "source"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the client's own text; both count from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


class GatewayError(Exception):
    """The root. `code` is stable and documented in docs/errors.md."""

    code = "INTERNAL"
    kind = Kind.INTERNAL

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        position: Position | None = None,
        hint: str | None = None,
        retryable: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.position = position
        self.hint = hint
        self.retryable = retryable

    def __str__(self) -> str:
        where = f" ({self.position})" if self.position else ""
        hint = f" Hint: {self.hint}" if self.hint else ""
        return f"[{self.code}] {self.message}{where}{hint}"

    def to_json(self) -> str:
        """The machine-readable form that travels in Flight's extra_info."""
        position = self.position
        return json.dumps(
            {
                "code": self.code,
                "kind": self.kind.value,
                "message": self.message,
                "position": {"line": position.line, "column": position.column}
                if position
                else None,
                "hint": self.hint,
                "retryable": self.retryable,
            }
        )


class UserError(GatewayError):
    """The request can not be answered as it is written."""

    code = "INVALID_REQUEST"
    kind = Kind.USER


class ParseError(UserError):
    """The text is not in the language it claims to be in."""

    code = "PARSE_ERROR"


class UnknownDataset(UserError):
    """No such dataset, or none the caller may know of: the two look the same."""

    code = "UNKNOWN_DATASET"


class UnknownSnapshot(UserError):
    """The source has no such state: never had it, or keeps it no longer."""

    code = "UNKNOWN_SNAPSHOT"


class DatasetRetired(UserError):
    """A dataset the caller could read, but its owner has ended it."""

    code = "DATASET_RETIRED"


class AmbiguousDataset(UserError):
    """A short name that fits several datasets the caller may read."""

    code = "AMBIGUOUS_DATASET"


class UnknownColumn(UserError):
    """No such column in the datasets of the query."""

    code = "UNKNOWN_COLUMN"


class InvalidQuery(UserError):
    """It parses, but does not make sense: types, grouping, unknown functions."""

    code = "INVALID_QUERY"


class Unsupported(UserError):
    """Understood, but refused or not offered: DDL, writes, commands."""

    code = "UNSUPPORTED"


class ArithmeticFailure(UserError):
    """The query computes something that has no value: division by zero, a failing cast."""

    code = "ARITHMETIC_ERROR"


class NotFound(UserError):
    """A handle, ticket or path that does not exist or has expired."""

    code = "NOT_FOUND"


class DeniedError(GatewayError):
    """The caller may not do this."""

    code = "ACCESS_DENIED"
    kind = Kind.DENIED


class Unauthenticated(DeniedError):
    """Nobody we know: wrong password, unknown or expired token."""

    code = "UNAUTHENTICATED"


class AccessDenied(DeniedError):
    """Known, but not allowed."""


class PurposeRequired(DeniedError):
    """The caller may read the dataset, but only for a purpose it has not declared."""

    code = "PURPOSE_REQUIRED"


class PurposeNotGranted(DeniedError):
    """The caller has declared a purpose it may not use."""

    code = "PURPOSE_NOT_GRANTED"


class ResidencyViolation(DeniedError):
    """The plan would move rows out of the region they are bound to."""

    code = "RESIDENCY_VIOLATION"


class ResourceError(GatewayError):
    """A limit was reached."""

    code = "LIMIT_EXCEEDED"
    kind = Kind.RESOURCES


class LimitExceeded(ResourceError):
    """The request or its answer is larger than the gateway allows."""


class Busy(ResourceError):
    """Too much at once; try again."""

    code = "BUSY"

    def __init__(self, message: str, *, hint: str = "try again in a moment") -> None:
        super().__init__(message, hint=hint, retryable=True)


class AuditUnavailable(ResourceError):
    """What was decided can not be written down for good, so that nothing may be answered."""

    code = "AUDIT_UNAVAILABLE"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint, retryable=True)


class MemoryUnavailable(ResourceError):
    """The store of what the mesh remembers can not be used at the moment."""

    code = "MEMORY_UNAVAILABLE"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint, retryable=True)


class Cancelled(ResourceError):
    """The client went away or asked to stop."""

    code = "CANCELLED"


class TimedOut(ResourceError):
    """The time the client has allowed for its query is over."""

    code = "TIMEOUT"

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"the query has not ended within {seconds:g} second{'' if seconds == 1 else 's'},"
            " the timeout set for it",
            hint="allow it more with the option timeout, or ask for less",
        )


class SourceFailure(GatewayError):
    """A source did not deliver."""

    code = "SOURCE_REJECTED"
    kind = Kind.SOURCE


class SchemaDrift(SourceFailure):
    """The source no longer looks as the contract says."""

    code = "SCHEMA_DRIFT"


class DatasetUnfit(SourceFailure):
    """What the gateway has found out about a dataset keeps it from being read for now."""

    code = "DATASET_UNFIT"


class ViewBroken(DatasetUnfit):
    """What a view stands on has changed, so that it can not be computed."""


class CatalogueError(UserError):
    """A file of the mesh is wrong: message names file, path in it, and rule."""

    code = "CATALOGUE_INVALID"


class AuditBroken(UserError):
    """The audit log is not what was written: changed, cut off, or sealed with another key."""

    code = "AUDIT_BROKEN"


class VerificationFailed(SourceFailure):
    """A query with the option `verify` gave other rows when nothing of it was pushed."""

    code = "VERIFICATION_FAILED"


class VerificationInconclusive(UserError):
    """The same, but the query may rightly give other rows each time."""

    code = "VERIFICATION_INCONCLUSIVE"


class InternalError(GatewayError):
    """A bug. Nothing of it leaves but an id to find it in the log."""


def from_source(error: SourceError) -> GatewayError:
    """A connector's error as the gateway's."""
    if error.code is SourceErrorCode.CANCELLED:
        return Cancelled("the request was cancelled")
    family: type[GatewayError] = (
        ArithmeticFailure if error.code is SourceErrorCode.ARITHMETIC else SourceFailure
    )
    return family(error.message, code=error.code.value, hint=error.hint, retryable=error.retryable)


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A hint naming the closest known name, or None when nothing is close."""
    close = similar(name, known, 1)
    return f"did you mean {close[0]}?" if close else None


def similar(name: str, known: Iterable[str], most: int) -> list[str]:
    """At most so many of the known names that are close to one, the closest first."""
    names = list(known)  # of a mapping, rapidfuzz would compare the values
    found = process.extract(name, names, scorer=fuzz.ratio, score_cutoff=_CLOSE, limit=most)
    return [near for near, _, _ in found]
