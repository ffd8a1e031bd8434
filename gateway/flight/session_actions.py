"""The actions upon a session: what its client sets once for all its calls."""

from __future__ import annotations

import logging

from gateway.errors import GatewayError, PurposeNotGranted, UserError, did_you_mean
from gateway.flight import commands
from gateway.flight.service import FlightSql
from gateway.flight.wire import flight_pb2 as wire
from gateway.serving.callers import Caller
from gateway.serving.options import READERS, Value, as_text

_log = logging.getLogger(__name__)

Errors = wire.SetSessionOptionsResult

_ORDER = {name: place for place, name in enumerate(READERS)}
"""A purpose decides which catalogs there are, a catalog which schemas."""


def set_options(service: FlightSql, caller: Caller, body: bytes) -> list[bytes]:
    """SetSessionOptions: every option is taken or refused by itself."""
    request = commands.parse(wire.SetSessionOptionsRequest, body, "a SetSessionOptionsRequest")
    result = wire.SetSessionOptionsResult()
    asked = sorted(request.session_options.items(), key=lambda item: _ORDER.get(item[0], -1))
    for name, option in asked:
        value = _value(option)
        error: GatewayError | None
        if name not in READERS:
            result.errors[name].value = Errors.INVALID_NAME
            error = UserError("there is no such option", hint=did_you_mean(name, READERS))
        elif value is None:
            result.errors[name].value = Errors.INVALID_VALUE
            error = UserError("no option is a list")
        elif error := _refusal(service, caller, name, as_text(value)):
            result.errors[name].value = Errors.INVALID_VALUE
        if error is not None or value is None:
            # the answer has room for no more than a number: what is wrong is for the log
            _log.warning("session option %r of %s is refused: %s", name[:80], caller.name, error)
            continue
        kept = {k: v for k, v in caller.session.options.items() if k != name}
        if value != "":
            kept[name] = value
        caller.session.options = kept
    return [result.SerializeToString()]


def get_options(service: FlightSql, caller: Caller, body: bytes) -> list[bytes]:
    """GetSessionOptions: what was set in this session, each value of the kind it was set as."""
    result = wire.GetSessionOptionsResult()
    for name, value in caller.session.options.items():
        option = result.session_options[name]
        if isinstance(value, bool):
            option.bool_value = value
        elif isinstance(value, int):
            option.int64_value = value
        elif isinstance(value, float):
            option.double_value = value
        else:
            option.string_value = value
    return [result.SerializeToString()]


def close_session(service: FlightSql, caller: Caller, body: bytes) -> list[bytes]:
    """CloseSession: its token or cookie is worth nothing from now on."""
    caller.session.ended = True
    closed = wire.CloseSessionResult.CLOSED
    return [wire.CloseSessionResult(status=closed).SerializeToString()]


def _value(option: wire.SessionOptionValue) -> Value | None:
    """An option's value, "" to unset it; None for a list, which no option takes."""
    kind = option.WhichOneof("option_value")
    if kind is None:
        return ""
    if kind == "string_list_value":
        return None
    value: Value = getattr(option, kind)
    return value


def _refusal(service: FlightSql, caller: Caller, name: str, text: str) -> GatewayError | None:
    """Why this is no value of the option, or none this caller can mean."""
    if not text:
        return None
    try:
        READERS[name](text)
        if name == "purpose" and text not in service.purposes(caller):
            return PurposeNotGranted(f"the purpose {text} is not granted to {caller.name}")
        catalog = as_text(caller.session.options.get("catalog", ""))
        if name in ("catalog", "schema"):
            namespace = (text,) if name == "catalog" else (catalog, text)
            # For the purpose the session has by now.
            purpose = as_text(caller.session.options.get("purpose", caller.purpose))
            service.check_namespace(caller, purpose, namespace)
    except UserError as error:
        return error
    return None
