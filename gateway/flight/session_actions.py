"""The actions upon a session: what its client sets once for all its calls."""

from __future__ import annotations

from gateway.errors import UserError
from gateway.flight import commands
from gateway.flight.service import FlightSql
from gateway.flight.wire import flight_pb2 as wire
from gateway.model import Dataset
from gateway.serving.callers import Caller
from gateway.serving.options import READERS, Value, as_text

Errors = wire.SetSessionOptionsResult

_ORDER = {name: place for place, name in enumerate(READERS)}
"""A purpose decides which catalogs there are, a catalog which schemas."""


def set_options(service: FlightSql, caller: Caller, body: bytes) -> list[bytes]:
    """SetSessionOptions: every option is taken or refused by itself."""
    request = commands.parse(wire.SetSessionOptionsRequest, body, "a SetSessionOptionsRequest")
    result = wire.SetSessionOptionsResult()
    asked = sorted(request.session_options.items(), key=lambda item: _ORDER.get(item[0], -1))
    for name, option in asked:
        if name not in READERS:
            result.errors[name].value = Errors.INVALID_NAME
            continue
        value = _value(option)
        if value is None or not _may_set(service, caller, name, as_text(value)):
            result.errors[name].value = Errors.INVALID_VALUE
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


def _may_set(service: FlightSql, caller: Caller, name: str, text: str) -> bool:
    """Whether this is a value of the option, and one this caller can mean."""
    if not text:
        return True
    try:
        READERS[name](text)
    except UserError:
        return False
    if name == "purpose":
        return text in service.purposes(caller)
    if name == "catalog":
        return any(_same(text, d.address.domain) for d in _visible(service, caller))
    if name == "schema":
        catalog = as_text(caller.session.options.get("catalog", ""))
        return any(
            _same(text, d.address.product) and (not catalog or _same(catalog, d.address.domain))
            for d in _visible(service, caller)
        )
    return True


def _visible(service: FlightSql, caller: Caller) -> list[Dataset]:
    """What the caller may know of, for the purpose its session has by now."""
    purpose = as_text(caller.session.options.get("purpose", caller.purpose))
    return service.visible(caller, purpose)


def _same(name: str, other: str) -> bool:
    return name.casefold() == other.casefold()
