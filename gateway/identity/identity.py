"""The one place that says who somebody is, whatever they prove it with.

Everything is read from the mesh folder and followed as it changes: ``users.toml``,
``identity.toml`` and ``revoked.toml``.

    password     → user:NAME             of the file
    token        → user:SUBJECT@ISSUER   or svc:SUBJECT@ISSUER, as the issuer is declared
    certificate  → svc:IDENTITY          as the service is declared

No two of them can be the same principal: a name that ends in ``@ISSUER`` for a declared issuer is
no file user, and no service.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from gateway.errors import Unauthenticated
from gateway.identity.passwords import Passwords
from gateway.identity.revocation import Revocations
from gateway.identity.settings import FILE_NAME, Settings, load_settings
from gateway.identity.tokens import Tokens
from gateway.identity.users import User, Users, UserStore
from gateway.identity.watched import Watched
from gateway.model import Principal

logger = logging.getLogger(__name__)


class Identity:
    """The identities of one mesh. Safe from any thread.

    Raises CatalogueError when one of the files is wrong at the start. Later, a wrong
    ``identity.toml`` changes nothing, while a wrong ``users.toml`` or ``revoked.toml`` lets nobody
    in: what they took away must not come back.
    """

    def __init__(self, mesh: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._users = Users(mesh, clock)
        self._revocations = Revocations(mesh, clock)
        self._passwords = Passwords()
        self._declared: tuple[Settings, Tokens] | None = None
        self._settings = Watched(
            mesh / FILE_NAME, lambda: self._declare(load_settings(mesh)), lambda last: last, clock
        )

    @property
    def anybody(self) -> bool:
        """Whether there is anybody who could be let in."""
        settings, _ = self._settings.current()
        return bool(self._users.current().users or settings.issuers or settings.services)

    def login(self, name: str, password: str) -> User:
        """The file user of this name and password. Unauthenticated for anything else, alike."""
        user = self._passwords.verify(self._possible(name), name, password)
        if self._revocations.current().principal(user.principal.name):
            logger.warning("log-in refused: %s is revoked", user.principal.name)
            raise Unauthenticated("unknown user or wrong password")
        return user

    def user(self, name: str) -> User | None:
        """The file user of this name as of now, if it may be let in."""
        user = self._possible(name).get(name)
        if user is None or self._revocations.current().principal(user.principal.name):
            return None
        return user

    def token(self, token: str) -> Principal:
        """Whose token this is. Unauthenticated for one that is not, or no longer, believed."""
        _, tokens = self._settings.current()
        return tokens.principal(token, self._revocations.current())

    def certificate(self, identity: str) -> Principal:
        """The service with this identity in its verified certificate, or Unauthenticated."""
        settings, _ = self._settings.current()
        principal = settings.services.get(identity)
        if principal is None or self._revocations.current().principal(principal.name):
            logger.warning("certificate refused: %.200r is no service", identity)
            raise Unauthenticated("the certificate is of no service that is known here")
        return principal

    def _possible(self, name: str) -> UserStore:
        """The users among whom to look for a name: nobody when it is of an issuer's kind."""
        settings, _ = self._settings.current()
        return _NOBODY if settings.is_scoped(name) else self._users.current()

    def _declare(self, settings: Settings) -> tuple[Settings, Tokens]:
        for user in self._users.current().users:
            if settings.is_scoped(user.name):
                logger.error("user %s is not let in: its name ends as an issuer's do", user.name)
        before = self._declared[1] if self._declared else None
        self._declared = settings, Tokens(settings.issuers, before)
        return self._declared


_NOBODY = UserStore({})
