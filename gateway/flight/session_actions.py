"""The actions upon a session: its one option is the purpose of what is asked in it."""

from __future__ import annotations

from collections.abc import Callable

from gateway.errors import UserError
from gateway.flight import commands
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
        if value.WhichOneof("option_value") not in ("string_value", None):
            result.errors[name].value = Errors.INVALID_VALUE
            continue
        if not option(service, caller, value.string_value):
            result.errors[name].value = Errors.INVALID_VALUE
            continue
        options = {k: v for k, v in caller.session.options.items() if k != name}
        if value.string_value:
            options[name] = value.string_value
        caller.session.options = options
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


def _may_declare(service: FlightSql, caller: Caller, purpose: str) -> bool:
    try:
        check_purpose(purpose)
    except UserError:
        return False
    return not purpose or purpose in service.purposes(caller)


Option = Callable[[FlightSql, Caller, str], bool]
"""Whether the caller may set an option to this value; "" unsets it."""

OPTIONS: dict[str, Option] = {PURPOSE_OPTION: _may_declare}
