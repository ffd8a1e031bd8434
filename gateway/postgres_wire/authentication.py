"""Who has connected: a user of the file with its password, or anybody with a token as password.

Passwords are stored as argon2 hashes, so SCRAM, which needs a hash of its own, is not possible: the
password travels as it is, inside TLS. Who has logged in is asked for again at every statement: a
user may have been changed, a token may have expired.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

from gateway.errors import GatewayError, Unauthenticated
from gateway.identity.identity import Identity
from gateway.model import Principal
from gateway.postgres_wire.errors import fatal

MAX_PASSWORD_BYTES = 16_384
TOKEN_USER = "token"
"""Who connects with a token may give this name in place of its own."""

_JWT_PARTS = 3
_TOKEN_BEGINS = "eyJ"
"""``{"`` in base64: of who shows a token that is cut off, too."""

Login = Callable[[], Principal]
"""Who has logged in, as of now. Raises Unauthenticated."""


def log_in(identity: Identity, name: str, password: str) -> Login:
    """Raises Fatal: alike for an unknown user and a wrong password, and for any damaged token."""
    try:
        if is_token(password):
            return _with_token(identity, name, password)
        return _with_password(identity, name, password)
    except GatewayError as error:
        raise fatal(error) from None


def _with_password(identity: Identity, name: str, password: str) -> Login:
    try:
        user = identity.login(name, password)
    except Unauthenticated:
        if name == TOKEN_USER or password.startswith(_TOKEN_BEGINS):  # whoever the users are
            raise Unauthenticated("the token is not accepted", hint="get a new one") from None
        raise

    def current() -> Principal:
        now = identity.user(name)
        if now is None or now.password_hash != user.password_hash:
            raise Unauthenticated("the session has ended: its user was changed")
        return now.principal

    return current


def _with_token(identity: Identity, name: str, token: str) -> Login:
    principal = identity.token(token)
    scoped = principal.name.partition(":")[2]
    if name not in (TOKEN_USER, scoped, scoped.rpartition("@")[0]):
        raise Unauthenticated(
            "the token is not of this user", hint=f"connect as user {TOKEN_USER!r} with a token"
        )
    return lambda: identity.token(token)


def is_token(password: str) -> bool:
    """Whether a password is a JSON Web Token by its form."""
    parts = password.split(".")
    if len(parts) != _JWT_PARTS:
        return False
    try:
        head = json.loads(base64.urlsafe_b64decode(parts[0] + "=" * (-len(parts[0]) % 4)))
    except ValueError:
        return False
    return isinstance(head, dict) and "alg" in head
