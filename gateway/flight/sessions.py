"""Sessions: opened by a log-in and held by a token, or by a cookie beside other credentials.

The token of a log-in stands for its user. A cookie proves nothing: it names what the principal,
proven by other means at every call, has set before.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass

from gateway.errors import NotFound, Unauthenticated
from gateway.flight.handles import Handles
from gateway.identity.users import User
from gateway.model import Principal
from gateway.serving.callers import Caller, Session
from gateway.serving.options import Headers

SESSION_TTL_SECONDS = 8 * 3600.0
SESSIONS_PER_PRINCIPAL = 1000
COOKIE = "arrow_flight_session_id"
MAX_SECRET_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class Login:
    """An open session with the user as it was when it logged in."""

    user: User
    session: Session


class Sessions:
    """All open sessions. Safe from any thread."""

    def __init__(
        self,
        ttl_seconds: float = SESSION_TTL_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._logins: Handles[Login] = Handles(
            "session", ttl_seconds=ttl_seconds, per_owner=SESSIONS_PER_PRINCIPAL, clock=clock
        )
        self._cookies: Handles[Session] = Handles(
            "session", ttl_seconds=ttl_seconds, per_owner=SESSIONS_PER_PRINCIPAL, clock=clock
        )

    def open(self, user: User) -> str:
        """A new session of a user who has just logged in: the token for it."""
        session = Session()
        session.handle = self._logins.add(user.principal.name, Login(user, session))
        return f"{user.name}:{_encode(session.handle)}"

    def of_token(self, token: str) -> Login:
        """The session of a token; Unauthenticated when there is none."""
        name, _, secret = token.rpartition(":")
        try:
            return self._logins.get(f"user:{name}", _decode(secret))
        except (NotFound, ValueError) as error:
            raise _ended() from error

    def of_cookie(self, principal: Principal, headers: Headers) -> Session | None:
        """The session the call's cookie names, None without cookie.

        Unauthenticated when it has ended or is not the principal's: what was set in it, such as
        a purpose, must not get lost in silence.
        """
        secret = _cookie(headers)
        if secret is None:
            return None
        try:
            return self._cookies.get(principal.name, _decode(secret))
        except (NotFound, ValueError) as error:
            raise _ended() from error

    def settle(self, caller: Caller) -> str | None:
        """Keep or forget the caller's session after an action upon it.

        The ``set-cookie`` its client needs to be told of that, if any.
        """
        session = caller.session
        if session.ended and session.handle:
            self._logins.discard(caller.name, session.handle)
            self._cookies.discard(caller.name, session.handle)
            return f"{COOKIE}=; Path=/; Max-Age=0"
        if session.options and not session.handle:
            session.handle = self._cookies.add(caller.name, session)
            return f"{COOKIE}={_encode(session.handle)}; Path=/; HttpOnly"
        return None


def _ended() -> Unauthenticated:
    return Unauthenticated("the session is unknown or has expired", hint="log in again")


def _encode(handle: bytes) -> str:
    return base64.urlsafe_b64encode(handle).decode()


def _decode(secret: str) -> bytes:
    if len(secret) > MAX_SECRET_CHARACTERS:
        raise ValueError("too long")
    return base64.urlsafe_b64decode(secret)


def _cookie(headers: Headers) -> str | None:
    for header in headers.get("cookie", ()):
        for pair in header.split(";"):
            name, _, value = pair.strip().partition("=")
            if name == COOKIE:
                return value.strip('"')
    return None
