"""Who is calling: an ``authorization`` header to a principal, and tokens for sessions.

A password is verified by argon2 once and remembered for a moment under a keyed hash; a token is
a random name for a session. Both end as soon as the user is changed or removed in the file.
"""

from __future__ import annotations

import base64
import hmac
import logging
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from threading import BoundedSemaphore, Lock

from cachetools import TTLCache

from gateway.errors import Busy, GatewayError, NotFound, Unauthenticated
from gateway.flight.handles import Handles
from gateway.model import Principal
from gateway.users import FILE_NAME, User, UserStore

logger = logging.getLogger(__name__)

TOKEN_TTL_SECONDS = 8 * 3600.0
SESSIONS_PER_USER = 1000
VERIFIED_SECONDS = 60.0
VERIFIED_ENTRIES = 4096
RELOAD_SECONDS = 1.0
VERIFY_WAIT_SECONDS = 10.0
MAX_CREDENTIAL_BYTES = 8192


class Users:
    """The user file as it is now: read again when it has changed, looked at once a second."""

    def __init__(self, mesh: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._mesh = mesh
        self._clock = clock
        self._lock = Lock()
        self._stamp = self._stat()
        self._store = UserStore.load(mesh)
        self._looked = clock()

    def current(self) -> UserStore:
        """The users; nobody while the file is broken (the log says why)."""
        if self._clock() - self._looked < RELOAD_SECONDS:
            return self._store
        with self._lock:
            stamp = self._stat()
            if stamp != self._stamp:
                self._stamp = stamp
                try:
                    self._store = UserStore.load(self._mesh)
                except GatewayError as error:
                    logger.error("users not read, nobody is let in: %s", error)
                    self._store = UserStore({})
            self._looked = self._clock()
        return self._store

    def _stat(self) -> tuple[int, int, int] | None:
        try:
            status = os.stat(self._mesh / FILE_NAME)
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino


class Authenticator:
    """Turns ``authorization`` headers into principals. Safe from any thread."""

    def __init__(self, users: Users, token_ttl_seconds: float = TOKEN_TTL_SECONDS) -> None:
        self._users = users
        self._sessions: Handles[User] = Handles(
            "session", ttl_seconds=token_ttl_seconds, per_owner=SESSIONS_PER_USER
        )
        self._key = secrets.token_bytes(32)
        self._lock = Lock()
        self._verified: TTLCache[bytes, User] = TTLCache(VERIFIED_ENTRIES, VERIFIED_SECONDS)
        self._verifying = BoundedSemaphore(max(2, os.cpu_count() or 2))  # each takes 19 MiB

    def principal(self, header: str) -> Principal:
        """The caller behind ``Basic ...`` or ``Bearer ...``; Unauthenticated otherwise."""
        scheme, _, credential = header.partition(" ")
        scheme = scheme.lower()
        if scheme == "bearer":
            return self._session(credential.strip()).principal
        if scheme == "basic":
            return self._login(credential).principal
        raise Unauthenticated(
            "credentials are missing", hint="log in with user name and password (Basic)"
        )

    def open_session(self, header: str) -> str:
        """The header for the session of whoever logs in: ``Bearer ...``."""
        if not header.lower().startswith("basic "):
            self.principal(header)  # a client may shake hands with a token it has
            return header
        user = self._login(header[len("basic ") :])
        secret = self._sessions.add(user.name, user)
        return f"Bearer {user.name}:{base64.urlsafe_b64encode(secret).decode()}"

    def _session(self, token: str) -> User:
        name, _, secret = token.partition(":")
        try:
            opened = self._sessions.get(name, base64.urlsafe_b64decode(secret))
        except (NotFound, ValueError) as error:
            raise Unauthenticated(
                "the session token is unknown or has expired", hint="log in again"
            ) from error
        user = self._users.current().get(name)
        if user is None or user.password_hash != opened.password_hash:
            raise Unauthenticated("the session has ended: its user was changed")
        return user

    def _login(self, credential: str) -> User:
        name, password = _basic(credential)
        store = self._users.current()
        user = store.get(name)
        key = hmac.digest(self._key, f"{name}\0{password}".encode(), "sha256")
        with self._lock:
            verified = self._verified.get(key)
        if user and verified and verified.password_hash == user.password_hash:
            return user
        if not self._verifying.acquire(timeout=VERIFY_WAIT_SECONDS):
            raise Busy("too many log-ins at once")
        try:
            user = store.verify(name, password)
        except Unauthenticated:
            logger.warning("log-in refused: %r", name[:80])
            raise
        finally:
            self._verifying.release()
        with self._lock:
            self._verified[key] = user
        return user


def _basic(credential: str) -> tuple[str, str]:
    """Name and password of a Basic credential; some clients leave out the padding."""
    credential = credential.strip()
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
