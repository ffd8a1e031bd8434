"""The actions upon a session: its options are the purpose and the ways of answering."""

from __future__ import annotations

from collections.abc import Callable

from gateway.errors import UserError
from gateway.flight import commands, options
from gateway.flight.callers import PURPOSE_OPTION, Caller, check_purpose
from gateway.flight.service import FlightSql
from gateway.flight.wire import flight_pb2 as wire

Errors = wire.SetSessionOptionsResult


def set_options(service: FlightSql, caller: Caller, body: bytes) -> list[bytes]:
    """SetSessionOptions: every option is taken or refused by itself."""
    request = commands.parse(wire.SetSessionOptionsRequest, body, "a SetSessionOptionsRequest")
    result = wire.SetSessionOptionsResult()
    for name, value in request.session_options.items():
        option = OPTIONS.get(name)
        if option is None:
            result.errors[name].value = Errors.INVALID_NAME
            continue
        text = _text(value)
        if text is None or not option(service, caller, text):
            result.errors[name].value = Errors.INVALID_VALUE
            continue
        kept = {k: v for k, v in caller.session.options.items() if k != name}
        if text:
            kept[name] = text
        caller.session.options = kept
    return [result.SerializeToString()]


def get_options(service: FlightSql, caller: Caller, body: bytes) -> list[bytes]:
    """GetSessionOptions: what was set in this session."""
    result = wire.GetSessionOptionsResult()
    for name, value in caller.session.options.items():
        result.session_options[name].string_value = value
    return [result.SerializeToString()]


def close_session(service: FlightSql, caller: Caller, body: bytes) -> list[bytes]:
    """CloseSession: its token or cookie is worth nothing from now on."""
    caller.session.ended = True
    closed = wire.CloseSessionResult.CLOSED
    return [wire.CloseSessionResult(status=closed).SerializeToString()]


def _text(value: wire.SessionOptionValue) -> str | None:
    """An option's value as text; None for one of a kind no option has."""
    match value.WhichOneof("option_value"):
        case "string_value":
            return str(value.string_value)
        case "bool_value":
            return str(value.bool_value).lower()
        case None:
            return ""
        case _:
            return None


def _may_declare(service: FlightSql, caller: Caller, purpose: str) -> bool:
    try:
        check_purpose(purpose)
    except UserError:
        return False
    return not purpose or purpose in service.purposes(caller)


Option = Callable[[FlightSql, Caller, str], bool]
"""Whether the caller may set an option to this value; "" unsets it."""


def _understood(read: Callable[[str], object]) -> Option:
    def option(service: FlightSql, caller: Caller, value: str) -> bool:
        try:
            return not value or read(value) is not None
        except UserError:
            return False

    return option


OPTIONS: dict[str, Option] = {
    PURPOSE_OPTION: _may_declare,
    **{name: _understood(read) for name, read in options.OPTIONS.items()},
}
