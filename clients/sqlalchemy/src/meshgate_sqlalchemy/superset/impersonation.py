"""Each user of Superset reaches the gateway as himself: who that is, and what has to be so first.

Everything here refuses rather than guesses. What a user gets depends on who he is, so nothing that
Superset keeps may be shown to another, and no token may get to anybody but its gateway.
"""

from __future__ import annotations

import inspect
import json
from typing import Any
from urllib.parse import urlsplit

from flask import current_app, g, has_request_context, request
from flask_caching.backends import NullCache
from superset import feature_flag_manager
from superset.errors import ErrorLevel, SupersetError, SupersetErrorType
from superset.exceptions import SupersetErrorException
from superset.extensions import cache_manager

from meshgate_sqlalchemy.superset.tokens import SIGNERS, SigningError, signer_for
from meshgate_sqlalchemy.url import read_url

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_SHARED = ("superset.viz", "superset.sql.execution.executor")
"""Parts of Superset that keep rows without regard to whose they are."""


class ImpersonationRefused(SupersetErrorException):
    """The gateway is not asked; the text says what has to be changed."""

    def __init__(self, text: str) -> None:
        kind = SupersetErrorType.CONNECTION_ACCESS_DENIED_ERROR
        super().__init__(SupersetError(text, kind, ErrorLevel.ERROR, {"engine_name": "Meshgate"}))


def token_for(database: Any, url: Any, connect_args: dict[str, Any]) -> str:
    """A token of whoever uses Superset now, for the gateway of the URL. ImpersonationRefused."""
    user = _user()
    _check_caches(database)
    if connect_args or database.get_encrypted_extra():
        raise ImpersonationRefused(
            "connect_args and secure extra could lead a user's token elsewhere: leave them empty"
        )
    try:
        signer = signer_for(_address(url), current_app.config.get(SIGNERS, {}))
    except SigningError as error:
        raise ImpersonationRefused(str(error)) from error
    return signer.token(user.username, groups_of(user))


def groups_of(user: Any) -> list[str]:
    """The names of the user's roles in Superset, also by way of groups."""
    roles = [*user.roles, *(role for group in getattr(user, "groups", ()) for role in group.roles)]
    return sorted({role.name for role in roles})


def _user() -> Any:
    """Who uses Superset now: somebody with an account, whom Superset has authenticated."""
    user = getattr(g, "user", None)
    if user is None or not user.is_authenticated or not user.is_active:
        raise ImpersonationRefused("nobody is logged in, so nobody can be impersonated")
    if getattr(user, "is_guest_user", False):
        raise ImpersonationRefused(
            "the guests of an embedded dashboard name themselves: they are not impersonated"
        )
    return user


def _address(url: Any) -> str:
    """Where the gateway listens, as ``host:port``; only where nobody can listen in between."""
    target = urlsplit(read_url(url).uri)
    if target.scheme != "grpc+tls" and target.hostname not in _LOOPBACK:
        raise ImpersonationRefused("a user's token is not sent without TLS: add ?tls=true")
    if "tls_skip_verify" in url.query:
        raise ImpersonationRefused("a user's token is not sent to an unverified gateway")
    host = f"[{target.hostname}]" if ":" in (target.hostname or "") else target.hostname
    return f"{host}:{target.port}"


def _check_caches(database: Any) -> None:
    extra = json.loads(database.extra or "{}")
    by_user = (
        feature_flag_manager.is_feature_enabled("CACHE_IMPERSONATION")
        or feature_flag_manager.is_feature_enabled("CACHE_QUERY_BY_USER")
        or extra.get("per_user_caching", False)
    )
    if not by_user:
        raise ImpersonationRefused(
            "charts would be cached for all users alike: set the feature flag CACHE_IMPERSONATION"
        )
    if extra.get("metadata_cache_timeout"):
        raise ImpersonationRefused(
            "names of tables would be cached for all users alike: take out metadata_cache_timeout"
        )
    if _is_shared() and _caching():
        raise ImpersonationRefused(
            "Superset caches this kind of chart for all users alike:"
            " use another kind, or switch its data cache off"
        )


def _caching() -> bool:
    if has_request_context() and request.method == "GET":
        return True  # Superset lets proxies and browsers keep what a chart of the old kind gets
    caches = (cache_manager.data_cache, cache_manager.cache)
    return not all(isinstance(cache.cache, NullCache) for cache in caches)


def _is_shared() -> bool:
    """Whether one of those parts asks: it does not say so, but it stands on the stack."""
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_globals.get("__name__") in _SHARED:
            return True
        frame = frame.f_back
    return False
