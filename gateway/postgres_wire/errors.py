"""Every error that leaves over the PostgreSQL front becomes an ErrorResponse here.

The SQLSTATE is for programs, the gateway's own code stands in the detail.
"""

from __future__ import annotations

from gateway.errors import (
    Busy,
    GatewayError,
    Kind,
    Unsupported,
    UserError,
)
from gateway.notices import Notice
from gateway.postgres_wire import messages
from gateway.serving.failures import told

SQLSTATES = {
    "INVALID_REQUEST": "22023",
    "PARSE_ERROR": "42601",
    "UNKNOWN_DATASET": "42P01",
    "UNKNOWN_SNAPSHOT": "72000",
    "DATASET_RETIRED": "42P01",
    "AMBIGUOUS_DATASET": "42P09",
    "UNKNOWN_COLUMN": "42703",
    "INVALID_QUERY": "42000",
    "UNSUPPORTED": "0A000",
    "ARITHMETIC_ERROR": "22000",
    "NOT_FOUND": "26000",
    "ACCESS_DENIED": "42501",
    "UNAUTHENTICATED": "28P01",
    "PURPOSE_REQUIRED": "42501",
    "PURPOSE_NOT_GRANTED": "42501",
    "RESIDENCY_VIOLATION": "42501",
    "LIMIT_EXCEEDED": "54000",
    "BUSY": "53300",
    "AUDIT_UNAVAILABLE": "58000",
    "CANCELLED": "57014",
    "TIMEOUT": "57014",
    "SOURCE_UNAVAILABLE": "HV00N",
    "SCHEMA_DRIFT": "HV021",
    "DATASET_UNFIT": "55000",
    "MEMORY_UNAVAILABLE": "57P03",
    "INTERNAL": "XX000",
}
"""By the gateway's codes; what a source did is a failure of a foreign data wrapper."""

WARNINGS = {"": "01000", "DEPRECATED": "01P01"}
"""The SQLSTATE of notices by their code; "" is any other."""

SOURCE_FAILED = "HV000"

READ_ONLY = "25006"
UNKNOWN_RELATION = "42P01"
SYNTAX_ERROR = "42601"
PROTOCOL_VIOLATION = "08P01"
FAILED_TRANSACTION = "25P02"
NO_TRANSACTION = "25P01"
UNKNOWN_SAVEPOINT = "3B001"
UNKNOWN_STATEMENT = "26000"
DUPLICATE_STATEMENT = "42P05"
UNKNOWN_CURSOR = "34000"
DUPLICATE_CURSOR = "42P03"
UNKNOWN_SETTING = "42704"
FIXED_SETTING = "55P02"
INVALID_VALUE = "22023"
INVALID_TEXT = "22P02"
INVALID_BINARY = "22P03"
UNKNOWN_DATABASE = "3D000"
UNKNOWN_SCHEMA = "3F000"
UNSUPPORTED = "0A000"
SHUTTING_DOWN = "57P01"
IDLE = "57P05"
TOO_MANY = "53300"
TIMED_OUT = "57014"


class SqlError(UserError):
    """An error of this front, with the SQLSTATE PostgreSQL has for it.

    `at` is the place in the client's own text, in characters from 1.
    """

    def __init__(
        self, sqlstate: str, message: str, *, hint: str | None = None, at: int | None = None
    ) -> None:
        own = {READ_ONLY: Unsupported.code, TOO_MANY: Busy.code, SHUTTING_DOWN: Busy.code}
        known = {state: code for code, state in reversed(SQLSTATES.items())}
        code = own.get(sqlstate) or known.get(sqlstate, UserError.code)
        super().__init__(message, code=code, hint=hint)
        self.sqlstate = sqlstate
        self.at = at


class Fatal(SqlError):
    """After which the connection is closed."""


def fatal(error: GatewayError) -> Fatal:
    """The same error at the door, with the codes it would have later."""
    known = told(error)
    made = Fatal(sqlstate(known), known.message, hint=known.hint)
    made.code, made.retryable = known.code, known.retryable
    return made


def placed(error: GatewayError, at: int) -> None:
    """Say where in the client's own message an error is, in characters from 1."""
    error.at = at  # type: ignore[attr-defined]


def translate(error: BaseException) -> bytes:
    """The ErrorResponse for whatever was raised."""
    known = told(error)
    fields = {
        "S": "FATAL" if isinstance(error, Fatal) else "ERROR",
        "V": "FATAL" if isinstance(error, Fatal) else "ERROR",
        "C": sqlstate(known),
        "M": known.message,
        "D": f"Meshgate: {known.code}" + (", may be tried again" if known.retryable else ""),
    }
    if known.hint:
        fields["H"] = known.hint
    if (at := getattr(known, "at", None)) is not None:
        fields["P"] = str(at)
    return messages.fields(b"E", fields)


def warning(notice: Notice) -> bytes:
    """The NoticeResponse for what a reader should know of a dataset: a warning, which those hear
    as well who have asked for no notices."""
    fields = {
        "S": "WARNING",
        "V": "WARNING",
        "C": WARNINGS.get(notice.code, WARNINGS[""]),
        "M": f"{notice.dataset}: {notice.message}",
        "D": f"Meshgate: {notice.code}",
    }
    return messages.fields(b"N", fields)


def sqlstate(error: GatewayError) -> str:
    if isinstance(error, SqlError):
        return error.sqlstate
    family = SOURCE_FAILED if error.kind is Kind.SOURCE else SQLSTATES["INTERNAL"]
    return SQLSTATES.get(error.code, family)
