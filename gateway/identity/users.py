"""The users of a mesh: names, roles and password hashes in ``users.toml``.

    [users."alice"]
    roles = ["sales/analyst"]
    password = "$argon2id$..."
    region = "EU"                  # optional: where she is
    purposes = ["reporting"]       # optional: the only purposes she may declare

There is no default user and no anonymous access. A file that cannot be read lets nobody in.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from gateway.errors import CatalogueError, Unauthenticated, UserError
from gateway.identity.watched import Watched
from gateway.model import PURPOSE, REGION, Principal
from gateway.toml_tables import Table, read_tables

FILE_NAME = "users.toml"
MAX_PASSWORD_BYTES = 1024

USER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}\Z")
ROLE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)?\Z")

# OWASP's profile for argon2id: 19 MiB, two passes, one lane.
HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)

_NOBODY = HASHER.hash(os.urandom(16))
"""Verified against when the user is unknown, so that the answer takes the same time."""


@dataclass(frozen=True, slots=True)
class User:
    """One entry of the file."""

    name: str
    roles: tuple[str, ...]
    password_hash: str = field(repr=False)
    region: str = ""
    purposes: tuple[str, ...] | None = None

    @property
    def principal(self) -> Principal:
        return Principal(f"user:{self.name}", self.roles, self.region, self.purposes)


class UserStore:
    """The users as they were when the file was read; immutable."""

    def __init__(self, users: Mapping[str, User]) -> None:
        self._users = dict(users)

    @classmethod
    def load(cls, mesh: Path) -> UserStore:
        """Read ``users.toml`` of a mesh folder; none there means no users.

        A file that is not exactly of the form above is a CatalogueError.
        """
        path = mesh / FILE_NAME
        document = read_tables(path)
        if set(document) - {"users"}:
            raise CatalogueError(f"{path}: only tables named [users.NAME] may be in it")
        entries = document.get("users", {})
        if not isinstance(entries, dict):
            raise CatalogueError(f"{path}: users has to be a table")
        return cls({name: _user(path, name, entry) for name, entry in entries.items()})

    @property
    def users(self) -> tuple[User, ...]:
        """Everybody, by name."""
        return tuple(user for _, user in sorted(self._users.items()))

    def get(self, name: str) -> User | None:
        return self._users.get(name)

    def verify(self, name: str, password: str) -> User:
        """Who this is; Unauthenticated for an unknown user or a wrong password, alike.

        Takes tens of milliseconds on purpose, without holding the interpreter lock.
        """
        user = self._users.get(name)
        if len(password.encode()) > MAX_PASSWORD_BYTES:
            user, password = None, ""
        try:
            HASHER.verify(user.password_hash if user else _NOBODY, password)
        except (VerificationError, InvalidHashError):
            user = None
        if user is None:
            raise Unauthenticated("unknown user or wrong password")
        return user


class Users:
    """The user file as it is now. Nobody is let in while it is broken; the log says why."""

    def __init__(self, mesh: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._file = Watched(
            mesh / FILE_NAME, lambda: UserStore.load(mesh), lambda _: UserStore({}), clock
        )

    def current(self) -> UserStore:
        return self._file.current()


def add_user(
    mesh: Path,
    name: str,
    roles: Sequence[str],
    password: str,
    *,
    region: str = "",
    purposes: Sequence[str] | None = None,
    replace: bool = False,
) -> None:
    """Write a user into ``users.toml``, which only its owner may read.

    UserError for a name, role, region or purpose that may not be, an empty password, or a user
    who exists already (unless `replace`).
    """
    if not USER_NAME.match(name):
        raise UserError(
            f"{name!r} is not a user name",
            hint="up to 64 letters, digits and . _ @ -, beginning with a letter or digit",
        )
    for role in roles:
        if not ROLE_NAME.match(role):
            raise UserError(f"{role!r} is not a role", hint="write ROLE or DOMAIN/ROLE")
    if region and not REGION.match(region):
        raise UserError(f"{region!r} is not a region", hint="write a name such as EU")
    for purpose in purposes or ():
        if not PURPOSE.match(purpose):
            raise UserError(f"{purpose!r} is not a purpose", hint="write a name such as reporting")
    if not password or len(password.encode()) > MAX_PASSWORD_BYTES:
        raise UserError(f"a password has between 1 and {MAX_PASSWORD_BYTES} bytes")
    with _exclusive(mesh):
        store = UserStore.load(mesh)
        if store.get(name) and not replace:
            raise UserError(
                f"there is a user {name} already", hint="--replace sets password and roles anew"
            )
        allowed = None if purposes is None else tuple(dict.fromkeys(purposes))
        user = User(name, tuple(dict.fromkeys(roles)), HASHER.hash(password), region, allowed)
        _write(mesh, [*(u for u in store.users if u.name != name), user])


def remove_user(mesh: Path, name: str) -> None:
    """Take a user out of ``users.toml``; UserError when there is none of that name."""
    with _exclusive(mesh):
        store = UserStore.load(mesh)
        if store.get(name) is None:
            raise UserError(f"there is no user {name!r}")
        _write(mesh, [user for user in store.users if user.name != name])


def _user(path: Path, name: str, entry: Any) -> User:
    table = Table(path, f"user {name!r}", entry, ("roles", "password", "region", "purposes"))
    if not USER_NAME.match(name) or "roles" not in table:
        raise table.wrong("needs a proper name, roles and a password")
    roles = table.raw("roles")
    if not isinstance(roles, list):
        raise table.wrong("roles have to be a list of role names")
    table.named("roles", ROLE_NAME.match, "role")
    region = table.text("region", "")
    if region and not REGION.match(region):
        raise table.wrong(f"{region!r} is not a region")
    purposes = table.named("purposes", PURPOSE.match, "purpose")
    password = table.raw("password")
    if not isinstance(password, str) or not password.startswith("$argon2id$"):
        raise CatalogueError(
            f"{path}: password of user {name!r} has to be an argon2id hash",
            hint=f"meshgate user add {name} --replace writes one",
        )
    return User(name, tuple(roles), password, region, purposes if "purposes" in table else None)


@contextmanager
def _exclusive(mesh: Path) -> Iterator[None]:
    """One writer at a time: two additions at once shall both be there in the end."""
    try:
        folder = os.open(mesh, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise UserError(f"{mesh} is not a mesh folder: {error.strerror}") from error
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _write(mesh: Path, users: Sequence[User]) -> None:
    lines = ["# Written by `meshgate user`. Password hashes: keep it to yourself."]
    for user in sorted(users, key=lambda user: user.name):
        lines += [
            "",
            f"[users.{json.dumps(user.name)}]",
            f"roles = {json.dumps(list(user.roles))}",
            f"password = {json.dumps(user.password_hash)}",
        ]
        if user.region:
            lines.append(f"region = {json.dumps(user.region)}")
        if user.purposes is not None:
            lines.append(f"purposes = {json.dumps(list(user.purposes))}")
    descriptor, temporary = tempfile.mkstemp(prefix=".users-", dir=mesh)  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, mesh / FILE_NAME)
    except BaseException:
        os.unlink(temporary)
        raise
