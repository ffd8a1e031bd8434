"""Bytes from the wire to Flight SQL messages, and back.

A command is a ``google.protobuf.Any`` around one of the messages below; nothing else is decoded,
and nothing larger than the limits is looked at.
"""

from __future__ import annotations

from typing import TypeVar

from google.protobuf.any_pb2 import Any
from google.protobuf.message import DecodeError, Message

from gateway.errors import LimitExceeded, Unsupported, UserError
from gateway.flight.wire import flightsql_pb2 as sql

M = TypeVar("M", bound=Message)

TYPE_URL_PREFIX = "type.googleapis.com/arrow.flight.protocol.sql."

MAX_SQL_BYTES = 1 << 20
MAX_COMMAND_BYTES = MAX_SQL_BYTES + 4096

MESSAGES: dict[str, type[Message]] = {
    message.DESCRIPTOR.name: message
    for message in (
        sql.CommandGetSqlInfo,
        sql.CommandGetXdbcTypeInfo,
        sql.CommandGetCatalogs,
        sql.CommandGetDbSchemas,
        sql.CommandGetTables,
        sql.CommandGetTableTypes,
        sql.CommandGetPrimaryKeys,
        sql.CommandGetExportedKeys,
        sql.CommandGetImportedKeys,
        sql.CommandGetCrossReference,
        sql.CommandStatementQuery,
        sql.CommandPreparedStatementQuery,
        sql.CommandStatementUpdate,
        sql.CommandPreparedStatementUpdate,
        sql.CommandStatementIngest,
        sql.CommandStatementSubstraitPlan,
        sql.TicketStatementQuery,
        sql.ActionCreatePreparedStatementRequest,
        sql.ActionCreatePreparedSubstraitPlanRequest,
        sql.ActionClosePreparedStatementRequest,
        sql.ActionBeginTransactionRequest,
        sql.ActionEndTransactionRequest,
        sql.ActionBeginSavepointRequest,
        sql.ActionEndSavepointRequest,
        sql.ActionCancelQueryRequest,
    )
}
"""The whitelist: the only names a client's type URL may end in."""


def decode(data: bytes) -> Message:
    """The message inside a command, an action's body or a ticket.

    Raises LimitExceeded (too long), UserError (not what it claims to be) or Unsupported (a
    message Meshgate does not know).
    """
    if len(data) > MAX_COMMAND_BYTES:
        raise too_large("the request", len(data), MAX_COMMAND_BYTES)
    envelope = parse(Any, data, "a Flight SQL command")
    name = envelope.type_url.removeprefix(TYPE_URL_PREFIX)
    if len(name) == len(envelope.type_url):
        raise UserError(
            "the command is not a Flight SQL command",
            hint=f"its type URL has to start with {TYPE_URL_PREFIX}",
        )
    kind = MESSAGES.get(name)
    if kind is None:
        raise Unsupported(f"{name[:80]!r} is not a Flight SQL message Meshgate answers")
    return parse(kind, envelope.value, name)


def encode(message: Message) -> bytes:
    """A message as it goes on the wire: inside an Any, under the upstream type URL."""
    envelope = Any(
        type_url=TYPE_URL_PREFIX + message.DESCRIPTOR.name, value=message.SerializeToString()
    )
    return envelope.SerializeToString()


def parse(kind: type[M], data: bytes, name: str) -> M:
    """The bytes as one message of `kind`, or a UserError naming it."""
    message = kind()
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise UserError(f"malformed protobuf: this is not {name}") from error
    return message


def sql_text(text: str) -> str:
    """The SQL of a request, or LimitExceeded when it is longer than MAX_SQL_BYTES."""
    if len(text) > MAX_SQL_BYTES or len(text.encode()) > MAX_SQL_BYTES:
        raise too_large("the SQL text", len(text.encode()), MAX_SQL_BYTES)
    return text


def too_large(what: str, size: int, limit: int) -> LimitExceeded:
    return LimitExceeded(
        f"{what} has {size} bytes; the limit is {limit}",
        hint="join against a dataset instead of listing values",
    )
