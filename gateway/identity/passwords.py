"""Passwords, verified by argon2 once and remembered for a moment under a keyed hash."""

from __future__ import annotations

import hmac
import logging
import os
import secrets
from threading import BoundedSemaphore, Lock

from cachetools import TTLCache

from gateway.errors import Busy, Unauthenticated
from gateway.identity.attempts import Attempts
from gateway.identity.users import User, UserStore

VERIFIED_SECONDS = 60.0
VERIFIED_ENTRIES = 4096
VERIFY_WAIT_SECONDS = 10.0
MAX_NAME = 64

logger = logging.getLogger(__name__)


class Passwords:
    """Log-ins with name and password. Safe from any thread."""

    def __init__(self, attempts: Attempts | None = None) -> None:
        self._key = secrets.token_bytes(32)
        self._lock = Lock()
        self._verified: TTLCache[bytes, User] = TTLCache(VERIFIED_ENTRIES, VERIFIED_SECONDS)
        self._verifying = BoundedSemaphore(max(2, os.cpu_count() or 2))  # each takes 19 MiB
        self._attempts = attempts or Attempts()

    def verify(self, store: UserStore, name: str, password: str) -> User:
        """Who this is; Unauthenticated for an unknown user or a wrong password, alike.

        Busy when the name was tried too often, or too many log in at once.
        """
        user = store.get(name)
        key = hmac.digest(self._key, f"{name}\0{password}".encode(), "sha256")
        with self._lock:
            verified = self._verified.get(key)
        if user and verified and verified.password_hash == user.password_hash:
            return user
        tried = name[: MAX_NAME + 1]
        if not self._attempts.allowed(tried):
            raise Busy("too many failed log-ins under this name", hint="wait a moment")
        if not self._verifying.acquire(timeout=VERIFY_WAIT_SECONDS):
            raise Busy("too many log-ins at once")
        try:
            user = store.verify(name, password)
        except Unauthenticated:
            self._attempts.failed(tried)
            logger.warning("log-in refused: %r", name[:80])
            raise
        finally:
            self._verifying.release()
        self._attempts.succeeded(tried)
        with self._lock:
            self._verified[key] = user
        return user
