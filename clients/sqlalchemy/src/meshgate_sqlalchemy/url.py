"""The URL of an engine: where the gateway is, who asks, and for what.

meshgate://user:password@host:port/catalogue/schema?purpose=...&tls=true
meshgate://host:port/?token=...
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adbc_driver_flightsql import DatabaseOptions
from sqlalchemy.exc import ArgumentError

from meshgate_sqlalchemy.dbapi import LITERAL, SERVER
from meshgate_sqlalchemy.names import Scope

DEFAULT_PORT = 8815

HEADER = DatabaseOptions.RPC_CALL_HEADER_PREFIX.value + "x-meshgate-"
COOKIES = DatabaseOptions.WITH_COOKIE_MIDDLEWARE.value

OPTIONS = ("purpose", "dialect", "freshness", "verify", "timeout", "placement")
"""What the gateway can be told for each query: here, or as an execution option ``meshgate_...``."""

_TRUTH = {"true": True, "1": True, "on": True, "false": False, "0": False, "off": False}
_FILES = {
    "tls_ca": DatabaseOptions.TLS_ROOT_CERTS.value,
    "tls_cert": DatabaseOptions.MTLS_CERT_CHAIN.value,
    "tls_key": DatabaseOptions.MTLS_PRIVATE_KEY.value,
}
_KNOWN = ("tls", "tls_skip_verify", "tls_hostname", "token", "parameters", *_FILES, *OPTIONS)


@dataclass(frozen=True)
class Target:
    """What a URL says."""

    uri: str
    db_kwargs: dict[str, str]
    scope: Scope
    parameters: str


def read_url(url: Any) -> Target:
    """Take a URL apart. ArgumentError for what means nothing."""
    query = {name: _single(name, value) for name, value in url.query.items()}
    for name in query:
        if name not in _KNOWN:
            hint = near(name, _KNOWN)
            raise ArgumentError(f"there is no option {name!r} in a meshgate URL: {hint}")
    namespace = tuple(part for part in (url.database or "").split("/") if part)
    if len(namespace) > 2:
        raise ArgumentError(f"{url.database!r} is more than a catalogue and a schema")
    options = {COOKIES: "true", **_login(url, query), **_tls(query), **_headers(query, namespace)}
    parameters = query.get("parameters", SERVER)
    if parameters not in (SERVER, LITERAL):
        raise ArgumentError(f"parameters is {SERVER} or {LITERAL}, not {parameters!r}")
    secure = _truth("tls", query.get("tls", "true" if _wants_tls(query) else "false"))
    host = url.host or "localhost"
    host = f"[{host}]" if ":" in host else host
    uri = f"grpc{'+tls' if secure else ''}://{host}:{url.port or DEFAULT_PORT}"
    return Target(uri, options, Scope(*namespace), parameters)


def near(name: str, known: Sequence[str]) -> str:
    """A hint at what may have been meant by a name that is not known."""
    found = difflib.get_close_matches(name, known, 1)
    return f"did you mean {found[0]}?" if found else f"it is one of {', '.join(known)}"


def option_settings(options: Mapping[str, Any]) -> dict[str, str]:
    """Options of the gateway, by name, as settings of the driver."""
    return {HEADER + name: _word(name, value) for name, value in options.items()}


def _login(url: Any, query: Mapping[str, str]) -> dict[str, str]:
    if (token := query.get("token")) is not None:
        if url.username:
            raise ArgumentError("a URL has a user or a token, not both")
        return {DatabaseOptions.AUTHORIZATION_HEADER.value: f"Bearer {token}"}
    if url.username:
        return {"username": url.username, "password": url.password or ""}
    return {}


def _tls(query: Mapping[str, str]) -> dict[str, str]:
    settings = {}
    for name, option in _FILES.items():
        if name in query:
            try:
                settings[option] = Path(query[name]).read_text()
            except OSError as error:
                raise ArgumentError(f"{name}: {error.strerror}: {query[name]}") from None
    if "tls_hostname" in query:
        settings[DatabaseOptions.TLS_OVERRIDE_HOSTNAME.value] = query["tls_hostname"]
    if _truth("tls_skip_verify", query.get("tls_skip_verify", "false")):
        settings[DatabaseOptions.TLS_SKIP_VERIFY.value] = "true"
    return settings


def _wants_tls(query: Mapping[str, str]) -> bool:
    return any(name.startswith("tls_") for name in query)


def _headers(query: Mapping[str, str], namespace: tuple[str, ...]) -> dict[str, str]:
    settings = option_settings({name: query[name] for name in OPTIONS if name in query})
    for name, value in zip(("catalog", "schema"), namespace, strict=False):
        settings[HEADER + name] = value
    return settings


def _single(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    raise ArgumentError(f"{name} is given more than once in the URL")


def _truth(name: str, value: str) -> bool:
    if value.lower() not in _TRUTH:
        raise ArgumentError(f"{name} is true or false, not {value!r}")
    return _TRUTH[value.lower()]


def _word(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    seconds = name == "timeout" and re.fullmatch(r"\d+(\.\d+)?", str(value))
    return f"{value}s" if seconds else str(value)
