"""What a client may set for its queries: by a header with one call, or as a session option."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from gateway.errors import UserError, did_you_mean
from gateway.model import PLACEMENTS, QueryOptions

HEADER = "x-meshgate-{}"
"""The header that sets an option for one call; it goes before what the session has set."""

_TRUTH = {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False}


def _placement(value: str) -> str:
    if value.lower() not in PLACEMENTS:
        raise UserError(
            f"there is no placement {value!r}", hint=f"it is one of {', '.join(PLACEMENTS)}"
        )
    return value.lower()


def _verify(value: str) -> bool:
    if value.lower() not in _TRUTH:
        raise UserError("verify is neither true nor false", hint="set it to true or false")
    return _TRUTH[value.lower()]


OPTIONS: dict[str, Callable[[str], object]] = {"placement": _placement, "verify": _verify}
"""The options by name, and what reads their values. Raises UserError."""


_HEADERS = (*OPTIONS, "purpose")


def query_options(headers: Mapping[str, Sequence[str]], session: Mapping[str, str]) -> QueryOptions:
    """The options of one call. UserError for a value that is none, and for a misspelt header."""
    for header in headers:
        option = header.lower().removeprefix(HEADER.format(""))
        near = did_you_mean(option, _HEADERS) if option != header.lower() else None
        if near is not None and option not in _HEADERS:
            raise UserError(f"there is no option {option!r}: {header} means nothing", hint=near)
    chosen: dict[str, object] = {}
    for name, read in OPTIONS.items():
        given = {value for value in headers.get(HEADER.format(name), ()) if value}
        if len(given) > 1:
            raise UserError(f"{HEADER.format(name)} has more than one value", hint="send one")
        value = given.pop() if given else session.get(name, "")
        if value:
            chosen[name] = read(value)
    return QueryOptions(**chosen)  # type: ignore[arg-type]
