"""From the headers of a call, or the certificate of its connection, to its caller.

    Basic NAME:PASSWORD       a user of the file, at every call or once for a session
    Bearer NAME:SECRET        a session opened by a log-in
    Bearer HEAD.BODY.SIGN     a JSON Web Token of a declared issuer
    a client certificate      a declared service, where the listener asks for certificates

A session ends as soon as its user is changed or removed in the file.
"""

from __future__ import annotations

import base64

from gateway.errors import Unauthenticated
from gateway.flight.sessions import SESSION_TTL_SECONDS, Login, Sessions
from gateway.identity.identity import Identity
from gateway.model import Principal
from gateway.serving.callers import Caller, make_caller
from gateway.serving.options import Headers

MAX_CREDENTIAL_BYTES = 8192
JWT_DOTS = 2


class Authenticator:
    """Turns what a call brings into its caller. Safe from any thread.

    Whatever is wrong with credentials is Unauthenticated.
    """

    def __init__(
        self, identity: Identity, session_ttl_seconds: float = SESSION_TTL_SECONDS
    ) -> None:
        self._identity = identity
        self.sessions = Sessions(session_ttl_seconds)

    def caller(self, headers: Headers) -> Caller:
        """The caller behind the ``authorization`` header, with its purpose and session."""
        scheme, credential = _credential(authorization(headers))
        if scheme == "bearer" and ":" in credential:
            login = self._login(credential)
            return make_caller(login.user.principal, headers, login.session)
        principal = self._principal(scheme, credential)
        return make_caller(principal, headers, self.sessions.of_cookie(principal, headers))

    def certified(self, identity: bytes, headers: Headers) -> Caller:
        """The caller whose certificate the listener has verified, with purpose and session.

        `identity` is the certificate's first subject alternative name, or else its common name.
        """
        if authorization(headers):
            raise Unauthenticated(
                "this address knows callers by their certificates only",
                hint="send no authorization header here",
            )
        principal = self._identity.certificate(identity.decode(errors="replace"))
        return make_caller(principal, headers, self.sessions.of_cookie(principal, headers))

    def principal(self, header: str) -> Principal:
        """The principal behind an ``authorization`` header."""
        return self.caller({"authorization": [header]}).principal

    def open_session(self, header: str) -> str:
        """The header for the session of whoever logs in: ``Bearer ...``."""
        scheme, credential = _credential(header)
        if scheme != "basic":
            self.principal(header)  # a client may shake hands with a token it has
            return header
        return f"Bearer {self.sessions.open(self._identity.login(*_basic(credential)))}"

    def _login(self, token: str) -> Login:
        login = self.sessions.of_token(token)
        user = self._identity.user(login.user.name)
        if user is None or user.password_hash != login.user.password_hash:
            raise Unauthenticated("the session has ended: its user was changed")
        return Login(user, login.session)

    def _principal(self, scheme: str, credential: str) -> Principal:
        if scheme == "basic":
            return self._identity.login(*_basic(credential)).principal
        if scheme == "bearer" and credential.count(".") == JWT_DOTS:
            return self._identity.token(credential)
        if scheme == "bearer":
            raise Unauthenticated("the token is not accepted", hint="get a new one")
        raise Unauthenticated(
            "credentials are missing", hint="log in with user name and password, or with a token"
        )


def authorization(headers: Headers) -> str:
    """The ``authorization`` header; "" when there is none. Unauthenticated for two of them."""
    values = headers.get("authorization") or headers.get("Authorization") or [""]
    if len(set(values)) > 1:
        raise Unauthenticated("there is more than one authorization header")
    return values[0]


def _credential(header: str) -> tuple[str, str]:
    scheme, _, credential = header.partition(" ")
    return scheme.lower(), credential.strip()


def _basic(credential: str) -> tuple[str, str]:
    """Name and password of a Basic credential; some clients leave out the padding."""
    try:
        if len(credential) > MAX_CREDENTIAL_BYTES:
            raise ValueError("too long")
        data = base64.b64decode(credential + "=" * (-len(credential) % 4), validate=True)
        name, colon, password = data.decode().partition(":")
    except ValueError as error:
        raise Unauthenticated("the Basic credential is malformed") from error
    if not colon:
        raise Unauthenticated("the Basic credential is malformed")
    return name, password
