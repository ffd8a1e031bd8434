"""What a client may set for its queries: by a header with one call, or as a session option.

x-meshgate-NAME    the header of one call; it goes before
NAME               the same, as JDBC sends what is in its URL; it goes before
NAME               the option of a session
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from gateway.errors import UserError, did_you_mean
from gateway.languages.dialects.dialect import dialect_named
from gateway.model import DEFAULT_OPTIONS, NAME, PLACEMENTS, PURPOSE, QueryOptions

HEADER = "x-meshgate-{}"

_OTHER_HEADERS = frozenset({"query"})
"""What headers of this prefix say besides options: the name of a query."""

Headers = Mapping[str, Sequence[str]]
"""The headers of one call: names in lower case, every value there is."""

Value = str | bool | int | float
"""An option as a session keeps it: of the kind its client has set it as."""

_TRUTH = {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False}
_DURATION = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)\s*(ms|s|m|h|d)?\Z", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True, slots=True)
class Declared:
    """What was set for one call; `namespace` as in `Request`."""

    purpose: str = ""
    dialect: str = ""
    namespace: tuple[str, ...] = ()
    options: QueryOptions = DEFAULT_OPTIONS


NOTHING_DECLARED = Declared()


def check_purpose(purpose: str) -> str:
    """The purpose, or a UserError when that is not how purposes are named."""
    if purpose and not PURPOSE.match(purpose):
        raise UserError(
            "the purpose is not the name of one",
            hint="up to 200 letters, digits and . _ -, as in service-improvement",
        )
    return purpose


def _name(what: str, example: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if not NAME.match(value):
            raise UserError(f"{value[:80]!r} is not the name of a {what}", hint=f"as in {example}")
        return value

    return read


def read_dialect(value: str) -> str:
    """The dialect's name; "" for the gateway's own. UserError for what is none."""
    dialect = dialect_named(value[:40])
    return "" if dialect is None else dialect.name


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


def read_duration(option: str, value: str) -> float | None:
    """Seconds; None for nothing. UserError for what is no duration."""
    if not value:
        return None
    found = _DURATION.match(value.strip().lower())
    if found is None:
        raise UserError(
            f"{option} is not a duration: {value[:40]!r}",
            hint="write 30s, 5m, 250ms, 2h, or seconds as a plain number",
        )
    return float(found[1]) * _SECONDS[found[2] or "s"]


READERS: Mapping[str, Callable[[str], object]] = {
    "purpose": check_purpose,
    "catalog": _name("catalog", "catalog=sales, a domain"),
    "schema": _name("schema", "schema=shop, a product of a domain"),
    "dialect": read_dialect,
    "freshness": partial(read_duration, "freshness"),
    "placement": _placement,
    "timeout": partial(read_duration, "timeout"),
    "verify": _verify,
}
"""Every option by name, with what reads its values; that raises UserError for what is none."""

_QUERY_OPTIONS = ("freshness", "placement", "timeout", "verify")


def declared(headers: Headers, session: Mapping[str, Value]) -> Declared:
    """What headers and session set for one call.

    UserError for a value that is none, and for a header of no option: ``x-meshgate-verfy`` must
    not get an answer that nobody has verified, nor ``x-meshgate-region`` look as if it had acted.
    """
    _refuse_unknown(headers)
    found: dict[str, object] = {}
    for name, read in READERS.items():
        value = (
            _header(headers, HEADER.format(name))
            or _header(headers, name)
            or as_text(session.get(name, ""))
        )
        if value:
            found[name] = read(value)
    if not found:
        return NOTHING_DECLARED
    options = {name: found[name] for name in _QUERY_OPTIONS if name in found}
    return Declared(
        purpose=str(found.get("purpose", "")),
        dialect=str(found.get("dialect", "")),
        namespace=namespace_of(str(found.get("catalog", "")), str(found.get("schema", ""))),
        options=QueryOptions(**options),  # type: ignore[arg-type]
    )


def namespace_of(catalog: str, schema: str) -> tuple[str, ...]:
    """The namespace of a request, with "" for a catalog that is not said."""
    if schema:
        return (catalog, schema)
    return (catalog,) if catalog else ()


def as_text(value: Value) -> str:
    """An option of a session as a header would have it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _header(headers: Headers, name: str) -> str:
    given = {value for value in headers.get(name, ()) if value}
    if len(given) > 1:
        raise UserError(f"{name} has more than one value", hint="send one")
    return given.pop() if given else ""


def _refuse_unknown(headers: Headers) -> None:
    prefix = HEADER.format("")
    for header in headers:
        option = header.lower().removeprefix(prefix)
        if option == header.lower() or option in READERS or option in _OTHER_HEADERS:
            continue
        raise UserError(
            f"there is no option {option[:80]!r}: {prefix}{option[:80]} means nothing",
            hint=did_you_mean(option, READERS) or f"there are {', '.join(READERS)}",
        )
